//! Experiments on the rule itself: other upstream gradients, other values, a preceding call.

use rand::{SeedableRng, rngs::StdRng};

use super::non_finite::first_non_finite;
use crate::{
    Tensor,
    check::{
        Fault, Verdict,
        case::{Case, Point},
        given::Given,
        numbers::{DIFFERENT, EXACT, difference, jittered, mapped, size, zeros},
    },
};

pub(super) fn faults(case: &Case, k: usize) -> Vec<Verdict> {
    let mut found: Vec<Verdict> =
        [missing(case, k), not_finite(case, k), upstream(case, k), one_output(case, k), stale(case, k)]
            .into_iter()
            .flatten()
            .collect();
    found.extend(mixed_up(case, k));
    found
}

/// A rule that returns `None`.
fn missing(case: &Case, k: usize) -> Option<Verdict> {
    let point = &case.first();
    point.answer[k].is_none().then(|| {
        let largest = size(&point.truth[k]);
        case.verdict(k, Fault::Missing, 0.0)
            .because(format!("the rule returned `None`; the true gradient is as large as {largest:.3e}"))
    })
}

/// NaN or an infinity where the true gradient is finite.
fn not_finite(case: &Case, k: usize) -> Option<Verdict> {
    case.points.iter().find_map(|point| {
        let (index, value) = point.answer[k].as_ref()?.first_non_finite()?;
        let truth = point.truth[k].to_vec();
        let operation = first_non_finite(case, point);
        let (operation, line) = operation.unwrap_or_else(|| (case.function.name().to_owned(), None));
        Some(case.verdict(k, Fault::NonFinite { operation }, 0.0).at(line).because(format!(
            "element {index} is {value}, and in truth {:.6e}, where the input is {:.6e}",
            truth.get(index).copied().unwrap_or(f64::NAN),
            point.given.x[k].to_vec().get(index).copied().unwrap_or(f64::NAN)
        )))
    })
}

/// Every upstream gradient times a number.
fn scaled(dz: &[Tensor], by: f64) -> Vec<Tensor> {
    dz.iter().map(|t| mapped(t, |_, v| by * v)).collect()
}

/// Doubling the upstream gradient must double the answer.
fn upstream(case: &Case, k: usize) -> Option<Verdict> {
    let point = &case.first();
    let answer = point.answer[k].as_ref()?;
    let asked = |by: f64| case.ask_for(k, &Given { dz: scaled(&point.given.dz, by), ..point.given.clone() });
    let (double, none) = (asked(2.0)?, asked(0.0)?);
    let scale = size(answer);
    if scale == 0.0 {
        return None;
    }
    // A rule that clips its upstream gradient gives the same answer for a larger one, but not for zero.
    let unchanged = difference(&double, answer, scale)?.max(difference(&none, answer, scale)?);
    if unchanged <= EXACT {
        let verdict = case.verdict(k, Fault::UpstreamIgnored, unchanged);
        return Some(verdict.because("twice the upstream gradient gives the same answer, and none at all does too"));
    }
    let doubled = scaled(std::slice::from_ref(answer), 2.0).remove(0);
    let (linear, at_zero) = (difference(&double, &doubled, scale)?, size(&none) / scale);
    if linear > EXACT || at_zero > EXACT {
        let mut verdict = case.verdict(k, Fault::UpstreamNotLinear, 0.0);
        if linear > EXACT {
            verdict = verdict.because(format!(
                "twice the upstream gradient should give twice the answer: the two differ by {linear:.1e} times the largest \
                 number of the answer"
            ));
        }
        if at_zero > EXACT {
            let largest = size(&none);
            verdict = verdict.because(format!("for an upstream gradient of 0, it is as large as {largest:.3e}"));
        }
        return Some(verdict);
    }
    None
}

/// The rule answers as if one of several outputs had no upstream gradient.
fn one_output(case: &Case, k: usize) -> Option<Verdict> {
    let outputs = case.first().given.dz.len();
    if outputs < 2 || size(case.first().answer[k].as_ref()?) == 0.0 {
        return None;
    }
    (0..outputs).find_map(|output| {
        let residual = case.residual(k, |p| {
            let mut dz = p.given.dz.clone();
            dz[output] = zeros(dz[output].shape());
            Some(case.truth_at(&p.given.x, &dz).ok()?.swap_remove(k))
        })?;
        let evidence = format!("with an upstream gradient of 0 for output {output}, the true gradient is this one");
        Some(case.verdict(k, Fault::OutputIgnored { output }, residual).because(evidence))
    })
}

/// A rule with memory: its answer depends on what other calls were made.
pub(super) fn stale(case: &Case, k: usize) -> Option<Verdict> {
    let point = &case.first();
    let mut rng = StdRng::seed_from_u64(0x57a1e);
    let other: Vec<Tensor> = point.given.x.iter().map(|x| jittered(x, &mut rng)).collect();
    let ask = |calls: &[&[Tensor]]| {
        for x in calls {
            case.forward(x).ok()?;
        }
        case.ask_for(k, &point.given)
    };
    let scale = size(&point.truth[k]);
    let histories: [&[&[Tensor]]; 3] = [&[&point.given.x], &[&other, &point.given.x], &[&point.given.x, &other]];
    let answers: Vec<Tensor> = histories.iter().filter_map(|calls| ask(calls)).collect();
    let [usual, before, after] = &answers[..] else { return None };
    let moved = difference(before, usual, scale)?.max(difference(after, usual, scale)?);
    (moved > DIFFERENT).then(|| {
        case.verdict(k, Fault::Stale, 0.0)
            .because(format!("after a call with other inputs the same question gets another answer ({moved:.1e} off)"))
            .because("keep what `backward` needs in the memory that `forward_and_save` returns, not in the function")
    })
}

/// Replacing one value by another makes the rule right.
pub(super) fn mixed_up(case: &Case, k: usize) -> Vec<Verdict> {
    let places = case.first().given.places();
    let mut found = Vec::new();
    for &used in &places {
        for &wanted in places.iter().filter(|&&wanted| wanted != used) {
            let exchanged = |point: &Point| {
                let mut given = point.given.clone();
                let value = given.get(wanted)?.clone();
                let hole = given.get_mut(used)?;
                if hole.shape() != value.shape() || hole.to_vec() == value.to_vec() {
                    return None;
                }
                *hole = value;
                let answer = case.ask_for(k, &given)?;
                // A replacement that does not change the rule's answer explains nothing.
                let unnoticed = difference(&answer, point.answer[k].as_ref()?, size(&answer))? == 0.0;
                (!unnoticed).then_some(answer)
            };
            if let Some(residual) = case.repaired(k, exchanged) {
                let fault = Fault::MixedUp { used: used.to_string(), wanted: wanted.to_string() };
                let evidence = format!("given {wanted} in place of {used}, the rule is exact");
                found.push(case.verdict(k, fault, residual).because(evidence));
            }
        }
    }
    found
}
