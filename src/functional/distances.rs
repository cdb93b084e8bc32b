//! Losses of an element each, with their reduction: squared, absolute and smoothed distances, and the divergence of
//! Kullback and Leibler. [`mse_loss`](Var::mse_loss), [`l1_loss`](Var::l1_loss) and the like are their means.
//!
//! | | of d = x − t |
//! |---|---|
//! | squared | d² |
//! | absolute | \|d\| |
//! | smooth | ½ d²/β where \|d\| < β, else \|d\| − ½ β (Girshick, arXiv 1504.08083) |
//! | Huber | ½ d² where \|d\| < δ, else δ (\|d\| − ½ δ): δ times the smooth one (Huber, 1964) |

use super::{composition::composition, overlap::same_shape, reduction::Reduction};
use crate::{
    error::{Error, Result},
    ops::sample::{Sample, numbers},
    tape::Var,
    tensor::Tensor,
};

/// The error of a bend of a loss that is not positive and finite.
fn positive(op: &str, name: &'static str, value: f64) -> Result<()> {
    match value.is_finite() && value > 0.0 {
        true => Ok(()),
        false => Err(Error::setting(op, name, value, "positive and finite")),
    }
}

composition!(
    /// (x − target)² of each element, reduced; the target has the same shape.
    #[or_panic(mse_loss_with)]
    /// [`Error::Shape`] when the shapes differ, or for the mean of nothing.
    pub fn try_mse_loss_with(self, target: Var<'t>, reduction: Reduction) -> Result<Var<'t>> {
        same_shape("mse_loss", self, target)?;
        reduction.of(self.try_sub(target)?.square())
    },
    [Sample::new("mse_loss of each element", pair(), |x| x[0].mse_loss_with(x[1], Reduction::None))]
);

composition!(
    /// |x − target| of each element, reduced; the target has the same shape.
    #[or_panic(l1_loss_with)]
    /// [`Error::Shape`] when the shapes differ, or for the mean of nothing.
    pub fn try_l1_loss_with(self, target: Var<'t>, reduction: Reduction) -> Result<Var<'t>> {
        same_shape("l1_loss", self, target)?;
        reduction.of(self.try_sub(target)?.abs())
    },
    [Sample::new("l1_loss, summed", pair(), |x| x[0].l1_loss_with(x[1], Reduction::Sum))]
);

composition!(
    /// ½ d²/β where |d| < β, else |d| − ½ β, of each d = x − target, reduced; the target has the same shape.
    #[or_panic(smooth_l1_loss_with)]
    /// [`Error::Shape`] when the shapes differ, or for the mean of nothing, [`Error::Setting`] when `beta` is not
    /// positive and finite.
    pub fn try_smooth_l1_loss_with(self, target: Var<'t>, beta: f64, reduction: Reduction) -> Result<Var<'t>> {
        positive("smooth_l1_loss", "beta", beta)?;
        same_shape("smooth_l1_loss", self, target)?;
        let distance = self.try_sub(target)?;
        let size = distance.abs();
        reduction.of(size.lt(beta).select(distance.square() * (0.5 / beta), size - 0.5 * beta))
    },
    [Sample::new("smooth_l1_loss, summed", pair(), |x| x[0].smooth_l1_loss_with(x[1], 0.5, Reduction::Sum))]
);

composition!(
    /// ½ d² where |d| < δ, else δ (|d| − ½ δ), of each d = x − target, reduced; the target has the same shape.
    #[or_panic(huber_loss_with)]
    /// [`Error::Shape`] when the shapes differ, or for the mean of nothing, [`Error::Setting`] when `delta` is not
    /// positive and finite.
    pub fn try_huber_loss_with(self, target: Var<'t>, delta: f64, reduction: Reduction) -> Result<Var<'t>> {
        positive("huber_loss", "delta", delta)?;
        same_shape("huber_loss", self, target)?;
        let distance = self.try_sub(target)?;
        let size = distance.abs();
        reduction.of(size.lt(delta).select(distance.square() * 0.5, (size - 0.5 * delta) * delta))
    },
    [Sample::new("huber_loss, reduced", pair(), |x| x[0].huber_loss_with(x[1], 0.5, Reduction::Mean))]
);

composition!(
    /// t (ln t − x) of each target probability t and predicted *log-probability* x, reduced; 0 where t = 0. PyTorch's
    /// `reduction="batchmean"`, the divergence itself, is [`kl_div`](Var::kl_div).
    #[or_panic(kl_div_with)]
    /// [`Error::Shape`] when the shapes differ, or for the mean of nothing.
    pub fn try_kl_div_with(self, target: Var<'t>, reduction: Reduction) -> Result<Var<'t>> {
        same_shape("kl_div", self, target)?;
        reduction.of(target.try_xlogy(target)? - target * self)
    },
    [Sample::new("kl_div of each element", vec![numbers([3, 2], -2.0, 0.0, 1), numbers([3, 2], 0.1, 0.9, 2)], |x| {
        x[0].kl_div_with(x[1], Reduction::None)
    })]
);

/// A prediction and a target.
fn pair() -> Vec<Tensor> {
    vec![numbers([3, 2], -1.0, 1.0, 1), numbers([3, 2], -1.0, 1.0, 2)]
}
