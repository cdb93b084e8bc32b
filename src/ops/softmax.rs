//! Softmax and its logarithm along an axis: p = eˣ / Σ eˣ, and z = ln Σ eˣ along axes.
//!
//! The largest x is subtracted first, so nothing overflows. For p: dx = p (dp − Σ dp p); for ln p: dx = dz − p Σ dz;
//! for ln Σ eˣ: dx = p dz, with p = e^{x − z}.

use std::ops::Range;

use super::{
    formula::Formula,
    op::{Grads, Mixes, Op, Vjp},
    reduce::resolve,
    sample::{Sample, Sampled},
    twins::{reduction, twin},
};
use crate::{
    error::Result,
    kernels::softmax::Lines,
    tape::{Saved, Var},
    tensor::{Shape, Tensor, build},
};

/// The lines along `axes`.
fn lines(shape: &Shape, axes: Range<usize>) -> Lines {
    let size = |axes: &[usize]| axes.iter().product();
    Lines { outer: size(&shape[..axes.start]), k: size(&shape[axes.clone()]), inner: size(&shape[axes.end..]) }
}

/// eˣ / Σ eˣ along an axis, or its logarithm.
pub(super) struct Softmax {
    axis: usize,
    log: bool,
}

impl Op for Softmax {
    fn name(&self) -> &str {
        if self.log { "log_softmax" } else { "softmax" }
    }

    fn attributes(&self) -> String {
        format!("axis {}", self.axis)
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(match self.log {
            false => {
                Formula::new(r"\frac{e^{x}}{\sum e^{x}}", [r"z \odot \left(\bar z - \sum (\bar z \odot z)\right)"])
            }
            true => Formula::new(r"x - \ln(\sum e^{x})", [r"\bar z - e^{z} \odot \sum \bar z"]),
        })
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(x[0].clone())
    }

    /// Maximum, difference, exponential, sum, and quotient or difference.
    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        Some(5 * x[0].numel() as u64)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let lines = lines(&shape, self.axis..self.axis + 1);
        Ok(build!(x[0].dtype(), shape, |T, out| match self.log {
            true => lines.log_softmax(x[0].data::<T>(), out),
            false => lines.softmax(x[0].data::<T>(), out),
        }))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (z, dz) = (at.z, at.dz);
        let along = if self.log { dz } else { dz * z }.try_sum_axes(&[self.axis as isize], true)?;
        let dx = if self.log { dz - z.exp() * along } else { z * (dz - along) };
        Ok(Grads::from_iter([Some(dx)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Along(vec![self.axis])
    }
}

impl Sampled for Softmax {
    fn samples() -> Vec<Sample> {
        vec![
            Sample::unary("softmax", [3, 4], |x| x.softmax(1)),
            Sample::unary("softmax of axis 1 of 3", [2, 3, 2], |x| x.softmax(1)),
            Sample::unary("log_softmax", [3, 4], |x| x.log_softmax(-1)),
            Sample::unary("log_softmax of axis 0", [3, 4], |x| x.log_softmax(0)),
        ]
    }
}

/// ln Σ eˣ along adjacent axes, which keep size 1.
pub(super) struct LogSumExp(Range<usize>);

impl Op for LogSumExp {
    fn name(&self) -> &str {
        "logsumexp"
    }

    fn attributes(&self) -> String {
        format!("axes {:?}", self.0)
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"\ln(\sum e^{x})", [r"e^{x - z} \odot \bar z"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(x[0].iter().enumerate().map(|(i, &n)| if self.0.contains(&i) { 1 } else { n }).collect())
    }

    /// Maximum, difference, exponential, sum.
    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        Some(4 * x[0].numel() as u64)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let lines = lines(x[0].shape(), self.0.clone());
        Ok(build!(x[0].dtype(), shape, |T, out| lines.logsumexp(x[0].data::<T>(), out)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        // The softmax, whose digits do not depend on where x lies: x − z is rounded as coarsely as z.
        let (x, shape) = (share_infinity(at.x[0], at.z), at.x[0].shape());
        let (before, after) = (&shape[..self.0.start], &shape[self.0.end..]);
        let along = shape[self.0.clone()].iter().product();
        let line: Shape = before.iter().chain([&along]).chain(after).copied().collect();
        let softmax = x.try_reshape(line)?.try_softmax(self.0.start as isize)?.try_reshape(&shape)?;
        Ok(Grads::from_iter([Some(at.dz * softmax)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Along(self.0.clone().collect())
    }
}

/// For the lines of x whose log-sum-exp z is ∞, numbers with the softmax that is its slope there: the entries of ∞ share it.
fn share_infinity<'t>(x: Var<'t>, z: Var<'t>) -> Var<'t> {
    let sums = z.value();
    if !crate::dispatch!(sums.dtype(), T => sums.data::<T>().contains(&T::INFINITY)) {
        return x;
    }
    z.eq(f64::INFINITY).select(x.eq(f64::INFINITY).select(0.0, f64::NEG_INFINITY), x)
}

impl Sampled for LogSumExp {
    fn samples() -> Vec<Sample> {
        vec![
            Sample::unary("logsumexp of axis 1", [3, 4, 2], |x| x.logsumexp_axes(&[1], false)),
            Sample::unary("logsumexp of axes 1 and 2, kept", [2, 2, 3], |x| x.logsumexp_axes(&[1, -1], true)),
            Sample::unary("logsumexp of axes 0 and 2", [2, 3, 2], |x| x.logsumexp_axes(&[0, 2], false)),
            Sample::unary("logsumexp of all axes", [2, 3], |x| x.logsumexp()),
        ]
    }
}

impl<'t> Var<'t> {
    reduction!(
        /// ln Σ eˣ, without overflow.
        #[over_all(logsumexp)]
        #[or_panic(logsumexp_axes)]
        /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist.
        pub fn try_logsumexp_axes(self, axes, keepdim) -> Result<Var<'t>> {
            let shape = self.shape();
            let axes = resolve("logsumexp", self, axes)?;
            let first = axes.first().copied().unwrap_or(0);
            let side_by_side = axes.iter().copied().eq(first..first + axes.len());
            let (x, range) = match side_by_side {
                true => (self, first..first + axes.len()),
                false => {
                    let rest = (0..shape.rank()).filter(|axis| !axes.contains(axis));
                    let order: Vec<isize> = rest.chain(axes.iter().copied()).map(|axis| axis as isize).collect();
                    (self.try_permute(&order)?, shape.rank() - axes.len()..shape.rank())
                }
            };
            self.tape().builtin(LogSumExp(range), &[x])?.try_reshape(shape.reduced(&axes, keepdim))
        }
    );

    twin!(
        /// eˣ / Σ eˣ along `axis`.
        #[or_panic(softmax)]
        /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist.
        pub fn try_softmax(self, axis: isize) -> Result<Var<'t>> {
            let axis = self.axis("softmax", axis)?;
            self.tape().builtin(Softmax { axis, log: false }, &[self])
        }
    );

    twin!(
        /// ln(eˣ / Σ eˣ) along `axis`, without overflow.
        #[or_panic(log_softmax)]
        /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist.
        pub fn try_log_softmax(self, axis: isize) -> Result<Var<'t>> {
            let axis = self.axis("log_softmax", axis)?;
            self.tape().builtin(Softmax { axis, log: true }, &[self])
        }
    );
}
