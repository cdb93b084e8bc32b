//! Changes of a [`Script`](super::script::Script): of a step, of one of its operands, or of its result.

use super::script::{Action, Source};
use crate::{Var, ops::Elementwise};

/// One change of a script, at one step.
#[derive(Clone)]
pub(super) enum Edit {
    /// The result counts as a constant.
    Detach,
    /// One operand counts as a constant, in this step only.
    DetachOperand(usize),
    /// A detached step is attached again.
    Attach,
    /// The step keeps its value, but passes its gradient on to an earlier value as if everything between were the
    /// identity.
    StraightThrough(Source),
    /// The result times a number.
    Scale(f64),
    /// One of the operands instead of the result.
    Keep(usize),
    /// A different operand.
    Operand(usize, Source),
    /// One other value for several operands.
    Operands(Vec<usize>, Source),
    /// Another elementwise operation on the same operands.
    Row(&'static Elementwise),
    /// A sum over other axes, brought to the same shape.
    SumOver(Vec<isize>),
    /// The last two axes of an operand swapped.
    TransposeOperand(usize),
    /// An operand altered before the step reads it.
    AtOperand(usize, Alter),
    /// The result altered, for all who read it.
    AtResult(Alter),
    /// Another operation, or the same with other attributes, on the same operands.
    Act(Action),
    /// Two operands exchanged.
    Exchange(usize, usize),
}

/// What is done to a value.
#[derive(Clone, Debug)]
pub(super) enum Alter {
    /// Multiplied by another value.
    Times(Source),
    /// Divided by another value.
    Over(Source),
    /// A value added, times a number.
    Plus(Source, f64),
    /// Multiplied by a number.
    Scale(f64),
    /// A number added.
    Shift(f64),
    /// Replaced by another value.
    Use(Source),
    /// Its mean along an axis subtracted.
    Center(isize),
    /// The sum along axes of another value, or the mean, with the axes kept.
    Sum(Source, Vec<isize>, bool),
    /// Two axes swapped.
    Turn(isize, isize),
    /// Its own transpose added, and the sum times a number: 1/2 makes it symmetric.
    Mirror(f64),
    /// An axis read backwards.
    Flip(isize),
    /// Moved along an axis, in a circle.
    Roll(isize, isize),
}

impl Alter {
    /// The value that is put in.
    pub fn source(&self) -> Option<Source> {
        match self {
            Alter::Times(source)
            | Alter::Over(source)
            | Alter::Plus(source, _)
            | Alter::Use(source)
            | Alter::Sum(source, ..) => Some(*source),
            _ => None,
        }
    }

    /// The altered value, if that makes sense. A product, a sum or a transpose may have another shape, if whoever reads
    /// it can do with that; all else keeps it.
    pub fn apply<'t>(&self, x: Var<'t>, find: &dyn Fn(Source) -> Option<Var<'t>>) -> Option<Var<'t>> {
        let y = match self {
            Alter::Times(by) => return x.try_mul(find(*by)?).ok(),
            Alter::Over(by) => x.try_div(find(*by)?).ok()?,
            Alter::Plus(term, times) => x.try_add(find(*term)? * *times).ok()?,
            Alter::Scale(by) => x * *by,
            Alter::Shift(by) => x + *by,
            Alter::Use(other) => find(*other)?,
            Alter::Center(axis) => x - x.try_mean_axes(&[*axis], true).ok()?,
            Alter::Sum(of, axes, mean) => {
                let of = find(*of)?;
                let sum = if *mean { of.try_mean_axes(axes, true) } else { of.try_sum_axes(axes, true) };
                return sum.ok();
            }
            Alter::Turn(a, b) => return x.try_transpose(*a, *b).ok(),
            Alter::Mirror(by) => (x + x.try_transpose(-1, -2).ok()?) * *by,
            Alter::Flip(axis) => x.try_flip(&[*axis]).ok()?,
            Alter::Roll(axis, by) => {
                let n = x.shape()[*axis as usize];
                let by = by.rem_euclid(n as isize) as usize;
                Var::concat(&[x.narrow(*axis, n - by, by), x.narrow(*axis, 0, n - by)], *axis)
            }
        };
        (y.shape() == x.shape()).then_some(y)
    }
}
