//! The loop: forward, loss, backward, step, once for each batch.
//!
//! A run is a function of the network's initial values, the batches and the settings. Checkpoints are saved after whole
//! epochs, and a run that resumes from one performs exactly the operations of an uninterrupted run, bit for bit. (For
//! that, a layer that draws random numbers must keep count of its draws in its `state`.)

use std::{ops::ControlFlow, time::Instant};

use super::{
    Batch, History, Iteration, Monitor, Source, Trainer,
    explain::explain,
    measure::{Loss, cross_entropy, share_correct, validate},
    replay::to_open,
    report::Report,
    step,
    validation::Decisive,
    watch::Before,
};
use crate::{Error, Param, Result, Tape, Tensor, io::Lock};

impl Trainer<'_> {
    /// Trains.
    ///
    /// # Errors
    /// - [`Error::NonFinite`](crate::Error::NonFinite) when a loss is NaN or infinite. Its step is not made, and the last
    ///   checkpoint is whole.
    /// - [`Error::NotScalar`](crate::Error::NotScalar) when the loss is not one number.
    /// - [`Error::Setting`](crate::Error::Setting) for bad settings, for a parameter in use that the network does not list,
    ///   and for a checkpoint with another seed or other settings.
    /// - [`Error::Empty`](crate::Error::Empty) when an epoch has no batch, or a batch no observation.
    /// - [`Error::File`](crate::Error::File) when the table cannot be written, and when another run saves its checkpoints
    ///   to the same path.
    /// - [`Error::Network`](crate::Error::Network) when a layer panics, as it does on inputs of other shapes than it needs.
    /// - All errors of loading and saving checkpoints, of the loss and the metrics, of `backward`, of the optimizer and of
    ///   the hooks.
    pub fn fit(self, source: &mut dyn Source<'_>) -> Result<History> {
        let (mut trainer, loss) = self.with_defaults();
        let checkpoint = trainer.save_checkpoints.as_ref();
        let _lock = checkpoint.map(|(path, _)| Lock::new(path)).transpose()?;
        let base = trainer.optimizer.learning_rate();
        let result = Run::new(&mut trainer, &loss, base).and_then(|run| run.fit(source));
        trainer.optimizer.set_learning_rate(base)?;
        result
    }
}

impl<'a> Trainer<'a> {
    /// The trainer with the metric that it has by default, and its loss.
    pub(super) fn with_defaults(mut self) -> (Self, Loss<'a>) {
        if self.loss.is_none() && self.metrics.is_empty() {
            self = self.metric("accuracy", share_correct);
        }
        let loss = self.loss.take().unwrap_or_else(|| Box::new(cross_entropy));
        (self, loss)
    }
}

/// A run on its way.
pub(super) struct Run<'r, 'a> {
    pub trainer: &'r mut Trainer<'a>,
    pub loss: &'r Loss<'a>,
    /// The learning rate that the schedule starts from.
    pub base: f64,
    pub tape: Tape,
    pub history: History,
    /// The tensors of the network after its best epoch, by name.
    pub best: Vec<(String, Tensor)>,
    /// The finished epochs.
    pub epoch: usize,
    pub iteration: u64,
    /// Whether the network is known to list every parameter that it uses.
    listed: bool,
    pub decisive: Option<Decisive>,
}

impl<'r, 'a> Run<'r, 'a> {
    /// A run at its start, or where its checkpoint left it.
    pub fn new(trainer: &'r mut Trainer<'a>, loss: &'r Loss<'a>, base: f64) -> Result<Self> {
        trainer.schedule.check()?;
        if trainer.epochs == 0 {
            return Err(Error::setting("trainer", "epochs", 0, "at least 1"));
        }
        let tape = Tape::with_dtype(trainer.dtype);
        tape.set_rule(trainer.rule);
        tape.set_profiling(trainer.profile.is_some());
        let names: Vec<&str> = trainer.metrics.iter().map(|(name, _)| &**name).collect();
        let decisive = trainer.validation.as_ref().map(|validation| validation.decisive(&names)).transpose()?;
        let metrics = names.iter().map(|&name| (name.to_owned(), Vec::new())).collect();
        let history = History { metrics, ..History::default() };
        let resumed = trainer.resume_from.take();
        let mut run = Run {
            trainer,
            loss,
            base,
            tape,
            history,
            best: Vec::new(),
            epoch: 0,
            iteration: 0,
            listed: false,
            decisive,
        };
        if let Some(path) = resumed {
            run.resume(&path)?;
        }
        Ok(run)
    }

