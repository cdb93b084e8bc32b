//! Convolution without unfolding, for windows with stride 1 and sums with few terms.
//!
//! In a zero-padded image of width W, output (y, x) has the place q = y·W + x and sees, through each tap, the place q +
//! shift(tap): the same shift for all outputs. So with the outputs laid out at width W too (and the few at the end of
//! each line discarded), a convolution is a sum of shifted copies of the image, and its weight gradient a set of dot
//! products of dy with shifted copies. Both run in register tiles straight from the image, which stays in the innermost
//! cache. The share of work discarded is (kernel − 1) / W, less than the cost of unfolding when a sum has few terms.

use super::{
    Real, arch,
    vector::{Vector, Vectors},
    window::Window,
};
use pulp::{Simd, WithSimd};
use smallvec::SmallVec;

/// Places come in runs of this many: two of the widest vectors of f32.
const LANES: usize = 32;
/// Sums with more terms than this are left to unfolding, whose cost is then small compared to the product's.
const TERMS: usize = 256;
/// Padded images with more numbers than this are left to unfolding, which needs no memory for the padding.
const PADDED: usize = 1 << 28;

/// How a window's taps shift a padded image.
pub(super) struct Shifted {
    window: Window,
    /// Planes summed over.
    channels: usize,
    /// Width of the padded image.
    width: usize,
    /// Numbers of a padded plane.
    area: usize,
    /// The shift of every term: channel by channel, tap by tap.
    shifts: SmallVec<[usize; TERMS]>,
    /// Places to compute: from the first output to the last, rounded up to whole vectors.
    places: usize,
}

impl Shifted {
    /// The shifts of `window` over `channels` planes, if this method pays off.
    pub fn new(window: Window, channels: usize) -> Option<Self> {
        let [height, width] = [0, 1].map(|axis| window.size[axis] + 2 * window.padding[axis]);
        let [rows, columns] = [0, 1].map(|axis| window.outputs(axis));
        let pays = window.stride == [1, 1]
            && !window.is_pointwise()
            && channels.saturating_mul(height).saturating_mul(width) <= PADDED
            && channels * window.taps() <= TERMS
            && rows * columns >= 2 * LANES
            && 2 * width <= 3 * columns;
        pays.then(|| Shifted {
            window,
            channels,
            width,
            area: height * width,
            shifts: (0..channels)
                .flat_map(|c| (0..window.kernel[0]).map(move |ky| (c, ky)))
                .flat_map(|(c, ky)| (0..window.kernel[1]).map(move |kx| (c, ky, kx)))
                .map(|(c, ky, kx)| (c * height + ky * window.dilation[0]) * width + kx * window.dilation[1])
                .collect(),
            places: ((rows - 1) * width + columns).next_multiple_of(LANES),
        })
    }

    /// Numbers of scratch for an image: its planes, and two vectors that tiles may read past the end.
    pub fn image(&self) -> usize {
        self.channels * self.area + LANES
    }

    /// Numbers of scratch for `filters` planes of outputs at the padded width.
    pub fn outputs(&self, filters: usize) -> usize {
        filters * self.places
    }

    /// Copies the planes `x` into `padded`, zeros around.
    pub fn pad<T: Real>(&self, x: &[T], padded: &mut [T]) {
        let (width, [top, left]) = (self.window.size[1], self.window.padding);
        padded.fill(T::ZERO);
        for (plane, padded) in x.chunks_exact(self.window.area()).zip(padded.chunks_exact_mut(self.area)) {
            for (row, padded) in plane.chunks_exact(width).zip(padded[top * self.width..].chunks_exact_mut(self.width))
            {
                padded[left..left + width].copy_from_slice(row);
            }
        }
    }

    /// Lays out the output planes `dy` at the padded width, with zeros at the end of each line.
    pub fn spread<T: Real>(&self, dy: &[T], spread: &mut [T]) {
        let columns = self.window.outputs(1);
        for (plane, spread) in dy.chunks_exact(self.window.positions()).zip(spread.chunks_exact_mut(self.places)) {
            let (lines, rest) = spread.split_at_mut(self.places.min(self.window.outputs(0) * self.width));
            rest.fill(T::ZERO);
            for (row, spread) in plane.chunks_exact(columns).zip(lines.chunks_mut(self.width)) {
                spread[..columns].copy_from_slice(row);
                spread[columns..].fill(T::ZERO);
            }
        }
    }

