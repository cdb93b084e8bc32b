//! Manual against tape against numeric, and the verdict when they differ.

use super::{DOES_NOT_RUN, Examination, failed, not_applicable, numeric::numeric, passed};
use crate::{
    DType, Mode, Rule, Tensor,
    check::{
        Comparison, Constraint, Outcome, Verdict,
        diagnose::{self, DIFFERENT, difference, size},
        measure::{Place, outliers},
        subject::{Failure, Slot},
    },
};

const SIZES: &str = "gradients have the sizes of their inputs";
const MANUAL_TAPE: &str = "manual = tape";
const MANUAL_NUMERIC: &str = "manual = numeric";
const TAPE_NUMERIC: &str = "tape = numeric";

pub(super) fn test(e: &mut Examination<'_>) {
    if e.sound.is_empty() {
        for name in [SIZES, MANUAL_TAPE, MANUAL_NUMERIC, TAPE_NUMERIC] {
            e.note(name, not_applicable(DOES_NOT_RUN));
        }
        return;
    }
    let by_hand = !e.applications.is_empty();
    let batches: Vec<Gradients> = e.sound.iter().map(|(b, u)| Gradients::of(&e.place_at(*b, u), by_hand)).collect();
    let sizes = sizes(&batches, by_hand);
    e.note(SIZES, sizes);
    let found = numeric(e, batches.last().expect("there is a sound batch"), by_hand);
    let beside = if by_hand { beside_kinks(e, &found.comparisons) } else { None };
    let manual_tape = manual_against_tape(e, &batches, &found.comparisons, beside.as_deref(), by_hand);
    e.note(MANUAL_TAPE, manual_tape);
    e.note(MANUAL_NUMERIC, found.manual);
    e.note(TAPE_NUMERIC, found.tape);
    e.gradients = found.comparisons;
    e.curves = found.curves;
    let remarks = found.remarks;
    let faults = faults(e, beside, by_hand);
    e.verdicts.extend(faults);
    e.verdicts.extend(remarks);
}

/// The gradients of a batch under both rules.
pub(super) struct Gradients {
    pub manual: Result<Vec<Tensor>, Failure>,
    pub tape: Result<Vec<Tensor>, Failure>,
}

impl Gradients {
    fn of(place: &Place<'_>, by_hand: bool) -> Self {
        let tape = place.gradients(Rule::Tape);
        let manual = if by_hand { place.gradients(Rule::Manual) } else { tape.clone() };
        Gradients { manual, tape }
    }
}

/// Why nothing was compared.
pub(super) const ALL_ZERO: &str = "every gradient is 0 at these inputs: choose others";

pub(super) const NO_RULE: &str = "no hand-written rule is applied: the tape derives everything";

fn sizes(batches: &[Gradients], by_hand: bool) -> Outcome {
    let failure = batches.iter().find_map(|g| g.manual.as_ref().err().or(g.tape.as_ref().err()));
    match failure {
        Some(failure) => failed(failure.to_string()),
        None if by_hand => passed(format!("of {} gradients", batches.iter().flat_map(|g| &g.manual).flatten().count())),
        None => not_applicable(NO_RULE),
    }
}

fn manual_against_tape(
    e: &Examination<'_>,
    batches: &[Gradients],
    comparisons: &[Comparison],
    beside: Option<&[Slot]>,
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
        // Kinks are known of the last batch, the one that was differentiated numerically.
        let kinks = if place + 1 == batches.len() { comparisons } else { &[] };
        match largest_difference(&e.batches[*b].slots, gradients, kinks) {
            Ok(off) => worst = worst.max(off),
            Err(outcome) => return outcome,
        }
    }
    if let (Some(slots), Some((_, upstream))) = (beside, e.sound.last()) {
        let place = Place { probe: e.probe(Mode::Train), slots, upstream };
        match largest_difference(slots, &Gradients::of(&place, true), &[]) {
            Ok(off) => worst = worst.max(off),
            Err(Outcome::Failed(why)) => return failed(format!("beside the kinks {why}")),
            Err(outcome) => return outcome,
        }
        return passed(format!("to {worst:.1e}, in {} batches and beside the kinks", batches.len()));
    }
    passed(format!("to {worst:.1e}, in {} batches", batches.len()))
}

