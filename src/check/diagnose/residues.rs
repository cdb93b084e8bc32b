//! The term that is missing, read off the difference itself.
//!
//! If the rule lacks one term of a sum, then t − a is that term. Terms of derivatives are products of few values: the
//! upstream gradient, inputs, outputs, and what `forward` or the rule compute on the way. So t − a is compared with
//! c · v and c · v · w for all such values, with one number c for all elements and both points. Elements that are right
//! are left out, for the term may belong to one branch alone; the region is described beside it.

use super::{Case, Point, paths::script_of, repairs::rule_script, size};
use crate::{
    Shape, Tape, Tensor, Var,
    check::{
        Fault, Line, Verdict,
        script::{Script, Source},
        subject::caught,
    },
};

/// With fewer elements than this a product could fit by chance.
const FEWEST: usize = 4;
/// Products are formed of this many values at most.
const VALUES: usize = 60;

/// A value with its description, at each point.
struct Value {
    name: String,
    line: Option<Line>,
    numbers: Vec<Vec<f64>>,
}

pub(super) fn faults(case: &Case<'_>, k: usize) -> Option<Verdict> {
    let shape = case.points[0].truth[k].shape().clone();
    let missing: Vec<Vec<f64>> = case
        .points
        .iter()
        .map(|p| {
            let answer = p.answer[k].as_ref().filter(|a| a.shape() == p.truth[k].shape())?;
            Some(p.truth[k].to_vec().iter().zip(answer.to_vec()).map(|(t, a)| t - a).collect())
        })
        .collect::<Option<_>>()?;
    let scale = case.points.iter().map(|p| size(&p.truth[k])).fold(0.0, f64::max);
    let values = values(case, k, &shape)?;
    let ones: Vec<Vec<f64>> = missing.iter().map(|m| vec![1.0; m.len()]).collect();
    for (i, v) in values.iter().enumerate() {
        for (j, w) in std::iter::once((i, None)).chain(values.iter().enumerate().skip(i).map(|(j, w)| (j, Some(w)))) {
            let factor = w.map_or(&ones, |w| &w.numbers);
            let Some((c, residual)) = multiple(&missing, &v.numbers, factor, scale) else { continue };
            let product = match w {
                None => v.name.clone(),
                Some(w) if i == j => format!("{}²", w.name),
                Some(w) => format!("{} · {}", v.name, w.name),
            };
            let term = if (c - 1.0).abs() < 1e-9 { product } else { format!("{c:.6} · {product}") };
            let line = v.line.clone().or(w.and_then(|w| w.line.clone()));
            let evidence = format!("the true gradient is the rule's plus {term}, exactly");
            let verdict = Verdict::new(Fault::DroppedTerm { term }, format!("input {k}"), residual);
            return Some(verdict.because(evidence).at(line));
        }
    }
    None
}

/// The c of m = c · v · w, if there is one.
fn multiple(m: &[Vec<f64>], v: &[Vec<f64>], w: &[Vec<f64>], scale: f64) -> Option<(f64, f64)> {
    let (mut along, mut square) = (0.0, 0.0);
    let triples = || {
        let all = m.iter().zip(v).zip(w).flat_map(|((m, v), w)| m.iter().zip(v).zip(w));
        all.filter(|((m, _), _)| m.abs() > super::EXACT * scale)
    };
    if triples().count() < FEWEST {
        return None;
    }
    for ((m, v), w) in triples() {
        along += m * v * w;
        square += v * w * v * w;
    }
    let c = along / square;
    let off = triples().map(|((m, v), w)| (m - c * v * w).abs()).fold(0.0, f64::max) / scale;
    (c.is_finite() && c != 0.0 && off <= super::EXACT).then_some((c, off))
}

/// Everything that a term may be made of and that spreads to the shape of the gradient.
fn values(case: &Case<'_>, k: usize, shape: &Shape) -> Option<Vec<Value>> {
    let mut values: Vec<Value> = Vec::new();
    let mut offer = |name: String, line: Option<Line>, at: Vec<Tensor>| {
        let spread = |t: &Tensor| {
            let fits = t.shape().broadcast(shape).as_ref() == Some(shape) && t.first_non_finite().is_none();
            fits.then(|| super::relations::spread(t, shape).to_vec())
        };
        let numbers: Option<Vec<Vec<f64>>> = at.iter().map(spread).collect();
        let room = values.len() < VALUES;
        if let Some(numbers) = numbers.filter(|new| room && !values.iter().any(|known| known.numbers == *new)) {
            values.push(Value { name, line, numbers });
        }
    };
    type Group = (&'static str, fn(&Point) -> &[Tensor]);
    let groups: [Group; 4] =
        [("upstream gradient", |p| &p.dz), ("input", |p| &p.x), ("output", |p| &p.z), ("saved value", |p| &p.memory)];
    for (name, of) in groups {
        for i in 0..of(&case.points[0]).len() {
            let at = case.points.iter().map(|p| of(p)[i].clone()).collect();
            offer(format!("{name} {i}"), None, at);
        }
    }
    let forward = script_of(case.function, &case.points[0].x)?;
    let rule = rule_script(case, &case.points[0], k)?;
    type Slots = fn(&Point) -> Vec<Tensor>;
    let programs: [(&Script, Slots); 2] =
        [(&rule, |p| [&p.x[..], &p.z, &p.dz, &p.memory].concat()), (&forward, |p| p.x.clone())];
    for (script, slots) in programs {
        let all: Vec<Vec<Tensor>> = case.points.iter().map(|p| results(script, &slots(p))).collect::<Option<_>>()?;
        for (at, step) in script.steps.iter().enumerate() {
            let line = Line::from(step.at);
            let name = format!("`{}` ({line})", step.name());
            offer(name, Some(line), all.iter().map(|values| values[at].clone()).collect());
        }
    }
    Some(values)
}

/// The results of all steps of a script.
pub(super) fn results(script: &Script, slots: &[Tensor]) -> Option<Vec<Tensor>> {
    let mut all = script.clone();
    all.outputs = (0..script.steps.len()).map(Source::Step).collect();
    caught(|| {
        let tape = Tape::f64();
        let slots: Vec<Var<'_>> = slots.iter().map(|x| tape.constant(x)).collect();
        Some(all.run(&tape, &slots, &[])?.iter().map(|y| y.value()).collect())
    })
    .ok()
    .flatten()
}
