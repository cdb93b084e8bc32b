//! A check in progress: what has been asked so far, and the batches for later questions.

use rand::{SeedableRng, rngs::StdRng};

use super::questions::Question;
use crate::{
    Mode, Tensor,
    check::{
        Comparison, Outcome, StepCurve, Verdict,
        applications::{Application, applications},
        arguments::values,
        measure::Evaluation,
        numbers,
        runner::Runner,
        settings::{Batch, Check},
    },
};

pub(super) struct Examination<'a> {
    pub check: &'a Check<'a>,
    pub batches: Vec<Batch>,
    pub tests: Vec<(Question, Outcome)>,
    pub verdicts: Vec<Verdict>,
    pub gradients: Vec<Comparison>,
    pub curves: Vec<StepCurve>,
    /// The batches that run in training, with an upstream gradient for each output.
    pub sound: Vec<(usize, Vec<Tensor>)>,
    /// The hand-written rules applied in the largest batch that runs.
    pub applications: Vec<Application>,
}

impl<'a> Examination<'a> {
    pub fn new(check: &'a Check<'a>, batches: Vec<Batch>) -> Self {
        Examination {
            check,
            batches,
            tests: Vec::new(),
            verdicts: Vec::new(),
            gradients: Vec::new(),
            curves: Vec::new(),
            sound: Vec::new(),
            applications: Vec::new(),
        }
    }

    pub fn runner(&self, mode: Mode) -> Runner<'_> {
        Runner { subject: &*self.check.subject, mode }
    }

    pub fn values(&self, batch: usize) -> Vec<Tensor> {
        values(&self.batches[batch].arguments)
    }

    /// The axis that counts the observations.
    pub fn axis(&self) -> usize {
        self.check.axis.unwrap_or(0)
    }

    /// Finds the batches that run, draws upstream gradients for them, and finds the rules that they apply.
    pub fn prepare(&mut self) {
        let mut rng = StdRng::seed_from_u64(self.check.seed ^ 0x0075_7073);
        let sound: Vec<(usize, Vec<Tensor>)> = (0..self.batches.len())
            .filter_map(|b| {
                let values = self.runner(Mode::Train).values(&self.values(b)).ok()?;
                Some((b, values.iter().map(|y| numbers::upstream(y, &mut rng)).collect()))
            })
            .collect();
        self.sound = sound;
        if !self.sound.is_empty() {
            let largest = self.largest();
            let found = largest.runner.run(&largest.at(), |tape, _, _| Ok(applications(tape)));
            self.applications = found.unwrap_or_default();
        }
    }

    /// The largest batch that runs, used for most questions. There must be one.
    pub fn largest(&self) -> Evaluation<'_> {
        let (b, upstream) = self.sound.last().expect("a batch runs");
        self.evaluation(*b, upstream)
    }

    /// The number of observations in it, if they are counted.
    pub fn observations(&self) -> Option<usize> {
        self.batches[self.sound.last()?.0].observations
    }

    pub fn evaluation<'e>(&'e self, batch: usize, upstream: &'e [Tensor]) -> Evaluation<'e> {
        Evaluation { runner: self.runner(Mode::Train), arguments: &self.batches[batch].arguments, upstream }
    }

    pub fn note(&mut self, question: Question, outcome: Outcome) {
        self.tests.push((question, outcome));
    }

    /// Records that none of these was asked, since no batch runs.
    pub fn pass_over(&mut self, questions: &[Question]) {
        questions.iter().for_each(|&question| self.note(question, not_applicable(DOES_NOT_RUN)));
    }

    fn outcome(&self, question: Question) -> Option<&Outcome> {
        self.tests.iter().find(|(asked, _)| *asked == question).map(|(_, outcome)| outcome)
    }

    pub fn passed(&self, question: Question) -> bool {
        matches!(self.outcome(question), Some(Outcome::Passed(_)))
    }

    pub fn failed(&self, question: Question) -> bool {
        matches!(self.outcome(question), Some(Outcome::Failed(_)))
    }
}

pub(super) fn passed(detail: impl Into<String>) -> Outcome {
    Outcome::Passed(detail.into())
}

pub(super) fn failed(detail: impl Into<String>) -> Outcome {
    Outcome::Failed(detail.into())
}

pub(super) fn not_applicable(why: impl Into<String>) -> Outcome {
    Outcome::NotApplicable(why.into())
}

/// Why a test that needs a run was skipped.
pub(super) const DOES_NOT_RUN: &str = "the forward run fails, so there is nothing to test";

/// Why hand-written rules were not tested.
pub(super) const NO_RULE: &str = "no hand-written rule is applied: the tape derives everything";

/// Why nothing was compared.
pub(super) const ALL_ZERO: &str = "every gradient is 0 at these inputs: choose others";
