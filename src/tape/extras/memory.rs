//! Memory: what the values of a recording hold, and whether there is any for the next.

use std::collections::HashSet;

use smallvec::SmallVec;

use super::super::{Inputs, List, NodeId, Tape, Value};
use crate::{
    error::{Error, Result},
    tensor::{
        Shape,
        storage::{LARGE, available},
    },
};

impl Tape {
    /// The memory that the values of the recording hold now, in bytes; a buffer that several share counts once. What
    /// operations keep for their rules beside it (the places of maxima, statistics) is not counted.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf([1.0, 2.0, 3.0]);
    /// let _ = x.exp().reshape([3, 1]);
    /// assert_eq!(tape.bytes(), 2 * 3 * 8);
    /// ```
    pub fn bytes(&self) -> usize {
        let mut seen = HashSet::new();
        let list = self.list();
        let buffers = list.nodes.iter().filter_map(|node| match &node.value {
            Value::Ready(tensor) => Some(crate::dispatch!(tensor.dtype(), T => {
                let data = tensor.data::<T>();
                (data.as_ptr() as usize, size_of_val(data))
            })),
            Value::Pending(_) => None,
        });
        buffers.filter(|&(start, _)| seen.insert(start)).map(|(_, bytes)| bytes).sum()
    }
}

impl List {
    /// Refuses an operation when there is no memory for its result, or for an input that is still pending.
    pub fn allocatable(&self, op: &str, ids: &Inputs, shape: &Shape) -> Result<()> {
        let inputs = ids.iter().map(|&id| self.node(id).shape());
        let pending = ids.iter().zip(inputs.clone()).filter(|&(&id, _)| self.is_pending(id)).map(|(_, shape)| shape);
        match pending.chain([shape]).find(|shape| shape.numel() >= LARGE && !self.has_memory(ids, shape)) {
            Some(shape) => Err(Error::too_large(op, shape, &inputs.collect::<SmallVec<[&Shape; 4]>>())),
            None => Ok(()),
        }
    }

    /// Whether there is memory for a tensor of `shape` in the precision of the nodes `ids`, or in double precision if there
    /// are none.
    fn has_memory(&self, ids: &[NodeId], shape: &Shape) -> bool {
        let Some(&(mut id)) = ids.first() else { return available::<f64>(shape.numel()) };
        loop {
            match &self.node(id).value {
                Value::Ready(x) => return crate::dispatch!(x.dtype(), T => available::<T>(shape.numel())),
                Value::Pending(_) => id = self.node(id).inputs[0],
            }
        }
    }
}
