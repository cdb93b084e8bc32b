//! The published forms of gradient descent with momentum, which are one until the learning rate changes.
//!
//! With the gradient g, momentum μ and learning rate η:
//!
//! - Caffe: v ← μ v + η g, w ← w − v. The rate is inside the buffer.
//! - MATLAB: w ← w − η g + μ (w − w'), with w' the w before the last step. It has no buffer, but w' − w is Caffe's v.
//! - PyTorch: v ← μ v + g, w ← w − η v. The rate is outside: a new one also applies to what the buffer holds.
//! - Nesterov's look-ahead, with the rate inside: the step is (1 + μ) v − μ v' with the v' before, as in Caffe.

#[macro_use]
#[allow(dead_code, clippy::duplicate_mod, reason = "the tutorial includes this program, and prints in the same way")]
#[path = "../tutorials/print.rs"]
mod print;

use wengert::{
    Param, Result, Tape, Tensor,
    optim::{Momentum, Optimizer, Sgd},
};

const MU: f64 = 0.9;

/// w after each step of the formula as it was published, from w = 1, for the loss w²/2, whose gradient is w.
pub fn published(name: &str, rates: &[f64]) -> Vec<f64> {
    let (mut w, mut v, mut last) = (1.0, 0.0, 1.0);
    let step = |&rate: &f64| {
        let (g, before) = (w, (w, v));
        match name {
            "MATLAB" => w = w - rate * g + MU * (w - last),
            "PyTorch" => {
                v = MU * v + g;
                w -= rate * v;
            }
            "Nesterov" => {
                v = MU * v + rate * g;
                w -= (1.0 + MU) * v - MU * before.1;
            }
            _ => {
                v = MU * v + rate * g;
                w -= v;
            }
        }
        last = before.0;
        w
    };
    rates.iter().map(step).collect()
}

/// The same with the optimizer of the library.
pub fn by_library(name: &str, rates: &[f64]) -> Result<Vec<f64>> {
    let w = Param::new("w", Tensor::from([1.0f64]));
    let form = if name == "PyTorch" { Momentum::PyTorch } else { Momentum::Caffe };
    let mut sgd = Sgd::new(std::slice::from_ref(&w), 0.1)?.momentum(MU)?.form(form).nesterov(name == "Nesterov");
    let step = |&rate: &f64| {
        let tape = Tape::f64();
        let loss = tape.watch(&w).square().sum() * 0.5;
        sgd.set_learning_rate(rate)?;
        sgd.step(&loss.backward()?)?;
        Ok(w.value().item())
    };
    rates.iter().map(step).collect()
}

pub fn main() -> Result<()> {
    let names = ["MATLAB", "Caffe", "PyTorch", "Nesterov"];
    let rates = [0.1, 0.1, 0.1, 0.01, 0.01, 0.01];
    println!("step  rate   {}", names.map(|name| format!("{name:>9}")).join(""));
    let mut runs = Vec::new();
    let mut apart: f64 = 0.0;
    for name in names {
        let (formula, library) = (published(name, &rates), by_library(name, &rates)?);
        apart = formula.iter().zip(&library).map(|(a, b)| (a - b).abs()).fold(apart, f64::max);
        runs.push(library);
    }
    for (step, rate) in rates.iter().enumerate() {
        println!(
            "{:>4}  {rate:<5}  {}",
            step + 1,
            runs.iter().map(|run| format!("{:>9.4}", run[step])).collect::<String>()
        );
    }
    println!("the optimizer is the formula to 1e-15: {}", apart < 1e-15);
    Ok(())
}
