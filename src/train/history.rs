//! What a training run reports: each iteration, and all of them.

/// The result of one iteration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Iteration {
    /// The epoch, from 1.
    pub epoch: usize,
    /// The number of the iteration in the whole run, from 1.
    pub number: u64,
    /// The seconds since the start of the run, including those before it was resumed.
    pub seconds: f64,
    /// The loss of the batch, before the step.
    pub loss: f64,
    /// The accuracy on the batch, from 0 to 1, before the step.
    pub accuracy: f64,
    /// The learning rate of the step.
    pub learning_rate: f64,
}

/// The whole run, iteration by iteration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The loss of each iteration.
    pub losses: Vec<f64>,
    /// The accuracy of each iteration on its batch, from 0 to 1.
    pub batch_accuracies: Vec<f64>,
    /// The seconds that the run took.
    pub seconds: f64,
}
