//! The tape: a list of operations in the order in which they ran, after R. E. Wengert (1964).
//!
//! Every operation on a [`Var`] appends a [`Node`]: what was done, to which earlier nodes, with what result, and at
//! which line of the user's program. Since inputs come before outputs, the list is already sorted: the chain rule is one
//! walk from the end to the beginning ([`backward`](Var::backward)), without recursion and without a graph search.
//!
//! - `mod.rs`: the tape. - `node`: its entries. - `var`: the handle that users compute with. - `lazy`: when values are
//!   computed. - `backward`: the walk; `slots`: the gradients under way in it. - `gradients`: what it returns. - `param`:
//!   learnable tensors; `bind`: values in their place. - `scope`: layers and names.
//! - `accumulate`: gradients added up. - `checkpoint`: values computed again in place of being kept. - `hooks`: functions that replace gradients. - `guard`:
//!   selections that keep NaN out.
//!
//! What may not live here: the operations themselves (`ops`), and anything about layers or training.

mod accumulate;
mod backward;
mod bind;
mod checkpoint;
mod gradients;
mod guard;
mod hooks;
mod lazy;
mod node;
mod param;
mod scope;
mod slots;
mod var;

pub use gradients::Gradients;
pub use node::Memo;
pub use param::Param;
pub use scope::Scope;
pub use var::Var;

pub use guard::Mixes;
pub(crate) use node::{Inner, Inputs, Kind, Node, NodeId, Value};

use std::{
    cell::{Cell, RefCell},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use scope::ScopeName;

use crate::{
    error::{Error, Result},
    ops::{Elementwise, Op},
    tensor::{DType, Shape, Tensor},
};

/// Which gradient a [`Function`](crate::Function) with a hand-written rule gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Rule {
    /// The rule written by hand.
    #[default]
    Manual,
    /// The tape's own, through the operations that the function's `forward` recorded.
    Tape,
}

/// Whether layers behave as in training or as in use (batch norm, dropout).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Training: batch statistics, dropout on.
    #[default]
    Train,
    /// Evaluation: running statistics, dropout off. PyTorch's `eval`.
    Eval,
}

/// A recording of operations, which can be differentiated.
///
/// A tape is made in one precision, and all that enters it is converted to it: the same code trains in `f32` and is
/// checked in `f64`. It belongs to one thread at a time.
///
/// ```
/// use wengert::Tape;
/// let tape = Tape::f64();
/// let x = tape.leaf(3.0);
/// let y = x * x + x;                       // each operation is recorded
/// let dy = y.backward()?;
/// assert_eq!(dy.wrt(x)?.item(), 7.0);      // 2x + 1
/// # Ok::<(), wengert::Error>(())
/// ```
pub struct Tape {
    pub(crate) inner: RefCell<Inner>,
    dtype: DType,
    id: u64,
    epoch: Cell<u64>,
    rule: Cell<Rule>,
    mode: Cell<Mode>,
}

impl Default for Tape {
    fn default() -> Self {
        Tape::new()
    }
}

impl Tape {
    /// An empty tape in single precision.
    pub fn new() -> Self {
        Tape::with_dtype(DType::F32)
    }

    /// An empty tape in double precision, for checking.
    pub fn f64() -> Self {
        Tape::with_dtype(DType::F64)
    }

