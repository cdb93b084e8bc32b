//! The result of a program, read piece by piece by a kernel: the chain is never written out.

use std::ops::Range;

use super::Program;
use crate::kernels::{Real, scratch::with_scratch, space::Space};

/// The result of a program, for kernels that read each number a few times and pass over it in pieces.
pub struct Pieces<'a, T> {
    program: Program<'a, T>,
    space: Space,
}

impl<'a, T: Real> Program<'a, T> {
    /// The result, of shape `dims`, in pieces.
    pub fn pieces(&self, dims: &[usize]) -> Pieces<'a, T> {
        let space = self.space(dims);
        Pieces { program: self.fused(&space).into_owned(), space }
    }
}

impl<T: Real> Pieces<'_, T> {
    /// Hands the numbers of a flat range to `body`: those of the input where there is nothing to compute.
    pub fn with<R>(&self, range: Range<usize>, body: impl FnOnce(&[T]) -> R) -> R {
        if self.is_input() {
            return body(&self.program.inputs[0].0[range]);
        }
        with_scratch(range.len(), |piece: &mut [T]| {
            self.program.run_piece(&self.space, range.start, piece, false);
            body(piece)
        })
    }

    /// The numbers of a flat range where there is nothing to compute, and none otherwise or behind the last.
    pub fn ready(&self, range: Range<usize>) -> &[T] {
        let input = if self.is_input() { self.program.inputs[0].0 } else { &[] };
        input.get(range).unwrap_or_default()
    }

    fn is_input(&self) -> bool {
        self.program.steps.is_empty() && self.space.contiguous(0)
    }

    /// Writes the numbers from `start` on to `out`.
    pub fn write(&self, start: usize, out: &mut [T]) {
        self.program.run_piece(&self.space, start, out, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{
        elementwise::Loop,
        program::{Arg, Role, Run, Step},
        ternary::affine,
        testing::numbers,
    };

    #[test]
    fn pieces_have_the_numbers_of_the_whole() {
        for dims in [[3, 5, 400], [4, 130, 1], [2, 3, 7]] {
            let (x, a, b) = (numbers::<f32>(dims.iter().product(), 1), numbers(dims[1], 2), numbers(dims[1], 3));
            let column = [dims[1], 1];
            let inputs = [(&x[..], &dims[..]), (&a[..], &column[..]), (&b[..], &column[..])];
            let args = [Arg::Input(0), Arg::Input(1), Arg::Input(2)].into_iter().collect();
            let step = Step { run: Run::Row(Loop::Ternary(affine)), parameter: 0.0, args, role: Role::Affine };
            let program = Program::new(inputs.into_iter().collect(), vec![step]);
            let mut whole = vec![0.0; x.len()];
            program.run(&dims, &mut whole);
            let channel = |i: usize| i / dims[2] % dims[1];
            assert!((0..x.len()).all(|i| whole[i] == x[i] * a[channel(i)] + b[channel(i)]));
            let (pieces, plain) = (program.pieces(&dims), Program::of(&x, &dims));
            for range in [0..x.len(), 1..2, 5..x.len() - 3, 7..7] {
                pieces.with(range.clone(), |piece| assert_eq!(piece, &whole[range.clone()]));
                let mut written = vec![0.0; range.len()];
                pieces.write(range.start, &mut written);
                assert_eq!(written, &whole[range.clone()]);
                let plain = plain.pieces(&dims);
                assert_eq!((pieces.ready(range.clone()).len(), plain.ready(range.clone())), (0, &x[range.clone()]));
                plain.with(range.clone(), |piece| assert_eq!(piece, &x[range]));
            }
            assert!(plain.pieces(&dims).ready(1..x.len() + 1).is_empty());
        }
    }
}
