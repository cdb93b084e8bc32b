//! Elementwise operations: a row of a table each.
//!
//! The engine knows an operation by its row: loops for both precisions and a derivative. [`rows`] holds the tables,
//! [`notation`] says how a row is written, [`select`] is the one operation of three inputs.

mod notation;
mod rows;
mod select;

pub(crate) use rows::*;
pub(crate) use select::SELECT;

use crate::{kernels::elementwise::Loop, ops::expect, tape::Var};

/// What a derivative is given: inputs, parameter, output, upstream gradient, and which input is asked for.
type Rule = for<'t> fn(&[Var<'t>], f64, Var<'t>, Var<'t>, usize) -> Var<'t>;

/// A row of the elementwise tables.
pub struct Elementwise {
    /// The name in errors and on the printed tape.
    pub name: &'static str,
    /// A value for the parameter in tests, for operations that have one.
    pub parameter: Option<f64>,
    /// Where each input is drawn from in tests: clear of kinks and poles.
    pub domain: &'static [(f64, f64)],
    pub(crate) loop_f32: Loop<f32>,
    pub(crate) loop_f64: Loop<f64>,
    pub(crate) rule: Option<Rule>,
}

impl Elementwise {
    /// Whether a gradient flows through it.
    pub fn differentiable(&self) -> bool {
        self.rule.is_some()
    }

    pub(crate) fn vjp<'t>(&self, x: &[Var<'t>], parameter: f64, y: Var<'t>, g: Var<'t>, k: usize) -> Var<'t> {
        let rule = self.rule.expect("no gradient flows through an operation without a derivative");
        rule(x, parameter, y, g, k)
    }
}

/// Whether a row chooses between its operands.
pub(crate) fn selects(row: &Elementwise) -> bool {
    std::ptr::eq(row, &SELECT)
}

/// Whether the rule of a row makes 0 of an upstream 0 at every input, NaN and ±∞ too: it scales it by a finite number.
pub(crate) fn keeps_zeros(row: &Elementwise, parameter: f64) -> bool {
    if std::ptr::eq(row, &MUL_NUMBER) || std::ptr::eq(row, &LEAKY_RELU) {
        return parameter.is_finite();
    }
    if std::ptr::eq(row, &DIV_BY_NUMBER) {
        return parameter != 0.0 && !parameter.is_nan();
    }
    let rows = [
        &IDENTITY,
        &NEG,
        &RELU,
        &ADD_NUMBER,
        &SUB_FROM_NUMBER,
        &MAX_NUMBER,
        &MIN_NUMBER,
        &ADD,
        &SUB,
        &MAXIMUM,
        &MINIMUM,
        &SELECT,
    ];
    rows.iter().any(|&other| std::ptr::eq(row, other))
}

/// Whether the number of a row is its left operand, as in c − x.
pub(crate) fn number_comes_first(row: &Elementwise) -> bool {
    std::ptr::eq(row, &SUB_FROM_NUMBER) || std::ptr::eq(row, &DIV_NUMBER)
}

#[cfg(feature = "check")]
/// The row of this name with so many operands, or with one and a number on the right.
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
}
