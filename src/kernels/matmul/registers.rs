//! The sums of R rows of A and V vectors of columns of B, which touch memory once they are complete.
//!
//! Each term loads V vectors and R numbers for R·V products. A machine with 32 registers holds 8 × 3 sums beside the
//! vectors they are made from, one with 16 registers 4 × 3: 11 loads for 24 products, 7 for 12, where as many loads as
//! products can be begun at a time. The 24 or 12 sums also outnumber the 8 to 10 products that are under way at a time.

use super::ahead::{EVERY, fetch, lines};
use crate::kernels::{
    Real,
    matrix::MatMut,
    vector::{Vector, Vectors},
};
use pulp::{Simd, WithSimd};

/// The most vectors of a tile.
pub(super) const MOST: usize = 3;

/// A tile of `out`, and what it is made from: those of R rows and V vectors of columns that `out` has.
///
/// It is a function of its own, however often it is called: within a larger one the compiler runs out of registers.
pub(super) struct Tile<'a, T, const R: usize, const V: usize, const FETCH: bool> {
    pub out: MatMut<'a, T>,
    pub accumulate: bool,
    pub scale: T,
    /// All of one length; every `step`-th number counts.
    pub rows: [&'a [T]; R],
    pub step: usize,
    /// The rows of B in these columns, each `pitch` numbers after the one before.
    pub panel: &'a [T],
    pub pitch: usize,
    /// Numbers of the next product, to be fetched meanwhile.
    pub ahead: &'a [T],
}

impl<T: Real, const R: usize, const V: usize, const FETCH: bool> WithSimd for Tile<'_, T, R, V, FETCH> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (vectors, lanes) = (Vectors::<T, S>::new(simd), Vectors::<T, S>::LANES);
        let length = self.rows[0].len();
        let terms = length.div_ceil(self.step);
        assert!(
            terms > 0
                && self.rows.iter().all(|row| row.len() == length)
                && self.panel.len() >= (terms - 1) * self.pitch + V * lanes
        );
        let (height, width) = (self.out.nrows(), self.out.ncols());
        let mut sums = [[vectors.splat(T::ZERO); V]; R];
        let mut done = 0;
        if FETCH {
            for r in 0..R.min(height) {
                lines(self.out.row(r)).for_each(fetch);
            }
            let ahead = lines(self.ahead).take(terms / EVERY);
            done = ahead.len() * EVERY;
            // SAFETY: there are EVERY terms for each line, and the assertion is what `fetching` asks for. A step that the
            // compiler knows saves it the registers for its multiples.
            unsafe {
                match self.step {
                    1 => self.fetching(vectors, ahead, 1, &mut sums),
                    step => self.fetching(vectors, ahead, step, &mut sums),
                }
            }
        }
        for p in done..terms {
            // SAFETY: p is less than `terms`, and the assertion is what `term` asks for.
            unsafe { self.term(vectors, p, self.step, &mut sums) };
        }
        let scale = vectors.splat(self.scale);
        for (r, sums) in sums.into_iter().enumerate() {
            if r < height {
                let line = self.out.row_mut(r);
                for (v, sum) in sums.into_iter().enumerate() {
                    if v + 1 < V || width == V * lanes {
                        let old = if self.accumulate { vectors.load(line, v * lanes) } else { vectors.splat(T::ZERO) };
                        vectors.store(line, v * lanes, vectors.mul_add(scale, sum, old));
                    } else {
                        let part = &mut line[v * lanes..];
                        let old = if self.accumulate { vectors.part(part) } else { vectors.splat(T::ZERO) };
                        vectors.store_part(part, vectors.mul_add(scale, sum, old));
                    }
                }
            }
        }
    }
}

impl<T: Real, const R: usize, const V: usize, const FETCH: bool> Tile<'_, T, R, V, FETCH> {
    /// Adds the first terms to the sums, [`EVERY`] of them after each line that it fetches.
    ///
    /// # Safety
    /// What [`term`](Self::term) asks for, for the last of these terms.
    #[inline(always)]
    unsafe fn fetching<'l, S: Simd>(
        &self,
        vectors: Vectors<T, S>,
        ahead: impl Iterator<Item = &'l [T]>,
        step: usize,
        sums: &mut [[Vector<T, S>; V]; R],
    ) where
        T: 'l,
    {
        for (q, line) in ahead.enumerate() {
            fetch(line);
            for p in q * EVERY..(q + 1) * EVERY {
                // SAFETY: the caller's promise.
                unsafe { self.term(vectors, p, step, sums) };
            }
        }
    }

    /// Adds term p to the sums.
    ///
    /// # Safety
    /// The panel has V · lanes numbers at p · pitch, and every row a number at p · step.
    #[inline(always)]
    unsafe fn term<S: Simd>(&self, vectors: Vectors<T, S>, p: usize, step: usize, sums: &mut [[Vector<T, S>; V]; R]) {
        let lanes = Vectors::<T, S>::LANES;
        // SAFETY: the caller's promise. Checked here, for every number, the bounds take as long as the products.
        let b = unsafe { self.panel.get_unchecked(p * self.pitch..p * self.pitch + V * lanes) };
        let mut x = [vectors.splat(T::ZERO); V];
        for (v, x) in x.iter_mut().enumerate() {
            *x = vectors.load(b, v * lanes);
        }
        for (row, sums) in self.rows.iter().zip(sums) {
            // SAFETY: the caller's promise.
            let a = vectors.splat(unsafe { *row.get_unchecked(p * step) });
            for (sum, &x) in sums.iter_mut().zip(&x) {
                *sum = vectors.mul_add(a, x, *sum);
            }
        }
    }
}
