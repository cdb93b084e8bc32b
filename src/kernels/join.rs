//! Lines put together from runs of numbers: joining tensors along an axis, and rolling one.
//!
//! The output is cut into pieces wherever its lines begin, so that threads share a few long lines as well as many short ones.
//! Where the runs are short, a copy of each would be a call for a few numbers: there all lines of a block get their first runs,
//! then their second ones, and so on, in loops.

use super::{PARALLEL, Real, parallel};

/// On average, runs of fewer numbers are short.
const SHORT: usize = 16;

/// A run of every line: in line i, `x[start + i * step..][..size]`.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a, T> {
    /// Where they come from.
    pub x: &'a [T],
    /// The first number of the first.
    pub start: usize,
    /// From one line to the next.
    pub step: usize,
    /// How many numbers.
    pub size: usize,
}

/// Joins `parts` along an axis: each is `[outer, its length, inner]`, given with its length.
pub fn concat<T: Real>(parts: &[(&[T], usize)], inner: usize, out: &mut [T]) {
    let run = |&(x, len): &(_, usize)| Run { x, start: 0, step: len * inner, size: len * inner };
    join(&parts.iter().map(run).collect::<Vec<_>>(), out);
}

/// `out[:, (i + shift) mod len, :] = x[:, i, :]` for `x [outer, len, inner]` and a shift of at most `len`.
pub fn roll<T: Real>(x: &[T], [len, inner]: [usize; 2], shift: usize, out: &mut [T]) {
    let (line, back) = (len * inner, (len - shift) * inner);
    let run = |start, size| Run { x, start, step: line, size };
    join(&[run(back, shift * inner), run(0, back)], out);
}

/// Lines of `out`, each of one run after the other.
fn join<T: Real>(runs: &[Run<'_, T>], out: &mut [T]) {
    let runs: Vec<Run<'_, T>> = runs.iter().filter(|run| run.size > 0).copied().collect();
    let line = runs.iter().map(|run| run.size).sum::<usize>();
    let numbers = out.len();
    debug_assert!(numbers.is_multiple_of(line.max(1)));
    if line <= SHORT * runs.len() && line <= PARALLEL {
        let lines = parallel::rows_per_chunk(numbers, line);
        parallel::each_chunk(out, lines * line, numbers, |chunk, out| short_runs(&runs, chunk * lines, line, out));
        return;
    }
    // Where each run ends in its line.
    let ends = runs.iter().scan(0, |end, run| {
        *end += run.size;
        Some(*end)
    });
    let ends: Vec<usize> = ends.collect();
    parallel::each_chunk(out, PARALLEL / 2, numbers, |chunk, mut out| {
        let (mut i, mut at) = (chunk * (PARALLEL / 2) / line, chunk * (PARALLEL / 2) % line);
        let mut k = ends.partition_point(|&end| end <= at);
        while !out.is_empty() {
            let Run { x, start, step, size } = runs[k];
            let (to, rest) = out.split_at_mut((ends[k] - at).min(out.len()));
            to.copy_from_slice(&x[start + i * step + at + size - ends[k]..][..to.len()]);
            (at, out, k) = (ends[k], rest, k + 1);
            if k == runs.len() {
                (i, at, k) = (i + 1, 0, 0);
            }
        }
    });
}

/// Lines from line `first` on, whose runs are short.
fn short_runs<T: Real>(runs: &[Run<'_, T>], first: usize, line: usize, out: &mut [T]) {
    /// Numbers that stay in the first-level cache while the runs are written.
    const BLOCK: usize = 1 << 12;
    let lines = (BLOCK / line).max(1);
    for (block, out) in out.chunks_mut(lines * line).enumerate() {
        let mut at = 0;
        for run in runs {
            let from = &run.x[run.start + (first + block * lines) * run.step..];
            match run.size {
                1 => copy_each::<T, 1>(from, run.step, out, line, at),
                2 => copy_each::<T, 2>(from, run.step, out, line, at),
                3 => copy_each::<T, 3>(from, run.step, out, line, at),
                4 => copy_each::<T, 4>(from, run.step, out, line, at),
                8 => copy_each::<T, 8>(from, run.step, out, line, at),
                size => {
                    for (to, from) in out.chunks_exact_mut(line).zip(from.chunks(run.step)) {
                        to[at..][..size].copy_from_slice(&from[..size]);
                    }
                }
            }
            at += run.size;
        }
    }
}

/// Runs of N numbers, `step` apart, to place `at` of each line.
#[inline(always)]
fn copy_each<T: Real, const N: usize>(from: &[T], step: usize, out: &mut [T], line: usize, at: usize) {
    for (to, from) in out.chunks_exact_mut(line).zip(from.chunks(step)) {
        let to: &mut [T; N] = to[at..].first_chunk_mut().expect("the line has the run");
        *to = *from.first_chunk().expect("the run is whole");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::numbers;

    #[test]
    fn parts_are_joined_line_by_line() {
        for (outer, lens, inner) in [
            (2, vec![2, 1, 2, 0], 1),
            (1, vec![0], 3),
            (0, vec![1, 2], 3),
            (3000, vec![1, 1], 1),
            (700, vec![3, 1, 8, 2, 4, 5], 1),
            (500, vec![2, 1], 7),
            (3, vec![700, 1, 20_000], 2),
            (1, vec![50_000, 30_000], 1),
            (90, vec![0, 20, 21], 20),
        ] {
            let parts: Vec<Vec<f64>> =
                lens.iter().enumerate().map(|(k, len)| numbers(outer * len * inner, k as u64)).collect();
            let given: Vec<(&[f64], usize)> = parts.iter().map(Vec::as_slice).zip(lens.iter().copied()).collect();
            let line = |i: usize| given.iter().flat_map(move |&(x, len)| &x[i * len * inner..][..len * inner]);
            let want: Vec<f64> = (0..outer).flat_map(line).copied().collect();
            let mut out = vec![f64::NAN; want.len()];
            concat(&given, inner, &mut out);
            assert!(out == want, "{outer} {lens:?} {inner}");
        }
    }

    #[test]
    fn what_leaves_at_one_end_comes_in_at_the_other() {
        for [outer, len, inner] in [[1, 5, 1], [300, 7, 1], [3, 4, 5], [2, 70_000, 1], [40, 50, 60]] {
            let x = numbers::<f64>(outer * len * inner, 1);
            for shift in [0, 1, 3, len - 1, len] {
                let mut out = vec![f64::NAN; x.len()];
                roll(&x, [len, inner], shift, &mut out);
                let right = (0..x.len()).all(|i| {
                    let (line, at) = (i / (len * inner), i % (len * inner));
                    out[line * len * inner + (at + shift * inner) % (len * inner)] == x[i]
                });
                assert!(right, "{outer} {len} {inner} {shift}");
            }
        }
    }
}
