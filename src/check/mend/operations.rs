//! Another operation on the same operands: one that is easily confused, or the same with the attributes (axes, starts,
//! indices) that it has in `forward`, or in the gradient as the tape computes it.

use std::rc::Rc;

use super::{
    places::{Part, Place},
    program::Program,
    proposal::{Change, Proposal},
};
use crate::check::{
    diagnose::other_rows,
    kind::Puts,
    script::{Action, Alter, Edit, Script, Step},
};

pub(super) fn proposals(program: &Program, places: &[Rc<Place>], all: &mut Vec<Proposal>) {
    for place in places.iter().filter(|place| place.part == Part::Result) {
        all.push(Proposal::new(place, Change::Alter(Alter::Scale(-1.0)), 10, ""));
        let Some(step) = program.script.steps.get(place.at[0]) else { continue };
        for (edit, _) in other_rows(step) {
            let (Edit::Row(row), Action::Elementwise(_, number)) = (edit, &step.action) else { continue };
            let actions = vec![Action::Elementwise(row, *number); place.at.len()];
            all.push(Proposal::new(place, Change::Act(actions, row.name.to_owned()), 10, ""));
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
                if op.attributes() != own.attributes() && other.shape == step.shape {
                    let what = op.attributes();
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

/// Steps of the same operation in `forward`, in the true gradient, and elsewhere in the rule.
fn alike<'p>(program: &'p Program, step: &'p Step) -> impl Iterator<Item = &'p Step> {
    let scripts: [Option<&Script>; 3] = [Some(&program.forward), program.truth.as_ref(), Some(&program.script)];
    let mut seen: Vec<String> = Vec::new();
    scripts.into_iter().flatten().flat_map(|script| &script.steps).filter(move |other| {
        let Action::Op(op) = &other.action else { return false };
        let new = other.name() == step.name() && !seen.contains(&op.attributes());
        if new {
            seen.push(op.attributes());
        }
        new
    })
}
