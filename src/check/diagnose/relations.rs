//! Relations between the wrong gradient a and the true one t that hold for all elements at once.
//!
//! The best k in a = k t, by least squares, is k = ⟨a, t⟩ / ⟨t, t⟩; `sizes` says what such a k may stand for.

use super::sizes::{elsewhere, names_of};
use crate::{
    Tensor, Var,
    check::{
        Fault, Verdict,
        case::Case,
        kind::Puts,
        numbers::{EXACT, count, difference, digits, dot, numbers, size, with_tape},
    },
};

pub(super) fn faults(case: &Case, k: usize) -> Vec<Verdict> {
    let mut found: Vec<Verdict> = proportional(case, k).into_iter().collect();
    if found.is_empty() {
        found.extend(another_inputs(case, k));
        found.extend(rearranged(case, k));
        found.extend(shape(case, k));
    }
    found
}

/// The k of a = k t, and the residual of a.
pub(in crate::check) fn ratio(a: &Tensor, t: &Tensor) -> Option<(f64, f64)> {
    if a.shape() != t.shape() {
        return None;
    }
    if a.first_non_finite().or(t.first_non_finite()).is_some() {
        return None;
    }
    let square = dot(t, t);
    if square == 0.0 {
        return None;
    }
    let k = dot(a, t) / square;
    let rest = numbers(a).iter().zip(numbers(t)).map(|(a, t)| (a - k * t).abs()).fold(0.0, f64::max);
    Some((k, rest / size(t)))
}

/// a = k t at all points.
fn proportional(case: &Case, k: usize) -> Option<Verdict> {
    let ratios: Vec<(f64, f64)> =
        case.points.iter().map(|p| ratio(p.answer[k].as_ref()?, &p.truth[k])).collect::<Option<_>>()?;
    let residual = ratios.iter().map(|r| r.1).fold(0.0, f64::max);
    let (first, last) = (ratios[0].0, ratios[ratios.len() - 1].0);
    if residual > case.exact() || (first - last).abs() > case.exact() * first.abs().max(1e-3) {
        return None;
    }
    // Any number is proportional to any other: two different points must give the same ratio.
    if (first + 1.0).abs() <= case.exact() {
        let evidence = format!("it is −1 times the true one to {}, for every element", digits(residual));
        return Some(case.verdict(k, Fault::SignFlipped, residual).because(evidence));
    }
    if first.abs() <= case.exact() {
        let largest = size(&case.first().truth[k]);
        let evidence = format!("the rule answers 0 everywhere; the true gradient is as large as {largest:.3e}");
        return Some(case.verdict(k, Fault::Missing, residual).because(evidence));
    }
    let names = names_of(first, case, k);
    let evidence = format!("it is {first:.9} times the true one to {}, for every element", digits(residual));
    let verdict = case.verdict(k, Fault::Factor { k: rounded(first), names }, residual).because(evidence);
    Some(match elsewhere(case, k).filter(|(_, factor, _)| (factor - first).abs() > 1e-6) {
        Some((n, factor, _)) => {
            verdict.because(format!("with {} it is {factor:.9} times the true one", count(n, "observation")))
        }
        None => verdict,
    })
}

/// A factor without its rounding, so that one of several gradients is the same fault.
fn rounded(factor: f64) -> f64 {
    format!("{factor:.9e}").parse().unwrap_or(factor)
}

/// a is the true gradient with respect to another input: the answers are in the wrong order.
fn another_inputs(case: &Case, k: usize) -> Option<Verdict> {
    let others = (0..case.first().truth.len()).filter(|&other| other != k);
    others.filter(|&other| size(&case.first().truth[other]) > 0.0).find_map(|other| {
        let residual = case.residual(k, |p| Some(p.truth[other].clone()))?;
        let [used, wanted] = [other, k].map(|i| format!("the gradient by input {i}"));
        let evidence =
            format!("it is exactly the gradient by input {other}: are the gradients in the order of the inputs?");
        Some(case.verdict(k, Fault::MixedUp { used, wanted }, residual).because(evidence).putting(Puts::Answer))
    })
}

