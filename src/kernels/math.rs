//! Elementary functions without branches, so that a loop over them runs in vector registers.
//!
//! The standard library's `exp` is one call per element; a loop over it cannot use SIMD, and an activation then costs
//! more than the matrix product before it. The functions here are straight-line arithmetic with selects instead of
//! branches. Inside [`simd`](super::simd) the compiler turns a loop over them into vector code. They use no fused
//! multiply-add, so the same input gives the same bits on every machine.
//!
//! The exponential family below and the [`logarithms`] are written once for both precisions over [`Approximate`], which
//! holds what differs: the layout of the bits, and the coefficients; so are the inverse circular functions (`arcs`) and the
//! inverse hyperbolic ones (`areas`). Functions for `f32` alone are in [`single`], for `f64` in [`double`].
//!
//! **Coefficients.** Each polynomial interpolates its function at the Chebyshev nodes of the given interval, solved
//! with 60 digits and rounded once; that is within a small factor of the best polynomial of its degree. Each fits what
//! is left after the first terms of the Taylor series, which stay exact: `exp` keeps `1 + r`, the odd functions keep
//! `x`. "Error 2⁻³²" is the error of the fit relative to the whole function, before any rounding.
//!
//! # The exponential family
//!
//! `x = n ln 2 + r` with the integer `n` nearest to `x / ln 2`, so `|r| <= ln 2 / 2`. `ln 2` is split into a part with
//! few bits, whose product with `n` is exact, and the rest (W. J. Cody and W. Waite, *Software Manual for the
//! Elementary Functions*, 1980). Then `eʳ = 1 + r + r² E(r)` and `eˣ = 2ⁿ eʳ`. `E` has 5 coefficients in `f32` (error
//! 2⁻²⁷) and 10 in `f64` (2⁻⁵⁶). Adding `1.5 · 2²³` (`1.5 · 2⁵²`) rounds to the nearest integer: it pushes the fraction
//! out of the significand and leaves `n` in the low bits, from which the factor `2ⁿ` is built.
//!
//! * `eˣ − 1 = (2ⁿ − 1) + 2ⁿ r + 2ⁿ r² E(r)`, added in this order; for `n = 0` it is `r + r² E(r)`.
//! * `tanh x = 1 − 2 / (e²ˣ + 1)` from 0.625 on, and `x + x³ P(x²) / Q(x²)` below (errors 2⁻²⁶ and 2⁻⁵⁹): both share a
//!   single division.
//! * `sigmoid x` is `1 / (1 + e)` or `e / (1 + e)` with `e = e^−|x|`, by the sign: neither form cancels or overflows.
//! * `2ˣ = 2ⁿ eʳ` with n the integer nearest to x and `r = (x − n) ln 2`: exact for whole numbers.
//! * `cosh x = h + 1 / 4h` with `h = e^|x| / 2`; `sinh` likewise with a minus from 1 on, and `x + x³ P(x²)` below
//!   (errors 2⁻³² and 2⁻⁶¹).
//!
//! # Accuracy
//!
//! The largest measured distance from the exact value, in units in the last place (ulp). In `f32`, over every 97th of
//! the 2³² bit patterns, against the standard library's `f64` function; in `f64`, over random arguments where each
//! function is hardest (3·10⁴ to 6·10⁴ of them, against 120 bits), and never more than 2 ulp from the standard
//! library's own result over 2·10⁷ arguments of all sizes.
//!
//! | ulp   | exp  | exp_m1 | ln   | ln_1p | tanh | sigmoid | sinh | cosh | exp2 |
//! |-------|------|--------|------|-------|------|---------|------|------|------|
//! | `f32` | 1.02 | 1.30   | 0.80 | 1.38  | 1.31 | 2.28    | 1.61 | 1.46 |      |
//! | `f64` | 0.97 | 1.65   | 0.75 | 0.79  | 1.22 | 1.89    | 1.52 | 1.24 | 0.99 |
//!
//! The tests enforce a bound of 3 ulp (4 for [`single::tan`]). NaN gives NaN, the odd functions keep the sign of zero, and
//! subnormal numbers are handled like all others.

mod arcs;
mod areas;
pub mod double;
mod gammas;
mod inverse_erf;
mod logarithms;
mod normal;
pub mod single;
pub mod special;

