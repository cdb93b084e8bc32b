//! Values of `forward` that the rule should have used.
//!
//! Rule and `forward` often compute the same things: a deviation, a sum of exponentials. Where the rule computes one
//! anew but differently (without its ε, without its mean), putting the value of `forward` there makes the rule exact.
//! Where it reads a value that it receives instead (x where x − b belongs), the two are mixed up.

use super::repairs::{LONGEST, reading, reads};
use crate::{
    Tensor,
    check::{
        Fault, Line, Verdict,
        case::Case,
        kind::Puts,
        mend::Lines,
        ready::Ready,
        script::{Script, Source, Step},
    },
};

/// A value that `forward` computes belongs where the rule reads one that it receives, at one place or at all of them.
pub(super) fn received(case: &Case, k: usize) -> Option<Verdict> {
    let (script, forward) = (case.rule_with_right(k)?, case.forward_script()?);
    if script.steps.len() > LONGEST {
        return None;
    }
    // These values are further arguments.
    let computed = computed(case, &forward)?;
    let ready = Ready::new(case, k, &script, &computed)?;
    let given: Vec<&Tensor> = case.first().given.values().collect();
    let (all, inputs) = (case.first().given.places(), case.with_right(k));
    let lines = Lines::of(&script, &all, &inputs);
    for (used, read) in given.iter().enumerate() {
        let places = reads(&script, used);
        let all_together = (places.len() > 1).then_some(&places[..]);
        for chosen in places.chunks(1).chain(all_together) {
            for (step, value) in computed[0].iter().enumerate() {
                if value.shape() != read.shape() || given.contains(&value) {
                    continue;
                }
                let edits = reading(chosen, given.len() + step);
                let Some(residual) = ready.mended(&edits) else { continue };
                let (reader, wanted) = (&script.steps[chosen[0].0], &forward.steps[step]);
                let (line, from) = (lines.line_of_reads(chosen)?, Line::from(wanted.at));
                // What `forward` does to the same input is named as such.
                let turned = wanted.name() == "permute" && wanted.inputs[..] == [Source::Argument(used)];
                let used = case.first().given.places()[used].to_string();
                let wanted = format!("the value of `{}` ({from})", wanted.name());
                let evidence =
                    format!("with {wanted} in place of {used} in `{}` at {line}, the rule is exact", reader.name());
                let fault = match turned {
                    true => Fault::WrongOperation { edit: format!("{used} transposed") },
                    false => Fault::MixedUp { used, wanted },
                };
                let verdict = case.verdict(k, fault, residual).at(Some(line)).putting(Puts::Computed);
                return Some(verdict.because(evidence));
            }
        }
    }
    None
}

/// What `forward` computes, at each point.
fn computed(case: &Case, forward: &Script) -> Option<Vec<Vec<Tensor>>> {
    case.points.iter().map(|p| forward.results(&p.given.x)).collect()
}

/// A value that `forward` computes belongs in place of an operand of the rule, which computes something else there.
pub(super) fn borrowed(case: &Case, k: usize) -> Option<Verdict> {
    let (script, forward) = (case.rule_with_right(k)?, case.forward_script()?);
    // These values are further arguments.
    let computed = computed(case, &forward)?;
    let ready = Ready::new(case, k, &script, &computed)?;
    let given: Vec<&Tensor> = case.first().given.values().collect();
    let (all, inputs) = (case.first().given.places(), case.with_right(k));
    let lines = Lines::of(&script, &all, &inputs);
    let own = script.results(given.iter().copied())?;
    for at in (0..script.steps.len()).rev() {
        for operand in 0..script.steps[at].inputs.len() {
            let Source::Step(read) = script.steps[at].inputs[operand] else { continue };
            let made = script.steps[read].name();
            let read = &own[read];
            for (step, value) in computed[0].iter().enumerate() {
                if value.shape() != read.shape() || value == read {
                    continue;
                }
                let edits = reading(&[(at, operand)], given.len() + step);
                let Some(residual) = ready.mended(&edits) else { continue };
                let (reader, wanted) = (&script.steps[at], &forward.steps[step]);
                let (line, from) = (lines.line(&[at])?, Line::from(wanted.at));
                let (name, reader) = (wanted.name(), reader.name());
                let evidence = format!(
                    "with the value of `{name}` at {from} as operand of `{reader}` at {line}, the rule is exact"
                );
                let fault = if is_side(wanted, read, &computed[0]) {
                    Fault::DroppedTerm { term: name.to_owned() }
                } else {
                    let edit = format!("it reads the value of `{made}` where that of `{name}` ({from}) belongs");
                    Fault::WrongOperation { edit }
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
