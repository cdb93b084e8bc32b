//! What a step that met a NaN or an infinity says: where it began in the recording, and what to try.

use crate::{Error, Tape, caught::is_own, inspect::NonFinite};

/// The same error; one about a number that is not finite says where in the recording the first one arose.
pub(super) fn explain(error: Error, tape: &Tape) -> Error {
    if !matches!(error, Error::NonFinite { .. }) {
        return error;
    }
    let origin = match tape.first_non_finite() {
        Some(origin) => format!("first, {}", described(&origin, tape)),
        None => format!("the forward pass is finite throughout, so it arose in the backward pass{}", backward(tape)),
    };
    error.help(format!(
        "{origin}; check the inputs, lower the learning rate, or clip the gradients of the steps before \
         (`Trainer::clip_norm`)"
    ))
}

/// Where non-finite numbers began. The inputs of a batch are the first constants of a step, and of the constants that the
/// training loop makes, the others are targets. A line of this crate (its losses, a layer without a network around it) tells
/// a user nothing, and is left out.
fn described(origin: &NonFinite, tape: &Tape) -> String {
    let sentence = origin.to_string();
    if !is_own(origin.line.file()) {
        return sentence;
    }
    let without_line = sentence.strip_suffix(&format!(", at {}", origin.line)).unwrap_or(&sentence);
    let made_of_input = tape.nodes().next().is_some_and(|first| first.line == origin.line);
    match without_line.strip_prefix(&format!("node %{} (constant) ", origin.node)) {
        Some(fault) if made_of_input => format!("input {} of the batch {fault}", origin.node),
        Some(fault) => format!("the target of the batch {fault}"),
        None => without_line.to_owned(),
    }
}

/// The rule that first made a gradient that is not finite, as a clause; "" if none is found. A step ends with its loss: the
/// last number computed.
fn backward(tape: &Tape) -> String {
    let computed = |node: &crate::inspect::NodeView| !node.inputs.is_empty() && node.shape.numel() == 1;
    let loss = tape.nodes().filter(computed).last().map(|node| tape.var(node.index));
    let found = loss.and_then(|loss| loss.detect_anomalies().ok()?.backward);
    found.map(|why| format!(": {why}")).unwrap_or_default()
}
