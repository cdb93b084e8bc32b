//! Gradients that are right in one place and wrong in another.
//!
//! The wrong elements form a set. It is described by the first simple condition that holds for exactly these elements,
//! at both points: a bound on a value (x ≤ 0, |x| > 1), or a place in the tensor (a border, an index, a diagonal).

use std::collections::BTreeSet;

use crate::{
    Shape, Tensor,
    check::{
        Fault, Line, Verdict,
        case::{Case, Point},
        given::Place,
        numbers::{DIFFERENT, EXACT, difference, enumerated, size, spread, spreads_to},
        script::Script,
    },
};

pub(super) fn faults(case: &Case, k: usize) -> Option<Verdict> {
    let sets: Vec<Vec<bool>> = case.points.iter().map(|p| wrong(case, p, k)).collect::<Option<_>>()?;
    let (mut bad, mut all) = (0, 0);
    for set in &sets {
        bad += set.iter().filter(|&&w| w).count();
        all += set.len();
    }
    if bad == 0 || bad == all {
        return None;
    }
    let condition = by_value(case, k, &sets).or_else(|| {
        let place = by_place(case.first().truth[k].shape().dims(), &sets)?;
        // A branch of the rule says more than the indices at which it was taken.
        let branch = if place.contains(AXIS) { by_branch(case, k, &sets) } else { None };
        Some(branch.unwrap_or(place))
    })?;
    let (there, residual, vague) = inside(case, k, &sets);
    let verdict = case.verdict(k, Fault::Region { condition, there }, residual).because(counted(&sets));
    Some(Verdict { vague, ..verdict })
}

/// How many elements are wrong. Which ones they are may differ from point to point.
fn counted(sets: &[Vec<bool>]) -> String {
    let wrong = |set: &Vec<bool>| set.iter().filter(|&&wrong| wrong).count();
    let (of, verb) = (sets[0].len(), if wrong(&sets[0]) == 1 { "is" } else { "are" });
    let here = format!("{} of {of} elements {verb} wrong", wrong(&sets[0]));
    match sets.iter().find(|set| **set != sets[0]) {
        None => format!("{here}, and all others right"),
        Some(other) => {
            format!("at these inputs {here}, at others close by {} of {of}: not the same ones", wrong(other))
        }
    }
}

/// How a description by indices names their axis.
const AXIS: &str = "of axis";
/// How a description by a branch of the rule begins.
const BRANCH: &str = "the rule's ";

/// Whether it is a region by a condition that a person would write of the function: not one of some indices, nor a branch
/// of the rule.
pub(super) fn is_condition(fault: &Fault) -> bool {
    matches!(fault, Fault::Region { condition, .. } if !condition.contains(AXIS) && !condition.starts_with(BRANCH))
}

fn wrong(case: &Case, point: &Point, k: usize) -> Option<Vec<bool>> {
    let (answer, truth) = (point.answer[k].as_ref()?, &point.truth[k]);
    difference(answer, truth, 1.0)?;
    let allowed = case.measured(EXACT) * size(truth);
    Some(answer.to_vec().iter().zip(truth.to_vec()).map(|(a, t)| (a - t).abs() > allowed).collect())
}

/// A bound on the input, another input, an output, an upstream gradient or a saved value of the same shape, or on the
/// magnitude of one, or a mask that `forward` computes. A mask comes before a bound that is no round number.
fn by_value(case: &Case, k: usize, sets: &[Vec<bool>]) -> Option<String> {
    let shape = case.first().truth[k].shape().clone();
    let mut candidates: Vec<(String, Vec<Vec<f64>>)> = Vec::new();
    let mut offer = |place: Place| {
        let of = |p: &Point| p.given.get(place).and_then(|value| over(value, &shape));
        let values: Vec<Vec<f64>> = case.points.iter().map(of).collect::<Option<_>>().unwrap_or_default();
        if values.len() == sets.len() {
            let name = place.to_string();
            let magnitudes = values.iter().map(|v| v.iter().map(|x| x.abs()).collect()).collect();
            candidates.push((name.clone(), values));
            candidates.push((format!("|{name}|"), magnitudes));
        }
    };
    offer(Place::Input(k));
    (0..case.first().given.x.len()).filter(|&other| other != k).for_each(|other| offer(Place::Input(other)));
    for output in 0..case.first().given.z.len() {
        offer(Place::Output(output));
        offer(Place::Upstream(output));
    }
    (0..case.first().given.saved.len()).for_each(|saved| offer(Place::Saved(saved)));
    let forward = case.forward_script();
    candidates.extend(forward.map_or(Vec::new(), |forward| masks(case, &forward, &shape, |p| p.given.x.clone())));
    bound(candidates, sets)
}

