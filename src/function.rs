//! Differentiable functions with a backward rule written by hand.
//!
//! A [`Function`] says what it does in two ways: `forward` computes z = f(x) in tape algebra, and `backward` turns the
//! upstream gradients dz into dx, also in tape algebra. So one object has *three* gradients: the hand-written one, the
//! tape's own (through what `forward` recorded), and the numeric one. [`Tape::set_rule`] switches between the first two,
//! and nothing is computed differently until the gradient is taken.
//!
//! Since `forward` stays on the tape, whatever it hands to `backward` through [`Backward::saved`] is a recorded
//! function of the inputs. So the hand-written rule can be differentiated again, and its second derivative is right.

use std::{panic::Location, sync::Arc};

use smallvec::SmallVec;

use crate::{
    error::{Error, Result, RuleFault},
    ops::Grads,
    tape::{Inputs, Kind, NESTED, NodeId, Tape, Var},
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

    /// The outputs, and what to keep for `backward` besides inputs and outputs: a mask, a norm, a statistic.
    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        (self.forward(x), Vec::new())
    }

    /// The gradient with respect to each input, of its shape; `None` for an input that has none, such as a label or a mask
    /// (enter those with [`Tape::constant`]).
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

    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        (**self).forward_and_save(x)
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
    /// What `forward_and_save` kept.
    pub saved: &'a [Var<'t>],
    /// Which inputs want a gradient.
    pub needs: &'a [bool],
}

/// One application of a function, shared by the nodes of its outputs.
pub(crate) struct Call {
    pub function: Arc<dyn Function>,
    pub inputs: Inputs,
    pub saved: SmallVec<[NodeId; 2]>,
    pub outputs: usize,
    pub at: &'static Location<'static>,
}

impl Tape {
    /// Applies a function with a hand-written rule, and returns its outputs. One that is used again and again can be
    /// shared: an `Arc` of a function is a function.
    ///
    /// # Errors
    /// [`Error::Rule`] when `forward` returns no output, or computes with a parameter or a value that wants a gradient
    /// and is not among the inputs: the hand-written rule would lose that gradient without a word; when functions call
    /// one another more than 200 deep.
    #[track_caller]
    pub fn apply<'t>(&'t self, function: impl Function + 'static, x: &[Var<'t>]) -> Result<Vec<Var<'t>>> {
        self.apply_at(Arc::new(function), x, Location::caller())
    }

    /// [`apply`](Tape::apply) on behalf of another line.
    pub(crate) fn apply_at<'t>(
        &'t self,
        function: Arc<dyn Function>,
        x: &[Var<'t>],
        at: &'static Location<'static>,
    ) -> Result<Vec<Var<'t>>> {
        self.same_tape(function.name(), x)?;
        let fault = |fault| Error::Rule { rule: function.name().to_owned(), fault, at };
        let first = self.len();
        let _timed = self.enter_function(function.name(), at);
        let (inner, saved) = {
            let _inside = self.go_into().ok_or_else(|| fault(RuleFault::Nested { limit: NESTED }))?;
            function.forward_and_save(x)
        };
        if inner.is_empty() {
            return Err(fault(RuleFault::NoOutput));
        }
        if let Some(line) = self.hidden_input(first, x, &inner) {
            return Err(fault(RuleFault::HiddenInput { line }));
        }
        let call = Arc::new(Call {
            inputs: x.iter().map(|v| v.id()).collect(),
            saved: saved.iter().map(|v| v.id()).collect(),
            outputs: inner.len(),
            function,
            at,
        });
        Ok(inner.into_iter().enumerate().map(|(k, z)| self.output(&call, k, z.id())).collect())
    }

    /// Records output `k` of a call: a node with the value of the node `z`, and with a rule of its own.
    fn output(&self, call: &Arc<Call>, k: usize, z: NodeId) -> Var<'_> {
        let _line = self.at_line(Some(call.at));
        let list = &mut *self.list_mut();
        let (value, weight) = (list.node(z).value.clone(), list.node(z).weight);
        let needs_grad = list.any_needs_grad(&call.inputs);
        let id = list.push(Kind::Output(call.clone(), k), SmallVec::from_slice(&[z]), value, needs_grad);
        list.nodes[id as usize].weight = weight;
        Var::new(self, id)
    }

    /// The line of a source of gradients that is not among `x` and that the outputs `z`, or what was recorded since
    /// `first`, would pass a gradient to. A value that is only detached or compared has no gradient to lose.
    fn hidden_input(&self, first: usize, x: &[Var<'_>], z: &[Var<'_>]) -> Option<&'static Location<'static>> {
        let list = self.list();
        let foreign =
            |i: NodeId| (i as usize) < first && list.nodes[i as usize].needs_grad && !x.iter().any(|v| v.id() == i);
        let mut recorded = list.nodes[first..].iter().filter(|node| node.needs_grad);
        let hidden = recorded.find(|node| matches!(node.kind, Kind::Leaf) || node.inputs.iter().any(|&i| foreign(i)));
        let handed_on = || z.iter().find(|z| foreign(z.id())).map(|z| &list.nodes[z.index()]);
        hidden.or_else(handed_on).map(|node| node.at)
    }
}

impl Call {
    /// What the hand-written rule makes of the gradients `dz` of all outputs; `first` is the node of the first.
    pub fn vjp<'t>(&self, tape: &'t Tape, first: NodeId, x: &[Var<'t>], dz: &[Var<'t>], needs: &[bool]) -> Grads<'t> {
        let z: SmallVec<[Var<'t>; 2]> = (first..).take(self.outputs).map(|id| Var::new(tape, id)).collect();
        let saved: SmallVec<[Var<'t>; 2]> = self.saved.iter().map(|&id| Var::new(tape, id)).collect();
        // What a hand-written rule records has lines of its own.
        let _own = tape.at_line(None);
        SmallVec::from_vec(self.function.backward(Backward { x, z: &z, dz, saved: &saved, needs }))
    }
}
