//! Files: weights, checkpoints and logs.
//!
//! Weights are kept as [safetensors](https://huggingface.co/docs/safetensors) under the names that PyTorch gives them, so
//! they can be exchanged with it. Every write goes to a temporary file that is renamed when it is complete
//! ([`atomic_write`]); every read is checked as a whole before the first number reaches a parameter.
//!
//! What may not live here: anything that knows of layers, optimizers or the training loop. Parameters and named tensors
//! are all that this module sees.

mod checkpoint;
mod json;
mod tensors;
mod weights;

pub use crate::atomic::write as atomic_write;
pub use checkpoint::Checkpoint;
pub use json::write_json;
pub use tensors::{TensorFile, load_tensors};
pub use weights::{load, save};
