//! 2 - 16 - 16 - 1 with tanh, 32 observations, target x0 · x1, mean squared error, SGD with learning rate 0.05: nearly
//! all of a step is overhead.

use wengert::{
    DType, Result, Tape, Tensor,
    nn::{Init, Layer, Linear, Sequential, Tanh},
    optim::{Optimizer, Sgd},
};

use crate::timing::{Timing, fill};

pub fn mlp(timing: Timing) -> Result<()> {
    let layer = |seed, outputs, inputs, scale| {
        let layer = Linear::with_init(inputs, outputs, Init::Constant(0.0), 0);
        layer.weight.set(&fill(seed, &[outputs, inputs], scale)).map(|()| layer)
    };
    let net = Sequential::new()
        .then(layer(1, 16, 2, 0.7)?)
        .then(Tanh)
        .then(layer(2, 16, 16, 0.25)?)
        .then(Tanh)
        .then(layer(3, 1, 16, 0.25)?);
    let x = fill(4, &[32, 2], 1.0);
    let target = Tensor::from_fn([32, 1], DType::F32, |i| x.at(&[i, 0]) * x.at(&[i, 1]));
    let mut tape = Tape::new();
    let mut sgd = Sgd::new(&net.params(), 0.05)?;
    timing.measure("mlp", "tape", (2000, 10_000), ("us", 1e6), 6, || {
        tape.reset();
        let loss = net.forward(tape.constant(x.clone())).mse_loss(tape.constant(target.clone()));
        sgd.step(&loss.backward()?)?;
        Ok(loss.item())
    })
}
