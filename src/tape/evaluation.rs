//! How an operation is recorded and computed.
//!
//! Shapes are checked first, then the value is computed, then a node is appended, so that an error leaves the tape as it
//! was. Elementwise rows and other operations differ only in who computes: a row has a loop for each number, an [`Op`]
//! sees whole tensors. What may be postponed is left to [`lazy`](super::extras::lazy).

use smallvec::SmallVec;

use super::{Inputs, Kind, List, NodeId, Tape, Value, Var, node::Saved};
use crate::{
    error::{Error, Result},
    ops::{Elementwise, Op, SharedOp, Total},
    tensor::{Shape, Tensor, handful, short, storage::LARGE},
};

impl Tape {
    /// Records an operation other than an elementwise one: checks the shapes, then computes.
    ///
    /// Built-in operations and users' own come through this door alike.
    ///
    /// # Errors
    /// Those of the operation, and [`Error::DifferentTapes`].
    #[track_caller]
    pub fn record<'t>(&'t self, op: impl Op + 'static, inputs: &[Var<'t>]) -> Result<Var<'t>> {
        self.record_shared(SharedOp::new(op), inputs)
    }

    /// The same for an operation that is shared already.
    #[track_caller]
    pub(crate) fn record_shared<'t>(&'t self, op: SharedOp, inputs: &[Var<'t>]) -> Result<Var<'t>> {
        self.same_tape(op.name(), inputs)?;
        let ids: Inputs = short(inputs.iter().map(|v| v.id()));
        let mut list = self.list_mut();
        let frame = list.open();
        let shape = list.announced(&*op, &ids).map_err(|error| list.locate(error))?;
        if let Some(affine) = list.affine(&*op, &ids, &shape) {
            let id = list.push_affine(Kind::Op(op), ids, shape, affine);
            list.computed(frame, id);
            return Ok(Var::new(self, id));
        }
        let mut saved = None;
        let value = list.evaluate(&*op, &ids, shape, &mut saved).map_err(|error| list.locate(error))?;
        if value.dtype() != self.dtype() {
            return Err(Error::DType { op: op.name().to_owned(), expected: self.dtype(), got: value.dtype() });
        }
        let needs_grad = list.any_needs_grad(&ids);
        let id = list.push(Kind::Op(op), ids, Value::Ready(value), needs_grad);
        list.saved.extend(saved.map(|saved| (id, saved)));
        list.computed(frame, id);
        Ok(Var::new(self, id))
    }

    /// Records an elementwise operation whose operands broadcast to `shape` (or to their common shape).
    #[track_caller]
    pub(crate) fn elementwise<'t>(
        &'t self,
        row: &'static Elementwise,
        parameter: f64,
        operands: &[Var<'t>],
        shape: Option<Shape>,
    ) -> Result<Var<'t>> {
        self.same_tape(row.name, operands)?;
        let ids: Inputs = short(operands.iter().map(|v| v.id()));
        let mut list = self.list_mut();
        let frame = list.open();
        let shape = match shape {
            Some(shape) => shape,
            None => list.common_shape(row, &ids).map_err(|error| list.locate(error))?,
        };
        let needs_grad = row.differentiable() && list.any_needs_grad(&ids);
        let kind = Kind::Elementwise(row, parameter);
        if list.postpones(&shape) {
            let id = list.push_pending(kind, ids, shape, needs_grad);
            list.noted(frame);
            return Ok(Var::new(self, id));
        }
        // What is smaller is not worth asking for; this is the path of every small operation. A result without numbers may
        // have operands that no memory holds.
        if shape.numel() >= LARGE || shape.numel() == 0 {
            list.allocatable(row.name, &ids, &shape).map_err(|error| list.locate(error))?;
        }
        let value = list.with_values(ids.iter().copied(), |x| Value::Ready(row.forward(parameter, x, shape)));
        let id = list.push(kind, ids, value, needs_grad);
        list.computed(frame, id);
        Ok(Var::new(self, id))
    }

    /// Hands the values of `x` to `read`, where they stay: no owner is counted, which costs as much as a small operation.
    pub(crate) fn with_values<R>(&self, x: &[Var<'_>], read: impl FnOnce(&[&Tensor]) -> R) -> R {
        self.list_mut().with_values(x.iter().map(|v| v.id()), read)
    }

    /// What the operation of node `id` saved for its backward rule.
    pub(crate) fn saved(&self, id: NodeId) -> Option<Saved> {
        let mut list = self.list_mut();
        list.saved_at(id).or_else(|| {
            // A checkpoint forgets it with the value.
            list.force(id);
            list.saved_at(id)
        })
    }
}

