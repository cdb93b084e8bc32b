//! The squares of an image, one in each lane of a vector.
//!
//! A vector takes a line of squares from the upper half of the image and one from the lower half: half of its lanes each. Their
//! even and odd columns are taken apart in registers, and those of the outputs put together; what is beside the image is masked.
//! So nothing is padded, and nothing but the phases and sums of a few vectors is written before the outputs are. Vectors
//! one below the other share lines.

use super::{ORDER, Outputs, TOGETHER, many};
use crate::kernels::{
    Real,
    matmul::ahead::{fetch, lines},
    squares::{LANES, PHASES, of_image},
    vector::{Masked, Vector, Vectors},
};
use pulp::{Simd, WithSimd};

/// Filters of a tile.
pub(super) const FILTERS: usize = 2;
/// Vectors of the widest tile: with four sums for each square and filter there are 24.
pub(super) const VECTORS: usize = 3;

/// An image and its outputs.
pub(super) struct Image<'a, T> {
    pub sizes: &'a Outputs,
    pub x: &'a [T],
    /// What is left to fetch of the next image, if there is one.
    pub next: &'a [T],
    pub w: &'a [T],
    pub bias: Option<&'a [T]>,
    /// Phases of a block of channels, `[phases / TOGETHER, channels, TOGETHER, vectors]`.
    pub phases: &'a mut [T],
    /// Sums over the blocks so far, `[filters, TOGETHER, vectors]`.
    pub sums: &'a mut [T],
    pub out: &'a mut [T],
}

impl<T: Real> WithSimd for Image<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        if const { many::<T, S>() } {
            for column in (0..self.sizes.window.outputs(1)).step_by(Vectors::<T, S>::LANES) {
                let (lines, mut line) = (self.sizes.lines(), 0);
                while line < lines {
                    let at = [line, column];
                    line += match lines - line {
                        1 => self.squares::<S, 1>(simd, at),
                        2 | 4 => self.squares::<S, 2>(simd, at),
                        _ => self.squares::<S, VECTORS>(simd, at),
                    };
                }
            }
        }
    }
}

impl Outputs {
    /// Lines of squares of the upper half.
    #[inline(always)]
    fn lines(&self) -> usize {
        self.window.outputs(0).div_ceil(4)
    }
}

