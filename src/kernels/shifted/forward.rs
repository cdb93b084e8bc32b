//! The filters of an image: each output is a sum over terms of a weight times a number of the padded image.
//!
//! A tile of R filters and V vectors of places is summed in registers: V vectors of the image and R weights are loaded
//! for R·V products. The image is not aligned, so that a load touches two lines of the cache; with R = 4 or 5 and V = 4
//! the loads are still fewer than the products, with R = 8 and V = 3 they are half as many. Of [`pairs`](super::pairs), a tile
//! sums one phase after the other.

use super::{
    Shifted, copy_line,
    pairs::{PHASES, of_phase},
};
use crate::kernels::{
    Real,
    vector::{Vector, Vectors},
};
use pulp::{Simd, WithSimd};

/// Filters of the largest tile.
pub(super) const FILTERS: usize = 8;

/// The filters of one padded image, at the padded width.
pub(super) struct Forward<'a, T> {
    pub sizes: &'a Shifted,
    pub padded: &'a [T],
    pub w: &'a [T],
    pub bias: Option<&'a [T]>,
    /// Places of a few filters at the padded width; of pairs of lines, those of the upper ones come first.
    pub wide: &'a mut [T],
    pub out: &'a mut [T],
}

impl<T: Real> WithSimd for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let filters = self.w.len() / (self.sizes.phases() * self.sizes.shifts.len());
        let mut first = 0;
        while first < filters {
            first += match filters - first {
                rest if const { many::<S>() } && rest.is_multiple_of(FILTERS) => {
                    self.filters::<S, FILTERS>(simd, first)
                }
                rest if rest.is_multiple_of(5) || rest > 5 && rest % 4 == 1 => self.filters::<S, 5>(simd, first),
                4.. => self.filters::<S, 4>(simd, first),
                2.. => self.filters::<S, 2>(simd, first),
                _ => self.filters::<S, 1>(simd, first),
            };
        }
    }
}

/// Twenty-four sums fit the registers of machines with 32 of them, ten those of the others. What is chosen by it, or by R, in a
/// `const` block is not compiled where it is not the case.
const fn many<S: Simd>() -> bool {
    S::REGISTER_COUNT >= 32
}

// With iterators over them, the compiler keeps arrays of sums in memory, not in registers.
#[expect(clippy::needless_range_loop)]
impl<T: Real> Forward<'_, T> {
    /// R filters starting at `first`; returns R.
    #[inline(always)]
    fn filters<S: Simd, const R: usize>(&mut self, simd: S, first: usize) -> usize {
        let (places, lanes) = (self.sizes.places, Vectors::<T, S>::LANES);
        let most = const {
            if R == FILTERS {
                3
            } else if many::<S>() {
                4
            } else {
                2
            }
        };
        let (mut place, mut row) = (0, 0);
        while place < places {
            place += lanes
                * match ((places - place) / lanes).min(most) {
                    4 if const { R != FILTERS && many::<S>() } => self.tile::<S, R, 4>(simd, first, place),
                    3 if const { R == FILTERS } => self.tile::<S, R, 3>(simd, first, place),
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
        let together = self.sizes.together;
        while row * together < rows && row * width + columns <= place {
            for y in row * together..rows.min((row + 1) * together) {
                for r in 0..R {
                    let line = &self.wide[(y % together * R + r) * places + row * width..][..columns];
                    copy_line(line, 0, &mut self.out[((first + r) * rows + y) * columns..][..columns]);
                }
            }
            row += 1;
        }
        row
    }

    /// R filters starting at `first`, V vectors starting at `place`; returns V.
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(&mut self, simd: S, first: usize, place: usize) -> usize {
        let vectors = Vectors::<T, S>::new(simd);
        let mut sums = [[vectors.splat(T::ZERO); V]; R];
        if let Some(bias) = self.bias {
            for r in 0..R {
                sums[r] = [vectors.splat(bias[first + r]); V];
            }
        }
        if const { size_of::<T>() > size_of::<f32>() } || self.sizes.together == 1 {
            sums = self.sum::<S, PHASES, R, V>(simd, (first, place), sums);
            self.put(simd, (0, place), &sums);
            return V;
        }
        // s₀, on its way to y₁; s₀ + s₁, on its way to y₀; s₂, which both take; s₃.
        sums = self.sum::<S, 0, R, V>(simd, (first, place), sums);
        self.put(simd, (R, place), &sums);
        sums = self.sum::<S, 1, R, V>(simd, (first, place), sums);
        self.put(simd, (0, place), &sums);
        sums = self.sum::<S, 2, R, V>(simd, (first, place), [[vectors.splat(T::ZERO); V]; R]);
        for r in 0..R {
            let (upper, lower) = self.wide.split_at_mut(R * self.sizes.places);
            let upper = &mut upper[r * self.sizes.places + place..][..V * Vectors::<T, S>::LANES];
            let lower = &mut lower[r * self.sizes.places + place..][..V * Vectors::<T, S>::LANES];
            for v in 0..V {
                let at = v * Vectors::<T, S>::LANES;
                vectors.store(upper, at, vectors.add(vectors.load(upper, at), sums[r][v]));
                sums[r][v] = vectors.sub(vectors.load(lower, at), sums[r][v]);
            }
        }
        sums = self.sum::<S, 3, R, V>(simd, (first, place), sums);
        self.put(simd, (R, place), &sums);
        V
    }

    /// Adds the terms of a phase (or those of the image, if this is none) to the sums of R filters and V vectors.
    #[inline(always)]
    fn sum<S: Simd, const PHASE: usize, const R: usize, const V: usize>(
        &self,
        simd: S,
        (first, place): (usize, usize),
        mut sums: [[Vector<T, S>; V]; R],
    ) -> [[Vector<T, S>; V]; R] {
        let (vectors, lanes) = (Vectors::<T, S>::new(simd), Vectors::<T, S>::LANES);
        let shifts = &self.sizes.shifts[..];
        let mut rows: [&[T]; R] = [&[]; R];
        for r in 0..R {
            rows[r] = &self.w[((first + r) * self.sizes.phases() + PHASE % PHASES) * shifts.len()..][..shifts.len()];
        }
        let [here, other] = self.sizes.phase::<PHASE>();
        let (here, other) = (&self.padded[here + place..], &self.padded[other + place..]);
        for (t, &shift) in shifts.iter().enumerate() {
            let mut x = [vectors.splat(T::ZERO); V];
            let run = &here[shift..shift + V * lanes];
            if PHASE == PHASES {
                for v in 0..V {
                    x[v] = vectors.load(run, v * lanes);
                }
            } else {
                let other = &other[shift..shift + V * lanes];
                for v in 0..V {
                    x[v] = of_phase::<T, S, PHASE>(vectors, run, other, v * lanes);
                }
            }
            for r in 0..R {
                let w = vectors.splat(rows[r][t]);
                for v in 0..V {
                    sums[r][v] = vectors.mul_add(w, x[v], sums[r][v]);
                }
            }
        }
        sums
    }

    /// Writes the sums of R filters to the planes of places from `plane` on.
    #[inline(always)]
    fn put<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        (plane, place): (usize, usize),
        sums: &[[Vector<T, S>; V]; R],
    ) {
        let (vectors, lanes) = (Vectors::<T, S>::new(simd), Vectors::<T, S>::LANES);
        for (r, sums) in sums.iter().enumerate() {
            let wide = &mut self.wide[(plane + r) * self.sizes.places + place..][..V * lanes];
            for (v, &sum) in sums.iter().enumerate() {
                vectors.store(wide, v * lanes, sum);
            }
        }
    }
}
