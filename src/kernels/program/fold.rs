//! A chain with a reduction at its end, which takes the blocks as they come: the chain is never written out.

use std::ops::Range;

use super::{Program, blocks};
use crate::kernels::{
    PARALLEL, Real,
    elementwise::Total,
    parallel,
    scratch::with_scratch,
    space::{BLOCK, Space},
};

impl<T: Real> Program<'_, T> {
    /// Reduces the result, of shape `dims`, along the axes where `kept` is 1, into `out` of shape `kept`.
    ///
    /// The order in which numbers are combined depends only on `dims` and `kept`, not on the chain or the number of
    /// threads.
    pub fn fold(&self, total: Total, dims: &[usize], kept: &[usize], out: &mut [T]) {
        self.fold_step(None, total, [dims, kept], out, &mut []);
    }

    /// The same for the result of a step on the way to that of the program, which is `written` out.
    pub fn fold_step(
        &self,
        step: Option<usize>,
        total: Total,
        [dims, kept]: [&[usize]; 2],
        out: &mut [T],
        written: &mut [T],
    ) {
        out.fill(total.start());
        let numel: usize = dims.iter().product();
        if numel == 0 {
            return;
        }
        let plain = step.is_none() && self.steps.is_empty() && self.inputs[0].1 == dims;
        if plain && numel < PARALLEL && out.len() > 1 && is_end_of(dims, kept) {
            return total.merge(out, self.inputs[0].0);
        }
        // A single block, all of it into one number.
        if plain && numel <= BLOCK && out.len() == 1 {
            return out[0] = total.of_two(out[0], total.of(self.inputs[0].0));
        }
        let space = self.space(dims);
        let (program, step) = self.fused_beside(step, &space);
        let target = Space::new(dims, [kept]);
        let fold = Fold { total, step, space: (!plain).then_some(space), target };
        let (first, inner) = (fold.target.dims[0], numel / fold.target.dims[0]);
        if numel < PARALLEL {
            return program.fold_piece(&fold, 0..numel, 0, out, written);
        }
        // Cut along the outermost axis, into at most 64 pieces of whole blocks.
        let rows = first.div_ceil(64).max((PARALLEL / 4).div_ceil(inner));
        // Where it is kept, every piece has its own part of the result, otherwise a result that is added to the others.
        let part = fold.target.strides[0][0] * rows;
        let mut partials = vec![total.start(); if part == 0 { first.div_ceil(rows) * out.len() } else { 0 }];
        let results = if part == 0 { partials.chunks_mut(out.len()) } else { out.chunks_mut(part) };
        let mut written = written.chunks_mut(rows * inner);
        let mut pieces: Vec<_> = results.map(|out| (out, written.next().unwrap_or_default())).collect();
        parallel::each_chunk(&mut pieces, 1, 4 * numel, |i, pieces| {
            for (out, written) in pieces {
                program.fold_piece(&fold, i * rows * inner..numel.min((i + 1) * rows * inner), i * part, out, written);
            }
        });
        partials.chunks(out.len()).for_each(|partial| total.merge(out, partial));
    }

    fn fold_piece(&self, fold: &Fold, range: Range<usize>, base: usize, out: &mut [T], written: &mut [T]) {
        let Some(space) = &fold.space else {
            let x = self.inputs[0].0;
            let most = if fold.whole_runs() { 64 * BLOCK } else { BLOCK };
            return blocks(&fold.target, fold.by_rows(), most, range)
                .for_each(|block| fold.take(&x[block.clone()], block, base, out));
        };
        let (start, mut blocks) = (range.start, blocks(&fold.target, fold.by_rows(), BLOCK, range).peekable());
        with_scratch(BLOCK, |result: &mut [T]| {
            self.with_machine(space, fold.step.is_some(), |machine| {
                while let Some(block) = blocks.next() {
                    let next = blocks.peek().cloned().unwrap_or(0..0);
                    let result = &mut result[..block.len()];
                    match fold.step {
                        None => machine.fill(block.clone(), next, result, None),
                        Some(step) => {
                            let written = &mut written[block.start - start..];
                            machine.fill(block.clone(), next, written, Some((step, &mut *result)));
                        }
                    }
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

/// A reduction: of which step, if not of the last; how the inputs of a chain lie in the index space (none for numbers that
/// are already computed), and how the result does.
struct Fold {
    total: Total,
    step: Option<usize>,
    space: Option<Space>,
    target: Space,
}

impl Fold {
    /// Whether a block has room for one run at most.
    fn by_rows(&self) -> bool {
        self.target.dims.len() > 1 && self.target.run() > BLOCK / 2
    }

    /// Whether a block has room for several runs, whose order is the same in blocks of any length.
    fn whole_runs(&self) -> bool {
        !self.by_rows() && self.target.dims.len() > 1
    }

    /// Folds the numbers of a block into the part of the result that begins at `base`.
    fn take<T: Real>(&self, x: &[T], block: Range<usize>, base: usize, out: &mut [T]) {
        let (total, target, run) = (self.total, &self.target, self.target.run());
        match &target.strides[0][..] {
            strides if strides.iter().all(|&s| s == 0) => out[0] = total.of_two(out[0], total.of(x)),
            // Along a long run.
            _ if !self.whole_runs() => target.stretches(0, block, |part, at| {
                let (part, at) = (&x[part], at - base);
                match target.moves(0) {
                    true => total.merge(&mut out[at..at + part.len()], part),
                    false => out[at] = total.of_two(out[at], total.of(part)),
                }
            }),
            // Whole runs: row after row into one row, or each into a number of its own.
            _ => target.stretches_of_runs(0, block.start / run..block.end / run, |part, at, _| {
                let (x, at) = (&x[part.start * run..part.end * run], at - base);
                match target.moves(0) {
                    true => total.merge(&mut out[at..at + run], x),
                    false => total.merge_rows(&mut out[at..at + part.len()], x),
                }
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use smallvec::SmallVec;

    use super::*;
    use crate::kernels::{
        elementwise::Loop,
        program::{Arg, Role, Run, Step},
        ternary::affine,
        testing::numbers,
    };

    #[test]
    fn a_step_on_the_way_is_folded_as_if_the_program_ended_there() {
        for (dims, kept) in [([3, 5, 400], [1, 5, 1]), ([130, 4, 130], [1, 4, 1]), ([90, 7, 77], [90, 1, 1])] {
            let (x, a) = (numbers::<f32>(dims.iter().product(), 1), numbers::<f32>(dims[1], 2));
            let column = [dims[1], 1];
            let program = |steps: usize| {
                let step = |i: usize| {
                    let before = if i == 0 { Arg::Input(0) } else { Arg::Step(i - 1) };
                    let args = [before, Arg::Input(1), Arg::Input(0)].into_iter().collect();
                    Step { run: Run::Row(Loop::Ternary(affine)), parameter: 0.0, args, role: Role::Affine }
                };
                let inputs = SmallVec::from_iter([(&x[..], &dims[..]), (&a[..], &column[..])]);
                Program::new(inputs, (0..steps).map(step).collect())
            };
            let (mut written, mut whole) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
            let mut totals = [(); 2].map(|()| vec![f32::NAN; kept.iter().product()]);
            program(3).fold_step(Some(1), Total::Sum, [&dims, &kept], &mut totals[0], &mut written);
            program(3).run(&dims, &mut whole);
            program(2).fold(Total::Sum, &dims, &kept, &mut totals[1]);
            assert!(written == whole && totals[0] == totals[1], "{dims:?}");
        }
    }
}
