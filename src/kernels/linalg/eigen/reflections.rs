//! Many vectors multiplied by a product of reflections, some reflections at a time.
//!
//! With v_k as rows of V, H_m … H_2 H_1 = I − Vᵀ F V, with F lower triangular: its row k is −τ_k v_kᵀ (Vᵀ F) for the rows
//! before, and τ_k on the diagonal (Schreiber and Van Loan, *A Storage-Efficient WY Representation for Products of
//! Householder Transformations*, SIAM J. Sci. Stat. Comput. 10, 1989). So rows x become x − (x Vᵀ)(Fᵀ V), two products.

use crate::kernels::{
    Real,
    matmul::product,
    matrix::{MatMut, MatRef},
    scratch::with_scratch,
    simd,
};

/// Reflections taken together. Of the numbers tried, 24 to 96, this is the fastest from n = 64 to 256.
const TOGETHER: usize = 24;

/// Replaces every row x of `rows` by (H_{n−1} … H_1) x, where row k of `vectors` is the v of H_k, and `tau` has its factors.
/// All rows have `pitch` numbers.
pub(super) fn reflect<T: Real>(vectors: &[T], tau: &[T], rows: &mut [T], pitch: usize) {
    let n = tau.len();
    if n <= 6 {
        return one_by_one(vectors, tau, rows, pitch);
    }
    for first in (2..n).step_by(TOGETHER) {
        let count = TOGETHER.min(n - first);
        let width = first + count - 1;
        let v = &vectors[first * pitch..][..count * pitch];
        let v = MatRef::from_row_major_slice(v, count, pitch).subcols(0, width);
        with_scratch(2 * count * count + (n + width) * count, |scratch: &mut [T]| {
            let (f, rest) = scratch.split_at_mut(count * count);
            let (gram, rest) = rest.split_at_mut(count * count);
            let (fv, dots) = rest.split_at_mut(count * width);
            product(MatMut::from_row_major_slice_mut(gram, count, count), false, v, v.transpose());
            factors(gram, &tau[first..][..count], f);
            let f = MatRef::from_column_major_slice(f, count, count);
            product(MatMut::from_row_major_slice_mut(fv, count, width), false, f, v);
            let before = MatRef::from_row_major_slice(rows, n, pitch).subcols(0, width);
            product(MatMut::from_row_major_slice_mut(dots, n, count), false, before, v.transpose());
            let dots = MatRef::from_row_major_slice(dots, n, count);
            let fv = MatRef::from_row_major_slice(fv, count, width);
            product(MatMut::from_row_major_slice_mut(rows, n, pitch).subcols_mut(0, width), true, dots, fv);
        });
    }
}

/// −F of reflections whose vectors have the products `gram`.
fn factors<T: Real>(gram: &[T], tau: &[T], f: &mut [T]) {
    let n = tau.len();
    f.fill(T::ZERO);
    simd(
        #[inline(always)]
        || {
            for k in 0..n {
                let (before, row) = f.split_at_mut(k * n);
                for (i, before) in before.chunks_exact(n).enumerate() {
                    let factor = gram[k * n + i] * tau[k];
                    row[..k].iter_mut().zip(before).for_each(|(x, &f)| *x -= factor * f);
                }
                row[k] = -tau[k];
            }
        },
    );
}

/// The same for a few short rows, for which products have too much to prepare.
fn one_by_one<T: Real>(vectors: &[T], tau: &[T], rows: &mut [T], pitch: usize) {
    for k in 2..tau.len() {
        let v = &vectors[k * pitch..][..k];
        for row in rows.chunks_exact_mut(pitch) {
            let dot: T = row.iter().zip(v).map(|(&x, &v)| x * v).sum();
            let factor = tau[k] * dot;
            row.iter_mut().zip(v).for_each(|(x, &v)| *x -= factor * v);
        }
    }
}
