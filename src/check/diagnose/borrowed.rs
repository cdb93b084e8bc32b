//! Values of `forward` that the rule should have used.
//!
//! Rule and `forward` often compute the same things: a deviation, a sum of exponentials. Where the rule computes it anew
//! and differently (without its ε, without its mean), the value of `forward` in that place makes the rule exact.

use crate::{
    Tensor,
    check::{
        Fault, Line, Verdict,
        case::Case,
        script::{Edit, Script, Source, Step},
    },
};

/// A value that `forward` computes takes the place of an operand in the rule: the rule computed something else there.
pub(super) fn borrowed(case: &Case, k: usize) -> Option<Verdict> {
    let (script, forward) = (case.rule_script(k)?, case.forward_script()?);
    let computed: Vec<Vec<Tensor>> = case.points.iter().map(|p| forward.results(&p.given.x)).collect::<Option<_>>()?;
    let given: Vec<&Tensor> = case.first().given.values().collect();
    let own = script.results(given.iter().copied())?;
    for at in (0..script.steps.len()).rev() {
        for operand in 0..script.steps[at].inputs.len() {
            let read = match script.steps[at].inputs[operand] {
                Source::Argument(place) => given[place],
                Source::Step(step) => &own[step],
                Source::Fixed(_) => continue,
            };
            for (step, value) in computed[0].iter().enumerate() {
                if value.shape() != read.shape() || value == read {
                    continue;
                }
                // The value is one argument more.
                let edit = (at, Edit::Operand(operand, Source::Argument(given.len())));
                let residual = case.repaired(k, |p| {
                    let (_, values) = case.points.iter().zip(&computed).find(|(q, _)| std::ptr::eq(p, *q))?;
                    script.output(p.given.values().chain([&values[step]]), std::slice::from_ref(&edit))
                });
                let Some(residual) = residual else { continue };
                let (fault, line, evidence) = borrowing(&script.steps[at], &forward, step, &computed[0], read);
                return Some(case.verdict(k, fault, residual).at(Some(line)).because(evidence));
            }
        }
    }
    None
}

/// The fault when the rule should read the result of a step of `forward` where it reads `read`.
fn borrowing(
    reader: &Step,
    forward: &Script,
    step: usize,
    computed: &[Tensor],
    read: &Tensor,
) -> (Fault, Line, String) {
    let wanted = &forward.steps[step];
    let (line, from) = (Line::from(reader.at), Line::from(wanted.at));
    let evidence = format!(
        "with the value of `{}` at {from} as operand of `{}` at {line}, the rule is exact",
        wanted.name(),
        reader.name()
    );
    // What the rule reads may be one side of the sum that it should read: then the other side is what it lacks.
    let is_side = |source: &Source| matches!(*source, Source::Step(s) if computed[s] == *read);
    let fault = if wanted.adds()
        && (wanted.inputs.len() == 1 || wanted.inputs.iter().any(is_side) || !computed.contains(read))
    {
        Fault::DroppedTerm { term: wanted.name().to_owned() }
    } else {
        Fault::WrongOperation { edit: format!("it should read the value of `{}` ({from})", wanted.name()) }
    };
    (fault, line, evidence)
}
