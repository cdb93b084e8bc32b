//! Functions given as two closures, for rules that are wrong in one way each.

use wengert::{Backward, Function, Var};

/// A function with its (perhaps wrong) rule.
pub struct Hand {
    pub name: &'static str,
    pub forward: for<'t> fn(&[Var<'t>]) -> Vec<Var<'t>>,
    pub backward: for<'a, 't> fn(Backward<'a, 't>) -> Vec<Option<Var<'t>>>,
}

impl Function for Hand {
    fn name(&self) -> &str {
        self.name
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        (self.forward)(x)
    }
    fn backward<'t>(&self, at: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        (self.backward)(at)
    }
}

/// A function with its rule.
pub fn hand(
    forward: for<'t> fn(&[Var<'t>]) -> Vec<Var<'t>>,
    backward: for<'a, 't> fn(Backward<'a, 't>) -> Vec<Option<Var<'t>>>,
) -> Hand {
    Hand { name: "by hand", forward, backward }
}
