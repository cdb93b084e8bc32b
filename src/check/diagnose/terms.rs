//! Single edits of the program of the true gradient that give the wrong one.
//!
//! The true gradient is recorded by the tape as a program of its own, whose nodes carry the line of the operation that
//! they differentiate. If leaving out one of its terms gives the rule's answer, that is the term the rule lacks.

use super::{Case, Point, borrowed::borrowed, paths::forward_script, repairs};
use crate::{
    Tape, Tensor, Var,
    check::{
        Fault, Line, Verdict,
        script::{Edit, Script, Source, Step},
        subject::caught,
    },
};

/// Longer programs are not searched.
const LONGEST: usize = 300;

pub(super) fn faults(case: &Case<'_>, k: usize) -> Vec<Verdict> {
    let mut found: Vec<Verdict> = dropped(case, k).into_iter().collect();
    found.extend(repairs::rerouted(case, k));
    found.extend(repairs::mended(case, k));
    if found.is_empty() {
        found.extend(borrowed(case, k));
    }
    found
}

/// A term of the true gradient without which it is the rule's answer.
fn dropped(case: &Case<'_>, k: usize) -> Option<Verdict> {
    let forward = forward_script(case)?;
    let script = gradient_script(case, &forward, k)?;
    let search = |at: usize| {
        let step = &script.steps[at];
        if !["add", "sub"].contains(&step.name()) || step.inputs.len() != 2 {
            return None;
        }
        [0, 1].into_iter().find_map(|operand| {
            let residual = case.residual(k, |p| replayed(&script, p, &[(at, Edit::Keep(operand))]))?;
            let lost = match step.inputs[1 - operand] {
                Source::Step(term) => &script.steps[term],
                _ => step,
            };
            let line = Line::from(lost.at);
            // The node belongs to the derivative of an operation of `forward` at this line: that is the name to give.
            let differentiated = forward.steps.iter().rev().find(|step| step.at == lost.at);
            let term = differentiated.map_or(lost.name(), Step::name).to_owned();
            let evidence = format!(
                "without the term that the derivative of `{term}` at {line} adds, the true gradient is this one"
            );
            let fault = Fault::DroppedTerm { term };
            Some(Verdict::new(fault, format!("input {k}"), residual).because(evidence).at(Some(line)))
        })
    };
    (0..script.steps.len().min(LONGEST)).find_map(search)
}

/// The true gradient by input `k` as a program from inputs and upstream gradients.
fn gradient_script(case: &Case<'_>, forward: &Script, k: usize) -> Option<Script> {
    let point = &case.points[0];
    caught(|| {
        let tape = Tape::f64();
        let x: Vec<Var<'_>> = point.x.iter().map(|x| tape.leaf(x)).collect();
        let dz: Vec<Var<'_>> = point.dz.iter().map(|dz| tape.leaf(dz)).collect();
        let z = forward.run(&tape, &x, &[])?;
        let weighted = z.iter().zip(&dz).filter(|(z, _)| z.needs_grad()).map(|(&z, &dz)| (z * dz).sum());
        let loss = weighted.reduce(|a, b| a + b)?;
        let gradient = tape.grad(loss, &[x[k]]).ok()?;
        let slots: Vec<Var<'_>> = x.iter().chain(&dz).copied().collect();
        Some(Script::of(&tape, &slots, &gradient))
    })
    .ok()
    .flatten()
}

fn replayed(script: &Script, point: &Point, edits: &[(usize, Edit)]) -> Option<Tensor> {
    caught(|| {
        let tape = Tape::f64();
        let slots: Vec<Var<'_>> = point.x.iter().chain(&point.dz).map(|v| tape.constant(v)).collect();
        Some(script.run(&tape, &slots, edits)?.remove(0).value())
    })
    .ok()
    .flatten()
}
