//! `solver.step(1)` and `solver.net.forward()`: what each of them changes.

#[macro_use]
#[allow(dead_code, clippy::duplicate_mod, reason = "the tutorial includes this program, and prints in the same way")]
#[path = "../tutorials/print.rs"]
mod print;

use wengert::{
    DType, Result, Tensor,
    nn::{Layer, Linear, Sequential, Tanh},
    optim::{Decay, Sgd},
    train::{DataLoader, Solver, mean_squared_error},
};

/// The parameters of a network, one after the other.
fn numbers(net: &dyn Layer) -> Vec<f64> {
    net.params().iter().flat_map(|param| param.value().to_vec()).collect()
}

fn network() -> Sequential {
    let net = Sequential::new().named("fc1", Linear::new(2, 8, 0)).then(Tanh).named("fc2", Linear::new(8, 1, 1));
    net.params().iter().for_each(|param| param.cast(DType::F64));
    net
}

fn optimizer(net: &dyn Layer) -> Result<Sgd> {
    Sgd::new(&net.params(), 0.05)?.momentum(0.9)?.decay(Decay::Weights(5e-4))
}

/// 12 points with a value to predict, in batches.
fn points(size: usize) -> Result<DataLoader> {
    let x = Tensor::from_fn([12, 2], DType::F64, |i| (1.3 * i as f64).sin());
    DataLoader::new((x, Tensor::from_fn([12, 1], DType::F64, |i| (0.7 * i as f64).cos())), size)
}

pub fn main() -> Result<()> {
    let net = network();
    let mut sgd = optimizer(&net)?;
    let mut solver = Solver::new(&net, &mut sgd, points(4)?).loss(mean_squared_error);
    println!("call      parameters  gradients  iteration  batches read");
    let mut before = numbers(&net);
    for call in ["forward", "backward", "update", "step(1)", "forward"] {
        match call {
            "forward" => solver.forward().map(drop)?,
            "backward" => solver.backward()?,
            "update" => solver.update().map(drop)?,
            _ => solver.step(1).map(drop)?,
        }
        let now = numbers(&net);
        let moved = if now == before { "as before" } else { "changed" };
        let gradients = if solver.gradients().is_some() { "there" } else { "none" };
        let (epoch, read) = solver.position();
        println!("{call:<10}{moved:<12}{gradients:<11}{:>9}{:>14}", solver.iteration(), 3 * epoch + read);
        before = now;
    }

    // iter_size: the gradients of three batches of 4 make one step, as one batch of 12 does.
    let run = |size: usize, iter_size: usize| -> Result<(f64, Vec<f64>)> {
        let net = network();
        let mut sgd = optimizer(&net)?;
        let mut solver = Solver::new(&net, &mut sgd, points(size)?).loss(mean_squared_error).iter_size(iter_size);
        let loss = solver.step(50)?;
        Ok((loss, numbers(&net)))
    };
    let ((loss, whole), (_, parts)) = (run(12, 1)?, run(4, 3)?);
    let apart = whole.iter().zip(&parts).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let same = apart < 1e-12;
    println!("50 steps, loss {loss:.4}: one batch of 12 and three of 4 make the same steps: {same}");
    Ok(())
}
