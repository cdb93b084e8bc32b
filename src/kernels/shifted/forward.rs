//! The filters of an image: each output is a sum over terms of a weight times a number of the padded image.
//!
//! A tile of R filters and V vectors of places is summed in registers: V vectors of the image and R weights are loaded
//! for R·V products. The image is not aligned, so that a load touches two lines of the cache; with R = 4 or 5 and V = 4
//! the loads are still fewer than the products, with R = 8 and V = 3 they are half as many.

use super::{Shifted, copy_line};
use crate::kernels::{Real, vector::Vectors};
use pulp::{Simd, WithSimd};

/// Filters of the largest tile.
pub(super) const FILTERS: usize = 8;

/// The filters of one padded image, at the padded width.
pub(super) struct Forward<'a, T> {
    pub sizes: &'a Shifted,
    pub padded: &'a [T],
    pub w: &'a [T],
    pub bias: Option<&'a [T]>,
    /// Places of a few filters at the padded width.
    pub wide: &'a mut [T],
    pub out: &'a mut [T],
}

impl<T: Real> WithSimd for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let filters = self.w.len() / self.sizes.shifts.len();
        // Twenty-four sums fit the registers of machines with 32 of them, ten those of the others.
        let many = S::REGISTER_COUNT >= 32;
        let mut first = 0;
        while first < filters {
            first += match filters - first {
                rest if many && rest.is_multiple_of(FILTERS) => self.filters::<S, FILTERS>(simd, first),
                rest if rest.is_multiple_of(5) || rest > 5 && rest % 4 == 1 => self.filters::<S, 5>(simd, first),
                4.. => self.filters::<S, 4>(simd, first),
                2.. => self.filters::<S, 2>(simd, first),
                _ => self.filters::<S, 1>(simd, first),
            };
        }
    }
}

impl<T: Real> Forward<'_, T> {
    /// R filters starting at `first`; returns R.
    #[inline(always)]
    fn filters<S: Simd, const R: usize>(&mut self, simd: S, first: usize) -> usize {
        let (places, lanes) = (self.sizes.places, Vectors::<T, S>::LANES);
        let most = match R {
            FILTERS => 3,
            _ if S::REGISTER_COUNT >= 32 => 4,
            _ => 2,
        };
        let (mut place, mut row) = (0, 0);
        while place < places {
            place += lanes
                * match ((places - place) / lanes).min(most) {
                    4 => self.tile::<S, R, 4>(simd, first, place),
                    3 if R == FILTERS => self.tile::<S, R, 3>(simd, first, place),
                    2.. => self.tile::<S, R, 2>(simd, first, place),
                    _ => self.tile::<S, R, 1>(simd, first, place),
                };
            row = self.lines::<R>(first, row, place);
        }
        R
    }

    /// Writes out the lines from `row` on that are complete up to `place`, and returns the next. While they go to
    /// memory, the next tile is computed.
    #[inline(always)]
    fn lines<const R: usize>(&mut self, first: usize, mut row: usize, place: usize) -> usize {
        let (window, width, places) = (&self.sizes.window, self.sizes.width, self.sizes.places);
        let [rows, columns] = [0, 1].map(|axis| window.outputs(axis));
        while row < rows && row * width + columns <= place {
            for r in 0..R {
                let line = &self.wide[r * places + row * width..][..columns];
                copy_line(line, 0, &mut self.out[((first + r) * rows + row) * columns..][..columns]);
            }
            row += 1;
        }
        row
    }

    /// R filters starting at `first`, V vectors starting at `place`; returns V.
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(&mut self, simd: S, first: usize, place: usize) -> usize {
        let vectors = Vectors::<T, S>::new(simd);
        let lanes = Vectors::<T, S>::LANES;
        let shifts = &self.sizes.shifts[..];
        let mut rows: [&[T]; R] = [&[]; R];
        let mut sums = [[vectors.splat(T::ZERO); V]; R];
        for r in 0..R {
            rows[r] = &self.w[(first + r) * shifts.len()..][..shifts.len()];
            if let Some(bias) = self.bias {
                sums[r] = [vectors.splat(bias[first + r]); V];
            }
        }
        let seen = &self.padded[place..];
        for (t, &shift) in shifts.iter().enumerate() {
            let run = &seen[shift..shift + V * lanes];
            let mut x = [vectors.splat(T::ZERO); V];
            for (v, x) in x.iter_mut().enumerate() {
                *x = vectors.load(run, v * lanes);
            }
            for r in 0..R {
                let w = vectors.splat(rows[r][t]);
                for v in 0..V {
                    sums[r][v] = vectors.mul_add(w, x[v], sums[r][v]);
                }
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            let wide = &mut self.wide[r * self.sizes.places + place..][..V * lanes];
            for (v, sum) in sums.into_iter().enumerate() {
                vectors.store(wide, v * lanes, sum);
            }
        }
        V
    }
}
