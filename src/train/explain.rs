//! What a step that met a NaN or an infinity says: where it began in the recording, and what to try.

use crate::{Error, Tape};

/// The same error; one about a number that is not finite says where in the recording the first one arose.
pub(super) fn explain(error: Error, tape: &Tape) -> Error {
    if !matches!(error, Error::NonFinite { .. }) {
        return error;
    }
    let origin = match tape.first_non_finite() {
        Some(origin) => format!("first, {origin}"),
        None => "the forward pass is finite throughout, so it arose in the backward pass".to_owned(),
    };
    error.help(format!(
        "{origin}; check the inputs, lower the learning rate, or clip the gradients of the steps before \
         (`Trainer::clip_norm`)"
    ))
}
