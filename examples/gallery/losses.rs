//! Losses: an ignored factor, the gradient of another formula, a gradient where there is none, a nearest point.

use wengert::{Backward, DType, Function, Tensor, Var, check};

use crate::entry::{Entry, numbers};

pub fn entries() -> Vec<Entry> {
    vec![
        Entry {
            name: "Euclidean loss of pyloss.py",
            source: "BVLC/caffe examples/pycaffe/layers/pyloss.py",
            expected: "upstream ignored",
            lesson: "top.diff is never read: right for a loss weight of 1, wrong for every other",
            wrong: || check::function(Euclidean { mended: false }, &points()).run(),
            mended: || check::function(Euclidean { mended: true }, &points()).run(),
        },
        Entry {
            name: "Dice loss with a mixed gradient",
            source: "a public Caffe Dice layer; the squared form is V-Net's (arXiv 1606.04797)",
            expected: "superfluous factor",
            lesson: "the value has p to the first power, the gradient 2 p D is that of the squared form; D belongs there",
            wrong: || check::function(Dice { target: mask(), mended: false }, &[probabilities()]).run(),
            mended: || check::function(Dice { target: mask(), mended: true }, &[probabilities()]).run(),
        },
        Entry {
            name: "Dice loss after argmax",
            source: "a public Caffe Dice layer that takes the argmax first",
            expected: "straight-through",
            lesson: "the value is constant between its jumps, so the true gradient is 0; the rule passes argmax by",
            wrong: || check::function(HardDice { target: mask() }, &[probabilities()]).run(),
            mended: || check::function(Dice { target: mask(), mended: true }, &[probabilities()]).run(),
        },
        Entry {
            name: "Chamfer distance, two points equally near",
            source: "BVLC/caffe#6814",
            expected: "kink",
            lesson: "where the nearest point changes the slopes differ: no fault, but a plain difference reports one",
            wrong: || check::closure(|x| chamfer(x[0], x[1]), &clouds(0.5)).named("Chamfer distance").run(),
            mended: || check::closure(|x| chamfer(x[0], x[1]), &clouds(0.4)).named("Chamfer distance").run(),
        },
    ]
}

fn points() -> [Tensor; 2] {
    [numbers([3, 4], -1.0, 1.0), numbers([3, 4], 0.5, -1.5)]
}

/// L = Σ (p − t)² / 2N for N rows.
struct Euclidean {
    mended: bool,
}

impl Function for Euclidean {
    fn name(&self) -> &str {
        "euclidean"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        let difference = x[0] - x[1];
        vec![(difference * difference).sum() * (0.5 / x[0].shape()[0] as f64)]
    }

    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let dp = (x[0] - x[1]) * (1.0 / x[0].shape()[0] as f64);
        let dp = if self.mended { dz[0] * dp } else { dp };
        vec![Some(dp), Some(-dp)]
    }
}

fn probabilities() -> Tensor {
    numbers([2, 3, 4], 0.05, 0.95)
}

/// A target of zeros and ones, as many classes as `probabilities` on axis 1.
fn mask() -> Tensor {
    Tensor::from_fn([2, 3, 4], DType::F64, |i| f64::from(i / 4 % 3 == i % 4 % 3))
}

/// D = (2 Σ p g + 1) / (Σ p + Σ g + 1), and its denominator.
fn overlap<'t>(p: Var<'t>, g: Var<'t>) -> (Var<'t>, Var<'t>) {
    let size = p.sum() + g.sum() + 1.0;
    (((p * g).sum() * 2.0 + 1.0) / size, size)
}

/// L = 1 − D, with dL/dp = (D − 2 g) / (Σ p + Σ g + 1).
struct Dice {
    target: Tensor,
    mended: bool,
}

impl Function for Dice {
    fn name(&self) -> &str {
        "dice"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        let (overlap, _) = overlap(x[0], x[0].tape().constant(&self.target));
        vec![1.0 - overlap]
    }

    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let (p, g) = (x[0], x[0].tape().constant(&self.target));
        let (overlap, size) = overlap(p, g);
        let first = if self.mended { overlap } else { p * 2.0 * overlap };
        vec![Some(dz[0] * (first - g * 2.0) / size)]
    }
}

/// The same with p replaced by 1 at the likeliest class and 0 elsewhere, but with a gradient as if it were p itself.
struct HardDice {
    target: Tensor,
}

impl HardDice {
    fn likeliest<'t>(&self, p: Var<'t>) -> Var<'t> {
        p.ge(p.amax_axes(&[1], true))
    }
}

impl Function for HardDice {
    fn name(&self) -> &str {
        "hard dice"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        let (overlap, _) = overlap(self.likeliest(x[0]), x[0].tape().constant(&self.target));
        vec![1.0 - overlap]
    }

    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let g = x[0].tape().constant(&self.target);
        let (overlap, size) = overlap(self.likeliest(x[0]), g);
        vec![Some(dz[0] * (overlap - g * 2.0) / size)]
    }
}

/// Three points, and two: the first of the three lies at `height` between the two.
fn clouds(height: f64) -> [Tensor; 2] {
    [Tensor::from([[0.3, height], [-0.7, 0.1], [1.1, 1.3]]), Tensor::from([[0.0, 0.0], [0.0, 1.0]])]
}

/// Σᵢ minⱼ |xᵢ − yⱼ|².
fn chamfer<'t>(x: Var<'t>, y: Var<'t>) -> Var<'t> {
    let apart = x.unsqueeze(1) - y.unsqueeze(0);
    (apart * apart).sum_axes(&[2], false).amin_axes(&[1], false).sum()
}
