//! When values are computed.
//!
//! A small elementwise operation is computed at once. A large one only notes its shape: its value stays *pending* until
//! an operation that cannot be part of the chain, or the user, needs the numbers. Then the chain of pending operations
//! that lead to it is evaluated in one pass over memory, block by block ([`Program`]). What a backward rule needs of a
//! pending value is computed again inside the backward chain: arithmetic in the cache is cheaper than memory traffic.
//!
//! An operation that must see all numbers of its inputs, and then only scales and shifts each (batch norm), is part of a
//! chain, too ([`Op::affine`]).
//!
//! A checkpoint makes values of any operation pending again, after they were computed once. Such a value is computed by
//! itself, as it was the first time.
//!
//! Whether a value is computed early, late or twice never changes its bits.

use std::iter;

use smallvec::SmallVec;

use super::super::{Inputs, Kind, List, NodeId, Saved, Tape, Value};
use crate::{
    kernels::{
        elementwise::Loop,
        program::{Arg, Program, Role, Run, Step},
        ternary,
    },
    ops::{Coefficients, Looped, Op, Total},
    tensor::{Shape, Tensor},
};

/// Elementwise results with fewer elements are computed at once: the bookkeeping would cost more than it saves.
const LAZY: usize = 1 << 12;

/// A chain of more pending operations than this is computed, so that chains stay short enough to repeat.
const LONGEST_CHAIN: u8 = 48;

/// A chain that reads more values of its own shape than this is computed: each of its readers would read all of them. So a
/// sum that goes on from layer to layer (a residual stream) is written out now and then.
const MOST_SOURCES: usize = 4;

/// A chain of at least this many operations that is read twice is written out the first time.
pub(super) const WRITTEN: usize = 4;

impl Tape {
    /// Sets how many elements an elementwise result must have to be left pending until it is needed, so that chains of
    /// them are evaluated in one pass over memory. `usize::MAX` computes everything at once; no value depends on it.
    pub fn set_lazy_from(&self, elements: usize) {
        self.list_mut().notes.lazy_from = Some(elements);
    }

    /// Whether an elementwise result of this shape is left pending.
    pub(crate) fn postpones(&self, shape: &Shape) -> bool {
        self.list().postpones(shape)
    }
}

impl List {
    pub fn is_pending(&self, id: NodeId) -> bool {
        matches!(self.nodes[id as usize].value, Value::Pending(_))
    }

    /// Whether an elementwise result of this shape is left pending.
    pub fn postpones(&self, shape: &Shape) -> bool {
        shape.numel() >= self.notes.lazy_from.unwrap_or(LAZY)
    }

    /// Appends an elementwise node without its value, which is computed at once if its chain has become long.
    #[track_caller]
    pub fn push_pending(&mut self, kind: Kind, inputs: Inputs, shape: Shape, needs_grad: bool) -> NodeId {
        let weight = inputs.iter().fold(1u8, |weight, &input| weight.saturating_add(self.node(input).weight));
        let joins = inputs.iter().filter(|&&input| *self.node(input).shape() == shape).count() > 1;
        let id = self.push(kind, inputs, Value::Pending(shape), needs_grad);
        self.nodes[id as usize].weight = weight;
        if weight > LONGEST_CHAIN || joins && self.sources(id) > MOST_SOURCES {
            self.force(id);
        }
        id
    }

    /// How many values of its own shape the chain to a node reads.
    fn sources(&self, id: NodeId) -> usize {
        let shape = self.node(id).shape();
        self.chain_of(id).1.iter().filter(|&&input| self.node(input).shape() == shape).count()
    }

    /// What an operation saves, and what makes its value, if that is left pending as part of a chain.
    pub fn affine(&mut self, op: &dyn Op, ids: &Inputs, shape: &Shape) -> Option<(Saved, Coefficients)> {
        if !self.postpones(shape) {
            return None;
        }
        let affine = op.affine()?;
        Some(self.with_values(ids.iter().copied(), |x| affine.coefficients(x)))
    }

    /// Appends an operation of which everything is known but the value.
    #[track_caller]
    pub fn push_affine(
        &mut self,
        kind: Kind,
        inputs: Inputs,
        shape: Shape,
        (saved, affine): (Saved, Coefficients),
    ) -> NodeId {
        let needs_grad = self.any_needs_grad(&inputs);
        let id = self.push(kind, inputs, Value::Pending(shape), needs_grad);
        self.nodes[id as usize].weight = 1;
        self.saved.push((id, saved));
        self.notes.affine.push((id, affine));
        id
    }

