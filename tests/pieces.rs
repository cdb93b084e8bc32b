//! Gradients that come in pieces: what slices, splits and picked rows of a value hand back to it.
//!
//! Where nothing is recorded, the pieces are added up in place. No bit may depend on it: a recorded gradient, which adds up
//! in full size, is the reference.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use wengert::{DType, Shape, Tape, Tensor, Var};

/// Numbers of both signs, with 0 and −0 among them.
fn numbers(shape: impl Into<Shape>, seed: usize) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| match (i * 7 + seed) % 5 {
        0 => 0.0,
        1 => -0.0,
        _ => ((i + 31 * seed) as f64 * 0.37).sin(),
    })
}

/// Σ of pieces, each times numbers of its own: their gradients are those numbers.
fn weighted<'t>(pieces: &[Var<'t>]) -> Var<'t> {
    let one = |(k, &piece): (usize, &Var<'t>)| (piece * piece.tape().constant(numbers(piece.shape(), k))).sum();
    pieces.iter().enumerate().map(one).reduce(|a, b| a + b).expect("there are pieces")
}

/// How a matrix is used: as a whole and in pieces.
type Use = for<'t> fn(Var<'t>) -> Var<'t>;

const USES: [(&str, Use); 15] = [
    ("unbind", |x| weighted(&x.unbind(0))),
    ("unbind columns", |x| weighted(&x.unbind(1))),
    ("chunk", |x| weighted(&x.chunk(3, 1))),
    ("split", |x| weighted(&x.split(&[1, 0, x.shape()[0] - 3, 2], 0))),
    ("one piece", |x| weighted(&[x.narrow(0, 1, 2)])),
    ("overlapping", |x| weighted(&[0, 1, 2, 1, 0].map(|k| x.narrow(0, k, 3)))),
    ("steps", |x| weighted(&[x.slice(0, 0, 5, 2), x.slice(0, 1, 5, 2), x.slice(1, 0, 4, 3), x.flip(&[0, 1])])),
    ("forwards and backwards", |x| weighted(&[x + x.flip(&[0]), x.flip(&[1])])),
    ("first in pieces, then whole", |x| weighted(&[x * 2.0, x.narrow(0, 0, 2), x.narrow(0, 3, 1)])),
    ("first whole, then in pieces", |x| weighted(&[x.narrow(0, 0, 2), x.narrow(0, 3, 1), x * 2.0])),
    ("whole in between", |x| weighted(&[x.narrow(0, 0, 2), x.exp(), x.narrow(0, 1, 2), x, x.narrow(0, 2, 2)])),
    ("rows, some of them twice", |x| {
        weighted(&[x.index_select(0, &[0, 2]), x.index_select(0, &[3, 3, 1]), x.index_select(1, &[1])])
    }),
    ("rows that repeat, time and again", |x| {
        let rows = [&[3, 0, 3][..], &[1, 1, 2, 1, 3], &[3, 3]].map(|rows| x.index_select(0, rows));
        weighted(&[rows[0], rows[1], x.index_select(1, &[3, 0, 3, 3]), rows[2], x.index_select(1, &[1, 0, 1])])
    }),
    ("pieces of pieces", |x| weighted(&x.chunk(2, 1).iter().flat_map(|y| y.unbind(0)).collect::<Vec<_>>())),
    ("padded and rolled", |x| weighted(&[x.pad(&[(1, 0), (0, 2)], 0.0).narrow(1, 1, 3), x.roll(1, 0), x.roll(2, 1)])),
];

fn same_bits(a: &Tensor, b: &Tensor, what: &str) {
    let bits = |x: &Tensor| x.to_vec().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert!(bits(a) == bits(b), "{what}");
}

