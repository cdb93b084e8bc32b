//! Small products in registers: up to 6 rows and [`LANES`] columns of `out` are summed at a time, so that every number
//! of `b` that is loaded serves 6 rows, and no sum touches memory before it is complete.

use std::hint::black_box;

use super::Product;
use crate::kernels::{Real, scratch::with_scratch};

/// The columns of the register tile: one 512-bit vector of f32, or two of f64.
pub(super) const LANES: usize = 16;

impl Product {
    /// The product in registers. With few columns and many rows, (A B)ᵀ = Bᵀ Aᵀ fills the vectors better.
    #[inline(always)]
    pub(super) fn small<T: Real>(self, out: &mut [T], accumulate: bool, a: &[T], b: &[T]) {
        let Product { m, n, ta, tb, .. } = self;
        let turned = n == 1 || n < LANES && m >= LANES;
        let (product, a, b) = match turned {
            true => (Product { m: n, n: m, ta: !tb, tb: !ta, ..self }, b, a),
            false => (self, a, b),
        };
        if !turned || n == 1 {
            return product.tiles(out, accumulate, a, b);
        }
        with_scratch(
            m * n,
            #[inline(always)]
            |columns: &mut [T]| {
                product.tiles(columns, false, a, b);
                for (j, column) in columns.chunks_exact(m).enumerate() {
                    for (i, &x) in column.iter().enumerate() {
                        let out = &mut out[i * n + j];
                        *out = if accumulate { *out + x } else { x };
                    }
                }
            },
        );
    }

    /// The product in register tiles of up to 6 rows and [`LANES`] columns.
    #[inline(always)]
    fn tiles<T: Real>(self, out: &mut [T], accumulate: bool, a: &[T], b: &[T]) {
        let Product { n, k, tb, .. } = self;
        // Columns that do not fill a vector, or are not contiguous, are packed panel by panel.
        let packed = tb || !n.is_multiple_of(LANES);
        with_scratch(
            if packed { k * n.next_multiple_of(LANES) } else { 0 },
            #[inline(always)]
            |panels: &mut [T]| {
                if packed {
                    self.pack(panels, b);
                }
                let (b, stride, apart) = if packed { (&*panels, LANES, k) } else { (b, n, 1) };
                // If the compiler knew that no bounds need be checked, it would vectorize along the sums, of numbers
                // gathered one by one.
                let b = black_box(b);
                for j in (0..n).step_by(LANES) {
                    self.panel(out, j, accumulate, a, &b[(j * apart).min(b.len())..], stride);
                }
            },
        );
    }

    /// The rows of b in panels of [`LANES`] columns, one after the other; lanes without a column are zero.
    #[inline(always)]
    fn pack<T: Real>(self, panels: &mut [T], b: &[T]) {
        let Product { n, k, tb, .. } = self;
        for j in (0..n).step_by(LANES) {
            let columns = LANES.min(n - j);
            let (rows, _) = panels[j * k..][..k * LANES].as_chunks_mut::<LANES>();
            if columns < LANES {
                rows.as_flattened_mut().fill(T::ZERO);
            }
            if tb {
                let (blocks, rest) = rows.as_chunks_mut::<LANES>();
                for (block, start) in blocks.iter_mut().zip((0..k).step_by(LANES)) {
                    turn(block, &b[j * k + start..], k, columns);
                }
                for (row, p) in rest.iter_mut().zip(k - k % LANES..) {
                    for l in 0..columns {
                        row[l] = b[(j + l) * k + p];
                    }
                }
            } else {
                for (p, row) in rows.iter_mut().enumerate() {
                    row[..columns].copy_from_slice(&b[p * n + j..][..columns]);
                }
            }
        }
    }

