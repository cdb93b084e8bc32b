//! Kinks, where slopes differ without a fault; a wrong derivative that hides in one; a root at the edge of its domain.

use wengert::{Backward, Function, Tensor, Var, check};

use crate::entry::Entry;

pub fn entries() -> Vec<Entry> {
    vec![
        Entry {
            name: "relu at 0",
            source: "pytorch/pytorch#114234",
            expected: "kink",
            lesson: "the central difference is 0.5 there; 0, 0.5 and 1 are all slopes of it",
            wrong: || check::closure(|x| x[0].relu(), &[at_zero()]).named("relu").run(),
            mended: || check::closure(|x| x[0].relu(), &[off_zero()]).named("relu").run(),
        },
        Entry {
            name: "relu with derivative 1 at 0",
            source: "huggingface/candle backprop.rs; spellings differ: pytorch#184572, jax#37821, tinygrad#18029",
            expected: "kink",
            lesson: "a rule may choose any slope between those of both sides: another convention is no fault",
            wrong: || check::function(Relu, &[at_zero()]).run(),
            mended: || check::function(Relu, &[off_zero()]).run(),
        },
        Entry {
            name: "|x| with derivative 0, checked at 0 alone",
            source: "climate-analytics-lab/jax-gcm#816",
            expected: "no gradient",
            lesson: "at 0 the central difference is 0 too, and 0 is a slope of |x|: beside the kink it is seen",
            wrong: || check::function(Magnitude { mended: false }, &[Tensor::from([0.0, 0.0])]).run(),
            mended: || check::function(Magnitude { mended: true }, &[Tensor::from([0.0, 0.0])]).run(),
        },
        Entry {
            name: "|x| with derivative 0, checked elsewhere too",
            source: "climate-analytics-lab/jax-gcm#816",
            expected: "no gradient",
            lesson: "any other point gives it away",
            wrong: || check::function(Magnitude { mended: false }, &[at_zero()]).run(),
            mended: || check::function(Magnitude { mended: true }, &[at_zero()]).run(),
        },
        Entry {
            name: "where(x > 0, sqrt x, x) at 0",
            source: "pytorch/pytorch#187297, #52248, #68425, #23395, #18287",
            expected: "non-finite",
            lesson: "the masked branch has an infinite slope, and 0 · ∞ is NaN. Mended, the root \
                     is taken of 1 where it is not used",
            wrong: || check::closure(|x| by_mask(x[0]), &[at_zero()]).named("root by a mask").run(),
            mended: || check::closure(|x| by_select(x[0]), &[at_zero()]).named("root by select").run(),
        },
    ]
}

fn at_zero() -> Tensor {
    Tensor::from([0.0, 1.3, -0.8])
}

fn off_zero() -> Tensor {
    Tensor::from([0.2, 1.3, -0.8])
}

/// max(x, 0), with the derivative 1 where x ≥ 0.
struct Relu;

impl Function for Relu {
    fn name(&self) -> &str {
        "relu"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0].relu()]
    }

    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        vec![Some(dz[0] * x[0].ge(0.0))]
    }
}

/// |x|.
struct Magnitude {
    mended: bool,
}

impl Function for Magnitude {
    fn name(&self) -> &str {
        "magnitude"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0].abs()]
    }

    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        vec![Some(if self.mended { dz[0] * x[0].sign() } else { dz[0] * 0.0 })]
    }
}

fn by_mask(x: Var<'_>) -> Var<'_> {
    let positive = x.gt(0.0);
    // The root of |x|, because for a negative number the value itself would already be NaN.
    positive * x.abs().sqrt() + (1.0 - positive) * x
}

fn by_select(x: Var<'_>) -> Var<'_> {
    let positive = x.gt(0.0);
    positive.select(positive.select(x, 1.0).sqrt(), x)
}
