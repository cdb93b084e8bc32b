//! Functions of the kinds that people write by hand, with the mistakes that they make.

mod attention;
mod filters;
mod further;
mod geometry;
mod losses;
mod normalize;
mod recurrent;
mod unseen;

use crate::planted::Planted;

/// The functions whose mistakes the checker was developed on.
pub fn developed() -> Vec<Planted> {
    let parts = [
        attention::cases(),
        recurrent::cases(),
        normalize::cases(),
        losses::cases(),
        geometry::cases(),
        filters::cases(),
        further::cases(),
    ];
    parts.into_iter().flatten().collect()
}

/// The functions that are held out: they were written without the checker's code and without its verdicts on them, and
/// nobody who works on it looks at what it says about them.
pub fn held_out() -> Vec<Planted> {
    unseen::all()
}
