//! Mends: the edits of a rule that make it right.
//!
//! A hand-written rule is a program r from what it receives (inputs, outputs, upstream gradients, saved values) to
//! gradients. If it is wrong, an *edit* makes it right: a factor put in at one place, another number, another operand.
//! A search proposes edits, measures them at the two points of a [`Case`], and verifies what fits at a third one that is
//! drawn apart, so that an edit which mends by coincidence is told from the mend.
//!
//! **Screening.** There are thousands of edits, most of which need not be run. Let p be a random tensor of the shape of
//! the answer a, and t the true gradient. An edit that changes the value v at one place to v′ changes ⟨p, a⟩ by
//!
//! ```text
//! ⟨g, v′ − v⟩,   g = ∂⟨p, a⟩/∂v,
//! ```
//!
//! exactly if what follows is linear in v, as most of a rule is (it is linear in the upstream gradient). All g come out
//! of one walk through the rule's own program. A mend satisfies ⟨g, v′ − v⟩ = ⟨p, t − a⟩: one dot product an edit instead
//! of a run. Where what follows is not linear, the edit is run. What passes is run too, and compared element by element.
//!
//! The equation also *solves* for a number: v′ = c v needs c = 1 + ⟨p, t − a⟩ / ⟨g, v⟩, the same at both points.
//!
//! **Pairs.** Two edits side by side, neither of which acts on what the other one changes, add up: the changes of all
//! edits are known, and two that sum to ⟨p, t − a⟩ are found by sorting. With one edit made, the rule is another program,
//! and what it lacks may again be a single edit: so each likely edit is made in turn, and the second is screened.
//!
//! **Paths.** A term that the rule does not compute at all is found in `forward`: with a value there taken for a constant,
//! t is another gradient, and an edit that leads to that one names the second mistake.
//!
//! **Loops.** A line that runs in a loop is recorded once an iteration. A mistake in it is a mistake in all of them, so
//! a [`Place`](places::Place) may be all nodes of one line, and a value put in there a *family*: the gate of each step.
//!
//! `program` is the rule as a program, in which `split` tells what is read for wrong gradients, and `rests`
//! what may be added where it is read later; `sensed` its values and
//! slopes; `places` where it may be edited; `values` what may be put in; `factors`, `constants`, `operands`,
//! `operations`, `reductions` and `terms` propose edits; `screen` says what an edit changes; `search` tries them alone,
//! `pairs` two at a time, `recurrences` in loops that carry a value, `paths` with a forgotten path; `finite` mends first
//! what makes NaN, and `idle` what is not used; `compared` asks more of an edit that only decides a comparison;
//! `elsewhere` asks where a person would have made the mistake; `naming` turns one into a verdict, and `found` says where it
//! is: `lines` finds the line, `handed_on` one without any operation, `unread` one without its source, and `spots` what is
//! next to it.
//! If no edit mends the rule, `departure` says where it leaves the `truths`, the gradients of all that `forward` computes.
//! `mended` says how that line should read: `writer` writes steps as `expression`s (`methods` says how), with `names`
//! from the source.

mod compared;
mod constants;
mod departure;
mod elsewhere;
mod expression;
mod factors;
mod finite;
mod found;
mod handed_on;
mod idle;
mod lines;
mod meaning;
mod mended;
mod methods;
mod names;
mod naming;
mod numbers;
mod operands;
mod operations;
mod pairs;
mod paths;
mod places;
mod program;
mod proposal;
mod recurrences;
mod reductions;
mod rests;
mod screen;
mod search;
mod sensed;
mod split;
mod spots;
mod terms;
mod truths;
mod unread;
mod values;
mod writer;

pub(super) use compared::holds_far;
pub(super) use lines::Lines;
pub(super) use numbers::written;
pub(super) use places::{groups, readers};
pub(super) use split::leads_to;
pub(super) use spots::spot_of;
pub(super) use values::carrying;

use super::{Line, Verdict, case::Case};

/// A rule of more steps is long.
const LONG: usize = 120;

/// The likeliest single edit that mends the gradients with respect to all inputs `of`.
pub(super) fn single(case: &Case, of: &[usize]) -> Option<Verdict> {
    let program = program::Program::of(case, of)?;
    let found = search::single(&program, &[])?;
    Some(naming::verdict(&program, case, of, &elsewhere::likelier(&program, vec![found])))
}

/// Two edits that together mend the gradients with respect to all inputs `of`.
pub(super) fn several(case: &Case, of: &[usize]) -> Option<Verdict> {
    let program = program::Program::of(case, of)?;
    // In a long rule, what may be spent is shared by all gradients that are wrong.
    let wrong = (0..case.needs.len()).filter(|&k| case.needs[k] && case.is_wrong(k)).count();
    let share = if program.script.steps.len() > LONG && of.len() < wrong { wrong } else { 1 };
    let found = search::several(&program, share)?;
    Some(naming::verdict(&program, case, of, &elsewhere::likelier(&program, found)))
}

/// Where the rule for the inputs `of` departs from the true gradients, if no edit mends it.
pub(super) fn departure(case: &Case, of: &[usize]) -> Option<Line> {
    departure::departure(&program::Program::of(case, of)?)
}

/// An edit that, together with a forgotten path, explains the gradient with respect to input `k`.
pub(super) fn with_path(case: &Case, k: usize) -> Option<Verdict> {
    paths::with_edit(case, k)
}
