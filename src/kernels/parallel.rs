//! How the work of a kernel is divided between threads: `out` is cut into chunks of a size that the kernel derives from
//! its own sizes, never from the number of threads, and each chunk is written by one call. So the bits are the same
//! with any number of threads; only which thread does which chunk differs.

use super::{
    PARALLEL,
    threads::{threads, wake},
};
use rayon::prelude::*;

/// In at most so many runs, the columns of a matrix are shared.
const COLUMN_RUNS: usize = 8;
/// Numbers that no two runs should have on one line of the cache.
const LINE: usize = 16;

/// Whether `work` (in elements, or in multiply-adds / 8) is worth distributing.
pub fn worthwhile(work: usize) -> bool {
    work >= PARALLEL && threads() > 1
}

/// How many rows of `work` each make up a chunk: at least one, at most `rows`, and near [`PARALLEL`] / 2 in all.
pub fn rows_per_chunk(rows: usize, work: usize) -> usize {
    (PARALLEL / 2 / work.max(1)).clamp(1, rows.max(1))
}

/// How many of so many chunks a thread takes at once, at most: what it has taken no other can help with, so at the end of a
/// loop the threads should wait for little.
fn at_once(chunks: usize) -> usize {
    (chunks / 64).max(1)
}

/// Calls `body(i, chunk)` for the i-th run of `size` elements of `out` (the last may be shorter).
///
/// The body is called through a pointer, so that the loop over threads is compiled once and not for each kernel.
pub fn each_chunk<T: Send>(out: &mut [T], size: usize, work: usize, body: impl Fn(usize, &mut [T]) + Sync) {
    share(out, size.max(1), work, &body);
}

fn share<T: Send>(out: &mut [T], size: usize, work: usize, body: &(dyn Fn(usize, &mut [T]) + Sync)) {
    if worthwhile(work) && out.len() > size {
        wake();
        let at_once = at_once(out.len().div_ceil(size));
        let chunks = out.par_chunks_mut(size).enumerate().with_max_len(at_once);
        chunks.for_each(|(i, chunk)| body(i, chunk));
    } else {
        out.chunks_mut(size).enumerate().for_each(|(i, chunk)| body(i, chunk));
    }
}

/// [`each_chunk`] over two outputs at once, in runs of `sizes`.
pub fn each_chunk_of_two<A: Send, B: Send>(
    (a, b): (&mut [A], &mut [B]),
    sizes: (usize, usize),
    work: usize,
    body: impl Fn(usize, &mut [A], &mut [B]) + Sync,
) {
    share_two((a, b), (sizes.0.max(1), sizes.1.max(1)), work, &body);
}

/// What is called for a run of each of two outputs.
type Both<'a, A, B> = &'a (dyn Fn(usize, &mut [A], &mut [B]) + Sync);

fn share_two<A: Send, B: Send>((a, b): (&mut [A], &mut [B]), sizes: (usize, usize), work: usize, body: Both<'_, A, B>) {
    if worthwhile(work) && a.len() > sizes.0 {
        wake();
        let at_once = at_once(a.len().div_ceil(sizes.0));
        let pairs = a.par_chunks_mut(sizes.0).zip(b.par_chunks_mut(sizes.1));
        pairs.enumerate().with_max_len(at_once).for_each(|(i, (a, b))| body(i, a, b));
    } else {
        let pairs = a.chunks_mut(sizes.0).zip(b.chunks_mut(sizes.1));
        pairs.enumerate().for_each(|(i, (a, b))| body(i, a, b));
    }
}

/// [`each_chunk`] over several outputs of one length at once.
pub fn each_chunk_of_all<T: Send, const N: usize>(
    outs: [&mut [T]; N],
    size: usize,
    work: usize,
    body: impl Fn(usize, [&mut [T]; N]) + Sync,
) {
    let count = outs[0].len().div_ceil(size.max(1));
    let mut chunks = outs.map(|out| out.chunks_mut(size.max(1)));
    let next = |_| chunks.each_mut().map(|chunks| chunks.next().expect("all outputs are of one length"));
    let mut all: Vec<[&mut [T]; N]> = (0..count).map(next).collect();
    each_chunk(&mut all, 1, work, |i, one| body(i, one[0].each_mut().map(std::mem::take)));
}

/// Whether a matrix with so many columns is worth distributing in runs of them.
pub fn worthwhile_by_columns(columns: usize, work: usize) -> bool {
    columns >= 2 * LINE && worthwhile(work)
}

/// Calls `body(first, rows)` for runs of some of the columns of the matrix `out`, from column `first` on: a slice of each of
/// its rows. For what is added to rows in any order.
pub fn each_run_of_columns<T: Send>(
    out: &mut [T],
    columns: usize,
    work: usize,
    body: impl Fn(usize, &mut [&mut [T]]) + Sync,
) {
    let width = columns.div_ceil(COLUMN_RUNS).max(1).next_multiple_of(LINE);
    let rows = out.len() / columns.max(1);
    let mut runs: Vec<Vec<&mut [T]>> = (0..columns.div_ceil(width)).map(|_| Vec::with_capacity(rows)).collect();
    for row in out.chunks_exact_mut(columns.max(1)) {
        runs.iter_mut().zip(row.chunks_mut(width)).for_each(|(run, row)| run.push(row));
    }
    each_chunk(&mut runs, 1, work, |i, run| body(i * width, &mut run[0]));
}

/// Runs both closures, on two threads if there are two.
pub fn join(first: impl FnOnce() + Send, second: impl FnOnce() + Send) {
    if threads() > 1 {
        wake();
        rayon::join(first, second);
    } else {
        first();
        second();
    }
}
