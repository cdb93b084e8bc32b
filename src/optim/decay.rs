//! Weight decay, and groups of parameters that are trained at their own pace.

use crate::Param;

/// Which parameters weight decay pulls towards 0, and how strongly (λ ≥ 0).
///
/// The optimizer decides whether λ w is added to the gradient or subtracted from the weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decay {
    /// No parameter.
    None,
    /// The parameters that [decay](Param::decays): all but the biases. The shift of a batch norm counts as a weight, as in
    /// MATLAB; that of a layer norm is a bias.
    Weights(f64),
    /// Every parameter, as PyTorch does by default.
    Everything(f64),
}

/// What the learning rate and the weight decay of some parameters are multiplied by: Caffe's `lr_mult` and `decay_mult`,
/// PyTorch's parameter groups. A schedule keeps these ratios.
///
/// ```
/// use wengert::{nn::{Layer, Linear, Sequential}, optim::{Group, Sgd}};
/// let net = Sequential::new().named("body", Linear::new(4, 8, 0)).named("head", Linear::new(8, 2, 1));
/// let slow = Group { learning_rate: 0.1, ..Group::default() };
/// let sgd = Sgd::new(&net.params(), 0.1)?.group(&net.params_of("body")?, slow)?;
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Group {
    /// The factor of the learning rate, at least 0; 1 by default.
    pub learning_rate: f64,
    /// The factor of the weight decay, at least 0; 1 by default.
    pub decay: f64,
}

impl Default for Group {
    fn default() -> Self {
        Group { learning_rate: 1.0, decay: 1.0 }
    }
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
