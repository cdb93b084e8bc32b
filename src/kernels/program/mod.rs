//! A chain of elementwise operations, evaluated block by block.
//!
//! One operation at a time, a chain of ten elementwise operations reads and writes main memory ten times. A [`Program`]
//! runs the whole chain on one block of a few thousand bytes before it goes on to the next: intermediate results stay
//! in block-sized registers in the first-level cache, and memory is read and written once. The arithmetic of each
//! element is the same either way, and so are the bits.

mod fold;
mod fuse;
mod joined;
mod machine;
mod pieces;
mod short;

use std::ops::Range;

use smallvec::SmallVec;

use super::{
    PARALLEL, Real,
    elementwise::Loop,
    parallel,
    scratch::with_scratch,
    space::{BLOCK, Space},
};
pub use fuse::Role;
use machine::Machine;
pub use pieces::Pieces;

/// Where a step reads an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// An input of the program.
    Input(usize),
    /// The result of an earlier step.
    Step(usize),
}

impl Arg {
    /// The step, if it is the result of one.
    fn step(self) -> Option<usize> {
        match self {
            Arg::Step(j) => Some(j),
            Arg::Input(_) => None,
        }
    }
}

/// A loop that stands for several steps: `out[i]` from number i of each slice and from some numbers. There are as many slices
/// and numbers as it needs.
pub type Joined<T> = fn([&[T]; 3], [T; 4], &mut [T]);

/// How a step is computed.
#[derive(Clone, Copy)]
pub enum Run<T> {
    /// By the loop of a row.
    Row(Loop<T>),
    /// Joined to steps before it, by a loop whose first operands are so many slices.
    Joined(Joined<T>, usize),
}

/// One operation of the chain.
#[derive(Clone)]
pub struct Step<T> {
    /// Its loop.
    pub run: Run<T>,
    /// Its parameter (of a unary loop).
    pub parameter: T,
    /// Its operands: as many as the loop takes.
    pub args: SmallVec<[Arg; 3]>,
    /// What it computes, by which steps are joined.
    pub role: Role,
}

/// A chain of elementwise operations; the last step is the result. The result of a program without steps is its input
/// 0.
#[derive(Clone)]
pub struct Program<'a, T> {
    inputs: SmallVec<[(&'a [T], &'a [usize]); 4]>,
    steps: Vec<Step<T>>,
    registers: Vec<usize>,
    depth: usize,
}

impl<'a, T: Real> Program<'a, T> {
    /// The program without steps, whose result is `x`.
    pub fn of(x: &'a [T], dims: &'a [usize]) -> Self {
        Program::new(SmallVec::from_slice(&[(x, dims)]), Vec::new())
    }

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
        let (work, program) = (out.len(), self.fused(&space));
        if !parallel::worthwhile(work) {
            return program.run_piece(&space, 0, out, true);
        }
        parallel::each_chunk(out, piece, work, |i, out| program.run_piece(&space, i * piece, out, true));
    }

    fn run_piece(&self, space: &Space, start: usize, out: &mut [T], from_memory: bool) {
        self.with_machine(space, from_memory, |machine| machine.fill(start..start + out.len(), 0..0, out, None));
    }

    fn space(&self, dims: &[usize]) -> Space {
        Space::new(dims, self.inputs.iter().map(|i| i.1))
    }

    fn with_machine(&self, space: &Space, from_memory: bool, f: impl FnOnce(&mut Machine<'_, 'a, T>)) {
        with_scratch((self.depth + self.inputs.len()) * BLOCK, |memory: &mut [T]| {
            f(&mut Machine::new(self, space, from_memory, memory));
        });
    }
}

/// The blocks of a flat range, in order, each of at most so many numbers. Taken `by_rows`, no block crosses the end of a run;
/// otherwise runs stay whole.
fn blocks(space: &Space, by_rows: bool, most: usize, range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let run = space.run();
    let length = if by_rows || space.dims.len() == 1 { most } else { most - most % space.period };
    let mut at = range.start;
    // Where the run ends that the block belongs to.
    let mut end = if by_rows { at - at % run + run } else { usize::MAX };
    std::iter::from_fn(move || {
        let start = at;
        at = end.min(start + length).min(range.end);
        if at == end {
            end += run;
        }
        (start < range.end).then_some(start..at)
    })
}
