//! What explains a wrong gradient, and in which order explanations are given.
//!
//! All experiments that may tell something are made. Explanations that fit equally well are reported in the order of
//! [`Kind`], the simplest first, with the exceptions made by [`rank`].

use std::{collections::HashSet, panic::Location};

use super::{
    behavior, contributions, couplings, jacobian, last, paths, reductions, regions, relations, repairs, repairs::TWICE,
    residues, terms,
};
use crate::check::{
    Fault, Line, Verdict,
    case::{Case, Truth},
    kind::{Kind, Puts},
    mend,
    numbers::{EXACT, numbers, size},
};

/// Everything that explains the answer for input `k`, the simplest first; at most three.
pub(super) fn explain(case: &Case, k: usize, at: &Location<'_>) -> Vec<Verdict> {
    let (mut found, mend) = experiments(case, k);
    let point = case.first();
    let nothing = point.answer[k].as_ref().is_some_and(|a| size(a) <= EXACT * size(&point.truth[k]));
    let region = found.iter().any(|v| regions::is_condition(&v.fault) && !v.vague);
    let factor = found.iter().any(is_simple_factor);
    let replaced = found.iter().any(|v| v.fault.kind() == Kind::MixedUp && v.line.is_some());
    let any = |kind: Kind| found.iter().any(|v| v.fault.kind() == kind);
    let seen = Seen {
        nothing,
        partly: is_right_where_finite(case, k),
        region,
        factor,
        replaced,
        forgotten: any(Kind::ForgottenPath),
        twice: found.iter().any(is_twice),
        edited: mend.as_ref().is_some_and(is_written_factor),
    };
    found.sort_by_key(|v| rank(v, &seen));
    let mends = mend.as_ref().map_or(Vec::new(), |v| v.mends.clone());
    let repair = mend.and_then(|v| v.line).or_else(|| repairs::line_of_repair(case, k));
    let main = found[0].fault.clone();
    let mut kinds = HashSet::new();
    found.retain(|v| kinds.insert(v.fault.kind()));
    found.truncate(3);
    if found[0].puts == Puts::Compared {
        // What explains the few bits of a mask was tried at two points alone; where it is wrong is so anyway.
        found.retain(|v| v.puts == Puts::Compared || v.fault.kind() == Kind::Region);
    }
    if !mends.is_empty() && matches!(main.kind(), Kind::Factor | Kind::SignFlipped) {
        // A plain factor, and the line that mends it: everything else says the same again.
        found.truncate(1);
    }
    for verdict in &mut found {
        // Where another value that it receives belongs, it reads the wrong one there.
        if verdict.line.is_none() && verdict.fault.kind() == Kind::MixedUp {
            let other = repairs::rerouted(case, k).filter(|other| other.fault == verdict.fault);
            verdict.line = other.and_then(|other| other.line);
        }
        // What is wrong is the rule, wherever in `forward` the path lies that it forgot: evidence names that line.
        if verdict.line.is_none() || (repair.is_some() && is_of_forward(verdict)) {
            let own = case.rule_lines.get(k).cloned().flatten();
            verdict.line = repair.clone().or(own).or(Some(Line::from(at)));
        }
        // Each mend is written once, below the first explanation.
        if verdict.fault == main {
            verdict.mend(&mends);
        } else {
            verdict.mends.retain(|mend| !mends.contains(mend));
        }
        if verdict.fault != main && verdict.fault.kind() != Kind::NonFinite {
            verdict.evidence.push(format!("it explains the numbers as well as \"{}\" does", main.name()));
        }
    }
    found
}

