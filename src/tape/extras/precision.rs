//! A recording in another precision: the same program, run once more.
//!
//! The list holds all that a run needs: what was done, and to which earlier nodes. So it can be run again without the
//! user's program, in single precision and in double, and the difference of the two is what rounding did. Masks,
//! labels and random numbers are constants of the list, or parts of its operations, and are the same in both.

use super::{
    super::{Kind, List, Node, NodeId, Tape, Value},
    Notes,
};
use crate::{error::Result, tensor::DType};

impl Tape {
    /// The same recording in another precision: the values from outside are converted, and everything else is computed
    /// from them once more. Positions, names, layers, lines, hooks and checkpoints are the same, so `copy.var(x.index())`
    /// is `x` in the other precision, and can be differentiated.
    ///
    /// In the precision that the tape already has, every bit of the copy is that of the original.
    ///
    /// ```
    /// use wengert::{DType, Tape};
    /// let tape = Tape::new();
    /// let x = tape.leaf([1e-4, 2e-4]);
    /// let y = x.cos();
    /// let z = 1.0 - y;
    /// let double = tape.in_precision(DType::F64)?;
    /// let (single, exact) = (z.value().at(&[0]), double.var(z.index()).value().at(&[0]));
    /// assert_eq!(single, 0.0);
    /// assert!((exact / 5e-9 - 1.0).abs() < 1e-6);               // x²/2
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of operations that refuse their numbers in the other precision (a Cholesky decomposition of a matrix that
    /// rounding makes indefinite), or that are the user's own and work in one precision only.
    pub fn in_precision(&self, dtype: DType) -> Result<Tape> {
        let copy = Tape::with_dtype(dtype);
        copy.set_rule(self.rule());
        copy.set_mode(self.mode());
        let from = self.list();
        let mut to = copy.list_mut();
        to.notes = from.notes.of_recording();
        for (id, node) in from.nodes.iter().enumerate() {
            let value = to.again(id as NodeId, node, dtype)?;
            let (kind, inputs, at) = (node.kind.clone(), node.inputs.clone(), node.at);
            let Node { needs_grad, retained, recomputed, scope, .. } = *node;
            to.nodes.push(Node { kind, inputs, value, needs_grad, retained, weight: 0, recomputed, scope, at });
        }
        drop(to);
        Ok(copy)
    }
}

impl List {
    /// The value of a node of another list whose inputs are on this one; what cannot fail is left pending.
    fn again(&mut self, id: NodeId, node: &Node, dtype: DType) -> Result<Value> {
        match (&node.kind, &node.value) {
            (Kind::Leaf | Kind::Constant, Value::Ready(value)) => Ok(Value::Ready(value.cast(dtype))),
            (Kind::Op(op), _) => {
                let mut saved = None;
                let value = self.evaluate(&**op, &node.inputs, node.shape().clone(), &mut saved)?;
                self.saved.extend(saved.map(|saved| (id, saved)));
                Ok(Value::Ready(value))
            }
            _ => Ok(Value::Pending(node.shape().clone())),
        }
    }
}

impl Notes {
    /// What belongs to the nodes of a recording, without what is under way.
    fn of_recording(&self) -> Notes {
        let mut notes = Notes { watched: self.watched.clone(), hooks: self.hooks.clone(), ..Notes::default() };
        notes.segments = self.segments.clone();
        notes.names.known = self.names.known.clone();
        notes
    }
}
