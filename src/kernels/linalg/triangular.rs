//! Systems T X = B with a triangular matrix.
//!
//! Split in half, the lower triangular system is
//!
//! ```text
//! ⎡T₁   ⎤ ⎡X₁⎤   ⎡B₁⎤        T₁ X₁ = B₁
//! ⎣S  T₂⎦ ⎣X₂⎦ = ⎣B₂⎦        T₂ X₂ = B₂ − S X₁
//! ```
//!
//! two of half the size and a product, which is nearly all of the work. An upper triangular one begins with the second half.

use super::rows::{BLOCK, FEW};
use crate::kernels::{Real, matmul::Product, scratch::with_scratch, simd};

/// A triangle of a matrix whose other numbers are not read.
#[derive(Clone, Copy)]
pub(super) struct Triangle<'a, T> {
    /// Rows of `pitch` numbers.
    pub numbers: &'a [T],
    pub pitch: usize,
    /// T is stored as Tᵀ.
    pub transposed: bool,
    /// T, stored either way, is zero above its diagonal; otherwise below.
    pub lower: bool,
    /// The diagonal is 1, whatever is stored there.
    pub unit: bool,
}

impl<T: Real> Triangle<'_, T> {
    /// Replaces B, as many rows of `columns` numbers as T has, by X.
    pub fn solve(self, b: &mut [T], columns: usize) {
        if columns > 0 {
            self.part(0, b, columns);
        }
    }

    /// The same for the part of T that begins at number `start` of the diagonal.
    fn part(self, start: usize, b: &mut [T], columns: usize) {
        let n = b.len() / columns;
        if n.max(columns) <= FEW {
            return self.few(start, b, columns);
        } else if n <= BLOCK {
            return simd(
                #[inline(always)]
                || self.substitute(start, b, columns),
            );
        }
        let half = (n / 2).next_multiple_of(BLOCK);
        let (first, second) = b.split_at_mut(half * columns);
        if self.lower {
            self.part(start, first, columns);
            self.eliminate([start + half, start], second, first, columns);
            self.part(start + half, second, columns);
        } else {
            self.part(start + half, second, columns);
            self.eliminate([start, start + half], first, second, columns);
            self.part(start, first, columns);
        }
    }

    /// B ← B − S X with the block S of T that begins at a row and column.
    fn eliminate(self, [row, column]: [usize; 2], b: &mut [T], x: &[T], columns: usize) {
        let (m, k) = (b.len() / columns, x.len() / columns);
        let [[row, column], [height, width]] =
            if self.transposed { [[column, row], [k, m]] } else { [[row, column], [m, k]] };
        with_scratch(m * k, |block: &mut [T]| {
            let rows = self.numbers[row * self.pitch..].chunks(self.pitch).take(height);
            block.chunks_exact_mut(width).zip(rows).for_each(|(to, row)| to.copy_from_slice(&row[column..][..width]));
            Product { m, n: columns, k, ta: self.transposed, tb: false, scale: -1.0 }.gemm(b, true, block, x);
        });
    }

    #[inline(always)]
    fn at(self, i: usize, j: usize) -> T {
        let (i, j) = if self.transposed { (j, i) } else { (i, j) };
        self.numbers[i * self.pitch + j]
    }

    /// A part of at most [`FEW`] rows and columns.
    fn few(self, start: usize, b: &mut [T], columns: usize) {
        let n = b.len() / columns;
        for step in 0..n {
            let (i, known) = if self.lower { (step, 0..step) } else { (n - 1 - step, n - step..n) };
            for q in 0..columns {
                let sum = known
                    .clone()
                    .fold(b[i * columns + q], |sum, j| sum - self.at(start + i, start + j) * b[j * columns + q]);
                b[i * columns + q] = if self.unit { sum } else { sum / self.at(start + i, start + i) };
            }
        }
    }

    /// A small part, row by row.
    #[inline(always)]
    fn substitute(self, start: usize, b: &mut [T], columns: usize) {
        let n = b.len() / columns;
        for step in 0..n {
            let i = if self.lower { step } else { n - 1 - step };
            let (before, rest) = b.split_at_mut(i * columns);
            let (row, after) = rest.split_at_mut(columns);
            let (known, first) = if self.lower { (&*before, 0) } else { (&*after, i + 1) };
            let fours = known.chunks_exact(4 * columns);
            let others = (first + known.len() / columns / 4 * 4..).zip(fours.remainder().chunks_exact(columns));
            for (j, four) in (first..).step_by(4).zip(fours) {
                let t = [0, 1, 2, 3].map(
                    #[inline(always)]
                    |q| self.at(start + i, start + j + q),
                );
                let (x, y) = four.split_at(2 * columns);
                let ((x0, x1), (x2, x3)) = (x.split_at(columns), y.split_at(columns));
                for ((((b, &x0), &x1), &x2), &x3) in row.iter_mut().zip(x0).zip(x1).zip(x2).zip(x3) {
                    *b -= (t[0] * x0 + t[1] * x1) + (t[2] * x2 + t[3] * x3);
                }
            }
            for (j, x) in others {
                let factor = self.at(start + i, start + j);
                for (b, &x) in row.iter_mut().zip(x) {
                    *b -= factor * x;
                }
            }
            if !self.unit {
                let pivot = self.at(start + i, start + i);
                for x in row {
                    *x = *x / pivot;
                }
            }
        }
    }
}
