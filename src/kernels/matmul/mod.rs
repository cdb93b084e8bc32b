//! Products of row-major matrices: `out[m, n] = scale · a[m, k] b[k, n]`, added to what is there if asked, where either
//! operand may be stored transposed.
//!
//! The sizes and the storage alone decide between the methods. *Small* products (a layer of a small network: less than a
//! microsecond) run in a register [`tile`], since packing would cost more than the product. *Larger* ones are [`blocked`]
//! for the caches; narrow ones are [`dots`] of lines or sums of [`rows`], as [`methods`] decides. *Large* ones are split in
//! half until the pieces are small enough to share out: across the longer side of `out` or, where the sum is much longer
//! than `out` is wide, across the sum, whose halves are added in order. A *batch* of many products is shared out whole
//! product by whole product, however large they are; the operands of the next come from memory meanwhile ([`ahead`]). Where the
//! products are [`tiny`], one loop computes many.

pub(super) mod ahead;
mod blocked;
mod dots;
mod methods;
mod pack;
mod registers;
mod rows;
#[cfg(test)]
mod tests;
mod tile;
mod tiny;

use super::{
    Real, arch,
    matrix::{MatMut, MatRef},
    parallel::{self, join},
    scratch::with_scratch,
};
use ahead::Ahead;
use blocked::Blocked;
use tile::{Before, Small};
use tiny::Tiny;

/// Products of at most this many multiply-adds run in the register tile.
const SMALL: usize = 1 << 14;
/// A product is split between threads if it has at least this many multiply-adds.
const LARGE: usize = 1 << 20;
/// A piece of a large product has at least a quarter of its multiply-adds, or this many.
const PIECE: usize = 1 << 24;
/// A batch of at least this many matrices is shared out whole matrix by whole matrix.
const MANY: usize = 8;
/// No side is split below this length.
const NARROW: usize = 64;
/// Halves begin at a multiple of this many rows or columns: the numbers of a line of the cache.
const SPLIT: usize = 16;

/// The sizes of a product, how its operands are stored, and by what it is multiplied.
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// The factor before the product.
    pub scale: f64,
}

impl Product {
    /// `out = scale · a b`, or `out += scale · a b` if `accumulate`.
    pub fn gemm<T: Real>(self, out: &mut [T], accumulate: bool, a: &[T], b: &[T]) {
        self.by(out, accumulate, a, b, halved);
    }

    fn is_small(self) -> bool {
        self.m * self.n * self.k <= SMALL
    }

    /// A small product in registers, a larger one by `method`.
    #[inline]
    fn by<T: Real>(self, out: &mut [T], accumulate: bool, a: &[T], b: &[T], method: impl FnOnce(Parts<'_, T>)) {
        let Product { m, n, k, .. } = self;
        debug_assert!(out.len() == m * n && a.len() == m * k && b.len() == k * n, "{self:?}");
        if self.is_small() {
            let before = if accumulate { Before::Out } else { Before::Nothing };
            return arch().dispatch(Small { product: self, out, before, a, b });
        }
        let out = MatMut::from_row_major_slice_mut(out, m, n);
        let (a, b) = (view(a, m, k, self.ta), view(b, k, n, self.tb));
        method(Parts { out, accumulate, scale: T::of(self.scale), a, b });
    }

    /// One product for each triple of `offsets`: `out[i] = c[offset 2 ..] + scale · a[offset 0 ..] b[offset 1 ..]`.
    ///
    /// What is broadcast over the batch has the same offset several times.
    pub fn batched<T: Real>(self, out: &mut [T], c: Option<&[T]>, a: &[T], b: &[T], offsets: &[[usize; 3]]) {
        let Product { m, n, k, .. } = self;
        debug_assert_eq!(out.len(), offsets.len() * m * n, "{self:?}");
        let work = m * n * k;
        // A batch of rows times one shared matrix is one tall product.
        let tall = |[i, j, l]: [usize; 3], q: usize| [i + q * m * k, j, if c.is_some() { l + q * m * n } else { l }];
        let tall = offsets.iter().enumerate().all(|(q, &o)| o == tall(offsets[0], q));
        if tall && !self.ta && offsets.len() > 1 {
            let (rows, first) = (offsets.len() * m, offsets[0]);
            Product { m: rows, ..self }.at(out, c, a, b, first, halved);
        } else if m * n == 0 || work >= LARGE && offsets.len() < MANY {
            out.chunks_mut((m * n).max(1)).zip(offsets).for_each(|(out, &o)| self.at(out, c, a, b, o, halved));
        } else {
            let group = parallel::rows_per_chunk(offsets.len(), work / 8);
            parallel::each_chunk(out, group * m * n, offsets.len() * work / 8, |g, chunk| {
                if self.is_tiny() {
                    let offsets = &offsets[g * group..];
                    return arch().dispatch(Tiny { product: self, out: chunk, c, a, b, offsets });
                }
                for (q, out) in (g * group..).zip(chunk.chunks_mut(m * n)) {
                    let next = self.next(c, a, b, &offsets[q..]);
                    self.at(out, c, a, b, offsets[q], |parts| parts.before(next));
                }
            });
        }
    }

    /// What the second product of a batch reads and the first one does not, as a rule the next that a thread computes.
    /// Small operands are still in the cache.
    fn next<'a, T>(self, c: Option<&'a [T]>, a: &'a [T], b: &'a [T], offsets: &[[usize; 3]]) -> Ahead<'a, T> {
        let Product { m, n, k, .. } = self;
        match offsets {
            [now, next, ..] if m * n * k >= LARGE => {
                let new = |x: &'a [T], which: usize, len| {
                    let at = next[which];
                    if at == now[which] { &[] } else { &x[at..at + len] }
                };
                Ahead::of([new(a, 0, m * k), new(b, 1, k * n), c.map_or(&[], |c| new(c, 2, m * n))])
            }
            _ => Ahead::default(),
        }
    }

    /// The product of a batch whose operands begin at the offsets.
    fn at<T: Real>(
        self,
        out: &mut [T],
        c: Option<&[T]>,
        a: &[T],
        b: &[T],
        [i, j, l]: [usize; 3],
        method: impl FnOnce(Parts<'_, T>),
    ) {
        let Product { m, n, k, .. } = self;
        if let Some(c) = c {
            out.copy_from_slice(&c[l..l + m * n]);
        }
        self.by(out, c.is_some(), &a[i..i + m * k], &b[j..j + k * n], method);
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
    let product = Product { m: rows, n: outputs, k: inputs, ta: false, tb: true, scale: 1.0 };
    match bias {
        Some(row) if outputs > 1 && product.is_small() => {
            arch().dispatch(Small { product, out, before: Before::Row(row), a: x, b: w });
        }
        Some(row) => {
            repeat(row, out);
            product.gemm(out, true, x, w);
        }
        None => product.gemm(out, false, x, w),
    }
}

/// Fills `out` with copies of `row`, of which there are twice as many after each copy.
fn repeat<T: Real>(row: &[T], out: &mut [T]) {
    if row.is_empty() {
        return;
    }
    let mut done = row.len().min(out.len());
    out[..done].copy_from_slice(&row[..done]);
    while done < out.len() {
        let (from, to) = out.split_at_mut(done);
        let more = done.min(to.len());
        to[..more].copy_from_slice(&from[..more]);
        done += more;
    }
}

/// The `rows x columns` matrix stored in `x` row-major or, if `transposed`, column-major.
fn view<T: Real>(x: &[T], rows: usize, columns: usize, transposed: bool) -> MatRef<'_, T> {
    if transposed && rows != 1 && columns != 1 {
        MatRef::from_column_major_slice(x, rows, columns)
    } else {
        MatRef::from_row_major_slice(x, rows, columns)
    }
}

