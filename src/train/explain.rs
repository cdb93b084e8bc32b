//! What a step that met a NaN or an infinity says: where it began in the recording, and what to try.

use crate::{Error, Tape};

/// The same error; one about a number that is not finite says where in the recording the first one arose.
pub(super) fn explain(error: Error, tape: &Tape) -> Error {
    if !matches!(error, Error::NonFinite { .. }) {
        return error;
    }
    let origin = match tape.first_non_finite() {
        Some(origin) => format!("first, {origin}"),
        None => format!("the forward pass is finite throughout, so it arose in the backward pass{}", backward(tape)),
    };
    error.help(format!(
        "{origin}; check the inputs, lower the learning rate, or clip the gradients of the steps before \
         (`Trainer::clip_norm`)"
    ))
}

/// The rule that first made a gradient that is not finite, as a clause; "" if none is found. A step ends with its loss: the
/// last number computed.
fn backward(tape: &Tape) -> String {
    let computed = |node: &crate::inspect::NodeView| !node.inputs.is_empty() && node.shape.numel() == 1;
    let loss = tape.nodes().filter(computed).last().map(|node| tape.var(node.index));
    let found = loss.and_then(|loss| loss.detect_anomalies().ok()?.backward);
    found.map(|why| format!(": {why}")).unwrap_or_default()
}