    /// An empty tape in the given precision.
    pub fn with_dtype(dtype: DType) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Tape {
            inner: RefCell::new(Inner {
                scopes: Arc::new(vec![ScopeName::default()]),
                lazy_from: lazy::LAZY,
                ..Inner::default()
            }),
            dtype,
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            epoch: Cell::new(0),
            rule: Cell::default(),
            mode: Cell::default(),
        }
    }

    /// The precision of everything on this tape.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The number of operations and values recorded.
    pub fn len(&self) -> usize {
        self.inner.borrow().nodes.len()
    }

    /// Whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets the recording, and keeps its memory for the next. Handles of the old recording no longer compile:
    ///
    /// ```compile_fail,E0502
    /// let mut tape = wengert::Tape::new();
    /// let x = tape.leaf(1.0);
    /// tape.reset();
    /// let y = x * 2.0;                     // error: `x` borrows the recording that was reset
    /// ```
    pub fn reset(&mut self) {
        let inner = self.inner.get_mut();
        inner.nodes.clear();
        inner.memos.clear();
        inner.watched.clear();
        match Arc::get_mut(&mut inner.names) {
            Some(names) => names.clear(),
            None => inner.names = Arc::default(),
        }
        inner.hooks.clear();
        inner.segments.clear();
        inner.open.clear();
        inner.scope = 0;
        inner.next_scope = 1;
        self.epoch.set(self.epoch.get() + 1);
    }

    /// Which gradient functions with a hand-written rule get.
    pub fn rule(&self) -> Rule {
        self.rule.get()
    }

    /// Sets which gradient functions with a hand-written rule get; it is read when the gradient is taken, so one
    /// recording gives both.
    pub fn set_rule(&self, rule: Rule) {
        self.rule.set(rule);
    }

    /// Training or inference.
    pub fn mode(&self) -> Mode {
        self.mode.get()
    }

    /// Sets training or inference for the layers recorded from here on.
    pub fn set_mode(&self, mode: Mode) {
        self.mode.set(mode);
    }

    /// Sets how many elements an elementwise result must have to be left pending until it is needed, so that chains of
    /// them are evaluated in one pass over memory. `usize::MAX` computes everything at once; no value depends on it.
    pub fn set_lazy_from(&self, elements: usize) {
        self.inner.borrow_mut().lazy_from = elements;
    }

    /// The recording's identity: handles and gradients of another one are refused.
    pub(crate) fn recording(&self) -> (u64, u64) {
        (self.id, self.epoch.get())
    }

    /// Records a value that nothing is differentiated by: data, labels, masks.
    #[track_caller]
    pub fn constant(&self, value: impl Into<Tensor>) -> Var<'_> {
        self.enter(Kind::Constant, value.into())
    }

    /// Records a value whose gradient is wanted.
    #[track_caller]
    pub fn leaf(&self, value: impl Into<Tensor>) -> Var<'_> {
        self.enter(Kind::Leaf, value.into())
    }

    /// Records a parameter as a leaf, once a recording however often it is used, so that tied weights share a gradient.
    #[track_caller]
    pub fn watch(&self, param: &Param) -> Var<'_> {
        let known = self.inner.borrow().watched.iter().rev().find(|w| w.0 == param.id()).map(|w| w.1);
        if let Some(id) = known {
            return Var::new(self, id);
        }
        let kind = if param.trainable() { Kind::Leaf } else { Kind::Constant };
        let var = self.enter(kind, param.value());
        let mut inner = self.inner.borrow_mut();
        inner.watched.push((param.id(), var.id()));
        inner.name(var.id(), param.shared_name());
        var
    }

    #[track_caller]
    fn enter(&self, kind: Kind, value: Tensor) -> Var<'_> {
        let needs_grad = matches!(kind, Kind::Leaf);
        self.push(kind, Inputs::new(), Value::Ready(value.into_dtype(self.dtype)), needs_grad)
    }

    #[track_caller]
    pub(crate) fn push(&self, kind: Kind, inputs: Inputs, value: Value, needs_grad: bool) -> Var<'_> {
        Var::new(self, self.inner.borrow_mut().push(kind, inputs, value, needs_grad))
    }

    /// Records an operation other than an elementwise one: checks the shapes, then computes.
    ///
    /// Built-in operations and users' own come through this door alike.
    ///
    /// # Errors
    /// Those of the operation, and [`Error::DifferentTapes`].
    #[track_caller]
    pub fn record<'t>(&'t self, op: impl Op + 'static, inputs: &[Var<'t>]) -> Result<Var<'t>> {
        self.same_tape(op.name(), inputs)?;
        let ids: Inputs = inputs.iter().map(|v| v.id()).collect();
        let mut inner = self.inner.borrow_mut();
        let mut memo = None;
        let value = match inner.evaluate_op(&op, &ids, &mut memo) {
            Ok(value) => value,
            Err(error) => return Err(inner.locate(error)),
        };
        let needs_grad = ids.iter().any(|&i| inner.nodes[i as usize].needs_grad);
        let id = inner.push(Kind::Op(Arc::new(op)), ids, Value::Ready(value), needs_grad);
        if let Some(memo) = memo {
            inner.memos.push((id, memo));
        }
        Ok(Var::new(self, id))
    }

    /// Records an elementwise operation whose operands broadcast to `shape` (or to their common shape).
    #[track_caller]
    pub(crate) fn elementwise<'t>(
        &'t self,
        op: &'static Elementwise,
        parameter: f64,
        operands: &[Var<'t>],
        shape: Option<Shape>,
    ) -> Result<Var<'t>> {
        self.same_tape(op.name, operands)?;
        let ids: Inputs = operands.iter().map(|v| v.id()).collect();
        let mut inner = self.inner.borrow_mut();
        let (value, needs_grad, weight) = match inner.evaluate_elementwise(op, parameter, &ids, shape) {
            Ok(evaluated) => evaluated,
            Err(error) => return Err(inner.locate(error)),
        };
        let id = inner.push(Kind::Elementwise(op, parameter), ids, value, needs_grad && op.differentiable());
        inner.settle(id, weight);
        Ok(Var::new(self, id))
    }

    pub(crate) fn same_tape(&self, op: &str, operands: &[Var<'_>]) -> Result<()> {
        match operands.iter().all(|v| std::ptr::eq(v.tape(), self)) {
            true => Ok(()),
            false => Err(Error::DifferentTapes { op: op.to_owned() }),
        }
    }

    /// Adds the current layer to an error that is found before anything is recorded.
    pub(crate) fn locate(&self, error: Error) -> Error {
        self.inner.borrow().locate(error)
    }

    /// What the operation of node `id` kept for its backward rule.
    pub(crate) fn memo(&self, id: NodeId) -> Option<Memo> {
        let mut inner = self.inner.borrow_mut();
        // A checkpoint forgets it with the value.
        inner.force(id);
        inner.memos.binary_search_by_key(&id, |m| m.0).ok().map(|i| inner.memos[i].1.clone())
    }
}
