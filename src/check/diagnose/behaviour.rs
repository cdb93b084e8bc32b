//! Experiments on the rule itself: other upstream gradients, other values, another call before.

use rand::{SeedableRng, rngs::StdRng};

use super::{Case, EXACT, Point, difference, jittered, size};
use crate::{
    Tensor,
    check::{Fault, Verdict},
};

pub(super) fn faults(case: &Case<'_>, k: usize) -> Vec<Verdict> {
    let mut found: Vec<Verdict> =
        [missing(case, k), not_finite(case, k), upstream(case, k), stale(case, k)].into_iter().flatten().collect();
    found.extend(mixed_up(case, k));
    found
}

fn name(k: usize) -> String {
    format!("input {k}")
}

/// A rule that returns `None`.
fn missing(case: &Case<'_>, k: usize) -> Option<Verdict> {
    let point = &case.points[0];
    point.answer[k].is_none().then(|| {
        let largest = size(&point.truth[k]);
        Verdict::new(Fault::Missing, name(k), 0.0)
            .because(format!("the rule returned `None`; the true gradient is as large as {largest:.3e}"))
    })
}

/// NaN or an infinity where the true gradient is finite.
fn not_finite(case: &Case<'_>, k: usize) -> Option<Verdict> {
    case.points.iter().find_map(|point| {
        let (index, value) = point.answer[k].as_ref()?.first_non_finite()?;
        let truth = point.truth[k].to_vec();
        let operation = super::non_finite::first_non_finite(case, point);
        let (operation, line) = operation.unwrap_or_else(|| (case.function.name().to_owned(), None));
        let verdict = Verdict::new(Fault::NonFinite { operation }, name(k), 0.0).at(line).because(format!(
            "element {index} is {value}, and in truth {:.6e}, where the input is {:.6e}",
            truth.get(index).copied().unwrap_or(f64::NAN),
            point.x[k].to_vec().get(index).copied().unwrap_or(f64::NAN)
        ));
        Some(verdict)
    })
}

/// Every upstream gradient times a number.
fn scaled(dz: &[Tensor], by: f64) -> Vec<Tensor> {
    let scale = |t: &Tensor| {
        let numbers = t.to_vec();
        Tensor::from_fn(t.shape().clone(), t.dtype(), |i| by * numbers[i])
    };
    dz.iter().map(scale).collect()
}

/// Doubling the upstream gradient must double the answer.
fn upstream(case: &Case<'_>, k: usize) -> Option<Verdict> {
    let point = &case.points[0];
    let answer = point.answer[k].as_ref()?;
    let asked = |by: f64| {
        let dz = scaled(&point.dz, by);
        case.rule(&point.x, &point.z, &dz, &point.memory).ok().and_then(|mut all| all.swap_remove(k))
    };
    let (double, none) = (asked(2.0)?, asked(0.0)?);
    let scale = size(answer);
    if scale == 0.0 {
        return None;
    }
    // A rule that clips its upstream gradient answers the same to a larger one, but not to none.
    let unchanged = difference(&double, answer, scale)?.max(difference(&none, answer, scale)?);
    if unchanged <= EXACT {
        let verdict = Verdict::new(Fault::UpstreamIgnored, name(k), unchanged);
        return Some(verdict.because("twice the upstream gradient gives the same answer, and none at all does too"));
    }
    let doubled = scaled(std::slice::from_ref(answer), 2.0).remove(0);
    let (linear, at_zero) = (difference(&double, &doubled, scale)?, size(&none) / scale);
    if linear > EXACT || at_zero > EXACT {
        let numbers = format!("the answer to twice the upstream gradient is {linear:.1e} off twice the answer");
        let zero = format!("and the answer to an upstream gradient of 0 is as large as {:.3e}", size(&none));
        return Some(Verdict::new(Fault::UpstreamNotLinear, name(k), 0.0).because(numbers).because(zero));
    }
    None
}

/// A rule that remembers: its answer depends on what other calls were made.
pub(super) fn stale(case: &Case<'_>, k: usize) -> Option<Verdict> {
    let point = &case.points[0];
    let mut rng = StdRng::seed_from_u64(0x57a1e);
    let other: Vec<Tensor> = point.x.iter().map(|x| jittered(x, &mut rng)).collect();
    let ask = |calls: &[&[Tensor]]| {
        for x in calls {
            case.forward(x).ok()?;
        }
        case.rule(&point.x, &point.z, &point.dz, &point.memory).ok()?.swap_remove(k)
    };
    let scale = size(&point.truth[k]);
    let histories: [&[&[Tensor]]; 3] = [&[&point.x], &[&other, &point.x], &[&point.x, &other]];
    let answers: Vec<Tensor> = histories.iter().filter_map(|calls| ask(calls)).collect();
    let [usual, before, after] = &answers[..] else { return None };
    let moved = difference(before, usual, scale)?.max(difference(after, usual, scale)?);
    (moved > super::DIFFERENT).then(|| {
        Verdict::new(Fault::Stale, name(k), 0.0)
            .because(format!("after a call with other inputs the same question gets another answer ({moved:.1e} off)"))
            .because("keep what `backward` needs in the memory that `forward_with_memory` returns, not in the function")
    })
}

/// One value given in place of another makes the rule right.
fn mixed_up(case: &Case<'_>, k: usize) -> Vec<Verdict> {
    let point = &case.points[0];
    let values = places(point);
    let mut found = Vec::new();
    for (used, _) in &values {
        for (wanted, _) in values.iter().filter(|(wanted, _)| wanted != used) {
            let exchanged = |point: &Point| {
                let mut all = [point.x.clone(), point.z.clone(), point.dz.clone(), point.memory.clone()];
                let value = all[wanted.0].get(wanted.1)?.clone();
                let hole = all[used.0].get_mut(used.1)?;
                if hole.shape() != value.shape() || hole.to_vec() == value.to_vec() {
                    return None;
                }
                *hole = value;
                let [x, z, dz, memory] = &all;
                let answer = case.rule(x, z, dz, memory).ok()?.swap_remove(k)?;
                // An exchange that the rule does not notice explains nothing.
                let unnoticed = difference(&answer, point.answer[k].as_ref()?, size(&answer))? == 0.0;
                (!unnoticed).then_some(answer)
            };
            if let Some(residual) = case.repaired(k, exchanged) {
                let fault = Fault::MixedUp { used: place(*used), wanted: place(*wanted) };
                let evidence = format!("given {} in place of {}, the rule is exact", place(*wanted), place(*used));
                found.push(Verdict::new(fault, name(k), residual).because(evidence));
            }
        }
    }
    found
}

/// What a rule is given: inputs, outputs, upstream gradients, memory, each with its number.
fn places(point: &Point) -> Vec<((usize, usize), &Tensor)> {
    let groups = [&point.x, &point.z, &point.dz, &point.memory];
    let list = groups.iter().enumerate().flat_map(|(g, all)| all.iter().enumerate().map(move |(i, v)| ((g, i), v)));
    list.collect()
}

fn place((group, i): (usize, usize)) -> String {
    match group {
        0 => format!("input {i}"),
        1 => format!("output {i}"),
        2 => format!("upstream gradient {i}"),
        _ => format!("saved value {i}"),
    }
}
