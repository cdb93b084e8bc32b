//! Softmax and its logarithm along an axis: p = eˣ / Σ eˣ.
//!
//! The largest x is subtracted first, so nothing overflows. dx = p (dp − Σ dp p), and for ln p: dx = dy − p Σ dy.

use super::{Grads, Op, Sample, Vjp, expect, table::Sampled};
use crate::{
    error::Result,
    kernels::softmax::Lines,
    tape::{Memo, Var},
    tensor::{Shape, Tensor},
};

fn lines(shape: &Shape, axis: usize) -> Lines {
    Lines { outer: shape[..axis].iter().product(), k: shape[axis], inner: shape[axis + 1..].iter().product() }
}

/// eˣ / Σ eˣ along an axis.
pub(super) struct Softmax(usize);

impl Op for Softmax {
    fn name(&self) -> &str {
        "softmax"
    }

    fn attributes(&self) -> String {
        format!("axis {}", self.0)
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(x[0].clone())
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Memo>) -> Result<Tensor> {
        let lines = lines(&shape, self.0);
        Ok(crate::dispatch!(x[0].dtype(), T => Tensor::build::<T>(shape, |out| lines.softmax(x[0].data::<T>(), out))))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (p, dp) = (at.y, at.dy);
        let along = (dp * p).try_sum_axes(&[self.0 as isize], true)?;
        Ok(Grads::from_iter([Some(p * (dp - along))]))
    }
}

impl Sampled for Softmax {
    fn samples() -> Vec<Sample> {
        vec![
            Sample::unary("softmax", [3, 4], |x| x.softmax(1)),
            Sample::unary("softmax of axis 1 of 3", [2, 3, 2], |x| x.softmax(1)),
        ]
    }
}

/// x − ln Σ eˣ along an axis.
pub(super) struct LogSoftmax(usize);

impl Op for LogSoftmax {
    fn name(&self) -> &str {
        "log_softmax"
    }

    fn attributes(&self) -> String {
        format!("axis {}", self.0)
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(x[0].clone())
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Memo>) -> Result<Tensor> {
        let lines = lines(&shape, self.0);
        Ok(crate::dispatch!(x[0].dtype(), T => Tensor::build::<T>(shape, |out| lines.log_softmax(x[0].data::<T>(), out))))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let along = at.dy.try_sum_axes(&[self.0 as isize], true)?;
        Ok(Grads::from_iter([Some(at.dy - at.y.exp() * along)]))
    }
}

impl Sampled for LogSoftmax {
    fn samples() -> Vec<Sample> {
        vec![
            Sample::unary("log_softmax", [3, 4], |x| x.log_softmax(-1)),
            Sample::unary("log_softmax of axis 0", [3, 4], |x| x.log_softmax(0)),
        ]
    }
}

impl<'t> Var<'t> {
    /// eˣ / Σ eˣ along `axis`.
    ///
    /// # Panics
    /// For an axis that does not exist.
    #[track_caller]
    pub fn softmax(self, axis: isize) -> Var<'t> {
        expect(self.try_softmax(axis))
    }

    /// [`softmax`](Var::softmax) with an error in place of a panic.
    ///
    /// # Errors
    /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist.
    #[track_caller]
    pub fn try_softmax(self, axis: isize) -> Result<Var<'t>> {
        let axis = self.axis("softmax", axis)?;
        self.tape().builtin(Softmax(axis), &[self])
    }

    /// ln(eˣ / Σ eˣ) along `axis`, without overflow.
    ///
    /// # Panics
    /// For an axis that does not exist.
    #[track_caller]
    pub fn log_softmax(self, axis: isize) -> Var<'t> {
        expect(self.try_log_softmax(axis))
    }

    /// [`log_softmax`](Var::log_softmax) with an error in place of a panic.
    ///
    /// # Errors
    /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist.
    #[track_caller]
    pub fn try_log_softmax(self, axis: isize) -> Result<Var<'t>> {
        let axis = self.axis("log_softmax", axis)?;
        self.tape().builtin(LogSoftmax(axis), &[self])
    }
}
