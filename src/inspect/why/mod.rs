//! Why a gradient is what it is: missing, zero, not a number, vanishing, huge.
//!
//! A gradient is a sum over paths, and each node on a path multiplies by its own derivative. So a gradient that is wrong
//! somewhere went wrong *at a node*: one whose own gradient is as it should be, and which hands on nothing, zeros, or NaN.
//! [`Var::why`] follows the gradient from the value asked about towards the loss until it meets that node.

mod search;
mod sentence;

use std::panic::Location;

use super::{NodeView, NonFinite, Operand};
use crate::{
    error::{Error, Result},
    tape::{Tape, Var, Wrt},
};
use search::Search;
pub(super) use sentence::brief;

/// A gradient whose largest number is smaller than this is called vanishing (the gradient of the loss itself is 1).
pub const VANISHING: f64 = 1e-6;
/// A gradient whose largest number is larger than this is called huge.
pub const HUGE: f64 = 1e4;

/// The explanation of a gradient; printed, it is a sentence or two. See [`Var::why`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Why {
    /// What was asked about.
    pub of: Step,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The smallest and the largest number of the gradient; none if there is no gradient.
    pub range: Option<(f64, f64)>,
    /// What made the gradient so.
    pub cause: Cause,
}

/// A node on the way of a gradient.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// The position on the tape.
    pub node: usize,
    /// The operation; `leaf`, `constant` or `detach` for what is none.
    pub op: String,
    /// The path of the layer that recorded it. Empty outside every layer.
    pub layer: String,
    /// The line of source that recorded it.
    pub line: &'static Location<'static>,
}

/// What made a gradient what it is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// No gradient: it is a constant, or computed from constants or with gradients off.
    Constant,
    /// No gradient: the loss is not computed from it. The last node that is, if any.
    Unused {
        /// Where what is computed from it ends.
        end: Option<Step>,
    },
    /// No gradient: on every path to the loss a node passes none on.
    Cut {
        /// Those nodes: `detach`, a comparison, a rounding.
        by: Vec<Step>,
    },
    /// A gradient of 0: these nodes have gradients other than 0 and hand on zeros alone.
    Closed {
        /// The nodes, with the numbers of their inputs.
        by: Vec<(Step, Vec<Operand>)>,
    },
    /// A gradient of 0: what arrives over several paths adds up to 0.
    Cancelled {
        /// Where they meet.
        at: Step,
        /// The nodes that hand on what cancels.
        parts: Vec<Step>,
    },
    /// A gradient that is not finite: this node has a finite gradient, and hands on NaN or infinity.
    NotFinite {
        /// The node.
        by: Step,
        /// The element of its input at which it begins.
        index: Vec<usize>,
        /// What it hands on there.
        value: f64,
        /// Its own gradient there, if it is elementwise.
        upstream: Option<f64>,
        /// What it was computed from.
        operands: Vec<Operand>,
        /// Where a value of the forward pass became non-finite, if one did.
        forward: Option<Box<NonFinite>>,
    },
    /// A finite gradient, with what the operations on its largest path multiply it by.
    Scaled {
        /// The operations by name, how many of them there are, the product of their factors, and the one with the most
        /// extreme factor; the strongest first.
        factors: Vec<Factor>,
    },
}

/// The operations of one name on the path of a gradient.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Factor {
    /// How many there are.
    pub count: usize,
    /// What they multiply the largest number of the gradient by, together.
    pub product: f64,
    /// The one that changes it most.
    pub most: Step,
}

impl<'t> Var<'t> {
    /// Explains the gradient of this single number with respect to `x`, a value of the tape or a parameter: why it is
    /// missing, zero, NaN, infinite, vanishing or huge, with the operation, its operands, its layer and its line.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf([-1.0, -3.0]).named("x");
    /// let loss = (x.relu() * 2.0).sum();
    /// let why = loss.why(x)?.to_string();
    /// assert!(why.starts_with("the gradient with respect to %0 (leaf `x`) is 0: relu at "), "{why}");
    /// assert!(why.ends_with("hands on zeros alone; its input is between -3.0 and -1.0"), "{why}");
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// It differentiates once more, with every gradient kept: that takes the memory of the values once again. The recording
    /// is as it was afterwards.
    ///
    /// # Errors
    /// [`Error::NotScalar`] when this is not one number; [`Error::DifferentTapes`] when `x` is on another tape;
    /// [`Error::NoGradient`] for a parameter that this recording does not use; the errors of
    /// [`backward`](Var::backward).
    pub fn why<'a>(self, x: impl Into<Wrt<'a>>) -> Result<Why> {
        let shape = self.shape();
        if shape.numel() != 1 {
            return Err(Error::NotScalar { shape });
        }
        let node = self.tape().position("why", x.into())?;
        let search = Search::new(self)?;
        let view = NodeView::new(self.tape(), node);
        let range = search.range(node);
        Ok(Why { of: Step::of(&view), name: view.full_name(), range, cause: search.cause(node)? })
    }
}

/// The first gradient that is not finite on the way from a loss, and the rule that made it so.
pub(super) fn first_non_finite_gradient(loss: Var<'_>) -> Result<Option<Why>> {
    let search = Search::new(loss)?;
    let Some(node) = search.last_non_finite() else { return Ok(None) };
    let view = NodeView::new(loss.tape(), node);
    let mut cause = search.cause(node)?;
    if let Cause::NotFinite { forward, .. } = &mut cause {
        *forward = None;
    }
    Ok(Some(Why { of: Step::of(&view), name: view.full_name(), range: search.range(node), cause }))
}

impl Step {
    pub(super) fn of(view: &NodeView) -> Step {
        Step { node: view.index, op: view.op.clone(), layer: view.layer.clone(), line: view.line }
    }

    fn at(tape: &Tape, node: usize) -> Step {
        Step::of(&NodeView::new(tape, node))
    }
}
