//! The walk from the end of the tape to its beginning.
//!
//! Let L be the number that is differentiated, and write v̄ = ∂L/∂v for the gradient with respect to a node v. A node
//! z = f(x₁, x₂, …) adds z̄ · ∂f/∂xᵢ to the gradient of each of its inputs:
//!
//! x̄ᵢ ← x̄ᵢ + z̄ · ∂f/∂xᵢ
//!
//! Inputs come before outputs on the tape, so when the walk reaches a node, everybody who used it has added to its
//! gradient already: that sum is complete, and can be passed on. [`Walk::run`] is this paragraph as a loop.
//!
//! The engine adds up the contributions, skips inputs that need no gradient, and checks what a rule returned. For rows of
//! the elementwise table it also sums over broadcast axes; every other rule returns the shapes of its inputs. Rules are
//! ordinary tape algebra. [`Tape::grad`] leaves their operations on the tape, to be differentiated again;
//! [`Var::backward`] takes them off, but for a few small ones, as soon as no gradient waits for them, so that its memory stays
//! flat.

use smallvec::{SmallVec, smallvec};

use super::{
    Gradients, Inputs, Kind, NodeId, Rule, Tape, Var,
    extras::{Extras, Want, Wanted},
    slots::{Slot, Slots},
};
use crate::{
    caught::caught,
    error::{Error, NoGradient, Result, RuleFault},
    ops::{Grads, Vjp},
    tensor::{Tensor, handful, short},
};

/// A walk over the tape.
struct Walk<'t> {
    tape: &'t Tape,
    want: Wanted,
    /// The gradients under way.
    slots: Slots<'t>,
    /// The gradients that were asked for, by node, in descending order.
    found: Vec<(NodeId, Slot)>,
    extras: Extras<'t>,
    /// The node whose rule runs, to be named if it panics.
    at: NodeId,
}

impl<'t> Walk<'t> {
    /// Backpropagation: from the node `root`, whose gradient is known, to the first.
    fn run(&mut self, root: NodeId) -> Result<()> {
        for id in (0..=root).rev() {
            self.slots.at = id;
            let Some(dz) = self.arrive(id)? else { continue };
            self.extras.begin(id);
            let guard = self.extras.guard(id, &dz);
            let (inputs, gradients) = self.rule(id, &dz, guard.is_on())?;
            for (k, (&input, &dx)) in inputs.iter().zip(&gradients).enumerate() {
                let Some(dx) = dx else { continue };
                let dx = self.extras.hand_on(&guard, input, dx);
                self.slots.add(input, dx, inputs[k + 1..].contains(&input));
            }
            self.extras.end(id);
            self.slots.forget_scratch();
        }
        Ok(())
    }

    /// The complete gradient of a node that hands one on. The outputs of one call of a hand-written rule arrive together:
    /// the walk has passed whoever used any of them.
    fn arrive(&mut self, id: NodeId) -> Result<Option<SmallVec<[Var<'t>; 1]>>> {
        self.extras.enter(id, &mut self.slots);
        if self.slots.get(id).is_none() {
            return Ok(None);
        }
        let (from_outside, outputs) = match &self.tape.list().node(id).kind {
            Kind::Leaf | Kind::Constant => (true, id..id + 1),
            Kind::Output(call, k) if self.tape.rule() == Rule::Manual => {
                let first = id - *k as NodeId;
                (false, first..first + call.outputs as NodeId)
            }
            _ => (false, id..id + 1),
        };
        for output in outputs.clone().rev() {
            if self.slots.get(output).is_none() {
                continue;
            }
            self.extras.run_hooks(output, &mut self.slots)?;
            if self.want.of(&self.tape.list(), output) == Want::Keep {
                let slot = if from_outside { self.slots.close(output) } else { self.slots.get(output).cloned() };
                self.found.extend(slot.map(|slot| (output, self.slots.complete(slot))));
            }
        }
        if from_outside {
            self.slots.close(id);
            return Ok(None);
        }
        let dz = outputs.map(|id| self.slots.take(id).unwrap_or_else(|| zeros(Var::new(self.tape, id))));
        Ok(Some(short(dz)))
    }

    /// A rule that panicked.
    fn failed(&self, why: String) -> Error {
        let list = self.tape.list();
        let node = list.node(self.at);
        Error::Rule { rule: node.kind.name().to_owned(), fault: RuleFault::Failed(why), at: node.at }
    }

