//! The tables: each elementwise operation with its value and its derivative, one per row.
//!
//! A row reads `NAME method "formula" |x| value, d |x, z, dz| derivative, slope finite, on (test interval);` with the
//! formula of the value in LaTeX, the output `z` and the upstream gradient `dz`. The slope is
//! `finite` at every input or `any`; `zero` stands for a derivative that is 0 between jumps. A row with a number `c` reads
//! `d |x, c, z, dz|`, and says a number for tests and whether `c` is printed `first` or `second`; it may name a `loop` for the
//! values of many numbers; one without may name one for a precision. See [`notation`](super::notation).

use super::{
    Elementwise, Slope,
    notation::{binary, loop_of_one, loop_with_number, number_first, rule, slope, unary, with_number},
};
use crate::{
    kernels::{
        Real,
        elementwise::{Loop, map, zip},
        math::double,
        powers,
    },
    tape::Var,
};

unary! {
    /// The same value.
    IDENTITY identity "x" |x| x, d |_, _, dz| dz, slope finite, on (-2.0, 2.0);
    /// −x.
    NEG negate "-x" |x| -x, d |_, _, dz| -dz, slope finite, on (-2.0, 2.0);
    /// eˣ.
    EXP exp "e^{x}" |x| x.exp_(), d |_, z, dz| dz * z, slope any, on (-2.0, 2.0);
    /// eˣ − 1, accurate near 0.
    EXP_M1 exp_m1 "e^{x} - 1" |x| x.exp_m1_(), d |_, z, dz| dz * (z + 1.0), slope any, on (-2.0, 2.0);
    /// ln x, the natural logarithm; NaN for x < 0.
    LN ln r"\ln(x)" |x| x.ln_(), d |x, _, dz| dz / x, slope any, on (0.3, 4.0);
    /// ln(1 + x), accurate near 0.
    LN_1P ln_1p r"\ln(1 + x)" |x| x.ln_1p_(), d |x, _, dz| dz / (x + 1.0), slope any, on (-0.7, 3.0);
    /// √x. Its derivative at 0 is infinite.
    SQRT sqrt r"\sqrt{x}" |x| x.root(), d |_, z, dz| dz / (z * 2.0), slope any, on (0.3, 4.0);
    /// sign(x) √|x|. Its derivative at 0 is infinite but counts as 0: a feature that is 0 gets no gradient.
    SIGNED_SQRT signed_sqrt r"\operatorname{sign}(x) \sqrt{|x|}" |x| x.sign() * x.magnitude().root(), d |_, z, dz| {
        let size = z.abs();
        let positive = size.gt(0.0);
        positive.select(dz / (positive.select(size, 1.0) * 2.0), 0.0)
    }, slope finite, on (0.3, 4.0);
    /// 1/√x.
    RSQRT rsqrt r"\frac{1}{\sqrt{x}}" |x| x.root().recip(),
        d |_, z, dz| dz * (z * z * z) * -0.5, slope any, on (0.3, 4.0);
    /// 1/x.
    RECIP recip r"\frac{1}{x}" |x| x.recip(), d |_, z, dz| -(dz * z * z), slope any, on (0.3, 4.0);
    /// x².
    SQUARE square "x^2" |x| x * x, d |x, _, dz| dz * x * 2.0, slope any, on (-2.0, 2.0);
    /// |x|. Its subgradient at 0 is 0.
    ABS abs "|x|" |x| x.magnitude(), d |x, _, dz| dz * x.sign(), slope any, on (0.2, 2.0);
    /// −1, 0 or 1. Its derivative is 0.
    SIGN sign r"\operatorname{sign}(x)" |x| x.sign(), zero, on (0.2, 2.0);
    /// The largest integer not above x. Its derivative is 0.
    FLOOR floor r"\lfloor x \rfloor" |x| x.round_down(), zero, on (0.2, 0.8);
    /// The smallest integer not below x. Its derivative is 0.
    CEIL ceil r"\lceil x \rceil" |x| x.round_up(), zero, on (0.2, 0.8);
    /// The nearest integer, halves to even. Its derivative is 0.
    ROUND round r"\operatorname{round}(x)" |x| x.round_even(), zero, on (0.6, 1.4);
    /// sin x.
    SIN sin r"\sin(x)" |x| x.sin_(), in f64 double::sin_each, d |x, _, dz| dz * x.cos(), slope any, on (-3.0, 3.0);
    /// cos x.
    COS cos r"\cos(x)" |x| x.cos_(), in f64 double::cos_each, d |x, _, dz| -(dz * x.sin()), slope any, on (-3.0, 3.0);
    /// tan x.
    TAN tan r"\tan(x)" |x| x.tan_(), in f64 double::tan_each, d |_, z, dz| dz * (z * z + 1.0), slope any, on (-1.2, 1.2);
    /// arcsin x. Its derivative at ±1 is infinite.
    ASIN asin r"\arcsin(x)" |x| x.asin_(), d |x, _, dz| dz * (1.0 - x * x).rsqrt(), slope any, on (-0.8, 0.8);
    /// arccos x. Its derivative at ±1 is infinite.
    ACOS acos r"\arccos(x)" |x| x.acos_(), d |x, _, dz| -(dz * (1.0 - x * x).rsqrt()), slope any, on (-0.8, 0.8);
    /// arctan x.
    ATAN atan r"\arctan(x)" |x| x.atan_(), d |x, _, dz| dz / (x * x + 1.0), slope any, on (-3.0, 3.0);
    /// sinh x.
    SINH sinh r"\sinh(x)" |x| x.sinh_(), d |x, _, dz| dz * x.cosh(), slope any, on (-2.0, 2.0);
    /// cosh x.
    COSH cosh r"\cosh(x)" |x| x.cosh_(), d |x, _, dz| dz * x.sinh(), slope any, on (-2.0, 2.0);
    /// tanh x.
    TANH tanh r"\tanh(x)" |x| x.tanh_(), d |_, z, dz| dz * (1.0 - z * z), slope any, on (-2.0, 2.0);
    /// The logistic function 1 / (1 + e⁻ˣ).
    SIGMOID sigmoid r"\sigma(x)" |x| x.sigmoid_(), d |_, z, dz| dz * z * (1.0 - z), slope any, on (-3.0, 3.0);
    /// ln(1 / (1 + e⁻ˣ)), without overflow.
    LOG_SIGMOID log_sigmoid r"\ln(\sigma(x))" |x| -softplus(-x),
        d |x, _, dz| dz * (-x).sigmoid(), slope any, on (-3.0, 3.0);
    /// ln(1 + eˣ), without overflow.
    SOFTPLUS softplus r"\ln(1 + e^{x})" |x| softplus(x), d |x, _, dz| dz * x.sigmoid(), slope any, on (-3.0, 3.0);
    /// The error function 2/√π ∫₀ˣ e^(−t²) dt.
    ERF erf r"\operatorname{erf}(x)" |x| x.erf_(),
        d |x, _, dz| dz * (-(x * x)).exp() * std::f64::consts::FRAC_2_SQRT_PI, slope any,
        on (-2.0, 2.0);
    /// 1 − [`erf`](Var::erf), accurate where it is small.
    ERFC erfc r"\operatorname{erfc}(x)" |x| x.by(libm::erfc),
        d |x, _, dz| dz * (-(x * x)).exp() * -std::f64::consts::FRAC_2_SQRT_PI, slope any,
        on (-2.0, 2.0);
    /// Φ(x), the probability that a standard normal variable is at most x; accurate where it is small.
    NORMAL_CDF normal_cdf r"\Phi(x)" |x| x.normal_cdf_(), d |x, _, dz| dz * normal_density(x), slope any, on (-3.0, 3.0);
    /// The inverse of [`erf`](Var::erf): ±∞ at ±1, NaN beyond.
    ERFINV erfinv r"\operatorname{erfinv}(x)" |x| x.erfinv_(), in f32 double::erfinv_each, in f64 double::erfinv_each,
        d |_, z, dz| dz * (z * z).exp() / std::f64::consts::FRAC_2_SQRT_PI,
        slope any, on (-0.8, 0.8);
    /// arsinh x, accurate near 0.
    ASINH asinh r"\operatorname{arsinh}(x)" |x| x.asinh_(),
        d |x, _, dz| dz * (x * x + 1.0).rsqrt(), slope any, on (-2.0, 2.0);
    /// arcosh x; NaN for x < 1. Its derivative at 1 is infinite.
    ACOSH acosh r"\operatorname{arcosh}(x)" |x| x.acosh_(),
        d |x, _, dz| dz * ((x - 1.0) * (x + 1.0)).rsqrt(), slope any, on (1.5, 4.0);
    /// artanh x: ±∞ at ±1, NaN beyond; accurate near 0.
    ATANH atanh r"\operatorname{artanh}(x)" |x| x.atanh_(),
        d |x, _, dz| dz / ((1.0 - x) * (x + 1.0)), slope any, on (-0.8, 0.8);
    /// The logarithm to base 2; exact for powers of 2.
    LOG2 log2 r"\log_{2}(x)" |x| x.log2_(),
        d |x, _, dz| dz / (x * std::f64::consts::LN_2), slope any, on (0.3, 4.0);
    /// The logarithm to base 10.
    LOG10 log10 r"\log_{10}(x)" |x| x.log10_(),
        d |x, _, dz| dz / (x * std::f64::consts::LN_10), slope any, on (0.3, 4.0);
    /// 2ˣ.
    EXP2 exp2 "2^{x}" |x| x.exp2_(), d |_, z, dz| dz * z * std::f64::consts::LN_2, slope any, on (-2.0, 2.0);
    /// ln |Γ(x)|, the logarithm of the gamma function; ∞ at 0 and the negative integers. Its derivative is
    /// [`digamma`](Var::digamma).
    LGAMMA lgamma r"\ln(|\Gamma(x)|)" |x| x.by(libm::lgamma), d |x, _, dz| dz * x.digamma(), slope any, on (0.4, 4.0);
    /// ψ(x), the derivative of ln Γ(x). At 0 it is ∓∞, at the negative integers NaN.
    DIGAMMA digamma r"\psi(x)" |x| x.polygamma_(Real::ZERO), in f32 double::digamma_each, in f64 double::digamma_each,
        d |x, _, dz| dz * x.polygamma(1), slope any, on (0.4, 4.0);
    /// max(x, 0). Its subgradient at 0 is 0.
    RELU relu r"\max(x, 0)" |x| x.larger(Real::ZERO),
        d |x, _, dz| x.gt(0.0).select(dz, 0.0), slope finite, on (0.2, 2.0);
    /// x Φ(x), with the normal distribution function Φ (Hendrycks and Gimpel, arXiv 1606.08415), in its exact form.
    GELU gelu r"x \Phi(x)" |x| x * x.normal_cdf_(), d |x, _, dz| dz * (x.normal_cdf() + x * normal_density(x)),
        slope any, on (-3.0, 3.0);
    /// x / (1 + e⁻ˣ), also called swish.
    SILU silu r"x \sigma(x)" |x| x * x.sigmoid_(), d |x, _, dz| {
        let s = x.sigmoid();
        dz * (s + x * s * (1.0 - s))
    }, slope any, on (-3.0, 3.0);
    /// x tanh(ln(1 + eˣ)) (Misra, arXiv 1908.08681).
    MISH mish r"x \tanh(\ln(1 + e^{x}))" |x| x * softplus(x).tanh_(), d |x, _, dz| {
        let t = x.softplus().tanh();
        dz * (t + x * x.sigmoid() * (1.0 - t * t))
    }, slope any, on (-3.0, 3.0);
    /// x · min(max(x + 3, 0), 6) / 6 (Howard et al., arXiv 1905.02244).
    HARDSWISH hardswish r"\frac{x}{6} \min(\max(x + 3, 0), 6)" |x| hardswish(x),
        d |x, _, dz| dz * x.gt(-3.0).select(x.lt(3.0).select(x / 3.0 + 0.5, 1.0), 0.0), slope finite, on (-2.5, 2.5);
}