#[test]
fn pieces_that_are_added_in_place_give_the_bits_of_full_sums() {
    for (name, used) in USES {
        for (shape, lazy_from) in [([5, 4], 4096), ([5, 4], 0), ([6, 1000], 4096), ([40, 2000], usize::MAX)] {
            // A leaf, and a value whose gradient goes on.
            for inner in [false, true] {
                let tape = Tape::f64();
                tape.set_lazy_from(lazy_from);
                let leaf = tape.leaf(numbers(shape, 3));
                let y = used(if inner { leaf * 1.5 } else { leaf });
                let gradient = y.backward().unwrap().wrt(leaf).unwrap().clone();
                let full = tape.grad(y, &[leaf]).unwrap()[0].value();
                same_bits(&gradient, &full, &format!("{name}, {shape:?}, lazy from {lazy_from}, inner {inner}"));
            }
        }
    }
}

#[test]
fn each_number_gets_what_every_piece_that_holds_it_hands_back() {
    let (rows, columns) = (7, 5);
    let tape = Tape::f64();
    let x = tape.leaf(Tensor::from_fn([rows, columns], DType::F64, |i| i as f64));
    let [a, b, c] = [x.slice(0, 1, 7, 2), x.narrow(1, 1, 3), x.narrow(0, 2, 4).flip(&[0])];
    let gradient = (a.square().sum() + b.sum() * 10.0 + (c * x.narrow(0, 0, 4)).sum()).backward().unwrap();
    let at = |i: usize, j: usize| (i * columns + j) as f64;
    let expected = Tensor::from_fn([rows, columns], DType::F64, |place| {
        let (i, j) = (place / columns, place % columns);
        let mut sum = if i % 2 == 1 { 2.0 * at(i, j) } else { 0.0 };
        sum += if (1..4).contains(&j) { 10.0 } else { 0.0 };
        // Row i of the first four meets row 5 − i.
        sum += if i < 4 { at(5 - i, j) } else { 0.0 };
        sum + if (2..6).contains(&i) { at(5 - i, j) } else { 0.0 }
    });
    assert_eq!(*gradient.wrt(x).unwrap(), expected);
}

