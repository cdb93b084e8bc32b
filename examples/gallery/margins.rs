//! ArcFace: a jump, a margin without a derivative, and a root whose slope is infinite.
//!
//! The logit of the true class is s cos(θ + m) with θ = arccos c, the others are s c.

use std::f64::consts::PI;

use wengert::{Backward, Function, Tensor, Var, check};

use crate::entry::Entry;

const MARGIN: f64 = 0.5;
const SCALE: f64 = 8.0;

pub fn entries() -> Vec<Entry> {
    vec![
        Entry {
            name: "ArcFace at its threshold",
            source: "TreB1eN/InsightFace_Pytorch model.py",
            expected: "jump",
            lesson: "at θ = π − m the value falls from −1 to −1.117: not a wrong gradient, but no gradient at all",
            wrong: || check::closure(|x| threshold(x[0], MARGIN * MARGIN.sin()), &[at_threshold()]).run(),
            mended: || check::closure(|x| threshold(x[0], 1.0 - MARGIN.cos()), &[at_threshold()]).run(),
        },
        Entry {
            name: "ArcFace under no_grad, on the tape",
            source: "deepinsight/insightface arcface_torch losses.py",
            expected: "straight-through",
            lesson: "the margin is in the value and not in the gradient: the factor sin(θ + m) / sin θ counts as 1",
            wrong: || check::closure(|x| no_grad(x[0]), &[cosines()]).named("ArcFace under no_grad").run(),
            mended: || check::closure(|x| with_margin(x[0]), &[cosines()]).named("ArcFace").run(),
        },
        Entry {
            name: "ArcFace under no_grad, as a rule",
            source: "deepinsight/insightface arcface_torch losses.py",
            expected: "straight-through",
            lesson: "the same written by hand: the rule hands on s times the upstream gradient",
            wrong: || check::function(Arc { mended: false }, &[cosines()]).run(),
            mended: || check::function(Arc { mended: true }, &[cosines()]).run(),
        },
        Entry {
            name: "ArcFace clamped before the root",
            source: "ronghuaiyang/arcface-pytorch#32, ZhaoJ9014/face.evoLVe#117",
            expected: "non-finite",
            lesson: "clamping c to [−1, 1] leaves the root's slope infinite, and 0 · ∞ is NaN at a class that no mask \
                     kept. The mask is a multiplication here: `select` hands on no NaN",
            wrong: || check::closure(|x| rooted(x[0], 0.0), &[touching()]).named("clamp, then root").run(),
            mended: || check::closure(|x| rooted(x[0], 1e-9), &[touching()]).named("root of at least 1e-9").run(),
        },
    ]
}

/// 1 at the true class of each row, 0 elsewhere.
fn is_own(cosines: Var<'_>) -> Var<'_> {
    let n = cosines.shape()[1];
    cosines.tape().constant(Tensor::from_fn(cosines.shape(), cosines.dtype(), |i| f64::from(i % n == i / n)))
}

fn cosines() -> Tensor {
    Tensor::from([[0.62, -0.35, 0.18], [0.27, 0.81, -0.44]])
}

/// Cosines, one of them where the margin takes the angle to π.
fn at_threshold() -> Tensor {
    Tensor::from([0.3, (PI - MARGIN).cos(), -0.95])
}

/// The value cos(θ + m) up to θ = π − m, and cos θ − `offset` beyond.
fn threshold(cosine: Var<'_>, offset: f64) -> Var<'_> {
    let beyond = cosine.le((PI - MARGIN).cos());
    beyond.select(cosine - offset, (cosine.acos() + MARGIN).cos())
}

/// The logits, with a margin that is computed outside the tape.
fn no_grad(cosine: Var<'_>) -> Var<'_> {
    let margin = (cosine.acos() + MARGIN).cos();
    let own = cosine + (margin - cosine).detach();
    is_own(cosine).select(own, cosine) * SCALE
}

fn with_margin(cosine: Var<'_>) -> Var<'_> {
    is_own(cosine).select((cosine.acos() + MARGIN).cos(), cosine) * SCALE
}

/// The logits with a hand-written rule: d cos(θ + m) / d cos θ = sin(θ + m) / sin θ.
struct Arc {
    mended: bool,
}

impl Function for Arc {
    fn name(&self) -> &str {
        "arcface logits"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![with_margin(x[0])]
    }

    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        if !self.mended {
            return vec![Some(dz[0] * SCALE)];
        }
        let angle = x[0].acos();
        let slope = (angle + MARGIN).sin() / angle.sin();
        vec![Some(dz[0] * is_own(x[0]).select(slope, 1.0) * SCALE)]
    }
}

/// Cosines with a 1 at a class that is not the true one: a sample that lies on another class's center.
fn touching() -> Tensor {
    Tensor::from([[0.62, 1.0, 0.18], [0.27, 0.81, -0.44]])
}

/// cos θ cos m − sin θ sin m for the true class, with sin θ = √max(1 − c², `floor`).
fn rooted(cosine: Var<'_>, floor: f64) -> Var<'_> {
    let cosine = cosine.clamp(-1.0, 1.0);
    let squared = 1.0 - cosine * cosine;
    let sine = if floor > 0.0 { squared.max(floor) } else { squared }.sqrt();
    let margin = cosine * MARGIN.cos() - sine * MARGIN.sin();
    let own = is_own(cosine);
    (own * margin + (1.0 - own) * cosine) * SCALE
}