impl List {
    /// The tensor of a node that is known to be computed.
    pub fn ready(&self, id: NodeId) -> &Tensor {
        match &self.node(id).value {
            Value::Ready(tensor) => tensor,
            Value::Pending(shape) => {
                unreachable!("node {id} of shape {shape} should have been computed before it was read")
            }
        }
    }

    /// The tensor of a node that is known to be computed, and is forgotten with it.
    pub fn take(&mut self, id: NodeId) -> Tensor {
        match std::mem::replace(&mut self.nodes[id as usize].value, Value::Pending(Shape::scalar())) {
            Value::Ready(tensor) => tensor,
            Value::Pending(_) => unreachable!("node {id} should have been computed before it was taken"),
        }
    }

    /// The tensor of a node, computed now if it is pending.
    pub fn value(&mut self, id: NodeId) -> &Tensor {
        self.force(id);
        self.ready(id)
    }

    /// Hands the values of nodes to `f`.
    pub(super) fn with_values<R>(
        &mut self,
        ids: impl ExactSizeIterator<Item = NodeId> + Clone,
        f: impl FnOnce(&[&Tensor]) -> R,
    ) -> R {
        ids.clone().for_each(|id| self.force(id));
        f(&handful(ids.map(|id| self.ready(id))))
    }

    fn saved_at(&self, id: NodeId) -> Option<Saved> {
        self.saved.binary_search_by_key(&id, |saved| saved.0).ok().map(|place| self.saved[place].1.clone())
    }

    /// The shape of an operation's value.
    pub(super) fn announced(&self, op: &dyn Op, ids: &Inputs) -> Result<Shape> {
        let shapes = handful(ids.iter().map(|&id| self.node(id).shape()));
        let shape = op.shape(&shapes)?;
        shape.countable(op.name(), &shapes).map(|()| shape)
    }

    /// The value of an operation; what it saves for its rule goes to `saved`.
    pub(super) fn evaluate(
        &mut self,
        op: &dyn Op,
        ids: &Inputs,
        shape: Shape,
        saved: &mut Option<Saved>,
    ) -> Result<Tensor> {
        if let Some((total, kept)) = self.folding(op, ids) {
            // The total of a pending chain is taken while the chain is evaluated, block by block.
            return Ok(self.fold(ids[0], total, &kept).reshaped(shape));
        }
        self.allocatable(op.name(), ids, &shape)?;
        let value = match self.in_pieces(op, ids) {
            Some(op) => self.with_chain(ids, |x, rest| op.forward_of(x, rest, shape.clone(), saved))?,
            None => self.with_values(ids.iter().copied(), |x| op.forward(x, shape.clone(), saved))?,
        };
        if *value.shape() != shape {
            let need = "`forward` must return the shape that `shape` announced";
            return Err(Error::shape(op.name(), &[value.shape(), &shape], need));
        }
        Ok(value)
    }

    /// How an operation reduces its one input, if that is what it does.
    pub(super) fn folding(&self, op: &dyn Op, inputs: &[NodeId]) -> Option<(Total, Shape)> {
        match inputs {
            [x] => op.folds(self.node(*x).shape()),
            _ => None,
        }
    }

    #[inline(always)]
    fn common_shape(&self, row: &'static Elementwise, ids: &Inputs) -> Result<Shape> {
        let mut shapes = ids.iter().map(|&id| self.node(id).shape());
        let mut common = shapes.next().expect("an elementwise operation has an operand").clone();
        let all = || ids.iter().map(|&id| self.node(id).shape()).collect::<SmallVec<[&Shape; 4]>>();
        for shape in shapes {
            if *shape != common {
                let need = "aligned at the last axis, sizes must be equal or 1";
                common = common.broadcast(shape).ok_or_else(|| Error::shape(row.name, &all(), need))?;
                common.countable(row.name, &all())?;
            }
        }
        Ok(common)
    }
}
