//! The slopes where there is no derivative: every row of the page `guide::kinks`, and what a row cannot express.

use std::f64::consts::FRAC_PI_2;

use wengert::{
    Tape, Tensor, Var,
    nn::{CosineHead, Fallback, MarginLoss},
    ops::Window,
};

/// The gradient of Σ f(x).
fn slope<const N: usize>(x: [f64; N], f: impl for<'t> Fn(Var<'t>) -> Var<'t>) -> Vec<f64> {
    let tape = Tape::f64();
    let x = tape.leaf(x);
    let gradients = f(x).sum().backward().unwrap();
    gradients.wrt(x).ok().map_or(vec![0.0; N], Tensor::to_vec)
}

/// The gradients of Σ f(a, b).
fn slopes<const N: usize>(a: [f64; N], b: [f64; N], f: impl for<'t> Fn(Var<'t>, Var<'t>) -> Var<'t>) -> [Vec<f64>; 2] {
    let tape = Tape::f64();
    let (a, b) = (tape.leaf(a), tape.leaf(b));
    let gradients = f(a, b).sum().backward().unwrap();
    [a, b].map(|v| gradients.wrt(v).unwrap().to_vec())
}

/// One row of the page: the expression, where, and the slope.
type Row = (String, String, String);

/// A number as the page writes it.
fn written(x: f64) -> String {
    match x {
        f64::INFINITY => "∞".to_owned(),
        f64::NEG_INFINITY => "−∞".to_owned(),
        // Adding 0 turns a negative zero into a positive one.
        x => format!("{}", (x * 1e4).round() / 1e4 + 0.0).replace('-', "−"),
    }
}

/// The numbers of each input: one bare, several in brackets, inputs joined by "and".
fn list(inputs: &[Vec<f64>]) -> String {
    let one = |numbers: &Vec<f64>| match &numbers[..] {
        [number] => written(*number),
        numbers => format!("[{}]", numbers.iter().map(|&x| written(x)).collect::<Vec<_>>().join(", ")),
    };
    inputs.iter().map(one).collect::<Vec<_>>().join(" and ")
}

fn row(expression: &str, inputs: &[&[f64]], f: impl for<'t> Fn(&[Var<'t>]) -> Var<'t>) -> Row {
    let tape = Tape::f64();
    let x: Vec<Var<'_>> = inputs.iter().map(|&x| tape.leaf(x.to_vec())).collect();
    // Adding 0 · x gives a gradient of 0 where none flows.
    let total = x.iter().fold(f(&x).sum(), |total, &x| total + (x * 0.0).sum());
    let gradients = total.backward().unwrap();
    let slopes: Vec<Vec<f64>> = x.iter().map(|&x| gradients.wrt(x).unwrap().to_vec()).collect();
    let inputs: Vec<Vec<f64>> = inputs.iter().map(|x| x.to_vec()).collect();
    (expression.split_whitespace().collect::<Vec<_>>().join(" "), list(&inputs), list(&slopes))
}

/// An expression of the page, and the point.
macro_rules! rows {
    ($(|$($x:ident),+| $expression:expr, at $($at:expr),+;)*) => {
        vec![$(row(stringify!($expression), &[$(&$at),+], |x| {
            let &[$($x),+] = x else { unreachable!("a row has as many points as inputs") };
            $expression
        })),*]
    };
}

