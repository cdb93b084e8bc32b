//! What can go wrong, with the data that says where.
//!
//! One enum serves the whole crate. Every variant keeps the shapes, names, numbers or paths that a reader needs to
//! mend the cause, and its message is a whole sentence. Operators panic with the same sentence at the caller's line;
//! their `try_` twins return it.

use std::{io, panic::Location, path::PathBuf};

use crate::tensor::{DType, Shape};

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An operation does not accept these shapes.
    #[error("{op}: {need}, but got {}{}", list(shapes), within(scope))]
    Shape {
        /// The operation.
        op: String,
        /// The shapes of its inputs, in order.
        shapes: Vec<Shape>,
        /// What the operation needs, as half a sentence: "the inner sizes must agree (3 and 4 differ)".
        need: String,
        /// The layer in which it happened, outermost first ("" outside every layer).
        scope: String,
    },

    /// An axis that the tensor does not have.
    #[error("{op}: axis {axis} is out of range for shape {shape}, which has {} axes{}", shape.rank(), within(scope))]
    Axis {
        /// The operation.
        op: String,
        /// The axis as it was given (negative counts from the end).
        axis: isize,
        /// The shape it was meant for.
        shape: Shape,
        /// The layer in which it happened.
        scope: String,
    },

    /// A matrix that an operation cannot be computed of.
    #[error("{op}: matrix {index} of {shape} {fault}{}", within(scope))]
    Matrix {
        /// The operation.
        op: String,
        /// The first such matrix of the batch.
        index: usize,
        /// The shape of the batch of matrices.
        shape: Shape,
        /// What is wrong with it, as the rest of a sentence: "is singular".
        fault: &'static str,
        /// The layer in which it happened.
        scope: String,
    },

    /// An attribute of an operation, a layer or a setting that cannot be used.
    #[error("{of}: {name} = {value}, but it must be {must}")]
    Setting {
        /// The operation, layer, optimiser or program.
        of: String,
        /// The attribute.
        name: &'static str,
        /// The value as it was given.
        value: String,
        /// What is allowed, as the rest of a sentence: "positive and finite".
        must: &'static str,
    },

    /// Numbers that do not fill the shape that was asked for.
    #[error("a tensor of shape {shape} has {} elements, but {len} numbers were given", shape.numel())]
    Length {
        /// The shape asked for.
        shape: Shape,
        /// The number of elements given.
        len: usize,
    },

    /// A precision that was not expected.
    #[error("{op}: expected {expected}, but got {got}")]
    DType {
        /// The operation.
        op: String,
        /// The precision wanted.
        expected: DType,
        /// The precision given.
        got: DType,
    },

    /// Operands that were recorded on two different tapes.
    #[error(
        "{op}: the operands belong to different tapes; record both on one tape, or pass a value over with `tape.constant(v.value())`"
    )]
    DifferentTapes {
        /// The operation.
        op: String,
    },

    /// `backward` was asked of something that is not one number.
    #[error(
        "backward: the gradient of a single number was asked for, but this node has shape {shape}; reduce it first (`.sum()` or `.mean()`), or give the upstream gradient with `vjp`"
    )]
    NotScalar {
        /// The shape of the node.
        shape: Shape,
    },

    /// Derivatives of each observation alone were asked of observations that depend on each other.
    #[error(
        "{op}: observation {of} of y depends on observation {on} of x, so there is no derivative of each observation alone; take that of all of them, or keep them apart (batch norm couples them in training, not in inference)"
    )]
    Coupled {
        /// The operation.
        op: String,
        /// The observation of y.
        of: usize,
        /// The other observation, of x.
        on: usize,
    },

    /// There is no gradient, and why.
    #[error("no gradient for {of}: {why}")]
    NoGradient {
        /// The node or parameter.
        of: String,
        /// The reason.
        why: NoGradient,
    },

    /// A hand-written rule returned something that cannot be a gradient.
    #[error("the backward rule of `{rule}` {fault} (recorded at {at})")]
    Rule {
        /// The function's name.
        rule: String,
        /// What was wrong with it.
        fault: RuleFault,
        /// The line that applied the function.
        at: &'static Location<'static>,
    },

    /// A hook returned something that cannot take the place of a gradient.
    #[error("the hook on {of} {fault} (set at {at})")]
    Hook {
        /// The node.
        of: String,
        /// What was wrong with it.
        fault: HookFault,
        /// The line that set the hook.
        at: &'static Location<'static>,
    },

    /// A gradient was asked for by a name that does not say which one.
    #[error("no gradient is found by the name `{name}`: {fault}")]
    Name {
        /// The name.
        name: String,
        /// Why it does not say which one.
        fault: NameFault,
    },

    /// A class label that the logits have no column for.
    #[error("{op}: label {label} of observation {index} is out of range for {classes} classes (0 to {})", classes.wrapping_sub(1))]
    Label {
        /// The operation or data set.
        op: String,
        /// The label.
        label: usize,
        /// Its position in the batch.
        index: usize,
        /// The number of classes.
        classes: usize,
    },

    /// Something that must not be empty is empty.
    #[error("{what} is empty: {need}")]
    Empty {
        /// What is empty.
        what: String,
        /// What it takes.
        need: &'static str,
    },

    /// A number that is NaN or infinite where a finite one is needed.
    #[error("{what} holds {value} at index {index}; every number must be finite")]
    NonFinite {
        /// The tensor, data set or parameter.
        what: String,
        /// The flat index of the first such number.
        index: usize,
        /// The number.
        value: f64,
    },

    /// A file or folder that cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried: "read", "write", "create".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A file whose contents are not what they should be.
    #[error("{}: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong in it, and where.
        problem: FormatProblem,
    },
}

