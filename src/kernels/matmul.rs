//! Products of row-major matrices: `out[m, n] = a[m, k] b[k, n]`, where either operand may be stored transposed.
//!
//! The size alone decides between three methods. *Small* products (a layer of a small network: less than a microsecond)
//! run in a register tile written here, since setting up a general routine would cost more than the product. *Larger*
//! ones are left to faer. *Large* ones are split in half until the pieces are small enough to share out: across the
//! longer side of `out` or, where the sum is much longer than `out` is wide, across the sum, whose halves are added in
//! order.

use super::{Real, parallel, scratch::with_scratch, simd, threads};
use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};

/// Products of at most this many multiply-adds run in the register tile.
const SMALL: usize = 1 << 14;
/// A product is split between threads if it has at least this many multiply-adds.
const LARGE: usize = 1 << 20;
/// No side is split below this length.
const NARROW: usize = 64;
/// The columns of the register tile: one 512-bit vector of f32, or two of f64.
const LANES: usize = 16;

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

    /// The product in registers. With few columns and many rows, (A B)ᵀ = Bᵀ Aᵀ fills the vectors better.
    #[inline(always)]
    fn small<T: Real>(self, out: &mut [T], accumulate: bool, a: &[T], b: &[T]) {
        let Product { m, n, k, ta, tb } = self;
        let turned = Product { m: n, n: m, k, ta: !tb, tb: !ta };
        if n == 1 {
            turned.tiles(out, accumulate, b, a);
        } else if n < LANES && m >= LANES {
            with_scratch(
                m * n,
                #[inline(always)]
                |columns: &mut [T]| {
                    turned.tiles(columns, false, b, a);
                    for (j, column) in columns.chunks_exact(m).enumerate() {
                        for (i, &x) in column.iter().enumerate() {
                            let out = &mut out[i * n + j];
                            *out = if accumulate { *out + x } else { x };
                        }
                    }
                },
            );
        } else {
            self.tiles(out, accumulate, a, b);
        }
    }

    /// The product in register tiles of up to 6 rows and [`LANES`] columns.
    #[inline(always)]
    fn tiles<T: Real>(self, out: &mut [T], accumulate: bool, a: &[T], b: &[T]) {
        let Product { m, n, k, tb, .. } = self;
        if n == 0 || m == 0 {
            return;
        }
        if !tb && n.is_multiple_of(LANES) {
            for j in (0..n).step_by(LANES) {
                self.panel(out, j, accumulate, a, &b[j.min(b.len())..], n);
            }
            return;
        }
        // Columns that do not fill a vector, or are not contiguous, are packed; the empty lanes are zero.
        with_scratch(
            k * LANES,
            #[inline(always)]
            |packed: &mut [T]| {
                for j in (0..n).step_by(LANES) {
                    let columns = LANES.min(n - j);
                    if columns < LANES {
                        packed.fill(T::ZERO);
                    }
                    let (rows, _) = packed.as_chunks_mut::<LANES>();
                    if tb {
                        let (blocks, rest) = rows.as_chunks_mut::<LANES>();
                        for (block, start) in blocks.iter_mut().zip((0..k).step_by(LANES)) {
                            turn(block, &b[j * k + start..], k, columns);
                        }
                        for (row, p) in rest.iter_mut().zip(k - k % LANES..) {
                            (0..columns).for_each(|l| row[l] = b[(j + l) * k + p]);
                        }
                    } else {
                        for (p, row) in rows.iter_mut().enumerate() {
                            row[..columns].copy_from_slice(&b[p * n + j..][..columns]);
                        }
                    }
                    self.panel(out, j, accumulate, a, packed, LANES);
                }
            },
        );
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
            sum_tile::<T, R>(k, b, stride, |p, r| a[p * m + i + r])
        } else {
            let mut rows: [&[T]; R] = [&[]; R];
            for r in 0..R {
                rows[r] = &a[(i + r) * k..][..k];
            }
            sum_tile::<T, R>(k, b, stride, |p, r| rows[r][p])
        };
        let columns = LANES.min(n - j);
        for (r, sums) in sums.iter().enumerate() {
            let out = &mut out[(i + r) * n + j..][..columns];
            if accumulate {
                out.iter_mut().zip(sums).for_each(|(o, &s)| *o += s);
            } else if let Some(whole) = out.first_chunk_mut::<LANES>() {
                *whole = *sums;
            } else {
                out.copy_from_slice(&sums[..columns]);
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
    for p in 0..LANES {
        for l in 0..LANES {
            block[p][l] = runs[l][p];
        }
    }
}

/// `Σ over p of a(p, r) · b[p, lane]` for R rows, in registers.
#[inline(always)]
fn sum_tile<T: Real, const R: usize>(
    k: usize,
    b: &[T],
    stride: usize,
    a: impl Fn(usize, usize) -> T,
) -> [[T; LANES]; R] {
    let mut sums = [[T::ZERO; LANES]; R];
    for p in 0..k {
        let b: &[T; LANES] = b[p * stride..].first_chunk().expect("a full vector");
        for (r, sums) in sums.iter_mut().enumerate() {
            let x = a(p, r);
            for l in 0..LANES {
                sums[l] += x * b[l];
            }
        }
    }
    sums
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{close, numbers};

    /// The definition, in f64.
    fn naive<T: Real>(p: Product, a: &[T], b: &[T]) -> Vec<f64> {
        let Product { m, n, k, ta, tb } = p;
        let a_at = |i: usize, q: usize| if ta { a[q * m + i] } else { a[i * k + q] }.to_f64();
        let b_at = |q: usize, j: usize| if tb { b[j * k + q] } else { b[q * n + j] }.to_f64();
        let mut out = Vec::new();
        for i in 0..m {
            for j in 0..n {
                out.push((0..k).map(|q| a_at(i, q) * b_at(q, j)).sum());
            }
        }
        out
    }

    fn all_ways<T: Real>(tolerance: f64) {
        let sizes = [
            (1, 1, 1),
            (3, 5, 7),
            (32, 16, 16),
            (17, 33, 9),
            (6, 10, 0),
            (0, 3, 4),
            (4, 0, 3),
            (1, 40, 40),
            (40, 1, 70),
            (130, 70, 65),
            (300, 33, 129),
            (33, 300, 129),
            (20, 25, 4000),
            (5, 3, 100_000),
        ];
        for (m, n, k) in sizes {
            for (ta, tb) in [(false, false), (false, true), (true, false), (true, true)] {
                let p = Product { m, n, k, ta, tb };
                let (a, b) = (numbers::<T>(m * k, 1), numbers::<T>(k * n, 2));
                let want = naive(p, &a, &b);
                let mut out = vec![T::of(f64::NAN); m * n];
                p.gemm(&mut out, false, &a, &b);
                close(&out, &want, tolerance * (k as f64).sqrt().max(1.0));
                p.gemm(&mut out, true, &a, &b);
                close(&out, &want.iter().map(|x| 2.0 * x).collect::<Vec<_>>(), tolerance * (k as f64).sqrt().max(1.0));
            }
        }
    }

    #[test]
    fn products_of_all_sizes_and_transpositions() {
        all_ways::<f32>(1e-5);
        all_ways::<f64>(1e-13);
    }

    #[test]
    fn batches_broadcast_either_operand() {
        for (m, n, k) in [(2, 3, 4), (40, 50, 60), (120, 130, 140)] {
            let (a, b) = (numbers::<f64>(3 * m * k, 1), numbers::<f64>(3 * k * n, 2));
            for offsets in [
                vec![],
                vec![(0, 0), (m * k, k * n), (2 * m * k, 2 * k * n)],
                vec![(0, 0), (m * k, 0), (2 * m * k, 0)],
                vec![(0, 0), (0, k * n), (m * k, 0), (m * k, k * n)],
            ] {
                for (ta, tb) in [(false, false), (true, true)] {
                    let p = Product { m, n, k, ta, tb };
                    let mut out = vec![f64::NAN; offsets.len() * m * n];
                    p.batched(&mut out, &a, &b, &offsets);
                    let want: Vec<f64> =
                        offsets.iter().flat_map(|&(i, j)| naive(p, &a[i..i + m * k], &b[j..j + k * n])).collect();
                    close(&out, &want, 1e-12);
                }
            }
        }
    }

    #[test]
    fn linear_adds_the_bias_to_every_row() {
        let (x, w, bias) = (numbers::<f32>(7 * 5, 1), numbers::<f32>(3 * 5, 2), [10.0f32, 20.0, 30.0]);
        let mut out = vec![f32::NAN; 7 * 3];
        linear(&mut out, &x, &w, Some(&bias), (7, 5, 3));
        let p = Product { m: 7, n: 3, k: 5, ta: false, tb: true };
        let want: Vec<f64> = naive(p, &x, &w).iter().enumerate().map(|(i, v)| v + f64::from(bias[i % 3])).collect();
        close(&out, &want, 1e-5);
        linear(&mut out, &x, &w, None, (7, 5, 3));
        close(&out, &naive(p, &x, &w), 1e-5);
    }
}
