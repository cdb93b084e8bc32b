//! Rules whose answer is not finite: what makes NaN or infinity is mended first, since nothing can be screened beside it.

use super::{proposal::Proposal, search::Search, sensed::Run, split::lead_to};
use crate::check::numbers::is_finite;

impl Search<'_> {
    /// The likeliest edit of what is not finite that makes the rule right.
    pub(super) fn finite_again(&self, runs: &[Run]) -> Option<Proposal> {
        let origin = self.origin_of_non_finite(runs);
        let tried = self.proposals.iter().filter(|p| p.place.at.iter().any(|&k| origin.get(k) == Some(&true)));
        let mut affordable = tried.take_while(|p| self.may_run(&p.edits()));
        affordable.find(|p| self.mended_by(&p.edits())).cloned()
    }

    /// The first step whose result is not finite though its operands are, and all that leads to it.
    pub(super) fn origin_of_non_finite(&self, runs: &[Run]) -> Vec<bool> {
        let steps = &self.program.script.steps;
        let mut origin = vec![false; steps.len()];
        let made = |run: &Run| {
            let makes = |k: &usize| {
                !is_finite(&run.results[*k].value) && run.operands[*k].iter().all(|operand| is_finite(&operand.value))
            };
            (0..steps.len()).find(makes)
        };
        let Some(first) = runs.iter().filter_map(made).min() else { return origin };
        origin[first] = true;
        lead_to(&self.program.script, origin)
    }
}
