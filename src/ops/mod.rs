//! The operations: for each, in one place, its value, derivative, shape rule, documentation and test inputs.
//!
//! Elementwise operations are rows of the tables in `elementwise`; all others implement [`Op`], a block each. Every
//! derivative is written in tape algebra, with the very operators that users have, so derivatives of any order come
//! from one rule. A rule never sums over broadcast axes and never adds up contributions: the engine does.
//!
//! [`table`] lists them all with inputs to test them on; an operation that is not in it cannot be recorded.
//!
//! What may not live here: loops over numbers (`kernels`), layers with parameters (`nn`).

mod activations;
mod arrange;
mod bilinear;
mod concat;
mod convolution;
mod directions;
mod einsum;
mod elementwise;
mod indexing;
mod layer_norm;
mod linalg;
mod loss;
mod matmul;
mod normalise;
mod operators;
mod overlap;
mod permute;
mod pooling;
mod reduce;
mod reshape;
mod slice;
mod softmax;
mod spectral;
mod table;
mod unfold;

pub use convolution::ConvSpec;
pub use elementwise::Elementwise;
pub use operators::Operand;
pub use pooling::Window;
pub use table::{Sample, table};

#[cfg(feature = "check")]
pub(crate) use elementwise::row;
pub(crate) use elementwise::{keeps_zeros, number_comes_first, selects};
pub(crate) use table::Listed;

use std::sync::Arc;

use smallvec::SmallVec;

use crate::{
    error::{Error, Result, RuleFault},
    kernels::elementwise::Total,
    tape::{Memo, Mixes, Tape, Var},
    tensor::{Shape, Tensor},
};

/// The gradients that a rule returns: one for each input, `None` where there is none.
pub type Grads<'t> = SmallVec<[Option<Var<'t>>; 4]>;

/// An operation: how built-in operations and users' own enter the tape, by [`Tape::record`].
///
/// Most users want [`Function`](crate::Function), whose `forward` is tape algebra. An `Op` computes with plain numbers
/// where speed asks for it.
pub trait Op: Send + Sync {
    /// The name in errors and on the printed tape.
    fn name(&self) -> &str;

    /// The attributes as they are printed beside the name: "stride 2".
    fn attributes(&self) -> String {
        String::new()
    }

    /// The shape of the output, before any work is done.
    ///
    /// # Errors
    /// A whole sentence when the operation does not accept these shapes.
    fn shape(&self, x: &[&Shape]) -> Result<Shape>;

    /// The output, of the shape that [`shape`](Op::shape) found. What the backward rule can use again may be left in
    /// `memo`: it must be a function of the inputs alone.
    ///
    /// # Errors
    /// When the numbers do not suit the operation (a label out of range).
    fn forward(&self, x: &[&Tensor], shape: Shape, memo: &mut Option<Memo>) -> Result<Tensor>;

    /// The gradient by each input.
    ///
    /// # Errors
    /// [`Error::Rule`] when there is no derivative to be had.
    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>>;

    /// For a reduction of its one input: how, and the input's shape with the reduced sizes set to 1. The engine then
    /// computes the value, without writing out an input that is a chain of elementwise operations.
    #[doc(hidden)]
    fn folds(&self, _x: &Shape) -> Option<(Total, Shape)> {
        None
    }

    /// Which numbers it brings together: how far a selection behind it can keep a NaN of the unused branch out of the
    /// gradient.
    #[doc(hidden)]
    fn mixes(&self) -> Mixes {
        Mixes::All
    }
}

/// A shared operation is recorded as it is.
impl Op for Arc<dyn Op> {
    fn name(&self) -> &str {
        (**self).name()
    }
    fn attributes(&self) -> String {
        (**self).attributes()
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        (**self).shape(x)
    }
    fn forward(&self, x: &[&Tensor], shape: Shape, memo: &mut Option<Memo>) -> Result<Tensor> {
        (**self).forward(x, shape, memo)
    }
    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        (**self).vjp(at)
    }
    fn folds(&self, x: &Shape) -> Option<(Total, Shape)> {
        (**self).folds(x)
    }
    fn mixes(&self) -> Mixes {
        (**self).mixes()
    }
}

/// What the backward rule of an [`Op`] is given.
#[derive(Clone, Copy)]
pub struct Vjp<'a, 't> {
    /// The inputs.
    pub x: &'a [Var<'t>],
    /// The output.
    pub y: Var<'t>,
    /// The upstream gradient, of the shape of the output.
    pub dy: Var<'t>,
    /// Which inputs want a gradient.
    pub needs: &'a [bool],
    pub(crate) recorded: bool,
}

impl<'t> Vjp<'_, 't> {
    /// The tape.
    pub fn tape(&self) -> &'t Tape {
        self.y.tape()
    }

    /// What `forward` left for the rule.
    pub fn memo(&self) -> Option<Memo> {
        self.tape().memo(self.y.id())
    }

    /// The gradient by input `k`, computed only if it is needed.
    pub fn by(&self, k: usize, dx: impl FnOnce() -> Result<Var<'t>>) -> Result<Option<Var<'t>>> {
        if self.needs[k] { dx().map(Some) } else { Ok(None) }
    }

    /// The answer of a rule that works on plain numbers: it has no derivative of its own.
    ///
    /// # Errors
    /// [`Error::Rule`] when the gradient is being recorded, to be differentiated again.
    pub fn once(
        &self,
        name: &str,
        rule: impl FnOnce(&[Tensor], &Tensor, &Tensor) -> Result<Vec<Option<Tensor>>>,
    ) -> Result<Grads<'t>> {
        if self.recorded {
            let at = self.tape().list.borrow().node(self.y.id()).at;
            return Err(Error::Rule { rule: name.to_owned(), fault: RuleFault::OnceDifferentiable, at });
        }
        let x: Vec<Tensor> = self.x.iter().map(|x| x.value()).collect();
        let gradients = rule(&x, &self.y.value(), &self.dy.value())?;
        Ok(gradients.into_iter().map(|g| g.map(|g| self.tape().constant(g))).collect())
    }
}

impl Tape {
    /// Records a built-in operation; that it is listed in the table is checked by the compiler.
    #[track_caller]
    pub(crate) fn builtin<'t>(&'t self, op: impl Op + Listed + 'static, inputs: &[Var<'t>]) -> Result<Var<'t>> {
        self.record(op, inputs)
    }
}

/// The value, or a panic with the error's sentence at the caller's line.
#[track_caller]
pub(crate) fn expect<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}
