//! Operations that write the numbers of their input into zeros, each at a place of its own: the adjoints of slicing and of
//! picking without repetition.
//!
//! A value of which many pieces are used gets a gradient from each. In full size, n of them take n times the memory traffic of
//! the whole gradient; added at their own places, the pieces together take as much as the whole.

use super::{
    along::around,
    indexing::IndexAdd,
    op::{Grads, Op, Vjp},
    sample::Listed,
    slice::Scatter,
};
use crate::{dispatch, error::Result, kernels::place, tensor::Tensor};

/// The whole gradient of fewer numbers is written at once: to leave it takes longer.
const SMALL: usize = 512;

/// What writes its single input into zeros, each number at a place of its own.
pub trait Placing {
    /// Adds the numbers of `piece` to a `sum` of the shape of the output, at the places where it would write them.
    fn add_to(&self, piece: &Tensor, sum: &mut Tensor);
}

impl Placing for Scatter {
    fn add_to(&self, piece: &Tensor, sum: &mut Tensor) {
        dispatch!(sum.dtype(), T => self.places().add(piece.data::<T>(), sum.data_mut::<T>()));
    }
}

impl Placing for IndexAdd {
    fn add_to(&self, piece: &Tensor, sum: &mut Tensor) {
        let sizes = around(sum.shape(), self.axis);
        dispatch!(sum.dtype(), T => {
            place::add_index_select_grad(piece.data::<T>(), sizes, &self.indices, sum.data_mut::<T>());
        });
    }
}

impl<'t> Vjp<'_, 't> {
    /// The gradient of the one input, which an operation makes of `dz`. If that only places its numbers, and nothing is
    /// recorded, it is left for whoever adds it up.
    pub(super) fn placed(&self, op: impl Op + Listed + 'static) -> Result<Grads<'t>> {
        let left = !self.recorded && op.placing().is_some() && self.x[0].shape().numel() >= SMALL;
        let dx = if left { self.tape().postpone(op, self.dz) } else { self.tape().builtin(op, &[self.dz]) };
        Ok(Grads::from_iter([Some(dx?)]))
    }
}
