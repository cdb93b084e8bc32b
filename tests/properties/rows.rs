//! The elementwise operations, one line each: how they are recorded, what they compute, where they are smooth, and how
//! accurate they are in `f32`.
//!
//! The reference functions are written from the standard library's `f64` functions, and from a series for the error
//! function. The last two columns are the range of arguments over which accuracy is asserted and its budget.

use wengert::Var;

/// An operation of one value.
pub struct Unary {
    pub name: &'static str,
    pub run: for<'t> fn(Var<'t>) -> Var<'t>,
    pub reference: fn(f64) -> f64,
    /// Where slopes are taken: between multiples of 1/16, at which all kinks lie.
    pub smooth: (f64, f64),
    /// Where accuracy is asserted.
    pub wide: (f64, f64),
    pub budget: Budget,
}

/// An operation of two values.
pub struct Binary {
    pub name: &'static str,
    pub run: for<'t> fn(Var<'t>, Var<'t>) -> Var<'t>,
    pub reference: fn(f64, f64) -> f64,
    pub smooth: [(f64, f64); 2],
    pub wide: [(f64, f64); 2],
    pub budget: Budget,
}

/// The largest distance of an `f32` result from the exact one.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    /// In units in the last place of the exact result.
    Result(f64),
    /// In units in the last place of the larger of result and argument: for functions that are written as a difference.
    Argument(f64),
}

use Budget::{Argument, Result};

/// 2/√π ∫₀ˣ e^(−t²) dt = 2/√π e^(−x²) Σ 2ⁿ x^(2n+1) / (1 · 3 · 5 ··· (2n + 1)): nothing cancels in it.
pub fn erf(x: f64) -> f64 {
    if x.is_nan() || x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while term.abs() > 1e-18 * sum.abs() {
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
        n += 1.0;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn elu(x: f64, alpha: f64) -> f64 {
    if x > 0.0 { x } else { alpha * x.exp_m1() }
}

fn sign(x: f64) -> f64 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        x
    }
}

/// The larger of the two; NaN if either is.
fn larger(a: f64, b: f64) -> f64 {
    if a > b || a.is_nan() { a } else { b }
}

/// The smaller of the two; NaN if either is.
fn smaller(a: f64, b: f64) -> f64 {
    if a < b || a.is_nan() { a } else { b }
}

/// Every `f32`, with infinities and NaN.
const ALL: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
/// Every `f32` that is not negative.
const HALF: (f64, f64) = (0.0, f64::INFINITY);
/// Numbers whose squares, products and quotients keep their precision.
const MIDDLE: (f64, f64) = (-1e15, 1e15);
/// Numbers for which e^x is not subnormal.
const ABOVE: (f64, f64) = (-87.0, f64::INFINITY);

macro_rules! rows {
    ($Row:ident: $($name:ident $run:expr, $reference:expr, $smooth:expr, $wide:expr, $budget:expr;)*) => {
        &[$($Row {
            name: stringify!($name), run: $run, reference: $reference, smooth: $smooth, wide: $wide, budget: $budget,
        }),*]
    };
}