/// A product on the calling thread.
pub(super) fn product<T: Real>(out: MatMut<'_, T>, accumulate: bool, a: MatRef<'_, T>, b: MatRef<'_, T>) {
    Parts { out, accumulate, scale: T::ONE, a, b }.product();
}

/// The lower triangle of a square product, on the calling thread; what is above is left with arbitrary numbers.
pub(super) fn lower_half<T: Real>(out: MatMut<'_, T>, a: MatRef<'_, T>, b: MatRef<'_, T>) {
    let next = Ahead::default();
    arch().dispatch(Blocked::<T, false> { out, accumulate: false, scale: T::ONE, lower: true, a, b, next });
}

/// A product whose operands are matrices.
struct Parts<'a, T> {
    out: MatMut<'a, T>,
    accumulate: bool,
    scale: T,
    a: MatRef<'a, T>,
    b: MatRef<'a, T>,
}

impl<T: Real> Parts<'_, T> {
    /// The product on the calling thread.
    fn product(self) {
        self.before(Ahead::default());
    }

    /// The product, split in half until the pieces have less than `grain` multiply-adds.
    fn halved(self, grain: usize) {
        let Parts { out, accumulate, scale, a, b } = self;
        let (m, n, k) = (out.nrows(), out.ncols(), a.ncols());
        let longest = m.max(n);
        // A long sum is split however many pieces there are: its order depends on its own length alone.
        let along = k > 4 * longest;
        if m * n * k < if along { LARGE } else { grain } || longest.max(k) < 2 * NARROW {
            Parts { out, accumulate, scale, a, b }.product();
        } else if along {
            let (a1, a2) = a.split_at_col(k / 2);
            let (b1, b2) = b.split_at_row(k / 2);
            with_scratch(m * n, |second: &mut [T]| {
                let mut out = out;
                let first = Parts { out: out.as_mut(), accumulate, scale, a: a1, b: b1 };
                let to = MatMut::from_row_major_slice_mut(second, m, n);
                let rest = Parts { out: to, accumulate: false, scale, a: a2, b: b2 };
                join(|| first.halved(grain), || rest.halved(grain));
                for (i, second) in second.chunks_exact(n).enumerate() {
                    out.row_mut(i).iter_mut().zip(second).for_each(|(sum, &x)| *sum += x);
                }
            });
        } else if m >= n {
            let half = (m / 2).next_multiple_of(SPLIT);
            let (top, bottom) = out.split_at_row_mut(half);
            let (a1, a2) = a.split_at_row(half);
            let top = Parts { out: top, accumulate, scale, a: a1, b };
            let bottom = Parts { out: bottom, accumulate, scale, a: a2, b };
            join(|| top.halved(grain), || bottom.halved(grain));
        } else {
            let half = (n / 2).next_multiple_of(SPLIT);
            let (left, right) = out.split_at_col_mut(half);
            let (b1, b2) = b.split_at_col(half);
            let left = Parts { out: left, accumulate, scale, a, b: b1 };
            let right = Parts { out: right, accumulate, scale, a, b: b2 };
            join(|| left.halved(grain), || right.halved(grain));
        }
    }
}

/// A product split in half as many times as its size requires, and no more: every piece packs its operands again.
fn halved<T: Real>(parts: Parts<'_, T>) {
    let work = parts.out.nrows() * parts.out.ncols() * parts.a.ncols();
    parts.halved((work / 4).clamp(LARGE, PIECE));
}
