//! A run that a spoiled batch ends, and its last iteration, made again.

use std::path::Path;

use serde_json::{Value, json};
use wengert::{
    DType, Error, Result, Tensor, inspect,
    nn::{Lambda, Layer, Linear, Sequential, Tanh},
    optim::Adam,
    train::{Batch, Trainer, mean_squared_error},
};

const PER_EPOCH: usize = 20;

/// Batches of y = sin(x₁ + x₂). In one observation of one batch, x₂ was not scaled.
fn batches(epoch: usize) -> impl Iterator<Item = Batch> {
    (0..PER_EPOCH).map(move |k| {
        let number = |i: usize| ((i * 37 + k * 101 + epoch * 257) % 1009) as f64 / 504.5 - 1.0;
        let x = Tensor::from_fn([32, 2], DType::F32, |i| match (epoch, k, i) {
            (2, 13, 9) => 100.0,
            _ => number(i),
        });
        let y = Tensor::from_fn([32, 1], DType::F32, |i| (number(2 * i) + number(2 * i + 1)).sin());
        Batch::from((x, y))
    })
}

/// Its first layer is a sigmoid written as eˣ / (eˣ + 1), which is ∞/∞ for the spoiled observation in single precision.
fn net() -> Sequential {
    let gate = Lambda(|x| {
        let e = x.exp();
        e / (e + 1.0)
    });
    Sequential::new()
        .named("gate", gate)
        .named("fc1", Linear::new(2, 16, 0))
        .named("act", Tanh)
        .named("fc2", Linear::new(16, 1, 1))
}

fn trainer<'a>(net: &'a Sequential, adam: &'a mut Adam) -> Trainer<'a> {
    Trainer::new(net, adam).epochs(5).loss(mean_squared_error)
}

/// Runs into the spoiled batch, and opens it.
pub fn replay(out: &Path) -> Result<Value> {
    println!("\n== 6. The step that went wrong ==");
    let checkpoint = out.join("checkpoint.safetensors");
    let net = net();
    let mut adam = Adam::new(&net.params(), 0.01)?;
    let run = trainer(&net, &mut adam).save_checkpoints(&checkpoint, 1).fit(&mut (PER_EPOCH, batches));
    let Err(error @ Error::NonFinite { .. }) = run else { panic!("the batch is spoiled") };
    println!("{error}\n");
    trainer(&net, &mut adam).resume_from(&checkpoint).replay(&mut (PER_EPOCH, batches), 54, |step| {
        println!("{step}");
        inspect::html(step.tape, &step.gradients, out.join("step.html"))?;
        let origin = step.anomalies.forward.as_ref().expect("the loss is not finite");
        Ok(json!({ "iteration": step.iteration, "op": origin.op, "index": origin.index }))
    })
}
