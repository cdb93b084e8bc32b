//! Sums over broadcast axes that wait for the gradient beside them.
//!
//! Where z = x + α min(eˣ − 1, 0) for a slope α of each channel, ᾱ is the sum of one chain over all numbers of x, and x̄ is
//! another chain of the same numbers. Batch norm reads its gradient twice, so a long x̄ is written out. Then the sum is taken
//! in the same pass: it is left pending until the walk arrives at α, by when x̄ is complete.
//!
//! A sum that finds no such gradient is computed by itself when somebody needs it. Its bits are the same either way.

use super::{
    super::{Inputs, Kind, List, NodeId, Value},
    lazy::WRITTEN,
};
use crate::{
    ops::{SharedOp, reduce::Reduce},
    tensor::{Shape, Tensor},
};

impl List {
    /// Appends the sum of a pending chain over the axes along which `shape` was broadcast, without its value; nothing if
    /// there is no such chain or axis.
    #[track_caller]
    pub fn push_sum(&mut self, chain: NodeId, shape: &Shape) -> Option<NodeId> {
        if !self.is_chained(self.source(chain)) {
            return None;
        }
        let sum = Reduce::sum_to(self.node(chain).shape(), shape)?;
        let (kind, inputs) = (Kind::Op(SharedOp::new(sum)), Inputs::from_slice(&[chain]));
        let needs_grad = self.any_needs_grad(&inputs);
        Some(self.push(kind, inputs, Value::Pending(shape.clone()), needs_grad))
    }

    /// Computes a sum, if it waits, in one pass with a gradient that is to be written out and reads the same numbers, if one
    /// of those under way is, which are given behind the nodes whose gradients they are.
    pub fn sum_beside(&mut self, sum: NodeId, under_way: impl Iterator<Item = (NodeId, NodeId)>) {
        let Kind::Op(op) = &self.node(sum).kind else { return };
        let (true, Some((total, kept))) = (self.is_pending(sum), self.folding(&**op, &self.node(sum).inputs)) else {
            return;
        };
        let summed = self.source(self.node(sum).inputs[0]);
        let (steps, inputs) = self.chain_of(summed);
        if steps.is_empty() {
            return;
        }
        let mut beside = under_way.filter(|&(of, gradient)| self.is_beside(of, gradient, summed, &inputs));
        let Some((_, gradient)) = beside.next() else { return };
        drop(beside);
        let frame = self.open();
        let (mut chain, mut read) = self.chain_of(gradient);
        chain.extend(steps);
        chain.sort_unstable();
        chain.dedup();
        read.extend(inputs);
        read.sort_unstable();
        read.dedup();
        read.iter().for_each(|&input| self.force(input));
        let step = chain.iter().position(|&id| id == summed);
        let [shape, of_sum] = [gradient, sum].map(|id| self.node(id).shape().clone());
        let (value, total) = crate::dispatch!(self.ready(read[0]).dtype(), T => {
            let program = self.program::<T>(&chain, &read);
            let mut value = None;
            let total = Tensor::build::<T>(kept.clone(), |totals| {
                value = Some(Tensor::build::<T>(shape.clone(), |out| {
                    program.fold_step(step, total, [&shape, &kept], totals, out);
                }));
            });
            (value.expect("it has been built"), total)
        });
        self.computed_to(gradient, value);
        self.computed_to(sum, total.reshaped(of_sum));
        self.chain_computed(frame, &chain, &read, Some(sum));
    }

    /// Whether the gradient of the node `of` is to be written out, by an operation that reads it twice, and reads numbers that
    /// the chain of `summed` reads.
    fn is_beside(&self, of: NodeId, gradient: NodeId, summed: NodeId, read: &[NodeId]) -> bool {
        let shape = |id| self.node(id).shape();
        let reads_twice = matches!(&self.node(of).kind, Kind::Op(op) if op.affine().is_some());
        if !reads_twice || gradient <= summed || shape(gradient) != shape(summed) {
            return false;
        }
        let (chain, inputs) = self.chain_of(gradient);
        chain.len() >= WRITTEN && inputs.iter().any(|&input| read.contains(&input) && shape(input) == shape(summed))
    }
}
