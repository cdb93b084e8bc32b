//! The loop: forward, loss, backward, step, once for each batch.
//!
//! A run is a function of the network's initial values, the batches and the settings. Checkpoints are saved after whole
//! epochs, and a run that resumes from one performs exactly the operations of an uninterrupted run, bit for bit. (For
//! that, a layer that draws random numbers must keep count of its draws in its `state`.)

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

use super::{History, Iteration, Source, evaluate::batch_accuracy, explain::explain, report::Report};
use crate::{
    DType, Error, FormatProblem, Mode, Result, Rule, Tape, Tensor,
    io::Checkpoint,
    nn::Layer,
    optim::{Optimizer, Schedule, clip_norm},
};

type Hook<'a> = Box<dyn FnMut(&Iteration) -> Result<()> + 'a>;

/// Trains a classifier with the mean cross-entropy of its logits.
///
/// ```
/// use wengert::{Tensor, nn::{Layer, Linear}, optim::Sgd, train::{Trainer, accuracy}};
/// let images = Tensor::from([[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.8, 0.1]]);
/// let labels = vec![0, 1, 0, 1];
/// let net = Linear::new(2, 2, 0);
/// let mut optimizer = Sgd::new(&net.params(), 0.5)?.momentum(0.9)?;
/// let mut table = Vec::new();
/// let history = Trainer::new(&net, &mut optimizer)
///     .epochs(20)
///     .output(&mut table)
///     .fit(&mut (1, |_| std::iter::once((images.clone(), labels.clone()))))?;
/// assert_eq!(history.losses.len(), 20);
/// assert!(history.losses[19] < 0.5 * history.losses[0]);
/// assert_eq!(accuracy(&net, &images, &labels, 128)?, 1.0);
/// # Ok::<(), wengert::Error>(())
/// ```
pub struct Trainer<'a> {
    net: &'a dyn Layer,
    optimizer: &'a mut dyn Optimizer,
    epochs: usize,
    schedule: Schedule,
    rule: Rule,
    dtype: DType,
    clip: Option<f64>,
    seed: u64,
    config: serde_json::Value,
    save_checkpoints: Option<(PathBuf, usize)>,
    resume_from: Option<PathBuf>,
    output: Option<Box<dyn Write + 'a>>,
    every: u64,
    progress: bool,
    hook: Option<Hook<'a>>,
}

impl<'a> Trainer<'a> {
    /// A run of one epoch in the precision of the network's first parameter, with the optimizer's learning rate, that
    /// prints nothing.
    pub fn new(net: &'a dyn Layer, optimizer: &'a mut dyn Optimizer) -> Self {
        let dtype = net.params().first().map_or(DType::F32, |param| param.dtype());
        Trainer {
            net,
            optimizer,
            epochs: 1,
            schedule: Schedule::Constant,
            rule: Rule::default(),
            dtype,
            clip: None,
            seed: 0,
            config: serde_json::Value::Null,
            save_checkpoints: None,
            resume_from: None,
            output: None,
            every: 50,
            progress: false,
            hook: None,
        }
    }

    /// Sets the number of epochs (at least 1), including those before the run was resumed.
    pub fn epochs(self, epochs: usize) -> Self {
        Trainer { epochs, ..self }
    }

    /// Sets the schedule of the learning rate. It starts from the optimizer's own, which the optimizer has again after
    /// the run.
    pub fn schedule(self, schedule: Schedule) -> Self {
        Trainer { schedule, ..self }
    }

    /// Sets whether hand-written rules or the tape's own are used.
    pub fn rule(self, rule: Rule) -> Self {
        Trainer { rule, ..self }
    }

    /// Sets the precision of the tape.
    pub fn dtype(self, dtype: DType) -> Self {
        Trainer { dtype, ..self }
    }

    /// Clips the norm of all gradients together; see [`clip_norm`].
    pub fn clip_norm(self, limit: f64) -> Self {
        Trainer { clip: Some(limit), ..self }
    }

