//! The same numbers, in the same order, in a different shape: they are shared, not copied.
//!
//! For z = reshape(x) the gradient dx is dz in the shape of x. Flattening, inserting an axis of size 1 and shaping
//! per-channel values to broadcast against images are reshapes too.

use super::{
    convolution::missing_axes,
    formula::Formula,
    op::{Grads, Mixes, Op, Vjp},
    sample::{Sample, Sampled},
    twins::twin,
};
use crate::{
    error::{Error, Result},
    tape::{Saved, Var},
    tensor::{Shape, Tensor},
};

/// The same numbers in a different shape.
pub(super) struct Reshape(Shape);

impl Op for Reshape {
    fn name(&self) -> &str {
        "reshape"
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"\operatorname{reshape}(x)", [r"\operatorname{reshape}(\bar z)"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        self.0.countable("reshape", x)?;
        if x[0].numel() != self.0.numel() {
            let need = format!("the sizes must have the same product ({} and {} differ)", x[0].numel(), self.0.numel());
            return Err(Error::shape("reshape", &[x[0], &self.0], need));
        }
        Ok(self.0.clone())
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        Ok(x[0].reshaped(shape))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        Ok(Grads::from_iter([at.by(0, || at.dz.try_reshape(at.x[0].shape()))?]))
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
    /// The position of a new `axis`, which may count from the end of the shape that it makes.
    #[track_caller]
    pub(super) fn new_axis(self, op: &str, axis: isize) -> Result<usize> {
        let rank = self.rank() as isize;
        let place = if axis < 0 { axis + rank + 1 } else { axis };
        if (0..=rank).contains(&place) { Ok(place as usize) } else { self.axis(op, axis) }
    }

    twin!(
        /// The same numbers in a different shape of equal size.
        #[or_panic(reshape)]
        /// [`Error::Shape`] when the sizes differ.
        pub fn try_reshape(self, shape: impl Into<Shape>) -> Result<Var<'t>> {
            let shape = shape.into();
            if self.shape() == shape {
                return Ok(self);
            }
            self.tape().builtin(Reshape(shape), &[self])
        }
    );

    twin!(
        /// Merges the axes from `from` on into one: `[n, c, h, w]` flattened from 1 is `[n, c·h·w]`.
        #[or_panic(flatten)]
        /// [`Error::Axis`] when there are fewer axes than `from`.
        pub fn try_flatten(self, from: usize) -> Result<Var<'t>> {
            let shape = self.shape();
            if from > shape.rank() {
                self.axis("flatten", from.try_into().unwrap_or(isize::MAX))?;
            }
            let rest = shape[from..].iter().product();
            self.try_reshape(shape[..from].iter().copied().chain([rest]).collect::<Shape>())
        }
    );

    twin!(
        /// Inserts an axis of size 1 at position `axis` of the result, which may count from the end: −1 makes it the
        /// last.
        #[or_panic(unsqueeze)]
        /// [`Error::Axis`] when the result has no such axis.
        pub fn try_unsqueeze(self, axis: isize) -> Result<Var<'t>> {
            let axis = self.new_axis("unsqueeze", axis)?;
            let shape = self.shape();
            let widened = shape[..axis].iter().chain(&[1]).chain(&shape[axis..]).copied();
            self.try_reshape(widened.collect::<Shape>())
        }
    );

    twin!(
        /// A value with one number per channel, shaped to broadcast against `x` `[n, c, ..]`: `[c, 1, .., 1]`.
        #[or_panic(per_channel)]
        /// [`Error::Shape`] when `x` has a different number of channels.
        pub fn try_per_channel(self, x: Var<'t>) -> Result<Var<'t>> {
            let (shape, channels) = (x.shape(), self.numel());
            if shape.rank() < 2 || shape[1] != channels {
                let need = "one number for each channel (axis 1) is needed";
                let error = Error::shape("per_channel", &[&self.shape(), &shape], need);
                return Err(self.tape().locate(error.help(missing_axes(matches!(shape.rank(), 1 | 3)))));
            }
            self.try_reshape(std::iter::once(channels).chain(shape[2..].iter().map(|_| 1)).collect::<Shape>())
        }
    );
}
