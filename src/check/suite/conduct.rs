//! How the subject behaves from run to run, from observation to observation, and at the ends of the range of numbers.

use super::{DOES_NOT_RUN, Examination, Outcome, batch, failed, not_applicable, passed, second};
use crate::{
    DType, Mode, Rule, Tensor,
    check::{
        Constraint, Fault, Line, Verdict,
        diagnose::{self},
    },
};

pub(super) fn test(e: &mut Examination<'_>) {
    if e.sound.is_empty() {
        for name in [
            "deterministic",
            "no value carried between calls",
            "state changes in training alone",
            "observations are independent",
            "every parameter is reached",
            "no work for gradients that nobody needs",
            "finite at large, tiny and zero inputs",
            "features and images",
            "second order",
        ] {
            e.note(name, not_applicable(DOES_NOT_RUN));
        }
        return;
    }
    let outcome = deterministic(e);
    e.note("deterministic", outcome);
    let (outcome, verdicts) = carried(e);
    e.note("no value carried between calls", outcome);
    e.verdicts.extend(verdicts);
    let outcome = state(e);
    e.note("state changes in training alone", outcome);
    let (outcome, verdict) = batch::independent(e);
    e.note("observations are independent", outcome);
    e.verdicts.extend(verdict);
    let outcome = batch::reached(e);
    e.note("every parameter is reached", outcome);
    let outcome = batch::needless(e);
    e.note("no work for gradients that nobody needs", outcome);
    let (outcome, verdict) = finite(e);
    e.note("finite at large, tiny and zero inputs", outcome);
    // What is not finite at the inputs themselves was traced already.
    let known = |v: &Verdict| e.verdicts.iter().any(|k| k.fault == v.fault && k.line == v.line);
    let new: Vec<Verdict> = verdict.into_iter().filter(|v| !known(v)).collect();
    e.verdicts.extend(new);
    let outcome = batch::kinds(e);
    e.note("features and images", outcome);
    let (outcome, verdict) = second::second(e);
    e.note("second order", outcome);
    e.verdicts.extend(verdict);
}

/// Twice the same run gives the same bits, values and gradients.
fn deterministic(e: &Examination<'_>) -> Outcome {
    let place = e.place().expect("there is a sound batch");
    let (b, _) = e.sound.last().expect("there is a sound batch");
    let run = || (place.probe.values(&e.values(*b)), place.gradients(Rule::Manual));
    let ((values, gradients), (values_again, gradients_again)) = (run(), run());
    let bits = |all: &[Tensor]| all.iter().flat_map(Tensor::to_vec).map(f64::to_bits).collect::<Vec<_>>();
    match (values, values_again, gradients, gradients_again) {
        (Ok(a), Ok(b), _, _) if bits(&a) != bits(&b) => {
            failed("two runs on the same input give different values; what is random must take its seed from the state")
        }
        (_, _, Ok(a), Ok(b)) if bits(&a) != bits(&b) => failed("two runs give different gradients"),
        (Ok(_), Ok(_), Ok(_), Ok(_)) => passed("two runs, the same bits"),
        (.., Err(failure), _) | (.., Err(failure)) => {
            not_applicable(format!("the gradient cannot be taken: {}", failure.sentence))
        }
        (Err(failure), ..) | (_, Err(failure), ..) => failed(failure.to_string()),
    }
}

fn carried(e: &Examination<'_>) -> (Outcome, Vec<Verdict>) {
    if e.applications.is_empty() {
        return (not_applicable("no hand-written rule is applied"), Vec::new());
    }
    let found: Vec<Verdict> = e
        .applications
        .iter()
        .filter_map(|a| diagnose::carried(&a.function, &a.inputs, &a.needs, a.at, e.check.seed))
        .collect();
    let known = |v: &Verdict| e.verdicts.iter().any(|k| k.fault == v.fault && k.rule == v.rule);
    match found.is_empty() {
        true => (passed(format!("{} rules asked after other calls", e.applications.len())), Vec::new()),
        false => {
            let names: Vec<&str> = e.applications.iter().map(|a| a.function.name()).collect();
            (
                failed(format!("a rule of {} remembers another call", names.join(", "))),
                found.into_iter().filter(|v| !known(v)).collect(),
            )
        }
    }
}

