//! What can go wrong, with the data that says where.
//!
//! One enum serves the whole crate. Every variant keeps the shapes, names, numbers or paths that a reader needs to fix
//! the cause, and its message is a whole sentence. Operators panic with the same sentence at the caller's line; their
//! `try_` twins return it.
//!
//! Where one variant has several causes or much to say, they form their own type: for missing gradients (`gradient`),
//! rules and hooks (`rule`), networks with names (`graph`) and on a batch (`network`), and files (`format`). `constructors`
//! make the variants that users' own code returns too, `debug` prints the sentence where a program ends with an error,
//! and `sentence` has clauses of messages.

mod constructors;
mod debug;
mod format;
mod gradient;
mod graph;
mod network;
mod rule;
mod sentence;

pub use format::FormatProblem;
pub use gradient::{NameFault, NoGradient};
pub use graph::GraphFault;
pub use network::NetworkFault;
pub use rule::{HookFault, RuleFault};

use std::{io, panic::Location, path::PathBuf};

pub(crate) use sentence::counted;
use sentence::{allowed, classes_in_all, list, made_of, names, then, within};

use crate::tensor::{dtype::DType, shape::Shape};

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An operation does not accept these shapes.
    #[error("{op}: {need}, but got {}{}{}", list(shapes), within(scope), then(help))]
    Shape {
        /// The operation.
        op: String,
        /// The shapes of its inputs, in order.
        shapes: Vec<Shape>,
        /// What the operation needs, as a clause: "the inner sizes must agree (3 and 4 differ)".
        need: String,
        /// The layers in which it happened, outermost first ("" outside all layers).
        scope: String,
        /// What to do about it, as a clause ("" where the need says it all).
        help: String,
    },

    /// A tensor that no memory can hold.
    #[error("{op}: a tensor of shape {shape} does not fit into memory{}{}", made_of(from), within(scope))]
    TooLarge {
        /// The operation.
        op: String,
        /// The shape that it would have.
        shape: Shape,
        /// The shapes of the operation's inputs, in order.
        from: Vec<Shape>,
        /// The layer in which it happened.
        scope: String,
    },

    /// An axis that the tensor does not have.
    #[error("{op}: axis {axis} is out of range for shape {shape}, which has {} axes{}", shape.rank(), within(scope))]
    Axis {
        /// The operation.
        op: String,
        /// The axis as given (negative counts from the end).
        axis: isize,
        /// The shape it was meant for.
        shape: Shape,
        /// The layer in which it happened.
        scope: String,
    },

    /// A matrix to which an operation does not apply.
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
        /// The operation, layer, optimizer or program.
        of: String,
        /// The attribute.
        name: &'static str,
        /// The value as given.
        value: String,
        /// What is allowed, as the rest of a sentence: "positive and finite".
        must: &'static str,
    },

    /// A name that nothing has.
    #[error("there is no {what} `{name}`: {}", names(known))]
    NotFound {
        /// What was looked for: a layer, a parameter.
        what: &'static str,
        /// The name as given.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },

    /// Numbers that do not fill the requested shape.
    #[error("a tensor of shape {shape} has {} elements, but {len} numbers were given", shape.numel())]
    Length {
        /// The requested shape.
        shape: Shape,
        /// The number of elements given.
        len: usize,
    },

    /// A precision that was not expected.
    #[error(
        "{op}: expected {expected}, but got {got}; convert with `.cast(DType::{expected:?})`, or use one precision throughout"
    )]
    DType {
        /// The operation.
        op: String,
        /// The expected precision.
        expected: DType,
        /// The given precision.
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

    /// `backward` was called on something that is not a single number.
    #[error(
        "backward: the gradient of a single number was asked for, but this node has shape {shape}; reduce it first (`.sum()` or `.mean()`), or give the upstream gradient with `vjp`"
    )]
    NotScalar {
        /// The shape of the node.
        shape: Shape,
    },

    /// Per-observation derivatives were requested of observations that depend on each other.
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

    /// A hook returned something that cannot replace a gradient.
    #[error("the hook on {of} {fault} (set at {at})")]
    Hook {
        /// The node.
        of: String,
        /// What was wrong with it.
        fault: HookFault,
        /// The line that set the hook.
        at: &'static Location<'static>,
    },

    /// A gradient was requested by a name that does not say which one is meant.
    #[error("no gradient is found by the name `{name}`: {fault}")]
    Name {
        /// The name.
        name: String,
        /// Why it does not identify one.
        fault: NameFault,
    },

    /// A class label for which the logits have no column.
    #[error(
        "{op}: label {label} of observation {index} is out of range for {}{}",
        classes_in_all(*classes), allowed(*label, *classes)
    )]
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
        /// What is needed.
        need: &'static str,
    },

    /// A number that is NaN or infinite where a finite one is needed.
    #[error("{what} holds {value} at index {index}; every number must be finite{}", then(help))]
    NonFinite {
        /// The tensor, data set or parameter.
        what: String,
        /// The flat index of the first such number.
        index: usize,
        /// The number.
        value: f64,
        /// Where it came from and what to do about it, as clauses ("" where nothing more is known).
        help: String,
    },

    /// A file or folder that cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried: "read", "write", "create".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system reported.
        source: io::Error,
    },

    /// A file whose contents are not as expected.
    #[error("{}: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong in it, and where.
        problem: FormatProblem,
    },

    /// A network of named values that cannot be built or run.
    #[error("graph: {0}")]
    Graph(GraphFault),

    /// A network that panicked on a batch.
    #[error("{0}")]
    Network(Box<NetworkFault>),
}