    /// Sets the seed and the settings that checkpoints keep: a run resumes only from a checkpoint with the same. (Leave
    /// out what may differ, such as the number of epochs.)
    pub fn settings(self, seed: u64, config: serde_json::Value) -> Self {
        Trainer { seed, config, ..self }
    }

    /// Saves a [`Checkpoint`] to `path` after every `epochs` epochs (at least 1), and after the last.
    pub fn save_checkpoints(self, path: impl Into<PathBuf>, epochs: usize) -> Self {
        Trainer { save_checkpoints: Some((path.into(), epochs.max(1))), ..self }
    }

    /// Resumes from the checkpoint at `path`.
    pub fn resume_from(self, path: impl Into<PathBuf>) -> Self {
        Trainer { resume_from: Some(path.into()), ..self }
    }

    /// Prints the [`Table`](super::Table) to `output`.
    pub fn output(self, output: impl Write + 'a) -> Self {
        Trainer { output: Some(Box::new(output)), ..self }
    }

    /// Prints a row of the table every so many iterations (50 by default; at least 1).
    pub fn rows_every(self, every: u64) -> Self {
        Trainer { every: every.max(1), ..self }
    }

    /// Shows a progress bar on standard error, where that is a terminal.
    pub fn progress(self, progress: bool) -> Self {
        Trainer { progress, ..self }
    }

    /// Calls `hook` after each iteration; an error from it ends the run.
    pub fn on_iteration(self, hook: impl FnMut(&Iteration) -> Result<()> + 'a) -> Self {
        Trainer { hook: Some(Box::new(hook)), ..self }
    }

    /// Trains.
    ///
    /// # Errors
    /// - [`Error::NonFinite`] when a loss or a gradient is NaN or infinite, with the operation in which that began. Its
    ///   step is not made, and the last checkpoint is whole.
    /// - [`Error::Setting`] for bad settings, and for a checkpoint with another seed or other settings.
    /// - [`Error::Empty`] when an epoch has no batch.
    /// - [`Error::File`] when the table cannot be written.
    /// - All errors of loading and saving checkpoints, of the labels, of `backward`, of the optimizer and of the hook.
    ///
    /// # Panics
    /// When the images do not have the shape that the network needs.
    pub fn fit(mut self, source: &mut dyn Source<'_>) -> Result<History> {
        let base = self.optimizer.learning_rate();
        let result = self.run(source, base);
        self.optimizer.set_learning_rate(base)?;
        result
    }

    fn run(&mut self, source: &mut dyn Source<'_>, base: f64) -> Result<History> {
        self.schedule.check()?;
        if self.epochs == 0 {
            return Err(Error::setting("trainer", "epochs", 0, "at least 1"));
        }
        let (first, mut iteration, mut history) = match self.resume_from.take() {
            Some(path) => self.load(&path)?,
            None => (0, 0, History::default()),
        };
        let (before, start) = (history.seconds, Instant::now());
        let total = (self.epochs * source.per_epoch()) as u64;
        let mut report = Report::new(self.output.take(), self.progress.then_some(total), iteration);
        let mut tape = Tape::with_dtype(self.dtype);
        tape.set_rule(self.rule);
        report.begin()?;
        for epoch in first..self.epochs {
            let (mut rows, count) = (None, history.losses.len());
            for (images, labels) in source.epoch(epoch) {
                let learning_rate = self.schedule.learning_rate(base, iteration);
                iteration += 1;
                let at = Place { epoch: epoch + 1, iteration };
                let done = self.step(&mut tape, images, &labels, learning_rate, at);
                let (loss, accuracy) = done.map_err(|error| explain(error, &tape))?;
                history.losses.push(loss);
                history.batch_accuracies.push(accuracy);
                history.seconds = before + start.elapsed().as_secs_f64();
                let seconds = history.seconds;
                let done = Iteration { epoch: epoch + 1, number: iteration, seconds, loss, accuracy, learning_rate };
                report.advance();
                rows = Some(done);
                if iteration == 1 || iteration.is_multiple_of(self.every) {
                    report.row(&done)?;
                    rows = None;
                }
                if let Some(hook) = &mut self.hook {
                    hook(&done)?;
                }
            }
            if history.losses.len() == count {
                let what = format!("epoch {} of the source of batches", epoch + 1);
                return Err(Error::Empty { what, need: "an epoch needs at least one batch" });
            }
            if let Some(last) = rows.filter(|_| epoch + 1 == self.epochs) {
                report.row(&last)?;
            }
            self.save(epoch + 1, iteration, &history)?;
        }
        report.end()?;
        Ok(history)
    }

