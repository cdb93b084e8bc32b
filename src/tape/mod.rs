//! The tape: a list of operations in the order in which they ran, after R. E. Wengert (1964).
//!
//! Every operation on a [`Var`] appends a [`Node`]: what was done, to which earlier nodes, with what result, and at
//! which line of the user's program. Since inputs come before outputs, the list is already sorted: the chain rule is one
//! walk from the end to the beginning ([`backward`](Var::backward)), without recursion and without a graph search.
//!
//! - `mod.rs`: the tape and its nodes. - [`var`]: the handle that users compute with. - [`lazy`]: when values are
//!   computed. - [`backward`]: the walk. - [`gradients`]: what it returns. - [`param`]: learnable tensors.
//!
//! What may not live here: the operations themselves (`ops`), and anything about layers or training.

mod backward;
mod gradients;
mod lazy;
mod param;
mod var;

pub use gradients::Gradients;
pub use param::Param;
pub use var::Var;

use std::{
    any::Any,
    cell::{Cell, RefCell},
    panic::Location,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use smallvec::SmallVec;

use crate::{
    error::{Error, Result},
    function::Call,
    ops::{Elementwise, Op},
    tensor::{DType, Shape, Tensor},
};

/// The position of a node on its tape.
pub(crate) type NodeId = u32;
/// The inputs of a node.
pub(crate) type Inputs = SmallVec<[NodeId; 4]>;
/// What an operation keeps for its backward rule beside inputs and output: a function of its inputs, never a new value.
pub type Memo = Arc<dyn Any + Send + Sync>;

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
    /// Inference: running statistics, dropout off.
    Infer,
}

/// What was done at a node.
#[derive(Clone)]
pub(crate) enum Kind {
    /// A value from outside that nothing is differentiated by.
    Constant,
    /// A value from outside that the user wants the gradient of.
    Leaf,
    /// A row of the elementwise table, with its parameter.
    Elementwise(&'static Elementwise, f64),
    /// Any other operation, built in or the user's own.
    Op(Arc<dyn Op>),
    /// One output of a function with a hand-written rule; its input is the node that `forward` computed it in.
    Output(Arc<Call>, usize),
}

/// The result of a node, or its shape while nobody has needed the numbers.
pub(crate) enum Value {
    Ready(Tensor),
    Pending(Shape),
}

/// One entry of the tape.
pub(crate) struct Node {
    pub kind: Kind,
    pub inputs: Inputs,
    pub value: Value,
    /// Whether it depends on a leaf through differentiable operations.
    pub needs_grad: bool,
    /// Whether the user asked to keep its gradient.
    pub retained: bool,
    /// How many pending nodes its value stands for.
    pub weight: u8,
    pub scope: u32,
    pub at: &'static Location<'static>,
}

impl Node {
    pub fn shape(&self) -> &Shape {
        match &self.value {
            Value::Ready(tensor) => tensor.shape(),
            Value::Pending(shape) => shape,
        }
    }
}

/// The name of a layer: its full path, and what it ends in.
pub(crate) struct ScopeName {
    pub path: String,
    outer: u32,
    name: String,
}

/// The inside of a tape.
#[derive(Default)]
pub(crate) struct Inner {
    pub nodes: Vec<Node>,
    /// Saved values of operations, by node, in order.
    pub memos: Vec<(NodeId, Memo)>,
    /// The parameters watched in this recording.
    pub watched: Vec<(u64, NodeId)>,
    /// Layers by the layer around them and their own name; 0 is "outside every layer". Kept over recordings.
    pub scopes: Vec<ScopeName>,
    pub scope: u32,
    /// Where the next layer is looked for first.
    next_scope: u32,
    /// Names of nodes: of parameters, and those given by the user.
    pub names: Vec<(NodeId, Arc<str>)>,
    /// Off inside backward rules and `no_grad`: new nodes then want no gradient.
    pub no_grad: bool,
    /// The line that new nodes count as recorded at: while a built-in rule runs, that of the operation it differentiates.
    pub line: Option<&'static Location<'static>>,
    /// The number of elements from which elementwise results are left pending.
    pub lazy_from: usize,
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
                scopes: vec![ScopeName { path: String::new(), outer: 0, name: String::new() }],
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
        inner.names.clear();
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
        inner.names.push((var.id(), param.shared_name()));
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

    /// Runs `f` without recording what its results depend on: nothing in it gets a gradient.
    pub fn no_grad<R>(&self, f: impl FnOnce() -> R) -> R {
        let _guard = self.pause();
        f()
    }

