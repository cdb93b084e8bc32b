//! Dice losses as layers: with sums, with sums of squares, and one that mixes the two and was published.
//!
//! For probabilities p and a mask g, with S = Σp + Σg + 1 and D = (2 Σpg + 1) / S, the first is L = 1 − D, and
//! dL/dp = (D − 2g) / S. With U = Σp² + Σg² and I = Σpg the second (V-Net, arXiv 1606.04797) is L = 1 − 2I / U, and
//! dL/dp = −2 (gU − 2pI) / U². Both are symmetric in p and g.

#[macro_use]
#[allow(dead_code, clippy::duplicate_mod, reason = "the tutorial includes this program, and prints in the same way")]
#[path = "../tutorials/print.rs"]
mod print;

use wengert::{Backward, DType, Function, Result, Tape, Tensor, Var, check};

/// A Dice loss of two bottoms, probabilities and mask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dice {
    Sums,
    Squares,
    /// The value of `Sums` with 2pD where D belongs in its gradient, which is how that of `Squares` looks.
    Mixed,
}

impl Function for Dice {
    fn name(&self) -> &str {
        "dice loss"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        self.forward_and_save(x).0
    }

    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let (p, g) = (x[0], x[1]);
        let shared = (p * g).sum();
        let (over, under) = match self {
            Dice::Squares => (shared * 2.0, p.square().sum() + g.square().sum()),
            _ => (shared * 2.0 + 1.0, p.sum() + g.sum() + 1.0),
        };
        let dice = over / under;
        (vec![1.0 - dice], vec![dice, under])
    }

    fn backward<'t>(&self, Backward { x, dz, saved, needs, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let (dice, under) = (saved[0], saved[1]);
        let slope = |own: Var<'t>, other: Var<'t>| match self {
            Dice::Sums => dz[0] * (dice - other * 2.0) / under,
            Dice::Squares => dz[0] * (own * dice - other) * 2.0 / under,
            Dice::Mixed => dz[0] * (own * 2.0 * dice - other * 2.0) / under,
        };
        vec![needs[0].then(|| slope(x[0], x[1])), needs[1].then(|| slope(x[1], x[0]))]
    }
}

/// Probabilities, and a mask in which a third is 1.
pub fn region() -> [Tensor; 2] {
    let probability = Tensor::from_fn([2, 1, 4, 4], DType::F64, |i| 0.5 + 0.45 * (2.3 * i as f64).sin());
    [probability, Tensor::from_fn([2, 1, 4, 4], DType::F64, |i| f64::from(i % 3 == 0))]
}

/// The gradient with respect to the probabilities, by hand.
fn slope(form: Dice) -> Result<Vec<f64>> {
    let tape = Tape::f64();
    let [p, g] = region();
    let (p, g) = (tape.leaf(p), tape.constant(g));
    Ok(tape.apply(form, &[p, g])?[0].backward()?.wrt(p)?.to_vec())
}

pub fn main() -> Result<()> {
    let tape = Tape::f64();
    let [p, g] = region().map(|x| tape.constant(x));
    let library = [p.dice_loss(g, 1.0).item(), p.dice_loss_squared(g).item()];
    println!("loss: sums {:.4}, squares {:.4}", library[0], library[1]);
    for form in [Dice::Sums, Dice::Squares, Dice::Mixed] {
        let report = check::function(form, &region()).constant(1).run()?;
        let verdict = report.verdict().map_or("passes the check".to_owned(), |verdict| verdict.fault.to_string());
        println!("{form:?}: {verdict}");
    }
    let norm = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
    let (right, mixed) = (slope(Dice::Sums)?, slope(Dice::Mixed)?);
    let off: Vec<f64> = right.iter().zip(&mixed).map(|(a, b)| a - b).collect();
    println!("the mixed gradient is off by {:.0} % of the right one", 100.0 * norm(&off) / norm(&right));
    Ok(())
}
