//! An ArcFace head: 128 embeddings of 512 numbers and 1000 class centers, both normalized, margin 0.5, scale 64,
//! cross-entropy; SGD with learning rate 1 on the centers *and* the embeddings, so that the check sees both gradients.
//!
//! From θ + m = π on, cos θ − m sin m stands for cos(θ + m) ([`Fallback::Shifted`]).

use wengert::{
    Param, Result, Rule, Tape,
    nn::{CosineHead, Fallback, Layer, MarginLoss},
    optim::{Optimizer, Sgd},
};

use crate::timing::{Timing, fill};

pub fn arcface(timing: Timing) -> Result<()> {
    let margin = MarginLoss::arcface(0.5)?.scale(64.0)?.fallback(Fallback::Shifted);
    let labels: Vec<usize> = (0..128).map(|i| i * 37 % 1000).collect();
    for rule in [Rule::Manual, Rule::Tape] {
        let x = Param::new("x", fill(1, &[128, 512], 1.0));
        let head = CosineHead::new(512, 1000, 0);
        head.weight.set(&fill(2, &[1000, 512], 1.0))?;
        let mut tape = Tape::new();
        let mut sgd = Sgd::new(&[x.clone(), head.weight.clone()], 1.0)?;
        timing.measure("arcface", &rule.to_string(), (20, 200), ("ms", 1e3), 4, || {
            tape.reset();
            let x = tape.watch(&x);
            let loss = match rule {
                // The angle from the directions, with its derivative by hand.
                Rule::Manual => margin.stable_loss(&head, x, &labels)?,
                // The formula of the papers: the angle from the cosine.
                Rule::Tape => margin.loss(head.forward(x), &labels)?,
            };
            sgd.step(&loss.backward()?)?;
            Ok(loss.item())
        })?;
    }
    Ok(())
}
