//! The handle to a node of a tape: what users compute with.

use std::fmt;

use super::{NodeId, Tape};
use crate::{
    error::Result,
    tensor::{DType, Shape, Tensor},
};

/// A value on a tape. It is a handle of two words: copy it freely, `a * b + a` needs no `&` and no `clone`.
///
/// Functions and closures that take a `Var`: [the cookbook](crate::guide::cookbook#functions-of-a-var).
#[derive(Clone, Copy)]
pub struct Var<'t> {
    tape: &'t Tape,
    id: NodeId,
}

impl<'t> Var<'t> {
    pub(crate) fn new(tape: &'t Tape, id: NodeId) -> Self {
        Var { tape, id }
    }

    pub(crate) fn id(self) -> NodeId {
        self.id
    }

    /// The tape on which it was recorded.
    pub fn tape(self) -> &'t Tape {
        self.tape
    }

    /// The position on the tape.
    pub fn index(self) -> usize {
        self.id as usize
    }

    /// The sizes along the axes.
    pub fn shape(self) -> Shape {
        self.tape.list().node(self.id).shape().clone()
    }

    /// The number of axes.
    pub fn rank(self) -> usize {
        self.tape.list().node(self.id).shape().rank()
    }

    /// The number of elements.
    pub fn numel(self) -> usize {
        self.tape.list().node(self.id).shape().numel()
    }

    /// The index of `axis`, which may count from the end; `op` names the operation in the error.
    pub(crate) fn axis(self, op: &str, axis: isize) -> Result<usize> {
        self.shape().axis(op, axis).map_err(|error| self.tape.locate(error))
    }

    /// The precision, which is that of the tape.
    pub fn dtype(self) -> DType {
        self.tape.dtype()
    }

    /// The numbers; they are computed now if they were still pending.
    pub fn value(self) -> Tensor {
        self.tape.list_mut().value(self.id).clone()
    }

    /// The one number of a value with one element.
    ///
    /// # Panics
    /// When it has another number of elements.
    #[track_caller]
    pub fn item(self) -> f64 {
        self.tape.list_mut().value(self.id).item()
    }

    /// Whether a gradient flows through this value: it depends on a leaf through differentiable operations.
    pub fn needs_grad(self) -> bool {
        self.tape.list().node(self.id).needs_grad
    }

    /// The same value as a constant: no gradient flows through it.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf(3.0);
    /// let y = x * x.detach();
    /// assert_eq!(y.backward()?.wrt(x)?.item(), 3.0);   // not 6: the second factor counts as a number
    /// # Ok::<(), wengert::Error>(())
    /// ```
    #[track_caller]
    pub fn detach(self) -> Var<'t> {
        let _paused = self.tape.pause();
        self.identity()
    }

    /// Keeps this value's gradient in [`backward`](Var::backward), although it is not a leaf.
    pub fn retain(self) -> Var<'t> {
        self.tape.list_mut().nodes[self.index()].retained = true;
        self
    }

    /// The node as errors name it.
    pub(super) fn describe(self) -> String {
        let at = self.tape.list().node(self.id).at;
        format!("node %{} of shape {} ({at})", self.id, self.shape())
    }
}

/// The numbers with precision and shape.
impl fmt::Debug for Var<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{} = {:?}", self.id, self.value())
    }
}

/// The numbers.
impl fmt::Display for Var<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.value(), f)
    }
}
