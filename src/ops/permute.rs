//! Axes in a different order: axis i of z is axis p(i) of x.
//!
//! The gradient is permuted back: axis p(i) of dx is axis i of dz. A transposition is the permutation that swaps two
//! axes.

use smallvec::SmallVec;

use super::{
    formula::Formula,
    op::{Grads, Mixes, Op, Vjp},
    sample::{Sample, Sampled},
    twins::twin,
};
use crate::{
    error::Result,
    kernels::movement,
    tape::{Saved, Var},
    tensor::{Shape, Tensor, build},
};

/// The axes in a different order.
pub(super) struct Permute(SmallVec<[usize; 4]>);

impl Op for Permute {
    fn name(&self) -> &str {
        "permute"
    }

    fn attributes(&self) -> String {
        format!("axes {:?}", &self.0[..])
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"\operatorname{permute}(x)", [r"\operatorname{permute}^{-1}(\bar z)"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(self.0.iter().map(|&axis| x[0][axis]).collect())
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        Ok(build!(x[0].dtype(), shape, |T, out| movement::permute(x[0].data::<T>(), x[0].shape(), &self.0, out)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let mut inverse = SmallVec::from_elem(0, self.0.len());
        for (to, &from) in self.0.iter().enumerate() {
            inverse[from] = to;
        }
        Ok(Grads::from_iter([Some(at.tape().builtin(Permute(inverse), &[at.dz])?)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Sampled for Permute {
    fn samples() -> Vec<Sample> {
        vec![
            Sample::unary("permute", [2, 3, 4], |x| x.permute(&[2, 0, 1])),
            Sample::unary("transpose", [2, 3, 4], |x| x.transpose(-1, 0)),
        ]
    }
}

impl<'t> Var<'t> {
    twin!(
        /// The axes in a different order: axis i of the result is axis `axes[i]` of this value.
        #[or_panic(permute)]
        /// [`Error::Axis`](crate::Error::Axis) or [`Error::Shape`](crate::Error::Shape) when `axes` is not a
        /// permutation of all axes.
        pub fn try_permute(self, axes: &[isize]) -> Result<Var<'t>> {
            let shape = self.shape();
            let order =
                axes.iter().map(|&axis| self.axis("permute", axis)).collect::<Result<SmallVec<[usize; 4]>>>()?;
            if order.iter().copied().eq(0..shape.rank()) {
                return Ok(self);
            }
            let mut sorted = order.clone();
            sorted.sort_unstable();
            if !sorted.iter().copied().eq(0..shape.rank()) {
                let need = format!("each axis must be named once, not {axes:?}");
                return Err(self.shape_error("permute", &[&shape], need));
            }
            self.tape().builtin(Permute(order), &[self])
        }
    );

    twin!(
        /// Two axes swapped.
        #[or_panic(transpose)]
        /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist.
        pub fn try_transpose(self, a: isize, b: isize) -> Result<Var<'t>> {
            let (a, b) = (self.axis("transpose", a)?, self.axis("transpose", b)?);
            let mut axes: Vec<isize> = (0..self.rank() as isize).collect();
            axes.swap(a, b);
            self.try_permute(&axes)
        }
    );
}
