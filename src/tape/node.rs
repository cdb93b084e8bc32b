//! The entries of a tape, and the list that holds them.

use std::{any::Any, panic::Location, sync::Arc};

use smallvec::SmallVec;

use super::{
    checkpoint::Segment,
    hooks::Hook,
    scope::{Name, ScopeName},
};
use crate::{
    error::{Error, Result},
    function::Call,
    ops::{Elementwise, Op},
    tensor::{
        Shape, Tensor,
        storage::{LARGE, available},
    },
};

/// The position of a node on its tape.
pub(crate) type NodeId = u32;
/// The inputs of a node.
pub(crate) type Inputs = SmallVec<[NodeId; 4]>;
/// What an operation keeps for its backward rule beside inputs and output: a function of its inputs, never a new value.
pub type Memo = Arc<dyn Any + Send + Sync>;

/// What was done at a node.
#[derive(Clone)]
pub(crate) enum Kind {
    /// A value from outside that nothing is differentiated by.
    Constant,
    /// A value from outside that the user wants the gradient of.
    Leaf,
    /// A row of the elementwise table, with its parameter.
    Elementwise(&'static Elementwise, f64),
    /// Any other operation, built in or the user's own.
    Op(Arc<dyn Op>),
    /// One output of a function with a hand-written rule; its input is the node that `forward` computed it in.
    Output(Arc<Call>, usize),
}

/// The result of a node, or its shape while nobody has needed the numbers.
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
    pub scope: u32,
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

/// The inside of a tape.
#[derive(Default)]
pub(crate) struct Inner {
    pub nodes: Vec<Node>,
    /// Saved values of operations, by node, in order.
    pub memos: Vec<(NodeId, Memo)>,
    /// The parameters watched in this recording.
    pub watched: Vec<(u64, NodeId)>,
    /// Layers by the layer around them and their own name; 0 is "outside every layer". Kept over recordings.
    pub scopes: Arc<Vec<ScopeName>>,
    pub scope: u32,
    /// The layers whose guards are alive, in the order in which they were entered; `None` where one was left early.
    pub(super) open: Vec<Option<u32>>,
    /// Where the next layer is looked for first.
    pub(super) next_scope: u32,
    /// Names of nodes (of parameters, and those given by the user), by node. Gradients share them.
    pub names: Arc<Vec<Name>>,
    /// Functions of the user that replace gradients, by node, then in the order in which they run.
    pub hooks: Vec<Hook>,
    /// The checkpoints, by their first nodes.
    pub segments: Vec<Segment>,
    /// Off inside backward rules and `no_grad`: new nodes then want no gradient.
    pub no_grad: bool,
    /// The line that new nodes count as recorded at: while a built-in rule runs, that of the operation it differentiates.
    pub line: Option<&'static Location<'static>>,
    /// The number of elements from which elementwise results are left pending.
    pub lazy_from: usize,
}

impl Inner {
    #[track_caller]
    pub fn push(&mut self, kind: Kind, inputs: Inputs, value: Value, needs_grad: bool) -> NodeId {
        let id = NodeId::try_from(self.nodes.len()).expect("a tape holds fewer than 2^32 nodes");
        // A leaf stays a leaf: a parameter first seen where gradients are off is used later where they are on.
        let needs_grad = needs_grad && (!self.no_grad || matches!(kind, Kind::Leaf));
        self.nodes.push(Node {
            kind,
            inputs,
            value,
            needs_grad,
            retained: false,
            weight: 0,
            recomputed: false,
            scope: self.scope,
            at: match self.line {
                Some(line) => line,
                None => Location::caller(),
            },
        });
        id
    }

    pub(super) fn evaluate_op(&mut self, op: &dyn Op, ids: &Inputs, memo: &mut Option<Memo>) -> Result<Tensor> {
        let shape = {
            let shapes: SmallVec<[&Shape; 4]> = ids.iter().map(|&i| self.nodes[i as usize].shape()).collect();
            let shape = op.shape(&shapes)?;
            shape.countable(op.name(), &shapes)?;
            shape
        };
        if let [x] = ids[..] {
            // The total of a pending chain is taken while the chain is evaluated, block by block.
            if let Some((total, kept)) = op.folds(self.nodes[x as usize].shape()) {
                return Ok(self.fold(x, total, &kept).reshaped(shape));
            }
        }
        self.allocatable(op.name(), ids, &shape)?;
        for &id in ids {
            self.force(id);
        }
        let tensors: SmallVec<[&Tensor; 4]> = ids.iter().map(|&i| self.ready(i)).collect();
        let value = op.forward(&tensors, shape.clone(), memo)?;
        if *value.shape() != shape {
            let need = "`forward` must return the shape that `shape` announced";
            return Err(Error::shape(op.name(), &[value.shape(), &shape], need));
        }
        match tensors.first().map(|x| x.dtype()) {
            Some(expected) if expected != value.dtype() => {
                Err(Error::DType { op: op.name().to_owned(), expected, got: value.dtype() })
            }
            _ => Ok(value),
        }
    }

    /// Refuses an operation when there is no memory for its result, or for an input that is still pending.
    pub(super) fn allocatable(&self, op: &str, ids: &Inputs, shape: &Shape) -> Result<()> {
        let inputs = ids.iter().map(|&i| self.nodes[i as usize].shape());
        let pending = ids.iter().zip(inputs.clone()).filter(|&(&i, _)| self.is_pending(i)).map(|(_, shape)| shape);
        match pending.chain([shape]).find(|shape| shape.numel() >= LARGE && !self.has_memory(ids[0], shape)) {
            Some(shape) => Err(Error::too_large(op, shape, &inputs.collect::<SmallVec<[&Shape; 4]>>())),
            None => Ok(()),
        }
    }

    /// Whether there is memory for a tensor of `shape` in the precision of node `id`.
    fn has_memory(&self, mut id: NodeId, shape: &Shape) -> bool {
        loop {
            match &self.nodes[id as usize].value {
                Value::Ready(x) => return crate::dispatch!(x.dtype(), T => available::<T>(shape.numel())),
                Value::Pending(_) => id = self.nodes[id as usize].inputs[0],
            }
        }
    }

    /// Adds the current layer to an error.
    pub(super) fn locate(&self, error: Error) -> Error {
        error.in_scope(&self.scopes[self.scope as usize].path)
    }

    /// Forgets every node from `mark` on.
    pub fn truncate(&mut self, mark: usize) {
        self.nodes.truncate(mark);
        while self.memos.last().is_some_and(|m| m.0 as usize >= mark) {
            self.memos.pop();
        }
        while self.watched.last().is_some_and(|w| w.1 as usize >= mark) {
            self.watched.pop();
        }
        while self.names.last().is_some_and(|n| n.node as usize >= mark) {
            Arc::make_mut(&mut self.names).pop();
        }
        while self.hooks.last().is_some_and(|h| h.node as usize >= mark) {
            self.hooks.pop();
        }
        while self.segments.last().is_some_and(|s| s.first as usize >= mark) {
            self.segments.pop();
        }
    }
}
