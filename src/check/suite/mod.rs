//! The named tests, in the order in which they run.
//!
//! Each test ends passed, failed, or not applicable with the reason. When a test cannot be run because another failed,
//! its reason names that one. `runs` asks whether the subject runs at all and what comes out, `gradients` compares
//! gradients (with differences in `numeric`) and asks for a verdict, `upstream`, `conduct`, `batch` and `second` look at
//! how gradients and values behave.

mod batch;
mod conduct;
mod gradients;
mod numeric;
mod runs;
mod second;
mod upstream;

use std::time::Instant;

use rand::{SeedableRng, rngs::StdRng};

use super::{
    Batch, Check, Comparison, Fault, Outcome, Report, StepCurve, Test, Verdict,
    diagnose::upstream as draw_upstream,
    measure::Place,
    subject::{Application, Probe, applications},
};
use crate::{Mode, Tensor};

/// A check under way.
struct Examination<'a> {
    check: &'a Check<'a>,
    batches: Vec<Batch>,
    tests: Vec<Test>,
    verdicts: Vec<Verdict>,
    gradients: Vec<Comparison>,
    curves: Vec<StepCurve>,
    /// The batches that run in training, with an upstream gradient for each output.
    sound: Vec<(usize, Vec<Tensor>)>,
    /// The hand-written rules applied in the largest batch that runs.
    applications: Vec<Application>,
}

pub(super) fn run(check: &Check<'_>, batches: Vec<Batch>) -> Report {
    let start = Instant::now();
    let mut e = Examination {
        check,
        batches,
        tests: Vec::new(),
        verdicts: Vec::new(),
        gradients: Vec::new(),
        curves: Vec::new(),
        sound: Vec::new(),
        applications: Vec::new(),
    };
    runs::test(&mut e);
    e.prepare();
    gradients::test(&mut e);
    upstream::test(&mut e);
    conduct::test(&mut e);
    if e.failed("deterministic") {
        // What changes from run to run cannot be compared: every other verdict would be about noise.
        let same = "whatever is random must draw from a seed that is part of the layer's state";
        e.verdicts = vec![Verdict::new(Fault::NotDeterministic, "two runs on one input", 0.0).because(same)];
    }
    check.subject.restore();
    Report {
        subject: check.name.clone(),
        tests: e.tests,
        verdicts: e.verdicts,
        gradients: e.gradients,
        curves: e.curves,
        seconds: start.elapsed().as_secs_f64(),
    }
}

impl Examination<'_> {
    fn probe(&self, mode: Mode) -> Probe<'_> {
        Probe { subject: &*self.check.subject, mode }
    }

    fn values(&self, batch: usize) -> Vec<Tensor> {
        self.batches[batch].slots.iter().map(|slot| slot.value.clone()).collect()
    }

    /// Upstream gradients for the batches that run, and the rules that they apply.
    fn prepare(&mut self) {
        let mut rng = StdRng::seed_from_u64(self.check.seed ^ 0x0075_7073);
        let sound: Vec<(usize, Vec<Tensor>)> = (0..self.batches.len())
            .filter_map(|b| {
                let values = self.probe(Mode::Train).values(&self.values(b)).ok()?;
                Some((b, values.iter().map(|y| draw_upstream(y, &mut rng)).collect()))
            })
            .collect();
        self.sound = sound;
        if let Some(&(b, _)) = self.sound.last() {
            let found = self.probe(Mode::Train).run(&self.values(b), |tape, _, _| Ok(applications(tape)));
            self.applications = found.unwrap_or_default();
        }
    }

    /// The place at which most tests are made: the largest batch that runs.
    fn place(&self) -> Option<Place<'_>> {
        let (b, upstream) = self.sound.last()?;
        Some(self.place_at(*b, upstream))
    }

    fn place_at<'p>(&'p self, batch: usize, upstream: &'p [Tensor]) -> Place<'p> {
        Place { probe: self.probe(Mode::Train), slots: &self.batches[batch].slots, upstream }
    }

    fn note(&mut self, name: &'static str, outcome: Outcome) {
        self.tests.push(Test { name, outcome });
    }

    fn passed(&self, name: &str) -> bool {
        self.tests.iter().any(|test| test.name == name && matches!(test.outcome, Outcome::Passed(_)))
    }

    fn failed(&self, name: &str) -> bool {
        self.tests.iter().any(|test| test.name == name && matches!(test.outcome, Outcome::Failed(_)))
    }
}

fn passed(detail: impl Into<String>) -> Outcome {
    Outcome::Passed(detail.into())
}

fn failed(detail: impl Into<String>) -> Outcome {
    Outcome::Failed(detail.into())
}

fn not_applicable(why: impl Into<String>) -> Outcome {
    Outcome::NotApplicable(why.into())
}

/// Why a test that needs a run was not made.
const DOES_NOT_RUN: &str = "the forward run fails, so there is nothing to test";
