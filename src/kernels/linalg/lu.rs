//! P A = L U with partial pivoting: L is unit lower triangular with no number above 1 in magnitude, U upper triangular, and
//! P exchanges rows.
//!
//! By halves of the columns (Toledo, *Locality of Reference in LU Decomposition with Partial Pivoting*, SIAM J. Matrix
//! Anal. Appl. 18, 1997): the left half is factored first, which finds half of the exchanges; then
//!
//! ```text
//! ⎡A₁₁ A₁₂⎤   ⎡L₁₁   ⎤ ⎡U₁₁ U₁₂⎤        L₁₁ U₁₂ = A₁₂
//! ⎣A₂₁ A₂₂⎦ = ⎣L₂₁ L₂⎦ ⎣    U₂ ⎦        L₂ U₂ = A₂₂ − L₂₁ U₁₂
//! ```
//!
//! Almost all of the work is in the products. Each half is factored as a matrix of its own, whose rows are contiguous.

use super::{
    rows::{BLOCK, FEW, copy, subtract},
    triangular::Triangle,
};
use crate::kernels::{Real, arch, matmul::Product, scratch::with_scratch, vector::Vectors};
use pulp::{Simd, WithSimd};
use smallvec::SmallVec;

/// The factors of a square matrix.
pub(super) struct Lu<'a, T> {
    /// U, and L below its diagonal.
    factors: &'a [T],
    /// The row that row j was exchanged with in step j, itself or a later one.
    swaps: &'a [usize],
}

/// Calls `body` with the factors of the matrix `a` `[n, n]`.
pub(super) fn with_factors<T: Real, R>(a: &[T], n: usize, body: impl FnOnce(Lu<'_, T>) -> R) -> R {
    let mut swaps = SmallVec::<[usize; 2 * BLOCK]>::from_elem(0, n);
    let of = |factors: &mut [T]| {
        factors.copy_from_slice(a);
        factor(factors, &mut swaps);
        body(Lu { factors, swaps: &swaps })
    };
    match n {
        0..=FEW => of(&mut [T::ZERO; FEW * FEW][..n * n]),
        _ => with_scratch(n * n, of),
    }
}

impl<T: Real> Lu<'_, T> {
    /// The diagonal of U.
    pub fn pivots(&self) -> impl Iterator<Item = T> + '_ {
        self.factors.iter().step_by(self.swaps.len() + 1).copied()
    }

    pub fn singular(&self) -> bool {
        self.pivots().any(|pivot| pivot == T::ZERO)
    }

    /// The determinant of P: −1 after an odd number of exchanges.
    pub fn sign(&self) -> T {
        let odd = self.swaps.iter().enumerate().fold(false, |odd, (j, &swap)| odd ^ (swap != j));
        if odd { -T::ONE } else { T::ONE }
    }

    pub fn determinant(&self) -> T {
        self.pivots().fold(self.sign(), |product, pivot| product * pivot)
    }

    /// Replaces B, rows of `columns` numbers, by A⁻¹ B, or by A⁻ᵀ B if `transposed`.
    pub fn solve(&self, transposed: bool, b: &mut [T], columns: usize) {
        let triangle = |lower| Triangle {
            numbers: self.factors,
            pitch: self.swaps.len(),
            transposed,
            lower,
            unit: lower != transposed,
        };
        if !transposed {
            exchange(b, columns, self.swaps.iter().copied().enumerate());
        }
        triangle(true).solve(b, columns);
        triangle(false).solve(b, columns);
        if transposed {
            exchange(b, columns, self.swaps.iter().copied().enumerate().rev());
        }
    }
}

/// Exchanges each pair of rows.
fn exchange<T>(rows: &mut [T], pitch: usize, pairs: impl Iterator<Item = (usize, usize)>) {
    for (i, j) in pairs.filter(|(i, j)| i != j) {
        let (above, below) = rows.split_at_mut(j * pitch);
        above[i * pitch..][..pitch].swap_with_slice(&mut below[..pitch]);
    }
}

