//! The training loop, and the evaluation of a trained network.
//!
//! A [`Trainer`] trains a network on a [`Source`] of batches with any loss, validates it, prints the table of losses,
//! saves checkpoints and resumes from them. It does nothing that you could not write yourself: for a classifier, its
//! loop is
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
//! A [`Solver`] makes the same steps one at a time, or part by part: forward, backward, update.
//!
//! [`Trainer::watch`] looks at activations, gradients and steps while a network trains, and [`Trainer::chart`] draws the loss
//! on the terminal. When a loss jumps or becomes NaN, [`Trainer::replay`] repeats that iteration, bit for bit, and hands out
//! its tape and gradients.
//!
//! Before training, [`Trainer::diagnose`] tells what would keep the network from learning. Afterwards, [`predict`],
//! [`infer`], [`accuracy`] and [`confusion`] tell how good the network is, and
//! [`finalize_statistics`] replaces running averages by the statistics of the whole training set. [`Verification`] and
//! [`ClassAngles`] measure embeddings.
//!
//! What may not live here: losses, layers, update formulas.

mod angles;
mod batch;
mod chart;
mod diagnose;
mod evaluate;
mod explain;
mod history;
mod loader;
mod measure;
mod replay;
mod report;
mod resume;
mod run;
mod snapshot;
mod solver;
mod source;
mod step;
mod table;
mod trainer;
mod validation;
mod verification;
mod watch;
#[cfg(feature = "plot")]
mod watch_figures;

pub use angles::ClassAngles;
pub use batch::{Batch, Inputs};
pub use diagnose::{Budget, Diagnosis, Finding, Overfit};
pub use evaluate::{accuracy, confusion, finalize_statistics, infer, predict};
pub use history::{History, Iteration, Scores};
pub use loader::DataLoader;
pub use measure::{cross_entropy, mean_squared_error, share_correct};
pub use replay::Replay;
pub use solver::Solver;
pub use source::Source;
pub use table::Table;
pub use trainer::Trainer;
pub use validation::{Monitor, Validation};
pub use verification::{Pair, RocPoint, Verification, draw_pairs, pairs};
pub use watch::{DECADES, LayerSample, ParamSample, Sample, Spread, Watch};
