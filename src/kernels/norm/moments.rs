//! Mean and variance along any axes that lie beside each other, or on both sides of others.

use super::{
    Channels,
    side::{LONG, SIDE, distances_of_sixteen},
    sums::{Distances, LANES},
};
use crate::kernels::{Real, parallel, simd};

/// The mean of x `[outer, n, c, s]` along n and s, and the sum of squared distances from it divided by `divisor`, both
/// `[outer, c]`; NaN where there is nothing to average.
pub fn moments<T: Real>([outer, n, c, s]: [usize; 4], x: &[T], divisor: f64, mean: &mut [T], var: &mut [T]) {
    let length = n * s;
    if n == 1 || c == 1 {
        let group = parallel::rows_per_chunk(outer * c, length).next_multiple_of(SIDE);
        return parallel::each_chunk_of_two((mean, var), (group, group), x.len(), |chunk, mean, var| {
            let x = &x[chunk * group * length..][..mean.len() * length];
            simd(
                #[inline(always)]
                || moments_of_rows(x, length, divisor, mean, var),
            );
        });
    }
    let (each, numbers) = (Channels { n, c, s }, n * c * s);
    let group = parallel::rows_per_chunk(outer, numbers);
    parallel::each_chunk_of_two((mean, var), (group * c, group * c), x.len(), |chunk, mean, var| {
        for (i, (mean, var)) in mean.chunks_exact_mut(c.max(1)).zip(var.chunks_exact_mut(c.max(1))).enumerate() {
            each.moments(&x[(chunk * group + i) * numbers..][..numbers], divisor, mean, var);
        }
    });
}

/// The same of each row of so many numbers.
#[inline(always)]
fn moments_of_rows<T: Real>(x: &[T], length: usize, divisor: f64, mean: &mut [T], var: &mut [T]) {
    if length < LONG {
        for (i, (mean, var)) in mean.chunks_mut(SIDE).zip(var.chunks_mut(SIDE)).enumerate() {
            let x = &x[i * SIDE * length..][..mean.len() * length];
            let [center, shift, squares] = distances_of_sixteen(x, length);
            for (l, (mean, var)) in mean.iter_mut().zip(var).enumerate() {
                (*mean, *var) = (center[l] + shift[l], squares[l] / T::of(divisor));
            }
        }
        return;
    }
    for ((x, mean), var) in x.chunks_exact(length).zip(mean).zip(var) {
        let found = Distances::<T>::of::<LANES>(x);
        (*mean, *var) = (T::of(found.mean()), T::of(found.squares / divisor));
    }
}
