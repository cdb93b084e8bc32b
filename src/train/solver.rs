//! Training step by step: Caffe's solver, with its parts in the open.
//!
//! One iteration is (Caffe, `Solver::Step` and `SGDSolver::ApplyUpdate`):
//!
//! 1. clear the gradients;
//! 2. `iter_size` times: read a batch, forward, backward; gradients add up;
//! 3. clip their sum, divide it by `iter_size`, add λ w, form the step with the momentum, update the parameters (the
//!    [optimizer](crate::optim));
//! 4. count the iteration, and save a snapshot if one is due.
//!
//! A [`Trainer`](super::Trainer) makes the same steps, epoch by epoch, with validation and a table. The solver is for
//! programs that want to stop after any of its parts and look.

use std::path::PathBuf;

use super::{
    Batch, Source,
    explain::explain,
    measure::{Loss, cross_entropy},
    step,
};
use crate::{DType, Error, Gradients, Result, Rule, Tape, Var, nn::Layer, optim::Optimizer, optim::Schedule};

/// Makes training steps one at a time, or part by part; without a loss of its own, for a classifier with the mean
/// [cross-entropy](super::cross_entropy).
///
/// ```
/// use wengert::{Tensor, nn::{Layer, Linear}, optim::Sgd, train::{DataLoader, Solver, mean_squared_error}};
/// let net = Linear::new(1, 1, 0);
/// let (x, y) = (Tensor::from([[0.0], [1.0], [2.0], [3.0]]), Tensor::from([[1.0], [3.0], [5.0], [7.0]]));
/// let mut sgd = Sgd::new(&net.params(), 0.1)?;
/// let mut solver = Solver::new(&net, &mut sgd, DataLoader::new((x, y), 2)?).loss(mean_squared_error);
///
/// let before = net.weight.value();
/// solver.forward()?;                                    // a batch is read, and nothing else changes
/// assert_eq!((net.weight.value(), solver.iteration()), (before.clone(), 0));
/// solver.backward()?;                                   // there are gradients
/// assert!(solver.gradients().is_some());
/// solver.update()?;                                     // the parameters move, the iteration counts
/// assert_eq!(solver.iteration(), 1);
/// assert_ne!(net.weight.value(), before);
///
/// let loss = solver.step(200)?;                         // all of it, 200 times
/// assert!(loss < 1e-3 * solver.losses()[0]);
/// # Ok::<(), wengert::Error>(())
/// ```
pub struct Solver<'a> {
    pub(super) net: &'a dyn Layer,
    pub(super) optimizer: &'a mut dyn Optimizer,
    source: Box<dyn Source<'a> + 'a>,
    loss: Loss<'a>,
    schedule: Schedule,
    clip: Option<f64>,
    iter_size: usize,
    pub(super) snapshots: Option<(PathBuf, u64)>,
    tape: Tape,
    /// The batches of the epoch that are left.
    batches: Option<Box<dyn Iterator<Item = Batch> + 'a>>,
    /// The epoch, and how many of its batches were read.
    pub(super) position: (usize, usize),
    /// The loss that `forward` computed: its place on the tape, and its number.
    computed: Option<(usize, f64)>,
    sum: Option<Sum>,
    pub(super) iteration: u64,
    pub(super) losses: Vec<f64>,
    /// Whether the network is known to list every parameter that it uses.
    listed: bool,
}

/// What the backward passes since the last update have added up.
struct Sum {
    gradients: Gradients,
    loss: f64,
    passes: usize,
}

impl<'a> Solver<'a> {
    /// A solver at iteration 0 and before the first batch, in the precision of the network's first parameter.
    pub fn new(net: &'a dyn Layer, optimizer: &'a mut dyn Optimizer, source: impl Source<'a> + 'a) -> Self {
        let dtype = net.params().first().map_or(DType::F32, |param| param.dtype());
        Solver {
            net,
            optimizer,
            source: Box::new(source),
            loss: Box::new(cross_entropy),
            schedule: Schedule::Constant,
            clip: None,
            iter_size: 1,
            snapshots: None,
            tape: Tape::with_dtype(dtype),
            batches: None,
            position: (0, 0),
            computed: None,
            sum: None,
            iteration: 0,
            losses: Vec::new(),
            listed: false,
        }
    }

