//! Where an edit is made in the source.

use super::{
    handed_on::HandedOn,
    places::Part,
    program::Program,
    proposal::{Change, Proposal},
};
use crate::check::{
    Line,
    script::{Action, Alter, Source},
};

/// Where an edit is made.
pub(super) struct Found {
    /// The line of the operation, or of who reads it if it is a helper's.
    pub line: Option<Line>,
    /// The line that hands the value on, if that is the one to mend.
    pub handed_on: Option<HandedOn>,
}

impl Found {
    pub fn to_mend(&self) -> Option<&Line> {
        self.handed_on.as_ref().map(|other| &other.line).or(self.line.as_ref())
    }
}

pub(super) fn found(program: &Program, edit: &Proposal) -> Found {
    let lines = program.lines();
    let (at, step) = (&edit.place.at, program.script.steps.get(edit.place.at[0]));
    let operand = match edit.place.part {
        Part::Operand(i) => Some(i),
        Part::Result => None,
    };
    let read = operand.and_then(|i| step?.inputs.get(i).copied());
    let replaces = matches!(edit.alter(), Some(Alter::Use(_)));
    let (line, handed_on) = match (edit.alter(), read, &edit.change) {
        // Over the wrong axes: the line of the reduction, not of who reads it.
        (Some(Alter::Sum(..)), Some(Source::Step(sum)), _) => (lines.line(&[sum]), lines.attribute(sum)),
        (_, _, Change::Act(actions, _)) if matches!(actions[0], Action::Op(_)) => {
            (lines.line(at), lines.attribute(at[0]))
        }
        // A constant was made where it stands.
        (Some(Alter::Use(_)), Some(Source::Fixed(k)), _) => {
            (Some(Line::from(program.script.fixed_at[k])).filter(|line| !line.is_ours()), None)
        }
        (_, _, Change::Exchange(..)) => (lines.line(at), lines.list(at[0])),
        (_, _, Change::Number(Some((old, new)), _)) if *new != 1.0 => (lines.line(at), lines.number(at[0], *old)),
        (Some(alter), ..) => {
            // A product lacks the factor that one of its own lacks.
            let factor = operand.is_none() && matches!(alter, Alter::Times(_) | Alter::Over(_));
            let product = step.is_some_and(|step| step.name() == "mul" && step.inputs.len() == 2);
            let factors = if factor && product { 0..2 } else { 0..0 };
            let there = lines.handed_on(at, operand, replaces);
            let there = there.or_else(|| factors.into_iter().find_map(|i| lines.handed_on(at, Some(i), false)));
            (lines.line(at), there)
        }
        _ => (lines.line(at), None),
    };
    Found { line, handed_on }
}
