//! The two halves of a training step, as the [`Trainer`](super::Trainer) and the [`Solver`](super::Solver) make it:
//! the loss of a batch, and the update by its gradients.

use super::{
    Batch,
    measure::{Loss, outputs},
};
use crate::{
    Error, Gradients, Mode, Result, Tape, Var, inspect::NodeView, nn::Layer, optim::Optimizer, optim::clip_norm,
};

/// The outputs of the network for a batch in training mode, with their loss and its number; `iteration` names it in an
/// error: "iteration 3".
pub(super) fn forward<'t>(
    net: &dyn Layer,
    tape: &'t Tape,
    (loss, batch): (&Loss<'_>, &Batch),
    iteration: impl Fn() -> String,
) -> Result<(Vec<Var<'t>>, Var<'t>, f64)> {
    tape.set_mode(Mode::Train);
    let y = outputs(net, tape, batch, || format!("the batch of {}", iteration()))?;
    let loss = loss(&y, batch)?;
    if loss.numel() != 1 {
        return Err(Error::NotScalar { shape: loss.shape() });
    }
    let value = loss.item();
    match value.is_finite() {
        true => Ok((y, loss, value)),
        false => Err(Error::non_finite(format!("the loss of {}", iteration()), 0, value)),
    }
}

/// Clips the gradients, divides them by the number of passes that they are the sum of, and updates the parameters.
pub(super) fn update(
    optimizer: &mut dyn Optimizer,
    (gradients, passes): (&mut Gradients, usize),
    clip: Option<f64>,
    learning_rate: f64,
) -> Result<()> {
    if let Some(limit) = clip {
        clip_norm(gradients, optimizer.params(), limit)?;
    }
    if passes > 1 {
        gradients.scale(1.0 / passes as f64);
    }
    optimizer.set_learning_rate(learning_rate)?;
    optimizer.step(gradients)
}

/// An error for a trainable parameter on the tape that the network does not list, and that would not be trained.
pub(super) fn all_listed(net: &dyn Layer, tape: &Tape) -> Result<()> {
    let listed: Vec<usize> = net.tensors().iter().map(|param| tape.watch(param).index()).collect();
    let unlisted = |node: &NodeView| node.op == "leaf" && node.name.is_some() && !listed.contains(&node.index);
    let Some(node) = tape.nodes().find(unlisted) else { return Ok(()) };
    let name = node.full_name().unwrap_or_default();
    let value = format!("without `{name}`, which the forward pass uses at {}", node.line);
    let must = "all that is to be trained: return it from `Layer::params`, or call `set_trainable(false)` on it";
    Err(Error::setting("the network", "params", value, must))
}
