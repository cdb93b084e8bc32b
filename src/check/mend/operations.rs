//! Another operation on the same operands: one that is easily confused, or the same with the attributes (axes, starts,
//! indices) that it has in `forward`, or in the gradient as the tape computes it.

use std::rc::Rc;

use super::{
    places::{Part, Place, groups},
    program::Program,
    proposal::{Change, Proposal},
};
use crate::check::{
    Line,
    diagnose::other_rows,
    kind::Puts,
    script::{Action, Alter, Edit, Script, Step},
};

/// Operations that are seldom meant where a number or a sign may be wrong instead.
const RARE: &[&str] = &["exp_m1", "ln_1p", "softplus"];

/// How many pieces are exchanged with each other.
const SLICES: usize = 12;

pub(super) fn proposals(program: &Program, places: &[Rc<Place>], all: &mut Vec<Proposal>) {
    exchanged(program, places, all);
    in_turn(program, places, all);
    for place in places.iter().filter(|place| place.part == Part::Result) {
        let step = program.script.steps.get(place.at[0]);
        // A value that the rule receives has the sign that it has.
        let received = step.is_some_and(|step| step.is("identity"));
        all.push(Proposal::new(place, Change::Alter(Alter::Scale(-1.0)), if received { 14 } else { 10 }, ""));
        let Some(step) = step else { continue };
        for (edit, _) in other_rows(step) {
            let (Edit::Row(row), Action::Elementwise(_, number)) = (edit, &step.action) else { continue };
            let actions = vec![Action::Elementwise(row, *number); place.at.len()];
            let cost = if RARE.contains(&row.name) { 13 } else { 10 };
            all.push(Proposal::new(place, Change::Act(actions, row.name.to_owned()), cost, ""));
        }
        if step.has_terms() {
            all.extend([0, 1].map(|keep| Proposal::new(place, Change::Keep(keep), 13, "")));
        }
        // A factor or a divisor too many: the other operand alone.
        if let (1, "mul" | "div", [a, b]) = (place.at.len(), step.name(), &step.inputs[..]) {
            for (i, alone) in [a, b].into_iter().enumerate().take(if step.name() == "mul" { 2 } else { 1 }) {
                if program.shape_of(*alone).is_some_and(|shape| shape == step.shape) {
                    let one = Proposal::new(place, Change::Alter(Alter::Use(*alone)), 12, format!("operand {i} alone"));
                    all.push(one.putting(Puts::Received));
                }
            }
        }
        if let (Action::Op(own), 1) = (&step.action, place.at.len()) {
            for other in alike(program, step) {
                let Action::Op(op) = &other.action else { continue };
                let what = match is_indexed(other) {
                    _ if (step.name(), other.name()) == ("reshape", "permute") => other.name().to_owned(),
                    true => format!("`{}` with the indices of {}", other.name(), Line::from(other.at)),
                    false => op.attributes(),
                };
                let another = is_indexed(other) || op.attributes() != own.attributes();
                if another && other.shape == step.shape {
                    all.push(Proposal::new(place, Change::Act(vec![other.action.clone()], what), 12, ""));
                }
            }
        }
        let n = step.inputs.len();
        if step.name() == "concat" {
            for a in 0..n.min(6) {
                all.extend((a + 1..n.min(6)).map(|b| Proposal::new(place, Change::Exchange(a, b), 12, "")));
            }
        }
    }
}

/// Two pieces of one value, each taken for the other.
fn exchanged(program: &Program, places: &[Rc<Place>], all: &mut Vec<Proposal>) {
    let steps = &program.script.steps;
    let slices = places.iter().filter(|p| p.part == Part::Result && p.at.len() == 1);
    let slices = slices.filter(|p| steps.get(p.at[0]).is_some_and(|step| step.name() == "slice"));
    let slices: Vec<usize> = slices.map(|p| p.at[0]).take(SLICES).collect();
    for (i, &a) in slices.iter().enumerate() {
        for &b in &slices[i + 1..] {
            let (one, two) = (&steps[a], &steps[b]);
            let (Action::Op(own), Action::Op(other)) = (&one.action, &two.action) else { continue };
            if one.inputs == two.inputs && one.shape == two.shape && own.attributes() != other.attributes() {
                let place = Place { at: vec![a, b], ..Place::one(a, Part::Result, false) };
                let what = format!("{}, and the other way round,", other.attributes());
                let change = Change::Act(vec![two.action.clone(), one.action.clone()], what);
                all.push(Proposal::new(&Rc::new(place), change, 12, ""));
            }
        }
    }
}

