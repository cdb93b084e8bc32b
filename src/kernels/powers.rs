//! Powers xᶜ of many numbers with one exponent.
//!
//! Networks raise to few powers: squares, cubes, roots and their inverses, and the rule of xᶜ lowers c by 1. Where 2c is a whole
//! number of small size, xᶜ is written in products, one root and one quotient. The standard library's function takes as long for
//! them as for any other power, about 20 times as long as a product in vector registers.
//!
//! For an exponent that is not whole, the power of −0 and −∞ is that of 0 and ∞, which a root alone does not give. An inverse
//! is 1 / y with y = x^|c|, or (1/x)^|c| where y is subnormal or infinite, since 1 / y has lost digits there.
//!
//! **Accuracy.** In `f32` half a unit in the last place and a little, since all but squares, inverses and roots, which are
//! rounded once, are computed in double precision. In `f64` there are up to four roundings; measured are 1.3 units for x³, 1.9
//! for x⁴, 1.5 for x⁻² and 2.3 for x⁻³.

use super::{Real, elementwise::map};

/// `out[i] = x[i]ᶜ`.
pub fn by_number<T: Real>(x: &[T], c: T, out: &mut [T]) {
    match c.to_f64() {
        0.0 => out.fill(T::ONE),
        1.0 => out.copy_from_slice(x),
        2.0 => map(x, out, square),
        3.0 => double(x, out, cube),
        4.0 => double(x, out, fourth),
        -1.0 => map(x, out, reciprocal),
        -2.0 => double(x, out, inverse_square),
        -3.0 => double(x, out, inverse_cube),
        0.5 => map(x, out, root),
        1.5 => double(x, out, three_halves),
        2.5 => double(x, out, five_halves),
        -0.5 => double(x, out, inverse_root),
        -1.5 => double(x, out, inverse_three_halves),
        _ => map(
            x,
            out,
            #[inline(always)]
            |x| x.power(c),
        ),
    }
}

/// [`map`] with a function in double precision.
#[inline(always)]
fn double<T: Real>(x: &[T], out: &mut [T], f: impl Fn(f64) -> f64) {
    map(
        x,
        out,
        #[inline(always)]
        |x: T| T::of(f(x.to_f64())),
    );
}

/// x with 0 for −0 and ∞ for −∞.
#[inline(always)]
fn unsigned<T: Real>(x: T) -> T {
    // Adding 0 turns −0 into 0 and changes nothing else.
    T::pick(x == -T::INFINITY, T::INFINITY, x + T::ZERO)
}

/// 1 / f(x) for a power f.
#[inline(always)]
fn inverse(x: f64, f: impl Fn(f64) -> f64) -> f64 {
    let y = f(x);
    let size = y.abs();
    if (size < f64::MIN_POSITIVE) | (size == f64::INFINITY) { f(1.0 / x) } else { 1.0 / y }
}

