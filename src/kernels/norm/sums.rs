//! The sums of one run, in vectors.
//!
//! Where the numbers of a channel are contiguous, L running sums take them in turn, at most [`RUN`] numbers at a time,
//! before they are added in double precision. Where channels alternate, rows are added to a row of sums.
//!
//! Squares are those of distances from a center, the mean as it was rounded on the way. That would make the sum of n
//! squares too large by n (mean − center)², which is all of it where numbers lie far from 0 and near each other. The
//! distances, which are exact there, are added up as well: their mean is what the center lacks.

use crate::kernels::{Real, scratch::with_scratch};

/// Numbers per run where the numbers of a channel are contiguous.
const RUN: usize = 4096;
/// Running sums of one run: enough to keep the vector units busy.
pub(super) const LANES: usize = 32;

/// How the numbers of a run lie around their mean.
pub(super) struct Distances<T> {
    /// The mean as it was rounded.
    pub center: T,
    /// What it lacks.
    pub shift: f64,
    /// The sum of squared distances from the mean.
    pub squares: f64,
}

impl<T: Real> Distances<T> {
    /// Of a run.
    #[inline(always)]
    pub fn of<const L: usize>(x: &[T]) -> Self {
        let count = x.len() as f64;
        let center = T::of(total::<T, L>(x) / count);
        let (squares, sum) = two_sums::<T, L>(
            x,
            x,
            #[inline(always)]
            |x, _| ((x - center) * (x - center), x - center),
        );
        Distances::from(center, sum, squares, count)
    }

    /// Of `count` numbers whose distances from a center, and squares of these, add up to `sum` and `squares`.
    #[inline(always)]
    fn from(center: T, sum: f64, squares: f64, count: f64) -> Self {
        let shift = sum / count;
        let squares = squares - sum * shift;
        // Rounding makes no sum of squares negative. A NaN stays.
        Distances { center, shift, squares: if squares < 0.0 { 0.0 } else { squares } }
    }

    #[inline(always)]
    pub fn mean(&self) -> f64 {
        self.center.to_f64() + self.shift
    }
}

/// Σ x.
#[inline(always)]
fn total<T: Real, const L: usize>(x: &[T]) -> f64 {
    let mut sum = 0.0;
    for run in x.chunks(RUN) {
        sum += horizontal(lanes::<T, L>(run));
    }
    sum
}

/// Running sums of x.
#[inline(always)]
pub(super) fn lanes<T: Real, const L: usize>(x: &[T]) -> [T; L] {
    let mut lanes = [T::ZERO; L];
    let (vectors, rest) = x.as_chunks::<L>();
    for vector in vectors {
        for (lane, &x) in lanes.iter_mut().zip(vector) {
            *lane += x;
        }
    }
    if !rest.is_empty() {
        for l in 0..L {
            lanes[l] += if l < rest.len() { rest[l] } else { T::ZERO };
        }
    }
    lanes
}

/// (Σ dy · (x − mean), Σ dy).
#[inline(always)]
pub(super) fn centered_products<T: Real, const L: usize>(x: &[T], dy: &[T], mean: T) -> (f64, f64) {
    two_sums::<T, L>(
        x,
        dy,
        #[inline(always)]
        |x, dy| (dy * (x - mean), dy),
    )
}

/// The sums of both terms that `f` makes of each x and y.
#[inline(always)]
fn two_sums<T: Real, const L: usize>(x: &[T], y: &[T], f: impl Fn(T, T) -> (T, T)) -> (f64, f64) {
    let (mut first, mut second) = (0.0, 0.0);
    for (x, y) in x.chunks(RUN).zip(y.chunks(RUN)) {
        let (a, b) = two_lanes::<T, L>(x, y, &f);
        first += horizontal(a);
        second += horizontal(b);
    }
    (first, second)
}

