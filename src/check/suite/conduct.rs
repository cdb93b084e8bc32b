//! How the subject behaves from run to run, from observation to observation, and at the extremes of the range of
//! numbers.

use super::{
    batch,
    examination::{Examination, failed, not_applicable, passed},
    questions::Question,
    second,
};
use crate::{
    Mode, Rule, Tensor,
    check::{
        Constraint, Fault, Outcome, Verdict, diagnose,
        numbers::{all_of, count, is_finite, mapped},
    },
};

pub(super) fn test(e: &mut Examination<'_>) {
    use Question::*;
    let tests: [(Question, Ask); 9] = [
        (Deterministic, |e| (deterministic(e), Vec::new())),
        (NothingCarried, carried),
        (State, |e| (state(e), Vec::new())),
        (Independent, |e| with_verdict(batch::independent(e))),
        (Reached, batch::reached),
        (NeedlessWork, |e| (batch::needless(e), Vec::new())),
        (Finite, |e| with_verdict(finite(e))),
        (FeaturesAndImages, |e| (batch::kinds(e), Vec::new())),
        (SecondOrder, |e| with_verdict(second::second(e))),
    ];
    if e.sound.is_empty() {
        return e.pass_over(&tests.map(|(question, _)| question));
    }
    for (question, test) in tests {
        let (outcome, verdicts) = test(e);
        e.note(question, outcome);
        e.verdicts.extend(verdicts);
    }
}

/// The outcome of a test, and the faults that it found.
type Answer = (Outcome, Vec<Verdict>);
type Ask = fn(&Examination<'_>) -> Answer;

fn with_verdict((outcome, verdict): (Outcome, Option<Verdict>)) -> Answer {
    (outcome, verdict.into_iter().collect())
}

/// Two identical runs give the same bits, in values and gradients.
fn deterministic(e: &Examination<'_>) -> Outcome {
    let place = e.largest();
    let run = || (place.runner.values(&place.at()), place.gradients(Rule::Manual));
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

/// The answer of a rule does not depend on calls made in between.
fn carried(e: &Examination<'_>) -> Answer {
    if e.applications.is_empty() {
        return (not_applicable("no hand-written rule is applied"), Vec::new());
    }
    let mut found: Vec<Verdict> = e.applications.iter().filter_map(|a| diagnose::carried(a, e.check.seed)).collect();
    if found.is_empty() {
        return (passed(format!("{} asked after other calls", count(e.applications.len(), "rule"))), found);
    }
    let names: Vec<&str> = e.applications.iter().map(|a| a.function.name()).collect();
    found.retain(|v| !e.verdicts.iter().any(|known| known.fault == v.fault && known.rule == v.rule));
    (failed(format!("a rule of {} remembers another call", names.join(", "))), found)
}

/// Running statistics change in training, and stay fixed in evaluation.
fn state(e: &Examination<'_>) -> Outcome {
    let Some(layer) = e.check.layer else { return not_applicable("a function has no state") };
    let state = layer.state();
    if state.is_empty() {
        return not_applicable("the layer declares no state");
    }
    let at = e.largest().at();
    let after = |mode: Mode| {
        e.check.subject.restore();
        let before: Vec<Tensor> = state.iter().map(|s| s.value()).collect();
        let run = e.runner(mode).values(&at);
        let now: Vec<Tensor> = state.iter().map(|s| s.value()).collect();
        e.check.subject.restore();
        let changed = state.iter().zip(before.iter().zip(&now)).filter(|(_, (a, b))| a != b);
        let changed: Vec<String> = changed.map(|(s, _)| s.name().to_owned()).collect();
        run.map(|_| changed)
    };
    match (after(Mode::Train), after(Mode::Eval)) {
        (_, Ok(changed)) if !changed.is_empty() => failed(format!("inference changes {}", changed.join(", "))),
        (Ok(changed), Ok(_)) if changed.is_empty() => {
            not_applicable(format!("training does not change {}", all_of(state.len(), "state tensor")))
        }
        (Ok(changed), Ok(_)) => passed(format!("training changes {}, inference nothing", changed.join(", "))),
        (Err(failure), _) | (_, Err(failure)) => failed(failure.to_string()),
    }
}

/// Where the value is finite, the gradient must not be NaN.
fn finite(e: &Examination<'_>) -> (Outcome, Option<Verdict>) {
    let place = e.largest();
    if place.arguments[0].constraint != Constraint::Free {
        return (not_applicable("the input is constrained"), None);
    }
    let (mut tried, mut infinite) = (Vec::new(), false);
    for (what, factor) in [("large", 1e3), ("tiny", 1e-8), ("zero", 0.0)] {
        let mut at = place.at();
        at[0] = mapped(&at[0], |_, v| v * factor);
        let Ok(values) = place.runner.values(&at) else { continue };
        if !values.iter().all(is_finite) {
            continue;
        }
        tried.push(what);
        let gradients = match place.runner.gradients(&at, place.upstream, Rule::Manual) {
            Ok(gradients) => gradients,
            Err(failure) => return (failed(format!("at {what} inputs: {failure}")), None),
        };
        for (argument, gradient) in place.arguments.iter().zip(gradients) {
            let Some(gradient) = gradient else { continue };
            infinite |= gradient.to_vec().iter().any(|v| v.is_infinite());
            let Some(index) = gradient.to_vec().iter().position(|v| v.is_nan()) else { continue };
            let sentence = format!(
                "at {what} inputs the value is finite, but element {index} of the gradient by {} is NaN",
                argument.name
            );
            let (operation, line) =
                diagnose::first_non_finite_derivative(&place.runner, &at, place.upstream, Rule::Manual);
            let verdict = Verdict::new(Fault::NonFinite { operation }, argument.name.to_string(), 0.0).at(line);
            // What is not finite at the inputs themselves has been traced already.
            let known = e.verdicts.iter().any(|k| k.fault == verdict.fault && k.line == verdict.line);
            return (failed(sentence.clone()), (!known).then(|| verdict.because(sentence)));
        }
    }
    let more = if infinite { "; some slopes are infinite" } else { "" };
    match tried.is_empty() {
        true => (not_applicable("the value is not finite there"), None),
        false => (passed(format!("no NaN at {} inputs{more}", tried.join(", "))), None),
    }
}