use super::Real;
pub use arcs::{acos, asin, atan, atan2, atan2_single, atan2_slope};
pub use areas::{acosh, asinh, atanh};
pub use logarithms::{ln, ln_1p, log2, log10};
pub use normal::{cdf_double, cdf_single};

/// What the shared algorithms need to know about a number type.
pub trait Approximate: Real {
    /// `1.5 · 2^(digits − 1)`: adding it rounds a small number to an integer, kept in the low bits.
    const ROUNDER: Self;
    /// `ln 2` without its last bits: its product with any exponent is exact.
    const LN_2_HIGH: Self;
    /// `ln 2 − LN_2_HIGH`.
    const LN_2_LOW: Self;
    /// Below this, eˣ is 0, and so is half of it.
    const EXP_MIN: Self;
    /// Above this, eˣ / 2 is infinite.
    const EXP_MAX: Self;
    /// Above this, eˣ is infinite; at it, the exponent of eˣ / 2 is still that of a finite number.
    const EXP_M1_MAX: Self;
    /// `E` on |r| <= 1.01 ln 2 / 2.
    const EXP: &'static [Self];
    /// `A` on s² <= 0.0295.
    const LN: &'static [Self];
    /// `P` of tanh on x² <= 0.625².
    const TANH_P: &'static [Self];
    /// `Q` of tanh.
    const TANH_Q: &'static [Self];
    /// `P` of sinh on x² <= 1.
    const SINH: &'static [Self];

    /// `self · 2^(n + shift)` for `rounder = ROUNDER + n`, correctly rounded where that is subnormal.
    ///
    /// In two factors, since the power alone may leave the range of the type where the product does not.
    fn scale(self, rounder: Self, shift: i32) -> Self;
    /// `2^(n − 1)` for `rounder = ROUNDER + n`, where that is a normal number.
    fn half_power(rounder: Self) -> Self;
    /// `(k, m, 2⁻ᵏ)` with `self = 2ᵏ m`, `√½ <= m < √2`, for a normal positive number; 2⁻ᵏ only while it is normal.
    fn split(self) -> (Self, Self, Self);
    /// Makes a subnormal number normal: `(self · 2^by, by)`; any other is returned with `by = 0`.
    fn normal(self) -> (Self, Self);
    /// `self` with the sign of `other`.
    fn signed_as(self, other: Self) -> Self;
}

macro_rules! approximate {
    ($T:ident, $Bits:ident, sqrt_half: $sqrt_half:expr, { $($constants:tt)* }) => {
        impl Approximate for $T {
            const ROUNDER: Self = 1.5 / $T::EPSILON;
            $($constants)*
            #[inline(always)]
            fn scale(self, rounder: Self, shift: i32) -> Self {
                const STORED: u32 = $T::MANTISSA_DIGITS - 1;
                const BIAS: $Bits = $T::MAX_EXP as $Bits - 1;
                // n + 2 BIAS > 0 is split between two exponent fields, which then need no sign.
                let both = rounder.to_bits().wrapping_sub(Self::ROUNDER.to_bits()).wrapping_add(2 * BIAS)
                    .wrapping_add_signed(shift.into());
                let one = both >> 1;
                self * $T::from_bits(one << STORED) * $T::from_bits(both.wrapping_sub(one) << STORED)
            }
            #[inline(always)]
            fn half_power(rounder: Self) -> Self {
                const STORED: u32 = $T::MANTISSA_DIGITS - 1;
                const BIAS: $Bits = $T::MAX_EXP as $Bits - 1;
                $T::from_bits(rounder.to_bits().wrapping_sub(Self::ROUNDER.to_bits()).wrapping_add(BIAS - 1) << STORED)
            }
            #[inline(always)]
            fn split(self) -> (Self, Self, Self) {
                const STORED: u32 = $T::MANTISSA_DIGITS - 1;
                const BIAS: $Bits = $T::MAX_EXP as $Bits - 1;
                const SQRT_HALF: $Bits = $sqrt_half;
                const ONE: $Bits = (1.0 as $T).to_bits();
                /// The number at which the last bit counts ones.
                const WHOLE: $T = 1.0 / $T::EPSILON;
                let shifted = self.to_bits().wrapping_add(ONE - SQRT_HALF);
                let field = shifted >> STORED;
                let k = $T::from_bits(WHOLE.to_bits() | field) - (WHOLE + BIAS as $T);
                let m = $T::from_bits((shifted & ((1 << STORED) - 1)) + SQRT_HALF);
                (k, m, $T::from_bits((2 * BIAS).wrapping_sub(field) << STORED))
            }
            #[inline(always)]
            fn normal(self) -> (Self, Self) {
                const BY: u32 = $T::MANTISSA_DIGITS + 1;
                let tiny = self < $T::MIN_POSITIVE;
                if tiny { (self * (1u64 << BY) as $T, BY as $T) } else { (self, 0.0) }
            }
            #[inline(always)]
            fn signed_as(self, other: Self) -> Self { self.copysign(other) }
        }
    };
}

