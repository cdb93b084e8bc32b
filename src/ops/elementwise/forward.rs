//! The value of one row on computed operands; chains of rows are evaluated by the tape, block by block.

use super::Elementwise;
use crate::{
    kernels::{
        elementwise::{Loop, Operand},
        program::{Arg, Program, Run, Step},
    },
    tensor::{Element, Shape, Tensor},
};

/// Picks the loop of a row for a given precision.
pub(crate) trait Looped: Element {
    fn loop_of(row: &'static Elementwise) -> Loop<Self>;
}

impl Looped for f32 {
    fn loop_of(row: &'static Elementwise) -> Loop<f32> {
        row.loop_f32
    }
}

impl Looped for f64 {
    fn loop_of(row: &'static Elementwise) -> Loop<f64> {
        row.loop_f64
    }
}

impl Elementwise {
    /// The value on operands that broadcast to `shape`.
    pub(crate) fn forward(&'static self, parameter: f64, x: &[&Tensor], shape: Shape) -> Tensor {
        crate::dispatch!(x[0].dtype(), T => self.forward_in::<T>(parameter, x, shape))
    }

    fn forward_in<T: Looped>(&'static self, parameter: f64, x: &[&Tensor], shape: Shape) -> Tensor {
        let simple = x.iter().all(|x| *x.shape() == shape || x.numel() == 1);
        if !simple {
            let inputs = x.iter().map(|x| (x.data::<T>(), x.shape().dims())).collect();
            let args = (0..x.len()).map(Arg::Input).collect();
            let step = Step { run: Run::Row(T::loop_of(self)), parameter: T::of(parameter), args, role: self.role() };
            let program = Program::new(inputs, vec![step]);
            return Tensor::build::<T>(shape.clone(), |out| program.run(&shape, out));
        }
        let numel = shape.numel();
        let operand = |k: usize| match x[k].data::<T>() {
            [one] if numel != 1 => Operand::Same(*one),
            data => Operand::Each(data),
        };
        Tensor::build::<T>(shape, |out| T::loop_of(self).run(operand, T::of(parameter), out))
    }
}
