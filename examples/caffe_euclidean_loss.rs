//! Caffe's loss layer in Python, question by question: two bottoms, a top of one number, `self.diff`, `propagate_down`.
//!
//! L = Σ (p − t)² / 2n for a prediction p and a target t of n observations; dL/dp = (p − t) / n, dL/dt = −dL/dp.

#[macro_use]
#[allow(dead_code, clippy::duplicate_mod, reason = "the tutorial includes this program, and prints in the same way")]
#[path = "../tutorials/print.rs"]
mod print;

use wengert::{Backward, DType, Function, Result, Rule, Tape, Tensor, Var, check};

/// The layer; `published` leaves out the upstream gradient, as the example that comes with Caffe does (`pyloss.py`).
pub struct EuclideanLoss {
    pub published: bool,
}

impl Function for EuclideanLoss {
    fn name(&self) -> &str {
        "euclidean loss"
    }

    fn forward<'t>(&self, bottom: &[Var<'t>]) -> Vec<Var<'t>> {
        self.forward_and_save(bottom).0
    }

    fn forward_and_save<'t>(&self, bottom: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let diff = bottom[0] - bottom[1]; // self.diff[...] = bottom[0].data - bottom[1].data
        let n = bottom[0].shape()[0] as f64;
        (vec![diff.square().sum() / (2.0 * n)], vec![diff])
    }

    fn backward<'t>(&self, Backward { x, dz, saved, needs, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let n = x[0].shape()[0] as f64;
        let upstream = |diff: Var<'t>| if self.published { diff } else { dz[0] * diff };
        // for i in range(2): if not propagate_down[i]: continue
        [1.0, -1.0].iter().zip(needs).map(|(sign, need)| need.then(|| upstream(saved[0]) * (sign / n))).collect()
    }
}

/// A prediction and a target of 3 observations with 2 numbers each.
pub fn pair() -> [Tensor; 2] {
    [0.9, 1.7].map(|step| Tensor::from_fn([3, 2], DType::F64, |i| (step * (i + 1) as f64).sin()))
}

pub fn main() -> Result<()> {
    let [prediction, target] = pair();
    let tape = Tape::f64();
    let bottom = [tape.leaf(&prediction), tape.constant(&target)];
    let top = tape.apply(EuclideanLoss { published: false }, &bottom)?;
    println!(
        "bottoms {} and {}, tops: {}, of shape {}",
        bottom[0].shape(),
        bottom[1].shape(),
        top.len(),
        top[0].shape()
    );
    for rule in [Rule::Manual, Rule::Tape] {
        tape.set_rule(rule);
        let gradient = top[0].backward()?.wrt(bottom[0])?.to_vec();
        println!("gradient by {:<6}  {}", if rule == Rule::Manual { "hand" } else { "tape" }, Tensor::from(gradient));
    }

    // What the rule costs, as operations that the gradient records.
    for (what, bottom) in [("target is data", bottom), ("target wants a gradient", [bottom[0], tape.leaf(&target)])] {
        tape.set_rule(Rule::Manual);
        let loss = tape.apply(EuclideanLoss { published: false }, &bottom)?[0];
        let (before, wanted) = (tape.len(), bottom.iter().copied().filter(|x| x.needs_grad()).collect::<Vec<_>>());
        tape.grad(loss, &wanted)?;
        let names: Vec<String> = tape.nodes().skip(before).map(|node| node.op).filter(|op| op != "constant").collect();
        println!("{what}: the gradient takes {}", names.join(", "));
    }

    for published in [false, true] {
        let report = check::function(EuclideanLoss { published }, &pair()).run()?;
        let verdict = report.verdict().map_or("passes the check".to_owned(), |verdict| verdict.fault.to_string());
        let slope = |weight: f64| -> Result<f64> {
            let (p, t) = (tape.leaf(&prediction), tape.constant(&target));
            let loss = tape.apply(EuclideanLoss { published }, &[p, t])?[0] * weight;
            Ok(loss.backward()?.wrt(p)?.to_vec()[0])
        };
        let name = if published { "as published" } else { "with top.diff" };
        println!("{name}: loss_weight 1 gives {:.4}, 3 gives {:.4}; {verdict}", slope(1.0)?, slope(3.0)?);
    }
    Ok(())
}
