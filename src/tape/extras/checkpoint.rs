//! Checkpoints: values that are computed again when the gradient asks for them, instead of being kept.
//!
//! A backward walk needs the values of the forward pass, so memory grows with the length of the recording. A checkpoint
//! keeps of a stretch of it only what comes in and what comes out. The nodes themselves stay, and every operation is a
//! function of its inputs, so the values in between become *pending*, as those of elementwise chains are, and are
//! computed again, by the same operations in the same order, when somebody needs the numbers. For n layers in √n
//! checkpoints, memory falls from n values to about 2 √n, for at most one more forward pass (Griewank, 1992; Chen et al.,
//! arXiv 1604.06174).
//!
//! Since nothing of the user's program runs twice, nothing random is drawn twice and no running statistic is updated
//! twice: constants made inside (a mask of dropout) are kept.

use super::super::{
    Kind, List, NodeId, Tape, Value, Var,
    slots::{Slot, Slots},
};

/// A stretch of the recording, from `first` to before `end`, whose values are computed again.
#[derive(Clone, Copy)]
pub(crate) struct Segment {
    pub first: NodeId,
    end: NodeId,
}

impl Tape {
    /// Runs `block` as usual, and forgets the values computed in it, except those that it returns (a `Var`, or an array or
    /// vector of them). When a gradient needs them, they are computed again.
    ///
    /// No bit of any result changes; the price is time, at most that of another forward pass of the block for each walk
    /// that goes through it. What is freed are the values of operations and what those keep for their rules; leaves,
    /// constants (also the masks that dropout draws) and what was made outside stay. Every walk, be it
    /// [`backward`](Var::backward) or a recorded [`grad`](Tape::grad), forgets them again when it has passed the block, so
    /// no more than one block is there at a time. In PyTorch the block itself runs again, with the state of the random
    /// generators put back; here only the recorded operations do, and only those whose values are asked for.
    ///
    /// Checkpoints nest, but while the outer one is differentiated, the values of the inner ones may be there with its own.
    /// A handle to a value inside stays good, and its number is computed when it is asked for.
    ///
    /// ```
    /// use wengert::{Tape, Tensor, Var};
    /// fn layer(x: Var<'_>) -> Var<'_> { x.softmax(1).sin() * 3.0 }
    ///
    /// let gradient = |checkpoints: bool| {
    ///     let tape = Tape::f64();
    ///     let x = tape.leaf(Tensor::from_fn([32, 32], tape.dtype(), |i| (i as f64).sin()));
    ///     let mut y = x;
    ///     for _ in 0..4 {
    ///         let block = || layer(layer(layer(layer(y))));
    ///         y = if checkpoints { tape.checkpoint(block) } else { block() };
    ///     }
    ///     let bytes = tape.bytes();
    ///     Ok::<_, wengert::Error>((y.square().sum().backward()?.wrt(x)?.clone(), bytes))
    /// };
    /// let ((plain, all), (same, few)) = (gradient(false)?, gradient(true)?);
    /// assert_eq!(plain, same);
    /// assert!(few * 5 < all, "{few} bytes in place of {all}");
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Panics
    /// When an operation of the user's own (an [`Op`](crate::ops::Op)) fails at the inputs that it has accepted before.
    pub fn checkpoint<'t, R: AsRef<[Var<'t>]>>(&'t self, block: impl FnOnce() -> R) -> R {
        let first = self.len() as NodeId;
        let result = block();
        let kept: Vec<NodeId> =
            result.as_ref().iter().filter(|v| std::ptr::eq(v.tape(), self)).map(|v| v.id()).collect();
        let list = &mut *self.list_mut();
        for &id in &kept {
            list.force(id);
        }
        let segment = Segment { first, end: list.nodes.len() as NodeId };
        for id in first..segment.end {
            let node = &mut list.nodes[id as usize];
            // What has no inputs came from outside.
            node.recomputed |= !node.inputs.is_empty() && !kept.contains(&id);
        }
        list.forget(segment);
        let segments = &mut list.notes.segments;
        let place = segments.partition_point(|other| other.first < first);
        segments.insert(place, segment);
        result
    }

    /// The checkpoints that begin at or before a node, in order.
    pub(super) fn segments_up_to(&self, root: NodeId) -> Vec<Segment> {
        self.list().notes.segments.iter().filter(|segment| segment.first <= root).copied().collect()
    }
}

impl List {
    /// Forgets the values of a checkpoint, and what its operations keep.
    fn forget(&mut self, Segment { first, end }: Segment) {
        for node in &mut self.nodes[first as usize..end as usize] {
            if let (true, Value::Ready(tensor)) = (node.recomputed, &node.value) {
                node.value = Value::Pending(tensor.shape().clone());
            }
            // Without what it saved, it is no part of a chain any more.
            if let (true, Kind::Op(_)) = (node.recomputed, &node.kind) {
                node.weight = 0;
            }
        }
        let place = |id| self.saved.partition_point(|saved| saved.0 < id);
        let range = place(first)..place(end);
        let still: Vec<_> =
            self.saved.drain(range.clone()).filter(|saved| !self.nodes[saved.0 as usize].recomputed).collect();
        self.saved.splice(range.start..range.start, still);
    }

    /// The nodes before a checkpoint to which its nodes pass a gradient.
    fn inputs_of(&self, Segment { first, end }: Segment) -> Vec<NodeId> {
        let nodes = self.nodes[first as usize..end as usize].iter();
        let inputs = nodes.flat_map(|node| {
            let of_call = match &node.kind {
                Kind::Output(call, _) => &call.inputs[..],
                _ => &[],
            };
            node.inputs.iter().chain(of_call).copied()
        });
        inputs.filter(|&id| id < first).collect()
    }
}

/// The walk has passed a checkpoint, whose values are forgotten again. Gradients that go on from it are computed first: a
/// pending one reads those values.
pub(super) fn leave<'t>(tape: &'t Tape, segment: Segment, slots: &mut Slots<'t>) {
    let mut list = tape.list_mut();
    for input in list.inputs_of(segment) {
        if let Some(Slot::Node(node)) = slots.get(input) {
            list.force(*node);
        }
    }
    list.forget(segment);
    drop(list);
    slots.forget_scratch();
}

/// One handle, as a block of [`Tape::checkpoint`] returns it.
impl<'t> AsRef<[Var<'t>]> for Var<'t> {
    fn as_ref(&self) -> &[Var<'t>] {
        std::slice::from_ref(self)
    }
}
