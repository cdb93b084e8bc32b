//! Deferred evaluation changes no bit, and agrees with a naive evaluation in double precision.
//!
//! A tape with `set_lazy_from(0)` leaves every elementwise result pending until it is needed; one with `usize::MAX`
//! computes everything at once. Random expressions over random broadcast shapes are recorded on both, in sizes around
//! those at which work is split: 96 elements (short runs), 1024 (a block), 4096 and 32768 (several threads).

mod expressions;

use expressions::{Expr, broadcast, expression, leaves, shape};
use proptest::prelude::*;
use wengert::{
    DType, Shape, Tape, Tensor, Var,
    ops::{ConvSpec, Window},
};

fn bits(x: &Tensor) -> Vec<u64> {
    x.to_vec().into_iter().map(f64::to_bits).collect()
}

/// The bits of the value, of sums along some axes, of all gradients and of all recorded gradients.
fn everything(expression: &Expr, inputs: &[Tensor], dtype: DType, lazy_from: usize, axes: &[isize]) -> Vec<Vec<u64>> {
    let tape = Tape::with_dtype(dtype);
    tape.set_lazy_from(lazy_from);
    let x: Vec<Var> = inputs.iter().map(|x| tape.leaf(x)).collect();
    let y = expression.record(&x) + x[0];
    let partial = y.sum_axes(axes, false);
    let loss = partial.square().sum();
    let gradients = loss.backward().unwrap();
    let recorded = tape.grad(loss, &x).unwrap();
    let mut all = vec![bits(&partial.value()), bits(&loss.value())];
    all.extend(x.iter().filter_map(|&x| gradients.wrt(x).ok()).map(bits));
    all.extend(recorded.iter().map(|g| bits(&g.value())));
    all.push(bits(&y.amax_axes(axes, true).value()));
    all.push(bits(&y.value()));
    // Now that y is computed, its total must still have the same bits.
    all.push(bits(&y.sum_axes(axes, false).value()));
    assert_eq!(all[0], all[all.len() - 1], "the sum before and after its input was computed, along {axes:?}");
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn deferring_changes_no_bit(
        expression in expression(), full in shape(), keep in any::<[u8; 4]>(), single in any::<bool>(), summed in 0u8..8,
    ) {
        let inputs = leaves(&full, &keep);
        let axes: Vec<isize> = (0..full.len()).filter(|i| summed >> i & 1 == 1).map(|i| i as isize).collect();
        let dtype = if single { DType::F32 } else { DType::F64 };
        let now = everything(&expression, &inputs, dtype, usize::MAX, &axes);
        let later = everything(&expression, &inputs, dtype, 0, &axes);
        let mixed = everything(&expression, &inputs, dtype, 500, &axes);
        for (k, value) in now.iter().enumerate() {
            prop_assert!(*value == later[k] && *value == mixed[k], "quantity {} differs, shape {:?}, sum along {:?}", k, full, axes);
        }
    }

    #[test]
    fn deferred_values_are_those_of_a_naive_evaluation(expression in expression(), full in shape(), keep in any::<[u8; 4]>()) {
        let inputs = leaves(&full, &keep);
        let numbers: Vec<Vec<f64>> = inputs.iter().map(Tensor::to_vec).collect();
        let tape = Tape::f64();
        tape.set_lazy_from(0);
        let x: Vec<Var> = inputs.iter().map(|x| tape.leaf(x)).collect();
        let y = (expression.record(&x) + x[0]).value().to_vec();
        for (i, &y) in y.iter().enumerate() {
            let at = |k: usize| broadcast(&inputs[k], &numbers[k], &full, i);
            let want = expression.naive(&at) + at(0);
            prop_assert!((y - want).abs() <= 1e-12 * want.abs().max(1.0), "element {} of {:?}: {} and naively {}", i, full, y, want);
        }
    }
}

