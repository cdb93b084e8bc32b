//! The networks that are measured.

use wengert::{
    Backward, DType, Function, Gradients, Param, Result, Tape, Tensor, Var,
    nn::{BatchNorm, Conv2d, Elu, Flatten, Layer, Linear, Residual, Sequential, Tanh},
    optim::{Optimizer, Sgd},
};

/// ELU with its derivative by hand: ∂z/∂x = 1 or α + z, ∂z/∂α = e^{min(x, 0)} − 1.
struct EluRule;

impl Function for EluRule {
    fn name(&self) -> &str {
        "elu"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0].gt(0.0).select(x[0], x[1] * x[0].min(0.0).exp_m1())]
    }

    fn backward<'t>(&self, Backward { x, z, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let dx = dz[0] * x[0].gt(0.0).select(1.0, x[1] + z[0]);
        let dalpha = (dz[0] * x[0].min(0.0).exp_m1()).sum_to(&x[1].shape());
        vec![Some(dx), Some(dalpha)]
    }
}

/// The layer of the rule by hand.
struct EluByHand {
    alpha: Param,
}

impl Layer for EluByHand {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let alpha = x.tape().watch(&self.alpha).per_channel(x);
        x.tape().apply(EluRule, &[x, alpha]).expect("the rule names all its inputs")[0]
    }

    fn params(&self) -> Vec<Param> {
        vec![self.alpha.clone()]
    }
}

/// Numbers that are not all alike.
pub fn numbers(shape: impl Into<wengert::Shape>) -> Tensor {
    Tensor::from_fn(shape, DType::F32, |i| (i as f64 * 0.37).sin())
}

/// A network with its batch and its optimizer.
pub struct Work {
    pub net: Sequential,
    pub batch: Tensor,
    pub labels: Vec<usize>,
    pub sgd: Sgd,
}

impl Work {
    fn new(net: Sequential, batch: Tensor, classes: usize) -> Result<Work> {
        let labels = (0..batch.shape()[0]).map(|k| k * 7 % classes).collect();
        let sgd = Sgd::new(&net.params(), 0.01)?.momentum(0.9)?;
        Ok(Work { net, batch, labels, sgd })
    }

    /// The network of tutorial 3 on 128 images 28x28, its ELU by hand or by the tape.
    pub fn elu(by_hand: bool) -> Result<Work> {
        let net = Sequential::new().named("conv", Conv2d::new(1, 20, 5, 0)).named("norm", BatchNorm::new(20));
        let net = match by_hand {
            true => net.named("elu", EluByHand { alpha: Elu::new(20, 1).alpha }),
            false => net.named("elu", Elu::new(20, 1)),
        };
        let net = net.named("flatten", Flatten).named("fc", Linear::new(20 * 24 * 24, 10, 2));
        Work::new(net, numbers([128, 1, 28, 28]), 10)
    }

    /// A perceptron: `depth` layers of `width` with tanh, and one of 10 outputs.
    pub fn perceptron(batch: usize, width: usize, depth: usize) -> Result<Work> {
        let hidden =
            (0..depth).fold(Sequential::new(), |net, k| net.then(Linear::new(width, width, k as u64)).then(Tanh));
        Work::new(hidden.then(Linear::new(width, 10, 99)), numbers([batch, width]), 10)
    }

    /// The same with layers that add to what they get: x + tanh(W x + b).
    pub fn residual(batch: usize, width: usize, depth: usize) -> Result<Work> {
        let layer = |k: usize| Residual::new(Sequential::new().then(Linear::new(width, width, k as u64)).then(Tanh));
        let hidden = (0..depth).fold(Sequential::new(), |net, k| net.then(layer(k)));
        Work::new(hidden.then(Linear::new(width, 10, 99)), numbers([batch, width]), 10)
    }

    pub fn loss<'t>(&self, tape: &'t Tape) -> Var<'t> {
        self.net.forward(tape.constant(&self.batch)).cross_entropy(&self.labels)
    }

    /// Forward, backward and update.
    pub fn step(&mut self, tape: &mut Tape) -> Result<()> {
        tape.reset();
        let gradients: Gradients = self.loss(tape).backward()?;
        self.sgd.step(&gradients)
    }
}
