//! A value that is read both for wrong gradients and for right ones.
//!
//! If the mistake is in all that the wrong gradients make of a value (a factor was forgotten when it was given a second
//! name), no single place of the program mends them and leaves the right ones alone. So those who read the value for wrong
//! gradients only read it through a step of their own, which hands it on.

use smallvec::SmallVec;

use super::places::readers;
use crate::check::script::{Action, Script, Source, Step};

/// The program with such steps put in. The first `given` steps hand on arguments; of the outputs, `wrong` are wrong
/// gradients, and those up to `answers` right ones.
pub(super) fn split(script: Script, given: usize, wrong: usize, answers: usize) -> Script {
    let count = script.steps.len();
    let only_wrong = leads_to(&script, wrong..answers).iter().map(|right| !right).collect::<Vec<_>>();
    let to_wrong = leads_to(&script, 0..wrong);
    let for_wrong = |reader: usize| only_wrong[reader] && to_wrong[reader];
    let is_split = |k: usize| {
        let of_wrong = readers(&script, k).filter(|&(reader, _)| for_wrong(reader)).count();
        let of_others = readers(&script, k).any(|(reader, _)| !only_wrong[reader]);
        of_wrong > 1 && of_others
    };
    let identity = crate::ops::row("identity", 1, false).expect("it is in the table");
    let mut new: Vec<Step> = Vec::new();
    let mut moved: Vec<usize> = Vec::new();
    let mut second: Vec<Option<usize>> = vec![None; count];
    let hand_on = |new: &mut Vec<Step>, from: usize, k: usize| {
        let first = readers(&script, k).find(|&(reader, _)| for_wrong(reader)).map_or(k, |(reader, _)| reader);
        new.push(Step {
            action: Action::Elementwise(identity, 0.0),
            inputs: SmallVec::from_slice(&[Source::Step(from)]),
            shape: script.steps[k].shape.clone(),
            at: script.steps[first].at,
            detached: false,
        });
        Some(new.len() - 1)
    };
    for (k, step) in script.steps.iter().enumerate() {
        if k == given {
            for argument in (0..given).filter(|&k| is_split(k)) {
                second[argument] = hand_on(&mut new, argument, argument);
            }
        }
        let mut step = step.clone();
        for source in &mut step.inputs {
            if let Source::Step(read) = source {
                *read = second[*read].filter(|_| for_wrong(k)).unwrap_or(moved[*read]);
            }
        }
        new.push(step);
        moved.push(new.len() - 1);
        if k >= given && is_split(k) {
            second[k] = hand_on(&mut new, moved[k], k);
        }
    }
    let outputs = script.outputs.iter().map(|&source| match source {
        Source::Step(k) => Source::Step(moved[k]),
        other => other,
    });
    Script { outputs: outputs.collect(), steps: new, ..script }
}

/// Whether each step leads to any of some outputs.
pub(in crate::check) fn leads_to(script: &Script, outputs: std::ops::Range<usize>) -> Vec<bool> {
    let mut leads = vec![false; script.steps.len()];
    for source in &script.outputs[outputs] {
        if let Source::Step(k) = source {
            leads[*k] = true;
        }
    }
    lead_to(script, leads)
}

/// Some steps, and all that lead to any of them.
pub(super) fn lead_to(script: &Script, mut leads: Vec<bool>) -> Vec<bool> {
    for k in (0..leads.len()).rev() {
        if leads[k] {
            for source in &script.steps[k].inputs {
                if let Source::Step(read) = source {
                    leads[*read] = true;
                }
            }
        }
    }
    leads
}
