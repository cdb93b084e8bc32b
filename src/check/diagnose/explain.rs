//! What explains a wrong gradient, and in which order explanations are given.
//!
//! All experiments that may tell something are made. Explanations that fit equally well are reported in the order of
//! [`Kind`], the simplest first, with the exceptions made by [`rank`].

use std::{collections::HashSet, panic::Location};

use super::{behavior, paths, reductions, regions, relations, repairs, residues, terms};
use crate::check::{
    Line, Verdict,
    case::{Case, Truth},
    kind::Kind,
    numbers::{EXACT, size},
};

/// Everything that explains the answer for input `k`, the simplest first; at most three.
pub(super) fn explain(case: &Case, k: usize, at: &Location<'_>) -> Vec<Verdict> {
    let mut found = experiments(case, k);
    let point = case.first();
    let nothing = point.answer[k].as_ref().is_some_and(|a| size(a) <= EXACT * size(&point.truth[k]));
    let region = found.iter().any(|v| v.fault.kind() == Kind::Region && !v.vague);
    found.sort_by_key(|v| rank(v, nothing, region));
    let repair = repairs::line_of_repair(case, k).filter(|line| !line.is_ours());
    let main = found[0].fault.clone();
    let mut kinds = HashSet::new();
    found.retain(|v| kinds.insert(v.fault.kind()));
    found.truncate(3);
    for verdict in &mut found {
        if verdict.line.is_none() {
            verdict.line = repair.clone().or(Some(Line::from(at)));
        }
        if verdict.fault != main {
            verdict.evidence.push(format!("it explains the numbers as well as \"{}\" does", main.name()));
        }
    }
    found
}

/// What the experiments have found, or that they have found nothing.
fn experiments(case: &Case, k: usize) -> Vec<Verdict> {
    let mut found = behavior::faults(case, k);
    let settled = |v: &Verdict| matches!(v.fault.kind(), Kind::Missing | Kind::NonFinite | Kind::UpstreamIgnored);
    let programs = case.truth == Truth::Tape;
    if let Some(verdict) = relations::precision(case, k) {
        // This close to the truth, half of all experiments would fit.
        found = vec![verdict];
    } else if !found.iter().any(settled) {
        found.extend(relations::faults(case, k));
        found.extend(reductions::faults(case, k));
        found.extend(regions::faults(case, k));
        if programs {
            found.extend(paths::faults(case, k));
            found.extend(terms::faults(case, k));
        }
    }
    if found.iter().all(|v| v.vague) && programs {
        found.extend(residues::faults(case, k));
    }
    if found.is_empty() {
        found.push(relations::unexplained(case, k));
    }
    if !found.iter().all(|v| v.vague) {
        found.retain(|v| !v.vague);
    }
    found
}

/// The order of verdicts: that of their kinds, some of them placed just after another kind. `nothing`: the answer is 0
/// everywhere; `region`: it is wrong in a region that could be described.
fn rank(verdict: &Verdict, nothing: bool, region: bool) -> (Kind, u8) {
    match verdict.fault.kind() {
        // Mixed-up values explain an answer of 0; most other relations hold between 0 and anything.
        Kind::MixedUp if nothing => (Kind::MissingReduction, 1),
        Kind::Missing if nothing => (Kind::MissingReduction, 2),
        Kind::Region if verdict.vague => (Kind::WrongOperation, 1),
        // A condition on a value goes away when that value is replaced by one that never meets it.
        Kind::MixedUp if region => (Kind::WrongOperation, 0),
        // An edit of the rule is found for many mistakes; replacing a value outright for only one.
        Kind::MixedUp if verdict.line.is_some() => (Kind::WrongOperation, 0),
        kind => (kind, 0),
    }
}
