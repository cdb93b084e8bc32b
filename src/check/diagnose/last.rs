//! What is tried when nothing else explains the answer.
//!
//! - *Symmetric upstream gradients*: a rule for a function of matrices may be right only where dz = dzᵀ.
//! - *Up to a number*: the experiments are made again, and a comparison holds if a = c · e for one number c at all points,
//!   where e is what the experiment predicts. That is two mistakes: the one that the experiment stands for, and a factor.
//!   It comes last because a free number fits more; after it, the experiments are made with symmetric upstream gradients.

use super::{behavior, paths, reductions, relations, sizes::names_of, terms};
use crate::{
    Tensor,
    check::{
        Fault, Verdict,
        case::{Case, Point, Truth},
        given::Given,
        numbers::with_tape,
    },
};

pub(super) fn faults(case: &Case, k: usize) -> Vec<Verdict> {
    let Some(symmetric) = symmetric(case) else { return up_to_a_number(case, k) };
    let sentence = "with a symmetric upstream gradient (half the sum of it and its transpose), ";
    let verdict = |what: &str, why: &str, residual: f64| {
        vec![
            case.verdict(k, Fault::WrongOperation { edit: what.to_owned() }, residual)
                .because(format!("{sentence}{why}")),
        ]
    };
    if !symmetric.is_wrong(k) {
        return verdict("it takes the upstream gradient for symmetric", "the rule is exact", 0.0);
    }
    let truths = case.points.iter().zip(&symmetric.points);
    let of = |p: &Point| truths.clone().find(|(own, _)| std::ptr::eq(*own, p)).map(|(_, other)| other.truth[k].clone());
    if let Some(residual) = case.residual(k, of) {
        return verdict("it makes the upstream gradient symmetric", "the true gradient is this one", residual);
    }
    let found = up_to_a_number(case, k);
    if !found.is_empty() {
        return found;
    }
    let found = experiments(&symmetric, k);
    let found = if found.is_empty() { up_to_a_number(&symmetric, k) } else { found };
    found.into_iter().map(|verdict| verdict.because(format!("{sentence}this is all that is wrong"))).collect()
}

/// The experiments that compare with the rule's answer as a whole: pairs of edits, of which a factor may be one, have been
/// searched before.
fn experiments(case: &Case, k: usize) -> Vec<Verdict> {
    let mut found = relations::faults(case, k);
    found.extend(reductions::faults(case, k));
    found.extend(behavior::mixed_up(case, k));
    if case.truth == Truth::Tape {
        found.extend(paths::faults(case, k));
        found.extend(terms::dropped(case, k));
    }
    found
}

fn up_to_a_number(case: &Case, k: usize) -> Vec<Verdict> {
    let mut loose = case.at(case.points.clone());
    loose.up_to = Some(std::cell::Cell::new(1.0));
    // Each experiment leaves the number with which it held.
    let mut found = Vec::new();
    let mut offer = |verdicts: Vec<Verdict>| {
        // Of several, the number is that of the last.
        let Some(mut verdict) = verdicts.into_iter().next_back() else { return };
        let c = loose.up_to.as_ref().map_or(1.0, std::cell::Cell::get);
        verdict.evidence.push(format!("up to a factor of {c:.9}, the same at all points"));
        let factor = Fault::Factor { k: c, names: names_of(c, case, k) };
        verdict.fault = Fault::Several { faults: vec![verdict.fault, factor] };
        found.push(verdict);
    };
    offer(relations::faults(&loose, k));
    offer(reductions::faults(&loose, k));
    offer(behavior::mixed_up(&loose, k));
    if case.truth == Truth::Tape {
        offer(paths::faults(&loose, k));
        offer(terms::dropped(&loose, k).into_iter().collect());
    }
    found.truncate(1);
    found
}

/// The same case with symmetric upstream gradients, where outputs are square matrices.
fn symmetric(case: &Case) -> Option<Case> {
    let square = |dz: &Tensor| {
        let shape = dz.shape();
        shape.rank() >= 2 && shape[shape.rank() - 1] == shape[shape.rank() - 2] && shape[shape.rank() - 1] > 1
    };
    if !case.first().given.dz.iter().any(square) {
        return None;
    }
    let half = |dz: &Tensor| match square(dz) {
        true => with_tape(dz, |dz| (dz + dz.transpose(-1, -2)) * 0.5),
        false => dz.clone(),
    };
    let point = |p: &Point| {
        let given = Given { dz: p.given.dz.iter().map(half).collect(), ..p.given.clone() };
        let truth = case.truth_at(&given.x, &given.dz).ok()?;
        let answer = case.ask(&given).ok()?;
        Some(Point { given, truth, answer })
    };
    Some(case.at(case.points.iter().map(point).collect::<Option<_>>()?))
}
