//! Weight decay.

use crate::Param;

/// Which parameters weight decay pulls towards 0, and how strongly (λ ≥ 0).
///
/// The optimizer decides whether λ w is added to the gradient or subtracted from the weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decay {
    /// No parameter.
    None,
    /// The parameters that [decay](Param::decays): all but the biases.
    Weights(f64),
    /// Every parameter, as PyTorch does by default.
    Everything(f64),
}

impl Decay {
    /// λ for one parameter.
    pub(super) fn of(self, param: &Param) -> f64 {
        match self {
            Decay::Weights(lambda) if param.decays() => lambda,
            Decay::Everything(lambda) => lambda,
            _ => 0.0,
        }
    }
}
