//! Reading (or writing) a tensor along axes other than its own: the one loop behind permuting, slicing, flipping,
//! repeating and padding.
//!
//! A [`Walk`] visits an output in order and knows the place of each element in the input, by a *stride* for each output
//! axis, which may be negative (a flip) or 0 (a broadcast axis). Axes that can be walked as one are merged first, so a
//! permutation that keeps the last axes copies whole runs. Where the input's own last axis ends up elsewhere, it and
//! the output's last axis are processed in square blocks that stay in the cache.

use super::{Real, parallel, simd};
use smallvec::SmallVec;
use std::ops::Range;

/// Side of the square blocks of a transposition: a cache line of f32.
const BLOCK: usize = 16;

/// One axis of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Axis {
    size: usize,
    /// Step in the input.
    read: isize,
    /// Step in the output.
    write: usize,
}

/// An output walked in order, with the place in the input of each of its elements.
#[derive(Clone, Debug)]
pub struct Walk {
    /// The merged axes, outermost first; at least one.
    axes: SmallVec<[Axis; 4]>,
    /// Place in the input of the output's first element.
    start: usize,
}

/// The steps of a row-major tensor along its axes.
pub fn strides(shape: &[usize]) -> SmallVec<[isize; 6]> {
    let mut strides = SmallVec::from_elem(1, shape.len());
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis] as isize;
    }
    strides
}

impl Walk {
    /// A walk through an output of sizes `shape`, whose axes move through the input by `strides` from `start`.
    pub fn new(shape: &[usize], strides: &[isize], start: usize) -> Self {
        debug_assert_eq!(shape.len(), strides.len());
        let mut axes: SmallVec<[Axis; 4]> = SmallVec::new();
        for (&size, &read) in shape.iter().zip(strides) {
            match axes.last_mut() {
                _ if size == 1 => {}
                Some(outer) if outer.read == read * size as isize => {
                    *outer = Axis { size: outer.size * size, read, write: 1 }
                }
                _ => axes.push(Axis { size, read, write: 1 }),
            }
        }
        if axes.is_empty() {
            axes.push(Axis { size: 1, read: 0, write: 1 });
        }
        for i in (1..axes.len()).rev() {
            axes[i - 1].write = axes[i].write * axes[i].size;
        }
        Walk { axes, start }
    }

    /// `out[i] = x[place of i]`.
    pub fn gather<T: Real>(&self, x: &[T], out: &mut [T]) {
        self.in_parts(out, |_, Walk { mut axes, start }, out| {
            let (start, last) = (start as isize, axes.pop().expect("a walk has an axis"));
            let across = axes.iter().position(|axis| axis.read == 1).filter(|_| last.read != 1 && last.read != 0);
            let across = across.map(|across| axes.remove(across));
            simd(
                #[inline(always)]
                || match across {
                    Some(across) => {
                        each_place(&axes, start, 0, &mut |from, to| transpose(x, out, [across, last], from, to));
                    }
                    None if last.read == 1 => each_place(&axes, start, 0, &mut |from, to| {
                        out[to..][..last.size].copy_from_slice(&x[from as usize..][..last.size]);
                    }),
                    None => each_place(&axes, start, 0, &mut |from, to| {
                        copy(x, &mut out[to..][..last.size], last.read, from);
                    }),
                },
            );
        });
    }

    /// Calls `body(i, walk, part)` for parts of `out`: each begins with number i, and is walked by `walk`. They are shared
    /// between threads where they are many.
    pub fn in_parts<T: Real>(&self, out: &mut [T], body: impl Fn(usize, Walk, &mut [T]) + Sync) {
        let first = self.axes[0];
        // Whole blocks, in case the input is contiguous along this axis.
        let rows = parallel::rows_per_chunk(first.size, first.write).next_multiple_of(BLOCK);
        let numbers = out.len();
        parallel::each_chunk(out, rows * first.write, numbers, |chunk, out| {
            let mut part = self.clone();
            part.axes[0].size = rows.min(first.size - chunk * rows);
            part.start = (self.start as isize + first.read * (chunk * rows) as isize) as usize;
            body(chunk * rows * first.write, part, out);
        });
    }

