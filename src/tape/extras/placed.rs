//! Gradients that come in pieces: the rule of a slice hands on numbers that belong to some places of its input.
//!
//! In full size, with zeros elsewhere, the n pieces of a value would take n times as long as its gradient. So where nothing is
//! recorded, such a rule leaves its result pending, and the numbers are added at their places when the slot is known:
//!
//! s ← s + place(dz).
//!
//! Elsewhere s + 0 = s, with one exception: −0 + 0 = 0. So the first piece is written out, and a sum that holds a −0 gets a
//! piece in full. Once there is none, none can come about, since only −0 + −0 is −0. Thus no bit depends on any of this.

use super::super::{
    Inputs, Kind, List, NodeId, Tape, Value, Var,
    slots::{Slot, Slots},
};
use crate::{
    error::Result,
    kernels::place::has_negative_zero,
    ops::{Op, SharedOp},
    tensor::Tensor,
};

impl Tape {
    /// Records an operation of which everything is known but the value.
    #[track_caller]
    pub(crate) fn postpone<'t>(&'t self, op: impl Op + 'static, x: Var<'t>) -> Result<Var<'t>> {
        let (op, ids) = (SharedOp::new(op), Inputs::from_slice(&[x.id()]));
        let list = &mut *self.list_mut();
        let shape = list.announced(&*op, &ids)?;
        list.allocatable(op.name(), &ids, &shape)?;
        let needs_grad = list.any_needs_grad(&ids);
        Ok(Var::new(self, list.push(Kind::Op(op), ids, Value::Pending(shape), needs_grad)))
    }
}

impl List {
    /// The operation of a node that is a piece at its places, and waits to be added up.
    #[inline]
    fn placed(&self, id: NodeId) -> Option<SharedOp> {
        match &self.node(id).kind {
            Kind::Op(op) if self.is_pending(id) && op.placing().is_some() => Some(op.clone()),
            _ => None,
        }
    }

    /// A piece with zeros elsewhere.
    fn written_out(&mut self, op: &dyn Op, id: NodeId) -> Tensor {
        let frame = self.open();
        let (inputs, shape) = (self.node(id).inputs.clone(), self.node(id).shape().clone());
        let value = self.evaluate(op, &inputs, shape, &mut None).unwrap_or_else(|error| panic!("{error}"));
        self.computed_to(id, value);
        self.computed(frame, id);
        self.take(id)
    }

    /// Adds a piece to a sum at its places.
    fn add_in_place(&mut self, sum: &mut Tensor, op: &dyn Op, id: NodeId) {
        let piece = self.node(id).inputs[0];
        self.force(piece);
        let frame = self.open();
        op.placing().expect("it has just been asked").add_to(self.ready(piece), sum);
        self.computed(frame, id);
    }
}

impl Slots<'_> {
    /// Adds a contribution to the gradient of `input`, if it is a piece that waits for that.
    #[inline]
    pub fn add_placed(&mut self, input: NodeId, piece: NodeId) -> bool {
        let scratch = self.is_scratch(piece);
        let op = if scratch { self.tape.list().placed(piece) } else { None };
        op.inspect(|op| self.place(input, &**op, piece)).is_some()
    }

    fn place(&mut self, input: NodeId, op: &dyn Op, piece: NodeId) {
        let free_of_negative_zeros = self.in_place.contains(&input);
        let before = self.close(input);
        let list = &mut *self.tape.list_mut();
        let sum = match before {
            None => list.written_out(op, piece),
            Some(slot) => {
                let mut sum = match slot {
                    Slot::Ready(sum) => sum,
                    Slot::Node(node) => list.value(node).clone(),
                };
                if free_of_negative_zeros || !sum.has_negative_zero() {
                    list.add_in_place(&mut sum, op, piece);
                    self.in_place.push(input);
                } else {
                    sum.accumulate(&list.written_out(op, piece));
                }
                sum
            }
        };
        self.put(input, sum);
    }
}

impl Tensor {
    fn has_negative_zero(&self) -> bool {
        crate::dispatch!(self.dtype(), T => has_negative_zero(self.data::<T>()))
    }
}
