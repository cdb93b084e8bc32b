//! A chain of elementwise operations, evaluated block by block.
//!
//! One operation at a time, a chain of ten elementwise operations reads and writes main memory ten times. A [`Program`]
//! runs the whole chain on one block of a few thousand bytes before it goes on to the next: intermediate results stay
//! in block-sized registers in the first-level cache, and memory is read and written once. The arithmetic of each
//! element is the same either way, and so are the bits.

use std::ops::Range;

use rayon::prelude::*;
use smallvec::SmallVec;

use super::{
    PARALLEL, Real,
    elementwise::{Loop, Operand, Total},
    scratch::with_scratch,
    space::Space,
    threads,
};

/// Elements of a block: a register of `f32` takes 4 kB.
const BLOCK: usize = 1024;

/// Where a step reads an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// An input of the program.
    Input(usize),
    /// The result of an earlier step.
    Step(usize),
}

/// One operation of the chain.
pub struct Step<T> {
    /// Its loop.
    pub run: Loop<T>,
    /// Its parameter (of a unary loop).
    pub parameter: T,
    /// Its operands: as many as the loop takes.
    pub args: SmallVec<[Arg; 3]>,
}

/// A chain of elementwise operations; the last step is the result. The result of a program without steps is its input
/// 0.
pub struct Program<'a, T> {
    inputs: SmallVec<[(&'a [T], &'a [usize]); 4]>,
    steps: Vec<Step<T>>,
    registers: Vec<usize>,
    depth: usize,
}

impl<'a, T: Real> Program<'a, T> {
    /// A program over `inputs` (data and shape), whose steps read inputs or earlier steps.
    pub fn new(inputs: SmallVec<[(&'a [T], &'a [usize]); 4]>, steps: Vec<Step<T>>) -> Self {
        // Registers by linear scan: the register of a step is free again after the last step that reads it.
        let mut last_use = vec![0; steps.len()];
        for (i, step) in steps.iter().enumerate() {
            for arg in &step.args {
                if let Arg::Step(j) = *arg {
                    last_use[j] = i;
                }
            }
        }
        let (mut free, mut depth) = (Vec::new(), 0);
        let mut registers = Vec::with_capacity(steps.len());
        for (i, step) in steps.iter().enumerate() {
            registers.push(free.pop().unwrap_or_else(|| {
                depth += 1;
                depth - 1
            }));
            for (k, arg) in step.args.iter().enumerate() {
                match *arg {
                    Arg::Step(j) if last_use[j] == i && !step.args[..k].contains(arg) => free.push(registers[j]),
                    _ => {}
                }
            }
        }
        Program { inputs, steps, registers, depth }
    }

    /// Evaluates the program into `out`, of shape `dims`.
    pub fn run(&self, dims: &[usize], out: &mut [T]) {
        if out.is_empty() {
            return;
        }
        let space = self.space(dims);
        // A piece is a whole number of runs, chosen by size alone.
        let piece = space.run() * (PARALLEL / 2).div_ceil(space.run()).max(1);
        let piece = if space.dims.len() == 1 { PARALLEL / 2 } else { piece };
        if out.len() < PARALLEL || threads() == 1 {
            return self.run_piece(&space, 0, out);
        }
        out.par_chunks_mut(piece).enumerate().for_each(|(i, out)| self.run_piece(&space, i * piece, out));
    }

    fn run_piece(&self, space: &Space, start: usize, out: &mut [T]) {
        self.with_machine(|machine| machine.fill(self, space, start..start + out.len(), out));
    }

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
        let target = Space::new(dims, [kept]);
        let plain = self.steps.is_empty() && self.inputs[0].1 == dims;
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
            self.with_machine(|machine| {
                for block in blocks(&fold.target, range) {
                    let result = &mut result[..block.len()];
                    machine.fill(self, space, block.clone(), result);
                    fold.take(result, block, base, out);
                }
            });
        });
    }

    fn space(&self, dims: &[usize]) -> Space {
        Space::new(dims, self.inputs.iter().map(|i| i.1))
    }

    fn with_machine(&self, f: impl FnOnce(&mut Machine<'_, T>)) {
        with_scratch((self.depth + self.inputs.len()) * BLOCK, |memory: &mut [T]| {
            f(&mut Machine { registers: memory.chunks_exact_mut(BLOCK).map(Some).collect() });
        });
    }
}