    /// Computes the value of a node, if it is pending, after those that it needs. A loop, not a recursion: what a
    /// checkpoint has forgotten may be a hundred thousand operations long.
    #[inline]
    pub fn force(&mut self, id: NodeId) {
        if self.is_pending(id) {
            self.force_pending(id);
        }
    }

    fn force_pending(&mut self, id: NodeId) {
        let mut waiting: SmallVec<[NodeId; 16]> = SmallVec::from_slice(&[id]);
        while let Some(&id) = waiting.last() {
            let before = waiting.len();
            if self.is_pending(id) {
                self.missing(id, &mut waiting);
            }
            if waiting.len() == before {
                waiting.pop();
                self.compute(id);
            }
        }
    }

    /// Adds the pending nodes that must be computed before `id` can be, in one pass, to `list`.
    fn missing(&self, id: NodeId, list: &mut SmallVec<[NodeId; 16]>) {
        let node = &self.nodes[id as usize];
        match &node.kind {
            _ if self.is_chained(id) && !matches!(node.kind, Kind::Output(..)) => list.extend(self.pending_inputs(id)),
            Kind::Elementwise(..) => list.extend(self.pending_inputs(id)),
            Kind::Op(op) if self.folding(&**op, &node.inputs).is_some() => {
                let x = self.source(node.inputs[0]);
                match self.is_chained(x) {
                    true => self.missing(x, list),
                    false => list.extend(Some(x).filter(|&x| self.is_pending(x))),
                }
            }
            Kind::Op(op) if self.in_pieces(&**op, &node.inputs).is_some() => {
                self.missing(self.source(node.inputs[0]), list);
                list.extend(self.pending_sources(&node.inputs[1..]));
            }
            _ => list.extend(self.pending_sources(&node.inputs)),
        }
    }

    /// What is pending of the nodes whose numbers the chain to a node reads.
    fn pending_inputs(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        self.chain_of(id).1.into_iter().filter(|&id| self.is_pending(id))
    }

    fn pending_sources(&self, ids: &[NodeId]) -> impl Iterator<Item = NodeId> {
        ids.iter().map(|&id| self.source(id)).filter(|&id| self.is_pending(id))
    }

    /// Computes a node that has all it needs, if it is pending.
    fn compute(&mut self, id: NodeId) {
        if !self.is_pending(id) {
            return;
        }
        let mut frame = self.open();
        let (kind, inputs) = (self.nodes[id as usize].kind.clone(), self.nodes[id as usize].inputs.clone());
        let shape = self.nodes[id as usize].shape().clone();
        let value = match kind {
            Kind::Op(op) if !self.is_chained(id) => {
                let mut saved = None;
                let value = self.evaluate(&*op, &inputs, shape, &mut saved).unwrap_or_else(|error| {
                    panic!("{}: computed again after a checkpoint, it failed at the same inputs: {error}", op.name())
                });
                if let Some(saved) = saved {
                    let place = self.saved.partition_point(|other| other.0 < id);
                    self.saved.insert(place, (id, saved));
                }
                value
            }
            Kind::Elementwise(..) | Kind::Op(_) => {
                let (chain, inputs) = self.chain_of(id);
                let value = crate::dispatch!(self.ready(inputs[0]).dtype(), T => {
                    let program = self.program::<T>(&chain, &inputs);
                    Tensor::build::<T>(shape.clone(), |out| program.run(&shape, out))
                });
                self.chain_computed(frame.take(), &chain, &inputs, None);
                value
            }
            // An output of a function is the node that its `forward` ended in.
            Kind::Output(..) => self.ready(self.source(id)).clone(),
            Kind::Leaf | Kind::Constant => unreachable!("values from outside are never pending"),
        };
        self.computed_to(id, value);
        self.computed_again(frame, id);
    }

    /// Notes the value of a node that was pending.
    pub(super) fn computed_to(&mut self, id: NodeId, value: Tensor) {
        let node = &mut self.nodes[id as usize];
        node.value = Value::Ready(value);
        node.weight = 0;
    }

