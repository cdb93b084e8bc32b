//! The tape: a list of operations in the order in which they ran, after R. E. Wengert (1964).
//!
//! Every operation on a [`Var`] appends a node: what was done, to which earlier nodes, with what result, and at which
//! line of the user's program. Since inputs come before outputs, the list is already sorted: the chain rule is one walk
//! from the end to the beginning ([`Var::backward`]), without recursion and without a graph search.
//!
//! The heart: `mod` (the tape, and how values enter it), `node` (its entries), `var` (the handle that users compute with),
//! `evaluation` (how an operation is recorded and computed), `backward` (the walk), `slots` (the gradients under way in
//! it), `gradients` (what it returns). `ARCHITECTURE.md` has a reading guide. Beside the heart stand
//! [`function`](crate::function) (rules written by hand) and `extras` (pending chains, checkpoints, hooks, names, ...).
//!
//! What may not live here: the operations themselves (`ops`), and anything about layers or training.

mod backward;
mod evaluation;
mod extras;
mod gradients;
mod node;
mod slots;
mod var;

pub use extras::{AtLine, Mode, Rule, Scope, Spent, Wrt};
pub(crate) use extras::{BOOKKEEPING, Measured, NESTED};
pub use gradients::Gradients;
pub use node::Saved;
pub use var::Var;

pub(crate) use node::{Inputs, Kind, List, Node, NodeId, Value};

use std::{
    cell::{Cell, RefCell},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{
    error::{Error, Result},
    tensor::{DType, Tensor},
};

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
    list: RefCell<List>,
    dtype: DType,
    id: u64,
    /// How often it was reset.
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
            list: RefCell::default(),
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
        self.list().nodes.len()
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
        let list = self.list.get_mut();
        list.nodes.clear();
        list.saved.clear();
        list.notes.clear();
        self.epoch.set(self.epoch.get() + 1);
    }

    /// The identity of the recording: `Gradients` refuse the nodes of another one.
    pub(crate) fn recording(&self) -> (u64, u64) {
        (self.id, self.epoch.get())
    }

    /// Records a value that no gradient flows to: data, labels, masks.
    #[track_caller]
    pub fn constant(&self, value: impl Into<Tensor>) -> Var<'_> {
        self.enter(Kind::Constant, value.into())
    }

    /// Records a value whose gradient is wanted.
    #[track_caller]
    pub fn leaf(&self, value: impl Into<Tensor>) -> Var<'_> {
        self.enter(Kind::Leaf, value.into())
    }

    #[track_caller]
    fn enter(&self, kind: Kind, value: Tensor) -> Var<'_> {
        let needs_grad = matches!(kind, Kind::Leaf);
        self.push(kind, Inputs::new(), Value::Ready(value.into_dtype(self.dtype)), needs_grad)
    }

    #[track_caller]
    pub(crate) fn push(&self, kind: Kind, inputs: Inputs, value: Value, needs_grad: bool) -> Var<'_> {
        Var::new(self, self.list_mut().push(kind, inputs, value, needs_grad))
    }

    pub(crate) fn same_tape(&self, op: &str, operands: &[Var<'_>]) -> Result<()> {
        match operands.iter().all(|v| std::ptr::eq(v.tape(), self)) {
            true => Ok(()),
            false => Err(Error::DifferentTapes { op: op.to_owned() }),
        }
    }
}