/// A comparison that the rule makes.
fn by_branch(case: &Case, k: usize, sets: &[Vec<bool>]) -> Option<String> {
    let (rule, shape) = (case.rule_script(k)?, case.first().truth[k].shape());
    let branches = masks(case, &rule, shape, |p| p.given.values().cloned().collect());
    bound(branches, sets).map(|branch| format!("{BRANCH}{branch}"))
}

/// The first of some values, given at each point, that has a bound between right and wrong elements.
fn bound(candidates: Vec<(String, Vec<Vec<f64>>)>, sets: &[Vec<bool>]) -> Option<String> {
    let conditions = candidates.into_iter().filter_map(|(name, values)| {
        let pairs = || values.iter().flatten().zip(sets.iter().flatten());
        let range = |which: bool| {
            let of = pairs().filter(|(_, wrong)| **wrong == which).map(|(v, _)| *v);
            of.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
        };
        let (bad, good) = (range(true), range(false));
        let bound = |low: f64, high: f64| match (low <= 0.0 && high >= 0.0, low <= 1.0 && high >= 1.0) {
            (true, _) => (true, "0".to_owned()),
            (_, true) => (true, "1".to_owned()),
            _ => (false, format!("a bound between {low:.4} and {high:.4}")),
        };
        let (sign, (round, bound)) = if bad.1 < good.0 {
            ("≤", bound(bad.1, good.0))
        } else if bad.0 > good.1 {
            (">", bound(good.1, bad.0))
        } else {
            return None;
        };
        let is_mask = name.starts_with('`');
        Some(match (is_mask, sign) {
            (true, ">") => (round, format!("{name} is true")),
            (true, _) => (round, format!("{name} is false")),
            (false, _) => (round, format!("{name} {sign} {bound}")),
        })
    });
    conditions.min_by_key(|(round, _)| !round).map(|(_, condition)| condition)
}

/// Values of 0 and 1 that a program computes, at each point; comparisons begin with a backtick.
fn masks(
    case: &Case,
    program: &Script,
    shape: &Shape,
    arguments: impl Fn(&Point) -> Vec<Tensor>,
) -> Vec<(String, Vec<Vec<f64>>)> {
    let results: Option<Vec<Vec<Tensor>>> = case.points.iter().map(|p| program.results(&arguments(p))).collect();
    let Some(results) = results else { return Vec::new() };
    let mask = |k: usize| {
        let values: Vec<Vec<f64>> = results.iter().map(|all| over(&all[k], shape)).collect::<Option<_>>()?;
        let two = values.iter().flatten().all(|v| *v == 0.0 || *v == 1.0);
        let step = &program.steps[k];
        let compares = matches!(step.name(), "eq" | "ne" | "lt" | "le" | "gt" | "ge");
        let what = if compares { "" } else { "the value of " };
        two.then(|| (format!("{what}`{}` ({})", step.name(), Line::from(step.at)), values))
    };
    (0..program.steps.len()).filter_map(mask).collect()
}

/// The numbers of a value that has the shape of the gradient, or is broadcast to it.
fn over(value: &Tensor, shape: &Shape) -> Option<Vec<f64>> {
    (value.numel() > 1 && spreads_to(value, shape)).then(|| spread(value, shape).to_vec())
}

/// A description of a set of elements, and whether an index belongs to it.
type Described = (String, Box<dyn Fn(&[usize]) -> bool>);

