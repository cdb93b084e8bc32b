//! Losses and metrics: what is computed from the outputs of a network and a batch.

use super::{Batch, Scores, Source, evaluate::share_right};
use crate::{
    Error, Mode, NetworkFault, Result, Tape, Tensor, Var,
    caught::{Panic, Print, is_own, located},
    nn::Layer,
};

/// From the outputs of the network, on their tape, to the number that is minimized.
pub(super) type Loss<'a> = Box<dyn for<'t> Fn(&[Var<'t>], &Batch) -> Result<Var<'t>> + 'a>;

/// A name, and a function from the outputs of the network to a mean over the observations of the batch.
pub(super) type Metric<'a> = (String, Box<dyn Fn(&[Tensor], &Batch) -> Result<f64> + 'a>);

/// The mean cross-entropy of logits `[n, classes]` and the labels of a batch: the loss of a [`Trainer`](super::Trainer)
/// that is given no other.
///
/// # Errors
/// As [`Var::try_cross_entropy`]; [`Error::Empty`] for a batch with targets in place of labels.
pub fn cross_entropy<'t>(outputs: &[Var<'t>], batch: &Batch) -> Result<Var<'t>> {
    if batch.labels.is_empty() && !batch.targets.is_empty() {
        let need = "the batch has targets, but the default loss is cross-entropy, which takes labels; \
                    give `.loss(mean_squared_error)` or another";
        return Err(Error::Empty { what: "the list of labels of the batch".into(), need });
    }
    only(outputs)?.try_cross_entropy(&batch.labels)
}

/// The mean squared error of an output and the target of a batch.
///
/// # Errors
/// As [`Var::try_mse_loss`]; [`Error::Empty`] for a batch without a target.
pub fn mean_squared_error<'t>(outputs: &[Var<'t>], batch: &Batch) -> Result<Var<'t>> {
    let y = only(outputs)?;
    let Some(target) = batch.targets.first() else {
        let need = "the mean squared error compares the output with the first of them";
        return Err(Error::Empty { what: "the list of targets of the batch".into(), need });
    };
    y.try_mse_loss(y.tape().constant(target))
}

/// The fraction of the rows of logits `[n, classes]` with the largest entry at the label, from 0 to 1: a metric.
///
/// # Errors
/// [`Error::Shape`] when the network does not return logits.
pub fn share_correct(outputs: &[Tensor], batch: &Batch) -> Result<f64> {
    share_right(only(outputs)?, &batch.labels)
}

/// The one output of a network.
fn only<T: Clone>(outputs: &[T]) -> Result<T> {
    match outputs {
        [y] => Ok(y.clone()),
        _ => Err(Error::setting("the network", "outputs", outputs.len(), "one, for this loss or metric")),
    }
}

/// The inputs of a batch on a tape, as its first nodes, and what the network makes of them; `what` names the batch in an
/// error.
pub(super) fn outputs<'t>(
    net: &dyn Layer,
    tape: &'t Tape,
    batch: &Batch,
    what: impl FnOnce() -> String,
) -> Result<Vec<Var<'t>>> {
    if batch.is_empty() {
        return Err(Error::Empty { what: "a batch".into(), need: "a batch needs at least one observation" });
    }
    let x: Vec<Var<'t>> = batch.inputs.iter().map(|x| tape.constant(x)).collect();
    pass(net, &x, what)
}

/// What a network makes of its inputs; a panic in one of its layers is an error.
pub(super) fn pass<'t>(net: &dyn Layer, x: &[Var<'t>], what: impl FnOnce() -> String) -> Result<Vec<Var<'t>>> {
    let tape = x.first().map(|x| x.tape());
    let unwound = || tape.and_then(Tape::take_unwound);
    unwound();
    located(Print::WithBacktrace, || net.forward_all(x)).map_err(|Panic { message: why, at }| {
        // The error of an operation names the layer itself.
        let layer = unwound().filter(|layer| !why.contains(&format!("in layer {layer}"))).unwrap_or_default();
        let at = at.filter(|at| !is_own(&at.file)).map(|at| at.to_string()).unwrap_or_default();
        let shapes = x.iter().map(|x| x.shape()).collect();
        Error::Network(Box::new(NetworkFault { batch: what(), shapes, layer, why, at }))
    })
}

/// The mean loss and metrics over the batches of one epoch of `source`, in evaluation mode.
pub(super) fn validate(
    (net, tape): (&dyn Layer, &mut Tape),
    source: &mut dyn Source<'_>,
    loss: &Loss<'_>,
    metrics: &[Metric<'_>],
    epoch: usize,
) -> Result<Scores> {
    let mut sums = Scores { epoch, loss: 0.0, metrics: vec![0.0; metrics.len()] };
    let mut count = 0.0;
    for batch in source.epoch(0) {
        tape.reset();
        tape.set_mode(Mode::Eval);
        let n = batch.len() as f64;
        tape.no_grad(|| {
            let y = outputs(net, tape, &batch, || format!("a batch of the validation after epoch {epoch}"))?;
            sums.loss += n * loss(&y, &batch)?.item();
            let values: Vec<Tensor> = y.iter().map(|y| y.value()).collect();
            for (sum, (_, metric)) in sums.metrics.iter_mut().zip(metrics) {
                *sum += n * metric(&values, &batch)?;
            }
            Ok::<(), Error>(())
        })?;
        count += n;
    }
    if count == 0.0 {
        return Err(Error::Empty { what: "the validation set".into(), need: "it needs at least one batch" });
    }
    sums.loss /= count;
    sums.metrics.iter_mut().for_each(|sum| *sum /= count);
    Ok(sums)
}
