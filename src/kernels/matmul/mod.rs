//! Products of row-major matrices: `out[m, n] = a[m, k] b[k, n]`, where either operand may be stored transposed.
//!
//! The size alone decides between three methods. *Small* products (a layer of a small network: less than a microsecond)
//! run in a register [`tile`], since setting up a general routine would cost more than the product. *Larger* ones are
//! left to faer. *Large* ones are split in half until the pieces are small enough to share out: across the longer side
//! of `out` or, where the sum is much longer than `out` is wide, across the sum, whose halves are added in order.

#[cfg(test)]
mod tests;
mod tile;

use super::{Real, parallel, scratch::with_scratch, simd, threads};
use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use tile::LANES;

/// Products of at most this many multiply-adds run in the register tile.
const SMALL: usize = 1 << 14;
/// A product is split between threads if it has at least this many multiply-adds.
const LARGE: usize = 1 << 20;
/// No side is split below this length.
const NARROW: usize = 64;

/// The sizes of a product, and how its operands are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// Rows of `out`.
    pub m: usize,
    /// Columns of `out`.
    pub n: usize,
    /// Terms of each sum.
    pub k: usize,
    /// `a` is stored as `[k, m]` instead of `[m, k]`.
    pub ta: bool,
    /// `b` is stored as `[n, k]` instead of `[k, n]`.
    pub tb: bool,
}

impl Product {
    /// `out = a b`, or `out += a b` if `accumulate`.
    pub fn gemm<T: Real>(self, out: &mut [T], accumulate: bool, a: &[T], b: &[T]) {
        let Product { m, n, k, .. } = self;
        debug_assert!(out.len() == m * n && a.len() == m * k && b.len() == k * n, "{self:?}");
        if m * n * k <= SMALL {
            return simd(
                #[inline(always)]
                || self.small(out, accumulate, a, b),
            );
        }
        let out = MatMut::from_row_major_slice_mut(out, m, n);
        halved(out, accumulate, view(a, m, k, self.ta), view(b, k, n, self.tb));
    }

    /// One product for each pair of `offsets`: `out[i] = a[offset.0 ..] b[offset.1 ..]`.
    ///
    /// An operand that is broadcast over the batch has the same offset several times.
    pub fn batched<T: Real>(self, out: &mut [T], a: &[T], b: &[T], offsets: &[(usize, usize)]) {
        let Product { m, n, k, .. } = self;
        debug_assert_eq!(out.len(), offsets.len() * m * n, "{self:?}");
        let work = m * n * k;
        let one = |out: &mut [T], (i, j): (usize, usize)| {
            self.gemm(out, false, &a[i..i + m * k], &b[j..j + k * n]);
        };
        // A batch of rows times one shared matrix is one tall product.
        let tall = offsets.iter().enumerate().all(|(i, &o)| o == (offsets[0].0 + i * m * k, offsets[0].1));
        if tall && !self.ta && offsets.len() > 1 {
            let rows = offsets.len() * m;
            let (i, j) = offsets[0];
            let whole = Product { m: rows, ..self };
            whole.gemm(out, false, &a[i..i + rows * k], &b[j..j + k * n]);
        } else if m * n == 0 || work >= LARGE {
            out.chunks_mut((m * n).max(1)).zip(offsets).for_each(|(out, &o)| one(out, o));
        } else {
            let group = parallel::rows_per_chunk(offsets.len(), work / 8);
            parallel::each_chunk(out, group * m * n, offsets.len() * work / 8, |g, chunk| {
                let offsets = &offsets[g * group..];
                chunk.chunks_mut(m * n).zip(offsets).for_each(|(out, &o)| one(out, o));
            });
        }
    }
}

/// `out[rows, outputs] = x[rows, inputs] w[outputs, inputs]ᵀ + bias`: a fully connected layer.
pub fn linear<T: Real>(
    out: &mut [T],
    x: &[T],
    w: &[T],
    bias: Option<&[T]>,
    (rows, inputs, outputs): (usize, usize, usize),
) {
    if let Some(bias) = bias.filter(|b| !b.is_empty()) {
        out.chunks_exact_mut(outputs).for_each(|row| row.copy_from_slice(bias));
    }
    Product { m: rows, n: outputs, k: inputs, ta: false, tb: true }.gemm(out, bias.is_some(), x, w);
}

/// The `rows x columns` matrix stored in `x` row-major or, if `transposed`, column-major.
fn view<T>(x: &[T], rows: usize, columns: usize, transposed: bool) -> MatRef<'_, T> {
    if transposed {
        MatRef::from_column_major_slice(x, rows, columns)
    } else {
        MatRef::from_row_major_slice(x, rows, columns)
    }
}

/// A product on the calling thread.
pub(super) fn product<T: Real>(out: MatMut<'_, T>, accumulate: bool, a: MatRef<'_, T>, b: MatRef<'_, T>) {
    matmul(out, if accumulate { Accum::Add } else { Accum::Replace }, a, b, T::ONE, Par::Seq);
}

/// A product split in half as many times as its size requires.
fn halved<T: Real>(out: MatMut<'_, T>, accumulate: bool, a: MatRef<'_, T>, b: MatRef<'_, T>) {
    let (m, n, k) = (out.nrows(), out.ncols(), a.ncols());
    let longest = m.max(n);
    if m * n * k < LARGE || longest.max(k) < 2 * NARROW {
        product(out, accumulate, a, b);
    } else if k > 4 * longest {
        let (a1, a2) = a.split_at_col(k / 2);
        let (b1, b2) = b.split_at_row(k / 2);
        with_scratch(m * n, |second: &mut [T]| {
            let mut out = out;
            let mut second = MatMut::from_row_major_slice_mut(second, m, n);
            join(|| halved(out.as_mut(), accumulate, a1, b1), || halved(second.as_mut(), false, a2, b2));
            for i in 0..m {
                for j in 0..n {
                    out[(i, j)] += second[(i, j)];
                }
            }
        });
    } else if m >= n {
        let half = (m / 2).next_multiple_of(LANES);
        let (top, bottom) = out.split_at_row_mut(half);
        let (a1, a2) = a.split_at_row(half);
        join(|| halved(top, accumulate, a1, b), || halved(bottom, accumulate, a2, b));
    } else {
        let half = (n / 2).next_multiple_of(LANES);
        let (left, right) = out.split_at_col_mut(half);
        let (b1, b2) = b.split_at_col(half);
        join(|| halved(left, accumulate, a, b1), || halved(right, accumulate, a, b2));
    }
}

/// Runs both closures, on two threads if there are two.
fn join(first: impl FnOnce() + Send, second: impl FnOnce() + Send) {
    if threads() > 1 {
        rayon::join(first, second);
    } else {
        first();
        second();
    }
}
