//! MATLAB's layer template: learnable properties, `predict`, `forward` with saved values, `backward`.
//!
//! In MATLAB a layer is a class; `predict` is the inference pass, `forward` the training pass if it differs, and
//! `backward` gets inputs, outputs, upstream gradients and what `forward` saved. [`Template`] has these methods under
//! these names, and [`Ported`] makes a [`Layer`] of any such class, in some forty lines, because [`Function`] has a
//! place for each of them.
//!
//! Two things differ. The learnables arrive as the arguments `w`, because a hand-written rule can only differentiate
//! with respect to its inputs. And the observations come first: images are `[n, c, h, w]` here and h × w × c × n in
//! MATLAB, so the sum of dα over dimensions 1, 2 and 4 becomes one over axes 2, 3 and 0.

use std::sync::Arc;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use wengert::{
    Backward, DType, Function, Mode, Param, Tensor, Var,
    nn::{Init, Layer},
};

/// A class derived from `nnet.layer.Layer`.
pub trait Template: Send + Sync + 'static {
    /// `layer.Name`.
    fn name(&self) -> &str;

    /// `properties (Learnable)`.
    fn learnables(&self) -> Vec<Param> {
        Vec::new()
    }

    /// `Z = predict(layer, X)`, with the learnables shaped to broadcast against `x`.
    fn predict<'t>(&self, x: Var<'t>, w: &[Var<'t>]) -> Var<'t>;

    /// `[Z, memory] = forward(layer, X)`; `predict` without memory if not written.
    fn forward<'t>(&self, x: Var<'t>, w: &[Var<'t>]) -> (Var<'t>, Vec<Var<'t>>) {
        (self.predict(x, w), Vec::new())
    }

    /// `[dLdX, dLdW1, ...] = backward(layer, X, Z, dLdZ, memory)`.
    fn backward<'t>(&self, x: Var<'t>, w: &[Var<'t>], z: Var<'t>, dldz: Var<'t>, memory: &[Var<'t>]) -> Vec<Var<'t>>;
}

/// A class of the template as a layer: `forward` and `backward` in training, `predict` in inference.
pub struct Ported<T>(pub Arc<T>);

impl<T: Template> Ported<T> {
    /// The layer of a class.
    pub fn new(class: T) -> Self {
        Ported(Arc::new(class))
    }
}

impl<T: Template> Layer for Ported<T> {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let tape = x.tape();
        let w: Vec<Var<'t>> = self.0.learnables().iter().map(|p| tape.watch(p).per_channel(x)).collect();
        match tape.mode() {
            Mode::Eval => self.0.predict(x, &w),
            Mode::Train => {
                let inputs: Vec<Var<'t>> = [x].into_iter().chain(w).collect();
                let applied = tape.apply(Arc::new(Training(self.0.clone())), &inputs);
                applied.expect("input and learnables are all that a class of the template uses")[0]
            }
        }
    }

    fn params(&self) -> Vec<Param> {
        self.0.learnables()
    }
}

/// The training pass as a function of input and learnables.
struct Training<T>(Arc<T>);

impl<T: Template> Function for Training<T> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        self.forward_and_save(x).0
    }

    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let (z, saved) = self.0.forward(x[0], &x[1..]);
        (vec![z], saved)
    }

    fn backward<'t>(&self, Backward { x, z, dz, saved, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        self.0.backward(x[0], &x[1..], z[0], dz[0], saved).into_iter().map(Some).collect()
    }
}

/// z = x for x > 0, α (eˣ − 1) elsewhere, with one learned α per channel. There is no `forward`: nothing needs saving,
/// and training does the same as inference.
pub struct EluLayer {
    alpha: Param,
}

impl EluLayer {
    /// Alphas drawn uniformly from 0 to 1.
    pub fn new(channels: usize, seed: u64) -> Self {
        EluLayer { alpha: Param::new("alpha", Init::Uniform(0.0, 1.0).draw([channels], seed)) }
    }
}

impl Template for EluLayer {
    fn name(&self) -> &str {
        "eluLayer"
    }

    fn learnables(&self) -> Vec<Param> {
        vec![self.alpha.clone()]
    }

    fn predict<'t>(&self, x: Var<'t>, w: &[Var<'t>]) -> Var<'t> {
        x.relu() + w[0] * x.min(0.0).exp_m1()
    }

    fn backward<'t>(&self, x: Var<'t>, w: &[Var<'t>], z: Var<'t>, dldz: Var<'t>, _: &[Var<'t>]) -> Vec<Var<'t>> {
        let alpha = w[0];
        let dldx = dldz * x.gt(0.0).select(1.0, alpha + z);
        let dldalpha = (dldz * x.min(0.0).exp_m1()).sum_to(&alpha.shape());
        vec![dldx, dldalpha]
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

    fn predict<'t>(&self, x: Var<'t>, _: &[Var<'t>]) -> Var<'t> {
        x.leaky_relu(0.5 * (self.low + self.high))
    }

    fn forward<'t>(&self, x: Var<'t>, _: &[Var<'t>]) -> (Var<'t>, Vec<Var<'t>>) {
        let mut rng = StdRng::seed_from_u64(self.seed);
        let drawn = Tensor::from_fn(x.shape(), DType::F64, |_| rng.random_range(self.low..self.high));
        let slope = x.gt(0.0).select(1.0, x.tape().constant(drawn));
        (x * slope, vec![slope])
    }

    fn backward<'t>(&self, _: Var<'t>, _: &[Var<'t>], _: Var<'t>, dldz: Var<'t>, saved: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![dldz * saved[0]]
    }
}
