//! Totals of columns, rows that are merged, one after the other, into one; and totals of rows.

use super::{
    Real, simd,
    transpose::{SIXTEEN, turn_apart},
};

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
        // Too few for a vector.
        2 => in_registers::<T, 2>(acc, x, f),
        3 => in_registers::<T, 3>(acc, x, f),
        4 => in_registers::<T, 4>(acc, x, f),
        5 => in_registers::<T, 5>(acc, x, f),
        6 => in_registers::<T, 6>(acc, x, f),
        7 => in_registers::<T, 7>(acc, x, f),
        8 | 24 | 40 | 56 => simd(
            #[inline(always)]
            move || in_registers::<T, 8>(acc, x, f),
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

/// The chains of maxima and minima: a comparison that keeps NaN takes longer than a sum.
pub(super) const FOR_MAXIMA: usize = 4;

/// Folds numbers into sixteen interleaved partial results, combined pairwise: a fixed order that vectorizes. Vectors are taken
/// by so many chains, each of which waits for itself alone.
#[inline(always)]
pub(super) fn lanes<T: Real, const CHAINS: usize>(x: &[T], start: T, f: impl Fn(T, T) -> T) -> T {
    let mut lanes = interleaved::<T, CHAINS>(x, start, &f);
    let mut width = SIXTEEN / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = f(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// The sixteen partial results.
#[inline(always)]
fn interleaved<T: Real, const CHAINS: usize>(x: &[T], start: T, f: impl Fn(T, T) -> T) -> [T; SIXTEEN] {
    let (vectors, rest) = x.as_chunks::<SIXTEEN>();
    let (groups, vectors) = if const { CHAINS > 1 } { vectors.as_chunks::<CHAINS>() } else { (&[][..], vectors) };
    let mut all = [start; SIXTEEN];
    if !groups.is_empty() {
        let mut chains = [all; CHAINS];
        for group in groups {
            for (lanes, x) in chains.iter_mut().zip(group) {
                for l in 0..SIXTEEN {
                    lanes[l] = f(lanes[l], x[l]);
                }
            }
        }
        for lanes in chains {
            for l in 0..SIXTEEN {
                all[l] = f(all[l], lanes[l]);
            }
        }
    }
    for x in vectors {
        for l in 0..SIXTEEN {
            all[l] = f(all[l], x[l]);
        }
    }
    if !rest.is_empty() {
        for l in 0..SIXTEEN {
            all[l] = if l < rest.len() { f(all[l], rest[l]) } else { all[l] };
        }
    }
    all
}

/// What [`lanes`] gives of each of sixteen rows: their partial results are turned, so that those of all rows are combined side by
/// side.
#[inline(always)]
fn sixteen<T: Real, const CHAINS: usize>(x: &[T], start: T, f: impl Fn(T, T) -> T) -> [T; SIXTEEN] {
    let (mut lanes, mut turned) = ([[start; SIXTEEN]; SIXTEEN], [[start; SIXTEEN]; SIXTEEN]);
    for (lanes, row) in lanes.iter_mut().zip(x.chunks_exact(x.len() / SIXTEEN)) {
        *lanes = interleaved::<T, CHAINS>(row, start, &f);
    }
    turn_apart(lanes.as_flattened(), [SIXTEEN; 2], turned.as_flattened_mut(), SIXTEEN);
    let mut width = SIXTEEN / 2;
    while width > 0 {
        // Flat, for in a loop of loops the compiler would gather numbers across the rows.
        let (low, high) = turned.as_flattened_mut().split_at_mut(width * SIXTEEN);
        for (low, &high) in low.iter_mut().zip(&*high) {
            *low = f(*low, high);
        }
        width /= 2;
    }
    turned[0]
}

/// `acc[i] = f(acc[i], total of row i)`, where `x` has as many rows as `acc` has numbers. Of a row of fewer than sixteen
/// numbers, one is added after the other: the processor has several rows under way at once.
#[inline(always)]
pub(super) fn merge_each<T: Real, const CHAINS: usize>(acc: &mut [T], x: &[T], start: T, f: impl Fn(T, T) -> T) {
    let run = x.len() / acc.len().max(1);
    match run {
        2 => merge_short::<T, 2>(acc, x, f),
        3 => merge_short::<T, 3>(acc, x, f),
        4 => merge_short::<T, 4>(acc, x, f),
        8 => merge_short::<T, 8>(acc, x, f),
        0..16 => {
            for (acc, row) in acc.iter_mut().zip(x.chunks_exact(run.max(1))) {
                let mut total = row[0];
                for &x in &row[1..] {
                    total = f(total, x);
                }
                *acc = f(*acc, total);
            }
        }
        _ => simd(
            #[inline(always)]
            move || {
                // Without instructions for it, turning costs more than it saves.
                let side = if const { size_of::<T>() == size_of::<f32>() } { acc.len() / SIXTEEN * SIXTEEN } else { 0 };
                let (sixteens, rest) = acc.split_at_mut(side);
                for (acc, x) in sixteens.as_chunks_mut::<SIXTEEN>().0.iter_mut().zip(x.chunks_exact(SIXTEEN * run)) {
                    let totals = sixteen::<T, CHAINS>(x, start, &f);
                    for row in 0..SIXTEEN {
                        acc[row] = f(acc[row], totals[row]);
                    }
                }
                for (acc, row) in rest.iter_mut().zip(x[side * run..].chunks_exact(run)) {
                    *acc = f(*acc, lanes::<T, CHAINS>(row, start, &f));
                }
            },
        ),
    }
}

/// The same for rows of N numbers.
#[inline(always)]
fn merge_short<T: Real, const N: usize>(acc: &mut [T], x: &[T], f: impl Fn(T, T) -> T) {
    for (acc, row) in acc.iter_mut().zip(x.as_chunks::<N>().0) {
        let mut total = row[0];
        for &x in &row[1..] {
            total = f(total, x);
        }
        *acc = f(*acc, total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::numbers;

    #[test]
    fn columns_are_added_up_row_after_row_whatever_their_number() {
        for width in [0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 24, 48, 64, 80] {
            let x: Vec<f32> = (0..9 * width).map(|i| (i as f32 * 0.7).sin()).collect();
            let mut acc = vec![0.1; width];
            merge(&mut acc, &x, |a, b| a + b);
            let column = |i: usize| (0..9).fold(0.1, |sum, row| sum + x[row * width + i]);
            assert_eq!(acc, (0..width).map(column).collect::<Vec<f32>>());
        }
    }
    #[test]
    fn each_row_is_added_to_its_own_total() {
        for run in [1, 2, 5, 8, 15, 16, 20, 95] {
            let x: Vec<f64> = (0..7 * run).map(|i| (i as f64 * 0.7).sin()).collect();
            let mut acc: Vec<f64> = (0..7).map(f64::from).collect();
            merge_each::<f64, 1>(&mut acc, &x, 0.0, |a, b| a + b);
            for (i, (total, row)) in acc.iter().zip(x.chunks(run)).enumerate() {
                assert!((total - i as f64 - row.iter().sum::<f64>()).abs() < 1e-13, "row {i} of {run}");
            }
        }
    }

    fn check_side_by_side<T: Real>() {
        for run in [16, 17, 31, 64, 100, 333] {
            let mut x = numbers::<T>(37 * run, 3);
            x[5 * run + 3] = T::of(f64::NAN);
            let same = |a: T, b: T| a == b || a.nan() && b.nan();
            let (mut sums, mut largest) = (vec![T::ONE; 37], vec![-T::INFINITY; 37]);
            merge_each::<T, 1>(&mut sums, &x, T::ZERO, |a, b| a + b);
            merge_each::<T, FOR_MAXIMA>(&mut largest, &x, -T::INFINITY, T::larger);
            for (i, row) in x.chunks(run).enumerate() {
                let most = row.iter().fold(-T::INFINITY, |most, &x| most.larger(x));
                assert!(same(sums[i], T::ONE + lanes::<T, 1>(row, T::ZERO, |a, b| a + b)), "row {i} of {run}");
                assert!(same(largest[i], most), "row {i} of {run}");
            }
        }
    }

    #[test]
    fn rows_side_by_side_have_the_bits_of_each_alone() {
        check_side_by_side::<f32>();
        check_side_by_side::<f64>();
    }
}