    /// Columns `j .. j + LANES` of the product; row p of these columns starts at `p * stride` in `b`.
    #[inline(always)]
    fn panel<T: Real>(self, out: &mut [T], j: usize, accumulate: bool, a: &[T], b: &[T], stride: usize) {
        let mut i = 0;
        while i < self.m {
            i += match self.m - i {
                0..2 => self.tile::<T, 1>(out, (i, j), accumulate, a, b, stride),
                2..4 => self.tile::<T, 2>(out, (i, j), accumulate, a, b, stride),
                4..6 => self.tile::<T, 4>(out, (i, j), accumulate, a, b, stride),
                _ => self.tile::<T, 6>(out, (i, j), accumulate, a, b, stride),
            };
        }
    }

    /// R rows of a panel, summed in registers; returns R.
    #[inline(always)]
    fn tile<T: Real, const R: usize>(
        self,
        out: &mut [T],
        (i, j): (usize, usize),
        accumulate: bool,
        a: &[T],
        b: &[T],
        stride: usize,
    ) -> usize {
        let Product { m, n, k, ta, .. } = self;
        let sums = if ta {
            sum_tile::<T, R>(k, b, stride, |p| *a[p * m + i..].first_chunk().expect("a row of a tile"))
        } else {
            let mut rows: [&[T]; R] = [&[]; R];
            for r in 0..R {
                rows[r] = &a[(i + r) * k..][..k];
            }
            sum_tile::<T, R>(
                k,
                b,
                stride,
                #[inline(always)]
                |p| {
                    let mut x = [T::ZERO; R];
                    for r in 0..R {
                        x[r] = rows[r][p];
                    }
                    x
                },
            )
        };
        let (columns, scale) = (LANES.min(n - j), T::of(self.scale));
        for (r, sums) in sums.iter().enumerate() {
            let out = &mut out[(i + r) * n + j..][..columns];
            if let Some(whole) = out.first_chunk_mut::<LANES>() {
                *whole = scaled(scale, sums, accumulate.then_some(&*whole));
            } else {
                for (out, x) in out.iter_mut().zip(scaled(scale, sums, None)) {
                    *out = if accumulate { *out + x } else { x };
                }
            }
        }
        R
    }
}

/// `block[p][l] = b[l * stride + p]` for the first `columns` values of l, 0 for the others.
#[inline(always)]
fn turn<T: Real>(block: &mut [[T; LANES]; LANES], b: &[T], stride: usize, columns: usize) {
    let mut runs = [[T::ZERO; LANES]; LANES];
    for (l, run) in runs[..columns].iter_mut().enumerate() {
        *run = *b[l * stride..].first_chunk().expect("a column has a run for every block");
    }
    // Four at a time: one by one, the compiler would scatter them.
    for (l, four) in runs.as_chunks().0.iter().enumerate() {
        for (p, row) in block.iter_mut().enumerate() {
            let [a, b, c, d]: &[_; 4] = four;
            row.as_chunks_mut().0[l] = [a[p], b[p], c[p], d[p]];
        }
    }
}

/// `Σ over p of a(p)[r] · b[p, lane]` for R rows, in registers.
#[inline(always)]
fn sum_tile<T: Real, const R: usize>(k: usize, b: &[T], stride: usize, a: impl Fn(usize) -> [T; R]) -> [[T; LANES]; R] {
    let mut sums = [[T::ZERO; LANES]; R];
    for p in 0..k {
        let b: &[T; LANES] = b[p * stride..].first_chunk().expect("a full vector");
        for (sums, x) in sums.iter_mut().zip(a(p)) {
            for l in 0..LANES {
                sums[l] += x * b[l];
            }
        }
    }
    sums
}

/// `before + scale · sums`, or without a summand before it.
#[inline(always)]
fn scaled<T: Real>(scale: T, sums: &[T; LANES], before: Option<&[T; LANES]>) -> [T; LANES] {
    let mut result = [T::ZERO; LANES];
    for l in 0..LANES {
        result[l] = scale * sums[l];
    }
    if let Some(before) = before {
        for l in 0..LANES {
            result[l] = before[l] + result[l];
        }
    }
    result
}
