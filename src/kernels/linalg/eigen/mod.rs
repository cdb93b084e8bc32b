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

use super::{Outcome, each};
use crate::kernels::{Real, scratch::with_scratch};
use divide::{Parts, Rows};
use tridiagonal::Tridiagonal;

/// Rows of matrices begin at multiples of this many numbers, which is as many as the widest vectors have.
const BLOCK: usize = 16;

/// Eigenvalues in ascending order and the eigenvectors, the columns of V, of every symmetric `[n, n]`: `out` is
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
            columns(rows, order, pitch, vectors);
            found
        })
    })
}

/// Copies the lower triangle, multiplied by both of two powers of 2, after which its largest number is about 1. Returns
/// them.
fn lower_triangle<T: Real>(a: &[T], n: usize, out: &mut [T], pitch: usize) -> [T; 2] {
    let mut largest = T::ZERO;
    for (i, row) in a.chunks_exact(n).enumerate() {
        largest = row[..=i].iter().fold(largest, |largest, x| largest.larger(x.magnitude()));
    }
    // Neither is too large or too small for the precision, although their product may be.
    let exponent = if largest > T::ZERO { -libm::ilogb(largest.to_f64()) } else { 0 };
    let power = |exponent: i32| T::of(libm::ldexp(1.0, exponent));
    let scales = [power(exponent / 2), power(exponent - exponent / 2)];
    for (i, (row, out)) in a.chunks_exact(n).zip(out.chunks_exact_mut(pitch)).enumerate() {
        for (out, &x) in out[..=i].iter_mut().zip(row) {
            *out = x * scales[0] * scales[1];
        }
        out[i + 1..].fill(T::ZERO);
    }
    scales
}

/// `out[i, j]` is number i of the j-th of the rows in the given order.
fn columns<T: Real>(rows: &[T], order: &[usize], pitch: usize, out: &mut [T]) {
    let n = order.len();
    for top in (0..n).step_by(BLOCK) {
        for (left, order) in (0..).step_by(BLOCK).zip(order.chunks(BLOCK)) {
            let mut square = [[T::ZERO; BLOCK]; BLOCK];
            for (square, &row) in square.iter_mut().zip(order) {
                square.copy_from_slice(&rows[row * pitch + top..][..BLOCK]);
            }
            for i in 0..BLOCK.min(n - top) {
                let out = &mut out[(top + i) * n + left..][..order.len()];
                out.iter_mut().zip(&square).for_each(|(out, row)| *out = row[i]);
            }
        }
    }
}
