//! Directions: z = x/‖x‖ along an axis, with dx = (z̄ − z Σ z̄ z)/‖x‖, which is perpendicular to x.
//!
//! One sweep forward and one backward, where the same in tape algebra takes two and three. When the gradient is recorded, the
//! rule is written in tape algebra.

use std::sync::Arc;

use super::{
    formula::Formula,
    op::{Grads, Mixes, Op, Vjp},
    sample::{Sample, Sampled, large},
    twins::twin,
};
use crate::{
    error::Result,
    kernels::softmax::Lines,
    tape::{Saved, Var},
    tensor::{Shape, Tensor, build},
};

/// x/‖x‖ along an axis.
pub(super) struct Direction {
    axis: usize,
}

impl Direction {
    fn lines(&self, x: &Shape) -> Lines {
        let size = |sizes: &[usize]| sizes.iter().product();
        Lines { outer: size(&x[..self.axis]), k: x[self.axis], inner: size(&x[self.axis + 1..]) }
    }
}

impl Op for Direction {
    fn name(&self) -> &str {
        "direction"
    }

    fn attributes(&self) -> String {
        format!("axis {}", self.axis)
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        let by_x = r"\frac{\bar z - z \odot \sum (\bar z \odot z)}{\sqrt{\sum x^{2}}}";
        Some(Formula::new(r"\frac{x}{\sqrt{\sum x^{2}}}", [by_x]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(x[0].clone())
    }

    /// Square, sum, quotient.
    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        Some(3 * x[0].numel() as u64)
    }

    /// The product with z and its sum (2), z times that, difference, quotient.
    fn rule_flops(&self, x: &[&Shape], _: &Shape, _: &[bool]) -> Option<u64> {
        Some(5 * x[0].numel() as u64)
    }

    /// 1/‖x‖ is kept, with 0 where there is no direction.
    fn forward(&self, x: &[&Tensor], shape: Shape, saved: &mut Option<Saved>) -> Result<Tensor> {
        let lines = self.lines(&shape);
        Ok(crate::dispatch!(x[0].dtype(), T => {
            let mut inverse = Tensor::zeros(shape.reduced(&[self.axis], true), x[0].dtype());
            let z = Tensor::build::<T>(shape, |z| lines.directions(x[0].data::<T>(), z, inverse.data_mut::<T>()));
            *saved = Some(Arc::new(inverse));
            z
        }))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (x, z, dz) = (at.x[0], at.z, at.dz);
        if at.recorded {
            let axes = [self.axis as isize];
            // The length by the direction, since squares may leave the range.
            let length = (x * z).try_sum_axes(&axes, true)?;
            let length = length.eq(0.0).select(f64::INFINITY, length);
            return Ok(Grads::from_iter([Some((dz - z * (dz * z).try_sum_axes(&axes, true)?) / length)]));
        }
        let inverse = at.saved().and_then(|saved| saved.downcast::<Tensor>().ok()).expect("1/‖x‖ is kept");
        let (z, dz, lines) = (z.value(), dz.value(), self.lines(&x.shape()));
        let dx = build!(z.dtype(), z.shape().clone(), |T, dx| {
            lines.directions_grad(z.data::<T>(), inverse.data::<T>(), dz.data::<T>(), dx);
        });
        Ok(Grads::from_iter([Some(at.tape().constant(dx))]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Along(vec![self.axis])
    }
}

impl Sampled for Direction {
    fn samples() -> Vec<Sample> {
        vec![
            Sample::unary("direction", [3, 4], |x| x.direction(1)),
            Sample::unary("direction along axis 1 of 3", [2, 3, 2], |x| x.direction(1)),
            Sample::unary("direction of large numbers", [3, 4], |x| (x * large(x)).direction(0)),
        ]
    }
}

impl<'t> Var<'t> {
    twin!(
        /// x/‖x‖ along `axis`: every line divided by its length. A line of length 0, or so short that 1/‖x‖ is infinite in the
        /// tape's precision, has no direction: it becomes 0, and so does its gradient.
        ///
        /// [`l2_normalize`](Var::l2_normalize) has the ε of PyTorch instead.
        ///
        /// ```
        /// use wengert::Tape;
        /// let tape = Tape::f64();
        /// let x = tape.leaf([[0.0, 4.0], [0.0, 0.0]]);
        /// let y = x.direction(1);
        /// assert_eq!(y.value().to_vec(), [0.0, 1.0, 0.0, 0.0]);
        /// // Along x the direction does not change, across it by 1/‖x‖.
        /// assert_eq!(y.sum().backward()?.wrt(x)?.to_vec(), [0.25, 0.0, 0.0, 0.0]);
        /// # Ok::<(), wengert::Error>(())
        /// ```
        #[or_panic(direction)]
        /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist.
        pub fn try_direction(self, axis: isize) -> Result<Var<'t>> {
            let axis = self.axis("direction", axis)?;
            self.tape().builtin(Direction { axis }, &[self])
        }
    );
}
