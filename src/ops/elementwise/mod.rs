//! Elementwise operations, each a row of a table.
//!
//! The engine knows an operation by its row: loops for both precisions, and a derivative. [`rows`] holds the tables,
//! [`notation`] defines how a row is written, [`select`] is the only operation with three inputs, [`fused`] are rules in one
//! loop.

mod activations;
mod forward;
mod fused;
mod notation;
mod rows;
mod select;
#[cfg(test)]
mod tests;

pub(crate) use forward::Looped;
pub(crate) use rows::*;
pub(crate) use select::SELECT;

use super::{
    op::{Grads, Vjp},
    twins::expect,
};
use crate::{kernels::elementwise::Loop, tape::Var, tensor::short};

/// What a derivative receives: inputs, parameter, output, upstream gradient, and the index of the input.
type Rule = for<'t> fn(&[Var<'t>], f64, Var<'t>, Var<'t>, usize) -> Var<'t>;

/// What a derivative multiplies the upstream gradient by.
pub(crate) enum Slope {
    /// A number that is finite at every input, even NaN and ±∞.
    Finite,
    /// Such a number if the row's own number meets this condition.
    FiniteIf(fn(f64) -> bool),
    /// 1 for the operand that was chosen, 0 for the other.
    Chosen,
    /// A number that is infinite or NaN at some inputs.
    Any,
}

/// A row of the elementwise tables.
pub(crate) struct Elementwise {
    /// The name in errors and on the printed tape.
    pub name: &'static str,
    /// The value in LaTeX, of the operands x, or a and b, and the number c. Formulas of derivatives are read off `rule`.
    pub formula: &'static str,
    /// A value of the parameter for tests, for operations that have one.
    pub parameter: Option<f64>,
    /// The range of each input in tests: clear of kinks and poles.
    pub domain: &'static [(f64, f64)],
    pub(crate) loop_f32: Loop<f32>,
    pub(crate) loop_f64: Loop<f64>,
    pub(crate) rule: Option<Rule>,
    pub(crate) slope: Slope,
    pub(crate) number_first: bool,
}

impl Elementwise {
    /// Whether a gradient flows through it.
    pub(crate) fn differentiable(&self) -> bool {
        self.rule.is_some()
    }

    /// The gradients with respect to the inputs that need one, in the shape of the output: the engine sums over
    /// broadcast axes.
    pub(crate) fn vjp<'t>(&'static self, parameter: f64, at: Vjp<'_, 't>) -> Grads<'t> {
        if let (false, Some((row, of))) = (at.recorded, fused::rule_of(self, parameter, at)) {
            return short([Some(expect(at.tape().elementwise(row, 0.0, &[at.dz, of], None)))].into_iter());
        }
        let rule = self.rule.expect("no gradient flows through an operation without a derivative");
        short(at.needs.iter().enumerate().map(|(k, &need)| need.then(|| rule(at.x, parameter, at.z, at.dz, k))))
    }

    /// Whether the rule maps an upstream 0 to 0 at every input, even NaN and ±∞.
    pub(crate) fn keeps_zeros(&self, parameter: f64) -> bool {
        match self.slope {
            Slope::Finite | Slope::Chosen => true,
            Slope::FiniteIf(finite) => finite(parameter),
            Slope::Any => false,
        }
    }

    /// Whether it chooses between its operands, so that a 0 in a gradient means "not used".
    pub(crate) fn selects(&self) -> bool {
        matches!(self.slope, Slope::Chosen)
    }

    /// Whether its number is printed as the first operand, as in c − x.
    pub(crate) fn number_first(&self) -> bool {
        self.number_first
    }
}

/// Every row.
#[cfg(test)]
pub(crate) fn all() -> Vec<&'static Elementwise> {
    [UNARY, WITH_NUMBER, BINARY, &[&SELECT]].concat()
}

/// The row of this name with this many operands, or with one operand and a number on the right.
#[cfg(feature = "check")]
pub(crate) fn row(name: &str, operands: usize, with_number: bool) -> Option<&'static Elementwise> {
    let rows = match (operands, with_number) {
        (1, false) => UNARY,
        (1, true) => WITH_NUMBER,
        _ => BINARY,
    };
    rows.iter().copied().find(|row| row.name == name)
}

impl<'t> Var<'t> {
    #[track_caller]
    pub(crate) fn unary(self, op: &'static Elementwise, parameter: f64) -> Var<'t> {
        expect(self.tape().elementwise(op, parameter, &[self], None))
    }

    #[track_caller]
    fn row_of_two(self, op: &'static Elementwise, other: Var<'t>) -> Var<'t> {
        expect(self.tape().elementwise(op, 0.0, &[self, other], None))
    }
}