with_number! {
    /// x + c.
    ADD_NUMBER add "x + c" |x, c| x + c, d |_, _, _, dz| dz, slope finite, on (-2.0, 2.0), with 0.7 second;
    /// c − x.
    SUB_FROM_NUMBER sub "c - x" |x, c| c - x, d |_, _, _, dz| -dz, slope finite, on (-2.0, 2.0), with 0.7 first;
    /// x · c.
    MUL_NUMBER mul "c x" |x, c| x * c,
        d |_, c, _, dz| dz * c, slope finite if c.is_finite(), on (-2.0, 2.0), with 0.7 second;
    /// x / c.
    DIV_BY_NUMBER div r"\frac{x}{c}" |x, c| x / c, d |_, c, _, dz| dz / c, slope finite if c != 0.0 && !c.is_nan(),
        on (-2.0, 2.0), with 0.7 second;
    /// c / x.
    DIV_NUMBER div r"\frac{c}{x}" |x, c| c / x, d |x, _, z, dz| -(dz * z / x), slope any, on (0.3, 2.0), with 0.7 first;
    /// xᶜ.
    POW_NUMBER pow "x^{c}" |x, c| x.power(c), loop powers::by_number, d |x, c, _, dz| match c {
        0.0 => dz * 0.0,
        1.0 => dz,
        2.0 => dz * x * 2.0,
        _ => dz * x.pow(c - 1.0) * c,
    }, slope finite if c == 0.0 || c == 1.0, on (0.3, 2.0), with 1.7 second;
    /// max(x, c); the subgradient at x = c is 1.
    MAX_NUMBER max r"\max(x, c)" |x, c| x.larger(c), d |x, c, _, dz| x.ge(c).select(dz, 0.0), slope finite,
        on (-2.0, 2.0), with -2.5 second;
    /// min(x, c); the subgradient at x = c is 1.
    MIN_NUMBER min r"\min(x, c)" |x, c| x.smaller(c), d |x, c, _, dz| x.le(c).select(dz, 0.0), slope finite,
        on (-2.0, 2.0), with 2.5 second;
    /// 1 where x = c.
    EQ_NUMBER eq "[x = c]" |x, c| indicator(x == c), zero, on (0.2, 2.0), with 3.0 second;
    /// 1 where x ≠ c.
    NE_NUMBER ne r"[x \ne c]" |x, c| indicator(x != c), zero, on (0.2, 2.0), with 3.0 second;
    /// 1 where x < c.
    LT_NUMBER lt "[x < c]" |x, c| indicator(x < c), zero, on (0.2, 2.0), with 3.0 second;
    /// 1 where x ≤ c.
    LE_NUMBER le r"[x \le c]" |x, c| indicator(x <= c), zero, on (0.2, 2.0), with 3.0 second;
    /// 1 where x > c.
    GT_NUMBER gt "[x > c]" |x, c| indicator(x > c), zero, on (0.2, 2.0), with 3.0 second;
    /// 1 where x ≥ c.
    GE_NUMBER ge r"[x \ge c]" |x, c| indicator(x >= c), zero, on (0.2, 2.0), with 3.0 second;
    /// ψ⁽ᶜ⁾(x), the c-th derivative of ψ.
    POLYGAMMA polygamma r"\psi^{(c)}(x)" |x, c| x.polygamma_(c), loop double::polygamma_each,
        d |x, c, _, dz| dz * x.polygamma(c as usize + 1), slope any,
        on (0.6, 4.0), with 1.0 second;
    /// x for x > 0, c · x elsewhere; the subgradient at 0 is c.
    LEAKY_RELU leaky_relu r"\max(x, 0) + c \min(x, 0)" |x, c| Real::pick(x > Real::ZERO, x, x * c),
        d |x, c, _, dz| x.gt(0.0).select(dz, dz * c), slope finite if c.is_finite(), on (-2.0, -0.2), with 0.1 second;
    /// x for x > 0, c (eˣ − 1) elsewhere; the subgradient at 0 is c.
    ELU elu r"\max(x, 0) + c (e^{\min(x, 0)} - 1)"
        |x, c| Real::pick(x > Real::ZERO, x, c * x.smaller(Real::ZERO).exp_m1_()),
        d |x, c, z, dz| dz * x.gt(0.0).select(1.0, z + c), slope any, on (-2.0, -0.2), with 0.6 second;
    /// x for x > 0, c (e^(x/c) − 1) elsewhere.
    CELU celu r"\max(x, 0) + c (e^{\frac{\min(x, 0)}{c}} - 1)"
        |x, c| Real::pick(x > Real::ZERO, x, c * (x.smaller(Real::ZERO) / c).exp_m1_()),
        d |x, c, _, dz| dz * (x.min(0.0) / c).exp(), slope any, on (-2.0, -0.2), with 0.6 second;
}