// As in `shifted`: with iterators over them, the compiler keeps arrays of vectors in memory.
#[expect(clippy::needless_range_loop)]
impl<T: Real> Image<'_, T> {
    /// The outputs of V vectors of squares: lines from `line` on, columns of outputs from `column` on. Returns V.
    #[inline(always)]
    fn squares<S: Simd, const V: usize>(&mut self, simd: S, at: [usize; 2]) -> usize {
        let (channels, filters, block) = (self.sizes.channels, self.sizes.filters, self.sizes.block());
        // Sums of a tile that are left, in all of the image: each fetches as much.
        let tiles = (self.sizes.lines() - at[0]).div_ceil(V) * channels.div_ceil(block) * filters.div_ceil(FILTERS);
        let share = (self.next.len() / tiles.max(1)).next_multiple_of(LANES);
        for channel in (0..channels).step_by(block) {
            let block = (channel, block.min(channels - channel));
            self.split::<S, V>(simd, at, block);
            for filter in (0..filters).step_by(FILTERS) {
                let (here, rest) = self.next.split_at(share.min(self.next.len()));
                self.next = rest;
                match filters - filter {
                    FILTERS.. => self.sum::<S, FILTERS, V>(simd, filter, block, here),
                    _ => self.sum::<S, 1, V>(simd, filter, block, here),
                }
            }
        }
        self.join::<S, V>(simd, at);
        V
    }

    /// Writes the phases of V vectors for some channels.
    #[inline(always)]
    fn split<S: Simd, const V: usize>(&mut self, simd: S, at: [usize; 2], (channel, channels): (usize, usize)) {
        let (vectors, lanes) = (Vectors::<T, S>::new(simd), Vectors::<T, S>::LANES);
        let area = self.sizes.window.area();
        let pairs = self.pairs::<S, V>(simd, at);
        let four = TOGETHER * channels * V * lanes;
        let planes = self.x[channel * area..][..channels * area].chunks_exact(area);
        for (c, plane) in planes.enumerate() {
            let mut upper = phases_of_lines(simd, plane, &pairs[0]);
            for v in 0..V {
                let lower = phases_of_lines(simd, plane, &pairs[v + 1]);
                for x in 0..4 {
                    let column = of_image(vectors, upper[0][x], upper[1][x], lower[0][x], lower[1][x]);
                    for y in 0..4 {
                        let place = (ORDER[y][x] % TOGETHER * V + c * TOGETHER * V + v) * lanes;
                        vectors.store(self.phases, ORDER[y][x] / TOGETHER * four + place, column[y]);
                    }
                }
                upper = lower;
            }
        }
    }

    /// Pairs of lines that the squares of V vectors see: of each line, in each half, the even and odd columns of the squares, and
    /// then of those beside them.
    #[inline(always)]
    fn pairs<S: Simd, const V: usize>(&self, simd: S, [line, column]: [usize; 2]) -> [Masked<T, S, 8>; VECTORS + 1] {
        let vectors = Vectors::<T, S>::new(simd);
        let ([height, width], [top, left]) = (self.sizes.window.size, self.sizes.window.padding);
        let none = (0, vectors.lanes(0, 0));
        let [start, end] = [left, left + width];
        let here = vectors.lanes(start.saturating_sub(column), end.saturating_sub(column));
        let beside = vectors.lanes(start.saturating_sub(column + 2), end.saturating_sub(column + 2));
        let mut pairs = [vectors.masked(0, [none; 8]); VECTORS + 1];
        for pair in 0..=V {
            let mut places = [none; 8];
            for i in 0..8 {
                let y = 2 * (line + pair + i % 2 * self.sizes.lines()) + i / 4;
                if (top..top + height).contains(&y) {
                    let at = ((y - top) * width + column) as isize - left as isize;
                    places[i] = if i / 2 % 2 == 0 { (at, here) } else { (at + 2, beside) };
                }
            }
            pairs[pair] = vectors.masked(height * width, places);
        }
        pairs
    }

    /// Adds what some channels give to R filters and V vectors.
    #[inline(always)]
    fn sum<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        filter: usize,
        (channel, channels): (usize, usize),
        next: &[T],
    ) {
        let (vectors, lanes) = (Vectors::<T, S>::new(simd), Vectors::<T, S>::LANES);
        let w = &self.w[PHASES * (channel * self.sizes.filters + filter * channels)..][..PHASES * channels * R];
        lines(next).for_each(fetch);
        let (w, v) = (fours(w), fours(&self.phases[..PHASES * channels * V * lanes]));
        let to = &mut self.sums[filter * TOGETHER * V * lanes..][..R * TOGETHER * V * lanes];
        let none = [[[vectors.splat(T::ZERO); V]; R]; TOGETHER];
        let inner = turned::<T, S, 1, R, V>(simd, plus(simd, (w[0], v[0]), none));
        let inner = turned::<T, S, 2, R, V>(simd, plus(simd, (w[1], v[1]), inner));
        add_to(simd, to, inner, channel > 0);
        let outer = turned::<T, S, 1, R, V>(simd, plus(simd, (w[2], v[2]), none));
        add_to(simd, to, plus(simd, (w[3], v[3]), outer), true);
    }

    /// Writes the outputs of V vectors.
    #[inline(always)]
    fn join<S: Simd, const V: usize>(&mut self, simd: S, [line, column]: [usize; 2]) {
        let (vectors, lanes) = (Vectors::<T, S>::new(simd), Vectors::<T, S>::LANES);
        let [rows, columns] = [0, 1].map(|axis| self.sizes.window.outputs(axis));
        let whole = vectors.lanes(0, columns - column);
        for v in 0..V {
            let mut places = [(0, vectors.lanes(0, 0)); 4];
            for i in 0..4 {
                let y = 2 * (line + v + i % 2 * self.sizes.lines()) + i / 2;
                if y < rows {
                    places[i] = ((y * columns + column) as isize, whole);
                }
            }
            let places = vectors.masked(rows * columns, places);
            let planes = self.out.chunks_exact_mut(rows * columns);
            for (filter, (plane, sums)) in planes.zip(self.sums.chunks_exact(TOGETHER * V * lanes)).enumerate() {
                let bias = vectors.splat(self.bias.map_or(T::ZERO, |bias| bias[filter]));
                for row in 0..2 {
                    let (even, odd) = ((2 * row * V + v) * lanes, ((2 * row + 1) * V + v) * lanes);
                    let (even, odd) = (vectors.load(sums, even), vectors.load(sums, odd));
                    let [upper, lower] = vectors.join([vectors.add(bias, even), vectors.add(bias, odd)]);
                    vectors.store_masked(plane, &places, 2 * row, upper);
                    vectors.store_masked(plane, &places, 2 * row + 1, lower);
                }
            }
        }
    }
}

