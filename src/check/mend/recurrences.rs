//! Edits of loops that carry a value.
//!
//! What an edit changes in one iteration is read in the next, so no slope tells what it changes in all, and there are too
//! many edits to run them all. But in the first iteration nothing was wrong before: there a mend makes a value right at
//! once, that of the edited step or of one that reads it. So each edit is tried at the first step of its place alone, and
//! the rule is run with those that lead to one of the [`Truths`] there.

use super::{
    places::readers,
    program::{At, Program},
    proposal::Proposal,
    search::Search,
    sensed::Run,
    truths::{Truths, has},
};
use crate::{
    Tensor,
    check::{
        numbers::size,
        runner::attempt,
        script::{Alter, Edit, Source},
    },
};

/// How many readers are looked at.
const AHEAD: usize = 2;
/// How many edits are tried at their first step.
const TRIED: usize = 4_000;
/// How many edits are run, times the steps of the program.
const RUNS: usize = 60_000;

impl Search<'_> {
    /// The likeliest edit of all iterations of a loop.
    pub(super) fn best_in_recurrences(&self, runs: &[Run]) -> Option<Proposal> {
        let of_loop = |p: &&Proposal| p.place.at.len() > 1 && !p.place.linear;
        let mut waiting = self.proposals.iter().filter(of_loop).take(TRIED).peekable();
        waiting.peek()?;
        let truths = Truths::all(self.program)?;
        self.allow(RUNS);
        waiting
            .find(|p| leads_to_truth(self.program, runs, &truths, p) && self.may_run(&p.edits()) && self.mends_alone(p))
            .cloned()
    }
}

/// Whether an edit makes a value right at the first step of its place that was not right before.
fn leads_to_truth(program: &Program, runs: &[Run], truths: &[Truths], edit: &Proposal) -> bool {
    let Some((step, first)) = edit.edits().into_iter().next() else { return false };
    let all = runs.iter().zip(&program.points).zip(truths);
    let values = |(run, at): (&Run, &At)| {
        let mut values = vec![(step, edited(program, (run, at), None, (step, &first))?)];
        for _ in 0..AHEAD {
            let &(last, ref value) = values.last()?;
            let Some((reader, operand)) = readers(&program.script, last).next() else { break };
            let other = Edit::AtOperand(operand, Alter::Use(Source::Argument(at.arguments.len())));
            let Some(next) = edited(program, (run, at), Some(value), (reader, &other)) else { break };
            values.push((reader, next));
        }
        Some(values)
    };
    let mut found: Option<Vec<bool>> = None;
    for ((run, at), truths) in all {
        let Some(values) = values((run, at)) else { return false };
        let new = |(k, value): &(usize, Tensor)| {
            size(value) > 0.0 && has(&truths.gradients, value) && !has(&truths.gradients, &run.results[*k].value)
        };
        let own: Vec<bool> = values.iter().map(new).collect();
        found = Some(match found {
            Some(known) => known.iter().zip(&own).map(|(a, b)| *a && *b).collect(),
            None => own,
        });
        if found.as_ref().is_some_and(|found| !found.contains(&true)) {
            return false;
        }
    }
    found.is_some_and(|found| found.contains(&true))
}

/// The value of a step with an edit, for which `other` is one more argument.
fn edited(
    program: &Program,
    (run, at): (&Run, &At),
    other: Option<&Tensor>,
    (k, edit): (usize, &Edit),
) -> Option<Tensor> {
    let step = program.script.steps.get(k)?;
    let known = |source: Source| match source {
        Source::Argument(k) => at.arguments.get(k).or(other),
        Source::Fixed(k) => program.script.fixed.get(k),
        Source::Step(k) => run.results.get(k).map(|sensed| &sensed.value),
    };
    let y = attempt([], |tape, _| {
        let find = |source: Source| known(source).map(|value| tape.constant(value));
        let y = program.script.perform(tape, k, &[(k, edit.clone())], &find, &mut |_, _, value| value)?;
        Some(y.value())
    })?;
    (*y.shape() == step.shape).then_some(y)
}
