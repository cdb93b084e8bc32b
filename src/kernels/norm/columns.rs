//! Columns of a few numbers, image after image.
//!
//! To merge runs takes longer than such an image has numbers. Its columns are added up a vector of them at a time, whose
//! sums stay in registers while the rows go by; the second time the rows lie in the cache.

use crate::kernels::Real;

/// A column of more numbers is added up in runs.
const ROWS: usize = 128;
/// An image of more numbers is worth the merging.
const NUMBERS: usize = 1 << 13;

/// Whether an image `[n, c]` is small enough.
pub(super) fn pays(n: usize, c: usize) -> bool {
    n <= ROWS && n * c <= NUMBERS
}

/// [`moments`](super::moments()) of images `[n, c]` along n.
#[inline(always)]
pub(super) fn moments_of_columns<T: Real>(
    [n, c]: [usize; 2],
    x: &[T],
    divisor: f64,
    [center, shift, var]: [&mut [T]; 3],
) {
    let (c, image) = (c.max(1), (n * c).max(1));
    let outs = center.chunks_exact_mut(c).zip(shift.chunks_exact_mut(c)).zip(var.chunks_exact_mut(c));
    for (x, ((center, shift), var)) in x.chunks_exact(image).zip(outs) {
        let mut found = [center, shift, var];
        let at = blocks::<T, 16>(x, divisor, 0, &mut found);
        let at = blocks::<T, 4>(x, divisor, at, &mut found);
        blocks::<T, 1>(x, divisor, at, &mut found);
    }
}

/// Columns from `at` on, N at a time, and where that ends.
#[inline(always)]
fn blocks<T: Real, const N: usize>(x: &[T], divisor: f64, at: usize, found: &mut [&mut [T]; 3]) -> usize {
    let c = found[0].len();
    let (share, divisor) = (T::ONE / T::of((x.len() / c) as f64), T::of(divisor));
    let end = at + (c - at) / N * N;
    for at in (at..end).step_by(N) {
        let rows = x.chunks_exact(c).map(|row| row[at..].first_chunk::<N>().expect("the block is inside"));
        let mut center = [T::ZERO; N];
        for row in rows.clone() {
            for l in 0..N {
                center[l] += row[l];
            }
        }
        for center in &mut center {
            *center *= share;
        }
        let (mut shift, mut squares) = ([T::ZERO; N], [T::ZERO; N]);
        for row in rows {
            for l in 0..N {
                let distance = row[l] - center[l];
                shift[l] += distance;
                squares[l] += distance * distance;
            }
        }
        for l in 0..N {
            let sum = shift[l];
            shift[l] = sum * share;
            let rest = squares[l] - sum * shift[l];
            squares[l] = T::pick(rest < T::ZERO, T::ZERO, rest) / divisor;
        }
        for (found, block) in found.iter_mut().zip([center, shift, squares]) {
            found[at..][..N].copy_from_slice(&block);
        }
    }
    end
}
