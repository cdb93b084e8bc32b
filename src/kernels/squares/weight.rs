//! The weight gradient: with dy given,
//!
//! dg = Gᵀ [Σ over images and squares of (A dy Aᵀ) ⊙ (Bᵀ d B)] G.
//!
//! Along one axis, A dy is dy₀, dy₀ + dy₁, dy₀ - dy₁, dy₁. Channels and filters come last here: a transform takes vectors from
//! one place of the image each, and for each of the 16 phases the sum is a product of matrices, [channels, squares] times
//! [squares, filters], with the filters of a square in vectors, so that no sum runs across a vector.

use super::{LANES, PHASES, of_image};
use crate::kernels::{
    Real, arch,
    scratch::with_scratch,
    simd,
    transpose::{SIXTEEN, turn_apart},
    vector::{Vector, Vectors},
    window::Window,
};
use pulp::{Simd, WithSimd};

/// Squares whose phases are in the cache together, if a line of them has no more.
const TOGETHER: usize = 16;
/// With fewer squares than this, the sums are read and written for too few products.
const FEW: usize = 16;
/// An image and its dy, and the sums, have at most so many numbers: a core's own cache should hold them.
const NEAR: usize = 1 << 16;

/// The sizes of such a gradient.
pub(in crate::kernels) struct Weight {
    window: Window,
    channels: usize,
    filters: usize,
    /// Lines of squares, and squares of a line.
    squares: [usize; 2],
}

impl Weight {
    /// The gradient for kernels of `window` over so many channels, if this method pays off: both fill whole vectors.
    /// Double precision, which is asked for its digits, sums all products.
    pub fn new<T>(window: Window, channels: usize, filters: usize) -> Option<Self> {
        let squares = [0, 1].map(|axis| window.outputs(axis).div_ceil(2));
        let pays = size_of::<T>() == size_of::<f32>()
            && (window.kernel, window.stride, window.dilation) == ([3, 3], [1, 1], [1, 1])
            && channels.is_multiple_of(LANES)
            && filters.is_multiple_of(LANES)
            && channels.min(filters) >= LANES
            && squares[0] * squares[1] >= FEW
            && PHASES * channels * filters <= NEAR
            && channels * window.area() + filters * window.positions() <= NEAR;
        pays.then_some(Weight { window, channels, filters, squares })
    }

    /// Numbers of the sums `[phases, channels, filters]`.
    pub fn sums(&self) -> usize {
        PHASES * self.channels * self.filters
    }

    /// Adds to the sums what an image `x [channels, h, w]` and its `dy [filters, out_h, out_w]` give.
    pub fn add<T: Real>(&self, x: &[T], dy: &[T], sums: &mut [T]) {
        let [rows, columns] = self.squares;
        let (image, upstream) = (4 * (rows + 1) * (columns + 1) * self.channels, 4 * rows * columns * self.filters);
        let lines = TOGETHER.div_ceil(columns).min(rows);
        let phases = PHASES * lines * columns;
        with_scratch(image + upstream + phases * (self.channels + self.filters) + sums.len(), |scratch: &mut [T]| {
            let (image, rest) = scratch.split_at_mut(image);
            let (upstream, rest) = rest.split_at_mut(upstream);
            let (v, rest) = rest.split_at_mut(phases * self.channels);
            let (m, own) = rest.split_at_mut(phases * self.filters);
            channels_last(x, self.window.size, self.window.padding, 2 * (columns + 1), image);
            channels_last(dy, [0, 1].map(|axis| self.window.outputs(axis)), [0, 0], 2 * columns, upstream);
            arch().dispatch(Image { sizes: self, image, upstream, v, m, lines, sums: own });
            simd(
                #[inline(always)]
                || {
                    for (sum, own) in sums.iter_mut().zip(own) {
                        *sum += *own;
                    }
                },
            );
        });
    }