approximate!(f32, u32, sqrt_half: 0x3f35_04f3, {
    const LN_2_HIGH: Self = 0.693_145_75;
    const LN_2_LOW: Self = 1.428_606_8e-6;
    const EXP_MIN: Self = -105.0;
    const EXP_MAX: Self = 90.0;
    const EXP_M1_MAX: Self = 89.0;
    const EXP: &'static [Self] = &[0.5, 0.166_665_73, 0.041_666_55, 0.008_363_774, 0.001_392_692_7];
    const LN: &'static [Self] = &[0.666_666_87, 0.399_887_6, 0.295_809_86];
    const TANH_P: &'static [Self] = &[-0.333_333_28, -0.001_551_066_4];
    const TANH_Q: &'static [Self] = &[1.0, 0.404_646_8];
    const SINH: &'static [Self] = &[0.166_666_67, 0.008_333_339, 0.000_198_381_02, 2.806_280_2e-6];
});

approximate!(f64, u64, sqrt_half: 0x3fe6_a09e_667f_3bcd, {
    const LN_2_HIGH: Self = 0.693_147_180_485_539_1;
    const LN_2_LOW: Self = 7.440_617_110_012_397e-11;
    const EXP_MIN: Self = -747.0;
    const EXP_MAX: Self = 711.0;
    const EXP_M1_MAX: Self = 710.0;
    const EXP: &'static [Self] = &[
        0.500_000_000_000_000_1, 0.166_666_666_666_666_69, 0.041_666_666_666_620_64, 0.008_333_333_333_329_793,
        0.001_388_888_891_893_916_8, 0.000_198_412_698_643_805_13, 0.000_024_801_518_641_395_993,
        2.755_726_641_861_23e-6, 2.762_133_866_914_292_5e-7, 2.510_134_692_835_034e-8,
    ];
    const LN: &'static [Self] = &[
        0.666_666_666_666_667, 0.399_999_999_998_988_9, 0.285_714_286_262_538_36, 0.222_222_110_893_794_96,
        0.181_828_924_325_368_7, 0.153_316_117_220_550_08, 0.146_178_071_534_173_25,
    ];
    const TANH_P: &'static [Self] =
        &[-0.333_333_333_333_333_3, -0.020_498_799_708_498_872, -0.000_199_178_043_586_128_7];
    const TANH_Q: &'static [Self] =
        &[1.0, 0.461_496_399_125_493_1, 0.023_291_331_876_298_86, 0.000_206_533_737_487_502_5];
    const SINH: &'static [Self] = &[
        0.166_666_666_666_666_66, 0.008_333_333_333_333_299, 0.000_198_412_698_413_241_98, 2.755_731_919_138_181_6e-6,
        2.505_211_769_590_782_3e-8, 1.605_767_962_380_163_8e-10, 7.746_178_593_018_827e-13,
    ];
});

/// `c[0] + c[1] x + c[2] x² + ...` by Horner's rule; the loop unrolls, since the coefficients are constants.
#[inline(always)]
pub(crate) fn polynomial<T: Real>(x: T, coefficients: &[T]) -> T {
    let [rest @ .., last] = coefficients else { return T::ZERO };
    rest.iter().rev().fold(*last, |sum, &c| sum * x + c)
}