#[test]
fn every_row_of_the_page_is_what_happens() {
    let margin = |m| MarginLoss::arcface(m).unwrap().scale(1.0).unwrap();
    let [easy, shifted, linear] =
        [Fallback::Easy, Fallback::Shifted, Fallback::Linear].map(|fallback| margin(FRAC_PI_2).fallback(fallback));
    let (arcface, head) = (margin(0.5), CosineHead::new(2, 2, 0));
    head.weight.set(&Tensor::eye(2, head.weight.dtype())).unwrap();
    let happens = rows! {
        |x| x.relu(), at [0.0];
        |x| x.abs(), at [0.0];
        |a, b| a.l1_loss(b), at [1.0], [1.0];
        |a, b| a.smooth_l1_loss(b, 0.5), at [1.5], [1.0];
        |x| x.leaky_relu(0.1), at [0.0];
        |x| x.elu(0.6), at [0.0];
        |x| x.selu(), at [0.0];
        |x| x.celu(0.6), at [0.0];
        |x| x.hardswish(), at [-3.0, 3.0];
        |x| x.clamp(-1.0, 1.0), at [-1.0, 1.0];
        |x| x.max(0.0), at [0.0];
        |x| x.min(0.0), at [0.0];
        |a, b| a.max(b), at [1.0], [1.0];
        |a, b| a.min(b), at [1.0], [1.0];
        |x| x.max(x), at [1.0];
        |x| x.amax_axes(&[0], false), at [2.0, 1.0, 2.0];
        |x| x.amin_axes(&[0], false), at [0.0, 1.0, 0.0];
        |x| x.max_index(0, false).0, at [2.0, 1.0, 2.0];
        |x| x.topk(1, 0).0, at [2.0, 1.0, 2.0];
        |x| x.reshape([1, 1, 2, 2]).max_pool2d(Window::square(2)), at [5.0, 5.0, 1.0, 5.0];
        |x| x.sign(), at [0.0, 2.0];
        |x| x.floor(), at [1.0, 1.5];
        |x| x.ceil(), at [1.0, 1.5];
        |x| x.round(), at [0.5, 1.0];
        |x| x + (x.round() - x).detach(), at [0.5, 1.0];
        |x| x.gt(0.0), at [0.0];
        |x| x.eq(x), at [0.0];
        |a, b| a.gt(b).select(a, b), at [1.0], [1.0];
        |x| x.sqrt(), at [0.0];
        |x| x.signed_sqrt(), at [0.0];
        |x| x.rsqrt(), at [0.0];
        |x| x.recip(), at [0.0];
        |x| x.pow(0.5), at [0.0];
        |x| x.pow(0.0), at [0.0];
        |x| x.pow(1.0), at [0.0];
        |x| x.pow(2.0), at [0.0];
        |a, b| a.pow(b), at [0.0], [0.0];
        |a, b| a.pow(b), at [0.0], [1.0];
        |a, b| a.pow(b), at [0.0], [-1.0];
        |a, b| a.pow(b), at [-1.0], [2.0];
        |x| x.ln(), at [0.0];
        |x| x.ln_1p(), at [-1.0];
        |x| x.asin(), at [1.0];
        |x| x.acos(), at [1.0];
        |x| x.acosh(), at [1.0];
        |x| x.atanh(), at [1.0];
        |x| x.erfinv(), at [1.0];
        |a, b| a.xlogy(b), at [0.0], [0.0];
        |x| x.cumprod(0), at [2.0, 0.0, 5.0];
        |x| x.prod_axes(&[0], false), at [2.0, 0.0, 5.0];
        |x| x.prod_axes(&[0], false), at [0.0, 0.0, 5.0];
        |x| x.norm_axes(&[0], false), at [0.0, 0.0];
        |x| x.p_norm_axes(&[0], 3.0, false), at [0.0, 0.0];
        |x| x.std_axes(&[0], 0, false), at [5.0, 5.0];
        |x| x.l2_normalize(0, 0.5), at [0.0, 0.0];
        |x| x.direction(0), at [0.0, 0.0];
        |a, b| a.cosine_similarity(b, 0, 0.5), at [0.0, 0.0], [1.0, 0.0];
        |a, b| a.angle(b, 0), at [1.0, 0.0], [2.0, 0.0];
        |a, b| a.angle(b, 0), at [0.0, 0.0], [2.0, 0.0];
        |a, b| a.atan2(b), at [0.0], [0.0];
        |x| x.var_axes(&[0], 1, false), at [5.0];
        |x| x.var_axes(&[0], 0, false).sqrt(), at [5.0, 5.0];
        |x| easy.logits(x.reshape([1, 2]), &[0]).unwrap(), at [0.0, 0.5];
        |x| shifted.logits(x.reshape([1, 2]), &[0]).unwrap(), at [0.0, 0.5];
        |x| linear.logits(x.reshape([1, 2]), &[0]).unwrap(), at [0.0, 0.5];
        |x| arcface.stable_logits(&head, x.reshape([1, 2]), &[0]).unwrap(), at [2.0, 0.0];
        |x| arcface.stable_logits(&head, x.reshape([1, 2]), &[0]).unwrap(), at [-2.0, 0.0];
        |x| x.logsumexp_axes(&[0], false), at [f64::NEG_INFINITY, 1.0];
        |x| x.logsumexp_axes(&[0], false), at [f64::NEG_INFINITY, f64::NEG_INFINITY];
        |x| x.logsumexp_axes(&[0], false), at [f64::INFINITY, 1.0];
        |x| x.logsumexp_axes(&[0], false), at [f64::INFINITY, f64::INFINITY];
        |a, b| a.logaddexp(b), at [f64::INFINITY], [f64::INFINITY];
        |x| x.reshape([1, 2]).cross_entropy(&[1]), at [f64::NEG_INFINITY, 0.0];
        |a, b| a.kl_div(b), at [-1.0, -1.0], [0.0, 1.0];
        |x| x.softplus(), at [0.0];
        |x| x.log_sigmoid(), at [-800.0];
        |x| x.gt(0.0).select(x.sqrt(), 0.0), at [0.0, 4.0];
        |x| x.gt(0.0) * x.sqrt(), at [0.0, 4.0];
        |x| x.index_select(0, &[0, 0, 1]), at [1.0, 2.0];
        |x| x.gather(0, &[1, 1], [2]), at [1.0, 2.0];
        |x| x * x.detach(), at [3.0];
        |x| x.reshape([2, 2]).eigvalsh(), at [1.0, 0.0, 0.0, 1.0];
        |x| x.reshape([2, 2]).symmetric_sqrt(), at [0.0, 0.0, 0.0, 0.0];
        |x| x.relu(), at [f64::NAN];
        |x| x.elu(1.0), at [f64::NAN];
        |x| x.leaky_relu(0.1), at [f64::NAN];
        |x| x.abs(), at [f64::NAN];
        |x| x.sign(), at [f64::NAN];
        |x| x.clamp(-1.0, 1.0), at [f64::NAN];
        |x| x.max(0.0), at [f64::NAN];
        |a, b| a.max(b), at [f64::NAN], [1.0];
        |x| x.amax_axes(&[0], false), at [f64::NAN, 1.0, f64::NAN];
    };
    let page = include_str!("../src/guide/kinks.md");
    let says: Vec<Row> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|line| {
            let mut cells = line.split(" | ").map(|cell| cell.trim_end_matches('`').to_owned());
            let mut next = || cells.next().expect("a row has five cells");
            (next(), next(), next())
        })
        .collect();
    for (said, happened) in says.iter().zip(&happens) {
        assert_eq!(said, happened, "the page on the left, what happens on the right");
    }
    assert_eq!(says.len(), happens.len());
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
    assert_eq!(slope([2.0, 1.0, 2.0, 0.0], |x| x.amax_axes(&[0], false)), [0.5, 0.0, 0.5, 0.0]);
    assert_eq!(slope([0.0, 1.0, 2.0, 0.0], |x| x.amin_axes(&[], true)), [0.5, 0.0, 0.0, 0.5]);
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
    // For b < 0, 0ᵇ is infinite, and so is its slope in b; a NaN is not hidden.
    let [da, db] = slopes([0.0, 0.0], [-1.0, f64::NAN], |a, b| a.pow(b));
    assert_eq!((da[0], db[0]), (f64::NEG_INFINITY, f64::NEG_INFINITY));
    assert!(da[1].is_nan() && db[1].is_nan());
    assert_eq!(slope([0.0, 0.0], |x| x.norm()), [0.0, 0.0]);
    assert_eq!(slope([0.0, -2.0], |x| x.norm()), [0.0, -1.0]);
}

