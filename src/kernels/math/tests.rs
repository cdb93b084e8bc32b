//! Every function against the standard library's `f64`, over bit patterns from the whole range of the type.

mod angles;

use super::{double, special};
use crate::kernels::{Real, elementwise::Unary, simd};

/// The tests look at one in this many bit patterns of `f32`: a prime, so that all low bits occur.
const STRIDE: usize = 997;

/// The distance of `got` from `want` in units in the last place of an `f32` as large as `want`.
///
/// Infinite where one is NaN, infinite or a signed zero, and the other is not the same.
fn ulps_single(got: f32, want: f64) -> f64 {
    let rounded = want as f32;
    if !rounded.is_finite() || !got.is_finite() || (got == 0.0 && rounded == 0.0) {
        let same = got.to_bits() == rounded.to_bits() || (got.is_nan() && rounded.is_nan());
        return if same { 0.0 } else { f64::INFINITY };
    }
    // The exponent of a normal f32 is at least -126; an `f64` here is never subnormal unless its `f32` is 0.
    let exponent = ((want.abs().to_bits() >> 52) as i32 - 1023).max(-126);
    (f64::from(got) - want).abs() / 2f64.powi(exponent - 23)
}

/// How many `f64` the two are apart; `u64::MAX` where just one is NaN, or where the signs differ.
fn ulps_double(got: f64, want: f64) -> u64 {
    if got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan()) {
        return 0;
    }
    if got.is_nan() || want.is_nan() || got.is_sign_negative() != want.is_sign_negative() {
        return u64::MAX;
    }
    got.to_bits().abs_diff(want.to_bits())
}

