//! A network that failed on a batch: one of its layers panicked, and the training loop caught it.

use super::sentence::list;
use crate::tensor::shape::Shape;

/// What a network failed on, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkFault {
    /// The batch: "the batch of iteration 3 (epoch 1)".
    pub batch: String,
    /// The shapes of its inputs, in order.
    pub shapes: Vec<Shape>,
    /// The message of the panic.
    pub why: String,
    /// The file, line and column of the panic; "" where it is a line of this crate, or not known.
    pub at: String,
}

impl std::fmt::Display for NetworkFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let inputs = if self.shapes.len() == 1 { "input" } else { "inputs" };
        write!(f, "the network failed on {}, with the {inputs} {}: {}", self.batch, list(&self.shapes), self.why)?;
        if self.at.is_empty() { Ok(()) } else { write!(f, ", at {}", self.at) }
    }
}
