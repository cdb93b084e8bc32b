//! Packing: the numbers of an operand in the order in which they are read, one after the other.
//!
//! A panel of B is one to three vectors wide, row after row; columns that are missing repeat the last or are 0, and are not
//! written to `out`. A strip of an A that is stored transposed is R numbers for each term.

use super::{blocked::each_strip, registers::MOST};
use crate::kernels::{
    Real,
    matrix::{MatRef, Rows},
    transpose::{self, ROWS},
    vector::Vectors,
};
use pulp::Simd;
use std::ops::Range;

/// Calls `body(first column, vectors)` for each panel of a block. A single vector at the end takes one from the panel
/// before it, since its sums would be too few to keep the multipliers busy.
#[inline(always)]
pub(super) fn each_panel<T: Real, S: Simd>(columns: usize, mut body: impl FnMut(usize, usize)) {
    let lanes = Vectors::<T, S>::LANES;
    let all = columns.div_ceil(lanes);
    let mut done = 0;
    while done < all {
        let vectors = match all - done {
            4 => 2,
            rest => rest.min(MOST),
        };
        body(done * lanes, vectors);
        done += vectors;
    }
}

/// The rows of at most V vectors of columns, one after the other.
#[inline(always)]
pub(super) fn pack_panel<T: Real, S: Simd, const V: usize>(simd: S, b: MatRef<'_, T>, panel: &mut [T]) {
    let vectors = Vectors::<T, S>::new(simd);
    let lanes = Vectors::<T, S>::LANES;
    let (width, columns) = (V * lanes, b.ncols());
    let panel = &mut panel[..b.nrows() * width];
    if let Some(b) = b.try_as_row_major() {
        for (p, to) in panel.chunks_exact_mut(width).enumerate() {
            let row = b.row(p);
            for v in 0..V {
                let at = v * lanes;
                let vector = if at + lanes <= columns { vectors.load(row, at) } else { vectors.part(&row[at..]) };
                vectors.store(to, at, vector);
            }
        }
        return;
    }
    let b = b.transpose();
    let turned = b.try_as_row_major().expect("a matrix or its transpose has contiguous rows");
    for l in (0..width).step_by(ROWS) {
        if l < columns && l + ROWS <= width {
            let rows = std::array::from_fn(
                #[inline(always)]
                |r| turned.row((l + r).min(columns - 1)),
            );
            transpose::turn(rows, &mut panel[l..], width);
        } else {
            // Nothing is left, or vectors are so short that a panel has fewer columns than are turned together.
            for (p, to) in panel.chunks_exact_mut(width).enumerate() {
                for (l, to) in (l..width.min(l + ROWS)).zip(&mut to[l..]) {
                    *to = if l < columns { turned.row(l)[p] } else { T::ZERO };
                }
            }
        }
    }
}

/// All strips of A, one after the other: `strip[p * R + r] = a[(i + r, p)]` for the strip of row i, where missing rows are
/// repeated from the last.
#[inline(always)]
pub(super) fn pack_strips<T: Real, S: Simd>(a: MatRef<'_, T>, strips: &mut [T]) {
    let (rows, terms) = (a.nrows(), a.ncols());
    let turned = a.transpose().try_as_row_major();
    // A few rows of the stored matrix at a time, so that a line of the cache serves neighboring strips.
    for first in (0..terms).step_by(2 * ROWS) {
        let here = first..terms.min(first + 2 * ROWS);
        each_strip::<S>(
            rows,
            #[inline(always)]
            |i, most| {
                let strip = &mut strips[i * terms..];
                match turned {
                    Some(a) if i + most <= rows && most == 8 => copy_runs::<T, 8>(a, i, here.clone(), strip),
                    Some(a) if i + most <= rows && most == 4 => copy_runs::<T, 4>(a, i, here.clone(), strip),
                    _ => {
                        for p in here.clone() {
                            for r in 0..most {
                                strip[p * most + r] = a[((i + r).min(rows - 1), p)];
                            }
                        }
                    }
                }
            },
        );
    }
}

/// R numbers from each of these rows, starting at `i`.
#[inline(always)]
fn copy_runs<T: Real, const R: usize>(a: Rows<'_, T>, i: usize, here: Range<usize>, strip: &mut [T]) {
    let (runs, _) = strip.as_chunks_mut::<R>();
    for (p, run) in here.clone().zip(&mut runs[here]) {
        *run = *a.row(p)[i..].first_chunk().expect("R rows");
    }
}