binary! {
    /// a + b.
    ADD add "a + b" |a, b| a + b, d |_, _, _, dz| [dz, dz], slope finite, on (-2.0, 2.0), (-2.0, 2.0);
    /// a − b.
    SUB sub "a - b" |a, b| a - b, d |_, _, _, dz| [dz, -dz], slope finite, on (-2.0, 2.0), (-2.0, 2.0);
    /// a · b.
    MUL mul "a b" |a, b| a * b, d |a, b, _, dz| [dz * b, dz * a], slope any, on (-2.0, 2.0), (-2.0, 2.0);
    /// a / b.
    DIV div r"\frac{a}{b}" |a, b| a / b, d |_, b, z, dz| [dz / b, -(dz * z / b)], slope any, on (-2.0, 2.0), (0.4, 2.0);
    /// aᵇ.
    POW pow "a^{b}" |a, b| a.power(b), d |a, b, z, dz| [
        // b a^(b − 1) is 0 for b = 0, even where the power is infinite; for a > 0 its own slope in b, 1/a, is kept.
        dz * (b.eq(0.0) * (1.0 - a.gt(0.0))).select(0.0, b * a.pow(b - 1.0)),
        // aᵇ ln a tends to 0 with a, for b > 0; there the logarithm, which is not used, is taken of 1. For b < 0 it tends to −∞.
        dz * z * (a.eq(0.0) * b.ge(0.0)).select(1.0, a).ln()
    ], slope any, on (0.4, 2.0), (-1.5, 2.0);
    /// max(a, b); at a = b each gets half the gradient.
    MAXIMUM max r"\max(a, b)" |a, b| a.larger(b), d |a, b, _, dz| [
        dz * (a.gt(b) + a.eq(b) * 0.5),
        dz * (b.gt(a) + a.eq(b) * 0.5)
    ], slope finite, on (-2.0, -0.2), (0.0, 1.0);
    /// min(a, b); at a = b each gets half the gradient.
    MINIMUM min r"\min(a, b)" |a, b| a.smaller(b), d |a, b, _, dz| [
        dz * (a.lt(b) + a.eq(b) * 0.5),
        dz * (b.lt(a) + a.eq(b) * 0.5)
    ], slope finite, on (-2.0, -0.2), (0.0, 1.0);
    /// The angle of the point (x = b, y = a), from −π to π.
    ATAN2 atan2 r"\operatorname{atan2}(a, b)" |a, b| a.arctan2(b), d |a, b, _, dz| [
        dz * a.row_of_two(&ATAN2_SLOPE, b),
        -(dz * b.row_of_two(&ATAN2_SLOPE, a))
    ], slope any, on (-2.0, 2.0), (0.4, 2.0);
    /// b / (a² + b²), the slope of the angle in a, where squares would overflow or lose digits, too. It is s, the real part of
    /// 1 / (b + ia), whose other part is −t: ds = −2 s t da + (t² − s²) db.
    ATAN2_SLOPE atan2_slope r"\frac{b}{a^{2} + b^{2}}" |a, b| a.atan2_slope_(b), d |a, b, s, dz| [
        dz * s * b.row_of_two(&ATAN2_SLOPE, a) * -2.0,
        dz * (b.row_of_two(&ATAN2_SLOPE, a).square() - s.square())
    ], slope any, on (-2.0, 2.0), (0.4, 2.0);
    /// 1 where a = b.
    EQ eq "[a = b]" |a, b| indicator(a == b), zero, on (-2.0, -0.2), (0.0, 1.0);
    /// 1 where a ≠ b.
    NE ne r"[a \ne b]" |a, b| indicator(a != b), zero, on (-2.0, -0.2), (0.0, 1.0);
    /// 1 where a < b.
    LT lt "[a < b]" |a, b| indicator(a < b), zero, on (-2.0, -0.2), (0.0, 1.0);
    /// 1 where a ≤ b.
    LE le r"[a \le b]" |a, b| indicator(a <= b), zero, on (-2.0, -0.2), (0.0, 1.0);
    /// 1 where a > b.
    GT gt "[a > b]" |a, b| indicator(a > b), zero, on (-2.0, -0.2), (0.0, 1.0);
    /// 1 where a ≥ b.
    GE ge r"[a \ge b]" |a, b| indicator(a >= b), zero, on (-2.0, -0.2), (0.0, 1.0);
}

/// 1 where the condition holds, else 0.
#[inline(always)]
fn indicator<T: Real>(condition: bool) -> T {
    T::pick(condition, T::ONE, T::ZERO)
}

/// ln(1 + eˣ) without overflow.
#[inline(always)]
fn softplus<T: Real>(x: T) -> T {
    x.larger(T::ZERO) + (-x.magnitude()).exp_().ln_1p_()
}

/// x · min(max(x + 3, 0), 6) / 6.
#[inline(always)]
fn hardswish<T: Real>(x: T) -> T {
    x * (x + T::of(3.0)).larger(T::ZERO).smaller(T::of(6.0)) / T::of(6.0)
}

/// φ(x) = e^(−x²/2) / √2π, the derivative of Φ.
fn normal_density(x: Var<'_>) -> Var<'_> {
    (x * x * -0.5).exp() * NORMAL_DENSITY_AT_0
}

/// 1 / √2π.
pub(super) const NORMAL_DENSITY_AT_0: f64 = std::f64::consts::FRAC_1_SQRT_2 * std::f64::consts::FRAC_2_SQRT_PI * 0.5;
