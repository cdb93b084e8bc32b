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
    check::{
        kind::Puts,
        numbers::spreads_to,
        script::{Alter, Source},
    },
};

pub(super) fn proposals(program: &Program, places: &[Rc<Place>], families: &[Family], all: &mut Vec<Proposal>) {
    let carrying = values::carrying(&program.script, &program.places);
    of_answers(program, all);
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
        // An operand that nobody else reads is edited where it is made, unless the factor is computed after it.
        let made = match place.part {
            Part::Operand(i) if !program.read_elsewhere(place.at[0], i) => {
                Some(program.script.steps[place.at[0]].inputs[i])
            }
            _ => None,
        };
        let new = |source: Source| match (made, source) {
            (None, _) => true,
            (Some(Source::Step(end)), Source::Step(k)) => place.at.len() == 1 && k > end,
            _ => false,
        };
        let fits = |v: &&Value| new(v.source) && !(v.carries && carries) && spreads_to(&v.at[0], &shape);
        for value in program.values.iter().filter(fits) {
            let cost = 12 + 2 * value.cost + u32::from(value.carries);
            let times = Change::Alter(Alter::Times(value.source));
            all.push(Proposal::new(place, times, cost, &value.name).putting(value.puts));
            if !value.carries {
                let over = Change::Alter(Alter::Over(value.source));
                all.push(Proposal::new(place, over, cost + 2, &value.name).putting(value.puts));
            }
        }
        if place.at.len() > 1 && made.is_none() {
            for family in families.iter().filter(|f| !(f.carries && carries)) {
                let idle = family.sources.iter().any(|&source| program.is_idle(source));
                for sources in family.beside(place.at.len()) {
                    let each = |alter: fn(_) -> Alter| Change::Each(sources.iter().map(|&s| alter(s)).collect());
                    let mut offer = |change: Change, cost: u32| {
                        all.push(Proposal::new(place, change, cost, &family.name).putting(Puts::Computed));
                    };
                    let cost = if idle { 13 } else { 18 };
                    offer(each(Alter::Times), cost);
                    offer(each(Alter::Over), cost + u32::from(!idle));
                }
            }
        }
    }
}

/// Factors of an answer that are computed after its last step.
fn of_answers(program: &Program, all: &mut Vec<Proposal>) {
    for (j, &source) in program.script.outputs.iter().enumerate().take(program.answers) {
        let Source::Step(end) = source else { continue };
        let place = Rc::new(Place::one(program.script.steps.len() + j, Part::Result, true));
        let shape = &program.script.steps[end].shape;
        let later = |v: &&Value| !v.carries && matches!(v.source, Source::Step(k) if k > end);
        for value in program.values.iter().filter(later).filter(|v| spreads_to(&v.at[0], shape)) {
            let cost = 12 + 2 * value.cost;
            let mut offer = |alter: Alter, cost: u32| {
                all.push(Proposal::new(&place, Change::Alter(alter), cost, &value.name).putting(value.puts));
            };
            offer(Alter::Times(value.source), cost);
            offer(Alter::Over(value.source), cost + 2);
        }
    }
}

/// The shape of a sum whose operand at this place is broadcast to it.
fn spread_in_sum(program: &Program, place: &Place) -> Option<Shape> {
    let step = program.script.steps.get(place.at[0]).filter(|step| step.has_terms())?;
    let operand = matches!(place.part, Part::Operand(_));
    (operand && program.shape_at(place)? != step.shape).then(|| step.shape.clone())
}
