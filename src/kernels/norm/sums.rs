//! The sums of one run, in vectors.
//!
//! Where the numbers of a channel are contiguous, [`LANES`] running sums take them in turn, at most [`RUN`] numbers at
//! a time, before they are added in double precision. Where channels alternate, rows are added to a row of sums.

use crate::kernels::{Real, scratch::with_scratch};

/// Numbers per run where the numbers of a channel are contiguous.
const RUN: usize = 4096;
/// Running sums of one run: enough to keep the vector units busy.
const LANES: usize = 32;

/// Σ f(x).
#[inline(always)]
pub(super) fn total<T: Real>(x: &[T], f: impl Fn(T) -> T) -> f64 {
    let mut sum = 0.0;
    for run in x.chunks(RUN) {
        let mut lanes = [T::ZERO; LANES];
        let (vectors, rest) = run.as_chunks::<LANES>();
        for vector in vectors {
            for (lane, &x) in lanes.iter_mut().zip(vector) {
                *lane += f(x);
            }
        }
        // A copy, because an array that is indexed by a variable does not stay in registers.
        let mut last = lanes;
        for (lane, &x) in last.iter_mut().zip(rest) {
            *lane += f(x);
        }
        sum += horizontal(last);
    }
    sum
}

/// (Σ dy · (x − mean), Σ dy).
#[inline(always)]
pub(super) fn centered_products<T: Real>(x: &[T], dy: &[T], mean: T) -> (f64, f64) {
    let (mut product, mut sum) = (0.0, 0.0);
    for (x, dy) in x.chunks(RUN).zip(dy.chunks(RUN)) {
        let (mut products, mut sums) = ([T::ZERO; LANES], [T::ZERO; LANES]);
        let ((xs, x), (dys, dy)) = (x.as_chunks::<LANES>(), dy.as_chunks::<LANES>());
        for (x, dy) in xs.iter().zip(dys) {
            for l in 0..LANES {
                products[l] += dy[l] * (x[l] - mean);
                sums[l] += dy[l];
            }
        }
        let (mut last_products, mut last_sums) = (products, sums);
        for ((product, sum), (&x, &dy)) in last_products.iter_mut().zip(&mut last_sums).zip(x.iter().zip(dy)) {
            *product += dy * (x - mean);
            *sum += dy;
        }
        product += horizontal(last_products);
        sum += horizontal(last_sums);
    }
    (product, sum)
}

/// The total of running sums, by adding one half to the other repeatedly.
#[inline(always)]
fn horizontal<T: Real, const N: usize>(mut lanes: [T; N]) -> f64 {
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