/// What the experiments have found, or that they have found nothing; and the verdict of the edit that mends the rule.
fn experiments(case: &Case, k: usize) -> (Vec<Verdict>, Option<Verdict>) {
    let mut mend = None;
    let mut found = behavior::faults(case, k);
    let ignored = |v: &Verdict| matches!(v.fault.kind(), Kind::UpstreamIgnored | Kind::OutputIgnored);
    let settled = |v: &Verdict| matches!(v.fault.kind(), Kind::Missing | Kind::NonFinite) || ignored(v);
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
        } else {
            found.extend(from_outside(case, k));
        }
    }
    let answered = case.points.iter().all(|p| p.answer[k].is_some());
    let hopeless = |v: &Verdict| match v.fault.kind() {
        Kind::Missing => !answered,
        Kind::Precision => true,
        Kind::NonFinite => !answered,
        _ => ignored(v),
    };
    // What is seen of a mistake, which may come from one or from two of them.
    let symptom = |v: &Verdict| match v.fault.kind() {
        Kind::NonFinite => !is_right_where_finite(case, k),
        _ => v.vague,
    };
    if programs && !found.iter().any(hopeless) {
        mend = mend::single(case, &[k]);
        found.extend(mend.clone());
        if found.iter().all(symptom) {
            found.extend(paths::in_loop(case, k));
        }
        if found.iter().all(symptom) {
            mend = mend::several(case, &[k]).or_else(|| mend::with_path(case, k));
            found.extend(mend.clone());
        }
    }
    if !found.iter().any(hopeless) && found.iter().all(|v| v.vague) {
        found.extend(residues::faults(case, k));
    }
    if !found.iter().any(hopeless) && found.iter().all(|v| v.vague) {
        found.extend(last::faults(case, k));
    }
    if found.is_empty() {
        found.push(relations::unexplained(case, k));
    }
    if !found.iter().all(|v| v.vague) {
        found.retain(|v| !v.vague);
    }
    (found, mend)
}

/// Whether the answer has numbers that are finite, and these are right.
fn is_right_where_finite(case: &Case, k: usize) -> bool {
    let mut finite = 0;
    let right = case.points.iter().all(|p| {
        let Some(answer) = p.answer[k].as_ref().filter(|a| a.shape() == p.truth[k].shape()) else { return false };
        let allowed = EXACT * size(&p.truth[k]);
        let mut pairs = numbers(answer).iter().zip(numbers(&p.truth[k])).filter(|(a, _)| a.is_finite());
        pairs.all(|(a, t)| {
            finite += 1;
            (a - t).abs() <= allowed
        })
    });
    right && finite > 0
}

/// What the matrices of the rule and of the derivative say, without a program of either.
fn from_outside(case: &Case, k: usize) -> Vec<Verdict> {
    let Some(matrices) = jacobian::matrices(case, k) else { return Vec::new() };
    let mut found = contributions::faults(case, k, &matrices);
    if found.is_empty() {
        found.extend(couplings::fault(case, k, &matrices));
    }
    found
}

/// What else was found.
struct Seen {
    /// The answer is 0 everywhere.
    nothing: bool,
    /// It is right wherever it is finite.
    partly: bool,
    /// It is wrong in a region that could be described.
    region: bool,
    /// A factor mends it.
    factor: bool,
    /// Another value at a line of the rule mends it.
    replaced: bool,
    /// A node of `forward` that is held constant explains it.
    forgotten: bool,
    /// A 2 mends it.
    twice: bool,
    /// A factor that the rule computes mends it, and the line can be written as it should read.
    edited: bool,
}

