//! What a loss makes of the losses of all observations, or of all elements.

use crate::{error::Result, tape::Var};

/// One number or many: the mean of a loss over observations or elements, their sum, or each of them.
///
/// ```
/// use wengert::{Tape, functional::Reduction};
/// let tape = Tape::f64();
/// let (x, target) = (tape.leaf([1.0, 2.0]), tape.constant([0.0, 5.0]));
/// assert_eq!(x.l1_loss_with(target, Reduction::Mean).item(), 2.0);
/// assert_eq!(x.l1_loss_with(target, Reduction::Sum).item(), 4.0);
/// assert_eq!(x.l1_loss_with(target, Reduction::None).value().to_vec(), [1.0, 3.0]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// The mean.
    #[default]
    Mean,
    /// The sum.
    Sum,
    /// No reduction: each loss by itself.
    None,
}

impl Reduction {
    /// The reduction of the losses of all elements.
    #[track_caller]
    pub(super) fn of(self, losses: Var<'_>) -> Result<Var<'_>> {
        match self {
            Reduction::Mean => losses.try_mean_axes(&[], false),
            Reduction::Sum => losses.try_sum_axes(&[], false),
            Reduction::None => Ok(losses),
        }
    }
}
