//! The same numbers, in the same order, in another shape: they are shared, not copied.
//!
//! Of y = reshape(x) the gradient is dx = dy in the shape of x. Flattening, a new axis of size 1, and numbers of channels
//! laid out to broadcast against images are reshapes too.

use super::{
    op::{Grads, Mixes, Op, Vjp},
    sample::{Sample, Sampled},
    twins::expect,
};
use crate::{
    error::{Error, Result},
    tape::{Memo, Var},
    tensor::{Shape, Tensor},
};

/// The same numbers in another shape.
pub(super) struct Reshape(Shape);

impl Op for Reshape {
    fn name(&self) -> &str {
        "reshape"
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        if x[0].numel() != self.0.numel() {
            let need = format!("the sizes must have the same product ({} and {} differ)", x[0].numel(), self.0.numel());
            return Err(Error::shape("reshape", &[x[0], &self.0], need));
        }
        Ok(self.0.clone())
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Memo>) -> Result<Tensor> {
        Ok(x[0].reshaped(shape))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        Ok(Grads::from_iter([at.by(0, || at.dy.try_reshape(&at.x[0].shape()))?]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Sampled for Reshape {
    fn samples() -> Vec<Sample> {
        vec![
            Sample::unary("reshape", [2, 6], |x| x.reshape([3, 4])),
            Sample::unary("flatten", [2, 3, 2], |x| x.flatten(1)),
        ]
    }
}

impl<'t> Var<'t> {
    /// The same numbers in another shape of equal size.
    ///
    /// # Panics
    /// When the sizes differ.
    #[track_caller]
    pub fn reshape(self, shape: impl Into<Shape>) -> Var<'t> {
        expect(self.try_reshape(&shape.into()))
    }

    /// [`reshape`](Var::reshape) with an error in place of a panic.
    ///
    /// # Errors
    /// [`Error::Shape`] when the sizes differ.
    #[track_caller]
    pub fn try_reshape(self, shape: &Shape) -> Result<Var<'t>> {
        if self.shape() == *shape {
            return Ok(self);
        }
        self.tape().builtin(Reshape(shape.clone()), &[self])
    }

    /// Axes from `from` on become one: `[n, c, h, w]` flattened from 1 is `[n, c·h·w]`.
    ///
    /// # Panics
    /// When there are fewer axes than `from`.
    #[track_caller]
    pub fn flatten(self, from: usize) -> Var<'t> {
        expect(self.try_flatten(from))
    }

    /// [`flatten`](Var::flatten) with an error in place of a panic.
    ///
    /// # Errors
    /// [`Error::Axis`] when there are fewer axes than `from`.
    #[track_caller]
    pub fn try_flatten(self, from: usize) -> Result<Var<'t>> {
        let shape = self.shape();
        if from > shape.rank() {
            self.axis("flatten", from as isize)?;
        }
        let rest = shape[from..].iter().product();
        self.try_reshape(&shape[..from].iter().copied().chain([rest]).collect())
    }

    /// A new axis of size 1 at position `axis`.
    ///
    /// # Panics
    /// When `axis` is larger than the number of axes.
    #[track_caller]
    pub fn unsqueeze(self, axis: usize) -> Var<'t> {
        expect(self.try_unsqueeze(axis))
    }

    /// [`unsqueeze`](Var::unsqueeze) with an error in place of a panic.
    ///
    /// # Errors
    /// [`Error::Axis`] when `axis` is larger than the number of axes.
    #[track_caller]
    pub fn try_unsqueeze(self, axis: usize) -> Result<Var<'t>> {
        let shape = self.shape();
        if axis > shape.rank() {
            self.axis("unsqueeze", axis as isize)?;
        }
        self.try_reshape(&shape[..axis].iter().copied().chain([1]).chain(shape[axis..].iter().copied()).collect())
    }

    /// The value of one number for each channel, shaped to broadcast against `x` `[n, c, ..]`: `[c, 1, .., 1]`.
    ///
    /// # Panics
    /// When `x` has another number of channels.
    #[track_caller]
    pub fn per_channel(self, x: Var<'t>) -> Var<'t> {
        expect(self.try_per_channel(x))
    }

    /// [`per_channel`](Var::per_channel) with an error in place of a panic.
    ///
    /// # Errors
    /// [`Error::Shape`] when `x` has another number of channels.
    #[track_caller]
    pub fn try_per_channel(self, x: Var<'t>) -> Result<Var<'t>> {
        let (shape, channels) = (x.shape(), self.numel());
        if shape.rank() < 2 || shape[1] != channels {
            let error =
                Error::shape("per_channel", &[&self.shape(), &shape], "one number for each channel (axis 1) is needed");
            return Err(self.tape().locate(error));
        }
        self.try_reshape(&std::iter::once(channels).chain(shape[2..].iter().map(|_| 1)).collect())
    }
}
