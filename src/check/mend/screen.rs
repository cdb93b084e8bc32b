//! By how much an edit changes ⟨p, a⟩: ⟨g, v′ − v⟩, without a run.

use super::{
    places::Part,
    program::{At, Program},
    proposal::{Change, Proposal},
    sensed::{Run, Sensed},
};
use crate::{
    Tensor,
    check::{
        numbers::{dot, numbers, spread, spreads_to},
        script::{Alter, Source},
    },
};

/// What it takes to screen an edit, apart from its numbers.
const EDIT: usize = 200;

/// What an edit changes at a point.
pub(super) enum Effect {
    /// It changes ⟨p, a⟩ by this.
    Exactly(f64),
    /// It makes no sense, or leads nowhere.
    Nothing,
    /// Only a run tells.
    Unknown,
}

/// The effect of an edit on a program that ran at one point; `spend` is told what it takes, and may refuse.
pub(super) fn effect(
    program: &Program,
    at: &At,
    run: &Run,
    proposal: &Proposal,
    spend: impl Fn(usize) -> bool,
) -> Effect {
    if !proposal.place.linear || proposal.feeds_itself() {
        return Effect::Unknown;
    }
    let find = |source: Source| match source {
        Source::Argument(k) => at.arguments.get(k),
        Source::Step(k) => run.results.get(k).map(|s| &s.value),
        Source::Fixed(_) => None,
    };
    let mut change = 0.0;
    for (i, &step) in proposal.place.at.iter().enumerate() {
        let sensed = match proposal.place.part {
            Part::Result => run.results.get(step),
            Part::Operand(operand) => run.operands.get(step).and_then(|all| all.get(operand)),
        };
        let alter = match &proposal.change {
            Change::Alter(alter) => alter,
            Change::Each(alters) => &alters[i],
            _ => return Effect::Unknown,
        };
        let Some((sensed, slope)) = sensed.and_then(|s| Some((s, s.slope.as_ref()?))) else { return Effect::Nothing };
        if !spend(slope.numel() + EDIT) {
            return Effect::Nothing;
        }
        let by = match spread_first(program, run, proposal, step, alter, &find) {
            Some(by) => Some(by),
            None => moved(sensed, slope, alter, &find),
        };
        match by {
            Some(by) => change += by,
            None => return Effect::Unknown,
        }
    }
    if change.is_finite() { Effect::Exactly(change) } else { Effect::Nothing }
}

/// The change by a factor to whose shape the operand of a sum is spread first.
fn spread_first<'t>(
    program: &Program,
    run: &Run,
    proposal: &Proposal,
    step: usize,
    alter: &Alter,
    find: &impl Fn(Source) -> Option<&'t Tensor>,
) -> Option<f64> {
    let (Part::Operand(i), Alter::Times(source)) = (proposal.place.part, alter) else { return None };
    let (own, factor) = (&run.operands[step][i].value, find(*source)?);
    let shape = &program.script.steps.get(step).filter(|step| step.has_terms())?.shape;
    if spreads_to(factor, own.shape()) || !spreads_to(factor, shape) || !spreads_to(own, shape) {
        return None;
    }
    let sign = if program.script.steps[step].name() == "sub" && i == 1 { -1.0 } else { 1.0 };
    let (own, factor) = (spread(own, shape), spread(factor, shape));
    let slope = run.results[step].slope.as_ref()?;
    let terms = numbers(slope).iter().zip(numbers(&own)).zip(numbers(&factor));
    Some(sign * terms.map(|((g, v), w)| g * v * (w - 1.0)).sum::<f64>())
}

/// ⟨g, v′ − v⟩ for an altered value.
fn moved<'t>(
    sensed: &Sensed,
    slope: &Tensor,
    alter: &Alter,
    find: &impl Fn(Source) -> Option<&'t Tensor>,
) -> Option<f64> {
    let (g, v) = (numbers(slope), numbers(&sensed.value));
    let shape = sensed.value.shape();
    let with = |source: Source, change: &dyn Fn(f64, f64) -> f64| {
        let w = find(source)?;
        let total = |w: &[f64]| g.iter().zip(v).zip(w).map(|((g, v), w)| g * (change(*v, *w) - v)).sum::<f64>();
        match w.shape() == shape {
            true => Some(total(numbers(w))),
            false if spreads_to(w, shape) => Some(total(numbers(&spread(w, shape)))),
            false => Some(f64::NAN),
        }
    };
    // The numbers before an axis, along it, and after it.
    let around = |axis: usize| {
        let inner: usize = shape[axis + 1..].iter().product();
        (v.len() / (shape[axis] * inner).max(1), shape[axis], inner)
    };
    // ⟨g, v′⟩, where index i along an axis is read from index `from(i)`.
    let read = |axis: usize, from: &dyn Fn(usize) -> usize| {
        let (outer, n, inner) = around(axis);
        let row = |o: usize, i: usize| (o * n + i) * inner..(o * n + i + 1) * inner;
        let along = |o: usize, i: usize| g[row(o, i)].iter().zip(&v[row(o, from(i))]).map(|(g, v)| g * v).sum::<f64>();
        (0..outer).flat_map(|o| (0..n).map(move |i| (o, i))).map(|(o, i)| along(o, i)).sum::<f64>()
    };
    let turned = || {
        let n = shape.last().copied().unwrap_or(1);
        let at = |index: usize| index / (n * n) * n * n + index % n * n + index / n % n;
        g.iter().enumerate().map(|(i, g)| g * v[at(i)]).sum::<f64>()
    };
    let own = || dot(slope, &sensed.value);
    // The values of a line that runs several times need not have one shape.
    let square = matches!(shape.dims(), [.., a, b] if a == b);
    let fits = match alter {
        Alter::Turn(..) | Alter::Mirror(_) => square,
        Alter::Flip(axis) | Alter::Roll(axis, _) | Alter::Center(axis) => (*axis as usize) < shape.rank(),
        _ => true,
    };
    if !fits {
        // What is transposed has another shape, which whoever reads it may be able to do with.
        return if matches!(alter, Alter::Turn(..)) { None } else { Some(f64::NAN) };
    }
    Some(match alter {
        Alter::Times(source) => with(*source, &|v, w| v * w)?,
        Alter::Over(source) => with(*source, &|v, w| v / w)?,
        Alter::Plus(source, times) => with(*source, &|v, w| v + times * w)?,
        Alter::Use(source) => with(*source, &|_, w| w)?,
        Alter::Scale(by) => (by - 1.0) * own(),
        Alter::Shift(by) => g.iter().sum::<f64>() * by,
        Alter::Turn(..) => turned() - own(),
        Alter::Mirror(by) => by * (turned() + own()) - own(),
        Alter::Flip(axis) => {
            let last = shape[*axis as usize].saturating_sub(1);
            read(*axis as usize, &|i| last - i) - own()
        }
        Alter::Roll(axis, by) => {
            let n = shape[*axis as usize] as isize;
            read(*axis as usize, &|i| (i as isize - by).rem_euclid(n) as usize) - own()
        }
        Alter::Center(axis) => {
            let (outer, n, inner) = around(*axis as usize);
            let total = |of: &[f64], o: usize, j: usize| (0..n).map(|i| of[(o * n + i) * inner + j]).sum::<f64>();
            let all = (0..outer).flat_map(|o| (0..inner).map(move |j| (o, j)));
            -all.map(|(o, j)| total(g, o, j) * total(v, o, j)).sum::<f64>() / n as f64
        }
        Alter::Sum(..) => return None,
    })
}
