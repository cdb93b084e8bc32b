//! Linear systems, factors, the exponential of a matrix.

use wengert::{DType, Tape, Tensor, Var};

use crate::{close, fails, panics};

fn tall(tape: &Tape) -> Var<'_> {
    tape.leaf([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]])
}

fn square(tape: &Tape) -> Var<'_> {
    tape.leaf([[1.0, 2.0, -1.0], [0.5, -1.0, 3.0], [2.0, 0.0, 1.0]])
}

fn numbers<'t>(tape: &'t Tape, shape: &[usize]) -> Var<'t> {
    tape.leaf(Tensor::from_fn(shape, DType::F64, |i| ((i * i) as f64 * 0.37 + 1.0).sin()))
}

/// Asserts that two values agree, shape and all.
#[track_caller]
fn same(a: Var<'_>, b: Var<'_>) {
    assert_eq!(a.shape(), b.shape());
    assert!((a - b).norm().item() < 1e-12, "{} is not {}", a.value(), b.value());
}

#[test]
fn systems_broadcast_over_their_batches() {
    let tape = Tape::f64();
    let (a, b) = (numbers(&tape, &[2, 1, 3, 3]), numbers(&tape, &[4, 3, 2]));
    let x = a.solve(b);
    assert_eq!(x.shape().dims(), [2, 4, 3, 2]);
    same(a.matmul(x), b.broadcast_to([2, 4, 3, 2]));
    let vector = numbers(&tape, &[3]);
    let x = a.solve(vector);
    assert_eq!(x.shape().dims(), [2, 1, 3]);
    same(a.matmul(x.unsqueeze(3)).squeeze(&[-1]), vector.broadcast_to([2, 1, 3]));
}

#[test]
fn factors_are_orthonormal_and_triangular_and_multiply_to_the_matrix() {
    let tape = Tape::f64();
    for [m, n] in [[3, 3], [5, 2], [2, 5], [1, 4], [4, 1]] {
        let a = numbers(&tape, &[2, m, n]);
        let (q, r) = a.qr();
        let k = m.min(n);
        assert_eq!((q.shape().dims(), r.shape().dims()), (&[2, m, k][..], &[2, k, n][..]));
        same(q.matmul(r), a);
        same(q.transpose(-2, -1).matmul(q), tape.constant(Tensor::eye(k, DType::F64)).broadcast_to([2, k, k]));
        assert_eq!(r.triu().value(), r.value());
        assert!(r.diagonal().value().to_vec().iter().all(|&x| x >= 0.0));
    }
    let need = "qr: matrices [.., m, n] are needed, but got [3]";
    fails(need, numbers(&tape, &[3]).try_qr());
    panics(need, || numbers(&tape, &[3]).qr());
    let broken = "qr: matrix 0 of [1, 1] holds a number that is NaN or infinite, or a column that depends on those before, so its factors are not unique";
    fails(broken, tape.leaf([[f64::NAN]]).try_qr());
}

/// Values of PyTorch 2.15.
#[test]
fn least_squares_and_triangles_are_those_of_pytorch() {
    let tape = Tape::f64();
    let (a, b) = (tall(&tape), tape.leaf([[1.0], [0.0], [2.0]]));
    let wide = a.transpose(0, 1);
    same(a.lstsq(b), a.pinv().matmul(b));
    same(a.lstsq(b), tape.leaf([[-25.0 / 14.0], [1.5]]));
    same(wide.lstsq(b.narrow(0, 0, 2)), tape.leaf([[-29.0 / 14.0], [11.0 / 14.0], [1.0 / 7.0]]));
    same(a.pinv(), tape.leaf([[-29.0 / 14.0, 11.0 / 14.0, 1.0 / 7.0], [1.5, -0.5, 0.0]]));
    same(wide.pinv(), a.pinv().transpose(0, 1));
    close(square(&tape).solve_triangular(b, true), &[-9.0, 6.0, 2.0]);
    close(square(&tape).solve_triangular(b, false), &[1.0, 0.5, 0.0]);
    // What is outside of the triangle is not read.
    let t = tape.leaf([[2.0, f64::NAN], [1.0, 4.0]]);
    let x = t.solve_triangular(tape.leaf([[2.0], [9.0]]), false);
    close(x, &[1.0, 2.0]);
    close(tape.constant(x.sum().backward().unwrap().wrt(t).unwrap()), &[-0.375, 0.0, -0.25, -0.5]);
    fails("solve_triangular: square matrices [.., n, n] are needed, but got [3, 2]", a.try_solve_triangular(b, true));
    let need = "lstsq: matrices [.., m, n] and right-hand sides [.., m, k] are needed, but got [3, 2] and [2, 3]";
    fails(need, a.try_lstsq(wide));
    panics(need, || a.lstsq(wide));
    fails("pinv: matrices [.., m, n] are needed, but got []", a.sum().try_pinv());
    let dependent = "qr: matrix 0 of [2, 2] holds a number that is NaN or infinite, or a column that depends on those before, so its factors are not unique";
    fails(dependent, tape.leaf([[1.0, 0.0], [0.0, 0.0]]).try_pinv());
}

/// Values of PyTorch 2.15.
#[test]
fn the_exponential_of_a_matrix_is_that_of_pytorch() {
    let tape = Tape::f64();
    let want = [
        [4.297_632_175_442_404, 2.859_181_287_514_868_3, 1.830_848_956_670_573],
        [5.605_454_722_520_729, 3.068_670_688_141_539_3, 3.881_216_981_218_801_5],
        [6.119_620_887_942_874, 3.260_439_600_428_006_3, 3.482_522_275_335_4],
    ];
    same(square(&tape).matrix_exp(), tape.leaf(want));
    let large = tape.leaf([[-40.0, 3.0], [10.0, 5.0]]).matrix_exp().value().to_vec();
    assert!(
        large
            .iter()
            .zip([4.061_952_621_094_351, 18.545_686_471_908_88, 61.818_954_906_362_95, 282.247_249_699_727_6])
            .all(|(got, want)| (got / want - 1.0).abs() < 1e-12),
        "{large:?}"
    );
    let diagonal = tape.leaf([1.0, -30.0, 3.0]);
    same(diagonal.diag_embed().matrix_exp() / 20.0, diagonal.exp().diag_embed() / 20.0);
    assert!(tape.leaf([[f64::NAN]]).matrix_exp().item().is_nan());
    assert_eq!(numbers(&tape, &[0, 2, 2]).matrix_exp().numel(), 0);
    let need = "matrix_exp: square matrices [.., n, n] are needed, but got [3, 2]";
    fails(need, tall(&tape).try_matrix_exp());
    panics(need, || tall(&tape).matrix_exp());
    fails("matrix_exp: square matrices [.., n, n] are needed, but got []", tape.leaf(1.0).try_matrix_exp());
}
