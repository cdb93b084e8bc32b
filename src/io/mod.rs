//! Files: weights, checkpoints of training runs, and logs.
//!
//! Weights are stored as [safetensors](https://huggingface.co/docs/safetensors) under the names that PyTorch gives
//! them, so that they can be exchanged with it. Every file is written to a temporary file first, which is renamed when
//! it is complete ([`atomic_write`]); every file that is read is checked as a whole before any parameter changes.
//!
//! What may not live here: anything that knows of layers, optimizers or the training loop. This module knows only
//! parameters and named tensors.

mod checkpoint;
mod json;
mod lock;
mod tensors;
mod weights;

pub use crate::{Unmatched, atomic::write as atomic_write};
pub use checkpoint::Checkpoint;
pub use json::write_json;
pub use lock::Lock;
pub use tensors::{TensorFile, load_tensors};
pub use weights::{load, load_partial, save};
