//! A wrong constant: the number that would be right is solved for.
//!
//! If what follows is linear, v′ = c v needs c = 1 + ⟨p, t − a⟩ / ⟨g, v⟩, and v′ = v + c needs c = ⟨p, t − a⟩ / ⟨g, 1⟩.
//! The number must be the same at both points. If it is not linear, as where a number stands in a loop, c minimizes
//! ‖a(c) − t‖² by the Gauss-Newton method, c ← c − ⟨a′, a − t⟩ / ⟨a′, a′⟩, with a′ by differences.

use std::rc::Rc;

use super::{
    numbers::written,
    places::{Part, Place},
    program::Program,
    proposal::{Change, Proposal},
    sensed::Run,
};
use crate::{
    Tensor,
    check::{
        numbers::{dot, numbers},
        script::{Action, Alter, Edit},
    },
};

/// Steps of the Gauss-Newton method.
const STEPS: usize = 16;
/// After so many, it has come nearer to a solution if there is one.
const TRIAL: usize = 4;
/// The step of its differences. The solution does not depend on it, only how fast it is reached.
const BESIDE: f64 = 1e-5;

/// Numbers of `forward` that are tried as bounds.
const BOUNDS: usize = 24;

/// What such an edit costs: more than reading another value that the rule receives.
const BOUND: u32 = 16;

/// A number and the one that belongs in its place.
type OldNew = (f64, f64);

/// The proposals that put another number in at a place.
pub(super) fn solved(program: &Program, before: &[(usize, Edit)], runs: &[Run], place: &Rc<Place>) -> Vec<Proposal> {
    let mut all = Vec::new();
    if let Part::Operand(i) = place.part {
        // What is read elsewhere, too, may lack a number in the lines of a loop alone.
        if place.at.len() > 1 && program.read_elsewhere(place.at[0], i) {
            let c = solve(program, before, runs, place, Alter::Scale, &|g, v| dot(g, v), 1.0);
            let c = c.filter(|&c| c.abs() > 1e-6 && written(c).is_some());
            all.extend(c.map(|c| Proposal::new(place, Change::Alter(Alter::Scale(c)), 17, "")));
        }
        return all;
    }
    let factor = solve(program, before, runs, place, Alter::Scale, &|g, v| dot(g, v), 1.0);
    if let Some(c) = factor.filter(|c| c.abs() > 1e-6) {
        let own = actions(program, place, |row, n| match row {
            "mul" => Some(n * c),
            // n / x is a quotient, too, with the number first.
            "div" if number_first(program, place) => Some(n * c),
            "div" => Some(n / c),
            _ => None,
        });
        match own {
            Some((old_new, actions)) => {
                all.push(Proposal::new(place, Change::Number(old_new, actions), price(old_new, 11), ""));
            }
            None => {
                let cost = if written(c).is_some() { 16 } else { 45 };
                all.push(Proposal::new(place, Change::Alter(Alter::Scale(c)), cost, ""));
            }
        }
    }
    let adds = program.script.steps.get(place.at[0]).is_some_and(|step| step.adds() && step.inputs.len() == 1);
    if adds && let Some(c) = solve(program, before, runs, place, Alter::Shift, &|g, _| numbers(g).iter().sum(), 0.0) {
        // c − x and x − c are sums with a number, too.
        if let Some((old_new, actions)) = actions(program, place, |_, n| Some(n + c)) {
            all.push(Proposal::new(place, Change::Number(old_new, actions), price(old_new, 11), ""));
        }
    }
    all
}

/// Numbers that are easily taken for each other: N and N − 1, 2 and 1, 2 n + 1 and 2 n − 1; and a 2 or 1/2 that is
/// missing where a value is read.
pub(super) fn guesses(program: &Program, places: &[Rc<Place>], all: &mut Vec<Proposal>) {
    for place in places {
        if matches!(place.part, Part::Operand(i) if program.read_elsewhere(place.at[0], i)) {
            let scaled = |by| {
                Proposal::new(place, Change::Alter(Alter::Scale(by)), if place.at.len() > 1 { 12 } else { 15 }, "")
            };
            all.extend([2.0, 0.5].map(scaled));
        }
    }
    for place in places.iter().filter(|place| place.part == Part::Result) {
        for (times, plus) in [(1.0, 1.0), (1.0, -1.0), (2.0, 0.0), (0.5, 0.0), (1.0, 2.0), (1.0, -2.0)] {
            let other = actions(program, place, |row, n| {
                let new = times * n + plus;
                (matches!(row, "mul" | "div" | "add" | "sub") && new != 0.0).then_some(new)
            });
            if let Some((old_new, actions)) = other {
                let cost = if f64::abs(plus) == 2.0 { 14 } else { 12 };
                all.push(Proposal::new(place, Change::Number(old_new, actions), cost, ""));
            }
        }
    }
}

