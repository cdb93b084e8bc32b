//! Operations that read their first input in pieces, each a few times while it is in the cache: a convolution, the maximum of
//! windows. A short chain of elementwise operations before them is computed there, and never written out.

use crate::{
    error::Result,
    kernels::program::Program,
    tape::Saved,
    tensor::{Shape, Tensor},
};

/// A piece of so many numbers, an image or a plane, fits into a core's own cache.
pub(super) const NEAR: usize = 1 << 18;

/// A value as a program: the chain that computes it, or its numbers.
pub enum Chain<'a> {
    /// In single precision.
    F32(Program<'a, f32>),
    /// In double precision.
    F64(Program<'a, f64>),
}

impl<'a> Chain<'a> {
    /// The numbers of a tensor.
    pub fn of(x: &'a Tensor) -> Self {
        use crate::DType::{F32, F64};
        match x.dtype() {
            F32 => Chain::F32(Program::of(x.data(), x.shape())),
            F64 => Chain::F64(Program::of(x.data(), x.shape())),
        }
    }
}

/// What reads its first input in pieces.
pub trait Piecewise {
    /// [`Op::forward`](super::Op::forward), with the first input as a chain of this shape.
    fn forward_of(
        &self,
        first: (&Chain<'_>, &Shape),
        rest: &[&Tensor],
        shape: Shape,
        saved: &mut Option<Saved>,
    ) -> Result<Tensor>;
}

/// A tensor of this shape, written by an expression that reads a chain in either precision:
/// `build_of!(chain, shape, |x, out| kernel(&x.pieces(dims), out))`.
macro_rules! build_of {
    ($chain:expr, $shape:expr, |$x:ident, $out:ident| $fill:expr) => {
        match $chain {
            $crate::ops::piecewise::Chain::F32($x) => $crate::Tensor::build::<f32>($shape, |$out| $fill),
            $crate::ops::piecewise::Chain::F64($x) => $crate::Tensor::build::<f64>($shape, |$out| $fill),
        }
    };
}
pub(super) use build_of;
