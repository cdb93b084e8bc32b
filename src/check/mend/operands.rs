//! Another value where one is read, a transposition, a value read backwards, operands exchanged.

use std::rc::Rc;

use super::{
    places::{Part, Place},
    program::Program,
    proposal::{Change, Proposal},
    values::Family,
};
use crate::{
    Shape,
    check::{
        kind::Puts,
        script::{Action, Alter, Source},
    },
};

pub(super) fn proposals(program: &Program, places: &[Rc<Place>], families: &[Family], all: &mut Vec<Proposal>) {
    for place in places {
        let Some(shape) = program.shape_at(place) else { continue };
        let rank = shape.rank() as isize;
        let product = program.script.steps.get(place.at[0]).is_some_and(|step| step.name() == "matmul");
        let mut put = |change: Change, cost: u32, with: &str, puts: Puts| {
            all.push(Proposal::new(place, change, cost, with).putting(puts));
        };
        let mut offer = |change: Change, cost: u32| put(change, cost, "", Puts::Other);
        if rank >= 2 && shape[shape.rank() - 1] == shape[shape.rank() - 2] {
            offer(Change::Alter(Alter::Turn(rank - 2, rank - 1)), if product { 11 } else { 13 });
            // A value is made symmetric where it is made.
            let made = matches!(place.part, Part::Operand(i) if !program.read_elsewhere(place.at[0], i));
            for by in [1.0, 0.5].into_iter().filter(|_| !made) {
                offer(Change::Alter(Alter::Mirror(by)), 14);
            }
        }
        let name = program.script.steps.get(place.at[0]).map_or("", |step| step.name());
        // A reshape reads its numbers in their order, whatever the shape.
        if rank >= 2 && name == "reshape" && place.part == Part::Operand(0) && !is_square(&shape) {
            offer(Change::Alter(Alter::Turn(rank - 2, rank - 1)), 12);
        }
        // What is cut out of a value, or put into a larger one, is easily off by one.
        let moves =
            (name == "slice" && place.part == Part::Operand(0)) || (name == "scatter" && place.part == Part::Result);
        for axis in (0..rank).filter(|&axis| shape[axis as usize] > 1) {
            let n = shape[axis as usize];
            offer(
                Change::Alter(Alter::Flip(axis)),
                match n {
                    ..3 => 15,
                    // It is turned around already.
                    _ if place.part == Part::Result && turns(program, place.at[0], axis) => 10,
                    _ if name == "identity" => 11,
                    _ => 13,
                },
            );
            for by in [1, -1, 2, -2].into_iter().filter(|by: &isize| 2 * by.unsigned_abs() < n) {
                let cost = if moves { 11 + by.unsigned_abs() as u32 } else { 17 };
                offer(Change::Alter(Alter::Roll(axis, by)), cost);
            }
            if place.part == Part::Result {
                offer(Change::Alter(Alter::Center(axis)), 16);
            }
        }
        let Part::Operand(operand) = place.part else { continue };
        let read = |step: usize| program.script.steps[step].inputs[operand];
        let exchanged = match name {
            "matmul" => is_square(&shape),
            "sub" | "div" => true,
            _ => false,
        };
        if operand > 0 && exchanged {
            offer(Change::Exchange(0, operand), 12);
        }
        // A number that is written into the rule is no value that was taken for another.
        if matches!(read(place.at[0]), Source::Fixed(k) if program.script.fixed[k].numel() == 1) {
            continue;
        }
        for value in program.values.iter().filter(|v| *v.at[0].shape() == shape) {
            if place.at.iter().all(|&step| read(step) != value.source) {
                // The answer itself, or what it is made of, may not be put in from outside.
                let cost = 13 + 2 * value.cost.min(2) + value.cost / 3;
                put(Change::Alter(Alter::Use(value.source)), cost, &value.name, value.puts);
            }
        }
        if place.at.len() > 1 {
            for family in families {
                for sources in family.beside(place.at.len()) {
                    if place.at.iter().zip(&sources).any(|(&step, &source)| read(step) != source) {
                        let each = Change::Each(sources.into_iter().map(Alter::Use).collect());
                        put(each, 14, &family.name, Puts::Computed);
                    }
                }
            }
        }
    }
}

/// Whether a step reads an axis backwards.
fn turns(program: &Program, step: usize, axis: isize) -> bool {
    let Some(Action::Op(op)) = program.script.steps.get(step).map(|step| &step.action) else { return false };
    let text = op.attributes();
    let steps = text.split_once("step [").filter(|_| op.name() == "slice").map(|(_, steps)| steps);
    steps.and_then(|steps| steps.split(", ").nth(axis as usize)).is_some_and(|step| step.starts_with('-'))
}

fn is_square(shape: &Shape) -> bool {
    matches!(shape.dims(), [.., a, b] if a == b)
}
