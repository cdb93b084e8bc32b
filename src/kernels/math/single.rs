//! Functions with a way of their own in `f32`. In `f64` the circular functions are in [`double`](super::double), and the error
//! function is that of `libm`.
//!
//! # The circular functions
//!
//! They need the fractional part of `x / 2π`, which a rounded quotient loses entirely where `x` is large. So `1 / 2π`
//! is split into six pieces, five of them with at most 28 bits: the product of such a piece with the 24 bits of `x` is
//! exact in `f64`, and so is the product minus the nearest integer. The six remainders add up to the turn, with an
//! error below 2⁻⁵⁰ for every `f32`, even 10³⁸ (the reduction of M. Payne and R. Hanek, 1983, in floating point instead
//! of integers). After subtraction of the nearest quarter turn, `|r| <= π/4`, and `sin r = r + r³ S(r²)` (error 2⁻²⁶
//! with 3 coefficients), `cos r = 1 − r²/2 + r⁴ C(r²)` (2⁻³⁰ with 3). The quarter determines which of the two is the
//! result, and its sign. Three pieces would do up to 2³⁰ and save a fifth of the time: too little for results that are
//! wrong beyond.
//!
//! # The error function
//!
//! `x + x P(x²)` up to 0.95 (error 2⁻³⁰ with 7 coefficients); above, `1 − e^−R(x)`, where `R = −ln erfc` is so smooth
//! that a polynomial of degree 8 suffices up to 4 (error 2⁻²⁹); from there on the result is 1.
//!
//! # Accuracy
//!
//! The largest measured distance from the standard library's `f64` function, in units in the last place, over every
//! 97th of the 2³² bit patterns (from libm's for `erf`; over all patterns for `sin` and `tan`).
//!
//! | sin  | cos  | tan  | erf  |
//! |------|------|------|------|
//! | 1.68 | 1.50 | 3.75 | 1.10 |

use super::{exp, polynomial};

/// `1 / 2π` in pieces whose products with an `f32` are exact; the last holds the remaining bits.
const TURNS: [f64; 6] = [
    0.159_154_942_259_192_47,
    8.327_028_684_640_414e-10,
    5.690_025_119_525_34e-19,
    6.317_065_047_250_705_4e-27,
    4.170_716_914_254_881e-35,
    2.897_178_338_357_036e-44,
];

/// `(sin r, cos r, q)` with `a = r + q π/2` minus whole turns, `|r| <= π/4` and `q` in -2, -1, 0, 1, 2.
#[inline(always)]
fn sin_cos(a: f32) -> (f32, f32, f32) {
    let a = f64::from(a);
    let mut turn = 0.0;
    for piece in TURNS {
        let product = a * piece;
        turn += product - product.round_ties_even();
    }
    turn -= turn.round_ties_even();
    let q = (4.0 * turn).round_ties_even();
    let r = ((turn - 0.25 * q) * std::f64::consts::TAU) as f32;
    let z = r * r;
    let sin = r + r * (z * polynomial(z, &[-0.166_666_64, 0.008_332_747, -0.000_195_876_39]));
    let tail = z * z * polynomial(z, &[0.041_666_664, -0.001_388_830_1, 0.000_024_547_69]);
    (sin, 1.0 - (0.5 * z - tail), q as f32)
}

/// sin x.
#[inline(always)]
pub fn sin(x: f32) -> f32 {
    let (sin, cos, q) = sin_cos(x.abs());
    let value = if q.abs() == 1.0 { cos } else { sin };
    let value = if (0.0..=1.0).contains(&q) { value } else { -value };
    value * 1f32.copysign(x)
}

/// cos x.
#[inline(always)]
pub fn cos(x: f32) -> f32 {
    let (sin, cos, q) = sin_cos(x.abs());
    let value = if q.abs() == 1.0 { sin } else { cos };
    if (-1.0..=0.0).contains(&q) { value } else { -value }
}

/// tan x.
#[inline(always)]
pub fn tan(x: f32) -> f32 {
    let (sin, cos, q) = sin_cos(x.abs());
    let odd = q.abs() == 1.0;
    let value = if odd { -cos } else { sin } / if odd { sin } else { cos };
    value * 1f32.copysign(x)
}

/// 2/√π ∫₀ˣ e^(−t²) dt.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let a = x.abs();
    let z = a * a;
    let near = a + a * polynomial(
        z,
        &[
            0.128_379_17,
            -0.376_126_32,
            0.112_836_696,
            -0.026_857_96,
            0.005_197_487_3,
            -0.000_810_291_56,
            0.000_082_041_7,
        ],
    );
    // Beyond 4 the polynomial no longer approximates erfc, but the result is 1 already.
    let b = if a > 4.0 { 4.0 } else { a };
    let exponent = polynomial(
        b,
        &[
            -0.000_321_866_25,
            1.130_241_9,
            0.631_809_53,
            0.110_097_244,
            -0.026_431_642,
            0.004_763_509_6,
            -0.000_597_677_25,
            0.000_046_164_787,
            -1.642_679e-6,
        ],
    );
    let far = 1.0 - exp(-exponent);
    (if a < 0.95 { near } else { far }).copysign(x)
}
