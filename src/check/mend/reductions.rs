//! A sum or a mean over other axes. Whoever reads it must be able to do with the other shape, as where it is broadcast.

use std::rc::Rc;

use super::{
    places::{Part, Place, readers},
    program::Program,
    proposal::{Change, Proposal},
};
use crate::check::script::{Action, Alter, Source, Step};

pub(super) fn proposals(program: &Program, places: &[Rc<Place>], all: &mut Vec<Proposal>) {
    for (sum, step) in program.script.steps.iter().enumerate().filter(|(_, step)| step.name() == "sum") {
        let Some(&of) = step.inputs.first() else { continue };
        let rank = match of {
            Source::Step(k) => program.script.steps[k].shape.rank(),
            _ => continue,
        };
        // A mean is a sum times a number.
        let scaled = readers(&program.script, sum).next().filter(|(k, _)| is_scaled(&program.script.steps[*k]));
        for (read, mean) in [(Some(sum), false), (scaled.map(|s| s.0), true)] {
            let Some(read) = read else { continue };
            for place in places.iter().filter(|p| p.at.len() == 1) {
                let Part::Operand(i) = place.part else { continue };
                if program.script.steps[place.at[0]].inputs[i] != Source::Step(read) {
                    continue;
                }
                for axes in
                    (0..rank as isize).map(|axis| vec![axis]).chain((rank > 1).then(|| (0..rank as isize).collect()))
                {
                    // The same sum with another number is a matter of the number.
                    if named(&axes) == axes_of(step) {
                        continue;
                    }
                    let what = if mean { "averaged" } else { "summed" };
                    let how = format!("{what} over {} instead of {}", axes_of(step), named(&axes));
                    all.push(Proposal::new(place, Change::Alter(Alter::Sum(of, axes, mean)), 12, how));
                }
            }
        }
    }
}

fn is_scaled(step: &Step) -> bool {
    step.inputs.len() == 1 && step.has_number() && matches!(step.name(), "mul" | "div")
}

/// The axes that a reduction runs over, in words.
pub(super) fn axes_of(step: &Step) -> String {
    let Action::Op(op) = &step.action else { return "other axes".to_owned() };
    let text = op.attributes();
    let axes: Vec<isize> = text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect();
    named(&axes)
}

/// "axis 1", "axes 0, 2".
pub(super) fn named(axes: &[isize]) -> String {
    let list: Vec<String> = axes.iter().map(isize::to_string).collect();
    format!("{} {}", if axes.len() == 1 { "axis" } else { "axes" }, list.join(", "))
}
