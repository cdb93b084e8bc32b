//! The training loop, and what is asked of a trained network.
//!
//! A [`Trainer`] runs a classifier over a [`Source`] of batches, prints the table of losses, and writes and takes up
//! checkpoints. It does nothing that the public API does not offer: its loop is
//!
//! ```text
//! for each batch:
//!     tape.reset();
//!     let logits = net.forward(tape.constant(images));
//!     let loss = logits.cross_entropy(&labels);
//!     optimizer.set_learning_rate(schedule.learning_rate(base, iteration))?;
//!     optimizer.step(&loss.backward()?)?;
//! ```
//!
//! Afterwards, [`predict`], [`accuracy`] and [`confusion`] tell how good the network is, and [`finalize_statistics`] replaces
//! running averages by the statistics of the whole training set.
//!
//! What may not live here: losses, layers, update formulas.

mod evaluate;
mod report;
mod source;
mod table;
mod trainer;

pub use evaluate::{accuracy, confusion, finalize_statistics, predict};
pub use source::Source;
pub use table::Table;
pub use trainer::{History, Iteration, Trainer};
