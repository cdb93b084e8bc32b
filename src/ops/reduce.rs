//! Reductions: sums, means and extremes along axes.
//!
//! For z = Σ x over some axes, dx is dz broadcast back along them. A mean is the sum divided by the count.

use smallvec::SmallVec;

use super::{
    elementwise::IDENTITY,
    formula::Formula,
    op::{Grads, Mixes, Op, Vjp},
    sample::{Sample, Sampled},
    twins::{reduction, twin},
};
use crate::{
    error::{Error, Result},
    kernels::elementwise::Total,
    tape::{Saved, Var},
    tensor::{Shape, Tensor},
};

/// Axes in ascending order, each once.
pub(crate) type Axes = SmallVec<[usize; 4]>;

/// The total along `axes`, which keep size 1 or are dropped.
pub(crate) struct Reduce {
    total: Total,
    axes: Axes,
    keepdim: bool,
    /// So many axes, all from the front, are dropped in any case.
    leading: usize,
}

impl Reduce {
    /// The sum over the axes along which `shape` is broadcast to `from`, if there are any.
    pub fn sum_to(from: &Shape, shape: &Shape) -> Option<Reduce> {
        let leading = from.rank() - shape.rank();
        let widened = |i| shape.size_from_front(i, from.rank());
        let axes = (0..from.rank()).filter(|&i| widened(i) == 1 && from[i] != 1).collect::<Axes>();
        (!axes.is_empty()).then_some(Reduce { total: Total::Sum, axes, keepdim: true, leading })
    }
}

impl Op for Reduce {
    fn name(&self) -> &str {
        match self.total {
            Total::Sum => "sum",
            Total::Max => "amax",
            Total::Min => "amin",
        }
    }

    fn attributes(&self) -> String {
        format!("axes {:?}{}", &self.axes[..], if self.keepdim { " keepdim" } else { "" })
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        let axes = self.axes.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        Some(match self.total {
            Total::Sum => Formula::new(format!(r"\sum_{{{axes}}} x"), [r"\operatorname{broadcast}(\bar z)"]),
            Total::Max => Formula::new(format!(r"\max_{{{axes}}} x"), [r"\frac{[x = z]}{\sum [x = z]} \odot \bar z"]),
            Total::Min => Formula::new(format!(r"\min_{{{axes}}} x"), [r"\frac{[x = z]}{\sum [x = z]} \odot \bar z"]),
        })
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        if self.total != Total::Sum && self.axes.iter().any(|&axis| x[0][axis] == 0) {
            return Err(Error::shape(self.name(), x, "an extreme needs at least one number along every reduced axis"));
        }
        Ok(Shape::from(&x[0].reduced(&self.axes, self.keepdim)[self.leading..]))
    }

    fn flops(&self, x: &[&Shape], z: &Shape) -> Option<u64> {
        Some(x[0].numel().saturating_sub(z.numel()) as u64)
    }

    fn forward(&self, _: &[&Tensor], _: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        unreachable!("the engine computes reductions by `folds`")
    }

    fn folds(&self, x: &Shape) -> Option<(Total, Shape)> {
        Some((self.total, x.reduced(&self.axes, true)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (x, shape) = (at.x[0], at.x[0].shape());
        let kept = shape.reduced(&self.axes, true);
        let dz = at.dz.try_reshape(&kept)?;
        let dx = match self.total {
            Total::Sum => dz.try_broadcast_to(&shape)?,
            // Equal extremes share the gradient equally.
            Total::Max | Total::Min => {
                let chosen = x.eq(at.z.try_reshape(&kept)?);
                let count = chosen.sum_to(&kept);
                chosen * (dz / count)
            }
        };
        Ok(Grads::from_iter([Some(dx)]))
    }

    fn mixes(&self) -> Mixes {
        match self.total {
            Total::Sum => Mixes::Nothing,
            Total::Max | Total::Min => Mixes::Along(self.axes.to_vec()),
        }
    }
}

impl Sampled for Reduce {
    fn samples() -> Vec<Sample> {
        vec![
            Sample::unary("sum", [2, 3, 4], |x| x.sum()),
            Sample::unary("sum of axes 0 and 2", [2, 3, 4], |x| x.sum_axes(&[0, -1], false)),
            Sample::unary("sum of axis 1, kept", [2, 3, 4], |x| x.sum_axes(&[1], true)),
            Sample::unary("mean of axis -1", [2, 3, 4], |x| x.mean_axes(&[-1], false)),
            Sample::unary("amax of axis 1", [2, 5, 3], |x| x.amax_axes(&[1], false)),
            Sample::unary("amin of axes 0 and 1, kept", [2, 5, 3], |x| x.amin_axes(&[0, 1], true)),
        ]
    }
}

/// Resolves axes that may count from the end; an empty list means all of them.
pub(crate) fn resolve(op: &str, x: Var<'_>, axes: &[isize]) -> Result<Axes> {
    if axes.is_empty() {
        return Ok((0..x.rank()).collect());
    }
    let mut resolved = axes.iter().map(|&axis| x.axis(op, axis)).collect::<Result<Axes>>()?;
    resolved.sort_unstable();
    if resolved.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(x.shape_error(op, &[&x.shape()], format!("no axis may be named twice, as in {axes:?}")));
    }
    Ok(resolved)
}

impl<'t> Var<'t> {
    #[track_caller]
    fn reduce(self, total: Total, op: &str, axes: &[isize], keepdim: bool) -> Result<Var<'t>> {
        let axes = resolve(op, self, axes)?;
        self.tape().builtin(Reduce { total, axes, keepdim, leading: 0 }, &[self])
    }

