//! Single edits to the program of the true gradient that give the wrong one.
//!
//! The tape records the true gradient as a program of its own, whose nodes carry the line of the operation that they
//! differentiate. If leaving out one of its terms gives the rule's answer, that is the term the rule lacks.

use super::{
    borrowed::{borrowed, received},
    repairs,
};
use crate::check::{
    Fault, Line, Verdict,
    case::Case,
    kind::Puts,
    script::{Edit, Source, Step},
};

/// Longer programs are not searched.
const LONGEST: usize = 300;

pub(super) fn faults(case: &Case, k: usize) -> Vec<Verdict> {
    let (received, mended) = (received(case, k), repairs::mended(case, k));
    // A value in place of another names the line of the rule, a lost term only that of `forward`.
    let lost = if received.is_none() { dropped(case, k) } else { None };
    let mut found: Vec<Verdict> = lost.into_iter().chain(repairs::rerouted(case, k)).collect();
    // Of two edits that explain the same, another operation is simpler than another operand.
    match mended {
        Some((mended, true)) => found.extend([mended].into_iter().chain(received)),
        other => found.extend(received.into_iter().chain(other.map(|(mended, _)| mended))),
    }
    if found.is_empty() {
        found.extend(borrowed(case, k));
    }
    found
}

/// A term of the true gradient whose omission gives the rule's answer.
pub(super) fn dropped(case: &Case, k: usize) -> Option<Verdict> {
    let forward = case.forward_script()?;
    let script = case.gradient_script(&forward, &[k])?;
    let search = |at: usize| {
        let step = &script.steps[at];
        if !step.has_terms() {
            return None;
        }
        [0, 1].into_iter().find_map(|operand| {
            let residual =
                case.residual(k, |p| script.output(p.given.x.iter().chain(&p.given.dz), &[(at, Edit::Keep(operand))]))?;
            let lost = match step.inputs[1 - operand] {
                Source::Step(term) => &script.steps[term],
                _ => step,
            };
            let line = Line::from(lost.at);
            // The node belongs to the derivative of an operation of `forward` on this line: that is the name to report.
            let differentiated = forward.steps.iter().rev().find(|step| step.at == lost.at);
            let term = differentiated.map_or(lost.name(), Step::name).to_owned();
            let evidence = format!(
                "without the term that the derivative of `{term}` at {line} adds, the true gradient is this one"
            );
            let fault = Fault::DroppedTerm { term };
            let puts = if differentiated.is_some_and(Step::is_square) { Puts::Twin } else { Puts::Path };
            Some(case.verdict(k, fault, residual).because(evidence).at(Some(line)).putting(puts))
        })
    };
    (0..script.steps.len().min(LONGEST)).find_map(search)
}
