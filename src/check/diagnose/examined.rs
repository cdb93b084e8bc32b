//! A rule with its points, for those who break rules on purpose.

use std::sync::Arc;

use rand::{SeedableRng, rngs::StdRng};

use super::{Answer, Case, DIFFERENT, EXACT, Point, difference, jittered, paths, reductions, repairs, size};
use crate::{
    Function, Shape, Tensor,
    check::script::{Edit, Script},
};

/// A function with a hand-written rule, evaluated at two points.
pub(in crate::check) struct Examined {
    function: Arc<dyn Function>,
    points: Vec<Point>,
    forward: Option<Script>,
}

impl Examined {
    /// Evaluates the rule at `inputs` and near them; the error is a sentence.
    pub fn new(function: &Arc<dyn Function>, inputs: &[Tensor]) -> Result<Examined, String> {
        let needs = vec![true; inputs.len()];
        let mut case = Case { function, needs: &needs, points: Vec::new(), numeric: false };
        let mut rng = StdRng::seed_from_u64(0);
        let near: Vec<Tensor> = inputs.iter().map(|x| jittered(x, &mut rng)).collect();
        for at in [inputs, &near] {
            let point = case.point(at, &mut rng).map_err(|failure| failure.to_string())?;
            case.points.push(point);
        }
        let forward = paths::forward_script(&case);
        Ok(Examined { function: function.clone(), points: case.points, forward })
    }

    /// Whether any gradient differs from the true one at any point.
    pub fn is_wrong(&self) -> bool {
        self.points.iter().any(|point| {
            let global = point.truth.iter().map(size).fold(0.0, f64::max);
            point.truth.iter().enumerate().any(|(k, truth)| match point.answer.get(k) {
                Some(Some(answer)) => {
                    difference(answer, truth, size(truth).max(1e-3 * global)).is_none_or(|d| d > DIFFERENT)
                }
                _ => size(truth) > 0.0,
            })
        })
    }

    /// Whether another rule of the same function answers the same at all points.
    pub fn agrees_with(&self, other: &Examined) -> bool {
        let same = |a: &Answer, b: &Answer, truth: &[Tensor]| {
            a.len() == b.len()
                && a.iter().zip(b).zip(truth).all(|((a, b), truth)| match (a, b) {
                    (Some(a), Some(b)) => {
                        let (x, y) = (a.to_vec(), b.to_vec());
                        let scale = size(truth).max(f64::MIN_POSITIVE);
                        a.shape() == b.shape()
                            && x.iter()
                                .zip(&y)
                                .all(|(x, y)| (x - y).abs() <= EXACT * scale || (x.is_nan() && y.is_nan()))
                    }
                    (None, None) => true,
                    (Some(g), None) | (None, Some(g)) => size(g) <= EXACT * size(truth),
                })
        };
        self.points.iter().zip(&other.points).all(|(a, b)| same(&a.answer, &b.answer, &a.truth))
    }

    /// Names of relations that hold exactly between the wrong gradient and the true one, where one input alone is wrong.
    pub fn relations(&self) -> Vec<&'static str> {
        let wrong: Vec<usize> = (0..self.points[0].truth.len())
            .filter(|&k| {
                self.points.iter().any(|p| match &p.answer[k] {
                    Some(a) => difference(a, &p.truth[k], size(&p.truth[k])).is_none_or(|d| d > DIFFERENT),
                    None => true,
                })
            })
            .collect();
        let [k] = wrong[..] else { return Vec::new() };
        let ratios: Option<Vec<(f64, f64)>> =
            self.points.iter().map(|p| super::relations::ratio(p.answer[k].as_ref()?, &p.truth[k])).collect();
        let Some(ratios) = ratios else { return Vec::new() };
        let c = ratios[0].0;
        match ratios.iter().all(|r| r.1 <= EXACT && (r.0 - c).abs() <= EXACT) {
            true if c.abs() <= EXACT => vec!["no gradient"],
            true if (c + 1.0).abs() <= EXACT => vec!["sign flipped"],
            true if (c - 1.0).abs() > 1e-4 => vec!["factor"],
            _ => Vec::new(),
        }
    }

    /// Whether the rule answers wrongly once `forward` has been called with other inputs.
    pub fn is_wrong_after_another_call(&self) -> bool {
        let (point, other) = (&self.points[0], &self.points[1]);
        let needs = vec![true; point.x.len()];
        let case = Case { function: &self.function, needs: &needs, points: Vec::new(), numeric: false };
        let answer = case.forward(&other.x).and_then(|_| case.rule(&point.x, &point.z, &point.dz, &point.memory));
        answer.is_ok_and(|answer| {
            answer
                .iter()
                .zip(&point.truth)
                .any(|(a, t)| a.as_ref().is_some_and(|a| difference(a, t, size(t)).is_none_or(|d| d > DIFFERENT)))
        })
    }

    /// The inputs whose true gradient is not 0.
    pub fn differentiable(&self) -> Vec<usize> {
        let point = &self.points[0];
        (0..point.truth.len()).filter(|&k| size(&point.truth[k]) > 0.0 && point.answer[k].is_some()).collect()
    }

    /// Inputs and outputs at the first point.
    pub fn values(&self) -> (&[Tensor], &[Tensor]) {
        (&self.points[0].x, &self.points[0].z)
    }

    /// The shape to which `forward` spreads input `k`, if it does.
    pub fn spread(&self, k: usize) -> Option<Shape> {
        let point = &self.points[0];
        reductions::spread_shape(&self.function, &point.x, &point.z, k)
    }

    /// Whether input `k` has a share in several indices of an axis of output 0: its gradient is a sum over them.
    pub fn is_shared_along(&self, k: usize, axis: usize) -> bool {
        let point = &self.points[0];
        let z = &point.z[0];
        let needs = vec![true; point.x.len()];
        let case = Case { function: &self.function, needs: &needs, points: Vec::new(), numeric: false };
        let share = |index: usize| {
            let mut dz = point.dz.clone();
            dz[0] = super::relations::masked(&dz[0], axis, index);
            Some(case.truth(&point.x, &dz).ok()?.swap_remove(k).to_vec())
        };
        let (Some(first), Some(last)) = (share(0), share(z.shape()[axis] - 1)) else { return false };
        // A sum is hidden in every element that both touch.
        let both = first.iter().zip(&last).filter(|(a, b)| **a != 0.0 && **b != 0.0).count();
        both * 2 > first.len()
    }

    /// What can be cut in `forward`.
    pub fn forward_edits(&self) -> Vec<(usize, Edit)> {
        let Some(script) = &self.forward else { return Vec::new() };
        let steps = script.steps.len();
        (0..steps).flat_map(|at| paths::edits(script, at).into_iter().map(move |edit| (at, edit))).collect()
    }

    /// What can be changed in the rule's program for input `k`: terms left out, operations and signs exchanged.
    pub fn rule_edits(&self, k: usize) -> Vec<(usize, Edit, String)> {
        let needs = vec![true; self.points[0].x.len()];
        let case = Case { function: &self.function, needs: &needs, points: Vec::new(), numeric: false };
        repairs::mistakes(&case, &self.points[0], k)
    }

    /// The gradient by input `k` of `function` with one step of its `forward` changed.
    pub fn edited_gradient(
        function: &Arc<dyn Function>,
        x: &[Tensor],
        dz: &[Tensor],
        step: usize,
        edit: &Edit,
        k: usize,
    ) -> Option<Tensor> {
        let script = paths::script_of(function, x)?;
        paths::edited(&script, x, dz, step, edit, k)
    }
}
