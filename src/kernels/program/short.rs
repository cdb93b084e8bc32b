//! Runs of a few numbers, many to a block: what an operand has for them, written out by one loop over all.

use std::ops::Range;

use crate::kernels::{Real, space::Space};

/// Writes out the numbers that operand `k` has in a flat range. It does not have the same number throughout.
pub(super) fn expand<T: Real>(space: &Space, k: usize, range: Range<usize>, data: &[T], out: &mut [T]) {
    let (run, moves) = (space.run(), space.moves(k));
    if !(range.start.is_multiple_of(run) && range.len().is_multiple_of(run)) || run < 2 {
        return space.stretches(k, range, |part, at| match moves {
            true => out[part.clone()].copy_from_slice(&data[at..at + part.len()]),
            false => out[part].fill(data[at]),
        });
    }
    let runs = range.start / run..range.end / run;
    match run {
        2 => fixed::<T, 2>(space, k, runs, data, out),
        3 => fixed::<T, 3>(space, k, runs, data, out),
        4 => fixed::<T, 4>(space, k, runs, data, out),
        5 => fixed::<T, 5>(space, k, runs, data, out),
        6 => fixed::<T, 6>(space, k, runs, data, out),
        7 => fixed::<T, 7>(space, k, runs, data, out),
        _ => longer(space, k, runs, data, out),
    }
}

/// The same for whole runs of N numbers.
#[inline(always)]
fn fixed<T: Real, const N: usize>(space: &Space, k: usize, runs: Range<usize>, data: &[T], out: &mut [T]) {
    let (out, moves) = (out.as_chunks_mut::<N>().0, space.moves(k));
    space.stretches_of_runs(k, runs, |part, at, stride| {
        let (out, x) = (&mut out[part], &data[at..]);
        match (moves, stride) {
            (true, 0) => out.fill(*x.first_chunk().expect("the operand has a run")),
            (false, 0) => out.fill([x[0]; N]),
            // Its runs, or their numbers, follow each other.
            (true, _) => out.iter_mut().zip(x.as_chunks().0).for_each(|(out, x)| *out = *x),
            (false, _) => out.iter_mut().zip(x).for_each(|(out, &x)| *out = [x; N]),
        }
    });
}

/// The same for whole runs of at least 8 numbers.
fn longer<T: Real>(space: &Space, k: usize, runs: Range<usize>, data: &[T], out: &mut [T]) {
    let (run, moves) = (space.run(), space.moves(k));
    space.stretches_of_runs(k, runs, |part, at, stride| {
        let out = &mut out[part.start * run..part.end * run];
        match (moves, stride) {
            (true, 0) => {
                out[..run].copy_from_slice(&data[at..][..run]);
                repeat(out, run);
            }
            // Its runs follow each other.
            (true, _) => out.copy_from_slice(&data[at..][..out.len()]),
            (false, _) => {
                for (i, out) in out.chunks_exact_mut(run).enumerate() {
                    eights(out, data[at + i * stride]);
                }
            }
        }
    });
}

/// Writes the first `run` numbers again and again, twice as many each time.
#[inline(always)]
fn repeat<T: Real>(out: &mut [T], run: usize) {
    let mut written = run;
    while written < out.len() {
        let (from, to) = out.split_at_mut(written);
        let more = written.min(to.len());
        to[..more].copy_from_slice(&from[..more]);
        written += more;
    }
}

/// Writes a number eight times at a time; the last of them once more where eight does not divide their count.
#[inline(always)]
fn eights<T: Real>(out: &mut [T], x: T) {
    let (mut at, last) = (0, out.len() - 8);
    loop {
        *out[at..].first_chunk_mut().expect("there are at least eight from here on") = [x; 8];
        match at < last {
            true => at = (at + 8).min(last),
            false => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_runs_have_the_numbers_of_their_stretches() {
        for run in [2, 3, 4, 7, 8, 13, 24, 95] {
            let operands = [&[5, run][..], &[3, 1, run], &[5, 1], &[3, 1, 1]];
            let space = Space::new(&[3, 5, run], operands);
            let data: Vec<f32> = (0..5 * run).map(|i| i as f32).collect();
            for (k, range) in (0..4).flat_map(|k| [0..15, 4..11, 14..15, 7..7].map(|runs| (k, runs))) {
                let range = range.start * run..range.end * run;
                let mut out = vec![f32::NAN; range.len()];
                expand(&space, k, range.clone(), &data, &mut out);
                // Position by position, as the range with its first and last number left out is written.
                for i in range.clone() {
                    let mut one = [f32::NAN];
                    expand(&space, k, i..i + 1, &data, &mut one);
                    assert_eq!(out[i - range.start], one[0], "operand {k} of runs of {run}, at {i}");
                }
            }
        }
    }
}
