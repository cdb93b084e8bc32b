//! The machine that runs a program on a block: where operands are read, and where results go.
//!
//! A block takes a microsecond, and its steps a few tens of nanoseconds each. So how an input lies in the index space is
//! found out once, and where a run of it begins once for each block.

use std::ops::Range;

use smallvec::SmallVec;

use super::{Arg, BLOCK, Program, Step, blocks};
use crate::kernels::{
    Real,
    elementwise::{Loop, Operand},
    matmul::ahead::fetch_all,
    space::{Place, Space},
};

/// One evaluation of a program over an index space.
pub(super) struct Machine<'m, 'p, T> {
    program: &'m Program<'p, T>,
    space: &'m Space,
    registers: SmallVec<[Option<&'m mut [T]>; 8]>,
    inputs: SmallVec<[Input<'m, T>; 8]>,
    /// Whether what is written comes from memory first, not from a cache.
    pub from_memory: bool,
    /// The run that the block belongs to, and where it stands.
    run: usize,
    place: Place,
}

/// How an input is read.
enum Input<'m, T> {
    /// Number by number, as the result is written.
    Whole(&'m [T]),
    /// The same number throughout.
    Number(T),
    /// The numbers from `at` on, or the one there, in the run that the block belongs to.
    Run { data: &'m [T], strides: &'m [usize], moves: bool, at: usize },
    /// Written out block by block, with short runs.
    Expanded { data: &'m [T], moves: bool, register: &'m mut [T] },
}

impl<'m, 'p, T: Real> Machine<'m, 'p, T> {
    /// A machine with a register for each of those of the program, and one for each input.
    pub fn new(program: &'m Program<'p, T>, space: &'m Space, memory: &'m mut [T]) -> Self {
        let (registers, expanded) = memory.split_at_mut(program.depth * BLOCK);
        let input = |((k, &(data, _)), register): ((usize, &(&'p [T], _)), &'m mut [T])| match space.moves(k) {
            _ if space.contiguous(k) => Input::Whole(data),
            _ if space.constant(k) => Input::Number(data[0]),
            moves if space.by_rows() => Input::Run { data, strides: &space.strides[k], moves, at: 0 },
            moves => Input::Expanded { data, moves, register },
        };
        let inputs = program.inputs.iter().enumerate().zip(expanded.chunks_exact_mut(BLOCK)).map(input).collect();
        let registers = registers.chunks_exact_mut(BLOCK).map(Some).collect();
        let place = Place::from_elem(0, space.dims.len() - 1);
        Machine { program, space, registers, inputs, from_memory: false, run: 0, place }
    }

    /// Evaluates a flat range into `out`, block by block, while what the range `after` it reads comes from memory. `out` may
    /// go on for what is written then. The result of the step `on_the_way`, if there is one, is copied.
    pub fn fill(
        &mut self,
        range: Range<usize>,
        after: Range<usize>,
        out: &mut [T],
        mut on_the_way: Option<(usize, &mut [T])>,
    ) {
        let start = range.start;
        let mut blocks = blocks(self.space, range).peekable();
        while let Some(block) = blocks.next() {
            let next = blocks.peek().unwrap_or(&after);
            let at = block.start - start;
            let (here, later) = out[at..].split_at_mut(block.len());
            let copied = on_the_way.as_mut().map(|(step, to)| (*step, &mut to[at..at + block.len()]));
            let later = if self.from_memory { &later[..next.len().min(later.len())] } else { &[] };
            self.evaluate(&block, here, next, later, copied);
        }
    }

    /// Evaluates a block; `next` is the one that follows it, and `later` where that goes, or a part of it.
    fn evaluate(
        &mut self,
        block: &Range<usize>,
        out: &mut [T],
        next: &Range<usize>,
        later: &[T],
        mut copied: Option<(usize, &mut [T])>,
    ) {
        self.seek(block);
        let program = self.program;
        let Some((last, steps)) = program.steps.split_last() else {
            match self.operand(block, Arg::Input(0)) {
                Operand::Each(x) => out.copy_from_slice(x),
                Operand::Same(x) => out.fill(x),
            }
            return;
        };
        let share = next.len().div_ceil(program.steps.len());
        let ahead = |i: usize| (i * share).min(next.len())..((i + 1) * share).min(next.len());
        for (i, step) in steps.iter().enumerate() {
            // The register being written is taken out of its place, so that the others can be read.
            let slot = program.registers[i];
            self.fetch_ahead(next, later, ahead(i));
            let register = self.registers[slot].take().expect("a register is read after it is put back");
            self.step(block, step, &mut register[..block.len()]);
            if let Some((_, to)) = copied.as_mut().filter(|(step, _)| *step == i) {
                to.copy_from_slice(&register[..block.len()]);
            }
            self.registers[slot] = Some(register);
        }
        self.fetch_ahead(next, later, ahead(steps.len()));
        self.step(block, last, out);
    }

    /// Asks for a part of what the `next` block reads, and of `later`, which it writes: they come from memory while this
    /// block is computed.
    #[inline]
    fn fetch_ahead(&self, next: &Range<usize>, later: &[T], part: Range<usize>) {
        for input in &self.inputs {
            if let Input::Whole(data) = input {
                fetch_all(&data[next.start + part.start..next.start + part.end]);
            }
        }
        fetch_all(&later[part.start.min(later.len())..part.end.min(later.len())]);
    }

    /// Finds where the inputs of a block begin, and writes out those that must be.
    fn seek(&mut self, block: &Range<usize>) {
        let space = self.space;
        let mut column = 0;
        if space.by_rows() {
            let (length, before) = (space.run(), self.run);
            (self.run, column) = (block.start / length, block.start % length);
            match self.run {
                run if run == before => {}
                run if run == before + 1 => space.advance(&mut self.place),
                run => self.place = space.place(run),
            }
        }
        let place = &self.place[..];
        for (k, input) in self.inputs.iter_mut().enumerate() {
            match input {
                Input::Whole(_) | Input::Number(_) => {}
                Input::Run { strides, moves, at, .. } => {
                    let first: usize = place.iter().zip(*strides).map(|(at, stride)| at * stride).sum();
                    *at = first + if *moves { column } else { 0 };
                }
                Input::Expanded { data, moves, register } => {
                    space.stretches(k, block.clone(), |part, at| match moves {
                        true => register[part.clone()].copy_from_slice(&data[at..at + part.len()]),
                        false => register[part].fill(data[at]),
                    })
                }
            }
        }
    }

    #[inline]
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

    #[inline(always)]
    fn operand(&self, block: &Range<usize>, arg: Arg) -> Operand<'_, T> {
        match arg {
            Arg::Step(j) => {
                let register = self.registers[self.program.registers[j]].as_ref();
                Operand::Each(&register.expect("a register is not read while it is written")[..block.len()])
            }
            Arg::Input(k) => match &self.inputs[k] {
                Input::Whole(data) => Operand::Each(&data[block.clone()]),
                Input::Number(x) => Operand::Same(*x),
                &Input::Run { data, moves: true, at, .. } => Operand::Each(&data[at..at + block.len()]),
                &Input::Run { data, moves: false, at, .. } => Operand::Same(data[at]),
                Input::Expanded { register, .. } => Operand::Each(&register[..block.len()]),
            },
        }
    }
}
