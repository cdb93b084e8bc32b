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
    /// The layer that panicked, by its path in the network: "encoder.0"; "" outside of every named layer, or where the
    /// message names it.
    pub layer: String,
    /// The message of the panic.
    pub why: String,
    /// The file, line and column of the panic; "" where it is a line of this crate, or not known.
    pub at: String,
}

impl std::fmt::Display for NetworkFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let inputs = if self.shapes.len() == 1 { "input" } else { "inputs" };
        write!(f, "the network failed on {}, with the {inputs} {}: {}", self.batch, list(&self.shapes), self.why)?;
        match (&*self.layer, &*self.at) {
            ("", "") => Ok(()),
            ("", at) => write!(f, ", at {at}"),
            (layer, "") => write!(f, " (in layer {layer})"),
            (layer, at) => write!(f, " (in layer {layer}, at {at})"),
        }
    }
}
