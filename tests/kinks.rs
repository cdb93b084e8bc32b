//! The slopes where there is none: the conventions at kinks, ties, poles and the ends of a domain.

use wengert::{Tape, Tensor, Var, ops::Window};

/// The gradient of Σ f(x).
fn slope<const N: usize>(x: [f64; N], f: impl for<'t> Fn(Var<'t>) -> Var<'t>) -> Vec<f64> {
    let tape = Tape::f64();
    let x = tape.leaf(x);
    let gradients = f(x).sum().backward().unwrap();
    gradients.get(x).map_or(vec![0.0; N], Tensor::to_vec)
}

/// The gradients of Σ f(a, b).
fn slopes<const N: usize>(a: [f64; N], b: [f64; N], f: impl for<'t> Fn(Var<'t>, Var<'t>) -> Var<'t>) -> [Vec<f64>; 2] {
    let tape = Tape::f64();
    let (a, b) = (tape.leaf(a), tape.leaf(b));
    let gradients = f(a, b).sum().backward().unwrap();
    [a, b].map(|v| gradients.wrt(v).unwrap().to_vec())
}

#[test]
fn activations_have_their_documented_slope_at_their_kink() {
    assert_eq!(slope([-1.0, 0.0, -0.0, 1.0], |x| x.relu()), [0.0, 0.0, 0.0, 1.0]);
    assert_eq!(slope([-1.0, 0.0, 1.0], |x| x.leaky_relu(0.1)), [0.1, 0.1, 1.0]);
    assert_eq!(slope([0.0, 1.0], |x| x.elu(0.6)), [0.6, 1.0]);
    assert_eq!(slope([0.0, 1.0], |x| x.celu(0.6)), [1.0, 1.0]);
    assert_eq!(slope([-1.0, 0.0, 1.0], |x| x.abs()), [-1.0, 0.0, 1.0]);
    assert_eq!(slope([-3.0, 3.0, 4.0], |x| x.hardswish()), [0.0, 1.0, 1.0]);
}

#[test]
fn clamping_has_slope_one_up_to_and_at_its_ends() {
    assert_eq!(slope([-1.5, -1.0, 0.0, 2.0, 2.5], |x| x.clamp(-1.0, 2.0)), [0.0, 1.0, 1.0, 1.0, 0.0]);
    assert_eq!(slope([0.0, 1.0], |x| x.max(0.0)), [1.0, 1.0], "a number takes no share");
    assert_eq!(slope([0.0, 1.0], |x| x.min(0.0)), [1.0, 0.0]);
}

#[test]
fn equal_values_share_the_gradient() {
    assert_eq!(slopes([1.0, 2.0, 3.0], [1.0, 3.0, 2.0], |a, b| a.max(b)), [vec![0.5, 0.0, 1.0], vec![0.5, 1.0, 0.0]]);
    assert_eq!(slopes([1.0, 2.0, 3.0], [1.0, 3.0, 2.0], |a, b| a.min(b)), [vec![0.5, 1.0, 0.0], vec![0.5, 0.0, 1.0]]);
    assert_eq!(slope([2.0, 1.0, 2.0, 0.0], |x| x.amax(&[0], false)), [0.5, 0.0, 0.5, 0.0]);
    assert_eq!(slope([0.0, 1.0, 2.0, 0.0], |x| x.amin(&[], true)), [0.5, 0.0, 0.0, 0.5]);
    // A pool gives all of it to the first, as PyTorch does.
    assert_eq!(
        slope([5.0, 5.0, 1.0, 5.0], |x| x.reshape([1, 1, 2, 2]).max_pool2d(Window::square(2))),
        [1.0, 0.0, 0.0, 0.0]
    );
}

#[test]
fn powers_and_roots_are_as_finite_as_they_can_be() {
    assert_eq!(slope([0.0, 4.0], |x| x.sqrt()), [f64::INFINITY, 0.25]);
    assert_eq!(slope([0.0, 3.0], |x| x.pow(2.0)), [0.0, 6.0]);
    assert_eq!(slope([0.0, 3.0], |x| x.pow(1.0)), [1.0, 1.0]);
    assert_eq!(slope([0.0, 3.0], |x| x.pow(0.0)), [0.0, 0.0]);
    // x⁰ is 1 everywhere: no slope in x; and 0ᵇ has none in b > 0.
    assert_eq!(slopes([0.0, 2.0], [0.0, 0.0], |a, b| a.pow(b)), [vec![0.0, 0.0], vec![0.0, 2.0f64.ln()]]);
    assert_eq!(slopes([0.0, 0.0], [1.0, 2.0], |a, b| a.pow(b)), [vec![1.0, 0.0], vec![0.0, 0.0]]);
    assert_eq!(slope([0.0, 0.0], |x| x.norm(&[], false)), [0.0, 0.0]);
    assert_eq!(slope([0.0, -2.0], |x| x.norm(&[], false)), [0.0, -1.0]);
}

#[test]
fn steps_pass_no_gradient_and_what_is_not_selected_does_no_harm() {
    let flat: [fn(Var<'_>) -> Var<'_>; 6] =
        [|x| x.sign(), |x| x.floor(), |x| x.ceil(), |x| x.round(), |x| x.gt(0.0), |x| x.eq(x)];
    for f in flat {
        assert_eq!(slope([0.5, 1.0], |x| f(x) * 3.0 + x), [1.0, 1.0]);
    }
    assert_eq!(slope([-1.0, 4.0], |x| x.gt(0.0).select(x.max(0.0).sqrt(), x * 0.0)), [0.0, 0.25]);
    assert_eq!(slope([f64::NEG_INFINITY, 1.0], |x| x.logsumexp(&[], false)), [0.0, 1.0]);
}

#[test]
fn nan_is_never_hidden() {
    let tape = Tape::f64();
    let x = tape.constant([f64::NAN, 1.0]);
    for y in [x.relu(), x.max(0.0), x.min(0.0), x.max(x * 0.0 + 1.0), x.clamp(-1.0, 1.0), x.sign(), x.abs(), x.elu(1.0)]
    {
        assert!(y.value().to_vec()[0].is_nan());
    }
    for total in [x.sum(), x.amax(&[], false), x.amin(&[], false), x.mean(), x.logsumexp(&[], false)] {
        assert!(total.item().is_nan());
    }
    let image = x.reshape([1, 1, 1, 2]);
    let window = Window { kernel: [1, 2], stride: [1, 2], padding: [0, 0] };
    assert!(image.max_pool2d(window).item().is_nan());
}