/// Running statistics move in training, and rest in inference.
fn state(e: &Examination<'_>) -> Outcome {
    let Some(layer) = e.check.layer else { return not_applicable("a function has no state") };
    let state = layer.state();
    if state.is_empty() {
        return not_applicable("the layer declares no state");
    }
    let (b, _) = e.sound.last().expect("there is a sound batch");
    let at = e.values(*b);
    let after = |mode: Mode| {
        e.check.subject.restore();
        let before: Vec<Tensor> = state.iter().map(|s| s.value()).collect();
        let run = e.probe(mode).values(&at);
        let now: Vec<Tensor> = state.iter().map(|s| s.value()).collect();
        e.check.subject.restore();
        let changed: Vec<String> = state
            .iter()
            .zip(before.iter().zip(&now))
            .filter(|(_, (a, b))| a != b)
            .map(|(s, _)| s.name().to_owned())
            .collect();
        run.map(|_| changed)
    };
    match (after(Mode::Train), after(Mode::Eval)) {
        (_, Ok(changed)) if !changed.is_empty() => failed(format!("inference changes {}", changed.join(", "))),
        (Ok(changed), Ok(_)) if changed.is_empty() => {
            not_applicable(format!("training changes none of the {} state tensors", state.len()))
        }
        (Ok(changed), Ok(_)) => passed(format!("training changes {}, inference nothing", changed.join(", "))),
        (Err(failure), _) | (_, Err(failure)) => failed(failure.to_string()),
    }
}

/// Where the value is finite, the gradient must not be NaN.
fn finite(e: &Examination<'_>) -> (Outcome, Option<Verdict>) {
    let (b, upstream) = e.sound.last().expect("there is a sound batch");
    let slots = &e.batches[*b].slots;
    if slots[0].constraint != Constraint::Free {
        return (not_applicable("the input is constrained"), None);
    }
    let probe = e.probe(Mode::Train);
    let (mut tried, mut infinite) = (Vec::new(), false);
    for (what, factor) in [("large", 1e3), ("tiny", 1e-8), ("zero", 0.0)] {
        let mut at = e.values(*b);
        let numbers = at[0].to_vec();
        at[0] = Tensor::from_fn(at[0].shape().clone(), DType::F64, |i| numbers[i] * factor);
        let Ok(values) = probe.values(&at) else { continue };
        if values.iter().any(|y| y.first_non_finite().is_some()) {
            continue;
        }
        tried.push(what);
        let gradients = match probe.gradients(&at, upstream, Rule::Manual) {
            Ok(gradients) => gradients,
            Err(failure) => return (failed(format!("at {what} inputs: {failure}")), None),
        };
        for (slot, gradient) in slots.iter().zip(gradients) {
            let Some(gradient) = gradient else { continue };
            infinite |= gradient.to_vec().iter().any(|v| v.is_infinite());
            let Some(index) = gradient.to_vec().iter().position(|v| v.is_nan()) else { continue };
            let sentence = format!(
                "at {what} inputs the value is finite, but element {index} of the gradient by {} is NaN",
                slot.name
            );
            let first = diagnose::first_non_finite_derivative(&probe, &at);
            let (operation, line): (String, Option<Line>) = first.unwrap_or_else(|| ("?".to_owned(), None));
            let verdict =
                Verdict::new(Fault::NonFinite { operation }, slot.name.clone(), 0.0).because(sentence.clone());
            return (failed(sentence), Some(verdict.at(line)));
        }
    }
    let more = if infinite { "; some slopes are infinite" } else { "" };
    match tried.is_empty() {
        true => (not_applicable("the value is not finite there"), None),
        false => (passed(format!("no NaN at {} inputs{more}", tried.join(", "))), None),
    }
}
