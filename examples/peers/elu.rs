//! 128 images 28x28: convolution 5x5x20, batch norm, ELU with a learned alpha per channel, fully connected 10,
//! cross-entropy; SGD with momentum 0.9, learning rate 0.01, weight decay 1e-4 on everything.

use wengert::{
    Backward, Function, Param, Result, Rule, Tape, Tensor, Var,
    nn::{BatchNorm, Conv2d, Elu, Flatten, Init, Layer, Linear, Sequential},
    optim::{Decay, Momentum, Optimizer, Sgd},
};

use crate::timing::{Timing, fill};

/// ELU with its derivative written by hand.
struct EluRule;

impl Function for EluRule {
    fn name(&self) -> &str {
        "elu"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        let (x, alpha) = (x[0], x[1]);
        vec![x.gt(0.0).select(x, alpha * x.min(0.0).exp_m1())]
    }

    fn backward<'t>(&self, Backward { x, z, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let (x, alpha, z, dz) = (x[0], x[1], z[0], dz[0]);
        let positive = x.gt(0.0);
        let dx = dz * positive.select(1.0, alpha + z);
        let dalpha = (dz * x.min(0.0).exp_m1()).sum_to(&alpha.shape());
        vec![Some(dx), Some(dalpha)]
    }
}

/// The layer of the manual rule.
struct EluManual {
    alpha: Param,
}

impl Layer for EluManual {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let alpha = x.tape().watch(&self.alpha).per_channel(x);
        x.tape().apply(EluRule, &[x, alpha]).expect("the rule names all its inputs")[0]
    }

    fn params(&self) -> Vec<Param> {
        vec![self.alpha.clone()]
    }
}

pub fn elu(timing: Timing) -> Result<()> {
    for rule in [Rule::Manual, Rule::Tape] {
        let conv = Conv2d::with_init(1, 20, 5, Init::Constant(0.0), 0);
        conv.weight.set(&fill(1, &[20, 1, 5, 5], 0.2))?;
        let out = Linear::with_init(11_520, 10, Init::Constant(0.0), 0);
        out.weight.set(&fill(3, &[10, 11_520], 0.01))?;
        let alphas = fill(2, &[20], 1.0).to_vec().iter().map(|a| ((a + 1.0) / 2.0) as f32).collect::<Vec<_>>();
        let net = Sequential::new().then(conv).then(BatchNorm::new(20));
        let net = match rule {
            Rule::Manual => net.then(EluManual { alpha: Param::new("alpha", Tensor::from(alphas)) }),
            Rule::Tape => net.then(Elu { alpha: Param::new("alpha", Tensor::from(alphas)) }),
        };
        let net = net.then(Flatten).then(out);
        let images = fill(4, &[128, 1, 28, 28], 1.0);
        let labels: Vec<usize> = (0..128).map(|i| i * 7 % 10).collect();
        let mut tape = Tape::new();
        let mut sgd =
            Sgd::new(&net.params(), 0.01)?.momentum(0.9)?.form(Momentum::PyTorch).decay(Decay::Everything(1e-4))?;
        timing.measure("elu", &rule.to_string(), (20, 200), ("ms", 1e3), 6, || {
            tape.reset();
            let loss = net.forward(tape.constant(images.clone())).cross_entropy(&labels);
            sgd.step(&loss.backward()?)?;
            Ok(loss.item())
        })?;
    }
    Ok(())
}