/// Replaces a matrix, of as many columns as there are `swaps` and at least as many rows, by its factors.
fn factor<T: Real>(a: &mut [T], swaps: &mut [usize]) {
    let n = swaps.len();
    if n <= FEW && a.len() == n * n {
        return few(a, swaps);
    } else if n <= BLOCK {
        return panel(a, swaps);
    }
    let (m, half) = (a.len() / n, (n / 2).next_multiple_of(BLOCK));
    let others = n - half;
    let (left_swaps, right_swaps) = swaps.split_at_mut(half);
    with_scratch(m * n, |scratch: &mut [T]| {
        let (left, right) = scratch.split_at_mut(m * half);
        copy(a, n, left, half);
        factor(left, left_swaps);
        exchange(a, n, left_swaps.iter().copied().enumerate());
        copy(&a[half..], n, right, others);
        let (upper, rest) = right.split_at_mut(half * others);
        Triangle { numbers: left, pitch: half, transposed: false, lower: true, unit: true }.solve(upper, others);
        Product { m: m - half, n: others, k: half, ta: false, tb: false, scale: -1.0 }.gemm(
            rest,
            true,
            &left[half * half..],
            upper,
        );
        factor(rest, right_swaps);
        exchange(&mut left[half * half..], half, right_swaps.iter().copied().enumerate());
        right_swaps.iter_mut().for_each(|swap| *swap += half);
        for ((row, left), right) in a.chunks_exact_mut(n).zip(left.chunks_exact(half)).zip(right.chunks_exact(others)) {
            row[..half].copy_from_slice(left);
            row[half..].copy_from_slice(right);
        }
    });
}

/// The same for at most [`FEW`] rows and columns.
fn few<T: Real>(a: &mut [T], swaps: &mut [usize]) {
    let n = swaps.len();
    for (j, swap) in swaps.iter_mut().enumerate() {
        let size = |i: usize| a[i * n + j].magnitude();
        *swap = (j + 1..n).fold(j, |best, i| if size(i) > size(best) { i } else { best });
        exchange(a, n, [(j, *swap)].into_iter());
        let (above, below) = a.split_at_mut((j + 1) * n);
        let pivot_row = &above[j * n..];
        if pivot_row[j] == T::ZERO {
            continue;
        }
        for row in below.chunks_exact_mut(n) {
            row[j] = row[j] / pivot_row[j];
            for q in j + 1..n {
                row[q] -= row[j] * pivot_row[q];
            }
        }
    }
}

/// The same for at most [`BLOCK`] columns, whose rows are filled up with zeros.
fn panel<T: Real>(a: &mut [T], swaps: &mut [usize]) {
    let n = swaps.len().max(1);
    with_scratch((a.len() / n + 1) * BLOCK, |scratch: &mut [T]| {
        let (pivot_row, rows) = scratch.split_at_mut(BLOCK);
        copy(a, n, rows, BLOCK);
        arch().dispatch(Panel { rows: &mut *rows, pivot_row, swaps });
        copy(rows, BLOCK, a, n);
    });
}

/// Gaussian elimination, column by column.
struct Panel<'a, T> {
    /// Rows of [`BLOCK`] numbers.
    rows: &'a mut [T],
    /// Room for one more.
    pivot_row: &'a mut [T],
    swaps: &'a mut [usize],
}

impl<T: Real> WithSimd for Panel<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (Panel { rows, pivot_row, swaps }, ops) = (self, Vectors::new(simd));
        for (j, swap) in swaps.iter_mut().enumerate() {
            let (all, _) = rows.as_chunks_mut::<BLOCK>();
            let (mut best, mut largest) = (j, all[j][j].magnitude());
            for (i, row) in (j..).zip(&all[j..]) {
                let size = row[j].magnitude();
                (best, largest) = if size > largest { (i, size) } else { (best, largest) };
            }
            *swap = best;
            all.swap(j, best);
            let pivot = all[j][j];
            if pivot == T::ZERO {
                continue;
            }
            pivot_row[..=j].fill(T::ZERO);
            pivot_row[j + 1..].copy_from_slice(&all[j][j + 1..]);
            for row in rows[(j + 1) * BLOCK..].chunks_exact_mut(BLOCK) {
                let factor = row[j] / pivot;
                subtract(ops, row, factor, pivot_row);
                row[j] = factor;
            }
        }
    }
}
