//! Looking at every value of a recording, those that are pending too, without keeping what had to be computed.
//!
//! Values are computed in the order of the tape, and each is forgotten after its last reader, so that a look needs no
//! more memory than the recording did when it ran. The recording then is as it was: what is computed later is computed
//! as if nobody had looked.

use smallvec::SmallVec;

use super::super::{List, NodeId, Tape, Value};
use crate::tensor::Tensor;

impl Tape {
    /// Hands the value of each node to `look`, in order; `None` where there is no memory for a pending one.
    pub(crate) fn look(&self, mut look: impl FnMut(usize, Option<&Tensor>)) {
        self.look_with_inputs(|id, value, _| look(id, value));
    }

    /// As [`look`](Tape::look), with the values of the node's inputs; none of them where there is no memory for one.
    pub(crate) fn look_with_inputs(&self, mut look: impl FnMut(usize, Option<&Tensor>, &[&Tensor])) {
        let list = &mut *self.list_mut();
        let count = list.nodes.len();
        let weights: Vec<u8> = list.nodes.iter().map(|node| node.weight).collect();
        let pending: Vec<bool> = (0..count).map(|id| list.is_pending(id as NodeId)).collect();
        let mut last_reader: Vec<usize> = (0..count).collect();
        for (id, node) in list.nodes.iter().enumerate() {
            node.inputs.iter().for_each(|&input| last_reader[input as usize] = id);
        }
        for id in 0..count {
            let node = &list.nodes[id];
            let there = list.allocatable(node.kind.name(), &node.inputs, node.shape()).is_ok();
            if !pending[id] || there {
                list.force(id as NodeId);
            }
            let ready = |id: NodeId| if list.is_pending(id) { None } else { Some(list.ready(id)) };
            let inputs: Option<SmallVec<[&Tensor; 4]>> =
                list.nodes[id].inputs.iter().map(|&input| ready(input)).collect();
            look(id, ready(id as NodeId), &inputs.unwrap_or_default());
            let read: Vec<usize> = list.nodes[id].inputs.iter().map(|&input| input as usize).chain([id]).collect();
            for read in read.into_iter().filter(|&read| pending[read] && last_reader[read] == id) {
                list.forget_value(read as NodeId, weights[read]);
            }
        }
    }
}

impl List {
    /// Makes a value that was computed in between pending again, with what its operation saved, unless it is part of a chain.
    fn forget_value(&mut self, id: NodeId, weight: u8) {
        let node = &mut self.nodes[id as usize];
        node.value = Value::Pending(node.shape().clone());
        node.weight = weight;
        match self.saved.binary_search_by_key(&id, |saved| saved.0) {
            Ok(place) if weight == 0 => drop(self.saved.remove(place)),
            _ => {}
        }
    }
}
