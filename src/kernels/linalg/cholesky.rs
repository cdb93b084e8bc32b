//! A = L Lᵀ of a symmetric positive definite matrix.
//!
//! Found as Uᵀ U with U = Lᵀ, whose rows are contiguous where L has columns. By halves,
//!
//! ```text
//! ⎡A₁₁ A₁₂⎤   ⎡U₁ᵀ    ⎤ ⎡U₁ U₁₂⎤        U₁ᵀ U₁ = A₁₁,  U₁ᵀ U₁₂ = A₁₂
//! ⎣    A₂₂⎦ = ⎣U₁₂ᵀ U₂ᵀ⎦ ⎣   U₂ ⎦        U₂ᵀ U₂ = A₂₂ − U₁₂ᵀ U₁₂
//! ```
//!
//! so that almost all of the work is in products (Golub and Van Loan, *Matrix Computations*, section 4.2.7).

use super::{
    rows::{BLOCK, copy, subtract},
    triangular::Triangle,
};
use crate::kernels::{Real, arch, matmul::Product, scratch::with_scratch, transpose::transpose, vector::Vectors};
use pulp::{Simd, WithSimd};
use std::cmp::Ordering;

/// Writes L of the matrix with the lower triangle of `a`, `[n, n]`; `false` where A is not positive definite.
pub(super) fn lower_factor<T: Real>(a: &[T], n: usize, out: &mut [T]) -> bool {
    with_scratch(n * n, |u: &mut [T]| {
        transpose(a, [n, n], u);
        let found = factor(u, n);
        transpose(u, [n, n], out);
        (0..n).for_each(|i| out[i * n + i + 1..][..n - i - 1].fill(T::ZERO));
        found
    })
}

/// Replaces the upper triangle of A by U.
fn factor<T: Real>(a: &mut [T], n: usize) -> bool {
    if n <= BLOCK {
        return small(a, n);
    }
    let half = (n / 2).next_multiple_of(BLOCK);
    let others = n - half;
    let (top, bottom) = a.split_at_mut(half * n);
    with_scratch(half * n + others * others, |scratch: &mut [T]| {
        let (first, rest) = scratch.split_at_mut(half * half);
        let (across, last) = rest.split_at_mut(half * others);
        copy(top, n, first, half);
        if !factor(first, half) {
            return false;
        }
        copy(&top[half..], n, across, others);
        copy(&bottom[half..], n, last, others);
        Triangle { numbers: first, pitch: half, transposed: true, lower: true, unit: false }.solve(across, others);
        Product { m: others, n: others, k: half, ta: true, tb: false, scale: -1.0 }.gemm(last, true, across, across);
        for ((row, first), across) in top.chunks_exact_mut(n).zip(first.chunks(half)).zip(across.chunks(others)) {
            row[..half].copy_from_slice(first);
            row[half..].copy_from_slice(across);
        }
        let found = factor(last, others);
        bottom.chunks_exact_mut(n).zip(last.chunks(others)).for_each(|(row, last)| row[half..].copy_from_slice(last));
        found
    })
}

/// The same for at most [`BLOCK`] rows, which are filled up with zeros.
fn small<T: Real>(a: &mut [T], n: usize) -> bool {
    let n = n.max(1);
    with_scratch(a.len() / n * BLOCK, |rows: &mut [T]| {
        copy(a, n, rows, BLOCK);
        let found = arch().dispatch(Small(&mut *rows));
        copy(rows, BLOCK, a, n);
        found
    })
}

/// Rows of [`BLOCK`] numbers; below the diagonal arbitrary ones are left.
struct Small<'a, T>(&'a mut [T]);

impl<T: Real> WithSimd for Small<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> bool {
        let (rows, ops) = (self.0, Vectors::new(simd));
        for j in 0..rows.len() / BLOCK {
            let (above, below) = rows.split_at_mut((j + 1) * BLOCK);
            let row = &mut above[j * BLOCK..];
            let pivot = row[j];
            if pivot.partial_cmp(&T::ZERO) != Some(Ordering::Greater) {
                return false;
            }
            let root = pivot.root();
            for x in &mut *row {
                *x = *x / root;
            }
            for (below, &factor) in below.chunks_exact_mut(BLOCK).zip(&row[j + 1..]) {
                subtract(ops, below, factor, row);
            }
        }
        true
    }
}