#[test]
fn steps_pass_no_gradient_and_what_is_not_selected_does_no_harm() {
    let flat: [fn(Var<'_>) -> Var<'_>; 6] =
        [|x| x.sign(), |x| x.floor(), |x| x.ceil(), |x| x.round(), |x| x.gt(0.0), |x| x.eq(x)];
    for f in flat {
        assert_eq!(slope([0.5, 1.0], |x| f(x) * 3.0 + x), [1.0, 1.0]);
    }
    assert_eq!(slope([-1.0, 4.0], |x| x.gt(0.0).select(x.max(0.0).sqrt(), x * 0.0)), [0.0, 0.25]);
    assert_eq!(slope([-1.0, 0.0, 4.0], |x| x.gt(0.0).select(x.sqrt(), x)), [1.0, 1.0, 0.25]);
    assert_eq!(slope([f64::NEG_INFINITY, 1.0], |x| x.logsumexp()), [0.0, 1.0]);
}

#[test]
fn nan_is_never_hidden() {
    let tape = Tape::f64();
    let x = tape.constant([f64::NAN, 1.0]);
    for y in [x.relu(), x.max(0.0), x.min(0.0), x.max(x * 0.0 + 1.0), x.clamp(-1.0, 1.0), x.sign(), x.abs(), x.elu(1.0)]
    {
        assert!(y.value().to_vec()[0].is_nan());
    }
    for total in [x.sum(), x.amax(), x.amin(), x.mean(), x.logsumexp()] {
        assert!(total.item().is_nan());
    }
    let image = x.reshape([1, 1, 1, 2]);
    let window = Window { kernel: [1, 2], stride: [1, 2], padding: [0, 0] };
    assert!(image.max_pool2d(window).item().is_nan());
}
