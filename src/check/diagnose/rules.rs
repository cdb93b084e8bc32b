//! The verdicts on a hand-written rule.
//!
//! The rule is evaluated at two points; the second is near the first, so that it is valid where the first is. Each
//! wrong gradient is explained by itself, and faults that several of them share are named once, before the others: one
//! common cause is likelier than several.

use std::{panic::Location, sync::Arc};

use rand::{SeedableRng, rngs::StdRng};

use super::{behavior, explain::explain};
use crate::{
    Function, Tensor,
    check::{
        Fault, Line, Verdict,
        applications::{Application, Observations},
        case::{Case, Counted, Truth},
        kind::Kind,
        mend,
        numbers::{count, is_finite, jittered},
    },
};

/// Names the faults of the rule that was applied as number `which` of `all`, the likeliest first; none if it is right
/// at its inputs.
pub(in crate::check) fn rule_faults(
    all: &[Application],
    which: usize,
    observations: Option<&Observations<'_>>,
    seed: u64,
) -> Vec<Verdict> {
    let applied = &all[which];
    let mut case = Case::new(&applied.function, &applied.needs, Truth::Tape);
    case.names = applied.names.clone();
    case.counted = observations.map(|&Observations { count, axis, elsewhere }| {
        let mut rng = StdRng::seed_from_u64(seed);
        let there = |(other, all): (usize, &[Application])| {
            let twin = all.get(which).filter(|twin| twin.function.name() == case.function.name())?;
            Some((other, case.point(&twin.inputs, &mut rng).ok()?))
        };
        Counted { count, axis, elsewhere: elsewhere.and_then(there) }
    });
    name_faults(case, &applied.inputs, applied.at, seed)
}

/// The same for a function that the tape cannot differentiate: differences provide the truth. `lines`: where the rule
/// makes its answer for each input.
pub(super) fn numeric_faults(
    function: &Arc<dyn Function>,
    inputs: &[Tensor],
    at: &Location<'_>,
    lines: Vec<Option<Line>>,
) -> Vec<Verdict> {
    let mut case = Case::new(function, &vec![true; inputs.len()], Truth::Differences);
    case.rule_lines = lines;
    name_faults(case, inputs, at, 0)
}

/// The verdict on a rule that is right when run immediately, but whose answer depends on other calls.
pub(in crate::check) fn carried(applied: &Application, seed: u64) -> Option<Verdict> {
    let mut case = Case::new(&applied.function, &applied.needs, Truth::Tape);
    case.add(&applied.inputs, &mut StdRng::seed_from_u64(seed)).ok()?;
    let answered = case.first().answer.len();
    let mut verdict = (0..answered).filter(|&k| case.needs[k]).find_map(|k| behavior::stale(&case, k))?;
    verdict.rule = Some(applied.function.name().to_owned());
    verdict.line = verdict.line.or(Some(Line::from(applied.at)));
    Some(verdict)
}

fn name_faults(mut case: Case, inputs: &[Tensor], at: &Location<'_>, seed: u64) -> Vec<Verdict> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut verdicts = match case.add(inputs, &mut rng) {
        Err(failure) => {
            let verdict = Verdict::new(Fault::Failed, "every input", 0.0).because(failure.sentence);
            vec![verdict.at(failure.line.or(Some(Line::from(at))))]
        }
        Ok(()) => {
            let near: Vec<Tensor> = inputs.iter().map(|x| jittered(x, &mut rng)).collect();
            // Without a second point, the first must do.
            let _ = case.add(&near, &mut rng).or_else(|_| case.add(inputs, &mut rng));
            // Where the true gradient is not finite, no answer can be compared with it.
            case.points.retain(|p| p.truth.iter().all(is_finite));
            if case.points.is_empty() {
                return Vec::new();
            }
            examine(&case, at)
        }
    };
    for verdict in &mut verdicts {
        verdict.rule = Some(case.function.name().to_owned());
    }
    verdicts
}

