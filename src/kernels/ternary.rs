//! Elementwise loops with three inputs: a number scaled and shifted, and a choice between two.

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
