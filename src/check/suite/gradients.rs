//! Manual against tape against numeric, and the verdict when they differ.

use super::{
    branches::{Branches, Moved, branches},
    differences::compare,
    examination::{ALL_ZERO, Examination, NO_RULE, failed, not_applicable, passed},
    questions::Question,
};
use crate::{
    Mode, Tensor,
    check::{
        Comparison, Constraint, Fault, Outcome, SpecialKind, Verdict,
        applications::{Observations, applications},
        arguments::{Argument, Name, values},
        caught::Failure,
        diagnose,
        measure::{Evaluation, Gradients, outliers},
        numbers::{self, DIFFERENT, count, difference, largest, mapped, size, zeros},
    },
    tensor::sequence::golden,
};

pub(super) fn test(e: &mut Examination<'_>) {
    use Question::*;
    if e.sound.is_empty() {
        return e.pass_over(&[Sizes, ManualTape, ManualNumeric, TapeNumeric]);
    }
    let by_hand = !e.applications.is_empty();
    let batches: Vec<Gradients> = e.sound.iter().map(|(b, u)| e.evaluation(*b, u).gradients_of_both(by_hand)).collect();
    let sizes = sizes(&batches, by_hand);
    e.note(Sizes, sizes);
    let found = compare(e, batches.last().expect("a batch runs"), by_hand);
    let beside = if by_hand { beside_kinks(e, &found.comparisons) } else { None };
    let manual_tape = manual_against_tape(e, &batches, &found.comparisons, beside.as_deref(), by_hand);
    let (manual_tape, across, unreached) = in_other_branches(e, manual_tape, beside.as_deref());
    e.note(ManualTape, manual_tape);
    e.note(ManualNumeric, found.manual);
    e.note(TapeNumeric, found.tape);
    e.gradients = found.comparisons;
    e.curves = found.curves;
    let mut faults = faults(e, beside, across, by_hand);
    perhaps_data(e, &mut faults);
    e.verdicts.extend(faults);
    e.verdicts.extend(found.remarks);
    e.verdicts.extend(unreached);
}

fn sizes(batches: &[Gradients], by_hand: bool) -> Outcome {
    let failure = batches.iter().find_map(|g| g.manual.as_ref().err().or(g.tape.as_ref().err()));
    match failure {
        Some(failure) => failed(failure.to_string()),
        None if by_hand => {
            passed(format!("of {}", count(batches.iter().flat_map(|g| &g.manual).flatten().count(), "gradient")))
        }
        None => not_applicable(NO_RULE),
    }
}

fn manual_against_tape(
    e: &Examination<'_>,
    batches: &[Gradients],
    comparisons: &[Comparison],
    beside: Option<&[Argument]>,
    by_hand: bool,
) -> Outcome {
    if !by_hand {
        return not_applicable(NO_RULE);
    }
    let nothing = |g: &Result<Vec<Tensor>, Failure>| g.iter().flatten().all(|g| size(g) == 0.0);
    if beside.is_none() && batches.iter().all(|g| g.manual.is_ok() && nothing(&g.manual) && nothing(&g.tape)) {
        return not_applicable(ALL_ZERO);
    }
    let mut worst = 0.0f64;
    for (place, ((b, _), gradients)) in e.sound.iter().zip(batches).enumerate() {
        // Kinks are known only for the last batch, the one that was differentiated numerically.
        let kinks = if place + 1 == batches.len() { comparisons } else { &[] };
        match largest_difference(&e.batches[*b].arguments, gradients, kinks) {
            Ok(off) => worst = worst.max(off),
            Err(outcome) => return outcome,
        }
    }
    if let Some(arguments) = beside {
        let place = Evaluation { arguments, ..e.largest() };
        match largest_difference(arguments, &place.gradients_of_both(true), &[]) {
            Ok(off) => worst = worst.max(off),
            Err(Outcome::Failed(why)) => return failed(format!("beside the kinks {why}")),
            Err(outcome) => return outcome,
        }
        return passed(format!("to {worst:.1e}, in {} and beside the kinks", numbers::batches(batches.len())));
    }
    passed(format!("to {worst:.1e}, in {}", numbers::batches(batches.len())))
}

