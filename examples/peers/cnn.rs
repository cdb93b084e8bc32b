//! 64 images 3x32x32: four times convolution 3x3 (zeros around, with bias), batch norm and ReLU, with 16, 16, 32 and 32
//! channels and a max pool 2x2 after the second and the fourth; fully connected 10, cross-entropy; SGD with momentum 0.9
//! and learning rate 0.01.

use wengert::{
    Result, Tape,
    nn::{BatchNorm, Conv2d, Flatten, Init, Layer, Linear, MaxPool2d, Relu, Sequential},
    ops::{ConvSpec, Window},
    optim::{Momentum, Optimizer, Sgd},
};

use crate::timing::{Timing, fill};

/// Convolution, batch norm and ReLU.
fn block(seed: u32, c_in: usize, c_out: usize, scale: f64) -> Result<Sequential> {
    let conv = Conv2d::with_init(c_in, c_out, 3, Init::Constant(0.0), 0).with(ConvSpec::default().padding(1));
    conv.weight.set(&fill(seed, &[c_out, c_in, 3, 3], scale))?;
    Ok(Sequential::new().then(conv).then(BatchNorm::new(c_out)).then(Relu))
}

pub fn cnn(timing: Timing) -> Result<()> {
    let head = Linear::with_init(2048, 10, Init::Constant(0.0), 0);
    head.weight.set(&fill(5, &[10, 2048], 0.02))?;
    let net = Sequential::new()
        .then(block(1, 3, 16, 0.3)?)
        .then(block(2, 16, 16, 0.15)?)
        .then(MaxPool2d(Window::square(2)))
        .then(block(3, 16, 32, 0.15)?)
        .then(block(4, 32, 32, 0.1)?)
        .then(MaxPool2d(Window::square(2)))
        .then(Flatten)
        .then(head);
    let images = fill(6, &[64, 3, 32, 32], 1.0);
    let labels: Vec<usize> = (0..64).map(|i| i * 7 % 10).collect();
    let mut tape = Tape::new();
    let mut sgd = Sgd::new(&net.params(), 0.01)?.momentum(0.9)?.form(Momentum::PyTorch);
    timing.measure("cnn", "tape", (10, 100), ("ms", 1e3), 4, || {
        tape.reset();
        let loss = net.forward(tape.constant(images.clone())).cross_entropy(&labels);
        sgd.step(&loss.backward()?)?;
        Ok(loss.item())
    })
}
