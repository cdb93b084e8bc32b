//! Training runs that are watched.

use std::{path::Path, sync::Arc};

use wengert::{
    DType, Result, Tape, Tensor,
    data::{self, Batches, Shuffle},
    inspect,
    nn::{Layer, Linear, Sequential, Sigmoid},
    optim::{Decay, Sgd},
    train::{Trainer, Watch},
};

/// A deep network of sigmoids, and what each of its weights gets of the gradient.
pub fn sigmoids() -> Result<Watch> {
    println!("\n== 5. Layers that learn nothing ==");
    let mut net = Sequential::new();
    for k in 1..=6 {
        net = net.named(&format!("fc{k}"), Linear::new(16, 16, k)).named(&format!("act{k}"), Sigmoid);
    }
    let net = net.named("fc7", Linear::new(16, 2, 7));
    let x = Tensor::from_fn([64, 16], DType::F32, |i| (i as f64 * 0.37).sin());
    let labels: Vec<usize> = (0..64).map(|k| k % 2).collect();
    let mut sgd = Sgd::new(&net.params(), 0.1)?;
    let mut watch = Watch::every(10);
    Trainer::new(&net, &mut sgd)
        .epochs(100)
        .watch(&mut watch)
        .fit(&mut (1, |_| std::iter::once((x.clone(), labels.clone()))))?;
    watch.samples.iter_mut().for_each(|sample| sample.params.retain(|param| param.name.ends_with("weight")));
    for (name, rms) in first_gradients(&watch) {
        println!("{name}  gradient {rms:.0e}");
    }
    Ok(watch)
}

/// The weights, with the root of the mean square of their gradients in the first iteration.
pub fn first_gradients(watch: &Watch) -> Vec<(String, f64)> {
    watch.samples[0].params.iter().map(|param| (param.name.clone(), param.gradient.rms)).collect()
}

/// A watched run.
pub struct Watched {
    pub watch: Watch,
    pub losses: Vec<f64>,
}

/// The network of tutorial 3 on digits; its tape after the run, of a batch of 8, becomes a page.
pub fn digits(epochs: usize, page: &Path) -> Result<Watched> {
    println!("\n== 5. Layers that learn ==");
    let train = Arc::new(data::digits(0).train);
    let (net, _) = crate::net::build(&train, 0, DType::F32)?;
    let mut batches = Batches::new(train.clone(), 128)?.shuffle(Shuffle::Once, 0);
    let mut sgd = Sgd::new(&net.params(), 0.01)?.momentum(0.9)?.decay(Decay::Weights(1e-4))?;
    let mut watch = Watch::every(10);
    let history = Trainer::new(&net, &mut sgd).epochs(epochs).watch(&mut watch).chart(true).fit(&mut batches)?;
    println!("{:<12} {:>9} {:>9} {:>9}", "parameter", "gradient", "step, 1", "last");
    let (first, last) = (&watch.samples[0], &watch.samples[watch.samples.len() - 1]);
    for (before, after) in first.params.iter().zip(&last.params) {
        println!("{:<12} {:>9.0e} {:>9.0e} {:>9.0e}", before.name, after.gradient.rms, before.ratio, after.ratio);
    }
    for layer in &last.layers {
        let spread = &layer.activations;
        println!(
            "{:<12} rms {:>7.1e}, largest {:>7.1e}, {:.0} % zeros",
            layer.name,
            spread.rms,
            spread.largest,
            100.0 * spread.zeros
        );
    }
    let batch = Batches::new(train, 8)?.epoch(0).next().expect("there are images");
    let tape = Tape::new();
    let loss = net.forward(tape.constant(batch.tensor())).cross_entropy(&batch.labels).named("loss");
    println!("A batch of 8: {}.", loss.detect_anomalies()?);
    inspect::html(&tape, &loss.backward()?, page)?;
    Ok(Watched { watch, losses: history.losses })
}