fn examine(case: &Case, at: &Location<'_>) -> Vec<Verdict> {
    let (inputs, answered) = (case.first().given.x.len(), case.first().answer.len());
    if answered != inputs {
        let verdict = Verdict::new(Fault::Count, "every input", 0.0).because(format!(
            "`backward` returned {} for {}; it must return one for each, `None` where there is none",
            count(answered, "gradient"),
            count(inputs, "input")
        ));
        return vec![verdict.at(Some(Line::from(at)))];
    }
    let wrong: Vec<usize> = (0..inputs).filter(|&k| case.needs[k] && case.is_wrong(k)).collect();
    let mut found: Vec<(Verdict, Vec<usize>)> = Vec::new();
    for &k in &wrong {
        for verdict in explain(case, k, at) {
            match found.iter_mut().find(|(v, _)| v.fault == verdict.fault) {
                Some((known, of)) => {
                    known.join(verdict);
                    of.push(k);
                }
                None => found.push((verdict, vec![k])),
            }
        }
    }
    if case.truth == Truth::Tape {
        together(case, &wrong, &mut found);
    }
    found.sort_by_key(|(_, of)| std::cmp::Reverse(of.len()));
    // What explains a gradient first comes before what else explains another one.
    let mut explained: Vec<usize> = Vec::new();
    let (firsts, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, of)| {
        let new = of.iter().any(|k| !explained.contains(k));
        explained.extend(of);
        new
    });
    let mut all: Vec<Verdict> = firsts.into_iter().map(|(verdict, _)| verdict).collect();
    // Each mend is written once.
    let known: Vec<_> = all.iter().flat_map(|v| v.mends.clone()).collect();
    all.extend(others.into_iter().map(|(mut verdict, _)| {
        verdict.mends.retain(|mend| !known.contains(mend));
        verdict
    }));
    all
}

/// Mends of several wrong gradients at once: one common cause, and where it is.
fn together(case: &Case, wrong: &[usize], found: &mut Vec<(Verdict, Vec<usize>)>) {
    if wrong.len() < 2 {
        return;
    }
    let telling = |v: &Verdict| !v.vague && !matches!(v.fault.kind(), Kind::Unknown | Kind::StraightThrough);
    let explained = found.iter().any(|(v, of)| of.len() == wrong.len() && telling(v));
    let unexplained = found.iter().any(|(v, _)| matches!(v.fault.kind(), Kind::Unknown | Kind::Several));
    // Three gradients with an explanation each may have two in common.
    let mut firsts: Vec<&Fault> = Vec::new();
    for &k in wrong {
        let first = found.iter().find(|(_, of)| of.contains(&k)).map(|(v, _)| &v.fault);
        firsts.extend(first.filter(|fault| !firsts.contains(fault)));
    }
    let unexplained = unexplained || firsts.len() > 2;
    let single = mend::single(case, wrong);
    let all = single.or_else(|| (unexplained && !explained).then(|| mend::several(case, wrong)).flatten());
    match all {
        Some(all) if explained => {
            found.iter_mut().filter(|(_, of)| of.len() == wrong.len()).for_each(|(known, _)| locate(known, &all));
        }
        Some(all) => {
            found.retain(|(v, _)| telling(v));
            found.insert(0, (all, wrong.to_vec()));
        }
        // Some of them may have a cause in common.
        None => {
            for (known, of) in found.iter_mut().filter(|(_, of)| of.len() > 1) {
                match mend::single(case, of) {
                    Some(some) => locate(known, &some),
                    None if !known.mends.is_empty() => {}
                    None => known.line = mend::departure(case, of).or(known.line.take()),
                }
            }
        }
    }
}

/// Replaces the lines at which each gradient could be mended by the one that mends all of them.
fn locate(known: &mut Verdict, mend: &Verdict) {
    known.line = mend.line.clone().or(known.line.take());
    if !mend.mends.is_empty() {
        known.mends = mend.mends.clone();
    }
    if known.fault == mend.fault {
        known.evidence = mend.evidence.clone();
    }
}
