//! Values and gradients at the edges of domains.

use super::{close, says};
use wengert::{DType, Tape, Tensor, Var};

#[test]
fn the_angle_between_vectors_keeps_its_digits() {
    let tape = Tape::f64();
    for angle in [0.0, 1e-140, 1e-15, 1e-8, 0.3, 1.0, std::f64::consts::FRAC_PI_2, 2.0, 3.0, std::f64::consts::PI] {
        let x = tape.leaf([[2.0, 0.0, 0.0], [0.0, 0.0, 0.5]]);
        let y = tape.leaf([[3.0 * angle.cos(), 3.0 * angle.sin(), 0.0]]);
        let angles = x.angle(y, 1);
        let right = std::f64::consts::FRAC_PI_2;
        assert!((angles.value().at(&[0]) - angle).abs() <= 4e-16 * angle, "{angle}: {angles:?}");
        assert!((angles.value().at(&[1]) - right).abs() <= 4e-16, "{angle}: {angles:?}");
        let gradients = angles.sum().backward().unwrap();
        // With respect to x: the unit vector away from y, divided by the length of x; 0 where there is none.
        let dx = gradients.wrt(x).unwrap();
        let moves = if angle == 0.0 || angle == std::f64::consts::PI { 0.0 } else { 0.5 };
        assert!((dx.at(&[0, 1]).abs() - moves).abs() < 1e-9 || angle > 3.1, "{angle}: {dx:?}");
        assert!(dx.first_non_finite().is_none() && gradients.wrt(y).unwrap().first_non_finite().is_none());
    }
    let (zero, y) = (tape.leaf([0.0, 0.0]), tape.leaf([1.0, 2.0]));
    let angle = zero.angle(y, 0);
    assert_eq!(angle.item(), std::f64::consts::FRAC_PI_2);
    assert_eq!(tape.grad(angle, &[zero]).unwrap()[0].value().to_vec(), [0.0, 0.0]);
}

#[test]
fn a_variance_without_degrees_of_freedom_is_not_a_number_or_infinite() {
    let tape = Tape::f64();
    let x = tape.leaf([[1.0, 2.0], [3.0, 2.0]]);
    for correction in [2, 3] {
        let var = x.var_axes(&[0], correction, false).value().to_vec();
        assert!(var[0] == f64::INFINITY && var[1].is_nan(), "correction {correction}: {var:?}");
    }
    assert!(tape.leaf(5.0).var(1).item().is_nan());
}

#[test]
fn spectra_with_equal_values_have_finite_gradients() {
    let tape = Tape::f64();
    let a = tape.leaf(Tensor::eye(3, DType::F64));
    // The sum of the eigenvalues is the trace, whatever the vectors are.
    close(tape.grad(a.eigvalsh().sum(), &[a]).unwrap()[0], &Tensor::eye(3, DType::F64).to_vec(), "trace");
    close(tape.grad(a.singular_values().sum(), &[a]).unwrap()[0], &Tensor::eye(3, DType::F64).to_vec(), "nuclear norm");
    close(tape.grad(a.symmetric_sqrt().sum(), &[a]).unwrap()[0], &[0.5; 9], "root");
    let zero = tape.leaf(Tensor::zeros([2, 2], DType::F64));
    close(tape.grad(zero.symmetric_sqrt().sum(), &[zero]).unwrap()[0], &[0.0; 4], "root of zeros");
    let empty = tape.leaf(Tensor::zeros([0, 3, 3], DType::F64));
    assert_eq!(empty.inverse().shape().dims(), [0, 3, 3]);
    assert_eq!(tape.leaf(Tensor::zeros([2, 0, 0], DType::F64)).det().value().to_vec(), [1.0, 1.0]);
}

