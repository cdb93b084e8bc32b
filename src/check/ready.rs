//! A hand-written rule as a program, ready to be run again and again with some of its steps changed.

use super::{
    case::{Case, Point},
    numbers::{DIFFERENT, difference, size},
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

/// What it computes at a point without any change, and what it should.
struct Ran {
    arguments: Vec<Tensor>,
    results: Vec<Tensor>,
    answers: Vec<Tensor>,
    truth: Vec<Tensor>,
}

impl<'c> Ready<'c> {
    /// The program `script` of [`Case::rule_with_right`]. At each point, `more` are arguments after what the rule receives.
    pub fn new(case: &'c Case, k: usize, script: &'c Script, more: &[Vec<Tensor>]) -> Option<Ready<'c>> {
        let mut ready = Ready { case, script, of: case.with_right(k), points: Vec::new() };
        let more = |i: usize| more.get(i).map_or(&[][..], |more| more);
        ready.points = case.points.iter().enumerate().map(|(i, p)| ready.run(p, more(i))).collect::<Option<_>>()?;
        Some(ready)
    }

    /// The same at those of some other points at which the program answers as the rule does; `None` if there is none.
    pub fn at(&self, points: &[Point]) -> Option<Ready<'c>> {
        let same = |a: &Tensor, b: &Tensor| difference(a, b, size(b)).is_some_and(|off| off <= DIFFERENT);
        let is_rule = |ran: &Ran, point: &Point| {
            let mut answers = self.of.iter().zip(&ran.answers);
            answers.all(|(&k, b)| point.answer[k].as_ref().is_some_and(|a| same(a, b)))
        };
        let ran = |point: &Point| self.run(point, &[]).filter(|ran| is_rule(ran, point));
        let points: Vec<Ran> = points.iter().filter_map(ran).collect();
        (!points.is_empty()).then(|| Ready { of: self.of.clone(), points, ..*self })
    }

    fn run(&self, point: &Point, more: &[Tensor]) -> Option<Ran> {
        let arguments: Vec<Tensor> = point.given.values().chain(more).cloned().collect();
        let (results, answers) = (self.script.results(&arguments)?, self.script.outputs(&arguments, &[])?);
        Some(Ran { arguments, results, answers, truth: self.of.iter().map(|&k| point.truth[k].clone()).collect() })
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
        for ran in &self.points {
            let answers = self.script.rerun(&ran.arguments, &ran.results, edits, self.of.len())?;
            for ((answer, before), truth) in answers.iter().zip(&ran.answers).zip(&ran.truth) {
                let answer = answer.as_ref().unwrap_or(before);
                worst = worst.max(difference(answer, truth, size(truth).max(size(answer)))?);
            }
            if worst > self.case.exact() {
                return None;
            }
        }
        Some(worst)
    }
}
