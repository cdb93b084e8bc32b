//! The missing term, read from the difference itself.
//!
//! If the rule lacks one term of a sum, then t − a is that term. Terms of derivatives are products of few values: the
//! upstream gradient, inputs, outputs, and what `forward` or the rule compute on the way. So t − a is compared with c ·
//! v and c · v · w for all such values, with the same number c for all elements and both points. Elements that are
//! right are left out, because the term may belong to only one branch; the region is then reported with it.

use crate::{
    Shape, Tensor,
    check::{
        Fault, Line, Verdict,
        case::{Case, Point},
        given::Place,
        numbers::{EXACT, is_finite, size, spread, spreads_to},
        script::Script,
    },
};

/// With fewer elements than this, a product could fit by chance.
const FEWEST: usize = 4;
/// Products are formed from at most this many values.
const VALUES: usize = 60;

/// A value with its description, at each point.
struct Value {
    name: String,
    line: Option<Line>,
    numbers: Vec<Vec<f64>>,
}

pub(super) fn faults(case: &Case, k: usize) -> Option<Verdict> {
    let shape = case.first().truth[k].shape().clone();
    let missing: Vec<Vec<f64>> = case
        .points
        .iter()
        .map(|p| {
            let answer = p.answer[k].as_ref().filter(|a| a.shape() == p.truth[k].shape())?;
            Some(p.truth[k].to_vec().iter().zip(answer.to_vec()).map(|(t, a)| t - a).collect())
        })
        .collect::<Option<_>>()?;
    let rounding = case.measured(EXACT);
    let scale = case.points.iter().map(|p| size(&p.truth[k])).fold(0.0, f64::max);
    let values = values(case, k, &shape)?;
    let ones: Vec<Vec<f64>> = missing.iter().map(|m| vec![1.0; m.len()]).collect();
    for (i, v) in values.iter().enumerate() {
        for (j, w) in std::iter::once((i, None)).chain(values.iter().enumerate().skip(i).map(|(j, w)| (j, Some(w)))) {
            let factor = w.map_or(&ones, |w| &w.numbers);
            let Some((c, residual)) = multiple(&missing, &v.numbers, factor, scale, rounding) else { continue };
            let product = match w {
                None => v.name.clone(),
                Some(w) if i == j => format!("{}²", w.name),
                Some(w) => format!("{} · {}", v.name, w.name),
            };
            let term = if (c - 1.0).abs() < rounding { product } else { format!("{c:.6} · {product}") };
            let line = v.line.clone().or(w.and_then(|w| w.line.clone()));
            let evidence = format!("the true gradient is the rule's plus {term}, exactly");
            let verdict = case.verdict(k, Fault::DroppedTerm { term }, residual);
            return Some(verdict.because(evidence).at(line));
        }
    }
    None
}

/// The c of m = c · v · w, if there is one.
fn multiple(m: &[Vec<f64>], v: &[Vec<f64>], w: &[Vec<f64>], scale: f64, rounding: f64) -> Option<(f64, f64)> {
    let (mut along, mut square) = (0.0, 0.0);
    let triples = || {
        let all = m.iter().zip(v).zip(w).flat_map(|((m, v), w)| m.iter().zip(v).zip(w));
        all.filter(|((m, _), _)| m.abs() > rounding * scale)
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
    (c.is_finite() && c != 0.0 && off <= rounding).then_some((c, off))
}

/// Everything that a term may consist of and that broadcasts to the shape of the gradient.
fn values(case: &Case, k: usize, shape: &Shape) -> Option<Vec<Value>> {
    let mut values: Vec<Value> = Vec::new();
    let mut offer = |name: String, line: Option<Line>, at: Vec<Tensor>| {
        let fit = |t: &Tensor| (spreads_to(t, shape) && is_finite(t)).then(|| spread(t, shape).to_vec());
        let numbers: Option<Vec<Vec<f64>>> = at.iter().map(fit).collect();
        let room = values.len() < VALUES;
        if let Some(numbers) = numbers.filter(|new| room && !values.iter().any(|known| known.numbers == *new)) {
            values.push(Value { name, line, numbers });
        }
    };
    // The upstream gradient is in most terms, so it comes first.
    let mut places = case.first().given.places();
    places.sort_by_key(|place| !matches!(place, Place::Upstream(_)));
    for place in places {
        offer(place.to_string(), None, case.points.iter().map(|p| p.given.get(place).cloned()).collect::<Option<_>>()?);
    }
    let (forward, rule) = (case.forward_script()?, case.rule_script(k)?);
    type Arguments = fn(&Point) -> Vec<&Tensor>;
    let programs: [(&Script, Arguments); 2] =
        [(&rule, |p| p.given.values().collect()), (&forward, |p| p.given.x.iter().collect())];
    for (script, arguments) in programs {
        let all: Vec<Vec<Tensor>> = case.points.iter().map(|p| script.results(arguments(p))).collect::<Option<_>>()?;
        for (at, step) in script.steps.iter().enumerate() {
            let line = Line::from(step.at);
            let name = format!("`{}` ({line})", step.name());
            offer(name, Some(line), all.iter().map(|values| values[at].clone()).collect());
        }
    }
    Some(values)
}
