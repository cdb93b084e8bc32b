//! The gradients that a walk has under way: for each node, the sum of what has arrived so far.
//!
//! Where nothing is recorded, the operations of rules are *scratch*: they are taken off the tape as soon as no gradient
//! waits to be computed from them, so the memory of a walk stays flat.

use super::{Kind, NodeId, Tape, Var, checkpoint::Segment};
use crate::tensor::Tensor;

/// The gradient of a node so far.
pub(super) enum Slot {
    Empty,
    /// Numbers.
    Ready(Tensor),
    /// A node past the recording, perhaps pending.
    Node(NodeId),
}

/// The gradients of all nodes up to the one where a walk begins.
pub(super) struct Slots<'t> {
    tape: &'t Tape,
    slots: Vec<Slot>,
    /// Whether a contribution came through a selection, whose zeros mean "not used"; empty until one has.
    masked: Vec<bool>,
    /// The nodes whose slots hold a node, while the operations of rules are taken off again.
    waiting: Vec<NodeId>,
    /// Where the operations of rules begin, if they are taken off again.
    scratch_from: Option<usize>,
}

/// Gradients that wait to be computed are computed when rules have left this many operations on the tape.
const SCRATCH: usize = 256;

impl<'t> Slots<'t> {
    pub fn new(tape: &'t Tape, root: NodeId, upstream: Slot, scratch_from: Option<usize>) -> Self {
        let mut slots = Vec::new();
        slots.resize_with(root as usize + 1, || Slot::Empty);
        slots[root as usize] = upstream;
        Slots { tape, slots, masked: Vec::new(), waiting: Vec::new(), scratch_from }
    }

    /// Whether the operations of rules stay on the tape.
    #[inline]
    pub fn recorded(&self) -> bool {
        self.scratch_from.is_none()
    }

    #[inline]
    pub fn is_empty(&self, id: NodeId) -> bool {
        matches!(self.slots[id as usize], Slot::Empty)
    }

    #[inline]
    pub fn get(&self, id: NodeId) -> &Slot {
        &self.slots[id as usize]
    }

    /// Notes that zeros in the gradient of `id` may mean "not selected".
    #[inline]
    pub fn mask(&mut self, id: NodeId) {
        self.masked.resize(self.slots.len(), false);
        self.masked[id as usize] = true;
    }

    #[inline]
    pub fn masked(&self, id: NodeId) -> bool {
        self.masked.get(id as usize).is_some_and(|&masked| masked)
    }

    /// Takes the gradient of a node out of its slot, as a value that rules can compute with.
    #[inline]
    pub fn take(&mut self, id: NodeId) -> Option<Var<'t>> {
        // An output of a call may lie past the node where the walk began.
        match std::mem::replace(self.slots.get_mut(id as usize)?, Slot::Empty) {
            Slot::Empty => None,
            Slot::Ready(tensor) => Some(self.tape.constant(tensor)),
            Slot::Node(node) => {
                self.waiting.retain(|&waiting| waiting != id);
                Some(Var::new(self.tape, node))
            }
        }
    }

    /// Empties the slot of a node that passes nothing on.
    #[inline]
    pub fn close(&mut self, id: NodeId) {
        self.slots[id as usize] = Slot::Empty;
        self.waiting.retain(|&waiting| waiting != id);
    }

    /// Adds a contribution to the gradient of `input`.
    pub fn add(&mut self, input: NodeId, gradient: Var<'t>) {
        let numbers = self.numbers(input, gradient);
        let slot = &mut self.slots[input as usize];
        match (&mut *slot, numbers) {
            (Slot::Empty, Some(numbers)) => *slot = Slot::Ready(numbers),
            (Slot::Ready(sum), Some(numbers)) => sum.accumulate(&numbers),
            _ => {
                let sum = match self.take(input) {
                    Some(before) => before + gradient,
                    None => gradient,
                };
                self.slots[input as usize] = Slot::Node(sum.id());
                if self.scratch_from.is_some() {
                    self.waiting.push(input);
                }
            }
        }
    }

    /// The numbers of a contribution, if it can be added as numbers: nothing is recorded, and it is computed already
    /// or goes to a leaf, behind which no chain goes on.
    fn numbers(&self, input: NodeId, gradient: Var<'t>) -> Option<Tensor> {
        self.scratch_from?;
        let mut inner = self.tape.inner.borrow_mut();
        if matches!(inner.nodes[input as usize].kind, Kind::Leaf) {
            inner.force(gradient.id());
        }
        (!inner.is_pending(gradient.id())).then(|| inner.ready(gradient.id()).clone())
    }

    /// Takes the operations of finished rules off the tape, unless a gradient still waits to be computed from them.
    pub fn forget_scratch(&mut self) {
        let Some(mark) = self.scratch_from else { return };
        let many = self.tape.len() > mark + SCRATCH;
        let (tape, slots) = (self.tape, &mut self.slots);
        self.waiting.retain(|&id| {
            let Slot::Node(node) = slots[id as usize] else { return false };
            // What an operation has computed by now need not wait; else all results of later rules would wait with it.
            let waits = !many && tape.inner.borrow().is_pending(node);
            if !waits {
                slots[id as usize] = Slot::Ready(Var::new(tape, node).value());
            }
            waits
        });
        if self.waiting.is_empty() {
            self.tape.inner.borrow_mut().truncate(mark);
        }
    }

    /// Forgets the values of a checkpoint that the walk has passed. Gradients that go on from it are computed first: a
    /// pending one reads those values.
    pub fn leave(&mut self, segment: Segment) {
        let mut inner = self.tape.inner.borrow_mut();
        for input in inner.inputs_of(segment) {
            if let Some(Slot::Node(node)) = self.slots.get(input as usize) {
                inner.force(*node);
            }
        }
        inner.forget(segment);
        drop(inner);
        self.forget_scratch();
    }
}
