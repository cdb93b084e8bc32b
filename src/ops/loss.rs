//! Losses, which training minimizes.
//!
//! The cross-entropy of logits x `[n, k]` and labels t is the mean over the observations of ln Σⱼ e^{xⱼ} − x_t. Its
//! gradient is (softmax(x) − onehot(t)) / n: the predicted probabilities minus the target ones. When only values are
//! wanted, one kernel computes it; when the gradient is recorded, the same formula is written in tape algebra.

use std::sync::Arc;

use super::{
    formula::Formula,
    labels::{check_labels, same_shape},
    op::{Grads, Op, Vjp},
    sample::{Sample, Sampled, numbers},
    twins::twin,
};
use crate::{
    error::{Error, Result},
    kernels::{
        Real,
        elementwise::{difference, mean_square},
        softmax::{cross_entropy, cross_entropy_grad},
    },
    tape::{Saved, Var},
    tensor::{Shape, Tensor, build},
};

/// The mean cross-entropy of logits and labels.
pub(super) struct CrossEntropy {
    labels: Arc<[usize]>,
}

impl Op for CrossEntropy {
    fn name(&self) -> &str {
        "cross_entropy"
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        let value = r"\frac{1}{n} \sum_{i} \left(\ln(\sum_{j} e^{x_{ij}}) - x_{i t_i}\right)";
        Some(Formula::new(value, [r"\frac{\bar z}{n} (\operatorname{softmax}(x) - \operatorname{onehot}(t))"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        check_labels("cross_entropy", x[0], &self.labels).map(|()| Shape::scalar())
    }

    /// Maximum, difference, exponential, sum.
    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        Some(4 * x[0].numel() as u64)
    }

    /// The softmax (5), times a number.
    fn rule_flops(&self, x: &[&Shape], _: &Shape, _: &[bool]) -> Option<u64> {
        Some(6 * x[0].numel() as u64)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let n = self.labels.len();
        Ok(build!(x[0].dtype(), shape, |T, out| {
            let mut losses = vec![0.0 as T; n];
            cross_entropy(x[0].data::<T>(), &self.labels, &mut losses);
            // The mean in double precision: the sum over a batch loses no digits.
            out[0] = (losses.iter().map(|loss| loss.to_f64()).sum::<f64>() / n as f64) as T;
        }))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let x = at.x[0];
        let (shape, n) = (x.shape(), self.labels.len());
        if !at.recorded {
            let (x, scale) = (x.value(), at.dz.item() / n as f64);
            let dx = build!(x.dtype(), shape, |T, dx| cross_entropy_grad(x.data::<T>(), &self.labels, scale as T, dx));
            return Ok(Grads::from_iter([Some(at.tape().constant(dx))]));
        }
        let wanted = Tensor::from_fn(shape.clone(), x.dtype(), |i| {
            if self.labels[i / shape[1]] == i % shape[1] { 1.0 } else { 0.0 }
        });
        let excess = x.try_softmax(1)? - at.tape().constant(wanted);
        Ok(Grads::from_iter([Some(excess * (at.dz / n as f64))]))
    }
}

impl Sampled for CrossEntropy {
    fn samples() -> Vec<Sample> {
        vec![Sample::unary("cross_entropy", [4, 3], |x| x.cross_entropy(&[2, 0, 1, 1]))]
    }
}

/// The mean of (a − b)².
pub(super) struct MseLoss;

impl Op for MseLoss {
    fn name(&self) -> &str {
        "mse_loss"
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(
            r"\frac{1}{n} \sum (x_1 - x_2)^2",
            [r"\frac{2 \bar z}{n} (x_1 - x_2)", r"\frac{2 \bar z}{n} (x_2 - x_1)"],
        ))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        same_shape("mse_loss", x[0], x[1])?;
        if x[0].numel() == 0 {
            return Err(Error::Empty {
                what: "the batch".into(),
                need: "a mean loss needs at least one number; leave out empty batches",
            });
        }
        Ok(Shape::scalar())
    }

    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        Some(3 * x[0].numel() as u64)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        Ok(build!(x[0].dtype(), shape, |T, out| out[0] = mean_square(x[0].data::<T>(), x[1].data::<T>())))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (a, b, shape) = (at.x[0], at.x[1], at.x[0].shape());
        let scale = 2.0 / shape.numel() as f64;
        let da = if at.recorded {
            (a - b) * (at.dz * scale)
        } else if at.tape().postpones(&shape) {
            // Part of the chain that goes on from it; where the gradient is numbers, the scale is one.
            (a - b) * (at.dz * scale).item()
        } else {
            at.tape().constant(at.tape().with_values(&[a, b, at.dz], |x| {
                build!(x[0].dtype(), shape, |T, da| {
                    let scale = x[2].data::<T>()[0] * scale as T;
                    difference(x[0].data::<T>(), x[1].data::<T>(), scale, da);
                })
            }))
        };
        Ok(Grads::from_iter([Some(da), at.by(1, || Ok(-da))?]))
    }
}

impl Sampled for MseLoss {
    fn samples() -> Vec<Sample> {
        let pair = vec![numbers([3, 2], -1.0, 1.0, 1), numbers([3, 2], -1.0, 1.0, 2)];
        vec![Sample::new("mse_loss", pair, |x| x[0].mse_loss(x[1]))]
    }
}

impl<'t> Var<'t> {
    twin!(
        /// The mean cross-entropy of these logits `[n, classes]` and the labels of the n observations.
        #[or_panic(cross_entropy)]
        /// [`Error::Shape`] when the shapes do not match, [`Error::Empty`] for an empty batch, [`Error::Label`] for a
        /// label out of range.
        pub fn try_cross_entropy(self, labels: &[usize]) -> Result<Var<'t>> {
            self.tape().builtin(CrossEntropy { labels: labels.into() }, &[self])
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
}
