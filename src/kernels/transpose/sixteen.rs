//! Rows that become the lanes of vectors, sixteen in AVX-512.
//!
//! As for squares of 8, shuffles turn four numbers of each part of the vectors, which are quarters here. Lines that lie one after
//! the other are loaded four numbers at a time, so that what is loaded is in order after that. Of rows far apart whole vectors
//! are loaded, and the quarters exchanged among them.

use super::{ROWS, turn};
use crate::kernels::Real;

/// `to[p * lanes + l] = x[l * terms + p]` for at most as many lines, of so many terms, as lanes; lanes without a line are left
/// with arbitrary numbers.
#[inline(always)]
pub(in crate::kernels) fn turn_lines<T: Real>(x: &[T], terms: usize, to: &mut [T], lanes: usize) {
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
pub(in crate::kernels) const SIXTEEN: usize = 16;

/// [`turn_lines`] for 16 lanes, if the machine has them.
#[inline(always)]
pub(in crate::kernels) fn sixteen_of_f32(x: &[f32], terms: usize, to: &mut [f32]) -> bool {
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
        let turned = turn_quarters(lines);
        for (to, run) in runs.iter_mut().zip(turned) {
            // SAFETY: these are the 16 numbers of a vector, and this store needs no alignment.
            unsafe { _mm512_storeu_ps(to.as_mut_ptr(), run) };
        }
    }
}

/// `to[p * stride + l] = x[l * pitch + p]` for 16 rows of so many terms, which begin `pitch` numbers apart.
#[inline(always)]
pub(in crate::kernels) fn turn_apart<T: Real>(x: &[T], [pitch, terms]: [usize; 2], to: &mut [T], stride: usize) {
    if !T::turn_apart(x, [pitch, terms], to, stride) {
        for first in [0, ROWS] {
            turn(std::array::from_fn(|l| &x[(first + l) * pitch..][..terms]), &mut to[first..], stride);
        }
    }
}

/// [`turn_apart`], if the machine has vectors of 16 lanes.
#[inline(always)]
pub(in crate::kernels) fn apart_of_f32(x: &[f32], sizes: [usize; 2], to: &mut [f32], stride: usize) -> bool {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f") {
        // SAFETY: the machine has the instructions that the function is compiled with.
        unsafe { apart_by_avx512(x, sizes, to, stride) };
        return true;
    }
    false
}

/// Sixteen terms of each row at a time, loaded once: rows that begin a power of two apart share a few places of the first-level
/// cache, and would not stay there for a second look. Squares of 4 x 4 are turned in the quarters of the vectors, then the
/// quarters among them.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
#[expect(clippy::needless_range_loop)]
fn apart_by_avx512(x: &[f32], [pitch, terms]: [usize; 2], to: &mut [f32], stride: usize) {
    use std::arch::x86_64::*;
    // Sums that no length reaches where they would wrap.
    let end = |runs: usize, apart: usize, len: usize| (runs - 1).saturating_mul(apart).saturating_add(len);
    assert!(terms > 0 && end(SIXTEEN, pitch, terms) <= x.len() && end(terms, stride, SIXTEEN) <= to.len());
    for p in (0..terms).step_by(SIXTEEN) {
        let count = (terms - p).min(SIXTEEN);
        let mask = u16::MAX >> (SIXTEEN - count);
        let mut quarters = [[_mm512_setzero_ps(); 4]; 4];
        for g in 0..4 {
            let mut rows = [_mm512_setzero_ps(); 4];
            for l in 0..4 {
                // SAFETY: the assertion keeps the rows, 4 g + l < 16, in x; the mask lets through the `count` numbers of this one
                // from p on, and the load needs no alignment.
                rows[l] = unsafe { _mm512_maskz_loadu_ps(mask, x.as_ptr().add((4 * g + l) * pitch + p)) };
            }
            quarters[g] = turn_quarters(rows);
        }
        let mut turned = [_mm512_setzero_ps(); SIXTEEN];
        for q in 0..4 {
            let [a, b, c, d] = [quarters[0][q], quarters[1][q], quarters[2][q], quarters[3][q]];
            let (ab, cd) = (_mm512_shuffle_f32x4::<0b01_00_01_00>(a, b), _mm512_shuffle_f32x4::<0b01_00_01_00>(c, d));
            let (ab_, cd_) = (_mm512_shuffle_f32x4::<0b11_10_11_10>(a, b), _mm512_shuffle_f32x4::<0b11_10_11_10>(c, d));
            turned[q] = _mm512_shuffle_f32x4::<0b10_00_10_00>(ab, cd);
            turned[q + 4] = _mm512_shuffle_f32x4::<0b11_01_11_01>(ab, cd);
            turned[q + 8] = _mm512_shuffle_f32x4::<0b10_00_10_00>(ab_, cd_);
            turned[q + 12] = _mm512_shuffle_f32x4::<0b11_01_11_01>(ab_, cd_);
        }
        for q in 0..SIXTEEN {
            if q < count {
                // SAFETY: p + q < `terms`, whose 16 numbers the assertion keeps in `to`; the store needs no alignment.
                unsafe { _mm512_storeu_ps(to.as_mut_ptr().add((p + q) * stride), turned[q]) };
            }
        }
    }
}

/// Number p of the quarters of four vectors, in the p-th.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
#[inline]
fn turn_quarters([a, b, c, d]: [std::arch::x86_64::__m512; 4]) -> [std::arch::x86_64::__m512; 4] {
    use std::arch::x86_64::*;
    let (ab, cd) = (_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d));
    let (ab_, cd_) = (_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d));
    [
        _mm512_shuffle_ps::<0b01_00_01_00>(ab, cd),
        _mm512_shuffle_ps::<0b11_10_11_10>(ab, cd),
        _mm512_shuffle_ps::<0b01_00_01_00>(ab_, cd_),
        _mm512_shuffle_ps::<0b11_10_11_10>(ab_, cd_),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::numbers;

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

    fn check_apart<T: Real>() {
        for [pitch, terms, stride] in [[1, 1, 16], [7, 5, 16], [40, 16, 48], [33, 33, 17], [64, 32, 16], [50, 47, 20]] {
            let x = numbers::<T>(15 * pitch + terms, 5);
            let mut out = vec![T::of(-2.0); (terms - 1) * stride + 16];
            turn_apart(&x, [pitch, terms], &mut out, stride);
            for (i, &out) in out.iter().enumerate() {
                let (p, l) = (i / stride, i % stride);
                let want = if l < 16 { x[l * pitch + p] } else { T::of(-2.0) };
                assert!(out == want, "{terms} of rows {pitch} apart, to {stride}: {i}");
            }
        }
    }

    #[test]
    fn rows_that_lie_apart_are_turned() {
        check_apart::<f32>();
        check_apart::<f64>();
    }

    #[test]
    #[should_panic]
    fn rows_that_are_not_whole_are_refused() {
        turn_apart(&[0.0f32; 31], [2, 2], &mut [0.0; 32], 16);
    }
}