/// Where a number is compared with a value, or added to what is compared, no slope leads to the right one; but it is one
/// of `forward`, with either sign, or 0.
pub(super) fn bounds(program: &Program, places: &[Rc<Place>], all: &mut Vec<Proposal>) {
    let mut known = vec![0.0];
    for step in &program.forward.steps {
        if let Action::Elementwise(row, number) = step.action
            && row.parameter.is_some()
        {
            known.extend([number, -number].into_iter().filter(|new| !known.contains(new)).collect::<Vec<_>>());
        }
    }
    for place in places.iter().filter(|place| place.part == Part::Result) {
        for &new in known.iter().take(BOUNDS) {
            let other = actions(program, place, |row, old| {
                let compares = matches!(row, "gt" | "ge" | "lt" | "le" | "max" | "min");
                let adds = matches!(row, "add" | "sub") && !place.linear;
                ((compares || adds) && old != new).then_some(new)
            });
            if let Some((old_new, actions)) = other {
                all.push(Proposal::new(place, Change::Number(old_new, actions), BOUND, ""));
            }
        }
    }
}

fn price(old_new: Option<OldNew>, least: u32) -> u32 {
    match old_new {
        Some((_, new)) if written(new).is_some() => least,
        None => least + 4,
        _ => 40,
    }
}

fn number_first(program: &Program, place: &Place) -> bool {
    matches!(program.script.steps.get(place.at[0]).map(|s| &s.action), Some(Action::Elementwise(row, _)) if row.number_first())
}

/// The c that mends the rule at all points, near to rounding; `start` changes nothing.
fn solve(
    program: &Program,
    before: &[(usize, Edit)],
    runs: &[Run],
    place: &Rc<Place>,
    alter: fn(f64) -> Alter,
    slope: &dyn Fn(&Tensor, &Tensor) -> f64,
    start: f64,
) -> Option<f64> {
    let total = |run: &Run| -> f64 {
        let of = |&k: &usize| {
            let sensed = match place.part {
                Part::Result => run.results.get(k),
                Part::Operand(i) => run.operands.get(k)?.get(i),
            };
            sensed.and_then(|s| Some(slope(s.slope.as_ref()?, &s.value)))
        };
        place.at.iter().filter_map(of).sum()
    };
    let step = |run: &Run| {
        let along = total(run);
        (along.abs() > 1e-12 * run.mass).then(|| run.off / along)
    };
    if place.linear {
        let c = start + step(&runs[0])?;
        let other = start + step(runs.get(1)?)?;
        let same = (c - other).abs() <= 1e-6 * c.abs().max(1e-3);
        return (same && (c - start).abs() > 1e-9 && c.is_finite()).then_some(c);
    }
    // Elsewhere it takes runs, and is worth them where a number stands.
    let has_number = program.script.steps.get(place.at[0]).is_some_and(|s| s.has_number());
    if !before.is_empty() || !(has_number || place.at.len() > 1) || step(&runs[0]).is_none() {
        return None;
    }
    let at = &program.points[0];
    let off = |c: f64| -> Option<Vec<f64>> {
        let edits = Proposal::new(place, Change::Alter(alter(c)), 0, "").edits();
        let answers = program.script.rerun(&at.arguments, &at.results, &edits, program.answers)?;
        let pairs = answers.iter().zip(&at.truth).filter_map(|(a, t)| Some((numbers(a.as_ref()?), numbers(t))));
        Some(pairs.flat_map(|(a, t)| a.iter().zip(t)).map(|(a, t)| a - t).collect())
    };
    let (mut c, mut here) = (start, off(start)?);
    let norm = |off: &[f64]| off.iter().map(|v| v * v).sum::<f64>().sqrt();
    let first = norm(&here);
    for step in 0..STEPS {
        // What is hardly nearer by now is no solution.
        if step == TRIAL && norm(&here) > 0.3 * first {
            return None;
        }
        let beside = off(c + BESIDE)?;
        let slopes = || beside.iter().zip(&here).map(|(b, a)| (b - a) / BESIDE);
        let along: f64 = slopes().zip(&here).map(|(slope, off)| slope * off).sum();
        let next = c - along / slopes().map(|slope| slope * slope).sum::<f64>();
        if !next.is_finite() {
            return None;
        }
        let moved = (next - c).abs();
        (c, here) = (next, off(next)?);
        if moved <= 1e-11 * c.abs().max(1e-3) {
            break;
        }
    }
    ((c - start).abs() > 1e-9).then_some(c)
}

/// The steps of a place with other numbers; the old one and the new one if they are the same everywhere.
fn actions(
    program: &Program,
    place: &Place,
    new: impl Fn(&str, f64) -> Option<f64>,
) -> Option<(Option<OldNew>, Vec<Action>)> {
    let (mut pairs, mut actions) = (Vec::new(), Vec::new());
    for &k in &place.at {
        let step = program.script.steps.get(k)?;
        let Action::Elementwise(row, number) = &step.action else { return None };
        if step.inputs.len() != 1 || !step.has_number() {
            return None;
        }
        let mut wanted = new(row.name, *number)?;
        // Rounding of the solution is not part of the number.
        if (wanted * 5040.0 - (wanted * 5040.0).round()).abs() < 1e-5 {
            wanted = (wanted * 5040.0).round() / 5040.0;
        }
        pairs.push((*number, wanted));
        actions.push(Action::Elementwise(row, wanted));
    }
    let first = *pairs.first()?;
    let same = pairs.iter().all(|pair| (pair.0 - first.0).abs() < 1e-12 && (pair.1 - first.1).abs() < 1e-9);
    Some((same.then_some(first), actions))
}
