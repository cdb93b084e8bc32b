//! The exponential linear unit with one learned alpha per channel.

use super::{Init, Layer};
use crate::{Param, Var};

/// x for x > 0, α_c (eˣ − 1) elsewhere, with one learned α for each channel (axis 1).
///
/// Clevert et al. (arXiv 1511.07289), with α learned. The exponential is taken of min(x, 0), so that a large positive x
/// does not overflow in the branch that is not used.
#[derive(Debug)]
pub struct Elu {
    /// α, `[c]`.
    pub alpha: Param,
}

impl Elu {
    /// A layer for `channels` channels, with α drawn uniformly from 0 to 1.
    pub fn new(channels: usize, seed: u64) -> Self {
        Elu { alpha: Param::new("alpha", Init::Uniform(0.0, 1.0).draw([channels], seed)) }
    }
}

impl Layer for Elu {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let alpha = x.tape().watch(&self.alpha).per_channel(x);
        x.relu() + alpha * x.min(0.0).exp_m1()
    }

    fn params(&self) -> Vec<Param> {
        vec![self.alpha.clone()]
    }
}
