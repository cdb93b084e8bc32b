//! What depends on what: observations on each other, outputs on parameters, gradients on what was not requested.

use super::examination::{DOES_NOT_RUN, Examination, failed, not_applicable, passed};
use crate::{
    Rule,
    check::{
        Constraint, Fault, Line, Outcome, Verdict,
        arguments::Name,
        numbers::{DIFFERENT, all_of, count, difference, is_finite, mapped, size},
    },
};

/// Moving one observation leaves the outputs of the others unchanged.
pub(super) fn independent(e: &Examination<'_>) -> (Outcome, Option<Verdict>) {
    let place = e.largest();
    let Some(n) = e.observations() else {
        return (not_applicable("no axis of observations was declared"), None);
    };
    if e.check.coupled || e.check.layer.is_some_and(|layer| layer.couples_observations()) {
        return (not_applicable("declared: observations of a batch influence each other"), None);
    }
    if n < 2 {
        return (not_applicable("it takes two observations"), None);
    }
    let (axis, at) = (e.axis(), place.at());
    let Ok(before) = place.runner.values(&at) else { return (not_applicable(DOES_NOT_RUN), None) };
    if before.iter().any(|y| y.shape().get(axis) != Some(&n)) {
        return (not_applicable("the output has no row for each observation"), None);
    }
    for moved in 0..n {
        let mut other = at.clone();
        let rest: usize = at[0].shape()[axis + 1..].iter().product();
        let shifted = mapped(&at[0], |i, v| if i / rest % n == moved { v + 0.1 + 0.05 * (i as f64).sin() } else { v });
        other[0] = match place.arguments[0].constraint {
            Constraint::Free => shifted,
            constraint => constraint.moved(&constraint.tangent(&at[0], &shifted), None, 0.0),
        };
        let Ok(after) = place.runner.values(&other) else { continue };
        for (before, after) in before.iter().zip(&after) {
            let rest: usize = before.shape()[axis + 1..].iter().product();
            let scale = size(before);
            let pairs = before.to_vec().into_iter().zip(after.to_vec()).enumerate();
            let odd = pairs.filter(|(i, _)| i / rest % n != moved).find(|(_, (a, b))| (a - b).abs() > 1e-12 * scale);
            if let Some((i, (a, b))) = odd {
                let reached = i / rest % n;
                let sentence = format!(
                    "moving observation {moved} changes the output of observation {reached} by {:.3e}",
                    (a - b).abs()
                );
                let hint = "declare it with `couples_observations` if that is meant, as in batch norm";
                let verdict = Verdict::new(Fault::Coupled, "the output", 0.0).because(sentence.clone()).because(hint);
                return (failed(sentence), Some(verdict));
            }
        }
    }
    (passed(format!("each of {n} moved in turn")), None)
}

/// A gradient reaches every parameter, and every parameter in use is listed.
pub(super) fn reached(e: &Examination<'_>) -> (Outcome, Vec<Verdict>) {
    if e.check.layer.is_none() {
        return (not_applicable("there are no parameters"), Vec::new());
    }
    let place = e.largest();
    let unlisted = place.runner.run(&place.at(), |tape, arguments, _| {
        let own = |index: usize| arguments.iter().any(|argument| argument.index() == index);
        let leaves = tape.nodes().filter(|node| node.op == "leaf" && !own(node.index));
        Ok(leaves.map(|node| (node.name, Line::from(node.line))).collect::<Vec<_>>())
    });
    let unlisted = unlisted.unwrap_or_default();
    if let Some((name, line)) = unlisted.first() {
        let name = name.clone().unwrap_or_else(|| line.to_string());
        let outcome = failed(format!("`forward` differentiates by `{name}`, which `params` does not list"));
        return (outcome, unlisted.into_iter().map(|(name, line)| not_listed(name, line)).collect());
    }
    let gradients = match place.runner.gradients(&place.at(), place.upstream, Rule::Manual) {
        Err(failure) => {
            return (not_applicable(format!("the gradient cannot be taken: {}", failure.sentence)), Vec::new());
        }
        Ok(gradients) => gradients,
    };
    let all = place.arguments.iter().zip(&gradients);
    let params: Vec<_> = all.filter(|(argument, _)| matches!(argument.name, Name::Parameter(_))).collect();
    let lost = params.iter().filter(|(_, gradient)| gradient.is_none());
    let lost: Vec<String> = lost.map(|(argument, _)| argument.name.to_string()).collect();
    if lost.is_empty() {
        let outcome = match params.len() {
            0 => not_applicable("there are no parameters"),
            n => passed(all_of(n, "parameter")),
        };
        return (outcome, Vec::new());
    }
    let outcome = failed(format!("no gradient reaches {}", lost.join(", ")));
    // A rule that returns no gradient has its verdict already.
    if e.verdicts.iter().any(|known| !known.fault.is_remark()) {
        return (outcome, Vec::new());
    }
    let why = "the output does not depend on it: use it in `forward`, or do not list it in `params`";
    let verdict = Verdict { of: lost, ..Verdict::new(Fault::Missing, "", 0.0) };
    (outcome, vec![verdict.because(why)])
}