    /// Sets the loss: from the outputs of the network and the batch to one number on the same tape.
    pub fn loss(self, loss: impl for<'t> Fn(&[Var<'t>], &Batch) -> Result<Var<'t>> + 'a) -> Self {
        Solver { loss: Box::new(loss), ..self }
    }

    /// Sets the schedule of the learning rate, which starts from the optimizer's own.
    ///
    /// # Errors
    /// As [`Schedule::check`].
    pub fn schedule(self, schedule: Schedule) -> Result<Self> {
        schedule.check()?;
        Ok(Solver { schedule, ..self })
    }

    /// Clips the norm of all gradients together; see [`clip_norm`](crate::optim::clip_norm). As in Caffe, the norm is that
    /// of the sum over the passes of an iteration, before it is divided by their number.
    pub fn clip_norm(self, limit: f64) -> Self {
        Solver { clip: Some(limit), ..self }
    }

    /// Sets the number of batches whose gradients make one step (1 by default; at least 1).
    pub fn iter_size(self, iter_size: usize) -> Self {
        Solver { iter_size: iter_size.max(1), ..self }
    }

    /// Sets whether hand-written rules or the tape's own are used.
    pub fn rule(self, rule: Rule) -> Self {
        self.tape.set_rule(rule);
        self
    }

    /// Makes `n` iterations, and returns the loss of the last, from before its update; 0 for none. Gradients that
    /// [`backward`](Solver::backward) has left are cleared.
    ///
    /// # Errors
    /// Those of [`forward`](Solver::forward), [`backward`](Solver::backward) and [`update`](Solver::update).
    pub fn step(&mut self, n: u64) -> Result<f64> {
        let mut loss = 0.0;
        for _ in 0..n {
            self.sum = None;
            for _ in 0..self.iter_size {
                self.forward()?;
                self.backward()?;
            }
            loss = self.update()?;
        }
        Ok(loss)
    }

    /// Reads the next batch, runs the network on it in training mode, and returns the loss: `solver.net.forward()`.
    /// Parameters, gradients and the count of iterations stay; statistics that layers keep change, as in every pass in
    /// training mode.
    ///
    /// # Errors
    /// [`Error::NonFinite`] for a loss that is NaN or infinite, [`Error::NotScalar`] for one that is not one number,
    /// [`Error::Empty`] when an epoch has no batch or a batch no observation, [`Error::Network`] when a layer panics, and
    /// those of the loss.
    pub fn forward(&mut self) -> Result<f64> {
        self.computed = None;
        let batch = self.next()?;
        self.tape.reset();
        let what = || format!("iteration {}", self.iteration + 1);
        let pass = step::forward(self.net, &self.tape, (&self.loss, &batch), what);
        let (_, loss, value) = pass.map_err(|error| explain(error, &self.tape))?;
        if !self.listed {
            step::all_listed(self.net, &self.tape)?;
            self.listed = true;
        }
        self.computed = Some((loss.index(), value));
        Ok(value)
    }

    /// Adds the gradients of the last forward pass to those that are there. A forward pass is differentiated once.
    ///
    /// # Errors
    /// [`Error::Setting`] without a forward pass; those of [`Var::backward`].
    pub fn backward(&mut self) -> Result<()> {
        let Some((place, loss)) = self.computed.take() else { return Err(out_of_order("`backward`", "`forward`")) };
        let gradients = self.tape.var(place).backward().map_err(|error| explain(error, &self.tape))?;
        match &mut self.sum {
            Some(sum) => {
                sum.gradients.accumulate(&gradients)?;
                (sum.loss, sum.passes) = (sum.loss + loss, sum.passes + 1);
            }
            None => self.sum = Some(Sum { gradients, loss, passes: 1 }),
        }
        Ok(())
    }

    /// Updates the parameters by the mean of the gradients since the last update, which are used up; counts the iteration,
    /// saves a snapshot if one is due, and returns the mean of the losses.
    ///
    /// # Errors
    /// [`Error::Setting`] without a backward pass; those of the optimizer, after which nothing is changed; those of
    /// [`snapshot`](Solver::snapshot).
    pub fn update(&mut self) -> Result<f64> {
        let Some(mut sum) = self.sum.take() else { return Err(out_of_order("`update`", "`backward`")) };
        let base = self.optimizer.learning_rate();
        let learning_rate = self.schedule.learning_rate(base, self.iteration);
        let updated = step::update(self.optimizer, (&mut sum.gradients, sum.passes), self.clip, learning_rate);
        self.optimizer.set_learning_rate(base)?;
        updated.map_err(|error| explain(error, &self.tape))?;
        self.iteration += 1;
        let loss = sum.loss / sum.passes as f64;
        self.losses.push(loss);
        match self.snapshots {
            Some((_, every)) if self.iteration.is_multiple_of(every) => self.snapshot().map(|_| loss),
            _ => Ok(loss),
        }
    }

    /// The number of updates.
    pub fn iteration(&self) -> u64 {
        self.iteration
    }

    /// The epoch (from 0), and how many of its batches were read.
    pub fn position(&self) -> (usize, usize) {
        self.position
    }

    /// The sum of the gradients since the last update, if there was a backward pass.
    pub fn gradients(&self) -> Option<&Gradients> {
        self.sum.as_ref().map(|sum| &sum.gradients)
    }

    /// The loss of each iteration, before its update.
    pub fn losses(&self) -> &[f64] {
        &self.losses
    }

    /// The last forward pass: its tape, to print or to examine.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// The batch that comes next, of the next epoch if this one is at its end.
    fn next(&mut self) -> Result<Batch> {
        loop {
            let (epoch, read) = self.position;
            let batches = self.batches.get_or_insert_with(|| self.source.epoch(epoch));
            match batches.next() {
                Some(batch) => {
                    self.position.1 += 1;
                    return Ok(batch);
                }
                None if read == 0 => {
                    let what = format!("epoch {} of the source of batches", epoch + 1);
                    return Err(Error::Empty { what, need: "an epoch needs at least one batch" });
                }
                None => (self.position, self.batches) = ((epoch.saturating_add(1), 0), None),
            }
        }
    }

    /// The number of batches in an epoch.
    pub(super) fn per_epoch(&self) -> usize {
        self.source.per_epoch()
    }

    /// Goes to the place where `read` batches of `epoch` were read, and forgets passes under way.
    pub(super) fn go_to(&mut self, (epoch, read): (usize, usize)) {
        let mut batches = self.source.epoch(epoch);
        batches.by_ref().take(read).for_each(drop);
        (self.batches, self.position) = (Some(batches), (epoch, read));
        (self.computed, self.sum) = (None, None);
    }
}

fn out_of_order(call: &str, first: &str) -> Error {
    let must = "`forward` and `backward`, as often as wanted, then `update`";
    Error::setting("solver", "order of calls", format!("{call} without {first}"), must)
}
