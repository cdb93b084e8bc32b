//! Checkpoints of a run: what is saved after an epoch, and how a run resumes from it.

use std::path::Path;

use super::{Scores, run::Run};
use crate::{Error, FormatProblem, Result, io::Checkpoint};

impl Run<'_, '_> {
    /// Saves a checkpoint after an epoch, if it is due.
    pub fn save(&self, last: bool) -> Result<()> {
        let Some((path, every)) = &self.trainer.save_checkpoints else { return Ok(()) };
        if !self.epoch.is_multiple_of(*every) && !last {
            return Ok(());
        }
        let mut checkpoint = Checkpoint::new(&self.trainer.net.tensors(), self.trainer.optimizer.state());
        (checkpoint.epoch, checkpoint.iteration, checkpoint.seed) = (self.epoch, self.iteration, self.trainer.seed);
        checkpoint.learning_rate = self.trainer.optimizer.learning_rate();
        checkpoint.seconds = self.history.seconds;
        checkpoint.losses = self.history.losses.clone();
        checkpoint.metrics = self.history.metrics.clone();
        checkpoint.validation = self.series();
        checkpoint.best = self.best.clone();
        checkpoint.config = self.trainer.config.clone();
        checkpoint.save(path)
    }

    /// The validations as series by name.
    fn series(&self) -> Vec<(String, Vec<f64>)> {
        let validations = &self.history.validations;
        if validations.is_empty() {
            return Vec::new();
        }
        let series =
            |name: &str, value: &dyn Fn(&Scores) -> f64| (name.to_owned(), validations.iter().map(value).collect());
        let mut all = vec![series("epoch", &|scores| scores.epoch as f64), series("loss", &|scores| scores.loss)];
        let metrics = self.history.metrics.iter().enumerate();
        all.extend(metrics.map(|(k, (name, _))| series(&format!("metric.{name}"), &|scores| scores.metrics[k])));
        all
    }

    /// Restores the network, the optimizer and the history from a checkpoint of the same run.
    pub fn resume(&mut self, path: &Path) -> Result<()> {
        let saved = Checkpoint::load(path)?;
        let differs = |name, value: String| {
            let of = format!("resuming from {}", path.display());
            Err(Error::setting(&of, name, value, "what it was when the run was started"))
        };
        let trainer = &mut *self.trainer;
        if saved.seed != trainer.seed {
            return differs("seed", format!("{} (it was {})", trainer.seed, saved.seed));
        }
        if saved.config != trainer.config {
            return differs("settings", format!("{} (they were {})", trainer.config, saved.config));
        }
        let names = |series: &[(String, Vec<f64>)]| series.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        if saved.iteration > 0 && names(&saved.metrics) != names(&self.history.metrics) {
            let list = |names: Vec<String>| if names.is_empty() { "none".into() } else { names.join(", ") };
            let (now, then) = (list(names(&self.history.metrics)), list(names(&saved.metrics)));
            return differs("metrics", format!("{now} (they were {then})"));
        }
        let keep_best = trainer.validation.as_ref().is_some_and(|validation| validation.keep_best);
        if keep_best && saved.best.is_empty() && !saved.validation.is_empty() {
            return differs("best weights", "to be kept (they were not)".into());
        }
        let malformed =
            |problem: &str| Err(Error::Format { path: path.to_owned(), problem: FormatProblem::Other(problem.into()) });
        let uneven = |(_, values): &(String, Vec<f64>)| values.len() != saved.losses.len();
        if saved.losses.len() as u64 != saved.iteration || saved.metrics.iter().any(uneven) {
            return malformed("its losses and metrics are not one for each iteration");
        }
        let validations = saved.validation.first().map_or(0, |(_, values)| values.len());
        let columns = saved.validation.len();
        if (columns != 0 && columns != saved.metrics.len() + 2)
            || saved.validation.iter().any(|(_, values)| values.len() != validations)
        {
            return malformed("its validations do not have a loss and each metric");
        }
        saved.restore(&trainer.net.tensors(), |state| trainer.optimizer.load_state(state))?;
        let scores = |k: usize| {
            let at = |column: usize| saved.validation[column].1[k];
            Scores { epoch: at(0) as usize, loss: at(1), metrics: (2..columns).map(at).collect() }
        };
        self.history.validations = (0..validations).map(scores).collect();
        let best = self.decisive.and_then(|decisive| decisive.best(&self.history.validations));
        self.history.best = best.map(|place| self.history.validations[place].epoch);
        (self.epoch, self.iteration) = (saved.epoch, saved.iteration);
        self.history.losses = saved.losses;
        if saved.iteration > 0 {
            self.history.metrics = saved.metrics;
        }
        self.history.seconds = saved.seconds;
        self.best = saved.best;
        Ok(())
    }
}
