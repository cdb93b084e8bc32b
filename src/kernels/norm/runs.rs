//! How `[n, c, s]` is cut into runs that are summed separately, and into chunks of runs for the threads.
//!
//! A run is one observation; where an observation has only one number per channel, it is [`ROWS`] of them. Both follow
//! from the sizes alone.

use std::{ops::Range, slice::ChunksExact};

use super::Channels;
use crate::kernels::{Real, parallel, program::Pieces, scratch::with_scratch, simd};

/// Rows per run where a row has one number per channel.
const ROWS: usize = 64;

impl Channels {
    /// The number of runs of observations that are summed separately.
    fn runs(&self) -> usize {
        self.n.div_ceil(if self.s == 1 { ROWS } else { 1 })
    }

    /// The observations of a run.
    #[inline(always)]
    pub(super) fn rows(&self, run: usize) -> Range<usize> {
        let rows = if self.s == 1 { ROWS } else { 1 };
        run * rows..self.n.min((run + 1) * rows)
    }

    /// The planes of the numbers of a run, channel by channel.
    #[inline(always)]
    pub(super) fn planes<'a, T>(&self, run: &'a [T]) -> ChunksExact<'a, T> {
        run.chunks_exact(self.s.max(1))
    }

    /// Lets `fill` write two partial sums per channel for each run, whose observations and whose numbers of `x` it
    /// gets, then passes all of them, run by run, to `finish`. On the way x is written to `kept`, unless that is empty.
    pub(super) fn partials<T: Real>(
        &self,
        x: &Pieces<'_, T>,
        kept: &mut [T],
        fill: impl Fn(Range<usize>, &[T], &mut [f64]) + Sync,
        finish: impl FnOnce(&[f64]),
    ) {
        let (runs, width) = (self.runs(), 2 * self.c);
        let numbers = self.n * self.c * self.s;
        let group = parallel::rows_per_chunk(runs, numbers / runs.max(1));
        let (image, first) = (self.c * self.s, |chunk: usize| self.rows(chunk * group).start);
        let sum_up = |chunk: usize, parts: &mut [f64], x: &[T]| {
            simd(
                #[inline(always)]
                || {
                    for (i, part) in parts.chunks_exact_mut(width.max(1)).enumerate() {
                        let (rows, start) = (self.rows(chunk * group + i), first(chunk));
                        part.fill(0.0);
                        let x = &x[(rows.start - start) * image..(rows.end - start) * image];
                        fill(rows, x, part);
                    }
                },
            );
        };
        with_scratch(runs * width, |partials: &mut [f64]| {
            match kept.is_empty() {
                true => parallel::each_chunk(partials, group * width, numbers, |chunk, parts| {
                    let end = self.rows(chunk * group + parts.len() / width.max(1) - 1).end;
                    x.with(first(chunk) * image..end * image, |x| sum_up(chunk, parts, x));
                }),
                false => {
                    let sizes = (group * width, first(1) * image);
                    parallel::each_chunk_of_two((partials, kept), sizes, numbers, |chunk, parts, kept| {
                        x.write(first(chunk) * image, kept);
                        sum_up(chunk, parts, kept);
                    });
                }
            }
            finish(partials);
        });
    }

    /// Calls `body(at, channel, x, out)` for runs that start at `at` and belong to one channel or, where channels
    /// alternate, for whole rows (`None`).
    pub(super) fn map<T: Real>(
        &self,
        x: &Pieces<'_, T>,
        out: &mut [T],
        body: impl Fn(usize, Option<usize>, &[T], &mut [T]) + Sync,
    ) {
        let image = self.c * self.s;
        let size = parallel::rows_per_chunk(self.n, image) * image;
        let run = if self.s == 1 { self.c } else { self.s };
        let numbers = out.len();
        parallel::each_chunk(out, size, numbers, |chunk, out| {
            x.with(chunk * size..chunk * size + out.len(), |x| {
                simd(
                    #[inline(always)]
                    || {
                        let parts = x.chunks_exact(run.max(1)).zip(out.chunks_exact_mut(run.max(1)));
                        for (i, (x, out)) in parts.enumerate() {
                            let channel = (self.s != 1).then_some(i % self.c);
                            body(chunk * size + i * run, channel, x, out);
                        }
                    },
                );
            });
        });
    }
}
