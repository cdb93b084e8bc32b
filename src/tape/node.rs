//! The entries of a tape, and the list that holds them.

use std::{any::Any, panic::Location, sync::Arc};

use smallvec::SmallVec;

use super::extras::Notes;
use crate::{
    function::Call,
    ops::{Elementwise, SharedOp},
    tensor::{Shape, Tensor},
};

/// The position of a node on its tape.
pub(crate) type NodeId = u32;
/// The inputs of a node.
pub(crate) type Inputs = SmallVec<[NodeId; 4]>;
/// What an operation saves for its backward rule besides inputs and output; it must depend on the inputs alone.
pub type Saved = Arc<dyn Any + Send + Sync>;

/// What was done at a node.
#[derive(Clone)]
pub(crate) enum Kind {
    /// A value from outside that no gradient flows to.
    Constant,
    /// A value from outside whose gradient is wanted.
    Leaf,
    /// A row of the elementwise table, with its parameter.
    Elementwise(&'static Elementwise, f64),
    /// Any other operation, built in or the user's own.
    Op(SharedOp),
    /// Output `k` of a function with a hand-written rule; its input is the node that `forward` computed it in.
    Output(Arc<Call>, usize),
}

impl Kind {
    /// The name of what was done, as errors and the printed tape have it.
    pub fn name(&self) -> &str {
        match self {
            Kind::Constant => "constant",
            Kind::Leaf => "leaf",
            Kind::Elementwise(row, _) => row.name,
            Kind::Op(op) => op.name(),
            Kind::Output(call, _) => call.function.name(),
        }
    }
}

/// The result of a node, or its shape while nobody has needed the numbers.
#[derive(Clone)]
pub(crate) enum Value {
    Ready(Tensor),
    Pending(Shape),
}

/// One entry of the tape.
pub(crate) struct Node {
    pub kind: Kind,
    pub inputs: Inputs,
    pub value: Value,
    /// Whether it depends on a leaf through differentiable operations.
    pub needs_grad: bool,
    /// Whether the user asked to keep its gradient.
    pub retained: bool,
    /// How many pending nodes its value stands for; 0 when it is computed, or pending but not part of a chain.
    pub weight: u8,
    /// Whether its value is forgotten outside the checkpoint that it belongs to.
    pub recomputed: bool,
    /// The layer that recorded it.
    pub scope: u32,
    /// The line of the user's program that recorded it.
    pub at: &'static Location<'static>,
}

impl Node {
    pub fn shape(&self) -> &Shape {
        match &self.value {
            Value::Ready(tensor) => tensor.shape(),
            Value::Pending(shape) => shape,
        }
    }
}

/// The inside of a tape: the list itself.
#[derive(Default)]
pub(crate) struct List {
    pub nodes: Vec<Node>,
    /// What operations saved for their rules, by node, in order.
    pub saved: Vec<(NodeId, Saved)>,
    /// What stands beside the list: names, hooks, checkpoints.
    pub notes: Notes,
}

impl List {
    /// Appends a node.
    #[track_caller]
    pub fn push(&mut self, kind: Kind, inputs: Inputs, value: Value, needs_grad: bool) -> NodeId {
        let id = NodeId::try_from(self.nodes.len()).expect("a tape holds fewer than 2^32 nodes");
        // A leaf stays a leaf: a parameter first seen where gradients are off is used later where they are on.
        let needs_grad = needs_grad && (!self.notes.no_grad || matches!(kind, Kind::Leaf));
        // Where there is known to be room, a node is written at its place, instead of being put together and then copied.
        self.nodes.reserve(1);
        assert!(self.nodes.len() < self.nodes.capacity());
        self.nodes.push(Node {
            kind,
            inputs,
            value,
            needs_grad,
            retained: false,
            weight: 0,
            recomputed: false,
            scope: self.notes.names.scope(),
            at: match self.notes.line.or(self.notes.caller) {
                Some(line) => line,
                None => Location::caller(),
            },
        });
        id
    }

    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    /// Whether a gradient flows to one of these nodes.
    pub fn any_needs_grad(&self, ids: &[NodeId]) -> bool {
        ids.iter().any(|&id| self.node(id).needs_grad)
    }

    /// Forgets every node from `mark` on.
    pub fn truncate(&mut self, mark: usize) {
        self.nodes.truncate(mark);
        while self.saved.last().is_some_and(|saved| saved.0 as usize >= mark) {
            self.saved.pop();
        }
        self.notes.truncate(mark);
    }
}
