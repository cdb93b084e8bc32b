//! The weight gradient: the dot product of dy with a shifted copy of the image, for each filter and term.
//!
//! The filters of a tile read their planes of dy once for each term, from the innermost cache; planes of the image come
//! and go.

use super::Shifted;
use crate::kernels::{
    Real,
    vector::{Vector, Vectors},
};
use pulp::{Simd, WithSimd};

/// Filters of the largest tile.
pub(super) const FILTERS: usize = 4;

/// The weight gradient summed over several images.
pub(super) struct GradWeight<'a, T> {
    pub sizes: &'a Shifted,
    pub padded: &'a [T],
    pub spread: &'a [T],
    pub dw: &'a mut [T],
}

impl<T: Real> WithSimd for GradWeight<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let terms = self.sizes.shifts.len();
        let filters = self.dw.len() / terms;
        // Twenty-four sums fit the registers of machines with 32 of them, ten those of the others.
        let tall = S::REGISTER_COUNT >= 32;
        let mut filter = 0;
        while filter < filters {
            let (mut term, rest) = (0, filters - filter);
            let rows = match rest {
                FILTERS.. if tall => FILTERS,
                2.. => 2,
                _ => 1,
            };
            while term < terms {
                let at = (filter, term);
                term += match (rows, terms - term) {
                    (FILTERS, rest @ 6..) if rest % 5 != 0 => self.tile::<S, FILTERS, 6>(simd, at),
                    (FILTERS, 5..) => self.tile::<S, FILTERS, 5>(simd, at),
                    (2, 5..) => self.tile::<S, 2, 5>(simd, at),
                    (_, 5..) => self.tile::<S, 1, 5>(simd, at),
                    (FILTERS, 3..) => self.tile::<S, FILTERS, 3>(simd, at),
                    (FILTERS, _) => self.tile::<S, FILTERS, 1>(simd, at),
                    (2, _) => self.tile::<S, 2, 1>(simd, at),
                    _ => self.tile::<S, 1, 1>(simd, at),
                };
            }
            filter += rows;
        }
    }
}

impl<T: Real> GradWeight<'_, T> {
    /// The dot products of R filters with C terms, summed over all images in registers; returns C.
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const C: usize>(&mut self, simd: S, (filter, term): (usize, usize)) -> usize {
        let vectors = Vectors::<T, S>::new(simd);
        let sizes = self.sizes;
        let (terms, places) = (sizes.shifts.len(), sizes.places);
        let filters = self.dw.len() / terms;
        let mut sums: [[Vector<T, S>; C]; R] = [[vectors.splat(T::ZERO); C]; R];
        let images = self.padded.chunks_exact(sizes.image());
        for (image, dy) in images.zip(self.spread.chunks_exact(sizes.outputs(filters))) {
            let mut rows: [&[T]; R] = [&[]; R];
            for r in 0..R {
                rows[r] = &dy[(filter + r) * places..][..places];
            }
            let mut seen: [&[T]; C] = [&[]; C];
            for c in 0..C {
                seen[c] = &image[sizes.shifts[term + c]..][..places];
            }
            for place in (0..places).step_by(Vectors::<T, S>::LANES) {
                let mut dy = [vectors.splat(T::ZERO); R];
                for r in 0..R {
                    dy[r] = vectors.load(rows[r], place);
                }
                for c in 0..C {
                    let x = vectors.load(seen[c], place);
                    for r in 0..R {
                        sums[r][c] = vectors.mul_add(dy[r], x, sums[r][c]);
                    }
                }
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            for (c, sum) in sums.into_iter().enumerate() {
                self.dw[(filter + r) * terms + term + c] += vectors.sum(sum);
            }
        }
        C
    }
}