/// The blocks of a flat range, in order. With long runs no block crosses the end of a run; short ones stay whole.
fn blocks(space: &Space, range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let (run, by_rows, one_axis) = (space.run(), space.by_rows(), space.dims.len() == 1);
    let mut at = range.start;
    std::iter::from_fn(move || {
        let start = at;
        let length = match (by_rows, one_axis) {
            (true, _) => BLOCK.min(run - start % run),
            (false, true) => BLOCK,
            (false, false) => BLOCK - BLOCK % run,
        };
        at = range.end.min(start + length);
        (start < range.end).then_some(start..at)
    })
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

/// The registers of one evaluation: those of the steps, then one for each input that must be expanded.
struct Machine<'m, T> {
    registers: SmallVec<[Option<&'m mut [T]>; 16]>,
}

impl<T: Real> Machine<'_, T> {
    /// Evaluates a flat range into `out`, block by block.
    fn fill(&mut self, program: &Program<'_, T>, space: &Space, range: Range<usize>, out: &mut [T]) {
        let start = range.start;
        for block in blocks(space, range) {
            let out = &mut out[block.start - start..block.end - start];
            self.evaluate(program, space, block, out);
        }
    }

    fn evaluate(&mut self, program: &Program<'_, T>, space: &Space, block: Range<usize>, out: &mut [T]) {
        self.expand_inputs(program, space, &block);
        let Some(last) = program.steps.len().checked_sub(1) else {
            match self.operand(program, space, &block, Arg::Input(0)) {
                Operand::Each(x) => out.copy_from_slice(x),
                Operand::Same(x) => out.fill(x),
            }
            return;
        };
        for (i, step) in program.steps[..last].iter().enumerate() {
            // The register being written is taken out of its place, so that the others can be read.
            let slot = program.registers[i];
            let register = self.registers[slot].take().expect("a register is read after it is put back");
            self.step(program, space, &block, step, &mut register[..block.len()]);
            self.registers[slot] = Some(register);
        }
        self.step(program, space, &block, &program.steps[last], out);
    }

    fn step(&self, program: &Program<'_, T>, space: &Space, block: &Range<usize>, step: &Step<T>, out: &mut [T]) {
        let operand = |k: usize| self.operand(program, space, block, step.args[k]);
        match step.run {
            Loop::Unary(run) => match operand(0) {
                Operand::Each(x) => run(x, step.parameter, out),
                Operand::Same(x) => {
                    let mut y = [x];
                    run(&[x], step.parameter, &mut y);
                    out.fill(y[0]);
                }
            },
            Loop::Binary(run) => run(operand(0), operand(1), out),
            Loop::Ternary(run) => run(operand(0), operand(1), operand(2), out),
        }
    }

    fn operand<'s>(
        &'s self,
        program: &'s Program<'_, T>,
        space: &Space,
        block: &Range<usize>,
        arg: Arg,
    ) -> Operand<'s, T> {
        let register = |slot: usize| {
            let register = self.registers[slot].as_ref().expect("a register is not read while it is written");
            Operand::Each(&register[..block.len()])
        };
        match arg {
            Arg::Step(j) => register(program.registers[j]),
            Arg::Input(k) => {
                let data = program.inputs[k].0;
                if space.contiguous(k) {
                    Operand::Each(&data[block.clone()])
                } else if space.constant(k) {
                    Operand::Same(data[0])
                } else if space.by_rows() {
                    let (row, column) = (block.start / space.run(), block.start % space.run());
                    let at = space.offset(k, row);
                    match space.strides[k][space.dims.len() - 1] {
                        0 => Operand::Same(data[at]),
                        _ => Operand::Each(&data[at + column..at + column + block.len()]),
                    }
                } else {
                    register(program.depth + k)
                }
            }
        }
    }

    /// With short runs, writes out the inputs that are broadcast in any other way than as one number.
    fn expand_inputs(&mut self, program: &Program<'_, T>, space: &Space, block: &Range<usize>) {
        if space.by_rows() {
            return;
        }
        for (k, (data, _)) in program.inputs.iter().enumerate() {
            if !space.contiguous(k) && !space.constant(k) {
                let register = self.registers[program.depth + k].as_mut().expect("inputs have registers of their own");
                let moves = space.moves(k);
                space.stretches(k, block.clone(), |part, at| match moves {
                    true => register[part.clone()].copy_from_slice(&data[at..at + part.len()]),
                    false => register[part].fill(data[at]),
                });
            }
        }
    }
}