    /// `out [filters, positions]` of one padded image, from `w [filters, terms]` and a bias for each filter; `wide` is
    /// scratch of length [`outputs`](Self::outputs)`(filters)`.
    pub fn forward<T: Real>(&self, padded: &[T], w: &[T], bias: Option<&[T]>, wide: &mut [T], out: &mut [T]) {
        arch().dispatch(Forward { sizes: self, padded, w, bias, wide });
        let columns = self.window.outputs(1);
        for (wide, out) in wide.chunks_exact(self.places).zip(out.chunks_exact_mut(self.window.positions())) {
            for (row, out) in wide.chunks(self.width).zip(out.chunks_exact_mut(columns)) {
                out.copy_from_slice(&row[..columns]);
            }
        }
    }

    /// `dw [filters, terms] += Σ over images of dy · shifted x`, for several images that were padded and spread one
    /// after the other.
    pub fn grad_weight<T: Real>(&self, padded: &[T], spread: &[T], dw: &mut [T]) {
        arch().dispatch(GradWeight { sizes: self, padded, spread, dw });
    }
}

/// The filters of one padded image, at the padded width.
struct Forward<'a, T> {
    sizes: &'a Shifted,
    padded: &'a [T],
    w: &'a [T],
    bias: Option<&'a [T]>,
    wide: &'a mut [T],
}

impl<T: Real> WithSimd for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let filters = self.w.len() / self.sizes.shifts.len();
        let mut first = 0;
        while first < filters {
            first += match filters - first {
                0..2 => self.tile::<S, 1>(simd, first),
                2..5 => self.tile::<S, 2>(simd, first),
                _ => self.tile::<S, 5>(simd, first),
            };
        }
    }
}

impl<T: Real> Forward<'_, T> {
    /// R filters starting at `first`, two vectors at a time; returns R.
    #[inline(always)]
    fn tile<S: Simd, const R: usize>(&mut self, simd: S, first: usize) -> usize {
        let vectors = Vectors::<T, S>::new(simd);
        let lanes = Vectors::<T, S>::LANES;
        let shifts = &self.sizes.shifts[..];
        let mut rows: [&[T]; R] = [&[]; R];
        let mut start = [[vectors.splat(T::ZERO); 2]; R];
        for r in 0..R {
            rows[r] = &self.w[(first + r) * shifts.len()..][..shifts.len()];
            start[r] = [vectors.splat(self.bias.map_or(T::ZERO, |bias| bias[first + r])); 2];
        }
        for place in (0..self.sizes.places).step_by(2 * lanes) {
            let mut sums = start;
            let seen = &self.padded[place..];
            for (t, &shift) in shifts.iter().enumerate() {
                let x = &seen[shift..shift + 2 * lanes];
                let x = [vectors.load(x, 0), vectors.load(x, lanes)];
                for r in 0..R {
                    let w = vectors.splat(rows[r][t]);
                    sums[r] = [vectors.mul_add(w, x[0], sums[r][0]), vectors.mul_add(w, x[1], sums[r][1])];
                }
            }
            for (r, sums) in sums.into_iter().enumerate() {
                let wide = &mut self.wide[(first + r) * self.sizes.places + place..][..2 * lanes];
                vectors.store(wide, 0, sums[0]);
                vectors.store(wide, lanes, sums[1]);
            }
        }
        R
    }
}

/// The weight gradient summed over several images.
struct GradWeight<'a, T> {
    sizes: &'a Shifted,
    padded: &'a [T],
    spread: &'a [T],
    dw: &'a mut [T],
}

impl<T: Real> WithSimd for GradWeight<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let terms = self.sizes.shifts.len();
        let filters = self.dw.len() / terms;
        // Twenty sums fit the registers of machines with 32 of them, ten those of the others.
        let tall = S::REGISTER_COUNT >= 32;
        let mut term = 0;
        while term < terms {
            let mut filter = 0;
            while filter < filters {
                let at = (filter, term);
                filter += match (terms - term, filters - filter) {
                    (5.., 4..) if tall => self.tile::<S, 4, 5>(simd, at),
                    (5.., 2..) => self.tile::<S, 2, 5>(simd, at),
                    (5.., _) => self.tile::<S, 1, 5>(simd, at),
                    (_, 4..) => self.tile::<S, 4, 1>(simd, at),
                    _ => self.tile::<S, 1, 1>(simd, at),
                };
            }
            term += if terms - term >= 5 { 5 } else { 1 };
        }
    }
}

impl<T: Real> GradWeight<'_, T> {
    /// The dot products of R filters with C terms, summed over all images in registers; returns R.
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
        R
    }
}