#[test]
fn deferred_chains_are_totalled_over_every_set_of_axes() {
    for dims in [
        vec![5000],
        vec![3, 97],
        vec![97, 40],
        vec![40, 130],
        vec![7, 5, 130],
        vec![33, 32, 33],
        vec![2, 3, 4, 250],
        vec![1, 4096, 1],
    ] {
        let rank = dims.len();
        let full = Tensor::from_fn(&dims[..], DType::F64, |i| (i as f64 * 0.37).sin());
        let row = Tensor::from_fn([dims[rank - 1]], DType::F64, |i| (i as f64 * 0.91).cos());
        let (a, b) = (full.to_vec(), row.to_vec());
        let chain: Vec<f64> = a.iter().enumerate().map(|(i, a)| (a + b[i % b.len()]) * 2.0).collect();
        for set in 0u32..1 << rank {
            let axes: Vec<isize> = (0..rank).filter(|i| set >> i & 1 == 1).map(|i| i as isize).collect();
            let summed = |axis: usize| set == 0 || set >> axis & 1 == 1;
            let kept: Vec<usize> = dims.iter().enumerate().map(|(i, &n)| if summed(i) { 1 } else { n }).collect();
            let cells: usize = kept.iter().product();
            let (mut sum, mut largest, mut smallest) =
                (vec![0.0; cells], vec![f64::NEG_INFINITY; cells], vec![f64::INFINITY; cells]);
            for (i, &value) in chain.iter().enumerate() {
                let (mut flat, mut at, mut stride) = (i, 0, 1);
                for axis in (0..rank).rev() {
                    at += if summed(axis) { 0 } else { flat % dims[axis] * stride };
                    stride *= kept[axis];
                    flat /= dims[axis];
                }
                sum[at] += value;
                largest[at] = largest[at].max(value);
                smallest[at] = smallest[at].min(value);
            }
            let tape = Tape::f64();
            tape.set_lazy_from(0);
            let y = || (tape.constant(&full) + tape.constant(&row)) * 2.0;
            let got = y().sum_axes(&axes, true).value();
            assert_eq!(got.shape().dims(), kept, "{dims:?} along {axes:?}");
            for (got, want) in got.to_vec().iter().zip(&sum) {
                assert!((got - want).abs() < 1e-9, "sum of {dims:?} along {axes:?}: {got} and naively {want}");
            }
            assert_eq!(y().amax_axes(&axes, true).value().to_vec(), largest, "amax of {dims:?} along {axes:?}");
            assert_eq!(y().amin_axes(&axes, true).value().to_vec(), smallest, "amin of {dims:?} along {axes:?}");
        }
    }
}

#[test]
fn a_chain_longer_than_a_program_has_the_same_bits() {
    let run = |lazy_from| {
        let tape = Tape::new();
        tape.set_lazy_from(lazy_from);
        let x = tape.leaf(Tensor::from_fn([50, 97], DType::F32, |i| (i as f64).sin()));
        let bias = tape.leaf(Tensor::from_fn([50, 1], DType::F32, |i| (i as f64).cos()));
        let mut y = x;
        for k in 0..300 {
            // Every step reads the previous one twice, so a chain repeated on each use would take forever.
            y = y * 0.5 + (y + bias).tanh() * (0.25 + k as f64 * 1e-3);
        }
        let loss = y.square().mean();
        let gradients = loss.backward().unwrap();
        [bits(&y.value()), bits(&loss.value()), bits(gradients.wrt(x).unwrap()), bits(gradients.wrt(bias).unwrap())]
    };
    assert_eq!(run(0), run(usize::MAX));
}

#[test]
fn values_asked_for_in_any_order_are_the_same() {
    let tape = Tape::f64();
    tape.set_lazy_from(0);
    let x = tape.leaf(Tensor::linspace(-2.0, 2.0, 5000, DType::F64));
    let (a, b) = (x.tanh(), x * x);
    let c = a * b;
    let d = c - a;
    let last = bits(&d.value());
    let middle = bits(&c.value());
    assert_eq!((bits(&(c - a).value()), bits(&(a * b).value())), (last, middle));
    assert_eq!(a.shape(), Shape::from([5000]));
}

