//! The place of the extreme of each line of `x [outer, len, inner]`: the first of equal ones, and NaN before all others.
//!
//! A long line is read twice in vectors, for the extreme and for its place. Of lines that lie side by side, a whole row is
//! compared at a time.

use crate::kernels::{Real, elementwise::Total, parallel, scratch::with_scratch, simd};

/// From this length on, a line is read twice in vectors.
const LONG: usize = 64;

/// `out [outer, inner]` becomes the place of the largest number of each line, or of the smallest; the first of equal ones, and
/// NaN before all others.
pub fn extremes<T: Real>(x: &[T], [outer, len, inner]: [usize; 3], largest: bool, out: &mut [usize]) {
    debug_assert!(x.len() == outer * len * inner && out.len() == outer * inner && len > 0);
    let size = parallel::rows_per_chunk(out.len(), len);
    parallel::each_chunk(out, size, x.len(), |i, mut out| {
        let mut at = i * size;
        while !out.is_empty() {
            // As many lines as lie side by side.
            let (block, column) = (at / inner, at % inner);
            let (now, rest) = out.split_at_mut((inner - column).min(out.len()));
            let x = &x[block * len * inner..][..len * inner];
            match inner {
                1 if largest => {
                    now[0] = extreme(
                        x,
                        Total::Max,
                        #[inline(always)]
                        |a, b| a > b,
                    )
                }
                1 => {
                    now[0] = extreme(
                        x,
                        Total::Min,
                        #[inline(always)]
                        |a, b| a < b,
                    )
                }
                _ if largest => side_by_side(
                    x,
                    inner,
                    column,
                    now,
                    #[inline(always)]
                    |a, b| a > b,
                ),
                _ => side_by_side(
                    x,
                    inner,
                    column,
                    now,
                    #[inline(always)]
                    |a, b| a < b,
                ),
            }
            at += now.len();
            out = rest;
        }
    });
}

/// Whether `x` takes the place of the best so far.
#[inline(always)]
fn wins<T: Real>(x: T, best: T, beats: impl Fn(T, T) -> bool) -> bool {
    beats(x, best) | (x.nan() & !best.nan())
}

/// Whether `x` is the best, of which there is one NaN.
#[inline(always)]
fn is<T: Real>(x: T, best: T) -> bool {
    (x == best) | (x.nan() & best.nan())
}

/// The place of the extreme of one line.
fn extreme<T: Real>(x: &[T], total: Total, beats: impl Fn(T, T) -> bool) -> usize {
    if x.len() < LONG {
        let mut found = 0;
        for (place, &now) in x.iter().enumerate() {
            if wins(now, x[found], &beats) {
                found = place;
            }
        }
        return found;
    }
    let best = total.of(x);
    // In each stretch, whether it is there; then where.
    let stretch = simd(
        #[inline(always)]
        || {
            for (i, stretch) in x.chunks(LONG).enumerate() {
                let mut there = false;
                for &x in stretch {
                    there |= is(x, best);
                }
                if there {
                    return i;
                }
            }
            0
        },
    );
    let start = stretch * LONG;
    start + x[start..].iter().position(|&x| is(x, best)).unwrap_or(0)
}

/// The places of the extremes of lines side by side: the columns of `x [len, inner]` from `column` on.
fn side_by_side<T: Real>(x: &[T], inner: usize, column: usize, out: &mut [usize], beats: impl Fn(T, T) -> bool) {
    let count = out.len();
    with_scratch(count, |best: &mut [T]| {
        best.copy_from_slice(&x[column..column + count]);
        out.fill(0);
        simd(
            #[inline(always)]
            || {
                for (i, row) in x.chunks_exact(inner).enumerate() {
                    let row = &row[column..column + count];
                    for ((best, found), &now) in best.iter_mut().zip(&mut *out).zip(row) {
                        let wins = wins(now, *best, &beats);
                        *best = T::pick(wins, now, *best);
                        *found = if wins { i } else { *found };
                    }
                }
            },
        )
    });
}
