//! Eigenvalues and eigenvectors of symmetric matrices, A = V diag(λ) Vᵀ.
//!
//! Three steps: the matrix is made [`tridiagonal`] by reflections, the tridiagonal matrix is taken apart by
//! [divide and conquer](divide), and its eigenvectors are multiplied by the [reflections]. The numbers of the tridiagonal
//! matrix are in double precision for both precisions: they are few, and the vectors are the better for it.

mod deflation;
mod divide;
mod reflections;
mod rotations;
mod secular;
#[cfg(test)]
mod tests;
mod tridiagonal;

use super::{Outcome, each, symmetric_part};
use crate::kernels::{
    Real,
    scratch::with_scratch,
    simd,
    transpose::{ROWS, turn},
};
use divide::{Parts, Rows};
use tridiagonal::Tridiagonal;

/// Rows of matrices begin at multiples of this many numbers, which is as many as the widest vectors have.
const BLOCK: usize = 16;

/// Eigenvalues in ascending order and the eigenvectors, the columns of V, of (A + Aᵀ)/2 for every A `[n, n]`: `out` is
/// `[n + 1, n]` for each, the values, then V. Fails for numbers that are not finite.
pub fn eigh<T: Real>(a: &[T], n: usize, out: &mut [T]) -> Outcome {
    each(out, (n + 1) * n, n, |i, out| {
        let (values, vectors) = out.split_at_mut(n);
        symmetric(&a[i * n * n..][..n * n], n, values, vectors)
    })
}

fn symmetric<T: Real>(a: &[T], n: usize, values: &mut [T], vectors: &mut [T]) -> bool {
    if !a.iter().fold(true, |all, x| all & x.finite()) {
        return false;
    }
    // An odd number of blocks: rows one below the other then lie in different sets of a cache.
    let pitch = (n.div_ceil(BLOCK) | 1) * BLOCK;
    with_scratch(3 * n * pitch + 4 * pitch, |scratch: &mut [T]| {
        let (reflected, rest) = scratch.split_at_mut(n * pitch);
        let (rows, rest) = rest.split_at_mut(n * pitch);
        let (next, rest) = rest.split_at_mut(n * pitch);
        let (work, tau) = rest.split_at_mut(3 * pitch);
        let scales = lower_triangle(a, n, reflected, pitch);
        with_scratch(2 * n, |numbers: &mut [f64]| {
            let (diagonal, beside) = numbers.split_at_mut(n);
            Tridiagonal { a: reflected, diagonal, beside, tau: &mut tau[..n], work }.find();
            rows.fill(T::ZERO);
            let mut order = vec![0; n];
            let (rows, next) = (Rows { numbers: rows, pitch }, Rows { numbers: next, pitch });
            let mut parts = Parts { values: diagonal, order: &mut order, rows, next };
            let found = parts.find(beside);
            let Parts { values: all, order, rows: Rows { numbers: rows, .. }, .. } = parts;
            reflections::reflect(reflected, &tau[..n], rows, pitch);
            for (value, &row) in values.iter_mut().zip(&*order) {
                *value = T::of(all[row] / scales[0].to_f64() / scales[1].to_f64());
            }
            with_scratch(n * n, |v: &mut [T]| {
                columns(rows, order, pitch, v);
                vectors.copy_from_slice(v);
            });
            found
        })
    })
}

/// The lower triangle of (A + Aᵀ)/2, multiplied by both of two powers of 2, after which its largest number is at most about
/// 1. Returns them.
fn lower_triangle<T: Real>(a: &[T], n: usize, out: &mut [T], pitch: usize) -> [T; 2] {
    let largest = simd(
        #[inline(always)]
        || {
            let (runs, rest) = a.as_chunks::<32>();
            let mut largest = [T::ZERO; 32];
            for run in runs {
                (0..32).for_each(|l| largest[l] = largest[l].larger(run[l].magnitude()));
            }
            largest.iter().chain(rest).fold(T::ZERO, |largest, x| largest.larger(x.magnitude()))
        },
    );
    // Neither is too large or too small for the precision, although their product may be.
    let exponent = if largest > T::ZERO { -libm::ilogb(largest.to_f64()) } else { 0 };
    let power = |exponent: i32| T::of(libm::ldexp(1.0, exponent));
    let scales = [power(exponent / 2), power(exponent - exponent / 2)];
    // Averaged after the first factor, so that no sum overflows, and none is too small to be halved.
    with_scratch(n * n, |whole: &mut [T]| {
        symmetric_part(a, n, scales, whole);
        for (i, (row, out)) in whole.chunks_exact(n).zip(out.chunks_exact_mut(pitch)).enumerate() {
            out[..=i].copy_from_slice(&row[..=i]);
            out[i + 1..].fill(T::ZERO);
        }
    });
    scales
}

/// `out[i, j]` is number i of the j-th of the rows in the given order.
fn columns<T: Real>(rows: &[T], order: &[usize], pitch: usize, out: &mut [T]) {
    let n = order.len();
    let row = |j: usize| &rows[order[j] * pitch..][..n];
    let whole = n / ROWS * ROWS;
    for first in (0..whole).step_by(ROWS) {
        turn(std::array::from_fn(|l| row(first + l)), &mut out[first..], n);
    }
    for j in whole..n {
        row(j).iter().zip(out[j..].iter_mut().step_by(n)).for_each(|(&x, out)| *out = x);
    }
}
