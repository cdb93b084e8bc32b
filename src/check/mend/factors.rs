//! A factor that is missing, or one too many: v w for v, v / w for v. A wrong exponent is one of these.

use std::rc::Rc;

use super::{
    places::{Part, Place},
    program::Program,
    proposal::{Change, Proposal},
    values::{self, Family, Value},
};
use crate::{
    Shape,
    check::{kind::Puts, numbers::spreads_to, script::Alter},
};

pub(super) fn proposals(program: &Program, places: &[Rc<Place>], families: &[Family], all: &mut Vec<Proposal>) {
    let carrying = values::carrying(&program.script, &program.places);
    for place in places {
        let carries = program.carries(&carrying, place);
        let Some(shape) = program.shape_at(place) else { continue };
        // A factor of a term that is spread along an axis, as a mean is, may vary along it.
        if let (Some(whole), 1) = (spread_in_sum(program, place), place.at.len()) {
            let fits = |v: &&Value| !spreads_to(&v.at[0], &shape) && spreads_to(&v.at[0], &whole);
            for value in program.values.iter().filter(|v| !(v.carries && carries)).filter(fits) {
                let times = Change::Alter(Alter::Times(value.source));
                let cost = 12 + 2 * value.cost + u32::from(value.carries);
                all.push(Proposal::new(place, times, cost, &value.name).putting(value.puts));
            }
        }
        // An operand that nobody else reads is edited where it is made.
        if matches!(place.part, Part::Operand(i) if !program.read_elsewhere(place.at[0], i)) {
            continue;
        }
        for value in program.values.iter().filter(|v| !(v.carries && carries) && spreads_to(&v.at[0], &shape)) {
            let cost = 12 + 2 * value.cost + u32::from(value.carries);
            let times = Change::Alter(Alter::Times(value.source));
            all.push(Proposal::new(place, times, cost, &value.name).putting(value.puts));
            if !value.carries {
                let over = Change::Alter(Alter::Over(value.source));
                all.push(Proposal::new(place, over, cost + 2, &value.name).putting(value.puts));
            }
        }
        if place.at.len() > 1 {
            for family in families.iter().filter(|f| !(f.carries && carries)) {
                for sources in family.beside(place.at.len()) {
                    let each = |alter: fn(_) -> Alter| Change::Each(sources.iter().map(|&s| alter(s)).collect());
                    let mut offer = |change: Change, cost: u32| {
                        all.push(Proposal::new(place, change, cost, &family.name).putting(Puts::Computed));
                    };
                    offer(each(Alter::Times), 18);
                    offer(each(Alter::Over), 19);
                }
            }
        }
    }
}

/// The shape of a sum whose operand at this place is broadcast to it.
fn spread_in_sum(program: &Program, place: &Place) -> Option<Shape> {
    let step = program.script.steps.get(place.at[0]).filter(|step| step.has_terms())?;
    let operand = matches!(place.part, Part::Operand(_));
    (operand && program.shape_at(place)? != step.shape).then(|| step.shape.clone())
}