#[test]
fn determinants_of_singular_matrices_have_gradients() {
    let tape = Tape::f64();
    let a = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]);
    // Rounding may leave a determinant that is not quite 0; the cofactors change as little.
    close(tape.grad(a.det(), &[a]).unwrap()[0], &[-3.0, 6.0, -3.0, 6.0, -12.0, 6.0, -3.0, 6.0, -3.0], "of rank two");
    let batch = tape.leaf(Tensor::from_vec(vec![1.0, 2.0, 2.0, 4.0, 0.0, 0.0, 0.0, 0.0], [2, 2, 2]).unwrap());
    let z = batch.det();
    assert_eq!(z.value().to_vec(), [0.0, 0.0]);
    let dx = tape.grad(z.sum(), &[batch]).unwrap()[0];
    close(dx, &[4.0, -2.0, -2.0, 1.0, 0.0, 0.0, 0.0, 0.0], "of rank one, and of zeros");
    // That of the cofactors uses the inverse.
    says(tape.grad(dx.square().sum(), &[batch]), "inverse: matrix 0 of [2, 2, 2] is singular");
    says(tape.grad(batch.slogdet().1.sum(), &[batch]), "inverse: matrix 0 of [2, 2, 2] is singular");
}

#[test]
fn values_and_gradients_at_zeros_and_infinities() {
    let tape = Tape::f64();
    let x = tape.leaf([2.0, 0.0, 5.0]);
    close(tape.grad(x.prod_axes(&[0], false), &[x]).unwrap()[0], &[0.0, 10.0, 0.0], "a product with a zero");
    assert_eq!(tape.leaf(Tensor::zeros([2, 0], DType::F64)).prod_axes(&[1], false).value().to_vec(), [1.0, 1.0]);
    close(tape.grad(x.signed_sqrt().sum(), &[x]).unwrap()[0], &[0.125f64.sqrt(), 0.0, 0.05f64.sqrt()], "signed root");
    let zero = tape.leaf([0.0, 0.0]);
    close(tape.grad(zero.l2_normalize(0, 0.5).sum(), &[zero]).unwrap()[0], &[2.0, 2.0], "x / epsilon");
    let low = tape.leaf([f64::NEG_INFINITY, 0.0]);
    close(tape.grad(low.logsumexp(), &[low]).unwrap()[0], &[0.0, 1.0], "logsumexp");
    // Far from 0 the gradient keeps its digits, in single precision too.
    for c in [1e4, 3e7, -1e30] {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::full([2, 2], c, DType::F32));
        assert_eq!(x.logsumexp_axes(&[1], false).sum().backward().unwrap().wrt(x).unwrap().to_vec(), [0.5; 4]);
        assert_eq!(x.logsumexp().backward().unwrap().wrt(x).unwrap().to_vec(), [0.25; 4]);
    }
    let wanted = tape.constant([[0.0, 1.0]]);
    close(tape.leaf([[-3.0, -1.0]]).kl_div(wanted), &[1.0], "kl_div with a probability 0");
}

#[test]
fn the_angular_margin_is_stable_where_directions_agree() {
    // The gradient with respect to the feature is bounded: its margin part is sin(θ + m) times a unit vector, over the
    // length.
    for angle in [0.0, 1e-12, 1e-6, 1e-3, 0.4, std::f64::consts::PI - 1e-6] {
        for tape in [Tape::new(), Tape::f64()] {
            let x = tape.leaf([[angle.cos(), angle.sin()]]);
            let w = tape.leaf([[1.0, 0.0], [0.0, 1.0]]);
            let dx = x.arcface_loss(w, &[0], 16.0, 0.3).backward().unwrap().wrt(x).unwrap().to_vec();
            assert!(dx.iter().all(|d| d.abs() <= 32.0), "{angle}: {dx:?}");
        }
    }
}

#[test]
fn the_slope_of_a_power_in_its_base_has_a_slope_in_its_exponent_at_0() {
    // ∂/∂b ∂/∂a aᵇ = a^(b − 1) (1 + b ln a), which is 1/a at b = 0.
    let tape = Tape::f64();
    let (a, b) = (tape.leaf([0.5, 2.0, 0.0]), tape.leaf([0.0, 0.0, 0.0]));
    let da = tape.grad(a.pow(b).sum(), &[a]).unwrap()[0];
    assert_eq!(da.value().to_vec(), [0.0; 3]);
    assert_eq!(tape.grad(da.sum(), &[b]).unwrap()[0].value().to_vec(), [2.0, 0.5, 0.0]);
}

