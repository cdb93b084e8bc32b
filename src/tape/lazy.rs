//! When values are computed.
//!
//! A small elementwise operation is computed at once. A large one only notes its shape: its value stays *pending* until
//! an operation that cannot be part of the chain, or the user, needs the numbers. Then the chain of pending operations
//! that lead to it is evaluated in one pass over memory, block by block ([`Program`]). What a backward rule needs of a
//! pending value is computed again inside the backward chain: arithmetic in the cache is cheaper than memory traffic.
//!
//! A checkpoint makes values of any operation pending again, after they were computed once. Such a value is computed by
//! itself, as it was the first time.
//!
//! Whether a value is computed early, late or twice never changes its bits.

use smallvec::SmallVec;

use super::{Inner, Inputs, Kind, NodeId, Value};
use crate::{
    error::{Error, Result},
    kernels::{
        elementwise::{Loop, Operand, Total},
        program::{Arg, Program, Step},
    },
    ops::Elementwise,
    tensor::{DType, Element, Shape, Tensor, storage::LARGE},
};

/// Elementwise results with fewer elements are computed at once: the bookkeeping would cost more than it saves.
pub(super) const LAZY: usize = 1 << 12;

/// A chain of more pending operations than this is computed, so that chains stay short enough to repeat.
const LONGEST_CHAIN: u8 = 48;

impl Inner {
    /// The tensor of a node that is known to be computed.
    pub fn ready(&self, id: NodeId) -> &Tensor {
        match &self.nodes[id as usize].value {
            Value::Ready(tensor) => tensor,
            Value::Pending(shape) => unreachable!("node {id} of shape {shape} was to be computed before it is read"),
        }
    }

    pub fn is_pending(&self, id: NodeId) -> bool {
        matches!(self.nodes[id as usize].value, Value::Pending(_))
    }

    /// The value of a new elementwise node (computed if it is small), whether it needs a gradient, and how many pending
    /// nodes it stands for.
    pub fn evaluate_elementwise(
        &mut self,
        op: &'static Elementwise,
        parameter: f64,
        ids: &Inputs,
        shape: Option<Shape>,
    ) -> Result<(Value, bool, u8)> {
        let shape = match shape {
            Some(shape) => shape,
            None => self.common_shape(op, ids)?,
        };
        let numel = shape.numel();
        let needs_grad = ids.iter().any(|&i| self.nodes[i as usize].needs_grad);
        if numel >= self.lazy_from {
            let weight = ids.iter().map(|&i| &self.nodes[i as usize]).fold(1u8, |w, n| w.saturating_add(n.weight));
            return Ok((Value::Pending(shape), needs_grad, weight));
        }
        if numel >= LARGE {
            self.allocatable(op.name, ids, &shape)?;
        }
        for &id in ids {
            self.force(id);
        }
        let tensors: SmallVec<[&Tensor; 4]> = ids.iter().map(|&i| self.ready(i)).collect();
        let value = crate::dispatch!(tensors[0].dtype(), T => now::<T>(op, parameter, &tensors, shape));
        Ok((Value::Ready(value), needs_grad, 0))
    }

    fn common_shape(&self, op: &'static Elementwise, ids: &Inputs) -> Result<Shape> {
        let mut shapes = ids.iter().map(|&i| self.nodes[i as usize].shape());
        let mut common = shapes.next().expect("an elementwise operation has an operand").clone();
        let all = || ids.iter().map(|&i| self.nodes[i as usize].shape()).collect::<SmallVec<[&Shape; 4]>>();
        for shape in shapes {
            if *shape != common {
                let need = "aligned at the last axis, sizes must be equal or 1";
                common = common.broadcast(shape).ok_or_else(|| Error::shape(op.name, &all(), need))?;
                common.countable(op.name, &all())?;
            }
        }
        Ok(common)
    }

