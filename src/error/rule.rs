//! What was wrong with the gradients that user code returned: a hand-written backward rule, or a hook.

use std::panic::Location;

use super::sentence::counted;
use crate::tensor::shape::Shape;

/// What was wrong with the result of a backward rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleFault {
    /// The number of gradients differs from the number of inputs.
    Count {
        /// The number of inputs.
        expected: usize,
        /// The number of gradients returned.
        got: usize,
    },
    /// `forward` returned no outputs.
    NoOutput,
    /// `forward` computes with something that needs a gradient and is not among its inputs.
    HiddenInput {
        /// The line that uses it.
        line: &'static Location<'static>,
    },
    /// `forward` applies a function that applies another, and so on, deeper than the stack allows.
    Nested {
        /// How deep they may be nested.
        limit: usize,
    },
    /// A gradient's shape differs from that of its input.
    Shape {
        /// Which input.
        input: usize,
        /// The input's shape.
        expected: Box<Shape>,
        /// The gradient's shape.
        got: Box<Shape>,
    },
    /// The rule returned a node of another tape.
    OtherTape {
        /// Which input.
        input: usize,
    },
    /// The rule has no derivative of its own, but a second derivative was requested.
    OnceDifferentiable,
    /// The rule failed with this message.
    Failed(String),
}

impl std::fmt::Display for RuleFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RuleFault::Count { expected, got } => {
                let (gradients, inputs) = (counted(*got, "gradient"), counted(*expected, "input"));
                write!(f, "returned {gradients} for {inputs}; return one per input, `None` where there is none")
            }
            RuleFault::NoOutput => write!(f, "has nothing to differentiate: `forward` returned no output"),
            RuleFault::HiddenInput { line } => {
                write!(
                    f,
                    "would lose a gradient: `forward` uses a value that is not among its inputs ({line}); pass it as an input"
                )
            }
            RuleFault::Nested { limit } => {
                write!(
                    f,
                    "is nested too deep: `forward` applies a function, which applies another, over {limit} times; use a loop"
                )
            }
            RuleFault::Shape { input, expected, got } => {
                write!(
                    f,
                    "returned a gradient of shape {got} for input {input} of shape {expected}; they must be equal"
                )
            }
            RuleFault::OtherTape { input } => write!(f, "returned a node of another tape for input {input}"),
            RuleFault::OnceDifferentiable => {
                write!(
                    f,
                    "works on plain numbers, so it can be differentiated once only; write it in tape algebra for higher orders"
                )
            }
            RuleFault::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}

/// What was wrong with the result of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HookFault {
    /// Its shape differs from that of the gradient that the hook received.
    Shape {
        /// The gradient's shape.
        expected: Box<Shape>,
        /// The shape returned.
        got: Box<Shape>,
    },
    /// It is a node of another tape.
    OtherTape,
    /// The hook failed with this message.
    Failed(String),
}

impl std::fmt::Display for HookFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            HookFault::Shape { expected, got } => {
                write!(f, "returned a gradient of shape {got} in place of one of shape {expected}; they must be equal")
            }
            HookFault::OtherTape => f.write_str("returned a node of another tape"),
            HookFault::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}
