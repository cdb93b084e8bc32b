//! The handle to a node of a tape: what users compute with.

use std::{fmt, panic::Location, sync::Arc};

use smallvec::SmallVec;

use super::{Gradients, Inputs, Kind, NodeId, Tape, Value};
use crate::{
    error::{Error, Result},
    tensor::{DType, Shape, Tensor},
};

/// A value on a tape. It is a handle of two words: copy it freely, `a * b + a` needs no `&` and no `clone`.
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
        self.tape.inner.borrow().nodes[self.index()].shape().clone()
    }

    /// The number of axes.
    pub fn rank(self) -> usize {
        self.tape.inner.borrow().nodes[self.index()].shape().rank()
    }

    /// The number of elements.
    pub fn numel(self) -> usize {
        self.tape.inner.borrow().nodes[self.index()].shape().numel()
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
        let mut inner = self.tape.inner.borrow_mut();
        inner.force(self.id);
        inner.ready(self.id).clone()
    }

    /// The one number of a value with one element.
    ///
    /// # Panics
    /// When it has another number of elements.
    #[track_caller]
    pub fn item(self) -> f64 {
        self.value().item()
    }

    /// Whether a gradient flows through this value: it depends on a leaf by differentiable operations.
    pub fn needs_grad(self) -> bool {
        self.tape.inner.borrow().nodes[self.index()].needs_grad
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
        self.tape.inner.borrow_mut().nodes[self.index()].retained = true;
        self
    }

    /// Gives the node a name, for printing the tape and for finding its gradient with
    /// [`Gradients::named`](super::Gradients::named).
    pub fn named(self, name: impl Into<Arc<str>>) -> Var<'t> {
        self.tape.inner.borrow_mut().name(self.id, name.into());
        self
    }

    /// The node as errors name it.
    pub(super) fn describe(self) -> String {
        let at = self.tape.inner.borrow().nodes[self.index()].at;
        format!("node %{} of shape {} ({at})", self.id, self.shape())
    }

    /// The gradients of this single number by every leaf that it depends on.
    ///
    /// The tape keeps its recording: `backward` can be called again, also of another node.
    ///
    /// # Errors
    /// [`Error::NotScalar`] when this is not one number; [`Error::Rule`] when a hand-written rule misbehaves;
    /// [`Error::NoGradient`] when it depends on no leaf at all.
    pub fn backward(self) -> Result<Gradients> {
        let shape = self.shape();
        if shape.numel() != 1 {
            return Err(Error::NotScalar { shape });
        }
        self.vjp(&Tensor::ones(shape, self.dtype()))
    }

    /// The gradients of Σ `upstream` · `self` by every leaf: the vector-Jacobian product.
    ///
    /// ```
    /// use wengert::{Tape, Tensor};
    /// let tape = Tape::f64();
    /// let x = tape.leaf([1.0, 2.0]);
    /// let dx = (x * x).vjp(&Tensor::from([1.0, 10.0]))?;
    /// assert_eq!(dx.wrt(x)?.to_vec(), [2.0, 40.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`backward`](Var::backward); [`Error::Shape`] when `upstream` has another shape than this value.
    pub fn vjp(self, upstream: &Tensor) -> Result<Gradients> {
        let shape = self.shape();
        if *upstream.shape() != shape {
            let need = "the upstream gradient must have the shape of the value";
            return Err(Error::shape("vjp", &[&shape, upstream.shape()], need));
        }
        super::backward::backward(self, upstream.cast(self.dtype()))
    }

    /// Records an output of a function that was applied `at` a line: a node that hands on the value of `self` and has
    /// a rule of its own.
    pub(crate) fn output(self, kind: Kind, needs_grad: bool, at: &'static Location<'static>) -> Var<'t> {
        let (value, weight) = {
            let inner = self.tape.inner.borrow();
            let node = &inner.nodes[self.index()];
            let value = match &node.value {
                Value::Ready(tensor) => Value::Ready(tensor.clone()),
                Value::Pending(shape) => Value::Pending(shape.clone()),
            };
            (value, node.weight)
        };
        let inputs: Inputs = SmallVec::from_slice(&[self.id]);
        let var = self.tape.push(kind, inputs, value, needs_grad);
        let node = &mut self.tape.inner.borrow_mut().nodes[var.index()];
        (node.weight, node.at) = (weight, at);
        var
    }
}

impl Tape {
    /// The gradient of the single number `y` by each of `x`, recorded on the tape: it can be differentiated again.
    ///
    /// Where `y` does not depend on an `x`, its gradient is 0.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf(2.0);
    /// let dy = tape.grad(x * x * x, &[x])?[0];
    /// assert_eq!(dy.item(), 12.0);                              // 3x²
    /// assert_eq!(dy.backward()?.wrt(x)?.item(), 12.0);          // 6x
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Var::backward`]; [`Error::NoGradient`] for an `x` that is a constant.
    #[track_caller]
    pub fn grad<'t>(&'t self, y: Var<'t>, x: &[Var<'t>]) -> Result<Vec<Var<'t>>> {
        let shape = y.shape();
        if shape.numel() != 1 {
            return Err(Error::NotScalar { shape });
        }
        let one = self.constant(Tensor::ones(shape, self.dtype()));
        self.grad_with(y, x, one)
    }

    /// The recorded gradient of Σ `upstream` · `y` by each of `x`; `upstream` may itself be differentiated.
    ///
    /// # Errors
    /// As [`grad`](Tape::grad); [`Error::Shape`] when `upstream` has another shape than `y`;
    /// [`Error::DifferentTapes`] when one of them is not on this tape.
    pub fn grad_with<'t>(&'t self, y: Var<'t>, x: &[Var<'t>], upstream: Var<'t>) -> Result<Vec<Var<'t>>> {
        self.same_tape("grad", &[y, upstream])?;
        self.same_tape("grad", x)?;
        let (shape, upstream_shape) = (y.shape(), upstream.shape());
        if shape != upstream_shape {
            let need = "the upstream gradient must have the shape of the value";
            return Err(Error::shape("grad", &[&shape, &upstream_shape], need));
        }
        super::backward::grad(y, x, upstream)
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
