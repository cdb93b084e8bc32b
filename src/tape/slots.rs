//! The gradients that a walk has under way: for each node, the sum of what has arrived so far.
//!
//! Where nothing is recorded, the operations of rules are *scratch*: they are taken off the tape as soon as they are more than
//! a few and no gradient waits to be computed from them, so the memory of a walk stays flat.

use super::{Inputs, Kind, List, Node, NodeId, Tape, Value, Var, extras::Few};
use crate::tensor::Tensor;

/// The gradient of a node so far.
#[derive(Clone)]
pub(super) enum Slot {
    /// Numbers.
    Ready(Tensor),
    /// A node, perhaps pending.
    Node(NodeId),
}

/// The gradients of all nodes up to the one where a walk begins.
pub(super) struct Slots<'t> {
    pub tape: &'t Tape,
    slots: Few<Slot>,
    /// The nodes whose slots hold a node instead of numbers; used only while the operations of rules are taken off again.
    waiting: Vec<NodeId>,
    /// The nodes whose slots are numbers that pieces are added to in place.
    pub in_place: Vec<NodeId>,
    /// Where the operations of rules begin, if they are taken off again.
    scratch_from: Option<usize>,
    /// Up to where they are known to be small.
    small_to: usize,
    /// The node that the walk is at.
    pub at: NodeId,
}

/// So many operations of rules stay on the tape if all are small: to take off what a rule recorded, and put what goes on from
/// it back for the next, costs as much as a small operation.
const FEW: usize = 32;
/// One of so many numbers is not small.
const LARGE: usize = 4096;
/// Gradients that wait to be computed are computed when rules have left this many operations on the tape.
const SCRATCH: usize = 256;
/// The gradient of a leaf waits for another contribution over so many nodes.
const NEAR: NodeId = 16;

impl<'t> Slots<'t> {
    /// Empty slots, but for the `upstream` gradient of `root`; the operations of rules are taken off again down to
    /// `scratch_from`, or stay.
    pub fn new(tape: &'t Tape, root: NodeId, upstream: Slot, scratch_from: Option<usize>) -> Self {
        let mut slots = Few::new(root as usize + 1);
        slots.put(root, upstream);
        let small_to = scratch_from.unwrap_or_default();
        Slots { tape, slots, waiting: Vec::new(), in_place: Vec::new(), scratch_from, small_to, at: root }
    }

    /// Whether the operations of rules stay on the tape.
    pub fn recorded(&self) -> bool {
        self.scratch_from.is_none()
    }

    /// Whether a node is an operation of a rule that is taken off again.
    #[inline]
    pub fn is_scratch(&self, id: NodeId) -> bool {
        self.scratch_from.is_some_and(|mark| id as usize >= mark)
    }

    /// The gradient of a node so far, if any has arrived.
    #[inline]
    pub fn get(&self, id: NodeId) -> Option<&Slot> {
        self.slots.get(id)
    }

    /// The gradient of a node that nobody adds to any more: numbers, unless it is recorded.
    pub fn complete(&self, slot: Slot) -> Slot {
        let (Slot::Node(node), Some(mark)) = (&slot, self.scratch_from) else { return slot };
        let list = &mut *self.tape.list_mut();
        list.force(*node);
        // Numbers that nobody else reads are moved: counting an owner takes as long as adding up a few of them.
        let reads = |&id: &NodeId| match self.slots.get(id) {
            Some(Slot::Node(other)) => other == node || list.is_pending(*other),
            _ => false,
        };
        let moved = *node as usize >= mark && !self.waiting.iter().any(reads);
        Slot::Ready(if moved { list.take(*node) } else { list.ready(*node).clone() })
    }

