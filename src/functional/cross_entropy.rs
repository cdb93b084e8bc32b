//! Cross-entropies with class weights, labels that do not count, smoothing, and one label for each pixel.
//!
//! For log-probabilities l `[n, K, ..]` and the label y of each observation (or of each pixel of one), the loss is
//!
//! L = −(1 − ε) w_y l_y − (ε/K) Σₖ wₖ lₖ,
//!
//! with class weights w and label smoothing ε (Szegedy et al., arXiv 1512.00567), and 0 for a label that is to be
//! ignored. The mean is Σ L / Σ w_y over the labels that count, as in PyTorch: a weighted mean.

use super::{composition::composition, overlap, reduction::Reduction};
use crate::{
    error::{Error, Result},
    ops::sample::{Sample, numbers},
    tape::Var,
    tensor::{Shape, Tensor},
};

/// The options of [`cross_entropy_with`](Var::cross_entropy_with) and [`nll_loss_with`](Var::nll_loss_with).
///
/// ```
/// use wengert::{Tape, functional::CrossEntropy};
/// let tape = Tape::f64();
/// let logits = tape.leaf([[2.0, 0.0], [0.0, 1.0], [5.0, 5.0]]);
/// // The second class counts twice; observations labeled 255 do not count.
/// let options = CrossEntropy::default().weights([1.0, 2.0]).ignore(255);
/// let loss = logits.cross_entropy_with(&[0, 1, 255], &options);
/// let each = [(-2.0f64).exp().ln_1p(), (-1.0f64).exp().ln_1p()];
/// assert!((loss.item() - (each[0] + 2.0 * each[1]) / 3.0).abs() < 1e-15);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CrossEntropy {
    /// The weight of each class; `None` counts all alike.
    pub weights: Option<Vec<f64>>,
    /// The label of observations that do not count. It need not be a class.
    pub ignore: Option<usize>,
    /// The probability ε that is shared equally by all classes.
    pub smoothing: f64,
    /// What becomes of the losses of the observations.
    pub reduction: Reduction,
}

impl CrossEntropy {
    /// One weight for each class.
    pub fn weights(self, weights: impl Into<Vec<f64>>) -> Self {
        CrossEntropy { weights: Some(weights.into()), ..self }
    }

    /// Observations with this label do not count.
    pub fn ignore(self, label: usize) -> Self {
        CrossEntropy { ignore: Some(label), ..self }
    }

    /// Label smoothing: this probability is shared equally by all classes.
    pub fn smoothing(self, smoothing: f64) -> Self {
        CrossEntropy { smoothing, ..self }
    }

    /// The mean, the sum, or the loss of each observation.
    pub fn reduction(self, reduction: Reduction) -> Self {
        CrossEntropy { reduction, ..self }
    }

    /// The targets that these options make of labels, for scores of shape `x`.
    fn targets(&self, op: &str, x: &Shape, labels: &[usize]) -> Result<Targets> {
        let &[n, classes, ref rest @ ..] = x.dims() else {
            return Err(Error::shape(op, &[x], "one score for each class, [n, classes, ..], is needed"));
        };
        let count = rest.iter().fold(n, |count, &size| count.saturating_mul(size));
        if labels.len() != count {
            let need =
                format!("one label for each of the {count} observations is needed ({} were given)", labels.len());
            return Err(Error::shape(op, &[x], need));
        }
        if !(0.0..=1.0).contains(&self.smoothing) {
            return Err(Error::setting(op, "smoothing", self.smoothing, "at least 0 and at most 1"));
        }
        if let Some(weights) = &self.weights {
            if weights.len() != classes {
                let need =
                    format!("one weight for each of the {classes} classes is needed ({} were given)", weights.len());
                return Err(Error::shape(op, &[x], need));
            }
            if let Some(weight) = weights.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
                return Err(Error::setting(op, "weights", weight, "finite and not negative"));
            }
        }
        let mut targets = Targets { labels: vec![0; count], weights: vec![0.0; count], counts: vec![0.0; count] };
        for (index, &label) in labels.iter().enumerate().filter(|&(_, &label)| Some(label) != self.ignore) {
            if label >= classes {
                return Err(Error::Label { op: op.to_owned(), label, index, classes });
            }
            targets.labels[index] = label;
            targets.weights[index] = self.weights.as_ref().map_or(1.0, |weights| weights[label]);
            targets.counts[index] = 1.0;
        }
        if self.reduction == Reduction::Mean && targets.total() == 0.0 {
            return Err(Error::Empty {
                what: "the batch of labels that count".into(),
                need: "a mean loss needs at least one label that is not ignored and has a weight; leave out such batches",
            });
        }
        Ok(targets)
    }
}

/// For each observation: its label (0 where it is ignored), the weight of its class, and whether it counts.
struct Targets {
    labels: Vec<usize>,
    weights: Vec<f64>,
    counts: Vec<f64>,
}

impl Targets {
    /// What a mean is divided by.
    fn total(&self) -> f64 {
        self.weights.iter().sum()
    }
}