    /// The total of a node's value along the axes where `kept` is 1; a pending chain is not written out for it.
    pub fn fold(&mut self, id: NodeId, total: Total, kept: &Shape) -> Tensor {
        let dims = self.nodes[id as usize].shape().clone();
        let (chain, inputs) = self.ready_chain(id);
        crate::dispatch!(self.ready(inputs[0]).dtype(), T => {
            let program = self.program::<T>(&chain, &inputs);
            Tensor::build::<T>(kept.clone(), |out| program.fold(total, &dims, kept, out))
        })
    }

    /// The node whose value this is: the node itself, unless it is a pending output of a function.
    pub(super) fn source(&self, mut id: NodeId) -> NodeId {
        while let (Kind::Output(..), true) = (&self.nodes[id as usize].kind, self.is_pending(id)) {
            id = self.nodes[id as usize].inputs[0];
        }
        id
    }

    /// Whether a node may be computed inside the chains that read it. What a checkpoint has forgotten is not: it was
    /// written out the first time, and is written out again.
    pub(super) fn is_chained(&self, id: NodeId) -> bool {
        self.is_pending(id) && self.nodes[id as usize].weight > 0
    }

    /// The pending nodes of `root`'s shape that lead to it, in order, and the nodes that they read from outside.
    pub(super) fn chain_of(&self, root: NodeId) -> (SmallVec<[NodeId; 16]>, SmallVec<[NodeId; 8]>) {
        let shape = self.nodes[root as usize].shape();
        let (mut chain, mut inputs) = (SmallVec::new(), SmallVec::new());
        if !self.is_pending(root) {
            inputs.push(root);
            return (chain, inputs);
        }
        let mut stack: SmallVec<[NodeId; 16]> = SmallVec::from_slice(&[root]);
        while let Some(id) = stack.pop() {
            if chain.contains(&id) {
                continue;
            }
            chain.push(id);
            let node = &self.nodes[id as usize];
            let read = if let Kind::Op(_) = node.kind { &node.inputs[..1] } else { &node.inputs[..] };
            for &input in read {
                let input = self.source(input);
                if self.is_chained(input) && self.nodes[input as usize].shape() == shape {
                    stack.push(input);
                } else if !inputs.contains(&input) {
                    inputs.push(input);
                }
            }
        }
        // Inputs come before outputs on the tape, so the order of the tape is an order of evaluation.
        chain.sort_unstable();
        (chain, inputs)
    }

    /// A chain, whose inputs are computed, as a program.
    pub(super) fn program<T: Looped>(&self, chain: &[NodeId], inputs: &[NodeId]) -> Program<'_, T> {
        let position = |list: &[NodeId], id| list.iter().position(|&i| i == id);
        let arg = |&input: &NodeId| {
            let input = self.source(input);
            match position(chain, input) {
                Some(step) => Arg::Step(step),
                None => Arg::Input(position(inputs, input).expect("what is not in the chain is an input of it")),
            }
        };
        let numbers = |&id: &NodeId| (self.ready(id).data::<T>(), self.node(id).shape().dims());
        let mut operands: SmallVec<[(&[T], &[usize]); 4]> = inputs.iter().map(numbers).collect();
        let steps = chain.iter().map(|&id| {
            let node = &self.nodes[id as usize];
            if let Kind::Elementwise(op, parameter) = &node.kind {
                let args = node.inputs.iter().map(arg).collect();
                return Step { run: Run::Row(T::loop_of(op)), parameter: T::of(*parameter), args, role: op.role() };
            }
            let known = self.notes.affine.binary_search_by_key(&id, |affine| affine.0);
            let affine = &self.notes.affine[known.expect("only rows and what is affine are part of chains")].1;
            let (first, numbers) = (operands.len(), affine.center.iter().chain([&affine.factor, &affine.term]));
            operands.extend(numbers.map(|x| (x.data::<T>(), x.shape().dims())));
            let args = iter::once(arg(&node.inputs[0])).chain((first..operands.len()).map(Arg::Input)).collect();
            let (run, role) = match affine.center {
                Some(_) => (Loop::Quaternary(ternary::normal), Role::Other),
                None => (Loop::Ternary(ternary::affine), Role::Affine),
            };
            Step { run: Run::Row(run), parameter: T::ZERO, args, role }
        });
        let steps = steps.collect();
        Program::new(operands, steps)
    }
}
