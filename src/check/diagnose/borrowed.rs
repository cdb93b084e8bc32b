//! Values of `forward` that the rule should have used.
//!
//! Rule and `forward` often compute the same things: a deviation, a sum of exponentials. Where the rule computes it anew
//! and differently (without its ε, without its mean), the value of `forward` in that place makes the rule exact.

use super::{
    Case, Point,
    paths::forward_script,
    repairs::{rule_script, slots_of},
    residues::results,
};
use crate::{
    Tape, Tensor, Var,
    check::{
        Fault, Line, Verdict,
        script::{Edit, Script, Source, Step},
        subject::caught,
    },
};

/// A value that `forward` computes takes the place of an operand in the rule: the rule computed something else there.
pub(super) fn borrowed(case: &Case<'_>, k: usize) -> Option<Verdict> {
    let script = rule_script(case, &case.points[0], k)?;
    let forward = forward_script(case)?;
    let computed: Vec<Vec<Tensor>> = case.points.iter().map(|p| results(&forward, &p.x)).collect::<Option<_>>()?;
    let own: Vec<Tensor> = results(&script, &slots_of(&case.points[0]).cloned().collect::<Vec<_>>())?;
    let first = slots_of(&case.points[0]).count();
    let points = |p: &Point| case.points.iter().position(|q| std::ptr::eq(p, q)).expect("a point of this case");
    for at in (0..script.steps.len()).rev() {
        for operand in 0..script.steps[at].inputs.len() {
            let read = match script.steps[at].inputs[operand] {
                Source::Slot(slot) => slots_of(&case.points[0]).nth(slot)?.clone(),
                Source::Step(step) => own[step].clone(),
                Source::Fixed(_) => continue,
            };
            for (step, value) in computed[0].iter().enumerate() {
                if value.shape() != read.shape() || *value == read {
                    continue;
                }
                let edit = (at, Edit::Operand(operand, Source::Slot(first)));
                let residual = case.repaired(k, |p| {
                    caught(|| {
                        let tape = Tape::f64();
                        let value = &computed[points(p)][step];
                        let slots: Vec<Var<'_>> = slots_of(p).chain([value]).map(|v| tape.leaf(v)).collect();
                        Some(script.run(&tape, &slots, std::slice::from_ref(&edit))?.remove(0).value())
                    })
                    .ok()
                    .flatten()
                });
                let Some(residual) = residual else { continue };
                return Some(borrowing(&script.steps[at], &forward, step, &computed[0], &read, k, residual));
            }
        }
    }
    None
}

/// The verdict when the rule should read the result of a step of `forward` where it reads `read`.
fn borrowing(
    reader: &Step,
    forward: &Script,
    step: usize,
    computed: &[Tensor],
    read: &Tensor,
    k: usize,
    residual: f64,
) -> Verdict {
    let wanted = &forward.steps[step];
    let (line, from) = (Line::from(reader.at), Line::from(wanted.at));
    let evidence = format!(
        "with the value of `{}` at {from} as operand of `{}` at {line}, the rule is exact",
        wanted.name(),
        reader.name()
    );
    // What the rule reads may be one side of the sum that it should read: then the other side is what it lacks.
    let is_side = |source: &Source| matches!(*source, Source::Step(s) if computed[s] == *read);
    let sum = ["add", "sub"].contains(&wanted.name());
    let fault = if sum && (wanted.inputs.len() == 1 || wanted.inputs.iter().any(is_side) || !computed.contains(read)) {
        Fault::DroppedTerm { term: wanted.name().to_owned() }
    } else {
        Fault::WrongOperation { edit: format!("it should read the value of `{}` ({from})", wanted.name()) }
    };
    Verdict::new(fault, format!("input {k}"), residual).at(Some(line)).because(evidence)
}
