//! The machine that runs a program on a block: where operands are read, and where results go.

use std::ops::Range;

use smallvec::SmallVec;

use super::{Arg, Program, Step, blocks};
use crate::kernels::{
    Real,
    elementwise::{Loop, Operand},
    matmul::ahead::{fetch, lines},
    space::Space,
};

/// One evaluation of a program over an index space. Its registers are those of the steps, then one for each input that
/// must be expanded.
pub(super) struct Machine<'m, 'p, T> {
    pub program: &'m Program<'p, T>,
    pub space: &'m Space,
    pub registers: SmallVec<[Option<&'m mut [T]>; 16]>,
}

impl<T: Real> Machine<'_, '_, T> {
    /// Evaluates a flat range into `out`, block by block.
    pub fn fill(&mut self, range: Range<usize>, out: &mut [T]) {
        let start = range.start;
        let mut blocks = blocks(self.space, range).peekable();
        while let Some(block) = blocks.next() {
            let next = blocks.peek().cloned().unwrap_or(0..0);
            let (here, later) = out[block.start - start..].split_at_mut(block.len());
            self.evaluate(block, here, &next, &later[..next.len()]);
        }
    }

    /// Asks for part `i` of `n` of what the next block reads, and of `later`, which it writes: they come from memory while
    /// this block is computed.
    fn fetch_ahead(&self, next: &Range<usize>, later: &[T], (i, n): (usize, usize)) {
        let part = next.len() * i / n..next.len() * (i + 1) / n;
        for (k, (data, _)) in self.program.inputs.iter().enumerate() {
            if self.space.contiguous(k) {
                lines(&data[next.clone()][part.clone()]).for_each(fetch);
            }
        }
        lines(&later[part]).for_each(fetch);
    }

    /// Evaluates a block; `next` is the one that follows it, and `later` where that goes.
    fn evaluate(&mut self, block: Range<usize>, out: &mut [T], next: &Range<usize>, later: &[T]) {
        self.expand_inputs(&block);
        let program = self.program;
        let steps = program.steps.len();
        let Some(last) = steps.checked_sub(1) else {
            match self.operand(&block, Arg::Input(0)) {
                Operand::Each(x) => out.copy_from_slice(x),
                Operand::Same(x) => out.fill(x),
            }
            return;
        };
        for (i, step) in program.steps[..last].iter().enumerate() {
            // The register being written is taken out of its place, so that the others can be read.
            let slot = program.registers[i];
            self.fetch_ahead(next, later, (i, steps));
            let register = self.registers[slot].take().expect("a register is read after it is put back");
            self.step(&block, step, &mut register[..block.len()]);
            self.registers[slot] = Some(register);
        }
        self.fetch_ahead(next, later, (last, steps));
        self.step(&block, &program.steps[last], out);
    }

    fn step(&self, block: &Range<usize>, step: &Step<T>, out: &mut [T]) {
        let operand = |k: usize| self.operand(block, step.args[k]);
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

    fn operand(&self, block: &Range<usize>, arg: Arg) -> Operand<'_, T> {
        let (program, space) = (self.program, self.space);
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
    fn expand_inputs(&mut self, block: &Range<usize>) {
        let (program, space) = (self.program, self.space);
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
