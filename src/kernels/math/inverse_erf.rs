//! The inverse of the error function.
//!
//! With `w = −ln(1 − x²)`, `erfinv x = ±√(w R(w))`, where R grows slowly from π/4 at 0 towards 1: a square root halves the
//! relative errors of both factors (M. B. Giles, *Approximating the erfinv function*, 2010, has polynomials in w and √w
//! instead). `R = π/4 + w P(w) / Q(w)` interpolates at Chebyshev nodes. The poles of R lie at multiples of 2πi, so for all w
//! up to 36 P and Q would need more than 15 coefficients each; up to 6.25 nine are enough (error of R 2⁻⁵⁸). From there on,
//! |x| > 0.999, it is [`special::erfinv`](super::special::erfinv), one call per element.
//!
//! Where x² may be subnormal, beside 1 it is nothing, and the result is x √π/2.

use super::{logarithms::ln_complement, polynomial};
use std::f64::consts::{FRAC_2_SQRT_PI, FRAC_PI_4};

/// Where [`central`] holds.
#[inline(always)]
pub fn is_central(y: f64) -> bool {
    y.abs() <= 0.999
}

/// The x with erf x = y in `f64`, for |y| <= 0.999.
#[inline(always)]
pub fn central(y: f64) -> f64 {
    const P: &[f64] = &[
        0.018_534_435_013_332_45,
        0.004_882_490_965_746_123_4,
        0.001_181_605_041_509_312_5,
        0.000_186_881_060_132_382_6,
        2.109_174_232_287_159_4e-5,
        1.850_284_787_095_141_6e-6,
        9.916_977_912_657_49e-8,
        3.034_404_643_902_264e-9,
        -4.701_999_598_050_539e-13,
    ];
    const Q: &[f64] = &[
        1.0,
        0.285_875_355_163_307_64,
        0.076_436_365_025_903_23,
        0.013_241_415_207_816_938,
        0.001_736_176_011_092_187,
        0.000_178_686_202_062_764_72,
        1.256_428_598_402_378_7e-5,
        6.196_029_883_337_42e-7,
        1.419_929_354_228_241_9e-8,
    ];
    let a = y.abs();
    let w = ln_complement(a);
    let ratio = FRAC_PI_4 + w * (polynomial(w, P) / polynomial(w, Q));
    let tiny = a * a < f64::EPSILON * f64::EPSILON;
    (if tiny { a * (1.0 / FRAC_2_SQRT_PI) } else { (w * ratio).sqrt() }).copysign(y)
}
