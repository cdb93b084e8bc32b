//! Losses composed of other operations: absolute and smoothed distances, and cross-entropies other than the fused one.

use super::{composition::composition, overlap::same_shape, reduction::Reduction};
use crate::{
    error::Error,
    ops::{
        labels::check_labels,
        sample::{Sample, numbers},
    },
    tape::Var,
    tensor::Tensor,
};

composition!(
    /// Cross-entropy with label smoothing: the target probability of the label is 1 − `smoothing`, and `smoothing` is
    /// shared equally by all classes (Szegedy et al., arXiv 1512.00567).
    #[or_panic(cross_entropy_smoothed)]
    /// [`Error::Shape`] when the shapes do not match, [`Error::Empty`] for an empty batch, [`Error::Label`] for a
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
    },
    [Sample::unary("cross_entropy, smoothed", [3, 4], |x| x.cross_entropy_smoothed(&[3, 0, 1], 0.1))]
);

composition!(
    /// The mean of −x_t: the cross-entropy when these are log-probabilities `[n, classes]`.
    #[or_panic(nll_loss)]
    /// [`Error::Shape`] when the shapes do not match, [`Error::Empty`] for an empty batch, [`Error::Label`] for a
    /// label out of range.
    pub fn try_nll_loss(self, labels: &[usize]) -> Result<Var<'t>> {
        check_labels("nll_loss", &self.shape(), labels).map_err(|error| self.tape().locate(error))?;
        Ok(-self.try_gather(1, labels, [labels.len(), 1])?.mean())
    },
    [Sample::unary("nll_loss", [3, 4], |x| x.log_softmax(1).nll_loss(&[3, 0, 1]))]
);

composition!(
    /// The mean of |x − target|, for a target of the same shape.
    #[or_panic(l1_loss)]
    /// [`Error::Shape`] when the shapes differ.
    pub fn try_l1_loss(self, target: Var<'t>) -> Result<Var<'t>> {
        self.try_l1_loss_with(target, Reduction::Mean)
    },
    [Sample::new("l1_loss", pair(), |x| x[0].l1_loss(x[1]))]
);

composition!(
    /// The mean of ½ d²/β where |d| < β, else |d| − ½ β, with d = x − target of the same
    /// shape (Girshick, arXiv 1504.08083).
    #[or_panic(smooth_l1_loss)]
    /// [`Error::Shape`] when the shapes differ, [`Error::Setting`] when `beta` is not positive and
    /// finite.
    pub fn try_smooth_l1_loss(self, target: Var<'t>, beta: f64) -> Result<Var<'t>> {
        self.try_smooth_l1_loss_with(target, beta, Reduction::Mean)
    },
    [Sample::new("smooth_l1_loss", pair(), |x| x[0].smooth_l1_loss(x[1], 0.5))]
);

composition!(
    /// The mean of ½ d² where |d| < δ, else δ (|d| − ½ δ), with d = x − target of the same shape (Huber, Annals of
    /// Mathematical Statistics 35, 1964): δ times [`smooth_l1_loss`](Var::smooth_l1_loss) with β = δ.
    #[or_panic(huber_loss)]
    /// [`Error::Shape`] when the shapes differ, [`Error::Setting`] when `delta` is not positive and
    /// finite.
    pub fn try_huber_loss(self, target: Var<'t>, delta: f64) -> Result<Var<'t>> {
        self.try_huber_loss_with(target, delta, Reduction::Mean)
    },
    [Sample::new("huber_loss", pair(), |x| x[0].huber_loss(x[1], 0.5))]
);

composition!(
    /// The mean of the binary cross-entropy of logits x and targets t in \[0, 1\] of the same shape: max(x, 0) − x t +
    /// ln(1 + e^{−|x|}).
    #[or_panic(bce_with_logits)]
    /// [`Error::Shape`] when the shapes differ.
    pub fn try_bce_with_logits(self, target: Var<'t>) -> Result<Var<'t>> {
        same_shape("bce_with_logits", self, target)?;
        (self.softplus() - self * target).try_mean_axes(&[], false)
    },
    [Sample::unary("bce_with_logits", [3, 2], |x| x.bce_with_logits(x.tape().constant(numbers([3, 2], 0.0, 1.0, 2))))]
);

/// A prediction and a target.
fn pair() -> Vec<Tensor> {
    vec![numbers([3, 2], -1.0, 1.0, 1), numbers([3, 2], -1.0, 1.0, 2)]
}