    /// `dw [filters, channels, 3, 3]` from the sums of groups of images, added in order and in double precision: those of a phase
    /// are larger than dw.
    pub fn finish<'a, T: Real>(&self, groups: impl Iterator<Item = &'a [T]>, dw: &mut [T]) {
        let phase = self.channels * self.filters;
        with_scratch(self.sums(), |sums: &mut [f64]| {
            sums.fill(0.0);
            simd(
                #[inline(always)]
                || {
                    for group in groups {
                        for (sum, part) in sums.iter_mut().zip(group) {
                            *sum += part.to_f64();
                        }
                    }
                    for line in sums.chunks_exact_mut(4 * phase) {
                        of_sums(line, phase);
                    }
                    of_sums(sums, 4 * phase);
                },
            );
            for (i, kernel) in dw.chunks_exact_mut(9).enumerate() {
                let at = i % self.channels * self.filters + i / self.channels;
                for ky in 0..3 {
                    for kx in 0..3 {
                        kernel[3 * ky + kx] = T::of(sums[(4 * ky + kx) * phase + at]);
                    }
                }
            }
        });
    }
}

/// Gᵀ of four runs of sums, in the first three.
#[inline(always)]
fn of_sums(sums: &mut [f64], run: usize) {
    let (a, rest) = sums.split_at_mut(run);
    let (b, rest) = rest.split_at_mut(run);
    let (c, d) = rest.split_at_mut(run);
    let d = &d[..run];
    for i in 0..run {
        let [half_sum, half_difference] = [(b[i] + c[i]) / 2.0, (b[i] - c[i]) / 2.0];
        (a[i], b[i], c[i]) = (a[i] + half_sum, half_difference, half_sum + d[i]);
    }
}

/// Lays out planes `[channels, h, w]` as `[y, x, channels]`, lines of `width` places, with zeros around.
fn channels_last<T: Real>(
    planes: &[T],
    [height, columns]: [usize; 2],
    [top, left]: [usize; 2],
    width: usize,
    out: &mut [T],
) {
    let area = height * columns;
    let channels = planes.len() / area;
    for (y, line) in out.chunks_exact_mut(width * channels).enumerate() {
        let (start, end) = if (top..top + height).contains(&y) { (left, left + columns) } else { (width, width) };
        line[..start * channels].fill(T::ZERO);
        line[end * channels..].fill(T::ZERO);
    }
    for first in (0..channels).step_by(SIXTEEN) {
        for y in 0..height {
            let lines = &planes[first * area + y * columns..];
            turn_apart(lines, [area, columns], &mut out[((y + top) * width + left) * channels + first..], channels);
        }
    }
}

/// The sums of one image.
struct Image<'a, T> {
    sizes: &'a Weight,
    image: &'a [T],
    upstream: &'a [T],
    /// The phases of some lines of squares, `[phases, squares, channels]`.
    v: &'a mut [T],
    /// Those of dy, `[phases, squares, filters]`.
    m: &'a mut [T],
    lines: usize,
    sums: &'a mut [T],
}

impl<T: Real> WithSimd for Image<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let [rows, columns] = self.sizes.squares;
        let (channels, filters) = (self.sizes.channels, self.sizes.filters);
        for first in (0..rows).step_by(self.lines) {
            let lines = self.lines.min(rows - first);
            let squares = lines * columns;
            for line in 0..lines {
                self.phases_of_image(simd, first + line, line * columns, squares);
                self.phases_of_upstream(simd, first + line, line * columns, squares);
            }
            for phase in 0..PHASES {
                let v = &self.v[phase * squares * channels..][..squares * channels];
                let m = &self.m[phase * squares * filters..][..squares * filters];
                let sums = &mut self.sums[phase * channels * filters..][..channels * filters];
                let sizes = ([channels, filters], first > 0);
                let wide = filters.is_multiple_of(2 * LANES);
                match (S::REGISTER_COUNT >= 32, wide) {
                    (true, true) => product::<T, S, 8, 2>(simd, v, m, sizes, sums),
                    (true, false) => product::<T, S, 16, 1>(simd, v, m, sizes, sums),
                    (false, _) => product::<T, S, 4, 2>(simd, v, m, sizes, sums),
                }
            }
        }
    }
}

