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
        script::{Alter, Edit, Source, Step},
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
    let values = |(run, at)| {
        let mut values = vec![(step, edited(program, run, at, step, &first)?)];
        for _ in 0..AHEAD {
            let &(last, ref value) = values.last()?;
            let Some((reader, operand)) = readers(&program.script, last).next() else { break };
            let Some(next) = read(program, run, reader, operand, value) else { break };
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

/// The value of a step with an edit.
fn edited(program: &Program, run: &Run, at: &At, step: usize, edit: &Edit) -> Option<Tensor> {
    with_edit(program, run, step, edit, |source| match source {
        Source::Argument(k) => at.arguments.get(k),
        Source::Step(k) => run.results.get(k).map(|s| &s.value),
        Source::Fixed(k) => program.script.fixed.get(k),
    })
}

/// The value of a step with another operand.
fn read(program: &Program, run: &Run, step: usize, operand: usize, value: &Tensor) -> Option<Tensor> {
    let other = Edit::AtOperand(operand, Alter::Use(Source::Argument(0)));
    with_edit(program, run, step, &other, |_| Some(value))
}

fn with_edit<'v>(
    program: &Program,
    run: &Run,
    step: usize,
    edit: &Edit,
    find: impl Fn(Source) -> Option<&'v Tensor>,
) -> Option<Tensor> {
    let own = program.script.steps.get(step)?;
    attempt(run.operands[step].iter().map(|s| &s.value), |tape, x| {
        let mut x = x.to_vec();
        let find = |source: Source| find(source).map(|value| tape.constant(value));
        let y = match edit {
            Edit::AtOperand(i, alter) => {
                x[*i] = alter.apply(x[*i], &find)?;
                own.perform(tape, &x, None).ok()?
            }
            Edit::AtResult(alter) => alter.apply(own.perform(tape, &x, None).ok()?, &find)?,
            Edit::Exchange(i, j) => {
                x.swap(*i, *j);
                own.perform(tape, &x, None).ok()?
            }
            Edit::Keep(i) => x[*i].try_broadcast_to(&own.shape).ok()?,
            Edit::Act(action) => Step { action: action.clone(), ..own.clone() }.perform(tape, &x, None).ok()?,
            _ => return None,
        };
        (y.shape() == own.shape).then(|| y.value())
    })
}