/// Bᵀ along x of two lines.
#[inline(always)]
fn phases_of_lines<T: Real, S: Simd>(simd: S, plane: &[T], pair: &Masked<T, S, 8>) -> [[Vector<T, S>; 4]; 2] {
    let vectors = Vectors::<T, S>::new(simd);
    let mut phases = [[vectors.splat(T::ZERO); 4]; 2];
    for (y, phases) in phases.iter_mut().enumerate() {
        let (upper, lower) = (vectors.load_masked(plane, pair, 4 * y), vectors.load_masked(plane, pair, 4 * y + 1));
        let [a, b] = vectors.split([upper, lower]);
        let (upper, lower) = (vectors.load_masked(plane, pair, 4 * y + 2), vectors.load_masked(plane, pair, 4 * y + 3));
        let [c, d] = vectors.split([upper, lower]);
        *phases = of_image(vectors, a, b, c, d);
    }
    phases
}

/// Four sums for each of R filters and V vectors.
type Sums<T, S, const R: usize, const V: usize> = [[[Vector<T, S>; V]; R]; TOGETHER];

/// The sums and four phases, of kernels `[channels, TOGETHER, R]` and of the image `[channels, TOGETHER, V]`.
#[inline(always)]
#[expect(clippy::needless_range_loop)]
fn plus<T: Real, S: Simd, const R: usize, const V: usize>(
    simd: S,
    (w, v): (&[T], &[T]),
    mut sums: Sums<T, S, R, V>,
) -> Sums<T, S, R, V> {
    let (vectors, lanes) = (Vectors::<T, S>::new(simd), Vectors::<T, S>::LANES);
    for (w, x) in w.chunks_exact(TOGETHER * R).zip(v.chunks_exact(TOGETHER * V * lanes)) {
        // The compiler knows lengths from here, not from the chunks.
        let (w, x) = (&w[..TOGETHER * R], &x[..TOGETHER * V * lanes]);
        for k in 0..TOGETHER {
            let mut seen = [vectors.splat(T::ZERO); V];
            for v in 0..V {
                seen[v] = vectors.load(x, (k * V + v) * lanes);
            }
            for r in 0..R {
                let w = vectors.splat(w[k * R + r]);
                for v in 0..V {
                    sums[k][r][v] = vectors.mul_add(w, seen[v], sums[k][r][v]);
                }
            }
        }
    }
    sums
}

/// Writes the sums, added to what is there if something is.
#[inline(always)]
#[expect(clippy::needless_range_loop)]
fn add_to<T: Real, S: Simd, const R: usize, const V: usize>(simd: S, to: &mut [T], sums: Sums<T, S, R, V>, more: bool) {
    let (vectors, lanes) = (Vectors::<T, S>::new(simd), Vectors::<T, S>::LANES);
    for k in 0..TOGETHER {
        for r in 0..R {
            for v in 0..V {
                let at = ((r * TOGETHER + k) * V + v) * lanes;
                let before = if more { vectors.load(to, at) } else { vectors.splat(T::ZERO) };
                vectors.store(to, at, vectors.add(before, sums[k][r][v]));
            }
        }
    }
}

/// H of sums so far apart: 2 in y, 1 in x.
#[inline(always)]
#[expect(clippy::needless_range_loop)]
fn turned<T: Real, S: Simd, const APART: usize, const R: usize, const V: usize>(
    simd: S,
    mut sums: Sums<T, S, R, V>,
) -> Sums<T, S, R, V> {
    let vectors = Vectors::<T, S>::new(simd);
    for k in [0, 3 - APART] {
        for r in 0..R {
            for v in 0..V {
                let (a, b) = (sums[k][r][v], sums[k + APART][r][v]);
                (sums[k][r][v], sums[k + APART][r][v]) = (vectors.add(a, b), vectors.sub(a, b));
            }
        }
    }
    sums
}

/// Four parts of one length.
#[inline(always)]
fn fours<T>(x: &[T]) -> [&[T]; 4] {
    let (lower, upper) = x.split_at(x.len() / 2);
    let ((a, b), (c, d)) = (lower.split_at(lower.len() / 2), upper.split_at(upper.len() / 2));
    [a, b, c, d]
}