/// If the rules are right so far: whether they are in branches that no input has taken, else inputs in such a branch, and a
/// remark for each that was not reached.
fn in_other_branches(
    e: &Examination<'_>,
    so_far: Outcome,
    beside: Option<&[Argument]>,
) -> (Outcome, Option<Moved>, Vec<Verdict>) {
    let Outcome::Passed(detail) = so_far else { return (so_far, None, Vec::new()) };
    let Branches { moved, unreached } = branches(e, beside);
    let tried = moved.len();
    for moved in moved {
        let place = Evaluation { arguments: &moved.arguments, ..e.largest() };
        if let Err(Outcome::Failed(why)) = largest_difference(&moved.arguments, &place.gradients_of_both(true), &[]) {
            return (failed(format!("{}, {why}", moved.holds())), Some(moved), Vec::new());
        }
    }
    let moved = match tried {
        0 => String::new(),
        n => format!(", and at {} moved to borders of masks", count(n, "point")),
    };
    (passed(detail + &moved), None, unreached)
}

/// The largest relative difference between the gradients of both rules, ignoring kinks where both are subgradients; or
/// the outcome of the test if it is too large, or cannot be determined.
fn largest_difference(
    arguments: &[Argument],
    gradients: &Gradients,
    comparisons: &[Comparison],
) -> Result<f64, Outcome> {
    let (Ok(manual), Ok(tape)) = (&gradients.manual, &gradients.tape) else {
        return Err(not_applicable(format!("needs \"{}\", which failed", Question::Sizes.text())));
    };
    let global = largest(tape);
    let mut worst = 0.0f64;
    for (k, ((argument, manual), tape)) in arguments.iter().zip(manual).zip(tape).enumerate() {
        let scale = size(tape).max(1e-3 * global);
        let [manual, tape] = [manual, tape].map(|g| argument.tangent(g));
        let comparison = comparisons.iter().find(|c| c.argument == k);
        let [manual, tape] =
            comparison.map_or_else(|| [manual.clone(), tape.clone()], |c| without_kinks(&manual, &tape, c));
        match difference(&manual, &tape, scale) {
            Some(off) if off <= DIFFERENT => worst = worst.max(off),
            Some(_) if scale == 0.0 => {
                let by_hand = size(&manual);
                let name = &argument.name;
                return Err(failed(format!("the gradient by {name} is 0, and as large as {by_hand:.3e} by hand")));
            }
            Some(off) => {
                return Err(failed(format!("the gradient by {} differs by {off:.1e}, relative", argument.name)));
            }
            None => return Err(failed(format!("the gradient by {} is not finite", argument.name))),
        }
    }
    Ok(worst)
}

/// Both gradients with 0 where the rules may differ: where each takes a subgradient of the same kink by its own
/// convention, and at a border of the domain where the slope is not finite.
fn without_kinks(manual: &Tensor, tape: &Tensor, comparison: &Comparison) -> [Tensor; 2] {
    let wrong = outliers(manual, comparison, 0.0);
    let by_tape = tape.to_vec();
    let free = |i: usize| match comparison.special.iter().find(|s| s.index == i).map(|s| s.kind) {
        Some(SpecialKind::Kink) => !wrong.contains(&i),
        Some(_) => !by_tape[i].is_finite(),
        None => false,
    };
    [manual, tape].map(|g| mapped(g, |i, v| if free(i) { 0.0 } else { v }))
}

/// The inputs with all elements at kinks moved slightly to either side; `None` without kinks. At a kink any slope
/// between the two is allowed, so a wrong rule may hide there: |x| at 0 does not distinguish 0 from ±1.
fn beside_kinks(e: &Examination<'_>, comparisons: &[Comparison]) -> Option<Vec<Argument>> {
    let mut arguments = e.largest().arguments.to_vec();
    let mut moved = 0;
    for (k, argument) in arguments.iter_mut().enumerate().filter(|(_, a)| a.constraint == Constraint::Free) {
        let Some(comparison) = comparisons.iter().find(|c| c.argument == k) else { continue };
        let step = 1e-2 * size(&argument.value).clamp(1e-3, 1e3);
        let mut numbers = argument.value.to_vec();
        for special in comparison.special.iter().filter(|s| s.kind == SpecialKind::Kink) {
            // Every element by a different amount: two parallel vectors must not stay parallel.
            let side = if moved % 2 == 0 { 1.0 } else { -1.0 };
            numbers[special.index] += step * (0.5 + golden(moved, 0.0)) * side;
            moved += 1;
        }
        argument.value = mapped(&argument.value, |i, _| numbers[i]);
    }
    (moved > 0).then_some(arguments)
}