// As in `shifted`: with iterators over them, the compiler keeps arrays of vectors in memory.
#[expect(clippy::needless_range_loop)]
impl<T: Real> Image<'_, T> {
    /// Bᵀ d B for the squares of a line; the first is square `at` of `squares`.
    #[inline(always)]
    fn phases_of_image<S: Simd>(&mut self, simd: S, line: usize, at: usize, squares: usize) {
        let vectors = Vectors::<T, S>::new(simd);
        let (channels, columns) = (self.sizes.channels, self.sizes.squares[1]);
        let width = 2 * (columns + 1) * channels;
        let lines = &self.image[2 * line * width..][..4 * width];
        for c in (0..channels).step_by(Vectors::<T, S>::LANES) {
            let (mut first, mut second) = (column(simd, lines, width, c), column(simd, lines, width, channels + c));
            for x in 0..columns {
                let place = (2 * x + 2) * channels + c;
                let third = column(simd, lines, width, place);
                let fourth = column(simd, lines, width, place + channels);
                for row in 0..4 {
                    let phases = of_image(vectors, first[row], second[row], third[row], fourth[row]);
                    for k in 0..4 {
                        let place = ((4 * row + k) * squares + at + x) * channels + c;
                        vectors.store(self.v, place, phases[k]);
                    }
                }
                (first, second) = (third, fourth);
            }
        }
    }

    /// A dy Aᵀ for the squares of a line.
    #[inline(always)]
    fn phases_of_upstream<S: Simd>(&mut self, simd: S, line: usize, at: usize, squares: usize) {
        let vectors = Vectors::<T, S>::new(simd);
        let (filters, columns) = (self.sizes.filters, self.sizes.squares[1]);
        let width = 2 * columns * filters;
        let lines = &self.upstream[2 * line * width..][..2 * width];
        for f in (0..filters).step_by(Vectors::<T, S>::LANES) {
            for x in 0..columns {
                let place = 2 * x * filters + f;
                let left = of_upstream(vectors, vectors.load(lines, place), vectors.load(lines, width + place));
                let place = place + filters;
                let right = of_upstream(vectors, vectors.load(lines, place), vectors.load(lines, width + place));
                for row in 0..4 {
                    let phases = of_upstream(vectors, left[row], right[row]);
                    for k in 0..4 {
                        let place = ((4 * row + k) * squares + at + x) * filters + f;
                        vectors.store(self.m, place, phases[k]);
                    }
                }
            }
        }
    }
}

/// Bᵀ of the vectors that start at a place of four lines.
#[inline(always)]
fn column<T: Real, S: Simd>(simd: S, lines: &[T], width: usize, at: usize) -> [Vector<T, S>; 4] {
    let vectors = Vectors::<T, S>::new(simd);
    let (a, b) = (vectors.load(lines, at), vectors.load(lines, width + at));
    of_image(vectors, a, b, vectors.load(lines, 2 * width + at), vectors.load(lines, 3 * width + at))
}

/// A of two vectors.
#[inline(always)]
fn of_upstream<T: Real, S: Simd>(vectors: Vectors<T, S>, a: Vector<T, S>, b: Vector<T, S>) -> [Vector<T, S>; 4] {
    [a, vectors.add(a, b), vectors.sub(a, b), b]
}

/// `sums [channels, filters] = vᵀ m` for `v [squares, channels]` and `m [squares, filters]`, in tiles of C channels and F
/// vectors; with `more`, added to what is there.
#[inline(always)]
#[expect(clippy::needless_range_loop)]
fn product<T: Real, S: Simd, const C: usize, const F: usize>(
    simd: S,
    v: &[T],
    m: &[T],
    ([channels, filters], more): ([usize; 2], bool),
    sums: &mut [T],
) {
    let (vectors, lanes) = (Vectors::<T, S>::new(simd), Vectors::<T, S>::LANES);
    for first in (0..filters).step_by(F * lanes) {
        for channel in (0..channels).step_by(C) {
            let mut tile = [[vectors.splat(T::ZERO); F]; C];
            for (v, m) in v.chunks_exact(channels).zip(m.chunks_exact(filters)) {
                let (v, m) = (&v[channel..][..C], &m[first..][..F * lanes]);
                let mut row = [vectors.splat(T::ZERO); F];
                for f in 0..F {
                    row[f] = vectors.load(m, f * lanes);
                }
                for c in 0..C {
                    let x = vectors.splat(v[c]);
                    for f in 0..F {
                        tile[c][f] = vectors.mul_add(x, row[f], tile[c][f]);
                    }
                }
            }
            for c in 0..C {
                let sums = &mut sums[(channel + c) * filters + first..][..F * lanes];
                for f in 0..F {
                    let before = if more { vectors.load(sums, f * lanes) } else { vectors.splat(T::ZERO) };
                    vectors.store(sums, f * lanes, vectors.add(before, tile[c][f]));
                }
            }
        }
    }
}
