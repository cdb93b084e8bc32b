//! Values that may have been meant: what the rule receives, what `forward` computes, and what a slope is made of.

use crate::{
    Tensor,
    check::{
        Line,
        case::Case,
        given::{Given, Place as Of},
        kind::Puts,
        script::{Script, Source},
    },
};

use super::{places::groups, program::At};

/// A value that may be put into a rule.
pub(super) struct Value {
    pub source: Source,
    pub name: String,
    /// The number at each point.
    pub at: Vec<Tensor>,
    /// The smaller, the likelier.
    pub cost: u32,
    /// Whether it depends on an upstream gradient.
    pub carries: bool,
    /// Whether it is received, computed, or a complement.
    pub puts: Puts,
}

/// How the arguments past those that the rule receives are computed.
pub(super) struct Computed {
    /// Steps of `forward` whose complements 1 − v, or 1 − v², are offered too.
    slopes: Vec<(usize, bool)>,
    /// Steps of the true gradient that multiply an upstream gradient and do not depend on one.
    derivatives: Vec<usize>,
}

/// Operations whose slopes are 1 − z², z (1 − z): what is often forgotten is the bracket.
const BOUNDED: &[&str] = &["tanh", "sigmoid", "softmax"];

/// Everything that can be computed from what `forward` records.
pub(super) fn computed(forward: &Script, truth: Option<&Script>, inputs: usize) -> Computed {
    let bounded = |(k, step): (usize, &crate::check::script::Step)| BOUNDED.contains(&step.name()).then_some(k);
    let slopes = forward.steps.iter().enumerate().filter_map(bounded).flat_map(|k| [(k, false), (k, true)]).collect();
    let derivatives = truth.map_or(Vec::new(), |truth| derivatives(truth, inputs));
    Computed { slopes, derivatives }
}

impl Computed {
    /// The additional arguments at a point.
    pub fn at(&self, given: &Given<Tensor>, forward: &Script, truth: Option<&Script>) -> Option<Vec<Tensor>> {
        let mut all = forward.results(&given.x)?;
        let results = all.clone();
        let complement = |value: &Tensor, squared: bool| {
            crate::check::numbers::mapped(value, |_, v| 1.0 - if squared { v * v } else { v })
        };
        all.extend(forward.fixed.iter().cloned());
        all.extend(self.slopes.iter().map(|&(k, squared)| complement(&results[k], squared)));
        for place in given.places() {
            let value = given.get(place)?;
            all.extend([false, true].map(|squared| complement(value, squared)));
        }
        if let Some(truth) = truth.filter(|_| !self.derivatives.is_empty()) {
            let results = truth.results(given.x.iter().chain(&given.dz))?;
            all.extend(self.derivatives.iter().map(|&k| results[k].clone()));
        }
        Some(all)
    }
}

/// The steps of a gradient that its upstream gradients are multiplied by.
fn derivatives(truth: &Script, inputs: usize) -> Vec<usize> {
    let mut carries = vec![false; truth.steps.len()];
    let mut found = Vec::new();
    for (k, step) in truth.steps.iter().enumerate() {
        let of = |source: &Source| match source {
            Source::Argument(a) => *a >= inputs,
            Source::Step(s) => carries[*s],
            Source::Fixed(_) => false,
        };
        let free: Vec<Source> = step.inputs.iter().filter(|source| !of(source)).copied().collect();
        let depends = free.len() < step.inputs.len();
        if depends && matches!(step.name(), "mul" | "select" | "div") {
            for source in free {
                if let Source::Step(s) = source
                    && !found.contains(&s)
                {
                    found.push(s);
                }
            }
        }
        carries[k] = depends;
    }
    found
}

/// All values, the likeliest first.
pub(super) fn all(
    case: &Case,
    (script, answers): (&Script, usize),
    forward: &Script,
    truth: Option<&Script>,
    more: &Computed,
    points: &[At],
) -> Vec<Value> {
    let given = &case.first().given;
    let places = given.places();
    let mut all: Vec<Value> = Vec::new();
    let mut offer = |source: Source, name: String, at: Vec<Tensor>, cost: u32, carries: bool, puts: Puts| {
        let finite = at.iter().all(crate::check::numbers::is_finite);
        let known = |v: &Value| v.carries == carries && v.at == at;
        if finite && !all.iter().any(known) {
            all.push(Value { source, name, at, cost, carries, puts });
        }
    };
    let argument = |k: usize| points.iter().map(|p| p.arguments[k].clone()).collect::<Vec<_>>();
    for (k, place) in places.iter().enumerate() {
        let upstream = matches!(place, Of::Upstream(_));
        offer(Source::Argument(k), place.to_string(), argument(k), 0, upstream, Puts::Received);
    }
    // The rule's own values, live.
    let results: Vec<Vec<Tensor>> = points.iter().filter_map(|p| script.results(&p.arguments)).collect();
    if results.len() == points.len() {
        let carrying = carrying(script, &places);
        for (k, step) in script.steps.iter().enumerate() {
            let name = format!("the value of `{}` ({})", step.called(), Line::from(step.at));
            // What was computed and is not used was meant for something.
            let cost = if script.outputs[answers..].contains(&Source::Step(k)) { 0 } else { 2 };
            let at = results.iter().map(|r| r[k].clone()).collect();
            offer(Source::Step(k), name, at, cost, carrying[k], Puts::Computed);
        }
    }
    let first = places.len();
    for (k, step) in forward.steps.iter().enumerate() {
        let name = format!("the value of `{}` ({})", step.called(), Line::from(step.at));
        offer(Source::Argument(first + k), name, argument(first + k), 3, false, Puts::Computed);
    }
    let mut next = first + forward.steps.len() + forward.fixed.len();
    let complement = |of: &str, squared: bool| if squared { format!("1 − ({of})²") } else { format!("1 − {of}") };
    for &(k, squared) in &more.slopes {
        let step = &forward.steps[k];
        let name = complement(&format!("the value of `{}` ({})", step.called(), Line::from(step.at)), squared);
        offer(Source::Argument(next), name, argument(next), 2, false, Puts::Complement);
        next += 1;
    }
    for place in &places {
        for squared in [false, true] {
            if !matches!(place, Of::Upstream(_)) {
                let name = complement(&place.to_string(), squared);
                offer(Source::Argument(next), name, argument(next), 1, false, Puts::Complement);
            }
            next += 1;
        }
    }
    for &k in more.derivatives.iter().filter(|_| truth.is_some()) {
        let step = &truth.expect("there are derivatives").steps[k];
        let of = forward.steps.iter().rev().find(|other| other.at == step.at).unwrap_or(step);
        let name = format!("the slope of `{}` ({})", of.name(), Line::from(step.at));
        offer(Source::Argument(next), name, argument(next), 2, false, Puts::Computed);
        next += 1;
    }
    all
}

