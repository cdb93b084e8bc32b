//! Functions that the checker was not developed on.
//!
//! They were written, with what a verdict must say, by somebody who had not read the checker's code, and before it was
//! run on them. Then words were added where a verdict told the mistake truthfully in others.

mod attention;
mod cells;
mod geometry;
mod iterations;
mod layers;
mod losses;
mod norms;
mod signals;

use crate::planted::Planted;

/// What must be said of a term with the wrong sign.
const SIGN: &str = "sign|`add`&`sub`|−1";
/// Of a term that is left out.
const TERM: &str = "dropped term|forgotten path";
/// Of a 2 that is missing.
const TWICE: &str = "factor of 2|factor 2|plain 2|missing: 2|where 2|2 is missing|twice|1/2|0.5";
/// Of a matrix that is transposed, or should be.
const TRANSPOSED: &str = "transpose|`permute`";
/// Of the value of the step before or after.
const STEP: &str = "slice|narrow|before|one place|moved|step";

/// All of them.
pub fn all() -> Vec<Planted> {
    let parts = [
        attention::cases(),
        cells::cases(),
        norms::cases(),
        losses::cases(),
        geometry::cases(),
        signals::cases(),
        layers::cases(),
        iterations::cases(),
    ];
    parts.into_iter().flatten().collect()
}
