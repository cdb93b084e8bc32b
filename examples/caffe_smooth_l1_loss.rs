//! The smooth L1 loss of Fast R-CNN, with its four bottoms: prediction, target, and weights inside and outside.
//!
//! With x = w_in (p − t): f(x) = ½ (σx)² where |x| < 1/σ², else |x| − ½/σ² (Girshick, arXiv 1504.08083), and the loss is
//! Σ w_out f(x) / n for n observations. The slope of f is σ²x, or the sign of x: it is continuous. Only the prediction
//! wants a gradient; it is w_out f'(x) w_in / n.

#[macro_use]
#[allow(dead_code, clippy::duplicate_mod, reason = "the tutorial includes this program, and prints in the same way")]
#[path = "../tutorials/print.rs"]
mod print;

use wengert::{Backward, DType, Function, Result, Tape, Tensor, Var, check};

/// The layer, by its σ.
pub struct SmoothL1 {
    pub sigma: f64,
}

impl Function for SmoothL1 {
    fn name(&self) -> &str {
        "smooth L1 loss"
    }

    fn forward<'t>(&self, bottom: &[Var<'t>]) -> Vec<Var<'t>> {
        self.forward_and_save(bottom).0
    }

    fn forward_and_save<'t>(&self, bottom: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let [p, t, inside, outside] = [bottom[0], bottom[1], bottom[2], bottom[3]];
        let (x, square) = (inside * (p - t), self.sigma * self.sigma);
        let size = x.abs();
        let each = size.lt(1.0 / square).select(x.square() * (0.5 * square), size - 0.5 / square);
        (vec![(outside * each).sum() / p.shape()[0] as f64], vec![x])
    }

    fn backward<'t>(&self, Backward { x: bottom, dz, saved, needs, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let (x, square, n) = (saved[0], self.sigma * self.sigma, bottom[0].shape()[0] as f64);
        // σ²x clamped to [−1, 1] is the slope on both sides of the boundary.
        let slope = || dz[0] * bottom[3] * (x * square).clamp(-1.0, 1.0) * bottom[2] / n;
        vec![needs[0].then(slope), needs[1].then(|| -slope()), None, None]
    }
}

/// Prediction, target, and the two weights: of 3 boxes with 4 numbers, the last is background.
pub fn boxes() -> [Tensor; 4] {
    let numbers = |step: f64| Tensor::from_fn([3, 4], DType::F64, |i| 1.5 * (step * (i + 1) as f64).sin());
    let weights = |value: f64| Tensor::from_fn([3, 4], DType::F64, |i| if i < 8 { value } else { 0.0 });
    [numbers(0.9), numbers(1.7), weights(1.0), weights(0.5)]
}

pub fn main() -> Result<()> {
    for sigma in [1.0, 3.0] {
        let report = check::function(SmoothL1 { sigma }, &boxes()).constant(2).constant(3).run()?;
        let verdict = report.verdict().map_or("passes the check".to_owned(), |verdict| verdict.fault.to_string());
        println!("σ = {sigma}: {verdict}");
    }
    let tape = Tape::f64();
    let [p, t, inside, outside] = boxes().map(|x| tape.leaf(x));
    let loss = tape.apply(SmoothL1 { sigma: 3.0 }, &[p, t, inside, outside])?[0];
    let dp = loss.backward()?.wrt(p)?.to_vec();
    println!("the background box has no gradient: {}", dp[8..].iter().all(|&slope| slope == 0.0));

    // With weights of 1 it is the library's loss for β = 1/σ², which is a mean over all numbers.
    let ones = tape.constant(Tensor::ones([3, 4], DType::F64));
    let plain = tape.apply(SmoothL1 { sigma: 3.0 }, &[p, t, ones, ones])?[0].item();
    println!("{:.6} = 4 · {:.6}", plain, p.smooth_l1_loss(t, 1.0 / 9.0).item());
    Ok(())
}