/// a is t with its axes swapped, permuted, or read backwards: a kernel that was flipped, or was not.
fn rearranged(case: &Case, k: usize) -> Vec<Verdict> {
    let rank = case.first().truth[k].shape().rank();
    if !(1..=5).contains(&rank) {
        return Vec::new();
    }
    let residual =
        |change: &dyn for<'t> Fn(Var<'t>) -> Var<'t>| case.residual(k, |p| Some(with_tape(&p.truth[k], change)));
    let mut found = Vec::new();
    for a in 0..rank {
        for b in a + 1..rank {
            let Some(residual) = residual(&|t| t.transpose(a as isize, b as isize)) else { continue };
            let how = format!("axes {a} and {b} are exchanged");
            let fault = if b == rank - 1 && a == rank - 2 { Fault::Transposed } else { Fault::PermutedAxes { how } };
            let evidence = format!("exchanging axes {a} and {b} of the true gradient gives this one to {residual:.1e}");
            found.push(case.verdict(k, fault, residual).because(evidence));
        }
    }
    let mut offer = |how: String, residual: Option<f64>| {
        found.extend(residual.map(|residual| case.verdict(k, Fault::PermutedAxes { how }, residual)));
    };
    let n = rank as isize;
    for last in [[n - 2, n - 1, n - 3], [n - 1, n - 3, n - 2]].into_iter().filter(|_| rank >= 3) {
        let order: Vec<isize> = (0..n - 3).chain(last).collect();
        offer(format!("the axes stand in the order {order:?}"), residual(&|t| t.permute(&order)));
    }
    for axes in (0..n).map(|axis| vec![axis]).chain((rank >= 2).then(|| vec![n - 2, n - 1])) {
        offer(format!("it is turned around along axes {axes:?}"), residual(&|t| t.flip(&axes)));
    }
    found
}

/// A relative difference below which a gradient is right, but inaccurate.
const PRECISION: f64 = 1e-4;

/// a agrees with t to a few digits everywhere.
pub(super) fn precision(case: &Case, k: usize) -> Option<Verdict> {
    let mut worst = (0.0f64, 0usize, 0.0, 0.0);
    for point in &case.points {
        let (answer, truth) = (point.answer[k].as_ref()?, &point.truth[k]);
        let largest = size(truth);
        if difference(answer, truth, largest)? > PRECISION {
            return None;
        }
        for (index, (a, t)) in answer.to_vec().into_iter().zip(truth.to_vec()).enumerate() {
            let off = (a - t).abs() / t.abs().max(1e-6 * largest);
            if off > worst.0 {
                worst = (off, index, a, t);
            }
        }
    }
    if worst.0 == 0.0 {
        return None;
    }
    let digits = -worst.0.log10();
    let evidence = format!("element {} is {:.12e}, and {:.12e} in truth", worst.1, worst.2, worst.3);
    let single = (1e-9..3e-7).contains(&worst.0).then_some("single precision keeps about 7 digits");
    let verdict = case.verdict(k, Fault::Precision { digits }, worst.0).because(evidence);
    Some(match single {
        Some(hint) => verdict.because(hint),
        None => verdict,
    })
}

/// The right numbers in the wrong shape.
fn shape(case: &Case, k: usize) -> Option<Verdict> {
    let point = &case.first();
    let answer = point.answer[k].as_ref()?;
    let (own, wanted) = (answer.shape(), point.truth[k].shape());
    if own == wanted {
        return None;
    }
    let mut verdict =
        case.verdict(k, Fault::Shape, 0.0).because(format!("the gradient has shape {own}, and the input {wanted}"));
    let truth = &point.truth[k];
    let same = |a: &Tensor| {
        let mut pairs = numbers(a).iter().zip(numbers(truth));
        a.numel() == truth.numel() && pairs.all(|(a, t)| (a - t).abs() <= EXACT * size(truth))
    };
    let turned = (own.rank() == 2).then(|| with_tape(answer, |a| a.transpose(0, 1)));
    if turned.is_some_and(|turned| turned.shape() == wanted && same(&turned)) {
        let evidence = format!("its transpose, of shape {wanted}, is exact");
        return Some(case.verdict(k, Fault::Transposed, 0.0).because(evidence));
    }
    if same(answer) {
        verdict = verdict.because("the numbers are right, in the right order: a `reshape` is all that is missing");
    }
    Some(verdict)
}

/// What can be said when nothing fits.
pub(super) fn unexplained(case: &Case, k: usize) -> Verdict {
    let point = &case.first();
    let Some(answer) = &point.answer[k] else { return case.verdict(k, Fault::Unknown, f64::NAN) };
    let truth = &point.truth[k];
    let scale = size(truth);
    let off: Vec<f64> = numbers(answer).iter().zip(numbers(truth)).map(|(a, t)| (a - t).abs()).collect();
    let wrong = off.iter().filter(|d| **d > EXACT * scale).count();
    let (worst, largest) = off.iter().enumerate().fold((0, 0.0), |m, (i, &d)| if d > m.1 { (i, d) } else { m });
    let residual = ratio(answer, truth).map_or(f64::INFINITY, |r| r.1);
    let cosine = dot(answer, truth) / (dot(answer, answer) * dot(truth, truth)).sqrt();
    case.verdict(k, Fault::Unknown, residual)
        .because(format!("{wrong} of {} elements differ, by {largest:.3e} at most (element {worst})", off.len()))
        .because(format!("the two point the same way to a cosine of {cosine:.4}"))
}