/// Operations of one value, with numbers among them.
pub const UNARY: &[Unary] = rows! { Unary:
    identity |x| x.identity(), |x| x, (-2.0, 2.0), ALL, Result(0.0);
    negate |x| -x, |x| -x, (-2.0, 2.0), ALL, Result(0.0);
    exp |x| x.exp(), f64::exp, (-2.0, 2.0), ALL, Result(3.0);
    exp_m1 |x| x.exp_m1(), f64::exp_m1, (-2.0, 2.0), ALL, Result(3.0);
    ln |x| x.ln(), f64::ln, (0.25, 4.0), ALL, Result(3.0);
    ln_1p |x| x.ln_1p(), f64::ln_1p, (-0.75, 3.0), ALL, Result(3.0);
    sqrt |x| x.sqrt(), f64::sqrt, (0.25, 4.0), ALL, Result(0.5);
    signed_sqrt |x| x.signed_sqrt(), |x| sign(x) * x.abs().sqrt(), (0.25, 4.0), ALL, Result(0.5);
    rsqrt |x| x.rsqrt(), |x| 1.0 / x.sqrt(), (0.25, 4.0), HALF, Result(1.5);
    recip |x| x.recip(), |x| 1.0 / x, (0.25, 4.0), ALL, Result(0.5);
    square |x| x.square(), |x| x * x, (-2.0, 2.0), ALL, Result(0.5);
    abs |x| x.abs(), f64::abs, (-2.0, 2.0), ALL, Result(0.0);
    sin |x| x.sin(), f64::sin, (-3.0, 3.0), ALL, Result(3.0);
    cos |x| x.cos(), f64::cos, (-3.0, 3.0), ALL, Result(3.0);
    tan |x| x.tan(), f64::tan, (-1.1875, 1.1875), ALL, Result(4.0);
    asin |x| x.asin(), f64::asin, (-0.75, 0.75), ALL, Result(3.0);
    acos |x| x.acos(), f64::acos, (-0.75, 0.75), ALL, Result(3.0);
    atan |x| x.atan(), f64::atan, (-3.0, 3.0), ALL, Result(3.0);
    sinh |x| x.sinh(), f64::sinh, (-2.0, 2.0), ALL, Result(3.0);
    cosh |x| x.cosh(), f64::cosh, (-2.0, 2.0), ALL, Result(3.0);
    tanh |x| x.tanh(), f64::tanh, (-2.0, 2.0), ALL, Result(3.0);
    sigmoid |x| x.sigmoid(), sigmoid, (-3.0, 3.0), ALL, Result(3.0);
    log_sigmoid |x| x.log_sigmoid(), |x| -softplus(-x), (-3.0, 3.0), ALL, Result(3.0);
    softplus |x| x.softplus(), softplus, (-3.0, 3.0), ALL, Result(3.0);
    erf |x| x.erf(), erf, (-2.0, 2.0), ALL, Result(3.0);
    normal_cdf |x| x.normal_cdf(), |x| (1.0 + erf(x * 0.5f64.sqrt())) / 2.0, (-3.0, 3.0), MIDDLE, Argument(4.0);
    asinh |x| x.asinh(), f64::asinh, (-2.0, 2.0), MIDDLE, Result(1.0);
    acosh |x| x.acosh(), f64::acosh, (1.5, 4.0), MIDDLE, Result(1.0);
    atanh |x| x.atanh(), f64::atanh, (-0.75, 0.75), ALL, Result(1.0);
    log2 |x| x.log2(), f64::log2, (0.25, 4.0), ALL, Result(1.0);
    log10 |x| x.log10(), f64::log10, (0.25, 4.0), ALL, Result(1.0);
    exp2 |x| x.exp2(), f64::exp2, (-2.0, 2.0), ALL, Result(1.0);
    relu |x| x.relu(), |x| larger(x, 0.0), (-2.0, 2.0), ALL, Result(0.0);
    gelu |x| x.gelu(), |x| x * (1.0 + erf(x * 0.5f64.sqrt())) / 2.0, (-3.0, 3.0), MIDDLE, Argument(2.0);
    silu |x| x.silu(), |x| x * sigmoid(x), (-3.0, 3.0), ABOVE, Result(4.0);
    mish |x| x.mish(), |x| x * softplus(x).tanh(), (-3.0, 3.0), ABOVE, Result(6.0);
    hardswish |x| x.hardswish(), |x| x * (x + 3.0).clamp(0.0, 6.0) / 6.0, (-4.0, 4.0), MIDDLE, Argument(2.0);
    selu |x| x.selu(), |x| 1.050_700_987_355_480_5 * elu(x, 1.673_263_242_354_377_2), (-2.0, 2.0), MIDDLE, Result(4.0);
    leaky_relu |x| x.leaky_relu(0.125), |x| if x > 0.0 { x } else { 0.125 * x }, (-2.0, 2.0), ALL, Result(0.5);
    elu |x| x.elu(0.625), |x| elu(x, 0.625), (-2.0, 2.0), ALL, Result(3.0);
    celu |x| x.celu(0.5), |x| if x > 0.0 { x } else { 0.5 * (x / 0.5).exp_m1() }, (-2.0, 2.0), ALL, Result(3.0);
    clamp |x| x.clamp(-0.5, 0.75), |x| x.clamp(-0.5, 0.75), (-2.0, 2.0), ALL, Result(0.0);
    add_number |x| 0.75 + x, |x| x + 0.75, (-2.0, 2.0), ALL, Result(0.5);
    sub_number |x| x - 0.75, |x| x - 0.75, (-2.0, 2.0), ALL, Result(0.5);
    sub_from_number |x| 0.75 - x, |x| 0.75 - x, (-2.0, 2.0), ALL, Result(0.5);
    mul_number |x| -1.375 * x, |x| -1.375 * x, (-2.0, 2.0), ALL, Result(0.5);
    div_by_number |x| x / 0.375, |x| x / 0.375, (-2.0, 2.0), ALL, Result(0.5);
    div_number |x| 0.375 / x, |x| 0.375 / x, (0.25, 4.0), ALL, Result(0.5);
    max_number |x| x.max(0.25), |x| larger(x, 0.25), (-2.0, 2.0), ALL, Result(0.0);
    min_number |x| x.min(-0.25), |x| smaller(x, -0.25), (-2.0, 2.0), ALL, Result(0.0);
    pow_0 |x| x.pow(0.0), |_| 1.0, (-2.0, 2.0), ALL, Result(0.0);
    pow_1 |x| x.pow(1.0), |x| x, (-2.0, 2.0), ALL, Result(0.0);
    pow_2 |x| x.pow(2.0), |x| x * x, (-2.0, 2.0), ALL, Result(1.0);
    pow_3 |x| x.pow(3.0), |x| x * x * x, (-2.0, 2.0), ALL, Result(1.0);
    pow_minus_2 |x| x.pow(-2.0), |x| 1.0 / (x * x), (0.5, 4.0), ALL, Result(1.0);
    pow_half |x| x.pow(0.5), f64::sqrt, (0.25, 4.0), HALF, Result(1.0);
    pow_1_75 |x| x.pow(1.75), |x| x.powf(1.75), (0.25, 4.0), HALF, Result(1.0);
};

