//! Running sums. The gradient of a forward running sum is the backward running sum of dz, and vice versa.

use super::{
    along::around,
    formula::Formula,
    op::{Grads, Mixes, Op, Vjp},
    sample::{Sample, Sampled},
    twins::twin,
};
use crate::{
    error::Result,
    kernels::scan,
    tape::{Saved, Var},
    tensor::{Shape, Tensor, build},
};

/// Running sums along an axis, from either end.
pub(super) struct Cumsum {
    axis: usize,
    reverse: bool,
}

impl Op for Cumsum {
    fn name(&self) -> &str {
        "cumsum"
    }

    fn attributes(&self) -> String {
        format!("axis {}{}", self.axis, if self.reverse { " reversed" } else { "" })
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        let (forth, back) = (r"\sum_{j \le i} ", r"\sum_{j \ge i} ");
        let (forth, back) = if self.reverse { (back, forth) } else { (forth, back) };
        Some(Formula::new(format!("{forth}x_j"), [format!(r"{back}\bar z_j")]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(x[0].clone())
    }

    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        Some(x[0].numel() as u64)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let sizes = around(&shape, self.axis);
        Ok(build!(x[0].dtype(), shape, |T, out| scan::cumsum(x[0].data::<T>(), sizes, self.reverse, out)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let back = Cumsum { axis: self.axis, reverse: !self.reverse };
        Ok(Grads::from_iter([Some(at.tape().builtin(back, &[at.dz])?)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Sampled for Cumsum {
    fn samples() -> Vec<Sample> {
        vec![Sample::unary("cumsum", [2, 4, 2], |x| x.cumsum(1))]
    }
}

impl<'t> Var<'t> {
    twin!(
        /// Running sums along an axis: entry i is the sum of the entries up to and including i.
        #[or_panic(cumsum)]
        /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist.
        pub fn try_cumsum(self, axis: isize) -> Result<Var<'t>> {
            let axis = self.axis("cumsum", axis)?;
            self.tape().builtin(Cumsum { axis, reverse: false }, &[self])
        }
    );
}
