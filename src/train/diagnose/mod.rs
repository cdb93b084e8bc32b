//! What would keep a network from learning, found before training.
//!
//! A run that learns nothing looks like one that learns slowly. Most causes show in one batch:
//!
//! | finding | how it is found |
//! |---|---|
//! | the first loss is not ln K | cross-entropy of K classes, at uniform probabilities, is ln K |
//! | logits cannot move far enough | [`Budget`]: learning rate · steps · ‖f‖² |
//! | the same output for every observation | compared, before and during the trial steps |
//! | observations that are coupled | an observation beside others, and beside copies of itself |
//! | dead units | activations that are 0 for every observation |
//! | parameters that no gradient reaches | those that no trial step moves |
//! | one batch cannot be learned by heart | [`Overfit`]: trial steps on that batch alone |
//!
//! The trial steps change parameters and running statistics; all of them, and the optimizer, are as they were afterwards,
//! bit for bit.

mod budget;
mod coupling;
mod finding;
mod probe;
mod trial;
mod units;

pub use budget::Budget;
pub use finding::Finding;
pub use trial::Overfit;

use std::fmt;

use super::{Source, Trainer, explain::explain, measure::Loss, measure::cross_entropy};
use crate::{Error, Mode, Result, Tape};
use probe::Probe;
pub(super) use probe::Snapshot;

/// What [`Trainer::diagnose`] measured and found. Printed, it is a paragraph for each finding, or says that there is none.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The number of observations n of the batch.
    pub observations: usize,
    /// The loss of the batch before training.
    pub loss: f64,
    /// The number of classes K, if the loss is the cross-entropy of logits `[n, K]`.
    pub classes: Option<usize>,
    /// How far the logits can move, for a classifier whose last layer is linear.
    pub budget: Option<Budget>,
    /// How well one batch could be learned by heart; none if its loss is not positive.
    pub overfit: Option<Overfit>,
    /// What would keep the network from learning.
    pub findings: Vec<Finding>,
}

impl<'a> Trainer<'a> {
    /// Looks for what would keep the network from learning, with the first batch of `source`, before training.
    ///
    /// It costs some hundred steps on that batch (4000 at most), and few if the network learns well. Network and optimizer
    /// are unchanged afterwards, bit for bit.
    ///
    /// ```
    /// use wengert::{Tensor, nn::{Lambda, Layer, Linear, Sequential}, optim::Sgd, train::Trainer};
    /// let batch = (Tensor::from([[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.8, 0.1]]), vec![0, 1, 0, 1]);
    /// let mut source = (50, |_| std::iter::repeat_n(batch.clone(), 50));
    ///
    /// let net = Linear::new(2, 2, 0);
    /// let mut optimizer = Sgd::new(&net.params(), 0.5)?;
    /// let diagnosis = Trainer::new(&net, &mut optimizer).diagnose(&mut source)?;
    /// assert!(diagnosis.findings.is_empty());
    ///
    /// // Normalized by all observations together, features are small and depend on each other.
    /// let whole = Lambda(|x| x / x.square().sum().sqrt());
    /// let net = Sequential::new().named("normalize", whole).named("fc", Linear::new(2, 2, 0));
    /// let mut optimizer = Sgd::new(&net.params(), 1e-3)?;
    /// let diagnosis = Trainer::new(&net, &mut optimizer).diagnose(&mut source)?;
    /// println!("{diagnosis}");
    /// assert_eq!(diagnosis.findings.len(), 2);
    /// assert!(diagnosis.to_string().contains("It begins in layer `normalize`"));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// - [`Error::Empty`] without a batch, an observation, or a trainable parameter;
    /// - [`Error::NonFinite`] when the loss is NaN or infinite, with the operation in which that began;
    /// - [`Error::NotScalar`] when the loss is not one number; [`Error::Setting`] for a bad schedule;
    /// - [`Error::Network`] when a layer panics, as it does on inputs of other shapes than it needs;
    /// - the errors of the loss and of `backward`.
    pub fn diagnose(&mut self, source: &mut dyn Source<'_>) -> Result<Diagnosis> {
        self.schedule.check()?;
        let steps = (self.epochs * source.per_epoch()) as u64;
        let Some(batch) = source.epoch(0).next() else {
            return Err(Error::Empty { what: "the first epoch".into(), need: "a diagnosis needs a batch" });
        };
        let default: Loss<'a> = Box::new(cross_entropy);
        let loss = self.loss.as_ref().unwrap_or(&default);
        let probe = Probe { net: self.net, loss, batch: &batch, dtype: self.dtype, rule: self.rule };
        let saved = Snapshot::of(self.net);
        let mut findings = Vec::new();

        let tape = probe.tape(Mode::Train);
        tape.set_lazy_from(usize::MAX); // every value is looked at
        let (y, loss) = probe.record(&tape)?;
        let value = finite_loss(loss.item(), &tape)?;
        let classes = probe.classes(&y, value)?;
        findings.extend(classes.and_then(|classes| Finding::of_loss(value, classes)));
        findings.extend(units::dead(&tape, batch.len()));
        saved.restore();

        findings.extend(coupling::find(&probe, &saved)?);
        let rates: f64 = (0..steps).map(|t| self.schedule.learning_rate(self.optimizer.learning_rate(), t)).sum();
        let budget = match classes {
            Some(classes) => budget::measure(self.optimizer, &y, classes, (rates, steps), self.net)?,
            None => None,
        };
        saved.restore();
        findings.extend(budget.clone().filter(Budget::is_short).map(Finding::LogitBudget));

        let overfit = trial::run(&probe, &saved, value, &mut findings)?;
        Ok(Diagnosis { observations: batch.len(), loss: value, classes, budget, overfit, findings })
    }
}

fn finite_loss(value: f64, tape: &Tape) -> Result<f64> {
    match value.is_finite() {
        true => Ok(value),
        false => Err(explain(Error::non_finite("the loss before training", 0, value), tape)),
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Before training, on a batch of {} observations: loss {:.4}", self.observations, self.loss)?;
        if let Some(classes) = self.classes {
            write!(f, " (ln {classes} = {:.4})", (classes as f64).ln())?;
        }
        if let Some(budget) = &self.budget {
            write!(f, "; the run can move a logit by {:.3}", budget.reach)?;
        }
        if let Some(Overfit { before, after, steps, learning_rate }) = self.overfit {
            write!(
                f,
                "; {steps} steps of Adam on the batch alone ({learning_rate}) take the loss from {before:.4} to {after:.4}"
            )?;
        }
        write!(f, ".")?;
        match self.findings.len() {
            0 => return write!(f, "\nNothing was found that would keep the network from learning."),
            1 => write!(f, "\nOne finding:")?,
            n => write!(f, "\n{n} findings:")?,
        }
        self.findings.iter().try_for_each(|finding| write!(f, "\n- {finding}"))
    }
}
