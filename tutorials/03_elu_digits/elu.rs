//! The layer of this tutorial: an exponential linear unit with one learned alpha per channel, written both ways.
//!
//! z = x for x > 0, α_c (eˣ − 1) elsewhere. By hand:
//!
//! - ∂z/∂x = 1 for x > 0, α_c eˣ = α_c + z elsewhere: the output is all that is needed.
//! - ∂z/∂α_c = e^{min(x, 0)} − 1, summed over everything that shares this alpha: rows, columns and observations, but
//!   not channels.

use wengert::{
    Backward, Function, Param, Var,
    nn::{Init, Layer},
};

/// The function alone. `forward` is what the tape differentiates; `backward` is what we worked out.
pub struct Elu;

impl Function for Elu {
    fn name(&self) -> &str {
        "elu"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        let (x, alpha) = (x[0], x[1]);
        // min(x, 0): the exponential of a large positive x would overflow, although it is not used.
        vec![x.relu() + alpha * x.min(0.0).exp_m1()]
    }

    fn backward<'t>(&self, Backward { x, z, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let (x, alpha, z, dz) = (x[0], x[1], z[0], dz[0]);
        let dx = dz * x.gt(0.0).select(1.0, alpha + z);
        let dalpha = (dz * x.min(0.0).exp_m1()).sum_to(&alpha.shape());
        vec![Some(dx), Some(dalpha)]
    }
}

/// The layer: the function with its learned alphas. `Rule::Manual` or `Rule::Tape` selects the gradient.
pub struct EluLayer {
    /// One number per channel.
    pub alpha: Param,
}

impl EluLayer {
    /// Alphas drawn uniformly from 0 to 1.
    pub fn new(channels: usize, seed: u64) -> Self {
        EluLayer { alpha: Param::new("alpha", Init::Uniform(0.0, 1.0).draw([channels], seed)) }
    }
}

impl Layer for EluLayer {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let alpha = x.tape().watch(&self.alpha).per_channel(x);
        x.tape().apply(Elu, &[x, alpha]).expect("x and alpha are all that the function uses")[0]
    }

    fn params(&self) -> Vec<Param> {
        vec![self.alpha.clone()]
    }
}
