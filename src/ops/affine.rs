//! Operations that shift and scale each number of their first input, once they have seen all of them: batch norm.
//!
//! Such a value is part of the chain of elementwise operations that reads it, and is not written out by itself.

use crate::{tape::Saved, tensor::Tensor};

/// What only shifts and scales each number of its first input.
pub trait Affine {
    /// What [`Op::forward`](super::Op::forward) would save, and what makes the value.
    fn coefficients(&self, x: &[&Tensor]) -> (Saved, Coefficients);
}

/// What makes (x − center) · factor + term of x: tensors of one shape, which broadcasts to that of x.
pub struct Coefficients {
    /// What is subtracted first, if anything is: far from 0, the product would lose digits.
    pub center: Option<Tensor>,
    /// What the distance from the center is multiplied by.
    pub factor: Tensor,
    /// What is added.
    pub term: Tensor,
}
