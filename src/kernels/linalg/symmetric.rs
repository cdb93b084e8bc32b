//! What is computed from the eigenvalues and eigenvectors of symmetric matrices A = V diag(λ) Vᵀ: the square root
//! V diag(√λ) Vᵀ, the solution of Lyapunov's equation, and the gradient with respect to A.
//!
//! The last product of each is symmetric, so half of it is computed. All of one matrix is done before the next, while
//! it is in the cache: the steps write to scratch memory, which stays there, and the last one is copied out row by row.

use super::{Outcome, each};
use crate::kernels::{
    Real,
    matmul::{lower_half, product},
    matrix::{MatMut, MatRef},
    scratch::with_scratch,
    simd,
    transpose::{mirror, transpose},
};

/// The symmetric positive semi-definite Z with Z Z = A of every `[n, n]` whose eigenvalues and eigenvectors, as
/// [`eigh`](super::eigh) packs them, are given; the eigenvalues become those of Z. Those that are negative only through
/// rounding count as 0; fails where one is clearly negative.
pub fn symmetric_sqrt<T: Real>(packed: &mut [T], n: usize, out: &mut [T]) -> Outcome {
    let zero = T::ZERO;
    for (i, packed) in packed.chunks_mut(((n + 1) * n).max(1)).enumerate() {
        let values = &mut packed[..n];
        let largest = values.iter().fold(zero, |m, v| m.larger(v.magnitude()));
        if values.iter().any(|&v| v < -(largest * T::of(8.0 * n as f64) * T::EPSILON)) {
            return Err(i);
        }
        values.iter_mut().for_each(|v| *v = v.larger(zero).root());
    }
    let packed = &*packed;
    each(out, n * n, n, |i, out| {
        let (values, vectors) = packed[i * (n + 1) * n..][..(n + 1) * n].split_at(n);
        with_scratch(2 * n * n, |scratch: &mut [T]| {
            let (scaled, z) = scratch.split_at_mut(n * n);
            simd(
                #[inline(always)]
                || {
                    for (scaled, row) in scaled.chunks_exact_mut(n).zip(vectors.chunks_exact(n)) {
                        scaled.iter_mut().zip(row).zip(values).for_each(|((scaled, &v), &z)| *scaled = v * z);
                    }
                },
            );
            symmetric_product(z, matrix(scaled, n), matrix(vectors, n).transpose(), n);
            out.copy_from_slice(z);
        });
        true
    })
}

/// The X with Z X + X Z = (C + Cᵀ)/2, symmetric as well, for every positive semi-definite Z, given by its eigenvalues and
/// eigenvectors as [`eigh`](super::eigh) packs them, and every C `[n, n]`. In the basis of the eigenvectors,
/// x_ij = c_ij / (z_i + z_j), and 0 where that sum is 0.
pub fn lyapunov<T: Real>(packed: &[T], c: &[T], n: usize, out: &mut [T]) -> Outcome {
    each(out, n * n, n, |i, out| {
        let (values, vectors) = packed[i * (n + 1) * n..][..(n + 1) * n].split_at(n);
        let v = matrix(vectors, n);
        with_scratch(2 * n * n, |scratch: &mut [T]| {
            let (x, half) = scratch.split_at_mut(n * n);
            symmetric_part(&c[i * n * n..][..n * n], n, [T::ONE; 2], x);
            product(MatMut::from_row_major_slice_mut(half, n, n), false, v.transpose(), matrix(x, n));
            lower_half(MatMut::from_row_major_slice_mut(x, n, n), matrix(half, n), v);
            simd(
                #[inline(always)]
                || {
                    for (i, (row, &zi)) in x.chunks_exact_mut(n).zip(values).enumerate() {
                        for (x, &zj) in row[..=i].iter_mut().zip(values) {
                            let sum = zi + zj;
                            *x = T::pick(sum > T::ZERO, *x / sum, T::ZERO);
                        }
                    }
                },
            );
            mirror(x, n);
            product(MatMut::from_row_major_slice_mut(half, n, n), false, v, matrix(x, n));
            symmetric_product(x, matrix(half, n), v.transpose(), n);
            out.copy_from_slice(x);
        });
        true
    })
}

/// The gradient with respect to every A `[n, n]`, symmetric like A, from what [`eigh`](super::eigh) packed and the gradient
/// of that. With M = Vᵀ V̄ it is V (diag(λ̄) + F ∘ (M − Mᵀ)/2) Vᵀ, f_ij = 1/(λ_j − λ_i), and 0 where that difference is 0.
pub fn eigh_grad<T: Real>(packed: &[T], gradients: &[T], n: usize, out: &mut [T]) -> Outcome {
    let half = T::of(0.5);
    each(out, n * n, n, |i, out| {
        let own = i * (n + 1) * n..(i + 1) * (n + 1) * n;
        let ((values, vectors), (by_values, by_vectors)) =
            (packed[own.clone()].split_at(n), gradients[own].split_at(n));
        let v = matrix(vectors, n);
        with_scratch(2 * n * n, |scratch: &mut [T]| {
            let (work, inner) = scratch.split_at_mut(n * n);
            product(MatMut::from_row_major_slice_mut(work, n, n), false, v.transpose(), matrix(by_vectors, n));
            transpose(work, [n, n], inner);
            simd(
                #[inline(always)]
                || {
                    let rows = inner.chunks_exact_mut(n).zip(work.chunks_exact(n));
                    for (i, ((inner, row), (&here, &by_value))) in rows.zip(values.iter().zip(by_values)).enumerate() {
                        for ((x, &m), &there) in inner.iter_mut().zip(row).zip(values) {
                            let gap = there - here;
                            *x = T::pick(gap == T::ZERO, T::ZERO, (m - *x) * half / gap);
                        }
                        inner[i] = by_value;
                    }
                },
            );
            product(MatMut::from_row_major_slice_mut(work, n, n), false, v, matrix(inner, n));
            symmetric_product(inner, matrix(work, n), v.transpose(), n);
            out.copy_from_slice(inner);
        });
        true
    })
}

/// `out` = s₁ s₂ (X + Xᵀ)/2, where x is multiplied first.
pub(super) fn symmetric_part<T: Real>(x: &[T], n: usize, [first, second]: [T; 2], out: &mut [T]) {
    with_scratch(n * n, |copy: &mut [T]| {
        // Read row by row first: what is not in the cache comes faster that way.
        copy.copy_from_slice(x);
        transpose(copy, [n, n], out);
    });
    simd(
        #[inline(always)]
        || {
            for (out, &x) in out.iter_mut().zip(x) {
                *out = (x * first * second + *out * first * second) * T::of(0.5);
            }
        },
    );
}

fn matrix<T: Real>(x: &[T], n: usize) -> MatRef<'_, T> {
    MatRef::from_row_major_slice(x, n, n)
}

/// `out` = A B where that is symmetric: half of it is computed and the rest copied, so that it is symmetric to the last bit.
fn symmetric_product<T: Real>(out: &mut [T], a: MatRef<'_, T>, b: MatRef<'_, T>, n: usize) {
    lower_half(MatMut::from_row_major_slice_mut(out, n, n), a, b);
    mirror(out, n);
}