    /// Turns recording for gradients off until the guard is dropped, also by a panic.
    pub(crate) fn pause(&self) -> Pause<'_> {
        let before = std::mem::replace(&mut self.inner.borrow_mut().no_grad, true);
        Pause { tape: self, before }
    }

    /// Marks what is recorded until the guard is dropped as belonging to the layer `name`. Scopes nest.
    pub fn scope(&self, name: &str) -> Scope<'_> {
        let mut inner = self.inner.borrow_mut();
        let outer = inner.scope;
        // Recording after recording the layers come in the same order, so the next name is most likely the next entry.
        let guess = inner.next_scope as usize;
        let same = |s: &ScopeName| s.outer == outer && s.name == name;
        let known = match inner.scopes.get(guess).is_some_and(same) {
            true => Some(guess),
            false => inner.scopes.iter().position(same),
        };
        let index = known.unwrap_or_else(|| {
            let around = &inner.scopes[outer as usize].path;
            let path = if around.is_empty() { name.to_owned() } else { format!("{around}.{name}") };
            inner.scopes.push(ScopeName { path, outer, name: name.to_owned() });
            inner.scopes.len() - 1
        });
        inner.scope = index as u32;
        inner.next_scope = inner.scope + 1;
        Scope { tape: self, outer }
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
        let inner = self.inner.borrow();
        inner.memos.binary_search_by_key(&id, |m| m.0).ok().map(|i| inner.memos[i].1.clone())
    }
}

impl Inner {
    #[track_caller]
    pub fn push(&mut self, kind: Kind, inputs: Inputs, value: Value, needs_grad: bool) -> NodeId {
        let id = NodeId::try_from(self.nodes.len()).expect("a tape holds fewer than 2^32 nodes");
        // A leaf stays a leaf: a parameter first seen where gradients are off is used later where they are on.
        let needs_grad = needs_grad && (!self.no_grad || matches!(kind, Kind::Leaf));
        self.nodes.push(Node {
            kind,
            inputs,
            value,
            needs_grad,
            retained: false,
            weight: 0,
            scope: self.scope,
            at: match self.line {
                Some(line) => line,
                None => Location::caller(),
            },
        });
        id
    }

    fn evaluate_op(&mut self, op: &dyn Op, ids: &Inputs, memo: &mut Option<Memo>) -> Result<Tensor> {
        let shape = {
            let shapes: SmallVec<[&Shape; 4]> = ids.iter().map(|&i| self.nodes[i as usize].shape()).collect();
            op.shape(&shapes)?
        };
        if let [x] = ids[..] {
            // The total of a pending chain is taken while the chain is evaluated, block by block.
            if let Some((total, kept)) = op.folds(self.nodes[x as usize].shape()) {
                return Ok(self.fold(x, total, &kept).reshaped(shape));
            }
        }
        for &id in ids {
            self.force(id);
        }
        let tensors: SmallVec<[&Tensor; 4]> = ids.iter().map(|&i| self.ready(i)).collect();
        let value = op.forward(&tensors, shape.clone(), memo)?;
        if *value.shape() != shape {
            let need = "`forward` must return the shape that `shape` announced";
            return Err(Error::shape(op.name(), &[value.shape(), &shape], need));
        }
        match tensors.first().map(|x| x.dtype()) {
            Some(expected) if expected != value.dtype() => {
                Err(Error::DType { op: op.name().to_owned(), expected, got: value.dtype() })
            }
            _ => Ok(value),
        }
    }

    /// Adds the current layer to an error.
    fn locate(&self, error: Error) -> Error {
        error.in_scope(&self.scopes[self.scope as usize].path)
    }

    /// Forgets every node from `mark` on.
    pub fn truncate(&mut self, mark: usize) {
        self.nodes.truncate(mark);
        while self.memos.last().is_some_and(|m| m.0 as usize >= mark) {
            self.memos.pop();
        }
        while self.watched.last().is_some_and(|w| w.1 as usize >= mark) {
            self.watched.pop();
        }
        while self.names.last().is_some_and(|n| n.0 as usize >= mark) {
            self.names.pop();
        }
    }
}

/// Turns recording for gradients on again when it is dropped.
pub(crate) struct Pause<'t> {
    tape: &'t Tape,
    before: bool,
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        self.tape.inner.borrow_mut().no_grad = self.before;
    }
}

/// Leaves the layer when it is dropped; see [`Tape::scope`].
#[must_use = "the scope ends when this guard is dropped"]
pub struct Scope<'t> {
    tape: &'t Tape,
    outer: u32,
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        self.tape.inner.borrow_mut().scope = self.outer;
    }
}