/// `(1 + e⁻ˣ)⁻¹` without overflow.
fn sigmoid(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

/// Pseudo-random `f64`: a quarter from all bit patterns, a quarter each within ±2, ±40 and ±750.
fn doubles(count: usize) -> Vec<f64> {
    let mut state = 1u64;
    let next = |i: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bits = (state ^ (state >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let unit = (bits >> 11) as f64 / (1u64 << 53) as f64 - 0.5;
        match i % 4 {
            0 => f64::from_bits(bits),
            1 => 4.0 * unit,
            2 => 80.0 * unit,
            _ => 1500.0 * unit,
        }
    };
    (0..count).map(next).collect()
}

/// The numbers nearest to multiples of π/2, where most of their digits cancel, and their neighbors in `f64`.
fn near_quarter_turns() -> impl Iterator<Item = f64> {
    (1..1_100_000).step_by(97).flat_map(|n| {
        let x = f64::from(n) * std::f64::consts::FRAC_PI_2;
        [x, -x.next_up(), x.next_down()]
    })
}

/// One test per line: the method, the bound in ulp, the function in `f64`.
macro_rules! accurate_single {
    ($($method:ident, $bound:literal, $reference:expr;)*) => { mod f32_within { use super::*; $(
        #[test]
        fn $method() {
            let reference: fn(f64) -> f64 = $reference;
            for bits in (0..=u32::MAX).step_by(STRIDE) {
                let x = f32::from_bits(bits);
                let (got, want) = (x.$method(), reference(x.into()));
                let error = ulps_single(got, want);
                assert!(error <= $bound, "{} of {x:e}: {got:e}, not {want:e}: {error} ulp", stringify!($method));
            }
        }
    )* } };
}

accurate_single! {
    exp_, 3.0, f64::exp;
    exp_m1_, 3.0, f64::exp_m1;
    ln_, 3.0, f64::ln;
    ln_1p_, 3.0, f64::ln_1p;
    tanh_, 3.0, f64::tanh;
    sigmoid_, 3.0, sigmoid;
    sinh_, 3.0, f64::sinh;
    cosh_, 3.0, f64::cosh;
    sin_, 3.0, f64::sin;
    cos_, 3.0, f64::cos;
    tan_, 4.0, f64::tan;
    asin_, 3.0, f64::asin;
    acos_, 3.0, f64::acos;
    atan_, 3.0, f64::atan;
    erf_, 3.0, libm::erf;
    erfinv_, 0.51, special::erfinv;
    asinh_, 0.51, libm::asinh;
    acosh_, 0.51, |x| if x < 1.0 { f64::NAN } else { libm::acosh(x) };
    atanh_, 0.51, libm::atanh;
    exp2_, 0.51, f64::exp2;
    log2_, 0.51, f64::log2;
    log10_, 0.51, f64::log10;
}

macro_rules! accurate_double {
    ($($method:ident, $reference:expr;)*) => { mod f64_within { use super::*; $(
        #[test]
        fn $method() {
            let reference: fn(f64) -> f64 = $reference;
            for x in doubles(400_000).into_iter().chain(near_quarter_turns()) {
                let (got, want) = (x.$method(), reference(x));
                // The reference may itself be off by one.
                let error = ulps_double(got, want);
                assert!(error <= 3, "{} of {x:e}: {got:e}, not {want:e}: {error} ulp", stringify!($method));
            }
        }
    )* } };
}

accurate_double! {
    exp_, f64::exp;
    exp_m1_, f64::exp_m1;
    ln_, f64::ln;
    ln_1p_, f64::ln_1p;
    tanh_, f64::tanh;
    sigmoid_, sigmoid;
    sinh_, f64::sinh;
    cosh_, f64::cosh;
    sin_, f64::sin;
    cos_, f64::cos;
    tan_, f64::tan;
    asin_, f64::asin;
    acos_, f64::acos;
    atan_, f64::atan;
    erfinv_, special::erfinv;
    asinh_, libm::asinh;
    acosh_, |x| if x < 1.0 { f64::NAN } else { libm::acosh(x) };
    atanh_, libm::atanh;
    exp2_, f64::exp2;
    log2_, f64::log2;
}

/// The values where a formula most easily goes wrong, in both precisions.
macro_rules! special {
    ($name:ident, $T:ident, $overflow:expr, $tiny:expr) => {
        #[test]
        fn $name() {
            const INF: $T = $T::INFINITY;
            let same = |got: $T, want: $T, what: &str| {
                assert!(got.to_bits() == want.to_bits(), "{what}: {got:e}, not {want:e}");
            };
            let odd: [(&str, fn($T) -> $T, $T); 13] = [
                ("exp_m1", Real::exp_m1_, INF),
                ("tanh", Real::tanh_, 1.0),
                ("sinh", Real::sinh_, INF),
                ("erf", Real::erf_, 1.0),
                ("atan", Real::atan_, std::f64::consts::FRAC_PI_2 as $T),
                ("ln_1p", Real::ln_1p_, INF),
                ("sin", Real::sin_, $T::NAN),
                ("tan", Real::tan_, $T::NAN),
                ("asin", Real::asin_, $T::NAN),
                ("asinh", Real::asinh_, INF),
                ("atanh", Real::atanh_, $T::NAN),
                ("erfinv", Real::erfinv_, $T::NAN),
                ("sign", Real::sign, 1.0),
            ];
            for (name, f, at_infinity) in odd {
                assert!(f($T::NAN).is_nan(), "{name} of NaN");
                assert!(f(INF) == at_infinity || f(INF).is_nan() && at_infinity.is_nan(), "{name} of infinity");
                if name == "sign" {
                    continue;
                }
                same(f(0.0), 0.0, name);
                same(f(-0.0), -0.0, name);
                if !name.starts_with("erf") {
                    same(f($tiny), $tiny, name);
                    same(f(-$tiny), -$tiny, name);
                }
            }
            same($T::sinh_(-INF), -INF, "sinh of -infinity");
            same($T::tanh_(-INF), -1.0, "tanh of -infinity");
            same($T::exp_m1_(-INF), -1.0, "exp_m1 of -infinity");
            same($T::exp_(-INF), 0.0, "exp of -infinity");
            same($T::exp_(INF), INF, "exp of infinity");
            same($T::exp_(0.0), 1.0, "exp of 0");
            same($T::exp_($overflow), INF, "exp above its range");
            assert!($T::exp_($overflow - 0.01).is_finite(), "exp at the end of its range");
            assert!($T::exp_m1_($overflow - 0.01).is_finite(), "exp_m1 at the end of its range");
            assert!($T::cosh_($overflow + 0.5).is_finite(), "cosh where exp is infinite");
            same($T::cosh_(-INF), INF, "cosh of -infinity");
            same($T::sigmoid_(-INF), 0.0, "sigmoid of -infinity");
            same($T::sigmoid_(INF), 1.0, "sigmoid of infinity");
            same($T::sigmoid_(0.0), 0.5, "sigmoid of 0");
            same($T::ln_(0.0), -INF, "ln of 0");
            same($T::ln_(-0.0), -INF, "ln of -0");
            same($T::ln_(1.0), 0.0, "ln of 1");
            same($T::ln_(INF), INF, "ln of infinity");
            same($T::ln_1p_(-1.0), -INF, "ln_1p of -1");
            assert!($T::ln_(-1.0).is_nan() && $T::ln_(-INF).is_nan() && $T::ln_1p_(-1.5).is_nan(), "ln of a negative");
            for (f, pole) in [(Real::atanh_ as fn($T) -> $T, 1.0), (Real::erfinv_, 1.0)] {
                same(f(pole), INF, "at the pole");
                same(f(-pole), -INF, "at the pole");
                assert!(f($T::next_down(pole)).is_finite() && f($T::next_up(pole)).is_nan(), "beside the pole");
            }
            same($T::acosh_(1.0), 0.0, "acosh of 1");
            same($T::acosh_(INF), INF, "acosh of infinity");
            assert!($T::acosh_(0.9).is_nan() && $T::acosh_(-INF).is_nan(), "acosh below 1");
            assert!($T::asinh_($T::MAX).is_finite() && $T::acosh_($T::MAX).is_finite(), "areas of the largest number");
            for n in [-5i8, 0, 1, 9] {
                same($T::exp2_(n.into()), $T::powi(2.0, n.into()), "exp2 of a whole number");
                same($T::log2_($T::powi(2.0, n.into())), n.into(), "log2 of a power of 2");
            }
            same($T::exp2_(-INF), 0.0, "exp2 of -infinity");
            same($T::exp2_(INF), INF, "exp2 of infinity");
            let rest: [fn($T) -> $T; 8] = [
                Real::exp_,
                Real::cosh_,
                Real::sigmoid_,
                Real::ln_,
                Real::cos_,
                Real::acos_,
                Real::exp2_,
                Real::acosh_,
            ];
            assert!(rest.iter().all(|f| f($T::NAN).is_nan()), "NaN in, NaN out");
        }
    };
}

special!(special_values_single, f32, 88.73, 1e-42);
special!(special_values_double, f64, 709.79, 1e-310);

/// Vector code must give what scalar code gives, to the bit, so that results do not differ between machines.
macro_rules! vector_and_scalar_bits_agree {
    ($($method:ident)*) => { mod vector_bits_of { use super::*; $(
        #[test]
        fn $method() {
            let x: Vec<f32> = (0..=u32::MAX).step_by(99_991).map(f32::from_bits).collect();
            let mut vector = vec![0.0; x.len()];
            simd(
                #[inline(always)]
                || {
                    for (y, &x) in vector.iter_mut().zip(&x) {
                        *y = x.$method();
                    }
                },
            );
            for (x, got) in x.into_iter().zip(vector) {
                let want = x.$method();
                let same = got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan());
                assert!(same, "{} of {x:e}: vector code gives {got:e}, scalar code {want:e}", stringify!($method));
            }
        }
    )* } };
}

vector_and_scalar_bits_agree! {
    exp_ exp_m1_ ln_ ln_1p_ tanh_ sigmoid_ sinh_ cosh_ sin_ cos_ tan_ asin_ acos_ atan_ erf_
    normal_cdf_ erfinv_ asinh_ acosh_ atanh_ exp2_ log2_ log10_
}

/// In `f64`, some arguments of the functions with two ways go the other way.
#[test]
fn many_have_the_bits_of_one() {
    type Both = (Unary<f64>, fn(f64) -> f64);
    let each: [Both; 6] = [
        (double::sin_each, double::sin),
        (double::cos_each, double::cos),
        (double::tan_each, double::tan),
        (double::erfinv_each, double::erfinv),
        (double::digamma_each, double::digamma),
        (double::trigamma_each, double::trigamma),
    ];
    // All of one block usual, and some of the other.
    for x in [doubles(1000), doubles(1000).into_iter().filter(|x| x.abs() < 0.99).collect()] {
        for (many, one) in each {
            let mut out = vec![7.0; x.len()];
            many(&x, 0.0, &mut out);
            let same = |(&x, got): (&f64, &f64)| got.to_bits() == one(x).to_bits() || got.is_nan() && one(x).is_nan();
            assert!(x.iter().zip(&out).all(same));
        }
    }
}
