//! Snapshots of a solver: what it saves every so many iterations, and how it goes on from one.

use std::path::{Path, PathBuf};

use super::Solver;
use crate::{Error, FormatProblem, Result, io::Checkpoint};

/// The entry of a snapshot's settings with the number of batches of the epoch that were read.
const READ: &str = "solver.batches_read";

impl Solver<'_> {
    /// Saves a snapshot after every so many iterations (at least 1), to `PREFIX_iter_N.safetensors`: Caffe's
    /// `snapshot_prefix`. It holds network, optimizer, losses and the place in the data.
    pub fn snapshots(mut self, prefix: impl Into<PathBuf>, every: u64) -> Self {
        self.snapshots = Some((prefix.into(), every.max(1)));
        self
    }

    /// Saves a snapshot now, and returns its path.
    ///
    /// # Errors
    /// [`Error::Setting`] without a prefix, otherwise as [`Checkpoint::save`].
    pub fn snapshot(&self) -> Result<PathBuf> {
        let Some((prefix, _)) = &self.snapshots else {
            return Err(Error::setting("solver", "snapshots", "no prefix", "given a prefix with `Solver::snapshots`"));
        };
        let mut name = prefix.clone().into_os_string();
        name.push(format!("_iter_{}.safetensors", self.iteration));
        let path = PathBuf::from(name);
        let mut checkpoint = Checkpoint::new(&self.net.tensors(), self.optimizer.state());
        (checkpoint.epoch, checkpoint.iteration) = (self.position.0, self.iteration);
        checkpoint.learning_rate = self.optimizer.learning_rate();
        checkpoint.losses = self.losses.clone();
        checkpoint.config = serde_json::json!({ READ: self.position.1 });
        checkpoint.save(&path)?;
        Ok(path)
    }

    /// Goes on from a snapshot: the network, the optimizer and the place in the data are as they were.
    ///
    /// # Errors
    /// [`Error::Format`] for a checkpoint that no solver has saved, otherwise as [`Checkpoint::load`] and
    /// [`Checkpoint::restore`]. Then nothing is changed.
    pub fn restore(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let saved = Checkpoint::load(path)?;
        let malformed =
            |problem: &str| Err(Error::Format { path: path.to_owned(), problem: FormatProblem::Other(problem.into()) });
        let Some(read) = saved.config.get(READ).and_then(serde_json::Value::as_u64) else {
            return malformed("it is a checkpoint, but not a snapshot of a solver");
        };
        if saved.losses.len() as u64 != saved.iteration {
            return malformed("its losses are not one for each iteration");
        }
        if read > self.per_epoch() as u64 {
            return malformed("more batches of its epoch were read than there are in the source");
        }
        saved.restore(&self.net.tensors(), |state| self.optimizer.load_state(state))?;
        (self.iteration, self.losses) = (saved.iteration, saved.losses);
        self.go_to((saved.epoch, read as usize));
        Ok(())
    }
}
