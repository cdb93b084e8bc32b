//! Single precision over arguments of all sizes: each elementwise operation within its budget of `f32` units.
//!
//! The budgets are in the tables of [`rows`](crate::rows). In units in the last place of the result:
//!
//! | budget | operations |
//! |---|---|
//! | 0 | what picks or compares numbers: identity, negate, abs, relu, clamp, max, min, steps, comparisons |
//! | 0.5 | what is rounded once: + − · /, square, recip, sqrt, signed_sqrt, leaky_relu |
//! | 1 | pow, of most exponents by the standard library; asinh, acosh, atanh, atan2, log2, log10, exp2, computed in `f64` |
//! | 1.5 | rsqrt, which is rounded twice |
//! | 3 | exp, exp_m1, ln, ln_1p, the circular and hyperbolic functions and their inverses, sigmoid, erf, |
//! |   | softplus, log_sigmoid, elu, celu |
//! | 4 | tan, silu, selu |
//! | 6 | mish |
//!
//! gelu and hardswish have a budget of 2 in units of the larger of result and argument, normal_cdf one of 4. Hardswish has a
//! factor that is itself a difference, x + 3, with few correct digits near −3. Of the other two it is the reference, with
//! 1 + erf, that lacks digits near −∞; how many normal_cdf itself has there is a test of its kernel.

use proptest::prelude::*;
use wengert::{Tape, Tensor, Var};

use crate::{
    check::{Outcome, fault},
    draw::{below, mix},
    each_case,
    rows::{BINARY, Budget, COMPARISONS, STEPS, UNARY},
};

/// How many arguments of each operation a case tries.
const COUNT: usize = 512;

const SPECIAL: [f32; 16] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    3.0,
    -3.0,
    f32::MIN_POSITIVE,
    -1e-45,
    1e-40,
    f32::MAX,
    f32::MIN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
    f32::EPSILON,
];

/// A number from all of `f32` within the bounds: special ones, all bit patterns, and all orders of magnitude near 1.
fn argument(seed: u64, place: u64, (low, high): (f64, f64)) -> f32 {
    let inside = |x: f32| (f64::from(x) >= low && f64::from(x) <= high) || (x.is_nan() && low == f64::NEG_INFINITY);
    (0u64..)
        .map(|again| {
            let bits = mix(seed ^ again << 40, place);
            let sign = if bits & 1 == 0 { 1.0 } else { -1.0 };
            let fraction = (bits >> 32) as f64 / 2f64.powi(32);
            match bits >> 1 & 7 {
                0 => SPECIAL[below(bits, place, SPECIAL.len())],
                1 => f32::from_bits((bits >> 32) as u32),
                2 => (sign * fraction * 100.0) as f32,
                _ => (sign * 2f64.powf(fraction * 24.0 - 16.0)) as f32,
            }
        })
        .find(|&x| inside(x))
        // A signaling NaN is another matter: its power 0 is NaN, and that of a quiet one is 1.
        .map(|x| if x.is_nan() { f32::NAN } else { x })
        .expect("some number lies within the bounds")
}

/// The distance of `got` from `want` in units in the last place of an `f32` as large as `size`. Infinite where one is
/// NaN or infinite in `f32` and the other is not the same.
fn units(got: f32, want: f64, size: f64) -> f64 {
    let rounded = want as f32;
    if !rounded.is_finite() || !got.is_finite() {
        let same = got == rounded || (got.is_nan() && rounded.is_nan());
        // What exceeds the largest number by less than a unit may round to it or to infinity.
        let edge = want.abs() >= f64::from(f32::MAX) && want.abs() < f64::from(f32::MAX) * (1.0 + 1e-6);
        return if same || (edge && got.is_sign_positive() == (want > 0.0)) { 0.0 } else { f64::INFINITY };
    }
    let exponent = size.abs().max(f64::from(f32::MIN_POSITIVE)).log2().floor() as i32;
    (f64::from(got) - want).abs() / 2f64.powi(exponent - 23)
}

fn within(name: &str, budget: Budget, arguments: &[&[f32]], got: Vec<f64>, want: impl Fn(usize) -> f64) -> Outcome {
    for (i, got) in got.into_iter().enumerate() {
        let want = want(i);
        let largest = arguments.iter().fold(want.abs(), |m, x| m.max(f64::from(x[i].abs())));
        let (allowed, size) = match budget {
            Budget::Result(allowed) => (allowed, want),
            Budget::Argument(allowed) => (allowed, largest),
        };
        // A result half-way between two numbers is half a unit off; its reference in f64 is rounded too.
        let distance = units(got as f32, want, size);
        if distance > allowed * (1.0 + 1e-6) {
            let at: Vec<f32> = arguments.iter().map(|x| x[i]).collect();
            return fault(format!("{name} of {at:?} is {got:e}, not {want:e}: {distance} units, allowed {allowed}"));
        }
    }
    Ok(())
}

#[test]
fn operations_of_one_value_keep_their_budget() {
    each_case(150, any::<u64>(), |seed| {
        for row in UNARY.iter().chain(STEPS) {
            let x: Vec<f32> = (0..COUNT).map(|i| argument(seed, i as u64, row.wide)).collect();
            let tape = Tape::new();
            let got = (row.run)(tape.constant(Tensor::from(x.clone()))).value().to_vec();
            within(row.name, row.budget, &[&x], got, |i| (row.reference)(x[i].into()))?;
        }
        Ok(())
    });
}

#[test]
fn operations_of_two_values_keep_their_budget() {
    each_case(150, any::<u64>(), |seed| {
        for row in BINARY.iter().chain(COMPARISONS) {
            let draw =
                |k: usize| (0..COUNT).map(|i| argument(seed, (k * COUNT + i) as u64, row.wide[k])).collect::<Vec<_>>();
            let (a, b) = (draw(0), draw(1));
            let tape = Tape::new();
            let [left, right]: [Var; 2] = [&a, &b].map(|x| tape.constant(Tensor::from(x.clone())));
            let got = (row.run)(left, right).value().to_vec();
            within(row.name, row.budget, &[&a, &b], got, |i| (row.reference)(a[i].into(), b[i].into()))?;
        }
        Ok(())
    });
}