/// The verdict on a leaf of `forward` that is no listed parameter.
fn not_listed(name: Option<String>, line: Line) -> Verdict {
    let (of, otherwise) = match name {
        Some(name) => (format!("parameter `{name}`"), "call `set_trainable(false)` on it"),
        None => ("a leaf without a name".to_owned(), "enter it with `Tape::constant`"),
    };
    let what = "return it from `params`: optimizers and checkpoints see only what is listed there";
    let otherwise = format!("if it is not meant to be trained, {otherwise}");
    Verdict::new(Fault::Unlisted, of, 0.0).because(what).because(otherwise).at(Some(line))
}

/// When each input in turn is made a constant, the gradients of the others stay the same.
pub(super) fn needless(e: &Examination<'_>) -> Outcome {
    let place = e.largest();
    let at = place.at();
    let partial = |constant| place.runner.partial(&at, place.upstream, constant);
    if at.len() < 2 {
        return not_applicable("there is one input alone");
    }
    let Ok((whole, all)) = partial(None) else {
        return not_applicable("the gradient cannot be taken");
    };
    if !all.iter().flatten().all(is_finite) {
        return not_applicable("the gradient is not finite");
    }
    let mut saved = 0;
    for constant in 0..at.len() {
        let (operations, gradients) = match partial(Some(constant)) {
            Ok(found) => found,
            Err(failure) => {
                return failed(format!("with {} constant: {failure}", place.arguments[constant].name));
            }
        };
        saved += whole.saturating_sub(operations);
        for (k, (before, now)) in all.iter().zip(&gradients).enumerate().filter(|(k, _)| *k != constant) {
            let (Some(before), Some(now)) = (before, now) else { continue };
            if difference(before, now, size(before)).is_none_or(|off| off > DIFFERENT) {
                let [constant, other] = [constant, k].map(|k| &place.arguments[k].name);
                return failed(format!("with {constant} constant, the gradient by {other} changes"));
            }
        }
    }
    match saved {
        0 => not_applicable("no operation is saved: the rules do not look at `needs`"),
        n => passed(format!("{} saved when inputs are constants, one after the other", count(n, "operation"))),
    }
}

pub(super) fn kinds(e: &Examination<'_>) -> Outcome {
    if e.check.layer.is_none() {
        return not_applicable("a function is checked at the inputs that it is given");
    }
    let ranks: std::collections::BTreeSet<usize> =
        e.sound.iter().map(|(b, _)| e.batches[*b].arguments[0].value.shape().rank()).collect();
    match ranks.len() {
        0 | 1 => not_applicable("observations of one kind were declared"),
        _ => {
            let ranks: Vec<String> = ranks.iter().map(usize::to_string).collect();
            passed(format!("inputs with {} axes", ranks.join(" and ")))
        }
    }
}
