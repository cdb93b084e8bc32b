//! Validation: when it is made, which of its numbers counts, and what follows from it.

use super::{Scores, Source};
use crate::{Error, Result};

/// The number of a validation that decides which epoch is the best.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Monitor {
    /// The lowest loss.
    #[default]
    Loss,
    /// The highest value of the metric of this name.
    Highest(String),
    /// The lowest value of the metric of this name.
    Lowest(String),
}

/// A set of batches on which the network is validated, and what is done with the result.
///
/// ```
/// use wengert::{Tensor, nn::{Layer, Linear}, optim::Sgd, train::{Monitor, Trainer, Validation}};
/// let images = Tensor::from([[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.8, 0.1]]);
/// let batch = move |_| std::iter::once((images.clone(), vec![0, 1, 0, 1]));
/// let net = Linear::new(2, 2, 0);
/// let mut optimizer = Sgd::new(&net.params(), 0.5)?;
/// let (mut training, mut held_out) = ((1, batch.clone()), (1, batch));
/// let validation = Validation::new(&mut held_out).monitor(Monitor::Highest("accuracy".into())).patience(3);
/// let history = Trainer::new(&net, &mut optimizer).epochs(50).validate(validation).fit(&mut training)?;
/// let best = history.best.unwrap();
/// assert_eq!(history.validations.len(), best + 3, "three epochs without an improvement are the last");
/// # Ok::<(), wengert::Error>(())
/// ```
pub struct Validation<'a> {
    pub(super) source: &'a mut dyn Source<'a>,
    pub(super) every: usize,
    pub(super) monitor: Monitor,
    pub(super) patience: Option<usize>,
    pub(super) keep_best: bool,
}

impl<'a> Validation<'a> {
    /// A validation on the batches of `source`'s epoch 0 after every epoch. The lowest loss counts; the run goes on to
    /// its end, and the network keeps its last weights.
    pub fn new(source: &'a mut dyn Source<'a>) -> Self {
        Validation { source, every: 1, monitor: Monitor::Loss, patience: None, keep_best: false }
    }

    /// Validates after every so many epochs (at least 1), and after the last.
    pub fn every(self, epochs: usize) -> Self {
        Validation { every: epochs.max(1), ..self }
    }

    /// Sets which number decides.
    pub fn monitor(self, monitor: Monitor) -> Self {
        Validation { monitor, ..self }
    }

    /// Stops the run early, after so many validations in a row (at least 1) that were no better than the best before.
    pub fn patience(self, validations: usize) -> Self {
        Validation { patience: Some(validations.max(1)), ..self }
    }

    /// Gives the network the parameters and state of the best epoch at the end of the run.
    pub fn keep_best(self) -> Self {
        Validation { keep_best: true, ..self }
    }

    /// Which metric decides, with its sign turned so that lower is better; `None` for the loss.
    pub(super) fn decisive(&self, metrics: &[&str]) -> Result<Decisive> {
        let place = |name: &str| {
            let known = || metrics.iter().map(|&metric| metric.to_owned()).collect();
            let missing = || Error::NotFound { what: "metric", name: name.to_owned(), known: known() };
            metrics.iter().position(|metric| *metric == name).ok_or_else(missing)
        };
        Ok(match &self.monitor {
            Monitor::Loss => Decisive { metric: None, sign: 1.0 },
            Monitor::Highest(name) => Decisive { metric: Some(place(name)?), sign: -1.0 },
            Monitor::Lowest(name) => Decisive { metric: Some(place(name)?), sign: 1.0 },
        })
    }
}

/// The number that decides, as one to be minimized.
#[derive(Clone, Copy)]
pub(super) struct Decisive {
    metric: Option<usize>,
    sign: f64,
}

impl Decisive {
    /// The number itself, with its own sign.
    pub fn value(self, scores: &Scores) -> f64 {
        self.metric.map_or(scores.loss, |metric| scores.metrics[metric])
    }

    fn of(self, scores: &Scores) -> f64 {
        self.sign * self.value(scores)
    }

    /// The position of the best of some validations (the first of equals; a NaN is worse than any number).
    pub fn best(self, validations: &[Scores]) -> Option<usize> {
        let value = |place: usize| Some(self.of(&validations[place])).filter(|value| !value.is_nan());
        (0..validations.len())
            .filter(|&place| value(place).is_some())
            .reduce(|best, place| if value(place) < value(best) { place } else { best })
    }
}
