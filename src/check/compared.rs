//! How much the two gradients of a [`Case`] differ, and how much the prediction of an experiment differs from either.
//!
//! A comparison holds if nothing but rounding is left at all points. Up to a number, b = c · a holds with c = ⟨a, b⟩ /
//! ⟨a, a⟩, over all points together.

use super::{
    case::{Case, Point, Truth},
    numbers::{DIFFERENT, EXACT, difference, dot, largest, mapped, size},
};
use crate::Tensor;

/// With fewer numbers at all points together, any two tensors would be alike up to a number.
const FEWEST: usize = 6;

impl Case {
    /// The relative difference that counts as equal.
    pub fn exact(&self) -> f64 {
        match self.truth {
            Truth::Tape => EXACT,
            Truth::Differences => 1e-5,
        }
    }

    /// What rounding may leave, `of` it if the tape provides the truth; differences leave more.
    pub fn measured(&self, of: f64) -> f64 {
        if self.truth == Truth::Tape { of } else { 1e-6 }
    }

    /// Whether the answer for input `k` differs from the truth at any point.
    pub fn is_wrong(&self, k: usize) -> bool {
        let allowed = if self.truth == Truth::Tape { DIFFERENT } else { self.exact() };
        self.points.iter().any(|point| match point.answer.get(k) {
            Some(Some(answer)) => {
                let scale = size(&point.truth[k]).max(1e-3 * largest(&point.truth));
                difference(answer, &point.truth[k], scale).is_none_or(|off| off > allowed)
            }
            _ => size(&point.truth[k]) > 0.0,
        })
    }

    /// The largest relative difference, over the points, between `predict` and the rule's answer for input `k`.
    pub fn residual(&self, k: usize, predict: impl Fn(&Point) -> Option<Tensor>) -> Option<f64> {
        self.worst(false, |point| Some((predict(point)?, point.answer[k].clone()?, &point.truth[k])))
    }

    /// The same between the answer of an altered rule and the true gradient.
    pub fn repaired(&self, k: usize, answer: impl Fn(&Point) -> Option<Tensor>) -> Option<f64> {
        self.worst(true, |point| Some((answer(point)?, point.truth[k].clone(), &point.truth[k])))
    }

    /// The largest relative difference between the two of a pair; `truth`: the second is the true gradient, not the
    /// rule's answer.
    fn worst<'p>(
        &'p self,
        truth: bool,
        pair: impl Fn(&'p Point) -> Option<(Tensor, Tensor, &'p Tensor)>,
    ) -> Option<f64> {
        let mut worst = 0.0f64;
        let mut pairs: Vec<(Tensor, Tensor, &Tensor)> = Vec::new();
        for point in &self.points {
            let (a, b, truth) = pair(point)?;
            if self.up_to.is_some() {
                pairs.push((a, b, truth));
            } else {
                worst = worst.max(difference(&a, &b, size(truth).max(size(&b)))?);
            }
        }
        if let Some(up_to) = &self.up_to {
            if pairs.iter().any(|(a, b, _)| a.shape() != b.shape()) {
                return None;
            }
            let (ab, aa): (f64, f64) =
                pairs.iter().fold((0.0, 0.0), |(ab, aa), (a, b, _)| (ab + dot(a, b), aa + dot(a, a)));
            let c = ab / aa;
            let numbers: usize = pairs.iter().map(|(a, ..)| a.numel()).sum();
            if numbers < FEWEST || !c.is_finite() || c.abs() < 1e-6 {
                return None;
            }
            for (a, b, truth) in &pairs {
                worst = worst.max(difference(&mapped(a, |_, v| c * v), b, size(truth).max(size(b)))?);
            }
            if worst <= self.exact() {
                up_to.set(if truth { c.recip() } else { c });
            }
        }
        (worst <= self.exact()).then_some(worst)
    }
}
