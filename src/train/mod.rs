//! The training loop, and the evaluation of a trained network.
//!
//! A [`Trainer`] trains a classifier on a [`Source`] of batches, prints the table of losses, saves checkpoints and
//! resumes from them. It does nothing that you could not write yourself: its loop is
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
//! Afterwards, [`predict`], [`accuracy`] and [`confusion`] tell how good the network is, and [`finalize_statistics`]
//! replaces running averages by the statistics of the whole training set.
//!
//! What may not live here: losses, layers, update formulas.

mod evaluate;
mod explain;
mod history;
mod report;
mod source;
mod table;
mod trainer;

pub use evaluate::{accuracy, confusion, finalize_statistics, predict};
pub use history::{History, Iteration};
pub use source::Source;
pub use table::Table;
pub use trainer::Trainer;
