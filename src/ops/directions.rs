//! Directions and the angles between them: vectors divided by their length, cosines, and the angular margin loss.
//!
//! ArcFace (Deng et al., arXiv 1801.07698) asks that the angle θ between a feature and its own class be smaller by a
//! margin m than it need be: the class's logit s cos θ becomes s cos(θ + m), in training only. Written with arccos, or
//! with sin θ = √(1 − cos² θ), its slope is infinite or NaN at θ = 0. The singularity is removable: with the part
//! r = ŵ − cos θ x̂ of the class's direction ŵ that is perpendicular to the feature's direction x̂, θ = atan2(‖r‖, cos θ),
//! and the gradient of cos(θ + m) by x̂ is sin(θ + m) r/‖r‖, which is bounded.

use super::{Sample, expect, loss::check_labels, table::numbers};
use crate::{
    error::{Error, Result},
    tape::Var,
    tensor::{Shape, Tensor},
};

/// Below this length a feature or class vector counts as having no direction.
const TINY: f64 = 1e-12;

pub(super) fn samples() -> Vec<Sample> {
    let pair = |a: [usize; 2], b: [usize; 2]| vec![numbers(a, -1.0, 1.0, 1), numbers(b, -1.0, 1.0, 2)];
    vec![
        Sample::unary("l2_normalize", [3, 4], |x| x.l2_normalize(1, 1e-12)),
        Sample::new("cosine_similarity", pair([3, 4], [3, 4]), |x| x[0].cosine_similarity(x[1], 1, 1e-12)),
        Sample::new("cosine_similarity, broadcast", pair([3, 4], [1, 4]), |x| x[0].cosine_similarity(x[1], -1, 1e-12)),
        Sample::new("arcface_loss", pair([3, 4], [2, 4]), |x| x[0].arcface_loss(x[1], &[1, 0, 1], 4.0, 0.3)),
    ]
}

impl<'t> Var<'t> {
    /// x / max(‖x‖, epsilon) along `axis`: every line divided by its length. The gradient at 0 is that of x / epsilon.
    ///
    /// # Panics
    /// For an axis that does not exist.
    #[track_caller]
    pub fn l2_normalize(self, axis: isize, epsilon: f64) -> Var<'t> {
        expect(self.try_l2_normalize(axis, epsilon))
    }

    /// [`l2_normalize`](Var::l2_normalize) with an error in place of a panic.
    ///
    /// # Errors
    /// [`Error::Axis`] for an axis that does not exist.
    #[track_caller]
    pub fn try_l2_normalize(self, axis: isize, epsilon: f64) -> Result<Var<'t>> {
        Ok(self / self.try_norm(&[axis], true)?.max(epsilon))
    }

    /// The cosine of the angle between both along `axis`, which goes: Σ x y / (‖x‖ ‖y‖), with lengths of at least
    /// `epsilon`. The shapes broadcast.
    ///
    /// # Panics
    /// When the shapes do not broadcast, or for an axis that does not exist.
    #[track_caller]
    pub fn cosine_similarity(self, other: Var<'t>, axis: isize, epsilon: f64) -> Var<'t> {
        expect(self.try_cosine_similarity(other, axis, epsilon))
    }

    /// [`cosine_similarity`](Var::cosine_similarity) with an error in place of a panic.
    ///
    /// # Errors
    /// [`Error::Shape`] when the shapes do not broadcast, [`Error::Axis`] for an axis that does not exist.
    #[track_caller]
    pub fn try_cosine_similarity(self, other: Var<'t>, axis: isize, epsilon: f64) -> Result<Var<'t>> {
        let (a, b) = (self.try_l2_normalize(axis, epsilon)?, other.try_l2_normalize(axis, epsilon)?);
        a.try_mul(b)?.try_sum_axes(&[axis], false)
    }

    /// The ArcFace loss of features `[n, d]`, class vectors `weight` `[classes, d]` and the labels of the n observations:
    /// the mean cross-entropy of the logits `scale` · cos θ, with θ + `margin` (in radians) in place of θ for each
    /// observation's own class.
    ///
    /// The gradient is finite at every angle; at θ = 0, where that of the margin has no direction, its part is 0. From
    /// θ = π − `margin` on cos(θ + `margin`) rises again, as in the paper: no second branch is put there.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let features = tape.leaf([[2.0, 0.0], [0.0, 3.0]]);
    /// let classes = tape.leaf([[1.0, 0.0], [0.0, 1.0]]);      // both features point exactly at their class
    /// let loss = features.arcface_loss(classes, &[0, 1], 8.0, 0.5);
    /// let wanted = (1.0 + (-8.0 * 0.5f64.cos()).exp()).ln();
    /// assert!((loss.item() - wanted).abs() < 1e-12);
    /// assert!(loss.backward()?.wrt(features)?.first_non_finite().is_none());
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes do not fit, the batch is empty, a label is out of range, `scale` is not positive or `margin` is not
    /// finite.
    #[track_caller]
    pub fn arcface_loss(self, weight: Var<'t>, labels: &[usize], scale: f64, margin: f64) -> Var<'t> {
        expect(self.try_arcface_loss(weight, labels, scale, margin))
    }

    /// [`arcface_loss`](Var::arcface_loss) with an error in place of a panic.
    ///
    /// # Errors
    /// [`Error::Shape`] when the shapes do not fit, [`Error::Empty`] for an empty batch, [`Error::Label`] for a label
    /// out of range, [`Error::Setting`] for a scale or a margin that cannot be used.
    #[track_caller]
    pub fn try_arcface_loss(self, weight: Var<'t>, labels: &[usize], scale: f64, margin: f64) -> Result<Var<'t>> {
        let (x, w) = (self.shape(), weight.shape());
        let (&[n, features], &[classes, inputs]) = (x.dims(), w.dims()) else {
            return Err(self.tape().locate(Error::shape(
                "arcface_loss",
                &[&x, &w],
                "features [n, d] and class vectors [classes, d] are needed",
            )));
        };
        if features != inputs {
            let need = format!(
                "features and class vectors must have the same length (axis 1: {features} and {inputs} differ)"
            );
            return Err(self.tape().locate(Error::shape("arcface_loss", &[&x, &w], need)));
        }
        check_labels("arcface_loss", &Shape::from([n, classes]), labels).map_err(|error| self.tape().locate(error))?;
        if !(scale.is_finite() && scale > 0.0) {
            return Err(self.tape().locate(Error::setting("arcface_loss", "scale", scale, "positive and finite")));
        }
        if !margin.is_finite() {
            return Err(self.tape().locate(Error::setting("arcface_loss", "margin", margin, "finite")));
        }
        let (x, w) = (self.try_l2_normalize(1, TINY)?, weight.try_l2_normalize(1, TINY)?);
        let own = w.try_index_select(0, labels)?;
        let cosine = (x * own).try_sum_axes(&[1], true)?;
        let angle = (own - x * cosine).try_norm(&[1], true)?.atan2(cosine);
        let is_own = Tensor::from_fn([n, classes], self.dtype(), |i| f64::from(labels[i / classes] == i % classes));
        let cosines = x.try_linear(w, None)?;
        let logits = self.tape().constant(is_own).select((angle + margin).cos(), cosines) * scale;
        logits.try_cross_entropy(labels)
    }
}
