//! The step that went wrong, opened.
//!
//! A run that resumes from a checkpoint performs exactly the operations of an uninterrupted one, bit for bit. So an
//! iteration that is over can be made again: from the last checkpoint before it, up to its recording, which is handed out
//! with every gradient in it.

use std::fmt;

use super::{
    Batch, Source, Trainer, diagnose::Snapshot, explain::explain, history::History, measure::outputs, run::Run,
};
use crate::{Error, Gradients, Mode, Result, Tape, Var, inspect::Anomalies};

/// An iteration that was made again, before its step; see [`Trainer::replay`]. Printed, it says which iteration this is,
/// its loss, and what [`Var::detect_anomalies`] finds in it.
#[non_exhaustive]
pub struct Replay<'t> {
    /// The epoch, from 1.
    pub epoch: usize,
    /// The number of the iteration in the whole run, from 1.
    pub iteration: u64,
    /// The number of the batch in its epoch, from 1.
    pub batch_number: usize,
    /// The batch.
    pub batch: &'t Batch,
    /// The learning rate of the step.
    pub learning_rate: f64,
    /// The recording of the forward pass and the loss.
    pub tape: &'t Tape,
    /// What the network returned.
    pub outputs: Vec<Var<'t>>,
    /// The loss, with every bit that it had in the run.
    pub loss: Var<'t>,
    /// The gradients of the loss with respect to every value on the tape that has one, before any clipping:
    /// `gradients.wrt(tape.var(k))`.
    pub gradients: Gradients,
    /// What is wrong with the numbers of this iteration.
    pub anomalies: Anomalies,
}

impl<'a> Trainer<'a> {
    /// Makes iteration `iteration` (from 1) of a run again, up to its step, and hands its tape and all of its gradients to
    /// `open`: to print them, to ask [`why`](Var::why), to draw or to save them.
    ///
    /// The trainer, its settings and the source are those of the run. The iterations before are made again as well, from
    /// the checkpoint of [`resume_from`](Trainer::resume_from), the last one that was saved before the iteration; without
    /// one, from the values that the network and the optimizer have now, which must be those at the start of the run. No
    /// checkpoint is saved, nothing is validated or watched, and no hook is called. Network and optimizer are afterwards as they were.
    ///
    /// The number of the iteration stands in the error of a run that ended with a loss that is not finite;
    /// [`History::jump`] finds the one in which the loss jumped.
    ///
    /// ```
    /// use wengert::{Tensor, nn::{Layer, Linear}, optim::Sgd, train::Trainer};
    /// let (x, y) = (Tensor::from([[0.5], [1.0], [2.0]]), Tensor::from([[1.0], [2.0], [4.0]]));
    /// let net = Linear::new(1, 1, 0);
    /// let mut source = (10, |_| (0..10).map(|k| {
    ///     let x = if k == 6 { Tensor::from([[0.5], [1e20], [2.0]]) } else { x.clone() };       // a typing error
    ///     (x, y.clone())
    /// }));
    /// let mut optimizer = Sgd::new(&net.params(), 0.1)?;
    /// let start: Vec<Tensor> = net.params().iter().map(|param| param.value()).collect();
    /// let trainer = |optimizer| Trainer::new(&net, optimizer).loss(wengert::train::mean_squared_error);
    /// let error = trainer(&mut optimizer).fit(&mut source).unwrap_err().to_string();
    /// assert!(error.starts_with("the loss of iteration 7 (epoch 1) holds inf"));
    ///
    /// net.params().iter().zip(&start).try_for_each(|(param, value)| param.set(value))?;
    /// let mut optimizer = Sgd::new(&net.params(), 0.1)?;
    /// trainer(&mut optimizer).replay(&mut source, 7, |step| {
    ///     println!("{step}");
    ///     println!("{}", step.loss.why(&net.weight)?);
    ///     assert_eq!((step.iteration, step.batch_number), (7, 7));
    ///     assert_eq!(step.anomalies.forward.as_ref().expect("the loss is infinite").op, "mse_loss");
    ///     Ok(())
    /// })?;
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] when the run has no such iteration, or when the checkpoint was saved after it; otherwise as
    /// [`fit`](Trainer::fit), for the iterations before; as [`Var::detect_anomalies`] for the iteration itself; and what
    /// `open` returns.
    pub fn replay<R>(
        self,
        source: &mut dyn Source<'_>,
        iteration: u64,
        open: impl FnOnce(&Replay<'_>) -> Result<R>,
    ) -> Result<R> {
        let (mut trainer, loss) = self.with_defaults();
        trainer.watch = None;
        let base = trainer.optimizer.learning_rate();
        let (net, optimizer) = (Snapshot::of(trainer.net), trainer.optimizer.state());
        let result = Run::new(&mut trainer, &loss, base).and_then(|run| run.replay(source, iteration, open));
        trainer.optimizer.set_learning_rate(base)?;
        net.restore();
        let own = |problem| Error::Format { path: "the optimizer's own state".into(), problem };
        trainer.optimizer.load_state(&optimizer).map_err(own)?;
        result
    }
}

