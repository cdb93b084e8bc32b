//! Elementwise loops with more than two inputs: a number scaled and shifted, and a choice between two.

use super::{
    Real,
    elementwise::{
        Operand::{self, Each, Same},
        map, zip,
    },
    simd,
};

/// `out[i] = x[i] · a[i] + b[i]`.
pub fn affine<T: Real>(x: Operand<T>, a: Operand<T>, b: Operand<T>, out: &mut [T]) {
    match (x, a, b) {
        (Each(x), Same(a), Same(b)) => map(
            x,
            out,
            #[inline(always)]
            move |x| x * a + b,
        ),
        (Each(x), Each(a), Each(b)) => simd(
            #[inline(always)]
            move || {
                for (((out, &x), &a), &b) in out.iter_mut().zip(x).zip(a).zip(b) {
                    *out = x * a + b;
                }
            },
        ),
        (x, a, Same(b)) => zip(
            x,
            a,
            out,
            #[inline(always)]
            move |x, a| x * a + b,
        ),
        (Same(same), x, b) | (x, Same(same), b) => zip(
            x,
            b,
            out,
            #[inline(always)]
            move |x, b| x * same + b,
        ),
    }
}

/// `out[i] = (x[i] − m[i]) · a[i] + b[i]`. Far from 0, x · a + (b − m · a) would be the small distance of two large numbers
/// that have been rounded.
pub fn normal<T: Real>(x: Operand<T>, coefficients: [Operand<T>; 3], out: &mut [T]) {
    match (x, coefficients) {
        (Each(x), [Same(m), Same(a), Same(b)]) => map(
            x,
            out,
            #[inline(always)]
            move |x| (x - m) * a + b,
        ),
        (Each(x), [Each(m), Each(a), Each(b)]) => simd(
            #[inline(always)]
            move || {
                for ((((out, &x), &m), &a), &b) in out.iter_mut().zip(x).zip(m).zip(a).zip(b) {
                    *out = (x - m) * a + b;
                }
            },
        ),
        (x, [m, a, b]) => {
            zip(
                x,
                m,
                out,
                #[inline(always)]
                move |x, m| x - m,
            );
            for (i, out) in out.iter_mut().enumerate() {
                *out = *out * a.at(i) + b.at(i);
            }
        }
    }
}

/// `out[i] = mask[i] ≠ 0 ? a[i] : b[i]`. What is not chosen is never used in arithmetic, so a NaN there does no harm.
pub fn select<T: Real>(mask: Operand<T>, a: Operand<T>, b: Operand<T>, out: &mut [T]) {
    let mask = match mask {
        Each(mask) => mask,
        Same(mask) => {
            let chosen = if mask != T::ZERO { a } else { b };
            return match chosen {
                Each(x) => out.copy_from_slice(x),
                Same(x) => out.fill(x),
            };
        }
    };
    match (a, b) {
        (Each(a), Each(b)) => simd(
            #[inline(always)]
            move || {
                for (((out, &m), &a), &b) in out.iter_mut().zip(mask).zip(a).zip(b) {
                    *out = T::pick(m != T::ZERO, a, b);
                }
            },
        ),
        (Each(a), Same(b)) => zip(
            Each(mask),
            Each(a),
            out,
            #[inline(always)]
            move |m, a| T::pick(m != T::ZERO, a, b),
        ),
        (Same(a), Each(b)) => zip(
            Each(mask),
            Each(b),
            out,
            #[inline(always)]
            move |m, b| T::pick(m != T::ZERO, a, b),
        ),
        (Same(a), Same(b)) => map(
            mask,
            out,
            #[inline(always)]
            move |m| T::pick(m != T::ZERO, a, b),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_normalized_whichever_operands_vary() {
        let all: [[f64; 3]; 4] =
            [[1e8 + 1.0, 1e8 + 3.0, 1e8 - 2.0], [1e8, 1e8 + 1.0, 1e8], [2.0, 3.0, 4.0], [0.5, 0.25, 1.0]];
        for varies in 0..16 {
            let operand = |k: usize| if varies >> k & 1 == 1 { Each(&all[k][..]) } else { Same(all[k][0]) };
            let mut out = [f64::NAN; 3];
            normal(operand(0), [operand(1), operand(2), operand(3)], &mut out);
            for (i, out) in out.into_iter().enumerate() {
                let [x, m, a, b] = [0, 1, 2, 3].map(|k| operand(k).at(i));
                assert_eq!(out, (x - m) * a + b, "{varies:04b}, {i}");
            }
        }
    }
}
