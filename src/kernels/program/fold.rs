//! A chain with a reduction at its end, which takes the blocks as they come: the chain is never written out.

use std::ops::Range;

use rayon::prelude::*;

use super::{BLOCK, Program, blocks};
use crate::kernels::{PARALLEL, Real, elementwise::Total, scratch::with_scratch, space::Space};

impl<T: Real> Program<'_, T> {
    /// Reduces the result, of shape `dims`, along the axes where `kept` is 1, into `out` of shape `kept`.
    ///
    /// The order in which numbers are combined depends only on `dims` and `kept`, not on the chain or the number of
    /// threads.
    pub fn fold(&self, total: Total, dims: &[usize], kept: &[usize], out: &mut [T]) {
        out.fill(total.start());
        let numel: usize = dims.iter().product();
        if numel == 0 {
            return;
        }
        let plain = self.steps.is_empty() && self.inputs[0].1 == dims;
        if plain && numel < PARALLEL && out.len() > 1 && is_end_of(dims, kept) {
            return total.merge(out, self.inputs[0].0);
        }
        // A single block, all of it into one number.
        if plain && numel <= BLOCK && out.len() == 1 {
            return out[0] = total.of_two(out[0], total.of(self.inputs[0].0));
        }
        let target = Space::new(dims, [kept]);
        let fold = Fold { total, space: (!plain).then(|| self.space(dims)), target };
        let (first, inner) = (fold.target.dims[0], numel / fold.target.dims[0]);
        if numel < PARALLEL {
            return self.fold_piece(&fold, 0..numel, 0, out);
        }
        // Cut along the outermost axis, into at most 64 pieces of whole blocks.
        let rows = first.div_ceil(64).max((PARALLEL / 4).div_ceil(inner));
        let step = fold.target.strides[0][0];
        let range = |i: usize| i * rows * inner..numel.min((i + 1) * rows * inner);
        if step != 0 {
            // The outermost axis is kept: every piece has its own part of the result.
            let part = step * rows;
            out.par_chunks_mut(part).enumerate().for_each(|(i, out)| self.fold_piece(&fold, range(i), i * part, out));
            return;
        }
        let partials: Vec<Vec<T>> = (0..first.div_ceil(rows))
            .into_par_iter()
            .map(|i| {
                let mut partial = vec![total.start(); out.len()];
                self.fold_piece(&fold, range(i), 0, &mut partial);
                partial
            })
            .collect();
        for partial in &partials {
            total.merge(out, partial);
        }
    }

    fn fold_piece(&self, fold: &Fold, range: Range<usize>, base: usize, out: &mut [T]) {
        let Some(space) = &fold.space else {
            let x = self.inputs[0].0;
            return blocks(&fold.target, range).for_each(|block| fold.take(&x[block.clone()], block, base, out));
        };
        with_scratch(BLOCK, |result: &mut [T]| {
            self.with_machine(space, |machine| {
                for block in blocks(&fold.target, range) {
                    let result = &mut result[..block.len()];
                    machine.fill(block.clone(), result);
                    fold.take(result, block, base, out);
                }
            });
        });
    }
}

/// Whether only outer axes are reduced, so that what is kept is a row, and `dims` row after row.
fn is_end_of(dims: &[usize], kept: &[usize]) -> bool {
    kept.iter().zip(dims).skip_while(|&(&kept, _)| kept == 1).all(|(kept, size)| kept == size)
}

/// A reduction: how the inputs of a chain lie in the index space (none for numbers that are already computed), and how
/// the result does.
struct Fold {
    total: Total,
    space: Option<Space>,
    target: Space,
}

impl Fold {
    /// Folds the numbers of a block into the part of the result that begins at `base`.
    fn take<T: Real>(&self, x: &[T], block: Range<usize>, base: usize, out: &mut [T]) {
        let (total, target) = (self.total, &self.target);
        match &target.strides[0][..] {
            strides if strides.iter().all(|&s| s == 0) => out[0] = total.of_two(out[0], total.of(x)),
            // Row after row into one row.
            [0, 1] if !target.by_rows() => total.merge(out, x),
            _ => {
                let moves = target.moves(0);
                target.stretches(0, block, |part, at| {
                    let (part, at) = (&x[part], at - base);
                    match moves {
                        true => total.merge(&mut out[at..at + part.len()], part),
                        false => out[at] = total.of_two(out[at], total.of(part)),
                    }
                });
            }
        }
    }
}