/// A batch norm scales and shifts inside the chain that follows it, and its rule reads the chain behind it in pieces.
#[test]
fn a_batch_norm_has_the_same_bits_in_a_chain_and_by_itself() {
    for shape in [[6, 3, 20, 20], [3, 5, 70, 70], [300, 40, 1, 1], [70, 130, 1, 1]] {
        let sizes: &[usize] = if shape[2] == 1 { &shape[..2] } else { &shape };
        let numbers = |sizes: &[usize], seed: f64| {
            Tensor::from_fn(sizes, wengert::DType::F32, |i| ((i as f64 + seed) * 0.7371).sin() + 0.2)
        };
        let run = |lazy_from: usize, activation: usize, checkpoint: bool| {
            let tape = Tape::new();
            tape.set_lazy_from(lazy_from);
            let x = tape.leaf(numbers(sizes, 0.5));
            let (gamma, beta) = (tape.leaf(numbers(&shape[1..2], 0.1)), tape.leaf(numbers(&shape[1..2], 0.9)));
            let block = || {
                let y = x.batch_norm(gamma, beta, 1e-5);
                [match activation {
                    0 => y.relu(),
                    1 => y.gelu() * 0.5 + y,
                    _ => y,
                }]
            };
            let [y] = if checkpoint { tape.checkpoint(block) } else { block() };
            let gradients = y.vjp(&numbers(sizes, 3.0)).unwrap();
            let all = [x, gamma, beta].map(|leaf| gradients.wrt(leaf).unwrap().clone());
            (y.value(), all)
        };
        for activation in 0..3 {
            let plain = run(usize::MAX, activation, false);
            assert!(plain == run(1, activation, false), "{sizes:?} {activation}");
            assert!(plain == run(1, activation, true), "{sizes:?} {activation}, after a checkpoint");
        }
    }
}

/// A convolution and a max pool compute a short chain before them where they read it, in both directions.
#[test]
fn a_chain_that_is_read_in_pieces_has_the_same_bits_and_is_not_written_out() {
    for shape in [[5, 4, 20, 20], [70, 16, 11, 13], [9, 1, 50, 41], [3, 2, 5, 7]] {
        let numbers = |sizes: &[usize], seed: f64| {
            Tensor::from_fn(sizes, DType::F32, |i| ((i as f64 + seed) * 0.7371).sin() + 0.2)
        };
        let run = |lazy_from: usize, activation: usize, checkpoint: bool| {
            let tape = Tape::new();
            tape.set_lazy_from(lazy_from);
            let [x, skip] = [0.5, 0.7].map(|seed| tape.leaf(numbers(&shape, seed)));
            let [gamma, beta] = [0.1, 0.9].map(|seed| tape.leaf(numbers(&shape[1..2], seed)));
            let (kernels, bias) = (tape.leaf(numbers(&[18, shape[1], 3, 3], 0.3)), tape.leaf(numbers(&[18], 0.6)));
            let mut read = None;
            let mut block = || {
                let normal = x.batch_norm(gamma, beta, 1e-5);
                let y = match activation {
                    0 => normal.relu(),
                    1 => normal.max(0.1) * 0.5,
                    2 => (normal + skip).relu(),
                    _ => normal.tanh(),
                };
                read = Some(y);
                let convolved = y.conv2d(kernels, Some(bias), ConvSpec::default().padding(1));
                [convolved, y.max_pool2d(Window::square(2))]
            };
            let [convolved, pooled] = if checkpoint { tape.checkpoint(block) } else { block() };
            let gradients = (convolved.square().sum() + pooled.square().sum()).backward().unwrap();
            let before = tape.bytes();
            let y = read.unwrap().value();
            let written = tape.bytes() - before;
            let leaves = [x, gamma, beta, kernels, bias].map(|leaf| gradients.wrt(leaf).unwrap().clone());
            ((convolved.value(), pooled.value(), y, leaves), written)
        };
        for activation in 0..4 {
            let (plain, nothing) = run(usize::MAX, activation, false);
            let (in_pieces, written) = run(1, activation, false);
            assert!(plain == in_pieces, "{shape:?} {activation}");
            // What reads more numbers than it has, or takes long, was written out for the convolution.
            let once = if activation < 2 { 4 * shape.iter().product::<usize>() } else { 0 };
            assert_eq!((nothing, written), (0, once), "{shape:?} {activation}");
            assert!(plain == run(1, activation, true).0, "{shape:?} {activation}, after a checkpoint");
        }
    }
}

