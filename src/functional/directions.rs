//! Directions and the angles between them: vectors divided by their length, cosines, and the angular margin loss.
//!
//! ArcFace (Deng et al., arXiv 1801.07698) asks that the angle θ between a feature and its own class be smaller than
//! necessary by a margin m: in training, the class's logit s cos θ becomes s cos(θ + m). Written with arccos, or with
//! sin θ = √(1 − cos² θ), its slope is infinite or NaN at θ = 0. The singularity is removable. Let r = ŵ − cos θ x̂ be
//! the part of the class's direction ŵ perpendicular to the feature's direction x̂. Then θ = atan2(‖r‖, cos θ), and the
//! gradient of cos(θ + m) with respect to x̂ is sin(θ + m) r/‖r‖, which is bounded.

use super::composition::composition;
use crate::{
    error::{Error, Result},
    ops::{
        labels::check_labels,
        sample::{Sample, numbers},
    },
    tape::Var,
    tensor::{Shape, Tensor},
};

/// A feature or class vector shorter than this counts as having no direction.
const TINY: f64 = 1e-12;

/// Two operands of `op` and the axis of their common shape, counted from the end, so that it is the same axis of both.
/// An operand with a single number where the other has a vector is broadcast: its length is that of the vector.
fn aligned<'t>(op: &str, a: Var<'t>, b: Var<'t>, axis: isize) -> Result<([Var<'t>; 2], isize)> {
    let (shape, other) = (a.shape(), b.shape());
    let Some(common) = shape.broadcast(&other) else {
        let need = "aligned at the last axis, sizes must be equal or 1";
        return Err(a.shape_error(op, &[&shape, &other], need));
    };
    let axis = common.axis(op, axis).map_err(|error| a.tape().locate(error))?;
    let from_end = common.rank() - axis;
    let spread = |x: Var<'t>, shape: Shape| {
        let size = shape.rank().checked_sub(from_end).map(|axis| shape[axis]);
        if size == Some(common[axis]) { Ok(x) } else { x.try_broadcast_to(&common) }
    };
    Ok(([spread(a, shape)?, spread(b, other)?], -(from_end as isize)))
}

composition!(
    /// x / max(‖x‖, epsilon) along `axis`: every line divided by its length. The gradient at 0 is that of x / epsilon.
    #[or_panic(l2_normalize)]
    /// [`Error::Axis`] for an axis that does not exist, [`Error::Setting`] for an ε that is negative or not finite.
    pub fn try_l2_normalize(self, axis: isize, epsilon: f64) -> Result<Var<'t>> {
        self.epsilon("l2_normalize", epsilon)?;
        self.axis("l2_normalize", axis)?;
        Ok(self / self.try_norm_axes(&[axis], true)?.max(epsilon))
    },
    [Sample::unary("l2_normalize", [3, 4], |x| x.l2_normalize(1, 1e-12))]
);