/// Operations of one value that pass on no gradient.
pub const STEPS: &[Unary] = rows! { Unary:
    sign |x| x.sign(), sign, (-2.0, 2.0), ALL, Result(0.0);
    floor |x| x.floor(), f64::floor, (-2.0, 2.0), ALL, Result(0.0);
    ceil |x| x.ceil(), f64::ceil, (-2.0, 2.0), ALL, Result(0.0);
    round |x| x.round(), f64::round_ties_even, (-2.0, 2.0), ALL, Result(0.0);
    eq_number |x| x.eq(0.5), |x| f64::from(x == 0.5), (-2.0, 2.0), ALL, Result(0.0);
    ne_number |x| x.ne(0.5), |x| f64::from(x != 0.5), (-2.0, 2.0), ALL, Result(0.0);
    lt_number |x| x.lt(0.5), |x| f64::from(x < 0.5), (-2.0, 2.0), ALL, Result(0.0);
    le_number |x| x.le(0.5), |x| f64::from(x <= 0.5), (-2.0, 2.0), ALL, Result(0.0);
    gt_number |x| x.gt(0.5), |x| f64::from(x > 0.5), (-2.0, 2.0), ALL, Result(0.0);
    ge_number |x| x.ge(0.5), |x| f64::from(x >= 0.5), (-2.0, 2.0), ALL, Result(0.0);
};

const BOTH: [(f64, f64); 2] = [(-2.0, 2.0), (-2.0, 2.0)];
/// Numbers no two of which are equal.
const APART: [(f64, f64); 2] = [(-2.0, 0.0), (0.0, 2.0)];

/// Operations of two values.
pub const BINARY: &[Binary] = rows! { Binary:
    add |a, b| a + b, |a, b| a + b, BOTH, [ALL, ALL], Result(0.5);
    sub |a, b| a - b, |a, b| a - b, BOTH, [ALL, ALL], Result(0.5);
    mul |a, b| a * b, |a, b| a * b, BOTH, [ALL, ALL], Result(0.5);
    div |a, b| a / b, |a, b| a / b, [(-2.0, 2.0), (0.375, 2.0)], [ALL, ALL], Result(0.5);
    pow |a, b| a.pow(b), f64::powf, [(0.375, 2.0), (-1.5, 2.0)], [HALF, (-30.0, 30.0)], Result(1.0);
    max |a, b| a.max(b), larger, APART, [ALL, ALL], Result(0.0);
    min |a, b| a.min(b), smaller, APART, [ALL, ALL], Result(0.0);
    atan2 |a, b| a.atan2(b), f64::atan2, [(-2.0, 2.0), (0.375, 2.0)], [ALL, ALL], Result(1.0);
};

/// Comparisons of two values, which pass no gradient on.
pub const COMPARISONS: &[Binary] = rows! { Binary:
    eq |a, b| a.eq(b), |a, b| f64::from(a == b), BOTH, [ALL, ALL], Result(0.0);
    ne |a, b| a.ne(b), |a, b| f64::from(a != b), BOTH, [ALL, ALL], Result(0.0);
    lt |a, b| a.lt(b), |a, b| f64::from(a < b), BOTH, [ALL, ALL], Result(0.0);
    le |a, b| a.le(b), |a, b| f64::from(a <= b), BOTH, [ALL, ALL], Result(0.0);
    gt |a, b| a.gt(b), |a, b| f64::from(a > b), BOTH, [ALL, ALL], Result(0.0);
    ge |a, b| a.ge(b), |a, b| f64::from(a >= b), BOTH, [ALL, ALL], Result(0.0);
};
