//! Mean and variance along any axes that lie beside each other, or on both sides of others.

use super::{
    Channels,
    columns::{self, moments_of_columns},
    side::{LONG, SIDE, distances_of_sixteen},
    sums::{Distances, LANES},
};
use crate::kernels::{Real, parallel, simd};

/// The mean of x `[outer, n, c, s]` along n and s as it is rounded, what that lacks, and the sum of squared distances from
/// the mean divided by `divisor`, each `[outer, c]`; NaN where there is nothing to average. So x − center − shift has all
/// digits of x, wherever the mean is.
pub fn moments<T: Real>([outer, n, c, s]: [usize; 4], x: &[T], divisor: f64, found: [&mut [T]; 3]) {
    let (image, length) = (n * c * s, n * s);
    if n == 1 || c == 1 {
        let group = parallel::rows_per_chunk(outer * c, length).next_multiple_of(SIDE);
        return parallel::each_chunk_of_all(found, group, x.len(), |chunk, found| {
            let x = &x[chunk * group * length..][..found[0].len() * length];
            simd(
                #[inline(always)]
                || moments_of_rows(x, length, divisor, found),
            );
        });
    }
    let group = parallel::rows_per_chunk(outer, image);
    parallel::each_chunk_of_all(found, group * c, x.len(), |chunk, found| {
        let x = &x[chunk * group * image..][..found[0].len() * length];
        if s == 1 && columns::pays(n, c) {
            return simd(
                #[inline(always)]
                || moments_of_columns([n, c], x, divisor, found),
            );
        }
        let [center, shift, var] = found.map(|found| found.chunks_exact_mut(c.max(1)));
        for (((x, center), shift), var) in x.chunks_exact(image.max(1)).zip(center).zip(shift).zip(var) {
            Channels { n, c, s }.moments(x, divisor, [center, shift, var]);
        }
    });
}

/// The same of each row of so many numbers.
#[inline(always)]
fn moments_of_rows<T: Real>(x: &[T], length: usize, divisor: f64, [center, shift, var]: [&mut [T]; 3]) {
    if length < LONG {
        let outs = center.chunks_mut(SIDE).zip(shift.chunks_mut(SIDE)).zip(var.chunks_mut(SIDE));
        for (i, ((center, shift), var)) in outs.enumerate() {
            let rows = var.len();
            let [centers, shifts, squares] = distances_of_sixteen(&x[i * SIDE * length..][..rows * length], length);
            center.copy_from_slice(&centers[..rows]);
            shift.copy_from_slice(&shifts[..rows]);
            for (var, &squares) in var.iter_mut().zip(&squares) {
                *var = squares / T::of(divisor);
            }
        }
        return;
    }
    for (((x, center), shift), var) in x.chunks_exact(length).zip(center).zip(shift).zip(var) {
        let found = Distances::<T>::of::<LANES>(x);
        (*center, *shift, *var) = (found.center, T::of(found.shift), T::of(found.squares / divisor));
    }
}