fn cubes(y: Var<'_>) -> Var<'_> {
    y.square() * y
}

#[test]
fn pieces_have_derivatives_of_higher_order() {
    for shape in [[4, 3], [8, 700]] {
        let tape = Tape::f64();
        let x = tape.leaf(numbers(shape, 1));
        let y = x.unbind(0).iter().enumerate().map(|(k, &y)| (cubes(y) * k as f64).sum()).reduce(|a, b| a + b).unwrap();
        let dx = tape.grad(y + cubes(x.narrow(0, 1, 2)).sum(), &[x]).unwrap()[0];
        // Row k: 3 k x², and 3 x² more in the rows 1 and 2; its derivative 6 k x.
        let second = dx.sum().backward().unwrap();
        let factor = |i: usize| (i / shape[1]) as f64 + if (1..3).contains(&(i / shape[1])) { 1.0 } else { 0.0 };
        let values = x.value().to_vec();
        let close = |got: &Tensor, expected: &dyn Fn(usize) -> f64| {
            got.to_vec().iter().enumerate().all(|(i, got)| (got - expected(i)).abs() < 1e-12)
        };
        assert!(close(&dx.value(), &|i| 3.0 * factor(i) * values[i] * values[i]));
        assert!(close(second.wrt(x).unwrap(), &|i| 6.0 * factor(i) * values[i]));
        let third = tape.grad(tape.grad(dx.sum(), &[x]).unwrap()[0].sum(), &[x]).unwrap()[0];
        assert!(close(&third.value(), &|i| 6.0 * factor(i)));
    }
}

#[test]
fn checkpoints_and_profiles_change_no_bit() {
    for shape in [[5, 4], [40, 500]] {
        let gradient = |checkpoint: bool, profile: bool| {
            let tape = Tape::f64();
            tape.set_profiling(profile);
            let x = tape.leaf(numbers(shape, 2));
            let block = || {
                let y = x.sin();
                let parts = y.unbind(0);
                parts[1..].iter().fold(parts[0], |sum, &part| (sum * part).tanh()) + y.narrow(0, 1, 1)
            };
            let z = if checkpoint { tape.checkpoint(block) } else { block() };
            let y = (z.square().sum() + x.narrow(1, 1, 2).sum()) * 3.0;
            (y.backward().unwrap().wrt(x).unwrap().clone(), tape.grad(y, &[x]).unwrap()[0].value())
        };
        let (plain, recorded) = gradient(false, false);
        same_bits(&plain, &recorded, "recorded");
        for (checkpoint, profile) in [(true, false), (false, true), (true, true)] {
            let (walked, recorded) = gradient(checkpoint, profile);
            same_bits(&plain, &walked, &format!("checkpoint {checkpoint}, profile {profile}"));
            same_bits(&plain, &recorded, &format!("recorded, checkpoint {checkpoint}, profile {profile}"));
        }
    }
}

#[test]
fn hooks_and_retained_gradients_see_the_sum_of_all_pieces_once() {
    for columns in [3, 3000] {
        let tape = Tape::f64();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let x = tape.leaf(Tensor::ones([4, columns], DType::F64));
        let y = (x * 2.0).retain().hook(move |dy| {
            counted.fetch_add(1, Relaxed);
            assert_eq!(dy.value().at(&[1, 0]), 20.0);
            dy * 10.0
        });
        let rows = y.unbind(0);
        let z = rows[0] * 1.0 + rows[1] * 2.0 + (rows[2] * 3.0).hook(|dz| dz * 100.0) + y.narrow(0, 1, 1) * 18.0;
        let gradients = z.sum().backward().unwrap();
        let column = |of: Var<'_>| gradients.wrt(of).unwrap().to_vec().into_iter().step_by(columns).collect::<Vec<_>>();
        assert_eq!(column(y), [10.0, 200.0, 3000.0, 0.0]);
        assert_eq!(column(x), [20.0, 400.0, 6000.0, 0.0]);
        assert_eq!(calls.load(Relaxed), 1);
        // A walk leaves nothing behind that another would find.
        assert_eq!(z.sum().backward().unwrap().wrt(x).unwrap().to_vec(), gradients.wrt(x).unwrap().to_vec());
    }
}

#[test]
fn pieces_inside_a_selection_keep_its_mask() {
    let tape = Tape::f64();
    let x = tape.leaf([0.0, 4.0, 9.0, 0.0]);
    let root = x.sqrt();
    let used = tape.constant([0.0, 1.0]);
    // The slope at 0 is infinite, and not used.
    let y = used.select(root.narrow(0, 0, 2), 0.0) + used.flip(&[0]).select(root.narrow(0, 2, 2), 0.0);
    assert_eq!(y.sum().backward().unwrap().wrt(x).unwrap().to_vec(), [0.0, 0.25, 1.0 / 6.0, 0.0]);
}

#[test]
fn the_work_of_many_pieces_is_that_of_the_whole() {
    let moved = |pieces: usize| {
        let tape = Tape::f64();
        tape.set_profiling(true);
        let x = tape.leaf(Tensor::ones([pieces, 8192 / pieces], DType::F64));
        let rows = x.unbind(0);
        rows.iter().map(|row| row.sum()).reduce(|a, b| a + b).unwrap().backward().unwrap();
        let profile = tape.profile();
        let rules = profile.spent.iter().filter(|spent| spent.backward && spent.operation == "slice");
        rules.map(|spent| spent.bytes).sum::<u64>()
    };
    // The first piece is written with zeros around it; what is added is read, and the sum written.
    let whole = 8 * 8192;
    let bytes = [2, 16, 128].map(moved);
    assert!(bytes.iter().all(|bytes| (whole..4 * whole).contains(bytes)), "{bytes:?} of {whole} bytes");
}
