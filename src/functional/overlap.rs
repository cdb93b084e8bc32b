//! Losses that compare a prediction with a target region, distribution or point: Dice, Kullback-Leibler, Euclidean.
//!
//! The Dice coefficient of two sets is twice the size of their intersection, divided by the sum of their sizes. For
//! probabilities p and a mask g there are two forms, with different gradients: with the sums of p and g in the
//! denominator (dD/dp = (2g − D)/S), and with the sums of their squares (Milletari et al., V-Net, arXiv 1606.04797).

use super::composition::composition;
use crate::{
    error::{Error, Result},
    ops::{
        labels,
        sample::{Sample, numbers},
    },
    tape::Var,
    tensor::Tensor,
};

/// The error of a prediction and a target of different shapes.
pub(super) fn same_shape(op: &str, x: Var<'_>, target: Var<'_>) -> Result<()> {
    labels::same_shape(op, &x.shape(), &target.shape()).map_err(|error| x.tape().locate(error))
}

composition!(
    /// 1 − (2 Σ p g + smooth) / (Σ p + Σ g + smooth), for probabilities p and a mask g of the same shape, over all
    /// elements.
    #[or_panic(dice_loss)]
    /// [`Error::Shape`] when the shapes differ.
    pub fn try_dice_loss(self, target: Var<'t>, smooth: f64) -> Result<Var<'t>> {
        same_shape("dice_loss", self, target)?;
        let shared = (self * target).sum() * 2.0 + smooth;
        Ok(1.0 - shared / (self.sum() + target.sum() + smooth))
    },
    [Sample::new("dice_loss", pair(), |x| x[0].dice_loss(x[1], 1.0))]
);

composition!(
    /// 1 − 2 Σ p g / (Σ p² + Σ g²), for probabilities p and a mask g of the same shape, over all elements.
    #[or_panic(dice_loss_squared)]
    /// [`Error::Shape`] when the shapes differ.
    pub fn try_dice_loss_squared(self, target: Var<'t>) -> Result<Var<'t>> {
        same_shape("dice_loss_squared", self, target)?;
        let shared = (self * target).sum() * 2.0;
        Ok(1.0 - shared / (self.square().sum() + target.square().sum()))
    },
    [Sample::new("dice_loss_squared", pair(), |x| x[0].dice_loss_squared(x[1]))]
);

composition!(
    /// The Kullback-Leibler divergence Σ t (ln t − x) / n of target probabilities t from predicted *log-probabilities*
    /// x `[n, ..]`: 0 where t = eˣ. A target probability of 0 contributes 0.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let logits = tape.leaf([[0.0, 0.0]]);
    /// let wanted = tape.constant([[1.0, 0.0]]);
    /// assert!((logits.log_softmax(1).kl_div(wanted).item() - 2.0f64.ln()).abs() < 1e-15);
    /// ```
    #[or_panic(kl_div)]
    /// [`Error::Shape`] when the shapes differ, [`Error::Empty`] when there is no observation.
    pub fn try_kl_div(self, target: Var<'t>) -> Result<Var<'t>> {
        same_shape("kl_div", self, target)?;
        let n = observations(self)?;
        let positive = target.gt(0.0);
        let entropy = target * positive.select(target, 1.0).ln();
        Ok((entropy - target * self).sum() / n as f64)
    },
    [Sample::new("kl_div", pair(), |x| x[0].log_softmax(1).kl_div(x[1]))]
);

composition!(
    /// Caffe's Euclidean loss Σ (x − t)² / 2n, for n observations along axis 0. Its gradient with respect to x is (x −
    /// t) / n.
    #[or_panic(euclidean_loss)]
    /// [`Error::Shape`] when the shapes differ, [`Error::Empty`] when there is no observation.
    pub fn try_euclidean_loss(self, target: Var<'t>) -> Result<Var<'t>> {
        same_shape("euclidean_loss", self, target)?;
        let n = observations(self)?;
        Ok((self - target).square().sum() / (2 * n) as f64)
    },
    [Sample::new("euclidean_loss", pair(), |x| x[0].euclidean_loss(x[1]))]
);

/// The size of axis 0.
fn observations(x: Var<'_>) -> Result<usize> {
    match x.shape().first() {
        Some(&n) if n > 0 => Ok(n),
        _ => Err(Error::Empty {
            what: "the batch".into(),
            need: "a mean loss needs at least one observation along axis 0; leave out empty batches",
        }),
    }
}

/// A prediction and a target.
fn pair() -> Vec<Tensor> {
    vec![numbers([3, 2], 0.1, 0.9, 1), numbers([3, 2], 0.1, 0.9, 2)]
}
