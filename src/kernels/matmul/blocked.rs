//! Large products, blocked for the caches after Goto and van de Geijn (*Anatomy of High-Performance Matrix
//! Multiplication*, ACM TOMS 34, 2008), for row-major matrices.
//!
//! B is cut into panels as wide as a register tile and about as large as a first-level cache. A panel is packed
//! ([`pack`](super::pack)) and used at once, while it is there, for all rows of A, a few at a time; what is left is their
//! sum in [`registers`](super::registers). The rows of A come from the second-level cache, in place or, where A is stored
//! transposed, packed.
//!
//! ```text
//!                      panel of B
//!                      ┌──────┐
//!                      │      │ depth    first-level cache
//!                      └──────┘
//!         ┌────────┐   ┌──────┐
//!  ROWS   │ strip  │   │ tile │ 8 or 4   registers
//!  second │ strip  │   │ tile │
//!  level  │ …      │   │ …    │
//!         └────────┘   └──────┘
//! ```
//!
//! The order of each sum follows from k alone: equal parts of it from left to right, added to `out` one by one.

use super::{
    ahead::Ahead,
    pack::{each_panel, pack_panel, pack_strips},
    registers::{MOST, Tile},
};
use crate::kernels::{
    Real,
    matrix::{MatMut, MatRef},
    scratch::with_scratch,
    vector::Vectors,
};
use pulp::{Simd, WithSimd};

/// Bytes of a panel of B. Half of it leaves more room in the cache, but `out` is then written twice as often: 1 % slower
/// on a cache of 48 KiB.
const PANEL: usize = 48 << 10;
/// Rows of A for which a panel is used, which the second-level cache holds.
const ROWS: usize = 512;
/// With fewer columns than this, an A that is stored transposed is read in place: it would be packed for a few panels only.
const NARROW: usize = 128;
/// With fewer rows, so is B.
const FEW: usize = 16;
/// Where sums are shorter than this, and rows of `out` at least so long, writing `out` is most of the work. It is written a
/// few whole rows at a time, and B is read in place.
const SHORT: usize = 32;
const WIDE: usize = 512;

/// `out = scale · a b`, or added to `out`, whose rows are contiguous. There is at least one term.
pub(super) struct Blocked<'a, T, const FETCH: bool> {
    pub out: MatMut<'a, T>,
    pub accumulate: bool,
    pub scale: T,
    /// Tiles that are above the diagonal are left out.
    pub lower: bool,
    pub a: MatRef<'a, T>,
    pub b: MatRef<'a, T>,
    /// What is read after this product, and fetched meanwhile if `FETCH`.
    pub next: Ahead<'a, T>,
}

impl<T: Real, const FETCH: bool> WithSimd for Blocked<'_, T, FETCH> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Blocked { mut out, accumulate, scale, lower, a, b, mut next } = self;
        let (m, k) = (out.nrows(), a.ncols());
        let width = MOST * Vectors::<T, S>::LANES;
        let in_place = a.try_as_row_major().is_some() || out.ncols() < NARROW;
        let wide = b.try_as_row_major().is_some() && k < SHORT && out.ncols() >= WIDE;
        let b_in_place = b.try_as_row_major().is_some() && (m < FEW || wide);
        let deepest = PANEL / (width * size_of::<T>());
        let height = if wide { 8.min(m) } else { ROWS.min(m) };
        let depth = k.div_ceil(k.div_ceil(deepest).max(1)).max(1);
        let strips = if in_place { 0 } else { height.next_multiple_of(8) * depth };
        with_scratch(
            depth * width + strips,
            #[inline(always)]
            |scratch: &mut [T]| {
                let (panel, strips) = scratch.split_at_mut(depth * width);
                for top in (0..m).step_by(height) {
                    let rows = height.min(m - top);
                    for first in (0..k).step_by(depth) {
                        let terms = depth.min(k - first);
                        let a = a.submatrix(top, first, rows, terms);
                        let b = b.subrows(first, terms);
                        let accumulate = accumulate || first > 0;
                        if !in_place {
                            pack_strips::<T, S>(a, strips);
                        }
                        let strips = &*strips;
                        let out = out.as_mut().subrows_mut(top, rows);
                        let diagonal = lower.then_some(top);
                        let block = Block::<_, _, FETCH> { simd, a, strips, b_in_place, scale, accumulate, diagonal };
                        block.all(b, panel, out, &mut next);
                    }
                }
            },
        );
    }
}

