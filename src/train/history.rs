//! What a training run reports: each iteration, each epoch, and all of them.

/// The result of one iteration.
#[derive(Clone, Debug, PartialEq)]
pub struct Iteration {
    /// The epoch, from 1.
    pub epoch: usize,
    /// The number of the iteration in the whole run, from 1.
    pub number: u64,
    /// The seconds since the start of the run, including those before it was resumed.
    pub seconds: f64,
    /// The loss of the batch, before the step.
    pub loss: f64,
    /// The metrics of the batch, in the order in which the trainer was given them, before the step.
    pub metrics: Vec<f64>,
    /// The learning rate of the step.
    pub learning_rate: f64,
}

/// The result of one validation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// The epoch after which it was made, from 1.
    pub epoch: usize,
    /// The mean loss of an observation.
    pub loss: f64,
    /// The mean of each metric over the observations, in the order in which the trainer was given them.
    pub metrics: Vec<f64>,
}

/// The whole run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The loss of each iteration.
    pub losses: Vec<f64>,
    /// Each metric by name, and its values in each iteration.
    pub metrics: Vec<(String, Vec<f64>)>,
    /// Each validation.
    pub validations: Vec<Scores>,
    /// The epoch with the best validation, from 1.
    pub best: Option<usize>,
    /// The seconds that the run took.
    pub seconds: f64,
}

impl History {
    /// The values of a metric in each iteration. A name that no metric of the run has, a misspelled one for example, gives
    /// an empty slice; the names that there are stand in [`metrics`](History::metrics).
    pub fn metric(&self, name: &str) -> &[f64] {
        self.metrics.iter().find(|(known, _)| known == name).map_or(&[], |(_, values)| values)
    }
}
