//! Totals of columns: rows that are merged, one after the other, into one.

use super::{Real, simd};

/// `acc[i] = f(… f(f(acc[i], x[i]), x[n + i]) …)`, with n the length of `acc`, a divisor of that of `x`.
///
/// Totals of one number or of a few vectors, as the gradient of a bias has, would otherwise wait for themselves on their
/// way through the cache.
#[inline(always)]
pub(super) fn merge<T: Real>(acc: &mut [T], x: &[T], f: impl Fn(T, T) -> T) {
    debug_assert!(x.len().is_multiple_of(acc.len().max(1)));
    match acc.len() {
        1 => simd(
            #[inline(always)]
            move || in_registers::<T, 1>(acc, x, f),
        ),
        16 | 32 | 48 | 64 => simd(
            #[inline(always)]
            move || in_registers::<T, 16>(acc, x, f),
        ),
        _ => simd(
            #[inline(always)]
            move || {
                for x in x.chunks(acc.len().max(1)) {
                    for (acc, &x) in acc.iter_mut().zip(x) {
                        *acc = f(*acc, x);
                    }
                }
            },
        ),
    }
}

/// N columns at a time, whose totals stay in registers while the rows go by.
#[inline(always)]
fn in_registers<T: Real, const N: usize>(acc: &mut [T], x: &[T], f: impl Fn(T, T) -> T) {
    let width = acc.len();
    for (block, acc) in acc.as_chunks_mut::<N>().0.iter_mut().enumerate() {
        let mut total = *acc;
        for row in x.chunks(width) {
            let row: &[T; N] = row[block * N..].first_chunk().expect("all rows are as long as the totals");
            for l in 0..N {
                total[l] = f(total[l], row[l]);
            }
        }
        *acc = total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_added_up_row_after_row_whatever_their_number() {
        for width in [0, 1, 7, 16, 48, 64, 80] {
            let x: Vec<f32> = (0..9 * width).map(|i| (i as f32 * 0.7).sin()).collect();
            let mut acc = vec![0.1; width];
            merge(&mut acc, &x, |a, b| a + b);
            let column = |i: usize| (0..9).fold(0.1, |sum, row| sum + x[row * width + i]);
            assert_eq!(acc, (0..width).map(column).collect::<Vec<f32>>());
        }
    }
}
