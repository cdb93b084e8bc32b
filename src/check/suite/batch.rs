//! Who depends on whom: observations on each other, outputs on parameters, gradients on what nobody asked for.

use super::{DOES_NOT_RUN, Examination, Outcome, failed, not_applicable, passed};
use crate::{
    DType, Mode, Rule, Tensor,
    check::{
        Constraint, Fault, Verdict,
        diagnose::{DIFFERENT, difference, size},
    },
};

/// Moving one observation leaves the outputs of the others as they were.
pub(super) fn independent(e: &Examination<'_>) -> (Outcome, Option<Verdict>) {
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
            Constraint::Free => shifted,
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

/// A gradient reaches every parameter, and every parameter in use is listed.
pub(super) fn reached(e: &Examination<'_>) -> Outcome {
    if e.check.layer.is_none() {
        return not_applicable("there are no parameters");
    }
    let (b, upstream) = e.sound.last().expect("there is a sound batch");
    let params: Vec<usize> =
        (0..e.batches[*b].slots.len()).filter(|&k| e.batches[*b].slots[k].name.starts_with("parameter")).collect();
    let unlisted = e.probe(Mode::Train).run(&e.values(*b), |tape, slots, _| {
        let own = |index: usize| slots.iter().any(|slot| slot.index() == index);
        let leaves = tape.nodes().filter(|node| node.op == "leaf" && !own(node.index));
        Ok(leaves.map(|node| node.name.unwrap_or_else(|| node.line.to_string())).collect::<Vec<_>>())
    });
    if let Some(name) = unlisted.iter().flatten().next() {
        return failed(format!("`forward` differentiates by `{name}`, which `params` does not list"));
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
                true if params.is_empty() => not_applicable("there are no parameters"),
                true => passed(format!("all {}", params.len())),
                false => failed(format!("no gradient reaches {}", lost.join(", "))),
            }
        }
    }
}

/// Each input in turn made a constant: the gradients of the others stay as they were.
pub(super) fn needless(e: &Examination<'_>) -> Outcome {
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

pub(super) fn kinds(e: &Examination<'_>) -> Outcome {
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
