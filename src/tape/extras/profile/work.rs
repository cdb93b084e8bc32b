//! How many numbers were computed, and how many bytes were operands and results, from the shapes.
//!
//! The bytes are those of the operands and of the result, each once: what must at least go through memory when nothing is
//! in a cache. A chain of elementwise operations reads its operands and writes its end, so its inner values move nothing.

use smallvec::SmallVec;

use super::super::super::{Kind, List, NodeId, Value};
use crate::tensor::{DType, Shape, Tensor};

/// What was computed and moved.
pub(super) struct Work {
    pub flops: Option<u64>,
    pub bytes: u64,
}

pub(super) const NO_WORK: Work = Work { flops: Some(0), bytes: 0 };

impl List {
    /// What was computed and moved at a node that is no part of a chain.
    pub(super) fn work(&self, id: NodeId) -> Work {
        let node = self.node(id);
        let dtype = precision(self, id);
        let shapes: SmallVec<[&Shape; 4]> = node.inputs.iter().map(|&input| self.node(input).shape()).collect();
        let value = match (&node.value, &node.kind) {
            (Value::Ready(value), _) => value,
            // A piece of a gradient, read and added to as many numbers.
            (Value::Pending(_), Kind::Op(op)) if op.placing().is_some() => {
                let piece = shapes[0];
                return Work { flops: Some(piece.numel() as u64), bytes: 2 * bytes(piece, dtype) };
            }
            // Statistics; the last step, for each number of the value, is left to a chain, which counts it.
            (Value::Pending(shape), Kind::Op(op)) => {
                let flops = op.flops(&shapes, shape).map(|flops| flops.saturating_sub(shape.numel() as u64));
                return Work { flops, bytes: shapes.iter().map(|shape| bytes(shape, dtype)).sum() };
            }
            _ => return NO_WORK,
        };
        let flops = match &node.kind {
            Kind::Elementwise(..) => Some(value.numel() as u64),
            Kind::Op(op) => op.flops(&shapes, value.shape()),
            _ => Some(0),
        };
        let shared = |&input: &NodeId| matches!(&self.node(input).value, Value::Ready(x) if start(x) == start(value));
        let bytes = match node.inputs.iter().any(shared) {
            true => 0,
            false => shapes.iter().copied().chain([value.shape()]).map(|shape| bytes(shape, dtype)).sum(),
        };
        Work { flops, bytes }
    }

    /// The same for the rule of a node that computed all gradients with numbers: it reads the operands and dz, and writes
    /// the gradients that are needed, in the shapes of the operands.
    pub(super) fn work_of_rule(&self, id: NodeId) -> Work {
        let node = self.node(id);
        let Kind::Op(op) = &node.kind else { return NO_WORK };
        let shapes: SmallVec<[&Shape; 4]> = node.inputs.iter().map(|&input| self.node(input).shape()).collect();
        let each = |shape: &Shape| bytes(shape, precision(self, id));
        let needs: SmallVec<[bool; 4]> = node.inputs.iter().map(|&input| self.node(input).needs_grad).collect();
        let moved = shapes.iter().zip(&needs).map(|(shape, &need)| (1 + u64::from(need)) * each(shape)).sum::<u64>();
        Work { flops: op.rule_flops(&shapes, node.shape(), &needs), bytes: moved + each(node.shape()) }
    }
}

/// The bytes of a value.
pub(super) fn bytes(shape: &Shape, dtype: DType) -> u64 {
    shape.numel() as u64 * if dtype == DType::F32 { 4 } else { 8 }
}

/// Where the numbers of a value lie.
fn start(x: &Tensor) -> usize {
    crate::dispatch!(x.dtype(), T => x.data::<T>().as_ptr() as usize)
}

/// The precision of a node.
fn precision(list: &List, mut id: NodeId) -> DType {
    loop {
        match &list.node(id).value {
            Value::Ready(x) => return x.dtype(),
            Value::Pending(_) => id = list.node(id).inputs[0],
        }
    }
}
