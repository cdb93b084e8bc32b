//! Differentiable functions with a backward rule written by hand.
//!
//! A [`Function`] says twice what it does: `forward` computes z = f(x) in tape algebra, `backward` turns the upstream
//! gradients dz into dx, in tape algebra too. One object so has *three* gradients: the hand-written one, the tape's own
//! (through what `forward` recorded), and the numeric one. [`Tape::set_rule`] switches between the first two, and
//! nothing is computed differently until the gradient is taken.
//!
//! Since `forward` stays on the tape, whatever it hands to `backward` through [`Backward::memory`] is a recorded
//! function of the inputs. So the hand-written rule can be differentiated again, and its second derivative is right.

use std::{panic::Location, sync::Arc};

use smallvec::SmallVec;

use crate::{
    error::{Error, Result, RuleFault, panic},
    ops::Grads,
    tape::{Inputs, Kind, NodeId, Rule, Tape, Var},
};

/// A differentiable function with a hand-written backward rule.
///
/// ```
/// use wengert::{Backward, Function, Rule, Tape, Var};
///
/// /// z = x², with the derivative written by hand.
/// struct Square;
/// impl Function for Square {
///     fn name(&self) -> &str { "square" }
///     fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> { vec![x[0] * x[0]] }
///     fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
///         vec![Some(dz[0] * 2.0 * x[0])]
///     }
/// }
///
/// let tape = Tape::f64();
/// let x = tape.leaf(3.0);
/// let z = tape.apply(Square, &[x])?[0];
/// let manual = z.backward()?.wrt(x)?.item();
/// tape.set_rule(Rule::Tape);
/// let automatic = z.backward()?.wrt(x)?.item();
/// assert_eq!((manual, automatic), (6.0, 6.0));
/// # Ok::<(), wengert::Error>(())
/// ```
pub trait Function: Send + Sync {
    /// The name in errors and on the printed tape.
    fn name(&self) -> &str;

    /// The outputs, one or more, in tape algebra.
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>>;

    /// The outputs, and what to keep for `backward` beside inputs and outputs: a mask, a norm, a statistic.
    fn forward_with_memory<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        (self.forward(x), Vec::new())
    }

    /// The gradient by each input, of that input's shape; `None` for an input that gets none (a label, a mask), which a
    /// tape gets as a [`constant`](Tape::constant).
    ///
    /// Work for inputs that want no gradient may be skipped: see [`Backward::needs`].
    fn backward<'t>(&self, at: Backward<'_, 't>) -> Vec<Option<Var<'t>>>;
}

/// A function that several tapes share.
impl<F: Function + ?Sized> Function for Arc<F> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        (**self).forward(x)
    }

    fn forward_with_memory<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        (**self).forward_with_memory(x)
    }

    fn backward<'t>(&self, at: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        (**self).backward(at)
    }
}

/// What a backward rule is given.
#[derive(Clone, Copy)]
pub struct Backward<'a, 't> {
    /// The inputs.
    pub x: &'a [Var<'t>],
    /// The outputs.
    pub z: &'a [Var<'t>],
    /// The upstream gradient of each output; zeros for an output that the loss does not use.
    pub dz: &'a [Var<'t>],
    /// What `forward_with_memory` kept.
    pub memory: &'a [Var<'t>],
    /// Which inputs want a gradient.
    pub needs: &'a [bool],
}

/// One application of a function, shared by the nodes of its outputs.
pub(crate) struct Call {
    pub function: Arc<dyn Function>,
    pub inputs: Inputs,
    pub memory: SmallVec<[NodeId; 2]>,
    pub outputs: usize,
    pub at: &'static Location<'static>,
}