    /// Notes how many pending nodes a new node stands for, and computes it when the chain has become long.
    pub fn settle(&mut self, id: NodeId, weight: u8) {
        self.nodes[id as usize].weight = weight;
        if weight > LONGEST_CHAIN {
            self.force(id);
        }
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
            Kind::Elementwise(..) => list.extend(self.chain_of(id).1.into_iter().filter(|&i| self.is_pending(i))),
            Kind::Op(op) if op.folds(self.nodes[node.inputs[0] as usize].shape()).is_some() => {
                let x = self.source(node.inputs[0]);
                match self.is_chained(x) {
                    true => self.missing(x, list),
                    false => list.extend(Some(x).filter(|&x| self.is_pending(x))),
                }
            }
            _ => list.extend(node.inputs.iter().map(|&i| self.source(i)).filter(|&i| self.is_pending(i))),
        }
    }

    /// Computes a node that has all it needs, if it is pending.
    fn compute(&mut self, id: NodeId) {
        if !self.is_pending(id) {
            return;
        }
        let (kind, inputs) = (self.nodes[id as usize].kind.clone(), self.nodes[id as usize].inputs.clone());
        let value = match kind {
            Kind::Elementwise(..) => {
                let shape = self.nodes[id as usize].shape().clone();
                self.chain(id, |program| match program {
                    AnyProgram::F32(p) => Tensor::build::<f32>(shape.clone(), |out| p.run(&shape, out)),
                    AnyProgram::F64(p) => Tensor::build::<f64>(shape.clone(), |out| p.run(&shape, out)),
                })
            }
            Kind::Op(op) => {
                let mut memo = None;
                let value = self.evaluate_op(&*op, &inputs, &mut memo).unwrap_or_else(|error| {
                    panic!("{}: computed again after a checkpoint, it failed at the same inputs: {error}", op.name())
                });
                if let Some(memo) = memo {
                    let place = self.memos.partition_point(|other| other.0 < id);
                    self.memos.insert(place, (id, memo));
                }
                value
            }
            // An output of a function is the node that its `forward` ended in.
            Kind::Output(..) => self.ready(self.source(id)).clone(),
            Kind::Leaf | Kind::Constant => unreachable!("values from outside are never pending"),
        };
        let node = &mut self.nodes[id as usize];
        node.value = Value::Ready(value);
        node.weight = 0;
    }

    /// The total of a node's value along the axes where `kept` is 1; a pending chain is not written out for it.
    pub fn fold(&mut self, id: NodeId, total: Total, kept: &Shape) -> Tensor {
        let id = self.source(id);
        match self.is_chained(id) {
            true => self.chain_of(id).1.into_iter().for_each(|input| self.force(input)),
            false => self.force(id),
        }
        let dims = self.nodes[id as usize].shape().clone();
        self.chain(id, |program| match program {
            AnyProgram::F32(p) => Tensor::build::<f32>(kept.clone(), |out| p.fold(total, &dims, kept, out)),
            AnyProgram::F64(p) => Tensor::build::<f64>(kept.clone(), |out| p.fold(total, &dims, kept, out)),
        })
    }

    /// The node whose value this is: the node itself, unless it is a pending output of a function.
    fn source(&self, mut id: NodeId) -> NodeId {
        while let (Kind::Output(..), true) = (&self.nodes[id as usize].kind, self.is_pending(id)) {
            id = self.nodes[id as usize].inputs[0];
        }
        id
    }

    /// Whether a node may be computed inside the chains that read it. What a checkpoint has forgotten is not: it was
    /// written out the first time, and is written out again.
    fn is_chained(&self, id: NodeId) -> bool {
        self.is_pending(id) && self.nodes[id as usize].weight > 0
    }

    /// The pending nodes of `root`'s shape that lead to it, in order, and the nodes that they read from outside.
    fn chain_of(&self, root: NodeId) -> (SmallVec<[NodeId; 16]>, SmallVec<[NodeId; 8]>) {
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
            for &input in &self.nodes[id as usize].inputs {
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

    /// Hands the chain that leads to `root`, whose inputs are computed, to `run` as a program.
    fn chain(&self, root: NodeId, run: impl FnOnce(AnyProgram) -> Tensor) -> Tensor {
        let (chain, inputs) = self.chain_of(root);
        match self.ready(inputs[0]).dtype() {
            DType::F32 => run(AnyProgram::F32(self.program(&chain, &inputs))),
            DType::F64 => run(AnyProgram::F64(self.program(&chain, &inputs))),
        }
    }

    fn program<T: Chainable>(&self, chain: &[NodeId], inputs: &[NodeId]) -> Program<'_, T> {
        let position = |list: &[NodeId], id| list.iter().position(|&i| i == id);
        let steps = chain.iter().map(|&id| {
            let node = &self.nodes[id as usize];
            let Kind::Elementwise(op, parameter) = &node.kind else {
                unreachable!("only elementwise operations are part of chains")
            };
            let args = node.inputs.iter().map(|&input| {
                let input = self.source(input);
                match position(chain, input) {
                    Some(step) => Arg::Step(step),
                    None => Arg::Input(position(inputs, input).expect("what is not in the chain is an input of it")),
                }
            });
            Step { run: T::loop_of(op), parameter: T::of(*parameter), args: args.collect() }
        });
        let data = inputs.iter().map(|&i| {
            let tensor = self.ready(i);
            (tensor.data::<T>(), tensor.shape().dims())
        });
        Program::new(data.collect(), steps.collect())
    }
}

/// A program in the precision of its tape.
enum AnyProgram<'a> {
    F32(Program<'a, f32>),
    F64(Program<'a, f64>),
}

/// Picks the loop of an elementwise operation for a precision.
trait Chainable: Element {
    fn loop_of(op: &'static Elementwise) -> Loop<Self>;
}

impl Chainable for f32 {
    fn loop_of(op: &'static Elementwise) -> Loop<f32> {
        op.loop_f32
    }
}

impl Chainable for f64 {
    fn loop_of(op: &'static Elementwise) -> Loop<f64> {
        op.loop_f64
    }
}

/// One elementwise operation on computed operands.
fn now<T: Chainable>(op: &'static Elementwise, parameter: f64, x: &[&Tensor], shape: Shape) -> Tensor {
    let simple = x.iter().all(|x| *x.shape() == shape || x.numel() == 1);
    if !simple {
        let inputs = x.iter().map(|x| (x.data::<T>(), x.shape().dims())).collect();
        let args = (0..x.len()).map(Arg::Input).collect();
        let program = Program::new(inputs, vec![Step { run: T::loop_of(op), parameter: T::of(parameter), args }]);
        return Tensor::build::<T>(shape.clone(), |out| program.run(&shape, out));
    }
    let numel = shape.numel();
    let operand = |k: usize| match x[k].data::<T>() {
        [one] if numel != 1 => Operand::Same(*one),
        data => Operand::Each(data),
    };
    Tensor::build::<T>(shape, |out| match T::loop_of(op) {
        Loop::Unary(run) => match operand(0) {
            Operand::Each(x) => run(x, T::of(parameter), out),
            Operand::Same(x) => {
                let mut y = [x];
                run(&[x], T::of(parameter), &mut y);
                out.fill(y[0]);
            }
        },
        Loop::Binary(run) => run(operand(0), operand(1), out),
        Loop::Ternary(run) => run(operand(0), operand(1), operand(2), out),
    })
}
