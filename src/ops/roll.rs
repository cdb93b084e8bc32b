//! Entries shifted along an axis, around its ends. The gradient is dz, rolled back.

use super::{
    along::around,
    formula::Formula,
    op::{Grads, Mixes, Op, Vjp},
    sample::{Sample, Sampled},
    twins::twin,
};
use crate::{
    error::Result,
    kernels::join,
    tape::{Saved, Var},
    tensor::{Shape, Tensor, build},
};

/// Entry i goes to (i + shift) mod the size of the axis, which is more than the shift.
pub(super) struct Roll {
    axis: usize,
    shift: usize,
}

impl Op for Roll {
    fn name(&self) -> &str {
        "roll"
    }

    fn attributes(&self) -> String {
        format!("axis {} by {}", self.axis, self.shift)
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        let roll = |by: &str, x: &str| format!(r"\operatorname{{roll}}_{{{by}}}({x})");
        let s = self.shift.to_string();
        Some(Formula::new(roll(&s, "x"), [roll(&format!("-{s}"), r"\bar z")]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(x[0].clone())
    }

    fn flops(&self, _: &[&Shape], _: &Shape) -> Option<u64> {
        Some(0)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let [_, len, inner] = around(&shape, self.axis);
        Ok(build!(x[0].dtype(), shape, |T, out| join::roll(x[0].data::<T>(), [len, inner], self.shift, out)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let back = Roll { axis: self.axis, shift: at.x[0].shape()[self.axis] - self.shift };
        Ok(Grads::from_iter([Some(at.tape().builtin(back, &[at.dz])?)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Sampled for Roll {
    fn samples() -> Vec<Sample> {
        vec![Sample::unary("roll", [2, 5], |x| x.roll(-2, 1)), Sample::unary("roll rows", [3, 2], |x| x.roll(4, 0))]
    }
}

impl<'t> Var<'t> {
    twin!(
        /// The entries shifted along `axis`, and what leaves at one end comes in at the other: entry i goes to i + `shift`.
        #[or_panic(roll)]
        /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist.
        pub fn try_roll(self, shift: isize, axis: isize) -> Result<Var<'t>> {
            let axis = self.axis("roll", axis)?;
            match shift.checked_rem_euclid(self.shape()[axis] as isize) {
                None | Some(0) => Ok(self),
                Some(shift) => self.tape().builtin(Roll { axis, shift: shift as usize }, &[self]),
            }
        }
    );
}
