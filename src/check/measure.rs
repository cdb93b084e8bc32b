//! Gradients by hand, by the tape and by differences, side by side.
//!
//! All three are gradients of the same number, L = Σ ⟨u, y⟩, with a general upstream gradient u. There are two ways to
//! compare them:
//!
//! - *projected*: along a random direction v, ⟨g, v⟩ must be the slope of t ↦ L(x + t v). It costs a few evaluations
//!   whatever the size of x. For a random v a single wrong element certainly changes it, but it does not say which.
//! - *in full*: one slope for each element, for inputs that are small or failed when projected.
//!
//! The tolerance comes from the slopes' own error estimates and from rounding, not from a setting.

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    Comparison, Special, SpecialKind, StepCurve,
    arguments::{Argument, values},
    caught::Failure,
    numbers::{dot, mass, numbers, size},
    runner::{Runner, or_zeros},
    slope::{Slope, central_differences, slope},
};
use crate::{DType, Rule, Tensor};

/// Up to this many numbers of one input are compared in full.
pub(super) const FULL: usize = 20_000;
/// The relative error that a numeric derivative should reach.
const WANTED: f64 = 1e-9;
/// Random directions per input.
const DIRECTIONS: usize = 2;

/// A subject with values for its arguments, and an upstream gradient.
pub(super) struct Evaluation<'a> {
    pub runner: Runner<'a>,
    pub arguments: &'a [Argument],
    pub upstream: &'a [Tensor],
}

/// The gradients with respect to every argument under both rules.
pub(super) struct Gradients {
    pub manual: Result<Vec<Tensor>, Failure>,
    pub tape: Result<Vec<Tensor>, Failure>,
}

/// A slope measured along a direction, and what a gradient predicts.
pub(super) struct Projection {
    pub direction: Tensor,
    pub slope: Slope,
}