impl Run<'_, '_> {
    /// Makes the iterations before `number`, and hands that one out.
    fn replay<R>(
        mut self,
        source: &mut dyn Source<'_>,
        number: u64,
        open: impl FnOnce(&Replay<'_>) -> Result<R>,
    ) -> Result<R> {
        if number <= self.iteration {
            let value = format!("{number} after {}", self.iteration);
            return Err(Error::setting("replay", "iteration", value, "later: resume from an earlier checkpoint"));
        }
        while self.epoch < self.trainer.epochs {
            for (k, batch) in source.epoch(self.epoch).enumerate() {
                if self.iteration + 1 == number {
                    return self.open((k + 1, &batch), open);
                }
                self.step(&batch).map_err(|error| explain(error, &self.tape))?;
            }
            self.epoch += 1;
        }
        Err(Error::setting("replay", "iteration", format!("{number} of {}", self.iteration), "one of the run"))
    }

    /// Records the next iteration with all of its gradients.
    fn open<R>(
        mut self,
        (batch_number, batch): (usize, &Batch),
        open: impl FnOnce(&Replay<'_>) -> Result<R>,
    ) -> Result<R> {
        let learning_rate = self.trainer.schedule.learning_rate(self.base, self.iteration);
        self.tape.reset();
        let tape = &self.tape;
        tape.set_mode(Mode::Train);
        let what = || format!("the batch of iteration {}", self.iteration + 1);
        let outputs = outputs(self.trainer.net, tape, batch, what)?;
        let loss = (self.loss)(&outputs, batch)?;
        for index in 0..=loss.index() {
            tape.var(index).retain();
        }
        let anomalies = loss.detect_anomalies()?;
        let gradients = loss.backward()?;
        let (epoch, iteration) = (self.epoch + 1, self.iteration + 1);
        open(&Replay {
            epoch,
            iteration,
            batch_number,
            batch,
            learning_rate,
            tape,
            outputs,
            loss,
            gradients,
            anomalies,
        })
    }
}

/// The same error; one about a number that is not finite says how to open the iteration.
pub(super) fn to_open(mut error: Error, iteration: u64) -> Error {
    if let Error::NonFinite { help, .. } = &mut error {
        *help += &format!("; `Trainer::replay` opens iteration {iteration}");
    }
    error
}

/// How many losses before an iteration it is compared with.
const BEFORE: usize = 20;

impl History {
    /// The first iteration (from 1) whose loss is more than `factor` times the largest of the 20 before it: what
    /// [`Trainer::replay`] is called with. At least 5 must stand before it.
    ///
    /// ```
    /// use wengert::train::History;
    /// let losses = vec![2.3, 2.1, 2.2, 1.9, 1.8, 1.7, 9.5, 4.0];
    /// let history = History { losses, ..History::default() };
    /// assert_eq!((history.jump(3.0), history.jump(10.0)), (Some(7), None));
    /// ```
    pub fn jump(&self, factor: f64) -> Option<u64> {
        (5..self.losses.len()).find_map(|k| {
            let before = self.losses[k.saturating_sub(BEFORE)..k].iter().copied().fold(f64::NEG_INFINITY, f64::max);
            (self.losses[k] > factor * before).then_some(k as u64 + 1)
        })
    }
}

impl fmt::Display for Replay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Replay { iteration, epoch, batch_number, learning_rate, .. } = self;
        writeln!(f, "iteration {iteration} (epoch {epoch}, batch {batch_number}), learning rate {learning_rate:.6}")?;
        write!(f, "loss {}, {} values on the tape\n{}", self.loss.item(), self.tape.len(), self.anomalies)
    }
}
