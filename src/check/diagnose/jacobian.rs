//! The matrix ∂z/∂x of an operation beside that of its rule.
//!
//! A rule maps an upstream gradient dz to Rᵀ dz. Asked for one number of the output at a time, with dz = eᵢ, it gives the
//! rows of R. Those of the true J = ∂z/∂x come from central differences of the output, D(h) = (z(x + h eⱼ) − z(x − h eⱼ))
//! / 2h, extrapolated as (16 D(h/4) − D(h)) / 15. If Jᵀ dz is not the true gradient (there is a kink nearby), nothing is
//! compared.

use crate::{
    DType, Tensor,
    check::{
        case::{Case, Point},
        given::Given,
        numbers::{difference, mapped, numbers, size, zeros},
    },
};

/// The largest matrix, in numbers.
const LARGEST: usize = 40_000;
/// The larger of the two steps, relative to the number that is moved.
const STEP: f64 = 1e-3;
/// A relative difference that the two steps may leave.
pub(super) const ROUGH: f64 = 1e-6;

/// Both matrices at a point; the entry of output i and input j is at i · inputs + j.
pub(super) struct Matrices {
    pub truth: Vec<f64>,
    pub rule: Vec<f64>,
    pub outputs: usize,
    pub inputs: usize,
    /// The largest entry of either.
    pub scale: f64,
    /// Whether the rule's answer to an upstream gradient is the sum of its answers to the numbers of it.
    pub adds_up: bool,
}

/// The matrices of input `k` at each point.
pub(super) fn matrices(case: &Case, k: usize) -> Option<Vec<Matrices>> {
    case.points.iter().map(|point| at(case, point, k)).collect()
}

fn at(case: &Case, point: &Point, k: usize) -> Option<Matrices> {
    let Given { x, z, dz, .. } = &point.given;
    let [z] = &z[..] else { return None };
    let (outputs, inputs) = (z.numel(), x[k].numel());
    if outputs * inputs > LARGEST || outputs * inputs == 0 {
        return None;
    }
    let mut truth = vec![0.0; outputs * inputs];
    for j in 0..inputs {
        let slope = |h: f64| {
            let moved = |by: f64| {
                let mut at = x.clone();
                at[k] = mapped(&x[k], |i, v| if i == j { v + by } else { v });
                Some(case.forward(&at).ok()?.0.swap_remove(0).to_vec())
            };
            let (plus, minus) = (moved(h)?, moved(-h)?);
            Some(plus.iter().zip(minus).map(|(p, m)| (p - m) / (2.0 * h)).collect::<Vec<f64>>())
        };
        let h = STEP * numbers(&x[k])[j].abs().max(1.0);
        for (i, (coarse, fine)) in slope(h)?.into_iter().zip(slope(h / 4.0)?).enumerate() {
            truth[i * inputs + j] = (16.0 * fine - coarse) / 15.0;
        }
    }
    let mut rule = Vec::with_capacity(truth.len());
    for i in 0..outputs {
        let one = mapped(&zeros(z.shape()), |index, _| f64::from(u8::from(index == i)));
        let answer = case.ask_for(k, &Given { dz: vec![one], ..point.given.clone() })?;
        rule.extend((answer.shape() == x[k].shape()).then(|| answer.to_vec())?);
    }
    let product = |matrix: &[f64]| {
        let column = |j: usize| numbers(&dz[0]).iter().enumerate().map(|(i, dz)| dz * matrix[i * inputs + j]).sum();
        Tensor::from_fn(x[k].shape().clone(), DType::F64, column)
    };
    let (wanted, answer) = (&point.truth[k], point.answer[k].as_ref()?);
    if difference(&product(&truth), wanted, size(wanted))? > ROUGH {
        return None;
    }
    let adds_up = difference(&product(&rule), answer, size(answer))? <= ROUGH;
    let scale = truth.iter().chain(&rule).fold(0.0, |m: f64, v| m.max(v.abs()));
    Some(Matrices { truth, rule, outputs, inputs, scale, adds_up })
}

impl Matrices {
    /// Whether output i depends on input j.
    pub fn depends(&self, i: usize, j: usize) -> bool {
        self.truth[i * self.inputs + j].abs() > ROUGH * self.scale
    }
}

/// The index along each axis of a flat position.
pub(super) fn index_of(dims: &[usize], mut flat: usize) -> Vec<usize> {
    let mut at = vec![0; dims.len()];
    for axis in (0..dims.len()).rev() {
        at[axis] = flat % dims[axis];
        flat /= dims[axis];
    }
    at
}
