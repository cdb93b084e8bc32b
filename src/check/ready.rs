//! A hand-written rule as a program, ready to be run again and again with some of its steps changed.

use super::{
    case::Case,
    numbers::{difference, size},
    script::{Edit, Script},
};
use crate::Tensor;

/// A rule that answers for input `k` first and then for those whose gradient is right, at all points of a case.
pub(super) struct Ready<'c> {
    case: &'c Case,
    script: &'c Script,
    of: Vec<usize>,
    points: Vec<Ran>,
}

/// What it computes at a point without any change.
struct Ran {
    arguments: Vec<Tensor>,
    results: Vec<Tensor>,
    answers: Vec<Tensor>,
}

impl<'c> Ready<'c> {
    /// The program `script` of [`Case::rule_with_right`]. At each point, `more` are arguments after what the rule receives.
    pub fn new(case: &'c Case, k: usize, script: &'c Script, more: &[Vec<Tensor>]) -> Option<Ready<'c>> {
        let run = |(i, point): (usize, &super::case::Point)| {
            let mut arguments: Vec<Tensor> = point.given.values().cloned().collect();
            arguments.extend(more.get(i).into_iter().flatten().cloned());
            let (results, answers) = (script.results(&arguments)?, script.outputs(&arguments, &[])?);
            Some(Ran { arguments, results, answers })
        };
        let points = case.points.iter().enumerate().map(run).collect::<Option<_>>()?;
        Some(Ready { case, script, of: case.with_right(k), points })
    }

    /// What remains wrong with these edits, relative to the true gradients; `None` if it is more than rounding, or if a
    /// gradient that was right no longer is.
    pub fn mended(&self, edits: &[(usize, Edit)]) -> Option<f64> {
        // An answer that depends on no edit stays wrong.
        let changed = self.script.changed_by(edits);
        if !changed[self.script.steps.len()] {
            return None;
        }
        let mut worst = 0f64;
        for (ran, point) in self.points.iter().zip(&self.case.points) {
            let answers = self.script.rerun(&ran.arguments, &ran.results, edits, self.of.len())?;
            for ((answer, before), &k) in answers.iter().zip(&ran.answers).zip(&self.of) {
                let (answer, truth) = (answer.as_ref().unwrap_or(before), &point.truth[k]);
                worst = worst.max(difference(answer, truth, size(truth).max(size(answer)))?);
            }
            if worst > self.case.exact() {
                return None;
            }
        }
        Some(worst)
    }
}
