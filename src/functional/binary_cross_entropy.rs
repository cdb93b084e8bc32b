//! Binary cross-entropy, of logits or of probabilities, with its options.
//!
//! For a logit x and a target t in \[0, 1\], L = p t ln(1 + e⁻ˣ) + (1 − t) ln(1 + eˣ), where p weighs the positive
//! class: more than 1 finds more of the positives, less than 1 makes fewer false alarms. Both logarithms are
//! [softplus](Var::softplus), which does not overflow.

use super::{composition::composition, overlap::same_shape, reduction::Reduction};
use crate::{
    dispatch,
    error::{Error, Result},
    ops::sample::{Sample, numbers},
    tape::Var,
    tensor::Tensor,
};

/// The options of [`bce_with_logits_with`](Var::bce_with_logits_with) and [`bce_loss`](Var::bce_loss).
///
/// ```
/// use wengert::{Tape, functional::BinaryCrossEntropy};
/// let tape = Tape::f64();
/// let logits = tape.leaf([[0.0, 0.0], [0.0, 0.0]]);
/// let target = tape.constant([[1.0, 1.0], [0.0, 0.0]]);
/// // The second label is rare: its positives count three times.
/// let options = BinaryCrossEntropy::default().pos_weight([1.0, 3.0]);
/// assert!((logits.bce_with_logits_with(target, &options).item() - 1.5 * 2.0f64.ln()).abs() < 1e-15);
/// ```
#[derive(Clone, Debug, Default)]
pub struct BinaryCrossEntropy {
    /// A weight of each element, or of what broadcasts to the elements; `None` counts all alike.
    pub weight: Option<Tensor>,
    /// The weight p of positive targets, for each element or what broadcasts to them (one number for each label).
    pub pos_weight: Option<Tensor>,
    /// What becomes of the losses of the elements. A mean is over all elements, whatever their weights are.
    pub reduction: Reduction,
}

impl BinaryCrossEntropy {
    /// A weight of each element, or of what broadcasts to them.
    pub fn weight(self, weight: impl Into<Tensor>) -> Self {
        BinaryCrossEntropy { weight: Some(weight.into()), ..self }
    }

    /// The weight of positive targets, for each element or what broadcasts to them.
    pub fn pos_weight(self, pos_weight: impl Into<Tensor>) -> Self {
        BinaryCrossEntropy { pos_weight: Some(pos_weight.into()), ..self }
    }

    /// The mean, the sum, or the loss of each element.
    pub fn reduction(self, reduction: Reduction) -> Self {
        BinaryCrossEntropy { reduction, ..self }
    }

    /// The loss, from the losses −ln p and −ln(1 − p) of a positive and a negative target.
    #[track_caller]
    fn loss<'t>(&self, op: &str, [yes, no]: [Var<'t>; 2], target: Var<'t>) -> Result<Var<'t>> {
        let (tape, shape) = (target.tape(), target.shape());
        let weighted = |x: Var<'t>, weight: &Option<Tensor>| match weight {
            None => Ok(x),
            Some(weight) if weight.shape().broadcast(&shape).as_ref() == Some(&shape) => {
                x.try_mul(tape.constant(weight))
            }
            Some(weight) => {
                let need = "aligned at the last axis, each size of a weight must be 1 or that of the target";
                Err(target.shape_error(op, &[weight.shape(), &shape], need))
            }
        };
        let each = weighted(target * yes, &self.pos_weight)? + (1.0 - target) * no;
        self.reduction.of(weighted(each, &self.weight)?)
    }
}

composition!(
    /// The binary cross-entropy of these logits and targets in \[0, 1\] of the same shape, with
    /// [options](BinaryCrossEntropy): the weight of positives, weights of elements, the reduction.
    #[or_panic(bce_with_logits_with)]
    /// [`Error::Shape`](crate::Error::Shape) when the shapes differ or a weight does not broadcast to them, or for the
    /// mean of nothing.
    pub fn try_bce_with_logits_with(self, target: Var<'t>, options: &BinaryCrossEntropy) -> Result<Var<'t>> {
        same_shape("bce_with_logits", self, target)?;
        options.loss("bce_with_logits", [(-self).softplus(), self.softplus()], target)
    },
    [Sample::new("bce_with_logits, weighted", pair((-2.0, 2.0)), |x| {
        let options = BinaryCrossEntropy::default().pos_weight([0.5, 3.0]).weight([[1.0], [0.0], [2.0]]);
        x[0].bce_with_logits_with(x[1], &options.reduction(Reduction::Sum))
    })]
);

composition!(
    /// The binary cross-entropy −t ln p − (1 − t) ln(1 − p) of these *probabilities* p and targets t of the same shape,
    /// with [options](BinaryCrossEntropy). Logarithms below −100 count as −100, with no gradient, as in PyTorch. From
    /// logits, [`bce_with_logits_with`](Var::bce_with_logits_with) is more accurate.
    #[or_panic(bce_loss)]
    /// [`Error::Shape`](crate::Error::Shape) when the shapes differ or a weight does not broadcast to them, or for the
    /// mean of nothing; [`Error::Setting`] for a number that is no probability.
    pub fn try_bce_loss(self, target: Var<'t>, options: &BinaryCrossEntropy) -> Result<Var<'t>> {
        same_shape("bce_loss", self, target)?;
        let shape = self.shape();
        shape.allocatable("bce_loss", self.dtype(), &[&shape]).map_err(|error| self.tape().locate(error))?;
        let value = self.value();
        let improper = dispatch!(value.dtype(), T => {
            let p = value.data::<T>();
            p.iter().position(|p| *p < 0.0 || *p > 1.0).map(|index| format!("{} (at index {index})", p[index]))
        });
        if let Some(p) = improper {
            let must = "at least 0 and at most 1; for logits there is `bce_with_logits`";
            return Err(Error::setting("bce_loss", "a probability", p, must));
        }
        // Where the logarithm is cut off, it is taken of 1, so that its infinite slope is not met.
        let log = |p: Var<'t>| p.gt(LEAST).select(p.gt(LEAST).select(p, 1.0).ln(), -100.0);
        options.loss("bce_loss", [-log(self), -log(1.0 - self)], target)
    },
    [Sample::new("bce_loss", pair((0.3, 0.7)), |x| x[0].bce_loss(x[1], &BinaryCrossEntropy::default()))]
);

/// e⁻¹⁰⁰.
const LEAST: f64 = 3.720_075_976_020_836e-44;

/// A prediction and a target.
fn pair((low, high): (f64, f64)) -> Vec<Tensor> {
    vec![numbers([3, 2], low, high, 1), numbers([3, 2], 0.1, 0.9, 2)]
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_least_probability_has_the_logarithm_minus_100() {
        assert_eq!(super::LEAST.ln(), -100.0);
    }
}
