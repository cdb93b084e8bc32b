//! Values of `forward` that the rule should have used.
//!
//! Rule and `forward` often compute the same things: a deviation, a sum of exponentials. Where the rule computes one
//! anew but differently (without its ε, without its mean), putting the value of `forward` there makes the rule exact.

use crate::{
    Tensor,
    check::{
        Fault, Line, Verdict,
        case::Case,
        script::{Edit, Source, Step},
    },
};

/// A value that `forward` computes belongs in place of an operand of the rule, which computed something else there.
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
                // The value is one more argument.
                let edit = (at, Edit::Operand(operand, Source::Argument(given.len())));
                let residual = case.repaired(k, |p| {
                    let (_, values) = case.points.iter().zip(&computed).find(|(q, _)| std::ptr::eq(p, *q))?;
                    script.output(p.given.values().chain([&values[step]]), std::slice::from_ref(&edit))
                });
                let Some(residual) = residual else { continue };
                let (reader, wanted) = (&script.steps[at], &forward.steps[step]);
                let (line, from) = (Line::from(reader.at), Line::from(wanted.at));
                let (name, reader) = (wanted.name(), reader.name());
                let evidence = format!(
                    "with the value of `{name}` at {from} as operand of `{reader}` at {line}, the rule is exact"
                );
                let fault = if is_side(wanted, read, &computed[0]) {
                    Fault::DroppedTerm { term: name.to_owned() }
                } else {
                    Fault::WrongOperation { edit: format!("it should read the value of `{name}` ({from})") }
                };
                return Some(case.verdict(k, fault, residual).at(Some(line)).because(evidence));
            }
        }
    }
    None
}

/// Whether the rule reads one side of the sum that it should read; then it lacks the other side.
fn is_side(wanted: &Step, read: &Tensor, computed: &[Tensor]) -> bool {
    let side = |source: &Source| matches!(*source, Source::Step(s) if computed[s] == *read);
    wanted.adds() && (wanted.inputs.len() == 1 || wanted.inputs.iter().any(side) || !computed.contains(read))
}