/// Operations that move numbers from, or to, a place of their own each time a line runs.
const PLACED: &[&str] = &["slice", "scatter", "index_select", "index_add"];

/// What the steps of a loop do elsewhere, one after the other: the places that a loop of `forward` reads, in its order or
/// in reverse, or all places in order.
fn in_turn(program: &Program, places: &[Rc<Place>], all: &mut Vec<Proposal>) {
    let steps = &program.script.steps;
    for place in places.iter().filter(|p| p.part == Part::Result && p.at.len() > 1) {
        let Some(step) = steps.get(place.at[0]).filter(|step| PLACED.contains(&step.name())) else { continue };
        let one_shape = place.at.iter().all(|&k| steps[k].shape == step.shape);
        let mut seen = vec![place.at.iter().map(|&k| attributes(&steps[k])).collect::<Vec<_>>()];
        for row in rows(program, step).into_iter().filter(|_| one_shape) {
            let back: Vec<&Step> = row.iter().rev().copied().collect();
            for window in row.windows(place.at.len()).chain(back.windows(place.at.len())) {
                let texts: Vec<String> = window.iter().map(|step| attributes(step)).collect();
                if seen.contains(&texts) {
                    continue;
                }
                let what = format!("{}, one after the other,", texts.join("; "));
                let actions = window.iter().map(|step| step.action.clone()).collect();
                all.push(Proposal::new(place, Change::Act(actions, what), 13, ""));
                seen.push(texts);
            }
        }
    }
}

fn attributes(step: &Step) -> String {
    match &step.action {
        Action::Op(op) => op.attributes(),
        Action::Elementwise(..) => String::new(),
    }
}

/// Steps of one operation and shape: those of each loop, and all different ones in the order of their numbers.
fn rows<'p>(program: &'p Program, step: &Step) -> Vec<Vec<&'p Step>> {
    let fits = |other: &&Step| other.name() == step.name() && other.shape == step.shape;
    let scripts: [Option<&Script>; 3] = [Some(&program.forward), program.truth.as_ref(), Some(&program.script)];
    let (mut rows, mut every): (Vec<Vec<&Step>>, Vec<&Step>) = (Vec::new(), Vec::new());
    for script in scripts.into_iter().flatten() {
        let loops = groups(script).into_iter().map(|group| group.into_iter().map(|k| &script.steps[k]));
        rows.extend(loops.map(|group| group.filter(fits).collect()));
        every.extend(script.steps.iter().filter(fits));
    }
    let numbers = |step: &&Step| -> Vec<usize> {
        attributes(step).split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
    };
    every.sort_by_cached_key(numbers);
    every.dedup_by_key(|step| attributes(step));
    rows.push(every);
    rows
}

/// Operations that do the same with indices given in another way.
const KIN: &[&[&str]] = &[&["index_add", "scatter_add"], &["index_select", "gather"]];

/// Whether it reads or writes by a list of indices.
fn is_indexed(step: &Step) -> bool {
    KIN.iter().any(|kin| kin.contains(&step.name()))
}

/// Whether one may stand for the other. A reshape to the shape of a transpose is none.
fn are_kin(a: &str, b: &str) -> bool {
    a == b || (a, b) == ("permute", "reshape") || KIN.iter().any(|kin| kin.contains(&a) && kin.contains(&b))
}

/// Steps of the same operation, or of one that does the same, in `forward`, in the true gradient, and elsewhere in the rule.
fn alike<'p>(program: &'p Program, step: &'p Step) -> impl Iterator<Item = &'p Step> {
    let scripts: [Option<&Script>; 3] = [Some(&program.forward), program.truth.as_ref(), Some(&program.script)];
    let mut seen: Vec<String> = Vec::new();
    scripts.into_iter().flatten().flat_map(|script| &script.steps).filter(move |other| {
        let Action::Op(op) = &other.action else { return false };
        // Indices are no part of what an operation says of itself, so those of each line count.
        let line = is_indexed(other).then(|| Line::from(other.at).to_string());
        let key = format!("{} {} {line:?}", other.name(), op.attributes());
        let new = are_kin(other.name(), step.name()) && !seen.contains(&key);
        if new {
            seen.push(key);
        }
        new
    })
}