    /// One iteration: the loss and the accuracy of the batch.
    fn step(
        &mut self,
        tape: &mut Tape,
        images: Tensor,
        labels: &[usize],
        learning_rate: f64,
        at: Place,
    ) -> Result<(f64, f64)> {
        tape.reset();
        tape.set_mode(Mode::Train);
        let logits = self.net.forward(tape.constant(images));
        let loss = logits.try_cross_entropy(labels)?;
        let value = loss.item();
        if !value.is_finite() {
            let what = format!("the loss of iteration {} (epoch {})", at.iteration, at.epoch);
            return Err(Error::non_finite(what, 0, value));
        }
        let accuracy = batch_accuracy(&logits.value(), labels)?;
        let mut gradients = loss.backward()?;
        if let Some(limit) = self.clip {
            clip_norm(&mut gradients, self.optimizer.params(), limit)?;
        }
        self.optimizer.set_learning_rate(learning_rate)?;
        self.optimizer.step(&gradients)?;
        Ok((value, accuracy))
    }

    fn save(&self, epoch: usize, iteration: u64, history: &History) -> Result<()> {
        let Some((path, every)) = &self.save_checkpoints else { return Ok(()) };
        if !epoch.is_multiple_of(*every) && epoch != self.epochs {
            return Ok(());
        }
        let mut checkpoint = Checkpoint::new(&self.net.tensors(), self.optimizer.state());
        (checkpoint.epoch, checkpoint.iteration, checkpoint.seed) = (epoch, iteration, self.seed);
        (checkpoint.learning_rate, checkpoint.seconds) = (self.optimizer.learning_rate(), history.seconds);
        checkpoint.losses = history.losses.clone();
        checkpoint.batch_accuracies = history.batch_accuracies.clone();
        checkpoint.config = self.config.clone();
        checkpoint.save(path)
    }

    /// Restores the network and the optimizer; returns the epochs and iterations made so far, and their history.
    fn load(&mut self, path: &Path) -> Result<(usize, u64, History)> {
        let saved = Checkpoint::load(path)?;
        let differs = |name, value: String| {
            let of = format!("resuming from {}", path.display());
            Err(Error::setting(&of, name, value, "what it was when the run was started"))
        };
        if saved.seed != self.seed {
            return differs("seed", format!("{} (it was {})", self.seed, saved.seed));
        }
        if saved.config != self.config {
            return differs("settings", format!("{} (they were {})", self.config, saved.config));
        }
        if saved.losses.len() as u64 != saved.iteration || saved.batch_accuracies.len() != saved.losses.len() {
            let problem = FormatProblem::Other("its losses and accuracies are not one for each iteration".into());
            return Err(Error::Format { path: path.to_owned(), problem });
        }
        saved.restore(&self.net.tensors(), |state| self.optimizer.load_state(state))?;
        let Checkpoint { losses, batch_accuracies, seconds, .. } = saved;
        Ok((saved.epoch, saved.iteration, History { losses, batch_accuracies, seconds }))
    }
}

/// Where in the run an iteration is, for errors.
#[derive(Clone, Copy)]
struct Place {
    epoch: usize,
    iteration: u64,
}
