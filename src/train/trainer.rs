//! The settings of a training run.

use std::{io::Write, ops::ControlFlow, path::PathBuf};

use super::{
    Batch, Iteration, Scores, Validation, Watch,
    measure::{Loss, Metric},
};
use crate::{
    DType, Result, Rule, Tensor, Var,
    inspect::Profile,
    nn::Layer,
    optim::{Optimizer, Schedule},
};

type OnIteration<'a> = Box<dyn FnMut(&Iteration) -> Result<()> + 'a>;
type OnValidation<'a> = Box<dyn FnMut(&Scores) -> Result<ControlFlow<()>> + 'a>;

/// Trains a network with any number of inputs and outputs and any loss; without a loss of its own, a classifier with the
/// mean [cross-entropy](super::cross_entropy) of its logits.
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
///
/// A loss is a function of the network's outputs and of the [`Batch`]:
///
/// ```
/// use wengert::{Tensor, nn::{Layer, Linear}, optim::Adam, train::Trainer};
/// let net = Linear::new(1, 1, 0);
/// let (x, y) = (Tensor::from([[0.0], [1.0], [2.0]]), Tensor::from([[1.0], [3.0], [5.0]]));
/// let mut optimizer = Adam::new(&net.params(), 0.1)?;
/// let history = Trainer::new(&net, &mut optimizer)
///     .loss(|y, batch| y[0].try_smooth_l1_loss(y[0].tape().constant(&batch.targets[0]), 1.0))
///     .metric("worst", |y, batch| {
///         let target = batch.targets[0].to_vec();
///         Ok(y[0].to_vec().iter().zip(target).fold(0.0, |worst, (y, t)| (y - t).abs().max(worst)))
///     })
///     .epochs(200)
///     .fit(&mut (1, |_| std::iter::once((x.clone(), y.clone()))))?;
/// assert!(history.metric("worst")[199] < 0.1);
/// # Ok::<(), wengert::Error>(())
/// ```
pub struct Trainer<'a> {
    pub(super) net: &'a dyn Layer,
    pub(super) optimizer: &'a mut dyn Optimizer,
    pub(super) loss: Option<Loss<'a>>,
    pub(super) metrics: Vec<Metric<'a>>,
    pub(super) validation: Option<Validation<'a>>,
    pub(super) epochs: usize,
    pub(super) schedule: Schedule,
    pub(super) rule: Rule,
    pub(super) dtype: DType,
    pub(super) clip: Option<f64>,
    pub(super) seed: u64,
    pub(super) config: serde_json::Value,
    pub(super) save_checkpoints: Option<(PathBuf, usize)>,
    pub(super) resume_from: Option<PathBuf>,
    pub(super) output: Option<Box<dyn Write + 'a>>,
    pub(super) every: u64,
    pub(super) progress: bool,
    pub(super) chart: bool,
    pub(super) watch: Option<&'a mut Watch>,
    pub(super) profile: Option<&'a mut Profile>,
    pub(super) on_iteration: Option<OnIteration<'a>>,
    pub(super) on_validation: Option<OnValidation<'a>>,
}

impl<'a> Trainer<'a> {
    /// A run of one epoch in the precision of the network's first parameter, with the optimizer's learning rate, that
    /// prints nothing.
    pub fn new(net: &'a dyn Layer, optimizer: &'a mut dyn Optimizer) -> Self {
        let dtype = net.params().first().map_or(DType::F32, |param| param.dtype());
        Trainer {
            net,
            optimizer,
            loss: None,
            metrics: Vec::new(),
            validation: None,
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
            chart: false,
            watch: None,
            profile: None,
            on_iteration: None,
            on_validation: None,
        }
    }

    /// Sets the loss: from the outputs of the network and the batch to one number on the same tape.
    pub fn loss(self, loss: impl for<'t> Fn(&[Var<'t>], &Batch) -> Result<Var<'t>> + 'a) -> Self {
        Trainer { loss: Some(Box::new(loss)), ..self }
    }

    /// Adds a metric: from the outputs of the network and the batch to a mean over the observations. Without any, and
    /// without a loss of its own, a run has the metric `accuracy`.
    pub fn metric(mut self, name: &str, metric: impl Fn(&[Tensor], &Batch) -> Result<f64> + 'a) -> Self {
        self.metrics.push((name.to_owned(), Box::new(metric)));
        self
    }

    /// Validates the network while it trains.
    pub fn validate(self, validation: Validation<'a>) -> Self {
        Trainer { validation: Some(validation), ..self }
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

    /// Clips the norm of all gradients together; see [`clip_norm`](crate::optim::clip_norm).
    pub fn clip_norm(self, limit: f64) -> Self {
        Trainer { clip: Some(limit), ..self }
    }

    /// Sets the seed and the settings that checkpoints keep: a run resumes only from a checkpoint with the same. (Leave
    /// out what may differ, such as the number of epochs.)
    pub fn settings(self, seed: u64, config: serde_json::Value) -> Self {
        Trainer { seed, config, ..self }
    }

    /// Saves a [`Checkpoint`](crate::io::Checkpoint) to `path` after every `epochs` epochs (at least 1), and after the last.
    /// While it trains, the run holds the [`Lock`](crate::io::Lock) of `path`.
    pub fn save_checkpoints(self, path: impl Into<PathBuf>, epochs: usize) -> Self {
        Trainer { save_checkpoints: Some((path.into(), epochs.max(1))), ..self }
    }

    /// Resumes from the checkpoint at `path`.
    pub fn resume_from(self, path: impl Into<PathBuf>) -> Self {
        Trainer { resume_from: Some(path.into()), ..self }
    }

    /// Prints the [`Table`](super::Table) to `output`. In a run with a validation, each validation has a row and columns of
    /// its own, and a line at the end names the epoch whose weights are kept, if the best are.
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

    /// Draws the loss and the first metric of the run so far above the progress bar, which it shows, where standard error is
    /// a terminal; elsewhere nothing. (The lines of [`output`](Trainer::output) are the same in both.)
    pub fn chart(self, chart: bool) -> Self {
        Trainer { chart, progress: self.progress || chart, ..self }
    }

    /// Looks at activations, gradients and the size of the steps every so many iterations, which `watch` keeps and draws. A
    /// run without it pays nothing, and no bit of a run depends on it.
    pub fn watch(self, watch: &'a mut Watch) -> Self {
        Trainer { watch: Some(watch), ..self }
    }

    /// Measures where the time goes, operation by operation, and leaves it in `profile` when the run has ended; no bit of a
    /// run depends on it.
    pub fn profile(self, profile: &'a mut Profile) -> Self {
        Trainer { profile: Some(profile), ..self }
    }

    /// Calls `hook` after each iteration; an error from it ends the run.
    pub fn on_iteration(self, hook: impl FnMut(&Iteration) -> Result<()> + 'a) -> Self {
        Trainer { on_iteration: Some(Box::new(hook)), ..self }
    }

    /// Calls `hook` after each validation; `Break` from it ends the run after this epoch.
    pub fn on_validation(self, hook: impl FnMut(&Scores) -> Result<ControlFlow<()>> + 'a) -> Self {
        Trainer { on_validation: Some(Box::new(hook)), ..self }
    }
}
