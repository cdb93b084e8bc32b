//! The tests, in the order in which they run.
//!
//! Each test answers one of the `questions`, and ends as passed, failed, or not applicable with the reason. When a test
//! cannot run because another failed, its reason names that one. `runs` asks whether the subject runs at all and what
//! it returns, `gradients` compares gradients (with differences in `differences`) and asks for a verdict, `upstream`,
//! `conduct`, `batch` and `second` examine how gradients and values behave. `examination` is the check in progress.

mod batch;
mod branches;
mod conduct;
mod differences;
mod examination;
mod gradients;
mod questions;
mod runs;
mod second;
mod upstream;

use std::time::Instant;

use examination::Examination;
use questions::Question;

use super::{Check, Fault, Report, Test, Verdict};
use crate::Result;

impl Check<'_> {
    /// Carries out the check.
    ///
    /// # Errors
    /// [`Error::Empty`](crate::Error::Empty) without inputs, or with an input that has no elements;
    /// [`Error::NonFinite`](crate::Error::NonFinite) for an input or parameter with NaN or an infinity;
    /// [`Error::Setting`](crate::Error::Setting) for an empty range, or an axis that does not exist. Faults of the
    /// subject are not errors: they are in the report.
    pub fn run(self) -> Result<Report> {
        let check = self.with_constants_aside()?;
        let batches = check.batches()?;
        let start = Instant::now();
        let mut e = Examination::new(&check, batches);
        runs::test(&mut e);
        e.prepare();
        gradients::test(&mut e);
        upstream::test(&mut e);
        conduct::test(&mut e);
        if e.failed(Question::Deterministic) {
            // What changes from run to run cannot be compared: every other verdict would be about noise.
            let same = "whatever is random must draw from a seed that is part of the layer's state";
            e.verdicts = vec![Verdict::new(Fault::NotDeterministic, "two runs on one input", 0.0).because(same)];
        }
        check.subject.restore();
        Ok(Report {
            subject: check.name.clone(),
            tests: e.tests.into_iter().map(|(asked, outcome)| Test { name: asked.text(), outcome }).collect(),
            verdicts: e.verdicts,
            gradients: e.gradients,
            curves: e.curves,
            seconds: start.elapsed().as_secs_f64(),
        })
    }
}