impl Tape {
    /// Applies a function with a hand-written rule, and returns its outputs.
    ///
    /// # Errors
    /// [`Error::Rule`] when `forward` returns no output, or computes with a parameter or a value that wants a gradient
    /// and is not among the inputs: the hand-written rule would lose that gradient without a word.
    #[track_caller]
    pub fn apply<'t>(&'t self, function: impl Function + 'static, x: &[Var<'t>]) -> Result<Vec<Var<'t>>> {
        self.apply_shared(Arc::new(function), x)
    }

    /// [`apply`](Tape::apply) for a function that is used again and again.
    ///
    /// # Errors
    /// As [`apply`](Tape::apply).
    #[track_caller]
    pub fn apply_shared<'t>(&'t self, function: Arc<dyn Function>, x: &[Var<'t>]) -> Result<Vec<Var<'t>>> {
        self.apply_at(function, x, Location::caller())
    }

    /// [`apply_shared`](Tape::apply_shared) on behalf of another line.
    pub(crate) fn apply_at<'t>(
        &'t self,
        function: Arc<dyn Function>,
        x: &[Var<'t>],
        at: &'static Location<'static>,
    ) -> Result<Vec<Var<'t>>> {
        if x.iter().any(|v| !std::ptr::eq(v.tape(), self)) {
            return Err(Error::DifferentTapes { op: function.name().to_owned() });
        }
        let fault = |fault| Error::Rule { rule: function.name().to_owned(), fault, at };
        let first = self.len();
        let (inner, memory) = function.forward_with_memory(x);
        if inner.is_empty() {
            return Err(fault(RuleFault::NoOutput));
        }
        if let Some(line) = self.hidden_input(first, x, &inner) {
            return Err(fault(RuleFault::HiddenInput { line }));
        }
        let needs_grad = x.iter().any(|v| v.needs_grad());
        let call = Arc::new(Call {
            inputs: x.iter().map(|v| v.id()).collect(),
            memory: memory.iter().map(|v| v.id()).collect(),
            outputs: inner.len(),
            function,
            at,
        });
        Ok(inner
            .into_iter()
            .enumerate()
            .map(|(k, z)| z.output(Kind::Output(call.clone(), k), needs_grad, at))
            .collect())
    }

    /// The line of a source of gradients that is not among `x` and that the outputs `z`, or what was recorded since
    /// `first`, would pass a gradient to. What is detached or compared alone loses nothing.
    fn hidden_input(&self, first: usize, x: &[Var<'_>], z: &[Var<'_>]) -> Option<&'static Location<'static>> {
        let inner = self.inner.borrow();
        let foreign =
            |i: NodeId| (i as usize) < first && inner.nodes[i as usize].needs_grad && !x.iter().any(|v| v.id() == i);
        let mut recorded = inner.nodes[first..].iter().filter(|node| node.needs_grad);
        let hidden = recorded.find(|node| matches!(node.kind, Kind::Leaf) || node.inputs.iter().any(|&i| foreign(i)));
        let handed_on = || z.iter().find(|z| foreign(z.id())).map(|z| &inner.nodes[z.index()]);
        hidden.or_else(handed_on).map(|node| node.at)
    }
}

/// Calls the rule of `call`; a panic in it becomes an error that names the function.
pub(crate) fn call_rule<'t>(
    call: &Call,
    tape: &'t Tape,
    z: &[Var<'t>],
    dz: &[Var<'t>],
    needs: &[bool],
) -> Result<Grads<'t>> {
    let x: SmallVec<[Var<'t>; 4]> = call.inputs.iter().map(|&i| Var::new(tape, i)).collect();
    let memory: SmallVec<[Var<'t>; 2]> = call.memory.iter().map(|&i| Var::new(tape, i)).collect();
    let at = Backward { x: &x, z, dz, memory: &memory, needs };
    let gradients = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call.function.backward(at)));
    gradients.map(SmallVec::from_vec).map_err(|panic| {
        let fault = RuleFault::Failed(panic::message(&*panic));
        Error::Rule { rule: call.function.name().to_owned(), fault, at: call.at }
    })
}

impl std::str::FromStr for Rule {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "manual" => Ok(Rule::Manual),
            "tape" => Ok(Rule::Tape),
            _ => Err(Error::setting("gradient", "rule", name, "manual or tape")),
        }
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Rule::Manual => "manual",
            Rule::Tape => "tape",
        })
    }
}
