//! Layers for MATLAB's template: learnables with factors, memory, two inputs and outputs, state.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use wengert::{DType, Param, Tensor, Var, nn::Init, optim::Group};

use super::{Inputs, Outputs, Template, Upstream};

/// z = x for x > 0, α (eˣ − 1) elsewhere, with one learned α per channel. There is no `forward`: nothing needs saving,
/// and training does the same as inference.
pub struct EluLayer {
    alpha: Param,
    factors: Group,
}

impl EluLayer {
    /// Alphas drawn uniformly from 0 to 1.
    pub fn new(channels: usize, seed: u64) -> Self {
        let alpha = Param::new("alpha", Init::Uniform(0.0, 1.0).draw([channels], seed));
        EluLayer { alpha, factors: Group::default() }
    }

    /// `setLearnRateFactor(layer, "alpha", factor)`.
    pub fn learn_rate_factor(mut self, factor: f64) -> Self {
        self.factors.learning_rate = factor;
        self
    }

    /// `setL2Factor(layer, "alpha", factor)`.
    pub fn l2_factor(mut self, factor: f64) -> Self {
        self.factors.decay = factor;
        self
    }
}

impl Template for EluLayer {
    fn name(&self) -> &str {
        "eluLayer"
    }

    fn learnables(&self) -> Vec<(Param, Group)> {
        vec![(self.alpha.clone(), self.factors)]
    }

    fn predict<'t>(&self, at: Inputs<'_, 't>) -> Outputs<'t> {
        let x = at.x[0];
        Outputs { z: vec![x.relu() + at.w[0].per_channel(x) * x.min(0.0).exp_m1()], ..Outputs::default() }
    }

    fn backward<'t>(&self, at: Inputs<'_, 't>, from: Upstream<'_, 't>) -> Vec<Var<'t>> {
        let (x, z, dldz) = (at.x[0], from.z[0], from.dldz[0]);
        let alpha = at.w[0].per_channel(x);
        let dldx = dldz * x.gt(0.0).select(1.0, alpha + z);
        let dldalpha = (dldz * x.min(0.0).exp_m1()).sum_to(&alpha.shape());
        vec![dldx, dldalpha.reshape(at.w[0].shape())]
    }
}

/// A leaky unit whose slope on the negative side is drawn anew for each number in training, from `low` to `high`, and
/// is their mean in inference (Xu et al., arXiv 1505.00853). The drawn slopes are saved.
pub struct RandomLeakyLayer {
    low: f64,
    high: f64,
    seed: u64,
}

impl RandomLeakyLayer {
    /// Slopes from `low` to `high`; the same seed draws the same slopes.
    pub fn new(low: f64, high: f64, seed: u64) -> Self {
        RandomLeakyLayer { low, high, seed }
    }
}

impl Template for RandomLeakyLayer {
    fn name(&self) -> &str {
        "randomLeakyLayer"
    }

    fn predict<'t>(&self, at: Inputs<'_, 't>) -> Outputs<'t> {
        Outputs { z: vec![at.x[0].leaky_relu(0.5 * (self.low + self.high))], ..Outputs::default() }
    }

    fn forward<'t>(&self, at: Inputs<'_, 't>) -> Outputs<'t> {
        let x = at.x[0];
        let mut rng = StdRng::seed_from_u64(self.seed);
        let drawn = Tensor::from_fn(x.shape(), DType::F64, |_| rng.random_range(self.low..self.high));
        let slope = x.gt(0.0).select(1.0, x.tape().constant(drawn));
        Outputs { z: vec![x * slope], memory: vec![slope], ..Outputs::default() }
    }

    fn backward<'t>(&self, _: Inputs<'_, 't>, from: Upstream<'_, 't>) -> Vec<Var<'t>> {
        vec![from.dldz[0] * from.memory[0]]
    }
}

/// Two inputs turned by a learned angle: z₁ = x₁ cos a − x₂ sin a, z₂ = x₁ sin a + x₂ cos a.
pub struct RotationLayer {
    angle: Param,
}

impl RotationLayer {
    /// A layer that begins at this angle, in radians.
    pub fn new(angle: f64) -> Self {
        RotationLayer { angle: Param::new("angle", Tensor::scalar(angle, DType::F32)) }
    }
}

impl Template for RotationLayer {
    fn name(&self) -> &str {
        "rotationLayer"
    }

    fn num_inputs(&self) -> usize {
        2
    }

    fn num_outputs(&self) -> usize {
        2
    }

    fn learnables(&self) -> Vec<(Param, Group)> {
        vec![(self.angle.clone(), Group::default())]
    }

    fn predict<'t>(&self, Inputs { x, w, .. }: Inputs<'_, 't>) -> Outputs<'t> {
        let (cos, sin) = (w[0].cos(), w[0].sin());
        Outputs { z: vec![x[0] * cos - x[1] * sin, x[0] * sin + x[1] * cos], ..Outputs::default() }
    }

    fn backward<'t>(&self, Inputs { w, .. }: Inputs<'_, 't>, from: Upstream<'_, 't>) -> Vec<Var<'t>> {
        let (cos, sin) = (w[0].cos(), w[0].sin());
        let ([a, b], [z1, z2]) = ([from.dldz[0], from.dldz[1]], [from.z[0], from.z[1]]);
        // A turn back; and dz₁/da = −z₂, dz₂/da = z₁.
        vec![a * cos + b * sin, b * cos - a * sin, (b * z1 - a * z2).sum()]
    }
}

/// z = x + a h, for a state h that is the z of the pass before: a leaky integrator with a learned leak a for each
/// feature. Gradients go back through the pass at hand alone.
pub struct IntegratorLayer {
    leak: Param,
    held: Param,
}

impl IntegratorLayer {
    /// A layer for `[n, features]`, at rest.
    pub fn new(features: usize) -> Self {
        IntegratorLayer {
            leak: Param::new("leak", Tensor::full([features], 0.5, DType::F32)),
            held: Param::state("held", Tensor::zeros([1, features], DType::F32)),
        }
    }
}

impl Template for IntegratorLayer {
    fn name(&self) -> &str {
        "integratorLayer"
    }

    fn learnables(&self) -> Vec<(Param, Group)> {
        vec![(self.leak.clone(), Group::default())]
    }

    fn state(&self) -> Vec<Param> {
        vec![self.held.clone()]
    }

    fn reset_state(&self) {
        self.held.update(|held| *held = Tensor::zeros([1, held.shape()[1]], held.dtype()));
    }

    fn predict<'t>(&self, Inputs { x, w, state }: Inputs<'_, 't>) -> Outputs<'t> {
        let z = x[0] + w[0] * state[0];
        Outputs { z: vec![z], state: vec![z], ..Outputs::default() }
    }

    fn backward<'t>(&self, Inputs { w, state, .. }: Inputs<'_, 't>, from: Upstream<'_, 't>) -> Vec<Var<'t>> {
        let dz = from.dldz[0] + from.dlds[0];
        vec![dz, (dz * state[0]).sum_to(&w[0].shape()), (dz * w[0]).sum_to(&state[0].shape())]
    }
}