/// Calls `body(first row, R)` for every strip of at most R rows, with 8 or 4 for R, as the registers allow.
#[inline(always)]
pub(super) fn each_strip<S: Simd>(rows: usize, mut body: impl FnMut(usize, usize)) {
    let mut i = 0;
    while i < rows {
        let most = if S::REGISTER_COUNT >= 32 && rows - i > 4 { 8 } else { 4 };
        body(i, most);
        i += most;
    }
}

/// The product of some rows and columns of A with some rows of B.
struct Block<'a, T, S, const FETCH: bool> {
    simd: S,
    a: MatRef<'a, T>,
    /// A strip by strip, if its rows are not contiguous.
    strips: &'a [T],
    b_in_place: bool,
    scale: T,
    accumulate: bool,
    /// Where the diagonal of `out` enters the first of these rows, if only what is below it is wanted.
    diagonal: Option<usize>,
}

impl<T: Real, S: Simd, const FETCH: bool> Block<'_, T, S, FETCH> {
    /// Panel by panel.
    #[inline(always)]
    fn all(&self, b: MatRef<'_, T>, panel: &mut [T], mut out: MatMut<'_, T>, next: &mut Ahead<'_, T>) {
        let columns = out.ncols();
        each_panel::<T, S>(
            columns,
            #[inline(always)]
            |j, vectors| {
                let width = (vectors * Vectors::<T, S>::LANES).min(columns - j);
                let (b, out) = (b.subcols(j, width), out.as_mut().subcols_mut(j, width));
                let above = self.diagonal.map_or(0, |first| j.saturating_sub(first));
                match vectors {
                    3 => self.panel::<3>(b, panel, out, above, next),
                    2 => self.panel::<2>(b, panel, out, above, next),
                    _ => self.panel::<1>(b, panel, out, above, next),
                }
            },
        );
    }

    /// The columns of a panel of V vectors, strip by strip, of which so many rows `above` are not wanted.
    #[inline(always)]
    fn panel<const V: usize>(
        &self,
        b: MatRef<'_, T>,
        panel: &mut [T],
        mut out: MatMut<'_, T>,
        above: usize,
        next: &mut Ahead<'_, T>,
    ) {
        let rows = out.nrows();
        if above >= rows {
            return;
        }
        let width = V * Vectors::<T, S>::LANES;
        let (panel, pitch) = match b.try_as_row_major() {
            Some(b) if self.b_in_place && b.ncols() == width => (b.numbers(), b.pitch()),
            _ => {
                pack_panel::<T, S, V>(self.simd, b, panel);
                (&*panel, width)
            }
        };
        each_strip::<S>(
            rows,
            #[inline(always)]
            |i, most| {
                if i + most <= above {
                    return;
                }
                let out = out.as_mut().subrows_mut(i, most.min(rows - i));
                let ahead = if FETCH { next.take(self.a.ncols()) } else { &[] };
                if const { S::REGISTER_COUNT >= 32 } && most == 8 {
                    self.strip::<8, V>((panel, pitch), i, out, ahead);
                } else {
                    self.strip::<4, V>((panel, pitch), i, out, ahead);
                }
            },
        );
    }

    /// At most R rows and V vectors of columns of `out`.
    #[inline(always)]
    fn strip<const R: usize, const V: usize>(
        &self,
        (panel, pitch): (&[T], usize),
        i: usize,
        out: MatMut<'_, T>,
        ahead: &[T],
    ) {
        let (terms, last) = (self.a.ncols(), out.nrows() - 1);
        let mut rows: [&[T]; R] = [&[]; R];
        // Missing rows repeat the last one, and are not written.
        let step = if let Some(a) = self.a.try_as_row_major() {
            for (r, row) in rows.iter_mut().enumerate() {
                *row = a.row(i + r.min(last));
            }
            1
        } else if let Some(a) = self.a.transpose().try_as_row_major().filter(|_| self.strips.is_empty()) {
            for (r, row) in rows.iter_mut().enumerate() {
                *row = &a.numbers()[i + r.min(last)..][..(terms - 1) * a.pitch() + 1];
            }
            a.pitch()
        } else {
            for (r, row) in rows.iter_mut().enumerate() {
                *row = &self.strips[i * terms + r..][..(terms - 1) * R + 1];
            }
            R
        };
        let Block { accumulate, scale, .. } = *self;
        self.simd.vectorize(Tile::<T, R, V, FETCH> { out, accumulate, scale, rows, step, panel, pitch, ahead });
    }
}