    /// Calls `put` with the number of `out` at the place of i, and `x[i]`, for each i. No two places may be the same.
    #[inline(always)]
    pub fn put<T: Real>(&self, x: &[T], out: &mut [T], put: impl Fn(&mut T, T)) {
        let Some((last, outer)) = self.axes.split_last() else { return };
        if x.is_empty() {
            return;
        }
        let (start, size) = (self.start as isize, last.size);
        match last.read {
            1 => each_place(outer, start, 0, &mut |from, to| {
                let places = out[from as usize..][..size].iter_mut();
                places.zip(&x[to..][..size]).for_each(|(place, &x)| put(place, x));
            }),
            -1 => each_place(outer, start, 0, &mut |from, to| {
                let (places, run) = (&mut out[from as usize + 1 - size..=from as usize], &x[to..][..size]);
                simd(
                    #[inline(always)]
                    || reversed(run, places, &put),
                );
            }),
            read => each_place(outer, start, 0, &mut |from, to| {
                let place = |i: usize| (from + i as isize * read) as usize;
                x[to..][..size].iter().enumerate().for_each(|(i, &x)| put(&mut out[place(i)], x));
            }),
        }
    }

    /// Calls `body(place, step, run)` for each run of the output: its first number is at `place` of the input, and the next
    /// ones a step apart each.
    #[inline(always)]
    pub fn each_run(&self, mut body: impl FnMut(usize, isize, Range<usize>)) {
        let Some((last, outer)) = self.axes.split_last() else { return };
        each_place(outer, self.start as isize, 0, &mut |from, to| body(from as usize, last.read, to..to + last.size));
    }
}

/// Calls `body(place in the input, place in the output)` for every index of `axes`, in order.
fn each_place(axes: &[Axis], from: isize, to: usize, body: &mut impl FnMut(isize, usize)) {
    match axes {
        [] => body(from, to),
        [axis] => (0..axis.size).for_each(|i| body(from + i as isize * axis.read, to + i * axis.write)),
        [axis, inner @ ..] => {
            (0..axis.size).for_each(|i| each_place(inner, from + i as isize * axis.read, to + i * axis.write, body));
        }
    }
}

/// One run of the output, which is not empty, and whose numbers do not lie side by side in the input.
#[inline(always)]
fn copy<T: Real>(x: &[T], out: &mut [T], stride: isize, from: isize) {
    let start = from as usize;
    match stride {
        0 => out.fill(x[start]),
        -1 => simd(
            #[inline(always)]
            || reversed(&x[start + 1 - out.len()..=start], out, &|o, x| *o = x),
        ),
        2.. => out.iter_mut().zip(x[start..].iter().step_by(stride as usize)).for_each(|(o, &x)| *o = x),
        _ => out.iter_mut().zip(x[..=start].iter().rev().step_by(-stride as usize)).for_each(|(o, &x)| *o = x),
    }
}

/// Hands each number of `out` to `put`, with that of `x` at the same distance from the other end: a block at a time, in which
/// numbers can be turned in registers.
#[inline(always)]
fn reversed<T: Real>(x: &[T], out: &mut [T], put: &impl Fn(&mut T, T)) {
    let ((blocks, rest), (left, from)) = (out.as_chunks_mut::<BLOCK>(), x.as_rchunks::<BLOCK>());
    for (out, x) in blocks.iter_mut().zip(from.iter().rev()) {
        // A copy, which is surely not what is being written.
        let x = *x;
        for l in 0..BLOCK {
            put(&mut out[l], x[BLOCK - 1 - l]);
        }
    }
    for (out, &x) in rest.iter_mut().zip(left.iter().rev()) {
        put(out, x);
    }
}

/// A matrix that is contiguous along `across` in the output and along `down` in the input, in blocks.
#[inline(always)]
fn transpose<T: Real>(x: &[T], out: &mut [T], [down, across]: [Axis; 2], from: isize, to: usize) {
    let place = |i: usize, j: usize| (from + i as isize + j as isize * across.read) as usize;
    for top in (0..down.size).step_by(BLOCK) {
        let rows = BLOCK.min(down.size - top);
        for left in (0..across.size).step_by(BLOCK) {
            let columns = BLOCK.min(across.size - left);
            if (rows, columns) == (BLOCK, BLOCK) {
                // Whole runs in, whole runs out, and the transposition in between without any memory traffic.
                let mut block = [[T::ZERO; BLOCK]; BLOCK];
                for (j, run) in block.iter_mut().enumerate() {
                    run.copy_from_slice(&x[place(top, left + j)..][..BLOCK]);
                }
                for i in 0..BLOCK {
                    let out = &mut out[to + (top + i) * down.write + left..][..BLOCK];
                    out.iter_mut().zip(&block).for_each(|(o, run)| *o = run[i]);
                }
            } else {
                for i in top..top + rows {
                    let out = &mut out[to + i * down.write..][left..left + columns];
                    out.iter_mut().enumerate().for_each(|(j, o)| *o = x[place(i, left + j)]);
                }
            }
        }
    }
}
