//! A rule at two points, for breaking it on purpose.

use std::sync::Arc;

use rand::{SeedableRng, rngs::StdRng};

use crate::{
    Function, Shape, Tensor,
    check::{
        case::{Case, Truth},
        diagnose::{forward_edits, mistakes, ratio, spread_shape},
        given::Given,
        kind::Kind,
        numbers::{DIFFERENT, EXACT, difference, jittered, masked, numbers, size},
        script::{Edit, Script, Source},
    },
};

/// A function with a hand-written rule, evaluated at two points.
pub(super) struct Examined {
    case: Case,
    forward: Option<Script>,
}

impl Examined {
    /// Evaluates the rule at `inputs` and near them; the error is a sentence.
    pub fn new(function: &Arc<dyn Function>, inputs: &[Tensor]) -> Result<Examined, String> {
        let mut case = Case::new(function, &vec![true; inputs.len()], Truth::Tape);
        let mut rng = StdRng::seed_from_u64(0);
        let near: Vec<Tensor> = inputs.iter().map(|x| jittered(x, &mut rng)).collect();
        for at in [inputs, &near] {
            case.add(at, &mut rng).map_err(|failure| failure.to_string())?;
        }
        let forward = case.forward_script();
        Ok(Examined { case, forward })
    }

    /// Whether any gradient differs from the true one at any point.
    pub fn is_wrong(&self) -> bool {
        (0..self.given().x.len()).any(|k| self.case.is_wrong(k))
    }

    /// Whether another rule of the same function gives the same answers at all points.
    pub fn agrees_with(&self, other: &Examined) -> bool {
        let same = |a: &Option<Tensor>, b: &Option<Tensor>, truth: &Tensor| match (a, b) {
            (Some(a), Some(b)) => {
                let allowed = EXACT * size(truth).max(f64::MIN_POSITIVE);
                let near = |(x, y): (&f64, &f64)| (x - y).abs() <= allowed || (x.is_nan() && y.is_nan());
                a.shape() == b.shape() && numbers(a).iter().zip(numbers(b)).all(near)
            }
            (None, None) => true,
            (Some(g), None) | (None, Some(g)) => size(g) <= EXACT * size(truth),
        };
        self.case.points.iter().zip(&other.case.points).all(|(p, q)| {
            let mut answers = p.answer.iter().zip(&q.answer).zip(&p.truth);
            p.answer.len() == q.answer.len() && answers.all(|((a, b), truth)| same(a, b, truth))
        })
    }

    /// Relations that hold exactly between the wrong gradient and the true one, if only one input is wrong.
    pub fn relation(&self) -> Option<Kind> {
        let points = &self.case.points;
        let off = |k: usize| points.iter().any(|p| p.answer[k].as_ref().is_none_or(|a| differ(a, &p.truth[k])));
        let wrong: Vec<usize> = (0..self.given().x.len()).filter(|&k| off(k)).collect();
        let [k] = wrong[..] else { return None };
        let ratios: Vec<(f64, f64)> =
            points.iter().map(|p| ratio(p.answer[k].as_ref()?, &p.truth[k])).collect::<Option<_>>()?;
        let c = ratios[0].0;
        match ratios.iter().all(|r| r.1 <= EXACT && (r.0 - c).abs() <= EXACT) {
            true if c.abs() <= EXACT => Some(Kind::Missing),
            true if (c + 1.0).abs() <= EXACT => Some(Kind::SignFlipped),
            true if (c - 1.0).abs() > 1e-4 => Some(Kind::Factor),
            _ => None,
        }
    }

    /// Whether the rule for input `k`, with only side `kept` of the sum at `step`, reads a value that it receives where
    /// one that `forward` computes belongs.
    pub fn reads_a_side(&self, k: usize, step: usize, kept: usize) -> bool {
        let (Some(rule), Some(forward)) = (self.case.rule_script(k), &self.forward) else { return false };
        let (sum, given) = (&rule.steps[step], self.given());
        let (Some(by_rule), Some(computed)) = (rule.results(given.values()), forward.results(&given.x)) else {
            return false;
        };
        let negated = sum.is("sub") && kept == 1;
        !negated && matches!(sum.inputs[kept], Source::Argument(_)) && computed.contains(&by_rule[step])
    }

    /// Whether the rule answers wrongly once `forward` has been called with other inputs.
    pub fn is_wrong_after_another_call(&self) -> bool {
        let (point, other) = (self.case.first(), &self.case.points[1]);
        let answer = self.case.forward(&other.given.x).and_then(|_| self.case.ask(&point.given));
        let off = |(a, t): (&Option<Tensor>, &Tensor)| a.as_ref().is_some_and(|a| differ(a, t));
        answer.is_ok_and(|answer| answer.iter().zip(&point.truth).any(off))
    }

    /// The inputs whose true gradient is not 0.
    pub fn differentiable(&self) -> Vec<usize> {
        let point = self.case.first();
        (0..point.truth.len()).filter(|&k| size(&point.truth[k]) > 0.0 && point.answer[k].is_some()).collect()
    }

    /// What the rule receives at the first point.
    pub fn given(&self) -> &Given<Tensor> {
        &self.case.first().given
    }

    /// The shape to which `forward` broadcasts input `k`, if it does.
    pub fn spread(&self, k: usize) -> Option<Shape> {
        spread_shape(&*self.case.function, &self.given().x, &self.given().z, k)
    }

    /// Whether input `k` contributes to several indices of an axis of output 0, so that its gradient is a sum over
    /// them.
    pub fn is_shared_along(&self, k: usize, axis: usize) -> bool {
        let given = self.given();
        let share = |index: usize| {
            let mut dz = given.dz.clone();
            dz[0] = masked(&dz[0], axis, index);
            Some(self.case.truth_at(&given.x, &dz).ok()?.swap_remove(k).to_vec())
        };
        let (Some(first), Some(last)) = (share(0), share(given.z[0].shape()[axis] - 1)) else { return false };
        // A sum is hidden in every element that both contribute to.
        let both = first.iter().zip(&last).filter(|(a, b)| **a != 0.0 && **b != 0.0).count();
        both * 2 > first.len()
    }

    /// What can be cut in `forward`.
    pub fn forward_edits(&self) -> Vec<(usize, Edit)> {
        let Some(script) = &self.forward else { return Vec::new() };
        let steps = script.steps.len();
        (0..steps).flat_map(|at| forward_edits(script, at).into_iter().map(move |edit| (at, edit))).collect()
    }

    /// The rule's program for input `k`.
    pub fn program(&self, k: usize) -> Option<Script> {
        self.case.rule_script(k)
    }

    /// What can be changed in the rule's program for input `k`: terms left out, operations and signs replaced.
    pub fn rule_edits(&self, k: usize) -> Vec<(usize, Edit, String)> {
        mistakes(&self.case, k)
    }
}

/// Whether a gradient differs from the true one by more than rounding.
fn differ(answer: &Tensor, truth: &Tensor) -> bool {
    difference(answer, truth, size(truth)).is_none_or(|off| off > DIFFERENT)
}
