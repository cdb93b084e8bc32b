//! How the subject behaves from run to run, from observation to observation, and at the ends of the range of numbers.

use super::{DOES_NOT_RUN, Examination, Outcome, failed, not_applicable, passed};
use crate::{
    DType, Mode, Rule, Tensor,
    check::{
        Fault, Line, Verdict,
        diagnose::{self, DIFFERENT, difference, size},
        numeric::{Slope, slope},
        subject::weighted,
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
    let (outcome, verdict) = independent(e);
    e.note("observations are independent", outcome);
    e.verdicts.extend(verdict);
    let outcome = reached(e);
    e.note("every parameter is reached", outcome);
    let outcome = needless(e);
    e.note("no work for gradients that nobody needs", outcome);
    let (outcome, verdict) = finite(e);
    e.note("finite at large, tiny and zero inputs", outcome);
    // What is not finite at the inputs themselves was traced already.
    let known = |v: &Verdict| e.verdicts.iter().any(|k| k.fault == v.fault && k.line == v.line);
    let new: Vec<Verdict> = verdict.into_iter().filter(|v| !known(v)).collect();
    e.verdicts.extend(new);
    let outcome = kinds(e);
    e.note("features and images", outcome);
    let (outcome, verdict) = second(e);
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
    match (after(Mode::Train), after(Mode::Infer)) {
        (_, Ok(changed)) if !changed.is_empty() => failed(format!("inference changes {}", changed.join(", "))),
        (Ok(changed), Ok(_)) if changed.is_empty() => {
            not_applicable(format!("training changes none of the {} state tensors", state.len()))
        }
        (Ok(changed), Ok(_)) => passed(format!("training changes {}, inference nothing", changed.join(", "))),
        (Err(failure), _) | (_, Err(failure)) => failed(failure.to_string()),
    }
}

/// Moving one observation leaves the outputs of the others as they were.
fn independent(e: &Examination<'_>) -> (Outcome, Option<Verdict>) {
    let place = e.place().expect("there is a sound batch");
    let (b, _) = e.sound.last().expect("there is a sound batch");
    let Some(n) = e.batches[*b].observations else {
        return (not_applicable("no axis of observations was declared"), None);
    };
    if e.check.coupled || e.check.layer.is_some_and(|layer| layer.couples_observations()) {
        return (not_applicable("declared: observations of a batch influence each other"), None);
    }
    if n < 2 {
        return (not_applicable("it takes two observations"), None);
    }
    let axis = e.check.axis.unwrap_or(0);
    let at = e.values(*b);
    let Ok(before) = place.probe.values(&at) else { return (not_applicable(DOES_NOT_RUN), None) };
    if before.iter().any(|y| y.shape().get(axis) != Some(&n)) {
        return (not_applicable("the output has no row for each observation"), None);
    }
    for moved in 0..n {
        let mut other = at.clone();
        let (rest, numbers) = (at[0].shape()[axis + 1..].iter().product::<usize>(), at[0].to_vec());
        let slot = &e.batches[*b].slots[0];
        let shifted = Tensor::from_fn(at[0].shape().clone(), DType::F64, |i| {
            if i / rest % n == moved { numbers[i] + 0.1 + 0.05 * (i as f64).sin() } else { numbers[i] }
        });
        other[0] = match slot.constraint {
            crate::check::Constraint::Free => shifted,
            constraint => constraint.moved(&constraint.tangent(&at[0], &shifted), None, 0.0),
        };
        let Ok(after) = place.probe.values(&other) else { continue };
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

fn reached(e: &Examination<'_>) -> Outcome {
    let (b, upstream) = e.sound.last().expect("there is a sound batch");
    let params: Vec<usize> =
        (0..e.batches[*b].slots.len()).filter(|&k| e.batches[*b].slots[k].name.starts_with("parameter")).collect();
    if params.is_empty() {
        return not_applicable("there are no parameters");
    }
    let found = e.probe(Mode::Train).gradients(&e.values(*b), upstream, Rule::Manual);
    match found {
        Err(failure) => not_applicable(format!("the gradient cannot be taken: {}", failure.sentence)),
        Ok(gradients) => {
            let lost: Vec<&str> = params
                .iter()
                .filter(|&&k| gradients[k].is_none())
                .map(|&k| e.batches[*b].slots[k].name.as_str())
                .collect();
            match lost.is_empty() {
                true => passed(format!("all {}", params.len())),
                false => failed(format!("no gradient reaches {}", lost.join(", "))),
            }
        }
    }
}

/// Each input in turn made a constant: the gradients of the others stay as they were.
fn needless(e: &Examination<'_>) -> Outcome {
    let (b, upstream) = e.sound.last().expect("there is a sound batch");
    let (at, probe) = (e.values(*b), e.probe(Mode::Train));
    if at.len() < 2 {
        return not_applicable("there is one input alone");
    }
    let Ok((whole, all)) = probe.partial(&at, upstream, None) else {
        return not_applicable("the gradient cannot be taken");
    };
    if all.iter().flatten().any(|g| g.first_non_finite().is_some()) {
        return not_applicable("the gradient is not finite");
    }
    let mut saved = 0;
    for constant in 0..at.len() {
        let (operations, gradients) = match probe.partial(&at, upstream, Some(constant)) {
            Ok(found) => found,
            Err(failure) => {
                return failed(format!("with {} constant: {failure}", e.batches[*b].slots[constant].name));
            }
        };
        saved += whole.saturating_sub(operations);
        for (k, (before, now)) in all.iter().zip(&gradients).enumerate().filter(|(k, _)| *k != constant) {
            let (Some(before), Some(now)) = (before, now) else { continue };
            if difference(before, now, size(before)).is_none_or(|off| off > DIFFERENT) {
                let names = [constant, k].map(|k| e.batches[*b].slots[k].name.clone());
                return failed(format!("with {} constant, the gradient by {} changes", names[0], names[1]));
            }
        }
    }
    match saved {
        0 => not_applicable("no operation is saved: the rules do not look at `needs`"),
        n => passed(format!("{n} operations saved when inputs are constants, one after the other")),
    }
}

/// Where the value is finite, the gradient must not be NaN.
fn finite(e: &Examination<'_>) -> (Outcome, Option<Verdict>) {
    let (b, upstream) = e.sound.last().expect("there is a sound batch");
    let slots = &e.batches[*b].slots;
    if slots[0].constraint != crate::check::Constraint::Free {
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

fn kinds(e: &Examination<'_>) -> Outcome {
    if e.check.layer.is_none() {
        return not_applicable("a function is checked at the inputs that it is given");
    }
    let ranks: std::collections::BTreeSet<usize> =
        e.sound.iter().map(|(b, _)| e.batches[*b].slots[0].value.shape().rank()).collect();
    match ranks.len() {
        0 | 1 => not_applicable("observations of one kind were declared"),
        _ => passed(format!("inputs with {ranks:?} axes")),
    }
}

/// The gradient of the gradient, along a random direction, against differences of the gradient.
fn second(e: &Examination<'_>) -> (Outcome, Option<Verdict>) {
    let mut verdict = None;
    let outcome = second_order(e, &mut verdict);
    (outcome, verdict)
}

fn second_order(e: &Examination<'_>, verdict: &mut Option<Verdict>) -> Outcome {
    if e.failed("manual = numeric") || e.failed("manual = tape") || e.failed("tape = numeric") {
        return not_applicable("the first order failed");
    }
    let (b, upstream) = e.sound.last().expect("there is a sound batch");
    let (at, probe) = (e.values(*b), e.probe(Mode::Train));
    if e.batches[*b].slots.iter().any(|slot| slot.constraint != crate::check::Constraint::Free) {
        return not_applicable("an input is constrained");
    }
    if e.gradients.iter().any(|c| !c.special.is_empty()) {
        return not_applicable("there are kinks at these inputs");
    }
    let direction =
        |x: &Tensor, seed: f64| Tensor::from_fn(x.shape().clone(), DType::F64, |i| ((i as f64 + seed) * 1.37).sin());
    let (v, w): (Vec<Tensor>, Vec<Tensor>) = at.iter().map(|x| (direction(x, 1.0), direction(x, 2.5))).unzip();
    // s(x) = Σ ⟨v, gradient⟩, and its slope along w by the tape.
    let slope_of = |at: &[Tensor], differentiate: bool| {
        probe.run(at, |tape, slots, outputs| {
            let Some(loss) = weighted(tape, outputs, upstream) else { return Ok((0.0, 0.0)) };
            let gradients = tape.grad(loss, slots)?;
            let terms = gradients.iter().zip(&v).map(|(&g, v)| (g * tape.constant(v)).sum());
            let s = terms.reduce(|a, b| a + b).expect("there is a slot");
            if !differentiate || !s.needs_grad() {
                return Ok((s.item(), 0.0));
            }
            let second = s.backward()?;
            let along = slots.iter().zip(&w).filter_map(|(&x, w)| Some(crate::check::measure::dot(second.get(x)?, w)));
            Ok((s.item(), along.sum()))
        })
    };
    let (here, by_tape) = match slope_of(&at, true) {
        Ok(found) => found,
        Err(failure) => return not_applicable(failure.sentence),
    };
    let moved = |t: f64| {
        let at: Vec<Tensor> =
            at.iter().zip(&w).map(|(x, w)| crate::check::Constraint::Free.moved(x, Some(w), t)).collect();
        slope_of(&at, false).map_or(f64::NAN, |found| found.0)
    };
    match slope(moved, here, 1.0, 1e-8 * here.abs().max(1.0)) {
        Slope::Smooth { value, error, .. } => {
            let off = (value - by_tape).abs();
            let allowed = 10.0 * error + 1e-7 * value.abs().max(here.abs()).max(1e-3);
            match (off <= allowed, by_tape == 0.0 && value.abs() <= allowed) {
                (_, true) => not_applicable("the gradient does not depend on the input"),
                (true, _) => {
                    passed(format!("to {:.1e}, along a random direction", off / value.abs().max(f64::MIN_POSITIVE)))
                }
                _ => {
                    *verdict = diagnose::second_order_fault(&e.place_at(*b, upstream), &v, &w, value, allowed);
                    failed(format!("along a random direction it is {by_tape:.9e}, numerically {value:.9e}"))
                }
            }
        }
        _ => not_applicable("the gradient has a kink or a jump along the direction that was tried"),
    }
}