    twin!(
        /// The sum of everything that was broadcast from `shape`, in that shape. It turns the gradient of a broadcast
        /// value into the gradient of the original.
        #[or_panic(sum_to)]
        /// [`Error::Shape`] when `shape` does not broadcast to this value's shape.
        pub fn try_sum_to(self, shape: &Shape) -> Result<Var<'t>> {
            let from = self.shape();
            if from == *shape {
                return Ok(self);
            }
            if shape.broadcast(&from).as_ref() != Some(&from) {
                let need = "the target must broadcast to the value's shape";
                return Err(self.shape_error("sum_to", &[&from, shape], need));
            }
            match Reduce::sum_to(&from, shape) {
                Some(sum) => self.tape().builtin(sum, &[self]),
                None => self.try_reshape(shape),
            }
        }
    );

    twin!(
        /// This value broadcast to `shape`, with the axes aligned at the last.
        #[or_panic(broadcast_to)]
        /// [`Error::Shape`] when it does not broadcast to `shape`.
        pub fn try_broadcast_to(self, shape: impl Into<Shape>) -> Result<Var<'t>> {
            let (from, shape) = (self.shape(), shape.into());
            if from == shape {
                return Ok(self);
            }
            shape.countable("broadcast_to", &[&from]).map_err(|error| self.tape().locate(error))?;
            if from.broadcast(&shape).as_ref() != Some(&shape) {
                let need = "aligned at the last axis, each size must be 1 or the target's";
                return Err(self.shape_error("broadcast_to", &[&from, &shape], need));
            }
            self.tape().elementwise(&IDENTITY, 0.0, &[self], Some(shape))
        }
    );

    reduction!(
        /// The sum Σ x.
        #[over_all(sum)]
        #[or_panic(sum_axes)]
        /// [`Error::Axis`] for an axis that does not exist, [`Error::Shape`] for one named twice.
        pub fn try_sum_axes(self, axes, keepdim) -> Result<Var<'t>> {
            self.reduce(Total::Sum, "sum", axes, keepdim)
        }
    );

    reduction!(
        /// The mean Σ x / n of n numbers.
        #[over_all(mean)]
        #[or_panic(mean_axes)]
        /// [`Error::Axis`] for an axis that does not exist, [`Error::Shape`] for one named twice or when there is nothing to
        /// average.
        pub fn try_mean_axes(self, axes, keepdim) -> Result<Var<'t>> {
            let shape = self.shape();
            let count: usize = resolve("mean", self, axes)?.iter().map(|&axis| shape[axis]).product();
            if count == 0 {
                let need = "a mean needs at least one number along every reduced axis";
                return Err(self.shape_error("mean", &[&shape], need));
            }
            Ok(self.reduce(Total::Sum, "mean", axes, keepdim)? * (1.0 / count as f64))
        }
    );

    reduction!(
        /// The maximum; ties share the gradient equally.
        #[over_all(amax)]
        #[or_panic(amax_axes)]
        /// [`Error::Axis`] for an axis that does not exist, [`Error::Shape`] for one named twice or the maximum of
        /// nothing.
        pub fn try_amax_axes(self, axes, keepdim) -> Result<Var<'t>> {
            self.reduce(Total::Max, "amax", axes, keepdim)
        }
    );

    reduction!(
        /// The minimum; ties share the gradient equally.
        #[over_all(amin)]
        #[or_panic(amin_axes)]
        /// [`Error::Axis`] for an axis that does not exist, [`Error::Shape`] for one named twice or the minimum of
        /// nothing.
        pub fn try_amin_axes(self, axes, keepdim) -> Result<Var<'t>> {
            self.reduce(Total::Min, "amin", axes, keepdim)
        }
    );
}