/// The gradient of an ELU's slopes is summed in the pass that writes the gradient of the batch norm before it.
#[test]
fn a_sum_taken_beside_another_gradient_has_the_same_bits() {
    for shape in [[6, 3, 20, 20], [3, 5, 70, 70], [130, 7, 13, 13], [70, 130, 1, 1]] {
        let numbers = |sizes: &[usize], seed: f64| {
            Tensor::from_fn(sizes, DType::F32, |i| ((i as f64 + seed) * 0.7371).sin() + 0.2)
        };
        let run = |lazy_from: usize, checkpoint: bool, early: bool| {
            let tape = Tape::new();
            tape.set_lazy_from(lazy_from);
            tape.set_profiling(true);
            let x = tape.leaf(numbers(&shape, 0.5));
            let [gamma, beta, alpha, shift] = [0.1, 0.9, 0.4, 0.6].map(|seed| tape.leaf(numbers(&shape[1..2], seed)));
            let block = || {
                // Where the slopes come before the batch norm, its gradient is written before the sum is asked for.
                let before = early.then(|| alpha.per_channel(x));
                let normal = x.batch_norm(gamma, beta, 1e-5);
                let y = if early { normal + shift.per_channel(x) } else { normal };
                let alpha = before.unwrap_or_else(|| alpha.per_channel(y));
                y.relu() + alpha * y.min(0.0).exp_m1()
            };
            let z = if checkpoint { tape.checkpoint(block) } else { block() };
            let gradients = z.vjp(&numbers(&shape, 3.0)).unwrap();
            let fused =
                tape.profile().operations().iter().any(|row| row.backward && row.operation.contains("mul, exp_m1"));
            let leaves = [x, gamma, beta, alpha, shift].map(|leaf| gradients.wrt(leaf).ok().cloned());
            assert_eq!(leaves.each_ref().map(Option::is_some), [true, true, true, true, early]);
            (leaves, fused)
        };
        for early in [false, true] {
            let (plain, apart) = run(usize::MAX, false, early);
            let (together, fused) = run(1, false, early);
            assert!(plain == together, "{shape:?} {early}");
            assert!(!apart && (early || fused), "{shape:?}");
            assert!(plain == run(1, true, early).0, "{shape:?} {early}, after a checkpoint");
        }
    }
}

#[test]
fn the_gradient_of_a_mean_squared_error_has_the_same_bits_at_once_pending_and_recorded() {
    let [a, b] = [1, 2].map(|k| Tensor::from_fn([7, 3], DType::F32, |i| (i as f64 * 0.7 + f64::from(k)).sin()));
    let gradients = |lazy_from, recorded| {
        let tape = Tape::new();
        tape.set_lazy_from(lazy_from);
        let (x, y) = (tape.leaf(&a), tape.leaf(&b));
        let loss = (x.tanh() - 0.1).mse_loss(y) * 0.3;
        if recorded {
            tape.grad(loss, &[x, y]).unwrap().iter().map(|gradient| gradient.value()).collect::<Vec<Tensor>>()
        } else {
            let gradients = loss.backward().unwrap();
            [x, y].map(|x| gradients.wrt(x).unwrap().clone()).to_vec()
        }
    };
    let at_once = gradients(usize::MAX, false);
    assert!(at_once.iter().all(|gradient| gradient.to_vec().iter().any(|&x| x != 0.0)));
    assert_eq!(at_once, gradients(0, false));
    assert_eq!(at_once, gradients(usize::MAX, true));
}