/// The loss of log-probabilities.
#[track_caller]
fn loss<'t>(logs: Var<'t>, targets: Targets, options: &CrossEntropy) -> Result<Var<'t>> {
    let (shape, tape, total) = (logs.shape(), logs.tape(), targets.total());
    let column = shape.reduced(&[1], true);
    let own = logs.try_gather(1, &targets.labels, &column)?;
    let mut each = own * -(1.0 - options.smoothing) * tape.constant(Tensor::from_vec(targets.weights, &column)?);
    if options.smoothing > 0.0 {
        let weighted = match &options.weights {
            Some(weights) => logs * tape.constant(weights.clone()).try_per_channel(logs)?,
            None => logs,
        };
        each = each - weighted.try_sum_axes(&[1], true)? * (options.smoothing / shape[1] as f64);
    }
    let counts = tape.constant(Tensor::from_vec(targets.counts, &column)?);
    let each = counts.try_select(each, 0.0)?.try_reshape(shape.reduced(&[1], false))?;
    match options.reduction {
        Reduction::Mean => Ok(each.try_sum_axes(&[], false)? / total),
        other => other.of(each),
    }
}

composition!(
    /// The cross-entropy of these logits `[n, classes, ..]` and one label for each observation, or for each pixel of
    /// images, row-major, with [options](CrossEntropy): class weights, a label to ignore, smoothing, the reduction.
    ///
    /// With [`Reduction::None`] it has the shape `[n, ..]` of the labels. For the plain mean,
    /// [`cross_entropy`](Var::cross_entropy) is faster.
    #[or_panic(cross_entropy_with)]
    /// [`Error::Shape`] when the shapes do not match, [`Error::Label`] for a label out of range that is not ignored,
    /// [`Error::Setting`] for options that cannot be used, [`Error::Empty`] for a mean over no label that counts.
    pub fn try_cross_entropy_with(self, labels: &[usize], options: &CrossEntropy) -> Result<Var<'t>> {
        let targets =
            options.targets("cross_entropy", &self.shape(), labels).map_err(|error| self.tape().locate(error))?;
        loss(self.try_log_softmax(1)?, targets, options)
    },
    [
        Sample::unary("cross_entropy, weighted and smoothed", [3, 4], |x| {
            let options = CrossEntropy::default().weights([0.5, 1.0, 2.0, 0.25]).smoothing(0.1);
            x.cross_entropy_with(&[3, 0, 1], &options)
        }),
        Sample::unary("cross_entropy of pixels, some ignored", [2, 3, 2, 2], |x| {
            x.cross_entropy_with(&[0, 9, 2, 1, 9, 1, 1, 0], &CrossEntropy::default().ignore(9))
        }),
        Sample::unary("cross_entropy of each observation", [3, 4], |x| {
            x.cross_entropy_with(&[3, 0, 1], &CrossEntropy::default().ignore(0).reduction(Reduction::None))
        }),
    ]
);

composition!(
    /// The cross-entropy of these log-probabilities `[n, classes, ..]`, with the same [options](CrossEntropy) as
    /// [`cross_entropy_with`](Var::cross_entropy_with), which takes logits.
    #[or_panic(nll_loss_with)]
    /// [`Error::Shape`] when the shapes do not match, [`Error::Label`] for a label out of range that is not ignored,
    /// [`Error::Setting`] for options that cannot be used, [`Error::Empty`] for a mean over no label that counts.
    pub fn try_nll_loss_with(self, labels: &[usize], options: &CrossEntropy) -> Result<Var<'t>> {
        let targets = options.targets("nll_loss", &self.shape(), labels).map_err(|error| self.tape().locate(error))?;
        loss(self, targets, options)
    },
    [Sample::unary("nll_loss, summed", [3, 4], |x| {
        let options = CrossEntropy::default().weights([0.5, 1.0, 2.0, 0.25]).reduction(Reduction::Sum);
        x.nll_loss_with(&[3, 0, 1], &options)
    })]
);

composition!(
    /// The cross-entropy of these logits `[n, classes, ..]` and target *probabilities* of the same shape: the mean of
    /// −Σₖ tₖ ln softmax(x)ₖ over the observations (and pixels). Mixed or smoothed labels are such targets.
    #[or_panic(soft_cross_entropy)]
    /// [`Error::Shape`] when the shapes differ or have fewer than two axes, or when there is nothing to average.
    pub fn try_soft_cross_entropy(self, target: Var<'t>) -> Result<Var<'t>> {
        let shape = self.shape();
        if shape.rank() < 2 {
            let need = "one score for each class, [n, classes, ..], is needed";
            return Err(self.shape_error("soft_cross_entropy", &[&shape], need));
        }
        overlap::same_shape("soft_cross_entropy", self, target)?;
        (-(self.try_log_softmax(1)? * target)).try_sum_axes(&[1], false)?.try_mean_axes(&[], false)
    },
    [Sample::new("soft_cross_entropy", vec![numbers([3, 4], -2.0, 2.0, 1), numbers([3, 4], 0.1, 0.9, 2)], |x| {
        x[0].soft_cross_entropy(x[1])
    })]
);