    /// The epochs that are left.
    pub fn fit(mut self, source: &mut dyn Source<'_>) -> Result<History> {
        let (before, start) = (self.history.seconds, Instant::now());
        let total = (self.trainer.epochs * source.per_epoch()) as u64;
        let bar = self.trainer.progress.then_some(total);
        let metric = self.trainer.metrics.first().map(|(name, _)| name.clone());
        // A row may be the last before a validation, which belongs into it, so it waits for what comes next.
        let validated = self.trainer.validation.is_some();
        let report = Report::new(self.trainer.output.take(), (metric, validated), (bar, self.iteration));
        let mut report = report.chart(self.trainer.chart);
        report.begin()?;
        while self.epoch < self.trainer.epochs && !self.out_of_patience() {
            let (mut row, count) = (None, self.history.losses.len());
            for batch in source.epoch(self.epoch) {
                if let Some((waiting, true)) = row.take() {
                    report.row(&waiting, None)?;
                }
                let made = self.step(&batch);
                let mut done = made.map_err(|error| to_open(explain(error, &self.tape), self.iteration))?;
                self.history.seconds = before + start.elapsed().as_secs_f64();
                done.seconds = self.history.seconds;
                report.advance(&self.history);
                let due = done.number == 1 || done.number.is_multiple_of(self.trainer.every);
                if due && !validated {
                    report.row(&done, None)?;
                }
                if let Some(hook) = &mut self.trainer.on_iteration {
                    hook(&done)?;
                }
                row = Some((done, due)).filter(|_| validated || !due);
            }
            if self.history.losses.len() == count {
                let what = format!("epoch {} of the source of batches", self.epoch + 1);
                return Err(Error::Empty { what, need: "an epoch needs at least one batch" });
            }
            self.epoch += 1;
            let go_on = self.validate()?;
            let last = self.epoch == self.trainer.epochs || go_on.is_break() || self.out_of_patience();
            let scores = self.history.validations.last().filter(|scores| scores.epoch == self.epoch);
            if let Some((row, _)) = row.filter(|(_, due)| *due || last || scores.is_some()) {
                report.row(&row, scores)?;
            }
            self.save(last)?;
            if last {
                break;
            }
        }
        report.end(self.kept())?;
        if let Some(profile) = &mut self.trainer.profile {
            **profile = self.tape.profile();
        }
        if self.trainer.validation.as_ref().is_some_and(|validation| validation.keep_best) {
            self.restore_best()?;
        }
        Ok(self.history)
    }

    /// One iteration.
    pub fn step(&mut self, batch: &Batch) -> Result<Iteration> {
        let Trainer { net, optimizer, schedule, metrics, clip, watch, .. } = &mut *self.trainer;
        let learning_rate = schedule.learning_rate(self.base, self.iteration);
        self.iteration += 1;
        self.tape.reset();
        let what = || format!("iteration {} (epoch {})", self.iteration, self.epoch + 1);
        let (y, loss, value) = step::forward(*net, &self.tape, (self.loss, batch), what)?;
        let values: Vec<Tensor> = if metrics.is_empty() { Vec::new() } else { y.iter().map(|y| y.value()).collect() };
        let measured = metrics.iter().map(|(_, metric)| metric(&values, batch)).collect::<Result<Vec<f64>>>()?;
        if !self.listed {
            step::all_listed(*net, &self.tape)?;
            self.listed = true;
        }
        let mut gradients = loss.backward()?;
        let number = self.iteration;
        let watch = watch.as_deref_mut().filter(|watch| watch.is_due(number));
        let seen = watch.is_some().then(|| Before::new((number, value), &self.tape, &gradients, optimizer.params()));
        step::update(*optimizer, (&mut gradients, 1), *clip, learning_rate)?;
        watch.into_iter().zip(seen).for_each(|(watch, seen)| watch.samples.push(seen.after()));
        self.history.losses.push(value);
        self.history.metrics.iter_mut().zip(&measured).for_each(|((_, values), value)| values.push(*value));
        Ok(Iteration { epoch: self.epoch + 1, number, seconds: 0.0, loss: value, metrics: measured, learning_rate })
    }

    /// The validation after an epoch, if it is due; whether the run goes on is for its hook to say.
    fn validate(&mut self) -> Result<ControlFlow<()>> {
        let Trainer { net, metrics, epochs, validation: Some(validation), on_validation, .. } = &mut *self.trainer
        else {
            return Ok(ControlFlow::Continue(()));
        };
        if !self.epoch.is_multiple_of(validation.every) && self.epoch != *epochs {
            return Ok(ControlFlow::Continue(()));
        }
        let scores = validate((*net, &mut self.tape), validation.source, self.loss, metrics, self.epoch)?;
        self.history.validations.push(scores);
        let best = self.decisive.and_then(|decisive| decisive.best(&self.history.validations));
        self.history.best = best.map(|place| self.history.validations[place].epoch);
        if validation.keep_best && self.history.best == Some(self.epoch) {
            self.best = net.tensors().iter().map(|p| (p.name().to_owned(), p.value())).collect();
        }
        match (on_validation, self.history.validations.last()) {
            (Some(hook), Some(scores)) => hook(scores),
            _ => Ok(ControlFlow::Continue(())),
        }
    }

    /// Whether the last validations were no better than the best before them, as often as patience allows.
    fn out_of_patience(&self) -> bool {
        let Some(patience) = self.trainer.validation.as_ref().and_then(|validation| validation.patience) else {
            return false;
        };
        let validations = &self.history.validations;
        let best = validations.iter().position(|scores| Some(scores.epoch) == self.history.best);
        validations.len() > best.unwrap_or(0) + patience
    }

    /// Which epoch's weights the network keeps, as a sentence, if it keeps those of the best.
    fn kept(&self) -> Option<String> {
        let validation = self.trainer.validation.as_ref().filter(|validation| validation.keep_best)?;
        let best = self.history.best?;
        let scores = self.history.validations.iter().find(|scores| scores.epoch == best)?;
        let value = self.decisive?.value(scores);
        let what = match &validation.monitor {
            Monitor::Loss => "loss",
            Monitor::Highest(name) | Monitor::Lowest(name) => name,
        };
        Some(format!("The network keeps the weights of epoch {best}, the best: its validation {what} is {value:.4}."))
    }

    /// Gives the network the tensors of its best epoch.
    fn restore_best(&self) -> Result<()> {
        let value = |param: &Param| self.best.iter().find(|(name, _)| name == param.name()).map(|(_, value)| value);
        let tensors = self.trainer.net.tensors();
        tensors.iter().filter_map(|param| Some((param, value(param)?))).try_for_each(|(param, value)| param.set(value))
    }
}