/// The largest relative difference between the gradients of both rules, kinks left out where both are slopes of them;
/// the outcome of the test where it is too large, or cannot be told.
fn largest_difference(slots: &[Slot], gradients: &Gradients, comparisons: &[Comparison]) -> Result<f64, Outcome> {
    let (Ok(manual), Ok(tape)) = (&gradients.manual, &gradients.tape) else {
        return Err(not_applicable(format!("needs \"{SIZES}\", which failed")));
    };
    let global = tape.iter().map(size).fold(0.0, f64::max);
    let mut worst = 0.0f64;
    for ((slot, manual), tape) in slots.iter().zip(manual).zip(tape) {
        let scale = size(tape).max(1e-3 * global);
        let [manual, tape] = [manual, tape].map(|g| slot.constraint.tangent(&slot.value, g));
        let comparison = comparisons.iter().find(|c| c.of == slot.name);
        let [manual, tape] =
            comparison.map_or_else(|| [manual.clone(), tape.clone()], |c| without_kinks(&manual, &tape, c));
        match difference(&manual, &tape, scale) {
            Some(off) if off <= DIFFERENT => worst = worst.max(off),
            Some(_) if scale == 0.0 => {
                let by_hand = size(&manual);
                let name = &slot.name;
                return Err(failed(format!("the gradient by {name} is 0, and as large as {by_hand:.3e} by hand")));
            }
            Some(off) => return Err(failed(format!("the gradient by {} differs by {off:.1e}, relative", slot.name))),
            None => return Err(failed(format!("the gradient by {} is not finite", slot.name))),
        }
    }
    Ok(worst)
}

/// Both gradients with 0 where the rules may differ: where each takes a slope of the same kink by a convention of its own,
/// and at a border of the domain where the slope is not finite.
fn without_kinks(manual: &Tensor, tape: &Tensor, comparison: &Comparison) -> [Tensor; 2] {
    let wrong = outliers(manual, comparison, 0.0);
    let by_tape = tape.to_vec();
    let free = |i: usize| {
        let special = comparison.special.iter().find(|s| s.index == i);
        special.is_some_and(|s| if s.kind == "kink" { !wrong.contains(&i) } else { !by_tape[i].is_finite() })
    };
    [manual, tape].map(|g| {
        let numbers = g.to_vec();
        Tensor::from_fn(g.shape().clone(), DType::F64, |i| if free(i) { 0.0 } else { numbers[i] })
    })
}

/// The inputs with all elements at kinks moved off them, by a little and to either side; `None` without kinks. At a kink
/// any slope between the two is allowed, so a wrong rule may hide there: |x| at 0 does not tell 0 from ±1.
fn beside_kinks(e: &Examination<'_>, comparisons: &[Comparison]) -> Option<Vec<Slot>> {
    let (b, _) = e.sound.last()?;
    let mut slots = e.batches[*b].slots.clone();
    let mut moved = 0u32;
    for slot in slots.iter_mut().filter(|slot| slot.constraint == Constraint::Free) {
        let Some(comparison) = comparisons.iter().find(|c| c.of == slot.name) else { continue };
        let step = 1e-2 * size(&slot.value).clamp(1e-3, 1e3);
        let mut numbers = slot.value.to_vec();
        for special in comparison.special.iter().filter(|s| s.kind == "kink") {
            // Every element by an amount of its own: two vectors that are parallel must not stay so.
            let fraction = (f64::from(moved) * 0.618_033_988_749_894_9).fract();
            numbers[special.index] += step * (0.5 + fraction) * if moved.is_multiple_of(2) { 1.0 } else { -1.0 };
            moved += 1;
        }
        slot.value = Tensor::from_fn(slot.value.shape().clone(), DType::F64, |i| numbers[i]);
    }
    (moved > 0).then_some(slots)
}

/// The faults behind failed comparisons; `beside` are inputs beside the kinks.
fn faults(e: &Examination<'_>, beside: Option<Vec<Slot>>, by_hand: bool) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    // Where differences side with the rule, it is the tape that is wrong.
    let rule_is_right = e.failed(TAPE_NUMERIC) && e.passed(MANUAL_NUMERIC);
    if by_hand && !rule_is_right && (e.failed(SIZES) || e.failed(MANUAL_TAPE) || e.failed(MANUAL_NUMERIC)) {
        // The largest batch tells most; a rule that is right there may be wrong in a smaller one.
        let beside = beside.map(|slots| slots.into_iter().map(|slot| slot.value).collect());
        for at in e.sound.iter().rev().map(|(b, _)| e.values(*b)).chain(beside) {
            let found = e.probe(Mode::Train).run(&at, |tape, _, _| Ok(super::applications(tape)));
            for a in found.unwrap_or_default() {
                let mut found = diagnose::rule_faults(&a.function, &a.inputs, &a.needs, a.at, e.check.seed);
                found.iter_mut().for_each(|verdict| a.name_inputs(verdict));
                verdicts.extend(found);
            }
            if !verdicts.is_empty() {
                break;
            }
        }
    }
    if e.failed(TAPE_NUMERIC) {
        let place = e.place().expect("there is a sound batch");
        verdicts.extend(diagnose::tape_faults(&place, &e.gradients));
    }
    verdicts
}
