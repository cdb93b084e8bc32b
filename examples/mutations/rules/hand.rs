//! A function and its derivative, as two plain functions: what a rule needs and no more.

use wengert::{Backward, Function, Var};

/// A function and the rule that belongs to it.
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
