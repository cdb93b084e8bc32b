//! Losses: what training makes small.
//!
//! The cross-entropy of logits x `[n, k]` and labels t is the mean over the observations of ln Σⱼ e^{xⱼ} − x_t. Its
//! gradient is (softmax(x) − onehot(t)) / n: the probabilities that the network gave, less those that it should have.
//! One kernel computes it when numbers are wanted; when it is recorded, the same formula is written in tape algebra.

use std::sync::Arc;

use super::{
    op::{Grads, Op, Vjp},
    sample::{Sample, Sampled, numbers},
    twins::twin,
};
use crate::{
    error::{Error, Result},
    kernels::{
        Real,
        elementwise::mean_square,
        softmax::{cross_entropy, cross_entropy_grad},
    },
    tape::{Memo, Var},
    tensor::{Shape, Tensor},
};

/// The mean cross-entropy of logits and labels.
pub(super) struct CrossEntropy {
    labels: Arc<[usize]>,
}

impl Op for CrossEntropy {
    fn name(&self) -> &str {
        "cross_entropy"
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        check_labels("cross_entropy", x[0], &self.labels).map(|()| Shape::scalar())
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Memo>) -> Result<Tensor> {
        let n = self.labels.len();
        Ok(crate::dispatch!(x[0].dtype(), T => Tensor::build::<T>(shape, |out| {
            let mut losses = vec![0.0 as T; n];
            cross_entropy(x[0].data::<T>(), &self.labels, &mut losses);
            // The mean in double precision: the sum of a batch loses nothing.
            out[0] = (losses.iter().map(|loss| loss.to_f64()).sum::<f64>() / n as f64) as T;
        })))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let x = at.x[0];
        let (shape, n) = (x.shape(), self.labels.len());
        if !at.recorded {
            let (x, scale) = (x.value(), at.dy.item() / n as f64);
            let dx = crate::dispatch!(x.dtype(), T => Tensor::build::<T>(shape, |dx| {
                cross_entropy_grad(x.data::<T>(), &self.labels, scale as T, dx);
            }));
            return Ok(Grads::from_iter([Some(at.tape().constant(dx))]));
        }
        let wanted = Tensor::from_fn(shape.clone(), x.dtype(), |i| {
            if self.labels[i / shape[1]] == i % shape[1] { 1.0 } else { 0.0 }
        });
        let excess = x.try_softmax(1)? - at.tape().constant(wanted);
        Ok(Grads::from_iter([Some(excess * (at.dy / n as f64))]))
    }
}

impl Sampled for CrossEntropy {
    fn samples() -> Vec<Sample> {
        vec![Sample::unary("cross_entropy", [4, 3], |x| x.cross_entropy(&[2, 0, 1, 1]))]
    }
}

/// Checks that scores of shape `x` have a row for each label, and a column for each value of a label.
pub(super) fn check_labels(op: &str, x: &Shape, labels: &[usize]) -> Result<()> {
    let n = labels.len();
    let &[rows, classes] = x.dims() else {
        return Err(Error::shape(op, &[x], "one score for each class, [n, classes], is needed"));
    };
    if n == 0 {
        return Err(Error::Empty {
            what: "the batch of labels".into(),
            need: "a mean loss needs at least one observation",
        });
    }
    if rows != n {
        return Err(Error::shape(op, &[x], format!("[n, classes] needs one row for each of the {n} labels")));
    }
    match labels.iter().position(|&label| label >= classes) {
        None => Ok(()),
        Some(index) => Err(Error::Label { op: op.to_owned(), label: labels[index], index, classes }),
    }
}

/// The mean of (a − b)².
pub(super) struct MseLoss;

impl Op for MseLoss {
    fn name(&self) -> &str {
        "mse_loss"
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        if x[0] != x[1] {
            return Err(Error::shape("mse_loss", x, "the prediction and the target must have the same shape"));
        }
        if x[0].numel() == 0 {
            return Err(Error::Empty { what: "the batch".into(), need: "a mean loss needs at least one number" });
        }
        Ok(Shape::scalar())
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Memo>) -> Result<Tensor> {
        Ok(crate::dispatch!(x[0].dtype(), T => Tensor::build::<T>(shape, |out| {
            out[0] = mean_square(x[0].data::<T>(), x[1].data::<T>());
        })))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (a, b) = (at.x[0], at.x[1]);
        let da = (a - b) * (at.dy * (2.0 / a.numel() as f64));
        Ok(Grads::from_iter([Some(da), at.by(1, || Ok(-da))?]))
    }
}

impl Sampled for MseLoss {
    fn samples() -> Vec<Sample> {
        let pair = vec![numbers([3, 2], -1.0, 1.0, 1), numbers([3, 2], -1.0, 1.0, 2)];
        vec![Sample::new("mse_loss", pair, |x| x[0].mse_loss(x[1]))]
    }
}

/// The losses that are built from other operations.
pub(super) fn samples() -> Vec<Sample> {
    let pair = || vec![numbers([3, 2], -1.0, 1.0, 1), numbers([3, 2], -1.0, 1.0, 2)];
    vec![
        Sample::new("l1_loss", pair(), |x| x[0].l1_loss(x[1])),
        Sample::new("smooth_l1_loss", pair(), |x| x[0].smooth_l1_loss(x[1], 0.5)),
        Sample::unary("bce_with_logits", [3, 2], |x| {
            let target = x.tape().constant(numbers([3, 2], 0.0, 1.0, 2));
            x.bce_with_logits(target)
        }),
        Sample::unary("nll_loss", [3, 4], |x| x.log_softmax(1).nll_loss(&[3, 0, 1])),
        Sample::unary("cross_entropy, smoothed", [3, 4], |x| x.cross_entropy_smoothed(&[3, 0, 1], 0.1)),
    ]
}

