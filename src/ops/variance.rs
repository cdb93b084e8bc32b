//! The variance along axes: z = Σ (x − mean)² / (n − correction) of n numbers, with dx = 2 (x − mean) dz / (n − correction).
//!
//! A kernel computes mean and squares in one pass over memory, and takes out of the squares what the rounding of the mean
//! adds to them. The mean depends on x too, but the sum of the distances is 0, so nothing comes back through it.

use super::{
    formula::Formula,
    op::{Grads, Mixes, Op, Vjp},
    reduce::{Axes, resolve},
    sample::{Sample, Sampled},
    twins::reduction,
};
use crate::{
    error::Result,
    kernels::norm::moments,
    tape::{Saved, Var},
    tensor::{Shape, Tensor},
};

/// The variance along `axes`.
pub(super) struct Variance {
    axes: Axes,
    correction: usize,
    keepdim: bool,
}

impl Variance {
    /// What the squares are divided by.
    fn divisor(&self, x: &Shape) -> f64 {
        count(x, &self.axes).saturating_sub(self.correction) as f64
    }
}

/// How many numbers lie along axes.
fn count(x: &Shape, axes: &[usize]) -> usize {
    axes.iter().map(|&axis| x[axis]).product()
}

/// The sizes `[outer, n, c, s]` of a shape of which n and s are reduced, if it has no more parts.
fn parts(x: &Shape, axes: &[usize]) -> Option<[usize; 4]> {
    let (mut sizes, mut part) = ([1; 4], 0);
    for (axis, &size) in x.iter().enumerate().filter(|&(_, &size)| size != 1) {
        part += usize::from(axes.contains(&axis) != (part % 2 == 1));
        *sizes.get_mut(part)? *= size;
    }
    Some(sizes)
}

impl Op for Variance {
    fn name(&self) -> &str {
        "var"
    }

    fn attributes(&self) -> String {
        let keepdim = if self.keepdim { " keepdim" } else { "" };
        format!("axes {:?} correction {}{keepdim}", &self.axes[..], self.correction)
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        let divisor = if self.correction == 0 { "n".to_owned() } else { format!("n - {}", self.correction) };
        let value = format!(r"\frac{{1}}{{{divisor}}} \odot \sum (x - \mu)^2");
        Some(Formula::new(value, [format!(r"\frac{{2}}{{{divisor}}} \odot (x - \mu) \odot \bar z")]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(x[0].reduced(&self.axes, self.keepdim))
    }

    /// The sum (1), the sum of squared distances (3).
    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        Some(4 * x[0].numel() as u64)
    }

    /// The means are saved as they are rounded, and what they lack.
    fn forward(&self, x: &[&Tensor], shape: Shape, saved: &mut Option<Saved>) -> Result<Tensor> {
        let x = x[0];
        let sizes = parts(x.shape(), &self.axes).expect("`try_var_axes` has put the axes side by side");
        Ok(crate::dispatch!(x.dtype(), T => {
            let mut mean = [(); 2].map(|()| Tensor::zeros(x.shape().reduced(&self.axes, true), x.dtype()));
            let z = Tensor::build::<T>(shape, |z| {
                let [center, shift] = mean.each_mut().map(|mean| mean.data_mut::<T>());
                moments(sizes, x.data::<T>(), self.divisor(x.shape()), [center, shift, z]);
            });
            *saved = Some(std::sync::Arc::new(mean));
            z
        }))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (x, shape) = (at.x[0], at.x[0].shape());
        let factor = at.dz.try_reshape(shape.reduced(&self.axes, true))? * (2.0 / self.divisor(&shape));
        let saved = at.saved().filter(|_| !at.recorded).and_then(|saved| saved.downcast::<[Tensor; 2]>().ok());
        if let Some(mean) = saved {
            let [center, shift] = mean.each_ref().map(|mean| at.tape().constant(mean.clone()));
            return Ok(Grads::from_iter([Some((x - center).scaled_plus(factor, -(shift * factor)))]));
        }
        let axes: Vec<isize> = self.axes.iter().map(|&axis| axis as isize).collect();
        let distance = x - x.try_mean_axes(&axes, true)?;
        // The mean is rounded as coarsely as x; that of the distances is what it lacks.
        let distance = distance - distance.try_mean_axes(&axes, true)?;
        Ok(Grads::from_iter([Some(distance * factor)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Along(self.axes.to_vec())
    }
}

impl Sampled for Variance {
    fn samples() -> Vec<Sample> {
        vec![
            Sample::unary("var of axis 0", [4, 3], |x| x.var_axes(&[0], 1, false)),
            Sample::unary("var of axis 1, kept", [2, 4, 3], |x| x.var_axes(&[1], 0, true)),
            Sample::unary("var of axes 0 and 2", [2, 3, 2], |x| x.var_axes(&[0, 2], 1, false)),
            Sample::unary("var of axes 0, 2 and 4", [2, 2, 2, 2, 2], |x| x.var_axes(&[0, 2, 4], 1, false)),
            Sample::unary("var of all axes", [2, 3], |x| x.var(2)),
        ]
    }
}

impl<'t> Var<'t> {
    reduction!(
        /// The variance: the sum of squared deviations from the mean, divided by the count minus `correction` (0 for the
        /// population variance, 1 for the sample variance).
        ///
        /// Where `correction` leaves nothing to divide by (one observation and `correction` 1, say), the sum is divided by
        /// 0, as in PyTorch: the variance and its gradient are NaN (0/0) or infinite, without any other warning.
        ///
        /// ```
        /// let tape = wengert::Tape::f64();
        /// let x = tape.leaf([1.0, 3.0]);
        /// assert_eq!((x.var(0).item(), x.var(1).item()), (1.0, 2.0));
        /// assert_eq!(x.var(2).item(), f64::INFINITY);
        /// assert!(tape.leaf([1.0]).var(1).item().is_nan());
        /// ```
        #[over_all(var)]
        #[or_panic(var_axes)]
        /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist, [`Error::Shape`](crate::Error::Shape) for one
        /// named twice or when there is nothing to average.
        pub fn try_var_axes(self, axes, [correction: usize], keepdim) -> Result<Var<'t>> {
            let shape = self.shape();
            let axes = resolve("var", self, axes)?;
            if count(&shape, &axes) == 0 {
                let need = "a mean needs at least one number along every reduced axis";
                return Err(self.shape_error("var", &[&shape], need));
            }
            if parts(&shape, &axes).is_some() {
                return self.tape().builtin(Variance { axes, correction, keepdim }, &[self]);
            }
            let kept = (0..shape.rank()).filter(|axis| !axes.contains(axis));
            let order: Vec<isize> = kept.chain(axes.iter().copied()).map(|axis| axis as isize).collect();
            let last = (shape.rank() - axes.len()..shape.rank()).collect();
            let variance = Variance { axes: last, correction, keepdim: false };
            self.tape().builtin(variance, &[self.try_permute(&order)?])?.try_reshape(shape.reduced(&axes, keepdim))
        }
    );
}
