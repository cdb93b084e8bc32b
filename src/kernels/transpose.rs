//! Transposition, eight rows at a time: what lies side by side in them is written one below the other.
//!
//! In `f32` squares of 8 x 8 are turned in registers. With the rows l and l + 4 as the halves of a vector, two rounds of
//! shuffles transpose four numbers of each half, and row p of the result is there in order:
//!
//! ```text
//! a0 | a4      a0 b0 a1 b1 | …      a0 b0 c0 d0 | e0 f0 g0 h0
//! b0 | b4  →   c0 d0 c1 d1 | …  →   a1 b1 c1 d1 | …
//! ```

mod sixteen;

use super::Real;
pub(super) use sixteen::{SIXTEEN, apart_of_f32, sixteen_of_f32, turn_apart, turn_lines};

/// Rows that are turned together.
pub(super) const ROWS: usize = 8;
/// Columns that are turned for all rows before the next ones: the lines that are written a part at a time stay in the
/// first-level cache.
const COLUMNS: usize = 32;
/// The most numbers of a matrix that is transposed this way wherever there is another: a second-level cache holds them.
pub(super) const MOST: usize = 1 << 17;

/// `to[p * stride + l] = rows[l][p]` for rows of one length.
#[inline]
pub(super) fn turn<T: Real>(rows: [&[T]; ROWS], to: &mut [T], stride: usize) {
    let terms = rows[0].len();
    assert!(rows.iter().all(|row| row.len() == terms), "rows of one length");
    for p in T::turn_squares(rows, to, stride)..terms {
        for (to, row) in to[p * stride..][..ROWS].iter_mut().zip(rows) {
            *to = row[p];
        }
    }
}

/// `out[columns, rows]` is the transposed `x[rows, columns]`.
pub(super) fn transpose<T: Real>(x: &[T], [rows, columns]: [usize; 2], out: &mut [T]) {
    debug_assert!(x.len() == rows * columns && out.len() == x.len());
    let whole = rows / ROWS * ROWS;
    for left in (0..columns).step_by(COLUMNS) {
        let width = COLUMNS.min(columns - left);
        for first in (0..whole).step_by(ROWS) {
            let strip = std::array::from_fn(|l| &x[(first + l) * columns + left..][..width]);
            turn(strip, &mut out[left * rows + first..], rows);
        }
    }
    for i in whole..rows {
        (0..columns).for_each(|p| out[p * rows + i] = x[i * columns + p]);
    }
}

/// Copies what is below the diagonal of `x[n, n]` to above it.
pub(super) fn mirror<T: Real>(x: &mut [T], n: usize) {
    for first in (0..n).step_by(ROWS) {
        let (above, below) = x.split_at_mut(first * n);
        let rows = ROWS.min(n - first);
        if first > 0 && rows == ROWS {
            turn(std::array::from_fn(|l| &below[l * n..][..first]), &mut above[first..], n);
        } else {
            (0..first).for_each(|p| (0..rows).for_each(|l| above[p * n + first + l] = below[l * n + p]));
        }
        for l in 0..rows {
            (0..l).for_each(|p| below[p * n + first + l] = below[l * n + first + p]);
        }
    }
}

/// What [`turn`] does for the first numbers of each row, and how many those are.
pub(super) fn squares_of_f32(rows: [&[f32]; ROWS], to: &mut [f32], stride: usize) -> usize {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx") {
        // SAFETY: the machine has the instructions that the function is compiled with.
        return unsafe { squares_by_avx(rows, to, stride) };
    }
    squares(rows, to, stride)
}

/// The same by numbers.
#[inline]
pub(super) fn squares<T: Copy>(rows: [&[T]; ROWS], to: &mut [T], stride: usize) -> usize {
    let whole = rows[0].len() / ROWS * ROWS;
    for p in (0..whole).step_by(ROWS) {
        let square = rows.map(|row| *row[p..].first_chunk::<ROWS>().expect("the square is whole"));
        for q in 0..ROWS {
            let run = to[(p + q) * stride..].first_chunk_mut::<ROWS>().expect("there are as many columns as rows");
            (0..ROWS).for_each(|l| run[l] = square[l][q]);
        }
    }
    whole
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
fn squares_by_avx(rows: [&[f32]; ROWS], to: &mut [f32], stride: usize) -> usize {
    use std::arch::x86_64::*;
    let whole = rows[0].len() / ROWS * ROWS;
    for p in (0..whole).step_by(ROWS) {
        for half in [p, p + 4] {
            let mut pairs = [_mm256_setzero_ps(); 4];
            for (l, pair) in pairs.iter_mut().enumerate() {
                let (low, high) = (&rows[l][half..half + 4], &rows[l + 4][half..half + 4]);
                // SAFETY: indexing has checked that both are four numbers, and these loads need no alignment.
                let (low, high) = unsafe { (_mm_loadu_ps(low.as_ptr()), _mm_loadu_ps(high.as_ptr())) };
                *pair = _mm256_set_m128(high, low);
            }
            let [a, b, c, d] = pairs;
            let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
            let (ab_, cd_) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
            let turned = [
                _mm256_shuffle_ps::<0b01_00_01_00>(ab, cd),
                _mm256_shuffle_ps::<0b11_10_11_10>(ab, cd),
                _mm256_shuffle_ps::<0b01_00_01_00>(ab_, cd_),
                _mm256_shuffle_ps::<0b11_10_11_10>(ab_, cd_),
            ];
            for (q, run) in turned.into_iter().enumerate() {
                let to = &mut to[(half + q) * stride..][..ROWS];
                // SAFETY: indexing has checked that these are the eight numbers of a vector, and this store needs no
                // alignment.
                unsafe { _mm256_storeu_ps(to.as_mut_ptr(), run) };
            }
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::numbers;

    fn check<T: Real>() {
        for [rows, columns] in [[0, 3], [3, 0], [1, 1], [8, 8], [7, 9], [8, 3], [16, 24], [29, 43]] {
            let x = numbers::<T>(rows * columns, 1);
            let mut out = vec![T::of(f64::NAN); x.len()];
            transpose(&x, [rows, columns], &mut out);
            assert!((0..x.len()).all(|i| out[i % columns * rows + i / columns] == x[i]), "{rows}x{columns}");
        }
        for n in [0, 1, 5, 8, 9, 16, 43] {
            let x = numbers::<T>(n * n, 2);
            let mut out = x.clone();
            mirror(&mut out, n);
            assert!((0..n * n).all(|i| out[i] == x[i.max(i % n * n + i / n)]), "{n}x{n}");
        }
    }

    #[test]
    fn matrices_are_transposed_and_mirrored() {
        check::<f32>();
        check::<f64>();
    }

    #[test]
    fn squares_are_turned_alike_with_any_instructions() {
        let x = numbers::<f32>(ROWS * 21, 3);
        let rows: [&[f32]; ROWS] = std::array::from_fn(|l| &x[l * 21..][..21]);
        let (mut fast, mut plain) = (vec![0.0; 21 * 11], vec![0.0; 21 * 11]);
        assert_eq!(squares_of_f32(rows, &mut fast, 11), squares(rows, &mut plain, 11));
        assert_eq!(fast, plain);
    }
}