    /// What the rule of a node makes of its gradient: the inputs, and a contribution to the gradient of each that wants one.
    fn rule(&mut self, id: NodeId, dz: &[Var<'t>], masked: bool) -> Result<(Inputs, Grads<'t>)> {
        self.at = id;
        let by_hand = self.tape.rule() == Rule::Manual;
        let (kind, inputs, needs) = {
            let list = &mut *self.tape.list_mut();
            let node = &list.nodes[id as usize];
            // What the rule records belongs to the line of this node.
            list.notes.line = Some(node.at);
            let inputs = match &node.kind {
                Kind::Output(call, _) if by_hand => &call.inputs,
                _ => &node.inputs,
            };
            let needs = |&input: &NodeId| self.want.of(list, input) != Want::Nothing;
            let needs = handful(inputs.iter().map(needs));
            (node.kind.clone(), Inputs::from_slice(inputs), needs)
        };
        let x = handful(inputs.iter().map(|&input| Var::new(self.tape, input)));
        let z = Var::new(self.tape, id);
        let at = Vjp { x: &x, z, dz: dz[0], needs: &needs, recorded: self.slots.recorded(), masked };
        let mut gradients = match &kind {
            Kind::Elementwise(row, parameter) => row.vjp(*parameter, at),
            Kind::Op(op) => op.vjp(at)?,
            Kind::Output(call, k) if by_hand => call.vjp(self.tape, id - *k as NodeId, &x, dz, &needs),
            Kind::Output(..) => smallvec![Some(dz[0])],
            Kind::Leaf | Kind::Constant => unreachable!("a value from outside passes nothing on"),
        };
        // Rows return the shape of their output, which `Slots::add` sums over broadcast axes.
        if !matches!(kind, Kind::Elementwise(..)) {
            self.check(id, &kind, &inputs, &gradients)?;
        }
        gradients.iter_mut().zip(&*needs).for_each(|(dx, &needed)| *dx = dx.filter(|_| needed));
        Ok((inputs, gradients))
    }

    /// Checks what a rule returned: a gradient for each input, on this tape and of the shape of the input, or none.
    fn check(&self, id: NodeId, kind: &Kind, inputs: &Inputs, gradients: &Grads<'t>) -> Result<()> {
        let list = self.tape.list();
        let fault = |fault| Err(Error::Rule { rule: kind.name().to_owned(), fault, at: list.node(id).at });
        if gradients.len() != inputs.len() {
            return fault(RuleFault::Count { expected: inputs.len(), got: gradients.len() });
        }
        for (k, (gradient, &input)) in gradients.iter().zip(inputs).enumerate() {
            let Some(dx) = gradient else { continue };
            if !std::ptr::eq(dx.tape(), self.tape) {
                return fault(RuleFault::OtherTape { input: k });
            }
            let (expected, got) = (list.node(input).shape(), list.node(dx.id()).shape());
            if expected != got {
                let (expected, got) = (Box::new(expected.clone()), Box::new(got.clone()));
                return fault(RuleFault::Shape { input: k, expected, got });
            }
        }
        Ok(())
    }
}

/// The gradients asked for by `want`, from `y`, whose gradient is `upstream`.
pub(super) fn walk<'t>(
    y: Var<'t>,
    upstream: Slot,
    want: Wanted,
    scratch_from: Option<usize>,
) -> Result<Vec<(NodeId, Slot)>> {
    let tape = y.tape();
    let _line = tape.at_line(None);
    let slots = Slots::new(tape, y.id(), upstream, scratch_from);
    let found = Vec::with_capacity(tape.list().notes.watched.len());
    let mut walk = Walk { tape, want, slots, found, extras: Extras::new(tape, y.id()), at: y.id() };
    let result = caught(|| walk.run(y.id())).unwrap_or_else(|why| Err(walk.failed(why)));
    walk.extras.finish(&mut walk.slots);
    result.map(|()| walk.found)
}

pub(super) fn zeros(v: Var<'_>) -> Var<'_> {
    v.tape().constant(Tensor::zeros(v.shape(), v.dtype()))
}

pub(super) fn no_gradient(v: Var<'_>) -> Error {
    Error::NoGradient { of: v.describe(), why: NoGradient::Constant }
}

impl Var<'_> {
    /// The gradients of this single number with respect to every leaf that it depends on.
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
        self.gradients_from(Tensor::ones(shape, self.dtype()))
    }

    /// The gradients of Σ `upstream` · `self` with respect to every leaf: the vector-Jacobian product.
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
        self.gradients_from(upstream.cast(self.dtype()))
    }

    fn gradients_from(self, upstream: Tensor) -> Result<Gradients> {
        if !self.needs_grad() {
            return Err(no_gradient(self));
        }
        let found = self.gradients(upstream.clone(), Wanted::Leaves)?;
        Ok(Gradients::new(self.tape(), (self.id(), upstream), found))
    }

    /// The gradients asked for by `want`, as numbers; what rules record is taken off again.
    pub(super) fn gradients(self, upstream: Tensor, want: Wanted) -> Result<Vec<(NodeId, Tensor)>> {
        let tape = self.tape();
        let _paused = tape.pause();
        let mark = tape.len();
        let found = walk(self, Slot::Ready(upstream), want, Some(mark));
        tape.list_mut().truncate(mark);
        let numbers = |(id, slot)| if let Slot::Ready(gradient) = slot { Some((id, gradient)) } else { None };
        Ok(found?.into_iter().filter_map(numbers).collect())
    }
}