    /// Takes the gradient of a node out of its slot, as a value that rules can compute with.
    #[inline]
    pub fn take(&mut self, id: NodeId) -> Option<Var<'t>> {
        match self.close(id)? {
            Slot::Ready(tensor) => Some(self.tape.push(Kind::Constant, Inputs::new(), Value::Ready(tensor), false)),
            Slot::Node(node) => {
                let under_way = |&id: &NodeId| match self.slots.get(id)? {
                    Slot::Node(gradient) => Some((id, *gradient)),
                    Slot::Ready(_) => None,
                };
                self.tape.list_mut().sum_beside(node, self.waiting.iter().filter_map(under_way));
                Some(Var::new(self.tape, node))
            }
        }
    }

    /// Empties the slot of a node.
    #[inline]
    pub fn close(&mut self, id: NodeId) -> Option<Slot> {
        let slot = self.slots.take(id);
        match slot {
            Some(Slot::Node(_)) => self.waiting.retain(|&waiting| waiting != id),
            Some(Slot::Ready(_)) => self.in_place.retain(|&in_place| in_place != id),
            None => {}
        }
        slot
    }

    /// Adds a contribution to the gradient of `input`, summed over the axes along which the input was broadcast. The rule that it
    /// comes from may hand that on `again`.
    pub fn add(&mut self, input: NodeId, gradient: Var<'t>, again: bool) {
        if self.add_placed(input, gradient.id()) {
            return;
        }
        let gradient = self.summed(input, gradient);
        let numbers = !self.recorded() && !self.tape.list().is_pending(gradient.id());
        let sum = match self.slots.get_mut(input) {
            Some(Slot::Ready(sum)) if numbers => return sum.accumulate(self.tape.list().ready(gradient.id())),
            None => gradient,
            Some(_) => {
                let before = self.take(input).expect("the slot was just looked into");
                let (numbers, sum) = (numbers && !self.tape.list().is_pending(before.id()), before + gradient);
                if numbers {
                    self.tape.list_mut().force(sum.id());
                }
                sum
            }
        };
        let list = &mut *self.tape.list_mut();
        if !(again || self.recorded()) && list.is_pending(sum.id()) && list.gets_no_more(input, self.at) {
            list.force(sum.id());
        }
        self.wait(input, sum);
    }

    /// The gradient of a node whose slot is empty.
    pub fn put(&mut self, id: NodeId, sum: Tensor) {
        self.slots.put(id, Slot::Ready(sum));
    }

    /// Lets the gradient of `input` wait for a node.
    fn wait(&mut self, input: NodeId, gradient: Var<'t>) {
        self.slots.put(input, Slot::Node(gradient.id()));
        if self.scratch_from.is_some() {
            self.waiting.push(input);
        }
    }

    /// A contribution in the shape of `input`.
    fn summed(&self, input: NodeId, gradient: Var<'t>) -> Var<'t> {
        let mut list = self.tape.list_mut();
        let shape = list.node(input).shape();
        if list.node(gradient.id()).shape() == shape {
            return gradient;
        }
        let shape = shape.clone();
        if let (false, Some(sum)) = (self.recorded(), list.push_sum(gradient.id(), &shape)) {
            return Var::new(self.tape, sum);
        }
        drop(list);
        gradient.sum_to(&shape)
    }

    /// Takes the operations of finished rules off the tape, unless they are few and small, or a gradient still waits to be
    /// computed from them.
    pub fn forget_scratch(&mut self) {
        let Some(mark) = self.scratch_from else { return };
        let list = &mut *self.tape.list_mut();
        let count = list.nodes.len() - mark;
        let large = |node: &Node| node.shape().numel() >= LARGE;
        if count <= FEW && !list.nodes[self.small_to..].iter().any(large) {
            self.small_to = list.nodes.len();
            return;
        }
        let (slots, at) = (&mut self.slots, self.at);
        self.waiting.retain(|&id| {
            let Some(&Slot::Node(node)) = slots.get(id) else { return false };
            if count > SCRATCH || list.is_pending(node) && list.gets_no_more(id, at) {
                list.force(node);
            }
            let pending = list.is_pending(node);
            if !pending {
                slots.put(id, Slot::Ready(list.ready(node).clone()));
            }
            pending
        });
        if self.waiting.is_empty() {
            list.truncate(mark);
            self.small_to = mark;
        }
    }
}

impl List {
    /// Whether a node is a leaf that no node reads to which the walk, now `at` a node, comes soon: no chain goes on from its
    /// gradient.
    fn gets_no_more(&self, id: NodeId, at: NodeId) -> bool {
        let soon = &self.nodes[at.saturating_sub(NEAR) as usize..at as usize];
        matches!(self.node(id).kind, Kind::Leaf) && !soon.iter().any(|node| node.inputs.contains(&id))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    };

    use super::FEW;
    use crate::{Tape, Tensor};

    /// The most operations of rules that are on the tape when a gradient arrives, in a walk over a hundred products.
    fn scratch(side: usize) -> usize {
        let tape = Tape::f64();
        let most = Arc::new(AtomicUsize::new(0));
        let w = tape.constant(Tensor::eye(side, tape.dtype()));
        let y = (0..100).fold(tape.leaf(Tensor::eye(side, tape.dtype())), |y, _| {
            let most = most.clone();
            y.matmul(w).hook(move |dz| {
                most.fetch_max(dz.tape().len(), Relaxed);
                dz
            })
        });
        let y = y.sum();
        y.backward().unwrap();
        most.load(Relaxed) - tape.len()
    }

    #[test]
    fn operations_of_rules_stay_while_they_are_few_and_small() {
        assert!((FEW / 2..FEW + 4).contains(&scratch(2)), "{}", scratch(2));
        assert!(scratch(64) < 4, "{}", scratch(64));
    }

    #[test]
    fn numbers_that_are_the_gradient_of_several_leaves_are_those_of_each() {
        let tape = Tape::f64();
        let [a, b, c] = [1.0, 2.0, 3.0].map(|x| tape.leaf(x));
        let early = c * 5.0;
        let gradients = ((a + b + c) * 7.0 + early.retain()).backward().unwrap();
        assert_eq!([a, b, c, early].map(|x| gradients.wrt(x).unwrap().item()), [7.0, 7.0, 12.0, 1.0]);
    }
}