composition!(
    /// The cosine of the angle between the two along `axis`, which is dropped: Σ x y / (‖x‖ ‖y‖), with lengths of at
    /// least `epsilon`. The shapes broadcast, and `axis` is an axis of the common shape.
    #[or_panic(cosine_similarity)]
    /// [`Error::Shape`] when the shapes do not broadcast, [`Error::Axis`] for an axis that does not exist,
    /// [`Error::Setting`] for an ε that is negative or not finite.
    pub fn try_cosine_similarity(self, other: Var<'t>, axis: isize, epsilon: f64) -> Result<Var<'t>> {
        self.epsilon("cosine_similarity", epsilon)?;
        let ([a, b], axis) = aligned("cosine_similarity", self, other, axis)?;
        a.try_l2_normalize(axis, epsilon)?.try_mul(b.try_l2_normalize(axis, epsilon)?)?.try_sum_axes(&[axis], false)
    },
    [
        Sample::new("cosine_similarity", vectors([3, 4], [3, 4]), |x| x[0].cosine_similarity(x[1], 1, 1e-12)),
        Sample::new("cosine_similarity, broadcast", vectors([3, 4], [1, 4]), |x| x[0]
            .cosine_similarity(x[1], -1, 1e-12)),
    ]
);

composition!(
    /// The angle between the two along `axis`, which is dropped, in radians from 0 to π. The shapes broadcast, and
    /// `axis` is an axis of the common shape.
    ///
    /// It is 2 atan2(‖a − b‖, ‖a + b‖) for the directions a = x / ‖x‖ and b = y / ‖y‖ (Kahan, How futile are mindless
    /// assessments of roundoff, 2006). Right angles and tiny ones are accurate to all digits, while the arccosine of
    /// [`cosine_similarity`](Var::cosine_similarity) loses half of them near 0 and π and has an infinite slope there.
    ///
    /// The gradient is finite everywhere. At 0 and π, where the angle has a kink, it is 0. A vector of zeros, which has
    /// no direction, counts as perpendicular to all others, and its gradient is 0.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let (x, y) = (tape.leaf([2.0, 0.0]), tape.leaf([3.0, 3e-12]));
    /// let angle = x.angle(y, 0);
    /// assert!((angle.item() - 1e-12).abs() < 1e-27);
    /// assert_eq!(x.cosine_similarity(y, 0, 1e-12).acos().item(), 0.0);         // all digits lost
    /// let dx = angle.backward()?.wrt(x)?.to_vec();
    /// assert!((dx[1] + 0.5).abs() < 1e-12);                                    // 1/‖x‖, away from y
    /// # Ok::<(), wengert::Error>(())
    /// ```
    #[or_panic(angle)]
    /// [`Error::Shape`] when the shapes do not broadcast, [`Error::Axis`] for an axis that does not exist.
    pub fn try_angle(self, other: Var<'t>, axis: isize) -> Result<Var<'t>> {
        let ([a, b], axis) = aligned("angle", self, other, axis)?;
        let (a, b) = (a.try_direction(axis)?, b.try_direction(axis)?);
        let (apart, together) = ((a - b).try_norm_axes(&[axis], false)?, (a + b).try_norm_axes(&[axis], false)?);
        Ok(apart.try_atan2(together)? * 2.0)
    },
    [
        Sample::new("angle", vectors([3, 4], [3, 4]), |x| x[0].angle(x[1], 1)),
        Sample::new("angle, broadcast", vectors([3, 4], [1, 4]), |x| x[0].angle(x[1], -1)),
    ]
);

composition!(
    /// The ArcFace loss of features `[n, d]`, class vectors `weight` `[classes, d]` and the labels of the n
    /// observations: the mean cross-entropy of the logits `scale` · cos θ, with θ + `margin` (in radians) instead of θ
    /// for each observation's own class.
    ///
    /// The gradient is finite at every angle; at θ = 0, where the margin's part of it has no direction, that part is 0.
    /// From θ = π − `margin` on, cos(θ + `margin`) rises again, as in the paper: no second branch replaces it there.
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
    #[or_panic(arcface_loss)]
    /// [`Error::Shape`] when the shapes do not match, [`Error::Empty`] for an empty batch, [`Error::Label`] for a
    /// label out of range, [`Error::Setting`] for a scale or a margin that cannot be used.
    pub fn try_arcface_loss(self, weight: Var<'t>, labels: &[usize], scale: f64, margin: f64) -> Result<Var<'t>> {
        let (x, w) = (self.shape(), weight.shape());
        let (&[n, features], &[classes, inputs]) = (x.dims(), w.dims()) else {
            let need = "features [n, d] and class vectors [classes, d] are needed";
            return Err(self.shape_error("arcface_loss", &[&x, &w], need));
        };
        if features != inputs {
            let need = format!(
                "features and class vectors must have the same length (axis 1: {features} and {inputs} differ)"
            );
            return Err(self.shape_error("arcface_loss", &[&x, &w], need));
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
        let angle = (own - x * cosine).try_norm_axes(&[1], true)?.atan2(cosine);
        let is_own = Tensor::from_fn([n, classes], self.dtype(), |i| f64::from(labels[i / classes] == i % classes));
        let cosines = x.try_linear(w, None)?;
        let logits = self.tape().constant(is_own).select((angle + margin).cos(), cosines) * scale;
        logits.try_cross_entropy(labels)
    },
    [Sample::new("arcface_loss", vectors([3, 4], [2, 4]), |x| x[0].arcface_loss(x[1], &[1, 0, 1], 4.0, 0.3))]
);

/// Two batches of vectors.
fn vectors(a: [usize; 2], b: [usize; 2]) -> Vec<Tensor> {
    vec![numbers(a, -1.0, 1.0, 1), numbers(b, -1.0, 1.0, 2)]
}
