//! Paths that the rule's author forgot, and nodes that were mistaken for the identity.
//!
//! `forward` is replayed with one node held constant, or with its gradient passed straight through. If the gradient of
//! that function is the rule's answer, the rule is the exact derivative of something: of the function with that node
//! cut. A line of a loop is recorded once an iteration; if neither a single node nor an edit of the rule explains the
//! answer, all nodes of one line are cut at once.

use std::collections::HashSet;

use crate::check::{
    Fault, Line, Verdict,
    case::Case,
    kind::{Kind, Puts},
    mend::groups,
    script::{Edit, Script, Source},
};

/// Longer functions are searched from their end up to this length.
const LONGEST: usize = 400;
/// A stretch that is mistaken for the identity spans at most this many values.
const FAR: usize = 12;

pub(super) fn faults(case: &Case, k: usize) -> Vec<Verdict> {
    let Some(script) = case.forward_script() else { return Vec::new() };
    let mut found: Vec<Verdict> = Vec::new();
    let mut lines: HashSet<(Kind, Line)> = HashSet::new();
    for at in (0..script.steps.len()).rev().take(LONGEST) {
        let step = &script.steps[at];
        for edit in edits(&script, at).into_iter().chain(passed_by(&script, at)) {
            if matches!(edit, Edit::StraightThrough(from) if !depends(&script, from, k)) {
                continue;
            }
            let change = (at, edit.clone());
            let edited =
                case.residual(k, |p| script.gradient(k, &p.given.x, &p.given.dz, std::slice::from_ref(&change)));
            let Some(residual) = edited else { continue };
            let (line, node) = (Line::from(step.at), step.name().to_owned());
            let (fault, evidence) = match edit {
                Edit::StraightThrough(from) => {
                    let from = source_name(&script, from);
                    let evidence =
                        format!("the rule is exact if the derivative of `{node}` at {line} by {from} were 1");
                    (Fault::StraightThrough { node }, evidence)
                }
                Edit::DetachOperand(operand) => {
                    let which = source_name(&script, step.inputs[operand]);
                    let evidence = format!("the rule is exact if {which} were a constant in `{node}` at {line}");
                    (Fault::ForgottenPath { node: node_cut(&script, at, &edit) }, evidence)
                }
                _ => {
                    let evidence =
                        format!("the rule is the exact gradient you get if `{node}` at {line} were a constant");
                    (Fault::ForgottenPath { node }, evidence)
                }
            };
            // Of a chain of nodes that cut the same path, the last one is named.
            if lines.insert((fault.kind(), line.clone())) && found.len() < 3 {
                let twin = matches!(edit, Edit::DetachOperand(_)) && step.is_square();
                let puts = if twin { Puts::Twin } else { Puts::Other };
                found.push(case.verdict(k, fault, residual).at(Some(line)).because(evidence).putting(puts));
            }
        }
    }
    // Of several cuts that explain the same thing, the one nearest the output is named, for each of the two kinds.
    let mut kinds = HashSet::new();
    found.retain(|v| kinds.insert(v.fault.kind()));
    found.sort_by_key(|v| v.fault.kind());
    found
}

/// A path that was forgotten each time a line of a loop runs.
pub(super) fn in_loop(case: &Case, k: usize) -> Option<Verdict> {
    let script = &case.forward_script()?;
    cuts_in_loops(script).into_iter().rev().find_map(|cut| {
        let residual = case.residual(k, |p| script.gradient(k, &p.given.x, &p.given.dz, &cut))?;
        let (at, edit) = cut.first()?;
        let (node, line) = (node_cut(script, *at, edit), Line::from(script.steps[*at].at));
        let evidence = format!(
            "the rule is the exact gradient you get if {node} at {line} were a constant, each time the line runs"
        );
        Some(case.verdict(k, Fault::ForgottenPath { node }, residual).at(Some(line)).because(evidence))
    })
}

/// The cuts of all nodes of one line at once, or of one operand of all of them.
pub(in crate::check) fn cuts_in_loops(script: &Script) -> Vec<Vec<(usize, Edit)>> {
    let mut all = Vec::new();
    for group in groups(script) {
        let same = |edit: &Edit| group.iter().map(|&at| (at, edit.clone())).collect::<Vec<_>>();
        let cuts = edits(script, group[0]).into_iter();
        all.extend(cuts.filter(|cut| matches!(cut, Edit::Detach | Edit::DetachOperand(_))).map(|cut| same(&cut)));
    }
    all
}

/// What a path that an edit cuts leads through: "tanh", "input 0 in mul".
pub(in crate::check) fn node_cut(script: &Script, at: usize, edit: &Edit) -> String {
    let step = &script.steps[at];
    match *edit {
        Edit::DetachOperand(operand) => {
            format!("{} in {}", source_name(script, step.inputs[operand]).replace('`', ""), step.name())
        }
        _ => step.name().to_owned(),
    }
}

/// The earlier values of the same shape for which a step may be mistaken.
fn straight(script: &Script, at: usize) -> Vec<Edit> {
    let step = &script.steps[at];
    // Mistaking a sum for one of its sides is forgetting the other side.
    if step.adds() || step.is("identity") {
        return Vec::new();
    }
    let mut ancestors: Vec<Source> = Vec::new();
    let mut waiting: Vec<Source> = step.inputs.to_vec();
    while let Some(source) = waiting.pop() {
        if ancestors.contains(&source) || ancestors.len() > FAR {
            continue;
        }
        ancestors.push(source);
        if let Source::Step(k) = source {
            waiting.extend(script.steps[k].inputs.iter().copied());
        }
    }
    ancestors.into_iter().filter(|source| !matches!(source, Source::Fixed(_))).map(Edit::StraightThrough).collect()
}

fn source_name(script: &Script, source: Source) -> String {
    match source {
        Source::Argument(k) => format!("input {k}"),
        Source::Fixed(_) => "a constant".to_owned(),
        Source::Step(step) => format!("`{}`", script.steps[step].name()),
    }
}

/// Everything that may be cut at a step.
pub(in crate::check) fn edits(script: &Script, at: usize) -> Vec<Edit> {
    let step = &script.steps[at];
    if !step.differentiable() {
        return Vec::new();
    }
    let mut edits = vec![Edit::Detach];
    let variable: Vec<usize> =
        (0..step.inputs.len()).filter(|&i| !matches!(step.inputs[i], Source::Fixed(_))).collect();
    if variable.len() > 1 || variable.iter().any(|&i| matches!(step.inputs[i], Source::Argument(_))) {
        edits.extend(variable.iter().map(|&i| Edit::DetachOperand(i)));
    }
    edits.extend(straight(script, at));
    edits
}

/// A comparison or a rounding, which has no derivative, may be mistaken for the identity.
fn passed_by(script: &Script, at: usize) -> Vec<Edit> {
    if script.steps[at].differentiable() { Vec::new() } else { straight(script, at) }
}

/// Whether a value is computed from input `k`.
fn depends(script: &Script, source: Source, k: usize) -> bool {
    let mut waiting = vec![source];
    let mut seen = HashSet::new();
    while let Some(source) = waiting.pop() {
        match source {
            Source::Argument(argument) if argument == k => return true,
            Source::Step(step) if seen.insert(step) => waiting.extend(script.steps[step].inputs.iter().copied()),
            _ => {}
        }
    }
    false
}