/// `x` clamped to the two bounds; NaN stays NaN.
#[inline(always)]
fn clamp<T: Real>(x: T, low: T, high: T) -> T {
    T::pick(x < low, low, T::pick(x > high, high, x))
}

/// `(r, ROUNDER + n, n)` with `x = n ln 2 + r`, for x within the callers' bounds.
#[inline(always)]
fn reduce<T: Approximate>(x: T) -> (T, T, T) {
    let rounder = x * T::of(std::f64::consts::LOG2_E) + T::ROUNDER;
    let n = rounder - T::ROUNDER;
    (x - n * T::LN_2_HIGH - n * T::LN_2_LOW, rounder, n)
}

/// `2^shift eˣ` for shift -1 or 0, which overflows no earlier than the result does.
#[inline(always)]
fn scaled_exp<T: Approximate>(x: T, shift: i32) -> T {
    let (r, rounder, _) = reduce(clamp(x, T::EXP_MIN, T::EXP_MAX));
    reduced_exp(r).scale(rounder, shift)
}

/// eʳ.
#[inline(always)]
fn reduced_exp<T: Approximate>(r: T) -> T {
    T::ONE + (r + r * r * polynomial(r, T::EXP))
}

/// eˣ.
#[inline(always)]
pub fn exp<T: Approximate>(x: T) -> T {
    scaled_exp(x, 0)
}

/// 2ˣ.
#[inline(always)]
pub fn exp2<T: Approximate>(x: T) -> T {
    let log2_e = T::of(std::f64::consts::LOG2_E);
    let x = clamp(x, T::EXP_MIN * log2_e, T::EXP_MAX * log2_e);
    let rounder = x + T::ROUNDER;
    reduced_exp((x - (rounder - T::ROUNDER)) * T::of(std::f64::consts::LN_2)).scale(rounder, 0)
}

/// eˣ − 1, accurate near 0.
#[inline(always)]
pub fn exp_m1<T: Approximate>(x: T) -> T {
    // From -60 downward, the result is -1 in either precision.
    let (r, rounder, n) = reduce(clamp(x, T::of(-60.0), T::EXP_M1_MAX));
    let tail = r * r * polynomial(r, T::EXP);
    // With half the power, since 2ⁿ itself may be infinite where the result is not. The short term is added last: the
    // others nearly cancel for n = 1, but exactly.
    let half = T::half_power(rounder);
    let large = ((half - T::of(0.5)) + half * r + half * tail) * T::of(2.0);
    T::pick(n == T::ZERO, r + tail, large).signed_as(x)
}

/// tanh x.
#[inline(always)]
pub fn tanh<T: Approximate>(x: T) -> T {
    let a = x.magnitude();
    let z = a * a;
    let small = a < T::of(0.625);
    // From 20 on, the result is 1 in either precision. Below, e²ᵃ / 2 is a normal number, and needs a single factor.
    let (r, rounder, _) = reduce(T::pick(a > T::of(20.0), T::of(40.0), a + a));
    let half = reduced_exp(r) * T::half_power(rounder);
    let above = T::pick(small, z * polynomial(z, T::TANH_P), -T::ONE);
    let below = T::pick(small, polynomial(z, T::TANH_Q), half + T::of(0.5));
    let quotient = above / below;
    (T::pick(small, a, T::ONE) + T::pick(small, a * quotient, quotient)).signed_as(x)
}

/// 1 / (1 + e⁻ˣ).
#[inline(always)]
pub fn sigmoid<T: Approximate>(x: T) -> T {
    let e = exp(-x.magnitude());
    T::pick(x < T::ZERO, e, T::ONE) / (T::ONE + e)
}

/// sinh x.
#[inline(always)]
pub fn sinh<T: Approximate>(x: T) -> T {
    let a = x.magnitude();
    let z = a * a;
    let h = scaled_exp(a, -1);
    T::pick(a < T::ONE, a + a * (z * polynomial(z, T::SINH)), h - T::of(0.25) / h).signed_as(x)
}

/// cosh x.
#[inline(always)]
pub fn cosh<T: Approximate>(x: T) -> T {
    let h = scaled_exp(x.magnitude(), -1);
    h + T::of(0.25) / h
}

#[cfg(test)]
mod tests;