/// Which steps depend on an upstream gradient.
pub(in crate::check) fn carrying(script: &Script, places: &[Of]) -> Vec<bool> {
    let mut carries = vec![false; script.steps.len()];
    for (k, step) in script.steps.iter().enumerate() {
        carries[k] = step.inputs.iter().any(|source| match source {
            Source::Argument(a) => matches!(places.get(*a), Some(Of::Upstream(_))),
            Source::Step(s) => carries[*s],
            Source::Fixed(_) => false,
        });
    }
    carries
}

/// Values of a loop: one for each iteration, with a name for all.
pub(super) struct Family {
    pub sources: Vec<Source>,
    pub name: String,
    /// Whether they depend on an upstream gradient.
    pub carries: bool,
}

/// The families of `forward` (whose steps are arguments from `first` on) and of the rule itself.
pub(super) fn families(script: &Script, forward: &Script, first: usize, places: &[Of]) -> Vec<Family> {
    let mut all = Vec::new();
    // What is saved at each step of a loop.
    let saved = |other: fn(&Of) -> bool, name: &str| {
        let sources: Vec<Source> = (0..places.len()).filter(|&k| other(&places[k])).map(Source::Argument).collect();
        Family { sources, name: name.to_owned(), carries: false }
    };
    all.push(saved(|place| matches!(place, Of::Saved(_)), "the saved value of each step"));
    all.push(saved(|place| matches!(place, Of::Output(_)), "the output of each step"));
    for group in groups(forward) {
        let step = &forward.steps[group[0]];
        let name = format!("the value of `{}` ({}) in each step", step.called(), Line::from(step.at));
        let sources = group.iter().map(|&k| Source::Argument(first + k)).collect();
        all.push(Family { sources, name, carries: false });
        for operand in 0..step.inputs.len() {
            let read: Option<Vec<Source>> = group
                .iter()
                .map(|&k| match *forward.steps[k].inputs.get(operand)? {
                    Source::Step(s) => Some(Source::Argument(first + s)),
                    Source::Argument(a) => Some(Source::Argument(a)),
                    Source::Fixed(f) => Some(Source::Argument(first + forward.steps.len() + f)),
                })
                .collect();
            let name = format!("operand {operand} of `{}` ({}) in each step", step.called(), Line::from(step.at));
            let changes = |read: &Vec<Source>| read.windows(2).any(|pair| pair[0] != pair[1]);
            all.extend(read.filter(changes).map(|sources| Family { sources, name, carries: false }));
        }
    }
    let carrying = carrying(script, places);
    for group in groups(script) {
        let step = &script.steps[group[0]];
        let name = format!("the value of `{}` ({}) in each step", step.called(), Line::from(step.at));
        let carries = group.iter().any(|&k| carrying[k]);
        all.push(Family { sources: group.iter().map(|&k| Source::Step(k)).collect(), name, carries });
    }
    all
}

/// The slopes of steps of `forward` that run in a loop, and the complements of their values, one for each iteration.
pub(super) fn slopes_of_loops(values: &[Value]) -> Vec<Family> {
    let slope = |v: &&Value| v.puts == Puts::Complement || v.name.starts_with("the slope of");
    let mut all: Vec<Family> = Vec::new();
    for value in values.iter().filter(slope).filter(|v| matches!(v.source, Source::Argument(_))) {
        match all.iter_mut().find(|family| family.name == value.name) {
            Some(family) => family.sources.push(value.source),
            None => all.push(Family { sources: vec![value.source], name: value.name.clone(), carries: false }),
        }
    }
    all.retain(|family| family.sources.len() > 1);
    all.iter_mut().for_each(|family| family.name += " in each step");
    all
}

impl Family {
    /// The family beside the steps of a place, in its order or in reverse, from any start.
    pub fn beside(&self, count: usize) -> Vec<Vec<Source>> {
        let n = self.sources.len();
        if n < count {
            return Vec::new();
        }
        let mut all = Vec::new();
        for start in 0..=n - count {
            let part = &self.sources[start..start + count];
            all.push(part.to_vec());
            all.push(part.iter().rev().copied().collect());
        }
        all
    }
}