impl<'t> Var<'t> {
    twin!(
        /// The mean cross-entropy of these logits `[n, classes]` and the labels of the n observations.
        #[or_panic(cross_entropy)]
        /// [`Error::Shape`] when the shapes do not fit, [`Error::Empty`] for an empty batch, [`Error::Label`] for a
        /// label out of range.
        pub fn try_cross_entropy(self, labels: &[usize]) -> Result<Var<'t>> {
            self.tape().builtin(CrossEntropy { labels: labels.into() }, &[self])
        }
    );

    twin!(
        /// The cross-entropy with label smoothing: the wanted probability of the label is 1 − `smoothing`, and
        /// `smoothing` is shared equally by all classes (Szegedy et al., arXiv 1512.00567).
        #[or_panic(cross_entropy_smoothed)]
        /// [`Error::Shape`] when the shapes do not fit, [`Error::Empty`] for an empty batch, [`Error::Label`] for a
        /// label out of range, [`Error::Setting`] unless 0 ≤ `smoothing` ≤ 1.
        pub fn try_cross_entropy_smoothed(self, labels: &[usize], smoothing: f64) -> Result<Var<'t>> {
            if !(0.0..=1.0).contains(&smoothing) {
                let must = "at least 0 and at most 1";
                return Err(Error::setting("cross_entropy_smoothed", "smoothing", smoothing, must));
            }
            check_labels("cross_entropy_smoothed", &self.shape(), labels).map_err(|error| self.tape().locate(error))?;
            let hard = self.try_cross_entropy(labels)?;
            let spread = -self.try_log_softmax(1)?.mean();
            Ok(hard * (1.0 - smoothing) + spread * smoothing)
        }
    );

    twin!(
        /// The mean of −x_t: the cross-entropy, when these are logarithms of probabilities `[n, classes]`.
        #[or_panic(nll_loss)]
        /// [`Error::Shape`] when the shapes do not fit, [`Error::Empty`] for an empty batch, [`Error::Label`] for a
        /// label out of range.
        pub fn try_nll_loss(self, labels: &[usize]) -> Result<Var<'t>> {
            check_labels("nll_loss", &self.shape(), labels).map_err(|error| self.tape().locate(error))?;
            Ok(-self.try_gather(1, labels, [labels.len(), 1])?.mean())
        }
    );

    twin!(
        /// The mean of (x − target)², for a target of the same shape.
        #[or_panic(mse_loss)]
        /// [`Error::Shape`] when the shapes differ, [`Error::Empty`] when they are empty.
        pub fn try_mse_loss(self, target: Var<'t>) -> Result<Var<'t>> {
            self.tape().builtin(MseLoss, &[self, target])
        }
    );

    twin!(
        /// The mean of |x − target|.
        #[or_panic(l1_loss)]
        /// [`Error::Shape`] when the shapes do not broadcast.
        pub fn try_l1_loss(self, target: Var<'t>) -> Result<Var<'t>> {
            Ok(self.difference("l1_loss", target)?.abs().mean())
        }
    );

    twin!(
        /// The mean of ½ d²/β where |d| < β, else |d| − ½ β, with d = x − target (Girshick, arXiv 1504.08083).
        #[or_panic(smooth_l1_loss)]
        /// [`Error::Shape`] when the shapes do not broadcast, [`Error::Setting`] when `beta` is not positive and
        /// finite.
        pub fn try_smooth_l1_loss(self, target: Var<'t>, beta: f64) -> Result<Var<'t>> {
            if !(beta.is_finite() && beta > 0.0) {
                return Err(Error::setting("smooth_l1_loss", "beta", beta, "positive and finite"));
            }
            let distance = self.difference("smooth_l1_loss", target)?;
            let size = distance.abs();
            let near = size.lt(beta);
            Ok(near.select(distance.square() * (0.5 / beta), size - 0.5 * beta).mean())
        }
    );

    twin!(
        /// The mean of the binary cross-entropy of logits x and targets t in \[0, 1\]: max(x, 0) − x t + ln(1 +
        /// e^{−|x|}).
        #[or_panic(bce_with_logits)]
        /// [`Error::Shape`] when the shapes do not broadcast.
        pub fn try_bce_with_logits(self, target: Var<'t>) -> Result<Var<'t>> {
            self.must_broadcast("bce_with_logits", target)?;
            Ok((self.softplus() - self * target).mean())
        }
    );

    /// `self` − `target`, for the loss `op`.
    #[track_caller]
    fn difference(self, op: &str, target: Var<'t>) -> Result<Var<'t>> {
        self.must_broadcast(op, target)?;
        self.try_sub(target)
    }

    /// The error of a loss whose two shapes do not broadcast.
    fn must_broadcast(self, op: &str, target: Var<'t>) -> Result<()> {
        let (shape, wanted) = (self.shape(), target.shape());
        match shape.broadcast(&wanted) {
            Some(_) => Ok(()),
            None => {
                let need = "aligned at the last axis, the sizes of prediction and target must be equal or 1";
                Err(self.tape().locate(Error::shape(op, &[&shape, &wanted], need)))
            }
        }
    }
}