/// The order of verdicts: that of their kinds, some of them placed just after another kind.
fn rank(verdict: &Verdict, seen: &Seen) -> (Kind, u8) {
    let Seen { nothing, partly, region, factor, replaced, forgotten, twice, edited } = *seen;
    match (verdict.fault.kind(), verdict.puts) {
        // A mask that is wrong in few places looks like many things there, but only one is right everywhere.
        (_, Puts::Compared) => (Kind::MixedUp, 0),
        // Half the slope of a square is that of a product of which one side is held constant.
        (Kind::ForgottenPath | Kind::DroppedTerm, Puts::Twin) if twice => (Kind::WrongOperation, 2),
        (Kind::StraightThrough, _) if forgotten && !factor && !replaced && !edited => (Kind::ForgottenPath, 1),
        // If the rest is wrong, too, what makes all of it right says more.
        (Kind::NonFinite, _) if !partly => (Kind::Several, 1),
        // The numbers agree with another gradient by chance if what is read in a loop is off by one place.
        (Kind::MixedUp, Puts::Answer) => (Kind::WrongMovement, 1),
        // Mixed-up values explain an answer of 0; most other relations hold between 0 and anything.
        (Kind::MixedUp, puts) if nothing && puts != Puts::Complement => (Kind::MissingReduction, 1),
        (Kind::Missing, _) if nothing => (Kind::MissingReduction, 2),
        (Kind::WrongMovement, _) if nothing => (Kind::MissingReduction, 0),
        (Kind::Region, _) if verdict.vague => (Kind::WrongOperation, 4),
        // Where a condition says it all, the edit that meets it at one place is the same thing again.
        (Kind::WrongConstant, _) if region => (Kind::WrongOperation, 0),
        // A sign or an operation is simpler than a value.
        (Kind::WrongOperation, Puts::Operation) if !region => (Kind::MixedUp, 0),
        (Kind::WrongOperation, _) => (Kind::WrongOperation, 1),
        (Kind::MissingFactor | Kind::ExtraFactor, _) => (Kind::WrongOperation, 2),
        (Kind::MixedUp, _) if factor && verdict.line.is_some() => (Kind::WrongOperation, 3),
        (Kind::MixedUp, Puts::Computed) if factor => (Kind::WrongOperation, 3),
        (Kind::MixedUp, Puts::OwnResult) => (Kind::WrongOperation, 3),
        // A value added somewhere is less telling than values mixed up.
        (Kind::DroppedTerm, Puts::Term) => (Kind::WrongOperation, 3),
        // The edit of the rule that mends it says more.
        (Kind::StraightThrough, _) if factor || replaced || edited => (Kind::WrongOperation, 3),
        // A condition on a value goes away when that value is replaced by one that never meets it.
        (Kind::MixedUp, _) if region => (Kind::WrongOperation, 0),
        // An edit of the rule is found for many mistakes; replacing a value outright for only one.
        (Kind::MixedUp, _) if verdict.line.is_some() => (Kind::WrongOperation, 0),
        (Kind::MixedUp, _) => (Kind::MixedUp, 1),
        (kind, _) => (kind, 0),
    }
}

/// Whether its line is one of `forward`: that of the path which was forgotten.
pub(super) fn is_of_forward(verdict: &Verdict) -> bool {
    let path = matches!(verdict.fault.kind(), Kind::StraightThrough | Kind::ForgottenPath);
    path || (verdict.fault.kind() == Kind::DroppedTerm && matches!(verdict.puts, Puts::Path | Puts::Twin))
}

/// Whether twice a number, or twice a result, mends it.
fn is_twice(verdict: &Verdict) -> bool {
    match &verdict.fault {
        Fault::WrongOperation { edit } => edit == TWICE,
        Fault::WrongConstant { .. } => true,
        _ => false,
    }
}

/// Whether a factor mends it that the rule receives, or the complement of a value.
fn is_simple_factor(verdict: &Verdict) -> bool {
    let factor = matches!(verdict.fault.kind(), Kind::MissingFactor | Kind::ExtraFactor);
    factor && matches!(verdict.puts, Puts::Received | Puts::Complement)
}

/// Whether it puts a factor into a line that can be written, and no derivative of `forward`, which is left out in a rule that
/// takes an operation for the identity.
fn is_written_factor(mend: &Verdict) -> bool {
    let of_forward = |factor: &str| factor.starts_with("the slope of");
    !mend.mends.is_empty() && matches!(&mend.fault, Fault::MissingFactor { factor } if !of_forward(factor))
}
