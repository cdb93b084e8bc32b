//! Transposition, eight rows at a time: what lies side by side in them is written one below the other.
//!
//! In `f32` squares of 8 x 8 are turned in registers. With the rows l and l + 4 as the halves of a vector, two rounds of
//! shuffles transpose four numbers of each half, and row p of the result is there in order:
//!
//! ```text
//! a0 | a4      a0 b0 a1 b1 | …      a0 b0 c0 d0 | e0 f0 g0 h0
//! b0 | b4  →   c0 d0 c1 d1 | …  →   a1 b1 c1 d1 | …
//! ```

use super::Real;

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

/// `to[p * lanes + l] = x[l * terms + p]` for at most as many lines, of so many terms, as lanes; lanes without a line are left
/// with arbitrary numbers.
#[inline(always)]
pub(super) fn turn_lines<T: Real>(x: &[T], terms: usize, to: &mut [T], lanes: usize) {
    if lanes == SIXTEEN && T::turn_sixteen(x, terms, to) {
        return;
    }
    if !lanes.is_multiple_of(4) {
        for (l, line) in x.chunks_exact(terms).enumerate() {
            line.iter().zip(to[l..].iter_mut().step_by(lanes)).for_each(|(&x, to)| *to = x);
        }
        return;
    }
    let count = x.len() / terms;
    for first in (0..count).step_by(4) {
        let four: [&[T]; 4] = std::array::from_fn(|l| &x[(first + l).min(count - 1) * terms..][..terms]);
        for p in 0..terms {
            let run = to[p * lanes + first..].first_chunk_mut().expect("a multiple of four lanes");
            *run = [four[0][p], four[1][p], four[2][p], four[3][p]];
        }
    }
}

/// Lanes of a vector of `f32` in AVX-512.
const SIXTEEN: usize = 16;

/// [`turn_lines`] for 16 lanes, if the machine has them.
#[inline(always)]
pub(super) fn sixteen_of_f32(x: &[f32], terms: usize, to: &mut [f32]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512vl") {
        // SAFETY: the machine has the instructions that the function is compiled with; AVX-512VL includes AVX-512F.
        unsafe { sixteen_by_avx512(x, terms, to) };
        return true;
    }
    false
}

/// As [`squares_by_avx`] four terms at a time, with the lines l, l + 4, l + 8 and l + 12 as the quarters of a vector.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl")]
#[inline]
fn sixteen_by_avx512(x: &[f32], terms: usize, to: &mut [f32]) {
    use std::arch::x86_64::*;
    // Missing lines repeat the last one.
    let last = x.len() / terms - 1;
    let (to, _) = to.as_chunks_mut::<SIXTEEN>();
    for (p, runs) in (0..terms).step_by(4).zip(to[..terms].chunks_mut(4)) {
        let mask = (1 << runs.len()) - 1;
        let mut lines = [_mm512_setzero_ps(); 4];
        for (l, line) in lines.iter_mut().enumerate() {
            // SAFETY: line `last` is whole, and p and the terms after it that the mask lets through are less than `terms`;
            // this load needs no alignment.
            let four = |l: usize| unsafe { _mm_maskz_loadu_ps(mask, x.as_ptr().add(l.min(last) * terms + p)) };
            *line = _mm512_castps128_ps512(four(l));
            *line = _mm512_insertf32x4::<1>(*line, four(l + 4));
            *line = _mm512_insertf32x4::<2>(*line, four(l + 8));
            *line = _mm512_insertf32x4::<3>(*line, four(l + 12));
        }
        let [a, b, c, d] = lines;
        let (ab, cd) = (_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d));
        let (ab_, cd_) = (_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d));
        let turned = [
            _mm512_shuffle_ps::<0b01_00_01_00>(ab, cd),
            _mm512_shuffle_ps::<0b11_10_11_10>(ab, cd),
            _mm512_shuffle_ps::<0b01_00_01_00>(ab_, cd_),
            _mm512_shuffle_ps::<0b11_10_11_10>(ab_, cd_),
        ];
        for (to, run) in runs.iter_mut().zip(turned) {
            // SAFETY: these are the 16 numbers of a vector, and this store needs no alignment.
            unsafe { _mm512_storeu_ps(to.as_mut_ptr(), run) };
        }
    }
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

    fn check_lines<T: Real>() {
        for (lanes, lines, terms) in
            [(1, 1, 3), (2, 2, 5), (4, 3, 1), (8, 8, 9), (8, 5, 4), (16, 16, 16), (16, 11, 7), (16, 1, 2)]
        {
            let x = numbers::<T>(lines * terms, 4);
            let mut out = vec![T::of(f64::NAN); terms * lanes];
            turn_lines(&x, terms, &mut out, lanes);
            let right = (0..x.len()).all(|i| out[i % terms * lanes + i / terms] == x[i]);
            assert!(right, "{lines} lines of {terms} in {lanes} lanes");
        }
    }

    #[test]
    fn lines_are_turned_into_any_number_of_lanes() {
        check_lines::<f32>();
        check_lines::<f64>();
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
