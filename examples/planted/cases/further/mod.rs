//! Further functions, their mistakes and the words that must name them: written by somebody who did not know how the
//! checker works.

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
