//! A term that is missing: v + w or v − w for v.

use std::rc::Rc;

use super::{
    places::{Part, Place},
    program::Program,
    proposal::{Change, Proposal},
    values::{self, Family, Value},
};
use crate::check::{
    kind::Puts,
    numbers::spreads_to,
    script::{Alter, Source},
};

pub(super) fn proposals(program: &Program, places: &[Rc<Place>], families: &[Family], all: &mut Vec<Proposal>) {
    let carrying = values::carrying(&program.script, &program.places);
    // What is carried along a loop is not there in its first iteration.
    let loops = places.iter().filter(|place| place.at.len() > 1);
    let later = loops.clone().filter(|place| place.part == Part::Result).map(|place| Rc::new(place.but_first()));
    for place in loops.cloned().chain(later) {
        let carries = program.carries(&carrying, &place);
        for family in families.iter().filter(|family| family.carries == carries) {
            let idle = family.sources.iter().any(|source| program.is_idle(*source));
            for sources in family.beside(place.at.len()) {
                for (times, sign) in [(1.0, ""), (-1.0, "−")] {
                    let each = Change::Each(sources.iter().map(|&source| Alter::Plus(source, times)).collect());
                    let cost = if idle { 18 } else { 28 };
                    all.push(Proposal::new(&place, each, cost, format!("{sign}{}", family.name)));
                }
            }
        }
    }
    // What is computed after the last step of an answer can be added to the answer alone.
    let steps = program.script.steps.len();
    for (j, &source) in program.script.outputs.iter().enumerate().take(program.answers) {
        let Source::Step(end) = source else { continue };
        let place = Rc::new(Place::one(steps + j, Part::Result, true));
        let later = |v: &&Value| v.carries && matches!(v.source, Source::Step(k) if k > end);
        for value in program.values.iter().filter(later) {
            if spreads_to(&value.at[0], &program.script.steps[end].shape) {
                for (times, sign) in [(1.0, ""), (-1.0, "−")] {
                    let plus = Change::Alter(Alter::Plus(value.source, times));
                    all.push(Proposal::new(&place, plus, 26 + value.cost, format!("{sign}{}", value.name)));
                }
            }
        }
    }
    // What was computed and is not used is added where it is there.
    for place in places.iter().filter(|place| place.linear && place.at.len() == 1) {
        let Part::Operand(i) = place.part else { continue };
        let (reader, Some(shape)) = (place.at[0], program.shape_at(place)) else { continue };
        let made = program.script.steps[reader].inputs[i];
        let between = |v: &Value| match (v.source, made) {
            (Source::Step(k), Source::Step(made)) => k < reader && k > made,
            (Source::Step(k), _) => k < reader,
            _ => false,
        };
        let idle = |v: &&Value| program.is_idle(v.source) && between(v) && spreads_to(&v.at[0], &shape);
        for value in program.values.iter().filter(idle) {
            for (times, sign) in [(1.0, ""), (-1.0, "−")] {
                let plus = Change::Alter(Alter::Plus(value.source, times));
                all.push(Proposal::new(place, plus, 20, format!("{sign}{}", value.name)));
            }
        }
    }
    for place in places.iter().filter(|place| place.part == Part::Result && place.linear) {
        let carries = program.carries(&carrying, place);
        let Some(shape) = program.shape_at(place) else { continue };
        for value in program.values.iter().filter(|v| v.carries == carries && spreads_to(&v.at[0], &shape)) {
            for (times, sign) in [(1.0, ""), (-1.0, "−")] {
                let plus = Change::Alter(Alter::Plus(value.source, times));
                let telling = value.puts == Puts::Received || program.is_idle(value.source);
                let cost = if telling { 20 } else { 26 + value.cost };
                all.push(Proposal::new(place, plus, cost, format!("{sign}{}", value.name)));
            }
        }
    }
}
