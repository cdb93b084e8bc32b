//! Loops over rows, which are whole numbers of vectors, and copies between matrices whose rows have different lengths.

use crate::kernels::{Real, vector::Vectors};
use pulp::Simd;

/// As many numbers as the widest vectors have.
pub(super) const BLOCK: usize = 16;
/// With at most so many rows and columns, no vector helps.
pub(super) const FEW: usize = 4;

/// x · y. Four sums are under way at a time, since an addition takes as long as four can be begun in.
#[inline(always)]
pub(super) fn dot<T: Real, S: Simd>(ops: Vectors<T, S>, x: &[T], y: &[T]) -> T {
    let ((xs, x), (ys, y)) = (ops.cut(x).as_chunks::<4>(), ops.cut(y).as_chunks::<4>());
    let mut sums = [ops.splat(T::ZERO); 4];
    for (x, y) in xs.iter().zip(ys) {
        for q in 0..4 {
            sums[q] = ops.mul_add(x[q], y[q], sums[q]);
        }
    }
    for (&x, &y) in x.iter().zip(y) {
        sums[0] = ops.mul_add(x, y, sums[0]);
    }
    let one = ops.splat(T::ONE);
    let halves = [ops.mul_add(sums[0], one, sums[1]), ops.mul_add(sums[2], one, sums[3])];
    ops.sum(ops.mul_add(halves[0], one, halves[1]))
}

/// x ← x − factor · y.
#[inline(always)]
pub(super) fn subtract<T: Real, S: Simd>(ops: Vectors<T, S>, x: &mut [T], factor: T, y: &[T]) {
    let factor = ops.splat(-factor);
    for (x, &y) in ops.cut_mut(x).iter_mut().zip(ops.cut(y)) {
        *x = ops.mul_add(factor, y, *x);
    }
}

/// Copies the first numbers of rows, as many as fit, to rows of another length; the rest of a longer row becomes 0.
pub(super) fn copy<T: Real>(from: &[T], length: usize, to: &mut [T], pitch: usize) {
    if length == pitch {
        return to.copy_from_slice(from);
    }
    let both = length.min(pitch);
    for (from, to) in from.chunks(length).zip(to.chunks_mut(pitch)) {
        to[..both].copy_from_slice(&from[..both]);
        to[both..].fill(T::ZERO);
    }
}

/// A power of 2 that takes the largest of the numbers to about 1, as far as there is one.
#[inline(never)]
pub(super) fn inverse_power<T: Real>(x: &[T]) -> T {
    let largest = x.iter().fold(T::ZERO, |largest, x| largest.larger(x.magnitude())).to_f64();
    if largest == 0.0 {
        return T::ONE;
    }
    // The inverse of the largest power that is itself the inverse of a number of full precision.
    let most = if size_of::<T>() == size_of::<f32>() { 126 } else { 1022 };
    T::of(libm::ldexp(1.0, libm::ilogb(largest).saturating_neg().min(most)))
}