/// A place in the tensor.
fn by_place(dims: &[usize], sets: &[Vec<bool>]) -> Option<String> {
    let mut places: Vec<Described> = Vec::new();
    let rank = dims.len();
    let sizes = dims.to_vec();
    let border = |axes: Vec<usize>| {
        let sizes = sizes.clone();
        move |at: &[usize]| axes.iter().any(|&axis| at[axis] == 0 || at[axis] + 1 == sizes[axis])
    };
    if rank >= 2 {
        let (a, b) = (rank - 2, rank - 1);
        places.push((format!("at the border of the image (axes {a} and {b})"), Box::new(border(vec![a, b]))));
        places.push(("on the diagonal".to_owned(), Box::new(move |at| at[a] == at[b])));
        places.push(("off the diagonal".to_owned(), Box::new(move |at| at[a] != at[b])));
        places.push(("above the diagonal".to_owned(), Box::new(move |at| at[a] < at[b])));
        places.push(("below the diagonal".to_owned(), Box::new(move |at| at[a] > at[b])));
    }
    let index_of = |flat: usize| {
        let mut at = vec![0; rank];
        let mut rest = flat;
        for axis in (0..rank).rev() {
            at[axis] = rest % dims[axis];
            rest /= dims[axis];
        }
        at
    };
    let indices: Vec<Vec<usize>> = (0..dims.iter().product()).map(index_of).collect();
    // Wrong elements may be right by chance at one point (a gradient of 0), so the union over the points counts.
    let union: Vec<bool> = (0..indices.len()).map(|i| sets.iter().any(|set| set[i])).collect();
    if union.iter().all(|w| *w) {
        return None;
    }
    let described = places.into_iter().find(|(_, inside)| indices.iter().zip(&union).all(|(at, &w)| inside(at) == w));
    described.map(|place| place.0).or_else(|| block(dims, &indices, &union))
}

/// A set of elements that consists of some indices of each axis.
fn block(dims: &[usize], indices: &[Vec<usize>], inside: &[bool]) -> Option<String> {
    let chosen: Vec<BTreeSet<usize>> = (0..dims.len())
        .map(|axis| indices.iter().zip(inside).filter(|(_, w)| **w).map(|(at, _)| at[axis]).collect())
        .collect();
    let whole: usize = chosen.iter().map(BTreeSet::len).product();
    if whole != inside.iter().filter(|w| **w).count() {
        return None;
    }
    let parts: Vec<String> = chosen
        .iter()
        .enumerate()
        .filter(|(axis, set)| set.len() < dims[*axis])
        .map(|(axis, set)| {
            let (first, last, n) = (set.first().copied()?, set.last().copied()?, dims[axis]);
            Some(match set.len() {
                1 => format!("at index {first} of axis {axis}"),
                2 if first == 0 && last + 1 == n => format!("at the ends of axis {axis}"),
                count if last + 1 - first == count => format!("at indices {first} to {last} of axis {axis}"),
                count if count + 1 == n => {
                    let but = (0..n).find(|i| !set.contains(i))?;
                    format!("at every index of axis {axis} but {but}")
                }
                _ if set.iter().all(|i| i % 2 == 1) => format!("at odd indices of axis {axis}"),
                _ if set.iter().all(|i| i % 2 == 0) => format!("at even indices of axis {axis}"),
                2..=4 => format!("at indices {} of axis {axis}", listed(set)),
                count => format!("at {count} of the {n} indices of axis {axis}"),
            })
        })
        .collect::<Option<_>>()?;
    (!parts.is_empty()).then(|| parts.join(" and "))
}

/// "1, 4 and 6".
fn listed(set: &BTreeSet<usize>) -> String {
    let all: Vec<String> = set.iter().map(usize::to_string).collect();
    enumerated(&all)
}

/// What the gradient is where it is wrong, the remaining difference, and whether nothing more specific can be said
/// because it is no simple multiple of the true one.
fn inside(case: &Case, k: usize, sets: &[Vec<bool>]) -> (String, f64, bool) {
    let mut pairs: Vec<(f64, f64)> = Vec::new();
    let mut scale = 0.0f64;
    for (point, set) in case.points.iter().zip(sets) {
        let Some(answer) = &point.answer[k] else { continue };
        let numbers = answer.to_vec().into_iter().zip(point.truth[k].to_vec()).zip(set);
        pairs.extend(numbers.filter(|(_, wrong)| **wrong).map(|(pair, _)| pair));
        scale = scale.max(size(&point.truth[k]));
    }
    let (sum, square) = pairs.iter().fold((0.0, 0.0), |(s, q), (a, t)| (s + a * t, q + t * t));
    let factor = if square > 0.0 { sum / square } else { 0.0 };
    let names = ["0".to_owned(), "−1 times the true one".to_owned(), format!("{factor:.6} times the true one")];
    for (factor, there) in [0.0, -1.0, factor].into_iter().zip(names) {
        let residual = pairs.iter().map(|(a, t)| (a - factor * t).abs() / scale).fold(0.0, f64::max);
        if residual <= case.measured(DIFFERENT) {
            return (there, residual, false);
        }
    }
    let worst = pairs.iter().map(|(a, t)| (a - t).abs()).fold(0.0, f64::max);
    (format!("off by {worst:.3e} at most"), 0.0, true)
}
