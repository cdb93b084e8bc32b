//! Further functions with the mistakes that people make, written without a look at what the checker says.

mod bodies;
mod cells;
mod heads;
mod layers;
mod objectives;
mod signals;
mod steps;

use crate::planted::Planted;

pub fn cases() -> Vec<Planted> {
    let parts = [
        heads::cases(),
        cells::cases(),
        layers::cases(),
        bodies::cases(),
        signals::cases(),
        objectives::cases(),
        steps::cases(),
    ];
    parts.into_iter().flatten().collect()
}