/// One power per line, in any precision or in double precision.
macro_rules! powers {
    ($($name:ident |$x:ident| $value:expr;)*) => {
        $(#[inline(always)] fn $name<T: Real>($x: T) -> T { $value })*
    };
    (f64 $($name:ident |$x:ident| $value:expr;)*) => {
        $(#[inline(always)] fn $name($x: f64) -> f64 { $value })*
    };
}

powers! {
    reciprocal |x| T::ONE / x;
    square |x| x * x;
    cube |x| x * x * x;
    fourth |x| (x * x) * (x * x);
    root |x| unsigned(x).root();
}

powers! { f64
    inverse_square |x| inverse(x, square);
    inverse_cube |x| inverse(x, cube);
    three_halves |x| unsigned(x) * root(x);
    five_halves |x| square(x) * root(x);
    inverse_root |x| 1.0 / root(x);
    inverse_three_halves |x| inverse(x, three_halves);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECIAL: [f64; 20] = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -0.5,
        2.0,
        -2.0,
        3.0,
        -3.0,
        1.5,
        -1.5,
        1e-30,
        -1e30,
        1e-42,
        -3e38,
        17.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
    ];

    /// Numbers of all signs and sizes, within 10^±range.
    fn numbers(range: f64) -> Vec<f64> {
        let mut state = 1u64;
        let number = |i: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let unit = (state >> 11) as f64 / (1u64 << 53) as f64 * 2.0 - 1.0;
            let size = 10f64.powf(unit * if i.is_multiple_of(2) { range } else { 1.0 });
            size.copysign(if i.is_multiple_of(3) { -1.0 } else { 1.0 })
        };
        (0..20_000).map(number).chain(SPECIAL).collect()
    }

    /// The distance in units in the last place of `want`; infinite where one is NaN, infinite or a zero and the other is not
    /// the same.
    fn units(got: f64, want: f64, digits: i32, smallest: i32) -> f64 {
        if got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan()) {
            return 0.0;
        }
        if !got.is_finite() || !want.is_finite() || (got == 0.0 && want == 0.0) {
            return f64::INFINITY;
        }
        // The last place of a subnormal number is that of the smallest normal one.
        let place = (want.abs().log2().floor() as i32).max(smallest) - digits;
        // In two factors, since 2⁻ᵖ may be infinite.
        (got - want).abs() * 2f64.powi(-place / 2) * 2f64.powi(-place - (-place / 2))
    }

    const SMALL: [f64; 13] = [0.0, 1.0, 2.0, 3.0, 4.0, -1.0, -2.0, -3.0, 0.5, 1.5, 2.5, -0.5, -1.5];
    const OTHERS: [f64; 6] = [5.0, -4.0, 2.5, 0.3, 1.7, -2.2];

    #[test]
    fn a_power_with_a_number_is_that_of_the_standard_library() {
        let x = numbers(300.0);
        for c in SMALL.into_iter().chain(OTHERS) {
            let mut out = vec![7.0; x.len()];
            by_number(&x, c, &mut out);
            for (&x, got) in x.iter().zip(out) {
                let error = units(got, x.powf(c), 52, -1022);
                assert!(error <= 2.5, "{x:e} to the power {c}: {got:e}, not {:e}: {error} ulp", x.powf(c));
            }
        }
        let x: Vec<f32> = numbers(40.0).into_iter().map(|x| x as f32).collect();
        for c in SMALL.into_iter().chain(OTHERS).map(|c| c as f32) {
            let mut out = vec![7.0; x.len()];
            by_number(&x, c, &mut out);
            for (&x, got) in x.iter().zip(out) {
                let want = f64::from(x).powf(c.into());
                let rounded = want as f32;
                let error = match rounded.is_finite() && got.is_finite() && rounded != 0.0 && got != 0.0 {
                    true => units(got.into(), want, 23, -126),
                    false if rounded.to_bits() == got.to_bits() || (rounded.is_nan() && got.is_nan()) => 0.0,
                    false => f64::INFINITY,
                };
                // The standard library computes 5 and the powers after it.
                assert!(
                    error <= 0.51 || error <= 1.0 && !SMALL.contains(&f64::from(c)),
                    "{x:e} to the power {c}: {got:e}"
                );
            }
        }
    }

    /// Vector code must give what scalar code gives, to the bit.
    #[test]
    fn a_power_among_many_is_that_of_one_number() {
        let x: Vec<f32> = numbers(40.0).into_iter().map(|x| x as f32).collect();
        for c in SMALL.into_iter().chain(OTHERS).map(|c| c as f32) {
            let mut out = vec![7.0; x.len()];
            by_number(&x, c, &mut out);
            for (&x, got) in x.iter().zip(out) {
                let mut one = [7.0];
                by_number(&[x], c, &mut one);
                assert!(
                    got.to_bits() == one[0].to_bits() || (got.is_nan() && one[0].is_nan()),
                    "{x:e} to the power {c}"
                );
            }
        }
    }
}