/// Why a node or parameter has no gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoGradient {
    /// It is a constant of the tape.
    Constant,
    /// The loss does not depend on it through any differentiable path.
    NotOnPath,
    /// It is an inner node whose gradient was not asked to be kept.
    NotRetained,
    /// The parameter was not watched in this recording.
    NotWatched,
    /// The node belongs to another recording than these gradients.
    OtherRecording,
    /// It has a name in this recording, but none of its gradients were kept.
    NotKept,
}

impl std::fmt::Display for NoGradient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            NoGradient::Constant => {
                "it is a constant; use `tape.leaf` or `tape.watch` for what should be differentiated"
            }
            NoGradient::NotOnPath => "the loss does not depend on it through any differentiable path",
            NoGradient::NotRetained => {
                "it is an inner node; call `.retain()` on it before `backward` to keep its gradient"
            }
            NoGradient::NotWatched => "the parameter was not used in this recording",
            NoGradient::OtherRecording => "the handle belongs to another recording than these gradients",
            NoGradient::NotKept => {
                "none was kept; call `.retain()` on an inner node before `backward`, and see that it is no constant and that the loss depends on it"
            }
        })
    }
}

/// What was wrong with the answer of a backward rule.
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
    /// The number of outputs that `forward` returned is zero.
    NoOutput,
    /// `forward` computes with something that wants a gradient and is not among its inputs.
    HiddenInput {
        /// The line that brings it in.
        line: &'static Location<'static>,
    },
    /// A gradient has another shape than its input.
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
    /// The rule has no derivative of its own, and a second derivative was asked for.
    OnceDifferentiable,
    /// The rule failed with this message.
    Failed(String),
}

impl std::fmt::Display for RuleFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RuleFault::Count { expected, got } => {
                write!(
                    f,
                    "returned {got} gradients for {expected} inputs; return one per input, `None` where there is none"
                )
            }
            RuleFault::NoOutput => write!(f, "has nothing to differentiate: `forward` returned no output"),
            RuleFault::HiddenInput { line } => {
                write!(
                    f,
                    "would lose a gradient: `forward` uses a value that is not among its inputs ({line}); pass it as an input"
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

/// What was wrong with the answer of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HookFault {
    /// It has another shape than the gradient that it was given.
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

/// Why a name does not say which gradient is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameFault {
    /// Nothing is named so.
    Unknown {
        /// The names that there are, with their layers.
        known: Vec<String>,
    },
    /// Several nodes are named so.
    Ambiguous {
        /// Those nodes, with their full names.
        nodes: Vec<String>,
    },
}

impl std::fmt::Display for NameFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NameFault::Unknown { known } if known.is_empty() => {
                f.write_str("nothing in the recording has a name; give one with `.named(..)`")
            }
            NameFault::Unknown { known } => write!(f, "the names in the recording are {}", known.join(", ")),
            NameFault::Ambiguous { nodes } => {
                write!(f, "it names {}; give the layer too, or names of their own", nodes.join(" and "))
            }
        }
    }
}