/// Running sums of both terms that `f` makes of each x and y.
#[inline(always)]
pub(super) fn two_lanes<T: Real, const L: usize>(x: &[T], y: &[T], f: impl Fn(T, T) -> (T, T)) -> ([T; L], [T; L]) {
    let (mut a, mut b) = ([T::ZERO; L], [T::ZERO; L]);
    let ((xs, x), (ys, y)) = (x.as_chunks::<L>(), y.as_chunks::<L>());
    for (x, y) in xs.iter().zip(ys) {
        for l in 0..L {
            let terms = f(x[l], y[l]);
            a[l] += terms.0;
            b[l] += terms.1;
        }
    }
    if !x.is_empty() {
        for l in 0..L {
            let terms = if l < x.len().min(y.len()) { f(x[l], y[l]) } else { (T::ZERO, T::ZERO) };
            a[l] += terms.0;
            b[l] += terms.1;
        }
    }
    (a, b)
}

/// The total of running sums, by adding one half to the other repeatedly.
#[inline(always)]
pub(super) fn horizontal<T: Real, const N: usize>(mut lanes: [T; N]) -> f64 {
    let mut width = N / 2;
    while width > 0 {
        for l in 0..width {
            lanes[l] += lanes[l + width];
        }
        width /= 2;
    }
    lanes[0].to_f64()
}

/// `part[i] = Σ over rows of f(x[row, i], i)` for rows of `c` numbers, at most [`ROWS`] of them.
#[inline(always)]
pub(super) fn add_up<T: Real>(x: &[T], c: usize, part: &mut [f64], f: impl Fn(T, usize) -> T) {
    with_scratch(
        c,
        #[inline(always)]
        |sums: &mut [T]| {
            sums.fill(T::ZERO);
            for row in x.chunks_exact(c.max(1)) {
                for (i, (sum, &x)) in sums.iter_mut().zip(row).enumerate() {
                    *sum += f(x, i);
                }
            }
            part.iter_mut().zip(&*sums).for_each(|(p, &s)| *p = s.to_f64());
        },
    );
}

/// The sums of squared distances of columns from their means, of which `means` holds rounded ones and then the true ones.
#[inline(always)]
pub(super) fn add_up_distances<T: Real>(x: &[T], means: &mut [f64], squares: &mut [f64]) {
    let c = means.len();
    let count = (x.len() / c.max(1)) as f64;
    with_scratch(
        3 * c,
        #[inline(always)]
        |scratch: &mut [T]| {
            let (centers, rest) = scratch.split_at_mut(c);
            let (sums, of_squares) = rest.split_at_mut(c);
            centers.iter_mut().zip(&*means).for_each(|(center, &mean)| *center = T::of(mean));
            sums.fill(T::ZERO);
            of_squares.fill(T::ZERO);
            for row in x.chunks_exact(c.max(1)) {
                for (((sum, square), &center), &x) in sums.iter_mut().zip(&mut *of_squares).zip(&*centers).zip(row) {
                    let distance = x - center;
                    *sum += distance;
                    *square += distance * distance;
                }
            }
            for i in 0..c {
                let found = Distances::from(centers[i], sums[i].to_f64(), of_squares[i].to_f64(), count);
                (means[i], squares[i]) = (found.mean(), found.squares);
            }
        },
    );
}

/// `part[i] = Σ over rows of dy[row, i] · (x[row, i] − mean[i])`.
#[inline(always)]
pub(super) fn add_up_products<T: Real>(x: &[T], dy: &[T], mean: &[T], part: &mut [f64]) {
    let c = mean.len();
    with_scratch(
        c,
        #[inline(always)]
        |sums: &mut [T]| {
            sums.fill(T::ZERO);
            for (x, dy) in x.chunks_exact(c.max(1)).zip(dy.chunks_exact(c.max(1))) {
                for ((sum, &mean), (&x, &dy)) in sums.iter_mut().zip(mean).zip(x.iter().zip(dy)) {
                    *sum += dy * (x - mean);
                }
            }
            part.iter_mut().zip(&*sums).for_each(|(p, &s)| *p = s.to_f64());
        },
    );
}
