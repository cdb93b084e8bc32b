//! Products both of whose operands are stored along the sums, A row by row and B column by column: every number of `out` is
//! the dot product of two lines, and nothing is packed.
//!
//! A tile is 4 × 5 dot products, whose sums are 20 vectors: 9 loads for 20 products. On a machine with 16 registers it is
//! 2 × 5. Where there is only one column, or two, 8 × 1 read the many lines at once. A part of each line that the first-level
//! cache holds is multiplied with the same part of all others before the next one.

use crate::kernels::{
    Real,
    matrix::{MatMut, Rows},
    vector::{Vector, Vectors},
};
use pulp::{Simd, WithSimd};

/// Lines of the longer operand that are taken together.
const STRIP: usize = 8;
/// Lines of the other one.
const COLUMNS: usize = 5;
/// Bytes of each line: 13 of them fit into a first-level cache.
const DEPTH: usize = 3 << 10;

/// `out = scale · a bᵀ`, or added to `out`: of the rows of `a` and those of `b`.
pub(super) struct Dots<'a, T> {
    pub out: MatMut<'a, T>,
    pub accumulate: bool,
    pub scale: T,
    pub a: Rows<'a, T>,
    pub b: Rows<'a, T>,
}

impl<T: Real> WithSimd for Dots<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let k = self.a.ncols();
        let depth = k.div_ceil(k.div_ceil(DEPTH / size_of::<T>()).max(1)).next_multiple_of(STRIP * 2).max(1);
        for first in (0..k).step_by(depth) {
            let terms = depth.min(k - first);
            let (a, b) = (self.a.subcols(first, terms), self.b.subcols(first, terms));
            if a.nrows() >= b.nrows() {
                self.lines(simd, a, b, |i, j| (i, j));
            } else {
                self.lines(simd, b, a, |i, j| (j, i));
            }
            self.accumulate = true;
        }
    }
}

impl<T: Real> Dots<'_, T> {
    /// All dot products of the two operands; that of lines i and j goes to `place(i, j)`.
    #[inline(always)]
    fn lines<S: Simd>(
        &mut self,
        simd: S,
        many: Rows<'_, T>,
        few: Rows<'_, T>,
        place: impl Fn(usize, usize) -> (usize, usize),
    ) {
        for i in (0..many.nrows()).step_by(STRIP) {
            let mut j = 0;
            while j < few.nrows() {
                if few.nrows() - j < 3 {
                    self.tile::<S, STRIP, 1>(simd, [many, few], [i, j], &place);
                    j += 1;
                    continue;
                }
                let end = many.nrows().min(i + STRIP);
                if const { S::REGISTER_COUNT >= 32 } {
                    (i..end).step_by(4).for_each(
                        #[inline(always)]
                        |i| self.tile::<S, 4, COLUMNS>(simd, [many, few], [i, j], &place),
                    );
                } else {
                    (i..end).step_by(2).for_each(
                        #[inline(always)]
                        |i| self.tile::<S, 2, COLUMNS>(simd, [many, few], [i, j], &place),
                    );
                }
                j += COLUMNS;
            }
        }
    }

    /// At most R lines from i and C lines from j on.
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const C: usize>(
        &mut self,
        simd: S,
        [many, few]: [Rows<'_, T>; 2],
        [i, j]: [usize; 2],
        place: impl Fn(usize, usize) -> (usize, usize),
    ) {
        // Missing lines repeat the last one, and are not written.
        let tile = Tile::<T, R, C> {
            many: std::array::from_fn(
                #[inline(always)]
                |r| many.row((i + r).min(many.nrows() - 1)),
            ),
            few: std::array::from_fn(
                #[inline(always)]
                |c| few.row((j + c).min(few.nrows() - 1)),
            ),
        };
        let sums = simd.vectorize(tile);
        for (i, sums) in (i..many.nrows()).zip(sums) {
            for (j, sum) in (j..few.nrows()).zip(sums) {
                let (row, column) = place(i, j);
                let out = &mut self.out.row_mut(row)[column];
                let sum = self.scale * sum;
                *out = if self.accumulate { *out + sum } else { sum };
            }
        }
    }
}

/// R × C dot products of lines of one length. A function of its own, for its registers.
struct Tile<'a, T, const R: usize, const C: usize> {
    many: [&'a [T]; R],
    few: [&'a [T]; C],
}

impl<T: Real, const R: usize, const C: usize> WithSimd for Tile<'_, T, R, C> {
    type Output = [[T; C]; R];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [[T; C]; R] {
        let Tile { many, few } = self;
        let (vectors, lanes) = (Vectors::<T, S>::new(simd), Vectors::<T, S>::LANES);
        let terms = many[0].len();
        assert!(many.iter().chain(&few).all(|line| line.len() == terms));
        let mut sums = [[vectors.splat(T::ZERO); C]; R];
        let whole = terms - terms % lanes;
        for p in (0..whole).step_by(lanes) {
            add(
                vectors,
                &mut sums,
                (&many, &few),
                #[inline(always)]
                // SAFETY: p + lanes ≤ whole ≤ terms, the length of every line by the assertion. Checked here, the bounds take
                // as long as the products.
                |line| vectors.load(unsafe { line.get_unchecked(p..p + lanes) }, 0),
            );
        }
        if whole < terms {
            add(
                vectors,
                &mut sums,
                (&many, &few),
                #[inline(always)]
                |line| vectors.part(&line[whole..]),
            );
        }
        let mut totals = [[T::ZERO; C]; R];
        for (totals, sums) in totals.iter_mut().zip(sums) {
            for (total, sum) in totals.iter_mut().zip(sums) {
                *total = vectors.sum(sum);
            }
        }
        totals
    }
}

/// Adds the products of a vector of each of R lines with one of each of C lines to their sums.
#[inline(always)]
fn add<T: Real, S: Simd, const R: usize, const C: usize>(
    vectors: Vectors<T, S>,
    sums: &mut [[Vector<T, S>; C]; R],
    (many, few): (&[&[T]; R], &[&[T]; C]),
    load: impl Fn(&[T]) -> Vector<T, S>,
) {
    let mut y = [vectors.splat(T::ZERO); C];
    for (y, line) in y.iter_mut().zip(few) {
        *y = load(line);
    }
    for (line, sums) in many.iter().zip(sums) {
        let x = load(line);
        for (sum, &y) in sums.iter_mut().zip(&y) {
            *sum = vectors.mul_add(x, y, *sum);
        }
    }
}