/// c (c − 1) x^(c − 2), whichever way each power is computed.
#[test]
fn a_power_with_a_number_has_two_derivatives() {
    for tape in [Tape::new(), Tape::f64()] {
        let x = tape.leaf([0.25, 1.0, 4.0]);
        for c in [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, -0.5, -1.0, -1.5, -2.0, -3.0] {
            let first = tape.grad(x.pow(c).sum(), &[x]).unwrap()[0];
            let second = tape.grad((first + x * 0.0).sum(), &[x]).unwrap()[0];
            let near = |got: Var<'_>, want: &dyn Fn(f64) -> f64| {
                for (got, x) in got.value().to_vec().into_iter().zip([0.25, 1.0, 4.0]) {
                    assert!((got - want(x)).abs() <= 1e-6 * want(x).abs(), "c = {c}, x = {x}: {got}, not {}", want(x));
                }
            };
            near(first, &|x: f64| c * x.powf(c - 1.0));
            near(second, &|x: f64| c * (c - 1.0) * x.powf(c - 2.0));
        }
    }
}

#[test]
fn a_norm_of_nan_is_nan() {
    let tape = Tape::f64();
    let x = tape.leaf([[f64::NAN, 1.0], [3.0, 4.0], [0.0, 0.0]]);
    let norm = x.norm_axes(&[1], false).value().to_vec();
    assert!(norm[0].is_nan());
    assert_eq!(norm[1..], [5.0, 0.0]);
    assert!(x.l2_normalize(1, 1e-12).value().at(&[0, 1]).is_nan());
    assert!(tape.leaf([f64::NAN, 1.0]).angle(tape.leaf([1.0, 0.0]), 0).item().is_nan());
}

#[test]
fn lengths_and_directions_of_vectors_whose_squares_leave_the_range() {
    let tape = Tape::new();
    for size in [1e-25f32, 1e-19, 1.0, 1e19, 1e25] {
        let x = tape.leaf([[3.0 * size, 4.0 * size], [0.0, 0.0], [1.0, 1.0]]);
        let near =
            |got: f32, want: f32| assert!((got - want).abs() <= 1e-6 * want.abs(), "{size:e}: {got:e}, not {want:e}");
        let length = x.norm_axes(&[1], false);
        near(length.value().at(&[0]) as f32, 5.0 * size);
        assert_eq!(length.value().at(&[1]), 0.0);
        let dx = length.sum().backward().unwrap().wrt(x).unwrap().to_vec();
        near(dx[0] as f32, 0.6);
        near(dx[1] as f32, 0.8);
        assert_eq!(dx[2..4], [0.0, 0.0]);
        let direction = x.direction(1);
        near(direction.value().at(&[0, 0]) as f32, 0.6);
        near(direction.value().at(&[0, 1]) as f32, 0.8);
        assert_eq!(direction.value().to_vec()[2..4], [0.0, 0.0]);
        // (I − u uᵀ) z̄ / ‖x‖ by the kernel, and by the rule that is recorded.
        let sum = (direction * tape.constant([[1.0f32, 0.0], [1.0, 0.0], [1.0, 0.0]])).sum();
        for dx in [sum.backward().unwrap().wrt(x).unwrap().clone(), tape.grad(sum, &[x]).unwrap()[0].value().clone()] {
            near(dx.at(&[0, 0]) as f32, 0.64 / 5.0 / size);
            near(dx.at(&[0, 1]) as f32, -0.48 / 5.0 / size);
            assert_eq!(dx.to_vec()[2..4], [0.0, 0.0]);
        }
    }
}

#[test]
fn the_slope_of_an_angle_where_squares_leave_the_range() {
    let tape = Tape::new();
    for size in [1e-25f32, 1.0, 1e25] {
        let (y, x) = (tape.leaf(size), tape.leaf(2.0 * size));
        let angle = y.atan2(x);
        let gradients = angle.backward().unwrap();
        let near = |got: f64, want: f64| assert!((got - want).abs() <= 1e-6 * want.abs(), "{got:e}, not {want:e}");
        near(gradients.wrt(y).unwrap().item(), 0.4 / f64::from(size));
        near(gradients.wrt(x).unwrap().item(), -0.2 / f64::from(size));
    }
}