/// The faults behind failed comparisons; `beside` holds inputs beside the kinks, `across` such in another branch.
fn faults(e: &Examination<'_>, beside: Option<Vec<Argument>>, across: Option<Moved>, by_hand: bool) -> Vec<Verdict> {
    use Question::*;
    let mut verdicts = Vec::new();
    // Where differences agree with the rule, it is the tape that is wrong.
    let rule_is_right = e.failed(TapeNumeric) && e.passed(ManualNumeric);
    if by_hand && !rule_is_right && [Sizes, ManualTape, ManualNumeric].into_iter().any(|asked| e.failed(asked)) {
        // The largest batch says most, but a rule that is right there may be wrong in a smaller one.
        let beside = beside.map(|arguments| (e.observations(), values(&arguments)));
        let moved = across.iter().flat_map(|moved| [moved.many(e), moved.arguments.clone()]);
        let moved = moved.map(|arguments| (e.observations(), values(&arguments)));
        let batches = e.sound.iter().rev().map(|(b, _)| (e.batches[*b].observations, e.values(*b)));
        let applied = |at: &[Tensor]| {
            let found = e.runner(Mode::Train).run(at, |tape, _, _| Ok(applications(tape)));
            found.unwrap_or_default()
        };
        for (count, at) in batches.clone().chain(beside).chain(moved) {
            let found = applied(&at);
            let is_other = |other: &Option<usize>, values: &[Tensor]| {
                *other != count && values[0].shape().rank() == at[0].shape().rank()
            };
            let other = batches.clone().find(|(other, values)| is_other(other, values));
            let other = other.and_then(|(other, values)| Some((other?, applied(&values))));
            let elsewhere = other.as_ref().map(|(count, found)| (*count, &found[..]));
            let observations = count.map(|count| Observations { count, axis: e.axis(), elsewhere });
            let faults = |which| diagnose::rule_faults(&found, which, observations.as_ref(), e.check.seed);
            verdicts.extend((0..found.len()).flat_map(faults));
            if !verdicts.is_empty() {
                break;
            }
        }
    }
    if let Some(moved) = &across {
        let holds = moved.holds();
        let moved = format!("the inputs of the check do not show it; they were moved, and it is so {holds}");
        verdicts.iter_mut().take(1).for_each(|verdict| verdict.evidence.push(moved.clone()));
    }
    if e.failed(TapeNumeric) {
        verdicts.extend(diagnose::tape_faults(&e.largest(), &e.gradients));
    }
    verdicts
}

/// A gradient that is 0 for one input of a function, and not for others, is what a target or a mask has: the verdict
/// says how to declare one.
fn perhaps_data(e: &Examination<'_>, verdicts: &mut [Verdict]) {
    let nothing = |c: &Comparison| c.manual.as_ref().or(c.tape.as_ref()).is_some_and(|g| size(g) == 0.0);
    if e.check.layer.is_some() || e.gradients.iter().all(nothing) {
        return;
    }
    for lost in e.gradients.iter().filter(|c| nothing(c)) {
        let Name::Input(k) = e.largest().arguments[lost.argument].name else { continue };
        let by_tape = lost.tape.as_ref().map_or(0.0, size);
        if by_tape == 0.0 && outliers(&zeros(lost.at.shape()), lost, 0.0).is_empty() {
            continue;
        }
        let concerns = |v: &&mut Verdict| {
            let path = matches!(v.fault, Fault::Missing | Fault::ForgottenPath { .. });
            path && v.of.iter().any(|of| *of == lost.of || of == "every input")
        };
        if let Some(verdict) = verdicts.iter_mut().find(concerns) {
            verdict.evidence.push(format!(
                "if {} is data, such as a target, labels or a mask, declare it with `.constant({k})`",
                lost.of
            ));
        }
    }
}
