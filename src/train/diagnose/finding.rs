//! What a diagnosis can find, each with its numbers, its sentence and what to try.

use std::{fmt, panic::Location};

use super::{Budget, Overfit};
use crate::{Mode, NoGradient};

/// Something that would keep a network from learning.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Finding {
    /// The loss before training is less than half or more than twice ln K, the cross-entropy of a classifier that knows
    /// nothing.
    InitialLoss {
        /// The loss.
        loss: f64,
        /// The number of classes K.
        classes: usize,
    },
    /// The run cannot move the logits as far as it must.
    LogitBudget(Budget),
    /// An output is the same for every observation, before and during the trial steps.
    ConstantOutput {
        /// Which of the network's outputs.
        output: usize,
        /// The number of observations.
        observations: usize,
    },
    /// The output for an observation depends on the other observations of its batch.
    Coupled {
        /// The first layer whose output does so ("" where only the network's is known).
        layer: String,
        /// Where it was seen.
        mode: Mode,
        /// The observation.
        observation: usize,
        /// How much its output differs among copies of itself, as a part of the largest number in it.
        change: f64,
    },
    /// Units of an activation are 0 for every observation: at least a quarter of them.
    DeadUnits {
        /// The layer ("" outside all layers).
        layer: String,
        /// The operation.
        op: String,
        /// The line that recorded it.
        line: &'static Location<'static>,
        /// The number of dead units.
        dead: usize,
        /// The number of all units.
        units: usize,
    },
    /// No gradient reaches a trainable parameter: no trial step moved it.
    NoGradient {
        /// The name of the parameter.
        param: String,
        /// Why there is none; none of these reasons if there is one, but it is exactly 0 throughout.
        why: Option<NoGradient>,
    },
    /// The loss of one batch could not be brought near 0.
    NotOverfit {
        /// What was reached.
        overfit: Overfit,
        /// The number of observations.
        observations: usize,
    },
}

impl Finding {
    /// The finding for a first cross-entropy of so many classes, if it is far from ln K.
    pub(super) fn of_loss(loss: f64, classes: usize) -> Option<Self> {
        let expected = (classes as f64).ln();
        (!(0.5 * expected..=2.0 * expected).contains(&loss)).then_some(Finding::InitialLoss { loss, classes })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::InitialLoss { loss, classes } => {
                let expected = (*classes as f64).ln();
                let try_this = if *loss > expected {
                    "Its first guesses are far too sure: draw the weights of the last layer smaller, or normalize what enters it."
                } else {
                    "It knows the labels already: unless the weights are trained, look for the label among the inputs, and for \
                     a batch of one class."
                };
                write!(
                    f,
                    "The first loss is {loss:.4}, but that of a classifier that knows nothing is ln {classes} = {expected:.4}. {try_this}"
                )
            }
            Finding::LogitBudget(budget) if budget.reach == 0.0 => {
                write!(f, "The whole run cannot move a logit at all: ")?;
                match budget.learning_rates {
                    0.0 => write!(f, "the learning rate is 0."),
                    _ => write!(f, "the features that enter `{}` are 0 for every observation.", budget.weight),
                }
            }
            Finding::LogitBudget(budget) => {
                let Budget { weight, learning_rates, steps, squared_norm, reach, needed } = budget;
                write!(
                    f,
                    "The whole run can move a logit by {reach:.3}, but {needed:.2} are needed for a probability of 0.9: a step of \
                     gradient descent moves it by at most learning rate · ‖f‖², and the features f that enter `{weight}` have \
                     ‖f‖² ≤ {squared_norm:.4}; the learning rates of all {steps} steps add up to {learning_rates:.4}. Raise the \
                     learning rate {:.0}-fold or more, or scale the features up (normalize each observation by itself, not the batch).",
                    (needed / reach).ceil()
                )
            }
            Finding::ConstantOutput { output, observations } => write!(
                f,
                "Output {output} is the same for all {observations} observations, and stays so in training: the network can only \
                 learn how frequent the classes are. Look for a sum or mean over the batch, for dead units, and for a product with 0."
            ),
            Finding::Coupled { layer, mode, observation, change } => {
                let mode = if *mode == Mode::Eval { "evaluation" } else { "training" };
                write!(
                    f,
                    "In {mode}, the output for an observation depends on the others of its batch: that of observation \
                     {observation} differs by {:.2} % among copies of itself. {}. Reduce and normalize over the axes of each \
                     observation alone; if it is meant, declare it in `Layer::couples_observations`.",
                    100.0 * change,
                    match &**layer {
                        "" => "The network shows no layers in which it could begin".to_owned(),
                        layer => format!("It begins in layer `{layer}`"),
                    }
                )
            }
            Finding::DeadUnits { layer, op, line, dead, units } => {
                let within = if layer.is_empty() { String::new() } else { format!(" in layer `{layer}`") };
                write!(
                    f,
                    "{dead} of {units} units of `{op}`{within} ({line}) are 0 for every observation, and no gradient passes through \
                     them. Look at the bias and the scale of what enters it, or use an activation with a slope on both sides, such \
                     as `leaky_relu` or `elu`."
                )
            }
            Finding::NoGradient { param, why: Some(why) } => write!(
                f,
                "No gradient reaches `{param}`: {why}. Use it, freeze it (`Layer::freeze`), or look for a `detach` or a step \
                 function between it and the loss."
            ),
            Finding::NoGradient { param, why: None } => write!(
                f,
                "No gradient reaches `{param}`: it is exactly 0 in every trial step. Look for dead units, a product with 0 and a \
                 step function between it and the loss."
            ),
            Finding::NotOverfit { overfit, observations } => {
                let Overfit { before, after, steps, learning_rate } = overfit;
                write!(
                    f,
                    "One batch of {observations} observations cannot be learned by heart: trained on it alone, the loss falls from \
                     {before:.4} to {after:.4} at best ({steps} steps of Adam, learning rate {learning_rate}), not near 0. Unless \
                     the loss cannot be 0 (smoothed labels, a penalty) or equal inputs have different labels, look at the findings \
                     above, at the order of inputs and labels, and check the layers with `check::layer`."
                )
            }
        }
    }
}
