//! Functions of the kinds that people write by hand, with the mistakes that they make.

mod attention;
mod filters;
mod geometry;
mod losses;
mod normalize;
mod recurrent;

use crate::planted::Planted;

/// All functions. Mistakes of every other function belong to the half that the checker was developed on, the rest are
/// held out.
pub fn all() -> Vec<Planted> {
    let parts = [
        attention::cases(),
        recurrent::cases(),
        normalize::cases(),
        losses::cases(),
        geometry::cases(),
        filters::cases(),
    ];
    parts.into_iter().flatten().collect()
}
