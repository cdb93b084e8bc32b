//! Derivatives that are nearly right: rounded constants, a lost factor, the derivative of a neighbor; and a difference
//! that is itself wrong.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use wengert::{
    Backward, Function, Result, Saved, Shape, Tensor, Var, check,
    ops::{Grads, Op, Vjp},
};

use crate::entry::Entry;

pub fn entries() -> Vec<Entry> {
    vec![
        Entry {
            name: "GELU with constants of six digits",
            source: "huggingface/candle backprop.rs (from its #1160)",
            expected: "precision lost",
            lesson: "2e-7 off its own value: invisible in single precision, a failed check in double",
            wrong: || check::function(TanhGelu { mended: false }, &[places()]).run(),
            mended: || check::function(TanhGelu { mended: true }, &[places()]).run(),
        },
        Entry {
            name: "accurate GELU without 1/√2",
            source: "chelsea0x3b/dfdx accurate_gelu/cpu_kernel.rs",
            expected: "wrong constant",
            lesson: "1/√π where 1/√(2π) belongs: the slope of the inner x/√2 is forgotten, and the test's number was \
                     copied from the program",
            wrong: || check::function(ErfGelu { inner: 1.0 }, &[places()]).run(),
            mended: || check::function(ErfGelu { inner: FRAC_1_SQRT_2 }, &[places()]).run(),
        },
        Entry {
            name: "GELU with another GELU's derivative",
            source: "harvard-edge/cs249r_book#1399 (TinyTorch)",
            expected: "no known fault",
            lesson: "the value is x sigmoid(1.702 x), the gradient that of the tanh form: no single edit leads from one \
                     to the other, and the checker says so",
            wrong: || check::function(SigmoidGelu { mended: false }, &[places()]).run(),
            mended: || check::function(SigmoidGelu { mended: true }, &[places()]).run(),
        },
        Entry {
            name: "a step below the precision of the values",
            source: "jax-ml/jax#7742",
            expected: "step-size artifact",
            lesson: "in half precision a step of 1e-6 changes nothing, and the difference is 0: the rule is right",
            wrong: || check::closure(|x| x[0].tape().record(HalfSin, x).expect("shapes fit"), &[places()]).run(),
            mended: || check::closure(|x| x[0].sin(), &[places()]).run(),
        },
    ]
}

fn places() -> Tensor {
    Tensor::from([-1.7, -0.6, 0.31, 0.9, 1.4])
}

/// The inner function of the tanh form, √(2/π) (x + 0.044715 x³), and its derivative.
fn inner(x: Var<'_>) -> (Var<'_>, Var<'_>) {
    let scale = (2.0 / PI).sqrt();
    ((x + x * x * x * 0.044715) * scale, (x * x * (3.0 * 0.044715) + 1.0) * scale)
}

/// x (1 + tanh u) / 2 with u = √(2/π) (x + 0.044715 x³).
struct TanhGelu {
    mended: bool,
}

impl Function for TanhGelu {
    fn name(&self) -> &str {
        "gelu by tanh"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0] * (inner(x[0]).0.tanh() + 1.0) * 0.5]
    }

    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let x = x[0];
        let (u, du) = match self.mended {
            true => inner(x),
            false => (x * x * x * 0.0356774 + x * 0.797885, x * x * 0.1070322 + 0.797885),
        };
        vec![Some(dz[0] * slope_by_tanh(x, u, du))]
    }
}

/// (1 + tanh u) / 2 + x (1 − tanh² u) u′ / 2.
fn slope_by_tanh<'t>(x: Var<'t>, u: Var<'t>, du: Var<'t>) -> Var<'t> {
    let t = u.tanh();
    (t + 1.0) * 0.5 + x * (1.0 - t * t) * du * 0.5
}

/// x Φ(x) with Φ(x) = (1 + erf(x/√2)) / 2; its derivative is Φ(x) + x · `inner` · e^(−x²/2) / √π with `inner` = 1/√2.
struct ErfGelu {
    inner: f64,
}

impl Function for ErfGelu {
    fn name(&self) -> &str {
        "gelu by erf"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0] * ((x[0] * FRAC_1_SQRT_2).erf() + 1.0) * 0.5]
    }

    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let x = x[0];
        let phi = ((x * FRAC_1_SQRT_2).erf() + 1.0) * 0.5;
        let bell = (x * x * -0.5).exp() * (self.inner / PI.sqrt());
        vec![Some(dz[0] * (phi + x * bell))]
    }
}

/// x sigmoid(1.702 x).
struct SigmoidGelu {
    mended: bool,
}

impl Function for SigmoidGelu {
    fn name(&self) -> &str {
        "gelu by sigmoid"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0] * (x[0] * 1.702).sigmoid()]
    }

    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let x = x[0];
        let slope = if self.mended {
            let s = (x * 1.702).sigmoid();
            s + x * s * (1.0 - s) * 1.702
        } else {
            let (u, du) = inner(x);
            slope_by_tanh(x, u, du)
        };
        vec![Some(dz[0] * slope)]
    }
}

/// sin x, rounded to the eleven bits of half precision, with the derivative cos x.
struct HalfSin;

/// The nearest number with eleven significant bits (Veltkamp's splitting).
fn half(x: f64) -> f64 {
    let shifted = x * ((1u64 << 42) + 1) as f64;
    shifted - (shifted - x)
}

impl Op for HalfSin {
    fn name(&self) -> &str {
        "sin in half precision"
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(x[0].clone())
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let numbers = x[0].to_vec();
        Ok(Tensor::from_fn(shape, x[0].dtype(), |i| half(half(numbers[i]).sin())))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        Ok(Grads::from_iter([Some(at.dz * at.x[0].cos())]))
    }
}