impl Evaluation<'_> {
    pub fn at(&self) -> Vec<Tensor> {
        values(self.arguments)
    }

    /// The gradient with respect to every argument under a rule; zeros where there is no path.
    pub fn gradients(&self, rule: Rule) -> Result<Vec<Tensor>, Failure> {
        let found = self.runner.gradients(&self.at(), self.upstream, rule)?;
        Ok(or_zeros(found, self.arguments.iter().map(|argument| &argument.value)))
    }

    /// The gradients under both rules; where there is no hand-written rule, both are the tape's.
    pub fn gradients_of_both(&self, by_hand: bool) -> Gradients {
        let tape = self.gradients(Rule::Tape);
        let manual = if by_hand { self.gradients(Rule::Manual) } else { tape.clone() };
        Gradients { manual, tape }
    }

    /// L with argument `k` moved by `t` along `v`; NaN where it cannot be computed.
    fn moved(&self, k: usize, v: &Tensor, t: f64) -> f64 {
        let mut at = self.at();
        at[k] = self.arguments[k].constraint.moved(&at[k], Some(v), t);
        self.runner.weighted(&at, self.upstream).unwrap_or(f64::NAN)
    }

    fn scale(&self, k: usize) -> f64 {
        let typical = size(&self.arguments[k].value);
        if typical > 0.0 { typical.max(1e-3) } else { 1.0 }
    }

    /// The slopes along random directions of argument `k`.
    pub fn projections(&self, k: usize, seed: u64) -> Result<Vec<Projection>, Failure> {
        let mut rng = StdRng::seed_from_u64(seed ^ (k as u64).wrapping_mul(0x9e37_79b9));
        let here = self.runner.weighted(&self.at(), self.upstream)?;
        let argument = &self.arguments[k];
        Ok((0..DIRECTIONS)
            .map(|_| {
                let free =
                    Tensor::from_fn(argument.value.shape().clone(), DType::F64, |_| 2.0 * rng.random::<f64>() - 1.0);
                let direction = argument.tangent(&free);
                let slope = slope(|t| self.moved(k, &direction, t), here, self.scale(k), WANTED * here.abs().max(1e-3));
                Projection { direction, slope }
            })
            .collect())
    }

    /// The slope with respect to every element of argument `k`: numbers, their errors, and elements that have no single
    /// slope.
    pub fn full(&self, k: usize) -> Result<(Tensor, Tensor, Vec<Special>), Failure> {
        let here = self.runner.weighted(&self.at(), self.upstream)?;
        let argument = &self.arguments[k];
        let shape = argument.value.shape().clone();
        let n = argument.value.numel();
        let (mut slopes, mut errors, mut special) = (vec![0.0; n], vec![0.0; n], Vec::new());
        for index in 0..n {
            let unit = Tensor::from_fn(shape.clone(), DType::F64, |i| f64::from(i == index));
            let direction = argument.tangent(&unit);
            let x = numbers(&argument.value)[index].abs();
            let scale = if x > 0.0 { x.max(0.1 * self.scale(k)) } else { self.scale(k) };
            let found = slope(|t| self.moved(k, &direction, t), here, scale, WANTED * here.abs().max(1e-3));
            let mut odd = |kind, left, right| special.push(Special { index, kind, left, right });
            (slopes[index], errors[index]) = match found {
                Slope::Smooth { value, error, .. } => (value, error),
                Slope::Kink { left, right } => {
                    odd(SpecialKind::Kink, left, right);
                    (0.5 * (left + right), 0.0)
                }
                Slope::Jump { height } => {
                    odd(SpecialKind::Jump, height, height);
                    (f64::NAN, 0.0)
                }
                Slope::Border => {
                    odd(SpecialKind::Border, f64::NAN, f64::NAN);
                    (f64::NAN, 0.0)
                }
            };
        }
        let tensor = |v: Vec<f64>| Tensor::from_vec(v, &shape).expect("one number for each element");
        Ok((tensor(slopes), tensor(errors), special))
    }

    /// What counts as a small gradient by argument `k`: a thousandth of the largest gradient, or of one that would
    /// change every term of L by its own size. A billionth of it is what rounding leaves where terms cancel.
    pub fn floor(&self, k: usize, largest: f64) -> f64 {
        let values = self.runner.values(&self.at()).unwrap_or_default();
        let terms: f64 = values.iter().zip(self.upstream).map(|(y, u)| mass(y, u)).sum();
        1e-3 * largest.max(if terms.is_finite() { terms / self.scale(k) } else { 0.0 })
    }

    /// How the error of a central difference of argument `k` depends on its step, taking `gradient` as exact. `None` if
    /// that is 0, or what rounding leaves of 0 beside the `largest` gradient: no error is relative to it.
    pub fn curve(&self, k: usize, gradient: &Tensor, seed: u64, largest: f64) -> Option<StepCurve> {
        let projection = self.projections(k, seed).ok()?.into_iter().next()?;
        let Slope::Smooth { step, .. } = projection.slope else { return None };
        let truth = dot(gradient, &projection.direction);
        if truth.abs() <= 1e-9 * self.floor(k, largest) {
            return None;
        }
        let scale = truth.abs();
        let rows = central_differences(|t| self.moved(k, &projection.direction, t), self.scale(k));
        let (steps, errors) = rows.into_iter().map(|(h, d)| (h, (d - truth).abs() / scale)).unzip();
        Some(StepCurve { of: self.arguments[k].name.to_string(), steps, errors, chosen: step, argument: k })
    }
}

/// How far a gradient is from the slopes along random directions, relative to what the slopes allow.
pub(super) fn projected_excess(gradient: &Tensor, projections: &[Projection], floor: f64) -> f64 {
    let excess = |p: &Projection| {
        let Slope::Smooth { value, error, .. } = p.slope else { return f64::INFINITY };
        let mass = mass(gradient, &p.direction).max(floor);
        (dot(gradient, &p.direction) - value).abs() / (10.0 * error + 1e-9 * mass)
    };
    projections.iter().map(excess).fold(0.0, |m, e| if e.is_nan() { f64::INFINITY } else { f64::max(m, e) })
}

/// The elements where a gradient lies outside what the numeric one allows.
pub(super) fn outliers(gradient: &Tensor, comparison: &Comparison, floor: f64) -> Vec<usize> {
    let (Some(numeric), Some(error)) = (&comparison.numeric, &comparison.numeric_error) else { return Vec::new() };
    let (n, e, a) = (numbers(numeric), numbers(error), numbers(gradient));
    let scale = n.iter().filter(|v| v.is_finite()).fold(floor, |m, v| m.max(v.abs()));
    let is_out = |i: &usize| match comparison.special.iter().find(|s| s.index == *i) {
        Some(Special { kind: SpecialKind::Kink, left, right, .. }) => {
            let slack = 1e-3 * (right - left).abs() + 1e-6 * scale;
            !(left.min(*right) - slack..=left.max(*right) + slack).contains(&a[*i])
        }
        Some(_) => false,
        None => {
            let off = (a[*i] - n[*i]).abs();
            off.is_nan() || off > 10.0 * e[*i] + 1e-9 * scale
        }
    };
    (0..n.len()).filter(is_out).collect()
}