/// What is wrong inside a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatProblem {
    /// The first bytes are not those of the format.
    Magic {
        /// What a good file starts with.
        expected: u64,
        /// What this file starts with.
        found: u64,
    },
    /// The file ends too early, or has bytes left over.
    Size {
        /// The number of bytes (or items) its header promises.
        expected: u64,
        /// The number it holds.
        found: u64,
    },
    /// Two files that belong together hold different numbers of items.
    Count {
        /// The items in this file.
        here: u64,
        /// The items in the other file.
        there: u64,
        /// The other file.
        other: PathBuf,
    },
    /// A folder has a file under none of the names that it may have.
    NoFile {
        /// The names that were tried, in that order.
        tried: Vec<String>,
    },
    /// A named entry is missing.
    Missing {
        /// The entry.
        name: String,
    },
    /// A named entry that is not known here.
    Unknown {
        /// The entry.
        name: String,
    },
    /// A named entry has another shape than what it is read into.
    Shape {
        /// The entry.
        name: String,
        /// The shape wanted.
        expected: Box<Shape>,
        /// The shape found.
        found: Box<Shape>,
    },
    /// Anything else, in the words of the library that reads the format.
    Other(String),
}

impl std::fmt::Display for FormatProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FormatProblem::Magic { expected, found } => {
                write!(f, "it starts with {found:#010x} instead of {expected:#010x}, so it is another kind of file")
            }
            FormatProblem::Size { expected, found } => {
                write!(f, "its header promises {expected} bytes, but it holds {found}")
            }
            FormatProblem::Count { here, there, other } => {
                write!(f, "it holds {here} items, but {} holds {there}", other.display())
            }
            FormatProblem::NoFile { tried } => write!(f, "it has none of the files {}", tried.join(", ")),
            FormatProblem::Missing { name } => write!(f, "it has no entry `{name}`"),
            FormatProblem::Unknown { name } => write!(f, "it has an entry `{name}` that is not known here"),
            FormatProblem::Shape { name, expected, found } => {
                write!(f, "its entry `{name}` has shape {found}, but {expected} is needed")
            }
            FormatProblem::Other(why) => f.write_str(why),
        }
    }
}

impl Error {
    /// The same error, with the layer in which it happened, where the variant has a place for it.
    pub(crate) fn in_scope(mut self, name: &str) -> Self {
        match &mut self {
            Error::Shape { scope, .. } | Error::Axis { scope, .. } | Error::Matrix { scope, .. }
                if scope.is_empty() =>
            {
                *scope = name.to_owned()
            }
            _ => {}
        }
        self
    }

    /// A shape error before its layer is known.
    pub(crate) fn shape(op: &str, shapes: &[&Shape], need: impl Into<String>) -> Self {
        Error::Shape {
            op: op.to_owned(),
            shapes: shapes.iter().map(|&s| s.clone()).collect(),
            need: need.into(),
            scope: String::new(),
        }
    }

    /// A setting that cannot be used.
    pub(crate) fn setting(of: &str, name: &'static str, value: impl ToString, must: &'static str) -> Self {
        Error::Setting { of: of.to_owned(), name, value: value.to_string(), must }
    }
}

fn list(shapes: &[Shape]) -> String {
    shapes.iter().map(Shape::to_string).collect::<Vec<_>>().join(" and ")
}

fn within(scope: &str) -> String {
    if scope.is_empty() { String::new() } else { format!(" (in layer {scope})") }
}
