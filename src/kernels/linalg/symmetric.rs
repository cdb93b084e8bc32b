//! What is computed from the eigenvalues and eigenvectors of symmetric matrices A = V diag(λ) Vᵀ: the square root
//! V diag(√λ) Vᵀ, and the solution of Lyapunov's equation.

use super::{Outcome, each};
use crate::kernels::{Real, matmul::product, scratch::with_scratch};
use faer::{
    Accum, MatMut, MatRef, Par,
    linalg::matmul::triangular::{self, BlockStructure},
    traits::RealField,
};

/// The symmetric positive semi-definite Z with Z Z = A of every `[n, n]` whose eigenvalues and eigenvectors, as
/// [`eigh`](super::eigh) packs them, are given; the eigenvalues become those of Z. Those that are negative only through
/// rounding count as 0; fails where one is clearly negative.
pub fn symmetric_sqrt<T: Real + RealField>(packed: &mut [T], n: usize, out: &mut [T]) -> Outcome {
    let zero = <T as Real>::ZERO;
    for (i, packed) in packed.chunks_mut(((n + 1) * n).max(1)).enumerate() {
        let values = &mut packed[..n];
        let largest = values.iter().fold(zero, |m, v| m.larger(v.magnitude()));
        if values.iter().any(|&v| v < -(largest * T::of(8.0 * n as f64) * <T as Real>::EPSILON)) {
            return Err(i);
        }
        values.iter_mut().for_each(|v| *v = v.larger(zero).root());
    }
    let packed = &*packed;
    each(out, n * n, n, |i, out| {
        let (values, vectors) = packed[i * (n + 1) * n..][..(n + 1) * n].split_at(n);
        with_scratch(n * n, |scaled: &mut [T]| {
            for (scaled, row) in scaled.chunks_exact_mut(n).zip(vectors.chunks_exact(n)) {
                scaled.iter_mut().zip(row).zip(values).for_each(|((scaled, &v), &z)| *scaled = v * z);
            }
            lower_half(out, scaled, vectors, n);
        });
        // The upper half is copied from the lower, so that the root is symmetric to the last bit.
        (0..n).for_each(|i| (0..i).for_each(|j| out[j * n + i] = out[i * n + j]));
        true
    })
}

fn square<T>(x: &[T], n: usize) -> MatRef<'_, T> {
    MatRef::from_row_major_slice(x, n, n)
}

/// The lower triangle of `out` = A Bᵀ.
fn lower_half<T: Real + RealField>(out: &mut [T], a: &[T], b: &[T], n: usize) {
    triangular::matmul(
        MatMut::from_row_major_slice_mut(out, n, n),
        BlockStructure::TriangularLower,
        Accum::Replace,
        square(a, n),
        BlockStructure::Rectangular,
        square(b, n).transpose(),
        BlockStructure::Rectangular,
        <T as Real>::ONE,
        Par::Seq,
    );
}

/// The X with Z X + X Z = C for every positive semi-definite Z, given by its eigenvalues and eigenvectors as [`eigh`](super::eigh)
/// packs them, and every C `[n, n]`. In the basis of the eigenvectors, x_ij = c_ij / (z_i + z_j), and 0 where that sum is
/// 0.
pub fn lyapunov<T: Real + RealField>(packed: &[T], c: &[T], n: usize, out: &mut [T]) -> Outcome {
    let times = |out: &mut [T], a: MatRef<'_, T>, b: MatRef<'_, T>| {
        product(MatMut::from_row_major_slice_mut(out, n, n), false, a, b);
    };
    each(out, n * n, n, |i, out| {
        let (values, vectors) = packed[i * (n + 1) * n..][..(n + 1) * n].split_at(n);
        let (v, vt) = (square(vectors, n), square(vectors, n).transpose());
        with_scratch(n * n, |half: &mut [T]| {
            times(half, vt, square(&c[i * n * n..][..n * n], n));
            times(out, square(half, n), v);
            for (row, &zi) in out.chunks_exact_mut(n).zip(values) {
                for (x, &zj) in row.iter_mut().zip(values) {
                    let sum = zi + zj;
                    *x = T::pick(sum > <T as Real>::ZERO, *x / sum, <T as Real>::ZERO);
                }
            }
            times(half, v, square(out, n));
            times(out, square(half, n), vt);
        });
        true
    })
}
