//! Which way a product takes, as measured for f32 and f64, by its sizes and by how its operands are stored.
//!
//! - A few rows of `out`, or a few terms: [`Sums`] of rows of B.
//! - Both operands stored along the sums, or B so small that it is soon turned, and few rows or columns: [`Dots`].
//! - All others, [`Blocked`].

use super::{Parts, ahead::Ahead, blocked::Blocked, dots::Dots, rows::Sums};
use crate::kernels::{Real, arch, matrix::MatRef, scratch::with_scratch};

/// At most so many rows or terms are added up as rows of B: more rows would read B, more terms would write `out`, too often.
const ROWS: usize = 2;
const TERMS: usize = 4;
/// At most so many rows or columns are dot products, which turn nothing that is used so few times.
const LINES: usize = 8;
/// The same for sums of at least [`LONG`] terms, beside which adding up the vectors counts less.
const LINES_IF_LONG: usize = 24;
const LONG: usize = 256;
/// At most so many columns are turned for dot products of at least [`LONG`] terms.
const COLUMNS: usize = 12;

impl<T: Real> Parts<'_, T> {
    /// The product on the calling thread, while what is read `next` is fetched.
    pub(super) fn before(mut self, next: Ahead<'_, T>) {
        let (m, n, k) = (self.out.nrows(), self.out.ncols(), self.a.ncols());
        if k == 0 && !self.accumulate {
            (0..m).for_each(|i| self.out.row_mut(i).fill(T::ZERO));
        }
        if m * n * k == 0 {
            return;
        }
        let Parts { out, accumulate, scale, a, b } = self;
        let fewer = m.min(n);
        match (a.try_as_row_major(), b.try_as_row_major(), b.transpose().try_as_row_major()) {
            (_, Some(b), _) if m <= ROWS || k <= TERMS => arch().dispatch(Sums { out, accumulate, scale, a, b }),
            (Some(a), _, Some(b)) if fewer <= LINES || k >= LONG && fewer <= LINES_IF_LONG => {
                arch().dispatch(Dots { out, accumulate, scale, a, b });
            }
            (Some(_), Some(_), _) if n <= COLUMNS && k >= LONG => with_scratch(n * k, |turned: &mut [T]| {
                for (j, line) in turned.chunks_exact_mut(k).enumerate() {
                    line.iter_mut().enumerate().for_each(|(p, x)| *x = b[(p, j)]);
                }
                let b = MatRef::from_column_major_slice(turned, k, n);
                Parts { out, accumulate, scale, a, b }.before(next);
            }),
            _ if next.is_empty() => {
                arch().dispatch(Blocked::<T, false> { out, accumulate, scale, lower: false, a, b, next });
            }
            _ => arch().dispatch(Blocked::<T, true> { out, accumulate, scale, lower: false, a, b, next }),
        }
    }
}
