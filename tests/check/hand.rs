//! Functions given as two closures, for rules that are each wrong in one way.

pub use crate::mutations::rules::Hand;
use wengert::{Backward, Var};

/// A function with its (perhaps wrong) rule.
pub fn hand(
    forward: for<'t> fn(&[Var<'t>]) -> Vec<Var<'t>>,
    backward: for<'a, 't> fn(Backward<'a, 't>) -> Vec<Option<Var<'t>>>,
) -> Hand {
    Hand { name: "by hand", forward, backward }
}
