//! The machine that runs a program on a block: where operands are read, and where results go.
//!
//! A block takes a microsecond, and its steps a few tens of nanoseconds each. So how an input lies in the index space is
//! found out once, and where a run of it begins once for each block.

use std::ops::Range;

use smallvec::SmallVec;

use super::{Arg, Program, Run, Step, blocks, short::expand};
use crate::kernels::{
    Real,
    elementwise::Operand,
    matmul::ahead::{FIRST, SECOND, fetch_all, per_line},
    space::{BLOCK, Place, Space},
};

/// Chains of fewer steps over a single run fetch nothing ahead. They go on from number to number as fast as memory does, and the
/// processor foresees what they read next; asked for the lines of a whole block at once, it would wait for those.
const FETCHED: usize = 3;

/// Chains of fewer steps over a single run fetch into the second-level cache, which takes more lines at a time.
const FETCHED_FIRST: usize = 6;

/// One evaluation of a program over an index space.
pub(super) struct Machine<'m, 'p, T> {
    program: &'m Program<'p, T>,
    space: &'m Space,
    registers: SmallVec<[Option<&'m mut [T]>; 8]>,
    inputs: SmallVec<[Input<'m, T>; 8]>,
    /// The inputs that are read number by number, which are fetched ahead.
    whole: SmallVec<[&'m [T]; 4]>,
    /// Whether what is written comes from memory first, not from a cache.
    from_memory: bool,
    /// The block that is computed, or was last; where its run stands, and where it begins in that.
    block: Range<usize>,
    place: Place,
    column: usize,
}

/// How an input is read.
enum Input<'m, T> {
    /// Number by number, as the result is written.
    Whole(&'m [T]),
    /// The same number throughout.
    Number(T),
    /// The numbers of the run that the block belongs to, which begins at `start`, or the one there.
    Run { data: &'m [T], strides: &'m [usize], moves: bool, start: usize },
    /// Written out, with short runs: the numbers `of` a flat range, for each block or, where they repeat themselves, once.
    Expanded { data: &'m [T], repeats: bool, register: &'m mut [T], of: Range<usize> },
}

impl<'m, 'p, T: Real> Machine<'m, 'p, T> {
    /// A machine with a register for each of those of the program, and one for each input.
    pub fn new(program: &'m Program<'p, T>, space: &'m Space, from_memory: bool, memory: &'m mut [T]) -> Self {
        let (registers, expanded) = memory.split_at_mut(program.depth * BLOCK);
        let input = |((k, &(data, _)), register): ((usize, &(&'p [T], _)), &'m mut [T])| match space {
            _ if space.contiguous(k) => Input::Whole(data),
            _ if space.constant(k) => Input::Number(data[0]),
            _ if space.by_rows() => Input::Run { data, strides: &space.strides[k], moves: space.moves(k), start: 0 },
            _ => Input::Expanded { data, repeats: space.repeats(k), register, of: 0..0 },
        };
        let inputs = program.inputs.iter().enumerate().zip(expanded.chunks_exact_mut(BLOCK)).map(input).collect();
        let whole = program.inputs.iter().enumerate().filter(|(k, _)| space.contiguous(*k)).map(|(_, x)| x.0).collect();
        let registers = registers.chunks_exact_mut(BLOCK).map(Some).collect();
        let place = Place::from_elem(0, space.dims.len() - 1);
        Machine { program, space, registers, inputs, whole, from_memory, block: 0..0, place, column: 0 }
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
        let mut blocks = blocks(self.space, self.space.by_rows(), BLOCK, range).peekable();
        while let Some(block) = blocks.next() {
            let next = blocks.peek().unwrap_or(&after);
            let at = block.start - start;
            let (here, later) = out[at..].split_at_mut(block.len());
            let copied = on_the_way.as_mut().map(|(step, to)| (*step, &mut to[at..at + block.len()]));
            let later = if self.from_memory { &later[..next.len().min(later.len())] } else { &[] };
            self.seek(block);
            self.evaluate(here, next, later, copied);
        }
    }

    /// Evaluates the block; `next` is the one that follows it, and `later` where that goes, or a part of it.
    fn evaluate(&mut self, out: &mut [T], next: &Range<usize>, later: &[T], mut copied: Option<(usize, &mut [T])>) {
        let program = self.program;
        let (registers, slots) = (&mut self.registers[..], &program.registers[..]);
        let sources = Sources { inputs: &self.inputs, slots, block: &self.block, column: self.column };
        let Some((last, steps)) = program.steps.split_last() else {
            match sources.operand(registers, Arg::Input(0)) {
                Operand::Each(x) => out.copy_from_slice(x),
                Operand::Same(x) => out.fill(x),
            }
            return;
        };
        // What the next block reads and writes comes from memory while this one is computed, a part of it in each step; of a
        // single run, which begins at a line, whole lines.
        let (count, single) = (program.steps.len(), self.space.dims.len() == 1);
        let fetched = if single && count < FETCHED { 0 } else { next.len() };
        let share = fetched.div_ceil(count);
        let share = if single { share.next_multiple_of(per_line::<T>()) } else { share };
        let fetch_ahead = |step: usize| {
            let [from, to] = [step, step + 1].map(|step| fetched.min(step * share));
            let later = &later[from.min(later.len())..to.min(later.len())];
            let read = self.whole.iter().map(|x| &x[next.start..][from..to]);
            match single && count < FETCHED_FIRST {
                true => read.chain([later]).for_each(fetch_all::<T, SECOND>),
                false => {
                    read.for_each(fetch_all::<T, FIRST>);
                    fetch_all::<T, FIRST>(later);
                }
            }
        };
        for (i, (step, &slot)) in steps.iter().zip(slots).enumerate() {
            fetch_ahead(i);
            // The register being written is taken out of its place, so that the others can be read.
            let register = registers[slot].take().expect("a register is read after it is put back");
            let result = &mut register[..out.len()];
            sources.step(registers, step, result);
            if let Some((_, to)) = copied.as_mut().filter(|(step, _)| *step == i) {
                to.copy_from_slice(result);
            }
            registers[slot] = Some(register);
        }
        fetch_ahead(steps.len());
        sources.step(registers, last, out);
    }

    /// Goes on to a block: finds where its inputs begin, and writes out those that must be. No division is needed for a block
    /// that follows the last.
    fn seek(&mut self, block: Range<usize>) {
        let space = self.space;
        let last = std::mem::replace(&mut self.block, block);
        if space.by_rows() {
            let (run, start) = (space.run(), self.block.start);
            self.column += last.len();
            match start == last.end {
                true if self.column < run => return,
                true => {
                    space.advance(&mut self.place);
                    self.column = 0;
                }
                false => (self.place, self.column) = (space.place(start / run), start % run),
            }
        }
        let place = &self.place[..];
        for (k, input) in self.inputs.iter_mut().enumerate() {
            match input {
                Input::Whole(_) | Input::Number(_) => {}
                Input::Run { strides, start, .. } => {
                    *start = place.iter().zip(*strides).map(|(at, stride)| at * stride).sum();
                }
                Input::Expanded { data, repeats, register, of } => {
                    let (block, period) = (&self.block, space.period);
                    let again = *repeats && block.start % period == of.start % period && block.len() <= of.len();
                    if !again {
                        expand(space, k, block.clone(), data, register);
                        *of = block.clone();
                    }
                }
            }
        }
    }
}

/// Where the operands of the steps are, for one block.
struct Sources<'s, 'm, T> {
    inputs: &'s [Input<'m, T>],
    /// The register of each step.
    slots: &'s [usize],
    block: &'s Range<usize>,
    column: usize,
}

impl<T: Real> Sources<'_, '_, T> {
    #[inline]
    fn step(&self, registers: &[Option<&mut [T]>], step: &Step<T>, out: &mut [T]) {
        match (step.run, &step.args[..]) {
            (Run::Row(run), args) => run.run(|k| self.operand(registers, args[k]), step.parameter, out),
            (Run::Joined(run, slices), args) => {
                let (slices, numbers) = args.split_at(slices);
                let slices = std::array::from_fn(|k| slices.get(k).map_or(&[][..], |&x| self.slice(registers, x)));
                let numbers = std::array::from_fn(|k| numbers.get(k).map_or(T::ZERO, |&x| self.number(x)));
                run(slices, numbers, out);
            }
        }
    }

    #[inline(always)]
    fn slice<'o>(&'o self, registers: &'o [Option<&mut [T]>], arg: Arg) -> &'o [T] {
        match self.operand(registers, arg) {
            Operand::Each(x) => x,
            Operand::Same(_) => unreachable!("steps are joined where these are slices"),
        }
    }

    #[inline(always)]
    fn number(&self, arg: Arg) -> T {
        match self.operand(&[], arg) {
            Operand::Same(x) => x,
            Operand::Each(_) => unreachable!("steps are joined where these are numbers"),
        }
    }

    #[inline(always)]
    fn operand<'o>(&'o self, registers: &'o [Option<&mut [T]>], arg: Arg) -> Operand<'o, T> {
        let length = self.block.len();
        match arg {
            Arg::Step(j) => {
                let register = registers[self.slots[j]].as_ref();
                Operand::Each(&register.expect("a register is not read while it is written")[..length])
            }
            Arg::Input(k) => match &self.inputs[k] {
                Input::Whole(data) => Operand::Each(&data[self.block.clone()]),
                Input::Number(x) => Operand::Same(*x),
                &Input::Run { data, moves: true, start, .. } => Operand::Each(&data[start + self.column..][..length]),
                &Input::Run { data, moves: false, start, .. } => Operand::Same(data[start]),
                Input::Expanded { register, .. } => Operand::Each(&register[..length]),
            },
        }
    }
}
