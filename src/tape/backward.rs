//! The walk from the end of the tape to its beginning.
//!
//! Let L be the number that is differentiated, and write v̄ = ∂L/∂v for the gradient with respect to a node v. A node
//! y = f(x₁, x₂, …) adds ȳ · ∂f/∂xᵢ to the gradient of each of its inputs:
//!
//! x̄ᵢ ← x̄ᵢ + ȳ · ∂f/∂xᵢ
//!
//! Inputs come before outputs on the tape, so when the walk reaches a node, everybody who used it has added to its
//! gradient already: that sum is complete, and can be passed on. [`Walk::run`] is this paragraph as a loop.
//!
//! The engine, never a rule, adds up the contributions, sums them over broadcast axes, skips inputs that need no
//! gradient, and checks what a rule returned. Rules are ordinary tape algebra. [`Tape::grad`] leaves their operations on
//! the tape, to be differentiated again; [`Var::backward`] takes them off after each rule, so that its memory stays flat.

use smallvec::{SmallVec, smallvec};

use super::{
    Gradients, Inputs, Kind, NodeId, Rule, Tape, Var,
    extras::Extras,
    slots::{Slot, Slots},
};
use crate::{
    error::{Error, NoGradient, Result, RuleFault},
    ops::{Grads, Vjp},
    tensor::Tensor,
};

/// A walk over the tape: the gradients under way, what it is for, and what stands beside it.
struct Walk<'t, A> {
    tape: &'t Tape,
    slots: Slots<'t>,
    aim: A,
    extras: Extras<'t>,
}

impl<'t, A: Aim> Walk<'t, A> {
    /// Backpropagation: from the node `root`, whose gradient is known, to the first.
    fn run(&mut self, root: NodeId) -> Result<()> {
        for id in (0..=root).rev() {
            let Some(dy) = self.arrive(id)? else { continue };
            let guard = self.extras.guard(id, &dy);
            for (input, dx) in self.rule(id, &dy)? {
                self.slots.add(input, self.extras.hand_on(&guard, input, dx));
            }
            self.slots.forget_scratch();
        }
        Ok(())
    }

    /// The complete gradient of a node that passes one on. The outputs of one call of a hand-written rule arrive together:
    /// who used any of them stands behind all of them.
    fn arrive(&mut self, id: NodeId) -> Result<Option<SmallVec<[Var<'t>; 1]>>> {
        self.extras.enter(id, &mut self.slots);
        if self.slots.is_empty(id) {
            return Ok(None);
        }
        let (from_outside, outputs) = match &self.tape.list.borrow().node(id).kind {
            Kind::Leaf | Kind::Constant => (true, id..id + 1),
            Kind::Output(call, k) if self.tape.rule() == Rule::Manual => {
                let first = id - *k as NodeId;
                (false, first..first + call.outputs as NodeId)
            }
            _ => (false, id..id + 1),
        };
        for output in outputs.clone().rev().filter(|&output| output <= id) {
            if !self.slots.is_empty(output) {
                self.extras.run_hooks(output, &mut self.slots)?;
                self.aim.keep(self.tape, output, self.slots.get(output));
            }
        }
        if from_outside {
            self.slots.close(id);
            return Ok(None);
        }
        Ok(Some(outputs.map(|output| self.slots.take(output).unwrap_or_else(|| self.zeros(output))).collect()))
    }

    /// What the rule of a node makes of its gradient: a contribution to the gradient of each input that wants one.
    fn rule(&self, id: NodeId, dy: &[Var<'t>]) -> Result<SmallVec<[(NodeId, Var<'t>); 4]>> {
        let (kind, mut inputs) = {
            let list = &mut *self.tape.list.borrow_mut();
            let node = &list.nodes[id as usize];
            list.notes.line = Some(node.at);
            (node.kind.clone(), node.inputs.clone())
        };
        let by_hand = self.tape.rule() == Rule::Manual;
        if let (Kind::Output(call, _), true) = (&kind, by_hand) {
            inputs.clone_from(&call.inputs);
        }
        let needs: SmallVec<[bool; 4]> = inputs.iter().map(|&input| self.aim.wants(self.tape, input)).collect();
        let x: SmallVec<[Var<'t>; 4]> = inputs.iter().map(|&input| Var::new(self.tape, input)).collect();
        let y = Var::new(self.tape, id);
        let at = Vjp { x: &x, y, dy: dy[0], needs: &needs, recorded: self.slots.recorded() };
        let gradients = match &kind {
            Kind::Elementwise(row, parameter) => row.vjp(*parameter, at),
            Kind::Op(op) => op.vjp(at)?,
            Kind::Output(call, k) if by_hand => call.vjp(self.tape, id - *k as NodeId, &x, dy, &needs)?,
            Kind::Output(..) => smallvec![Some(dy[0])],
            Kind::Leaf | Kind::Constant => unreachable!("a value from outside passes nothing on"),
        };
        self.check(id, &kind, &inputs, &needs, gradients)
    }

    /// Checks what a rule returned. The gradients of elementwise rows are summed over broadcast axes; any others must have
    /// the shapes of the inputs.
    fn check(
        &self,
        id: NodeId,
        kind: &Kind,
        inputs: &Inputs,
        needs: &[bool],
        gradients: Grads<'t>,
    ) -> Result<SmallVec<[(NodeId, Var<'t>); 4]>> {
        let fault = |fault| {
            let at = self.tape.list.borrow().node(id).at;
            Err(Error::Rule { rule: kind.name().to_owned(), fault, at })
        };
        if gradients.len() != inputs.len() {
            return fault(RuleFault::Count { expected: inputs.len(), got: gradients.len() });
        }
        let mut contributions = SmallVec::new();
        for (k, (gradient, &input)) in gradients.into_iter().zip(inputs).enumerate() {
            let Some(gradient) = gradient else { continue };
            if !std::ptr::eq(gradient.tape(), self.tape) {
                return fault(RuleFault::OtherTape { input: k });
            }
            let (expected, got) = {
                let list = self.tape.list.borrow();
                let (expected, got) = (list.node(input).shape(), list.node(gradient.id()).shape());
                if expected == got {
                    if needs[k] {
                        contributions.push((input, gradient));
                    }
                    continue;
                }
                (expected.clone(), got.clone())
            };
            match kind {
                Kind::Elementwise(..) => contributions.push((input, gradient.sum_to(&expected))),
                _ => {
                    let (expected, got) = (Box::new(expected), Box::new(got));
                    return fault(RuleFault::Shape { input: k, expected, got });
                }
            }
        }
        Ok(contributions)
    }

    fn zeros(&self, id: NodeId) -> Var<'t> {
        zeros(Var::new(self.tape, id))
    }
}

/// What a walk is for: where it goes, and which gradients it keeps.
trait Aim {
    /// Whether the gradient with respect to a node is asked for, by the user or by a node before it.
    fn wants(&self, tape: &Tape, id: NodeId) -> bool;
    /// Sees each complete gradient.
    fn keep(&mut self, tape: &Tape, id: NodeId, gradient: &Slot);
}

/// The gradients with respect to all leaves and retained nodes, as numbers, in descending order.
struct Numbers(Vec<(NodeId, Tensor)>);

impl Aim for Numbers {
    fn wants(&self, tape: &Tape, id: NodeId) -> bool {
        tape.list.borrow().node(id).needs_grad
    }

    fn keep(&mut self, tape: &Tape, id: NodeId, gradient: &Slot) {
        let list = &mut *tape.list.borrow_mut();
        let node = list.node(id);
        if !node.retained && !matches!(node.kind, Kind::Leaf) {
            return;
        }
        match gradient {
            Slot::Ready(tensor) => self.0.push((id, tensor.clone())),
            Slot::Node(node) => self.0.push((id, list.value(*node).clone())),
            Slot::Empty => {}
        }
    }
}

/// The gradients with respect to some nodes, recorded.
struct Recorded {
    /// Which nodes depend on one of them.
    on_path: Vec<bool>,
    /// The nodes, in order, and the gradient of each once it is complete.
    found: Vec<(NodeId, Option<NodeId>)>,
}

impl Aim for Recorded {
    fn wants(&self, _: &Tape, id: NodeId) -> bool {
        self.on_path[id as usize]
    }

    fn keep(&mut self, _: &Tape, id: NodeId, gradient: &Slot) {
        if let (Ok(place), Slot::Node(node)) = (self.found.binary_search_by_key(&id, |found| found.0), gradient) {
            self.found[place].1 = Some(*node);
        }
    }
}

impl Recorded {
    fn new(y: Var<'_>, x: &[Var<'_>]) -> Self {
        let mut found: Vec<(NodeId, Option<NodeId>)> = x.iter().map(|v| (v.id(), None)).collect();
        found.sort_unstable();
        found.dedup();
        let list = y.tape().list.borrow();
        let mut on_path = vec![false; y.index() + 1];
        let first = found.first().map_or(0, |found| found.0);
        for id in first..=y.id() {
            let node = list.node(id);
            let reads = |&input: &NodeId| on_path[input as usize];
            let through_call = matches!(&node.kind, Kind::Output(call, _) if call.inputs.iter().any(reads));
            let depends = node.needs_grad && (through_call || node.inputs.iter().any(reads));
            on_path[id as usize] = depends || found.binary_search_by_key(&id, |found| found.0).is_ok();
        }
        Recorded { on_path, found }
    }
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
        self.vjp(&Tensor::ones(shape, self.dtype()))
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
        let (tape, shape) = (self.tape(), self.shape());
        if *upstream.shape() != shape {
            let need = "the upstream gradient must have the shape of the value";
            return Err(Error::shape("vjp", &[&shape, upstream.shape()], need));
        }
        if !self.needs_grad() {
            return Err(constant(self));
        }
        let _paused = tape.pause();
        let mark = tape.len();
        let found = walk(self, Slot::Ready(upstream.cast(self.dtype())), Some(mark), Numbers(Vec::new()));
        tape.list.borrow_mut().truncate(mark);
        Ok(Gradients::new(tape, found?.0))
    }
}

impl Tape {
    /// The gradient of the single number `y` with respect to each of `x`, recorded on the tape: it can be differentiated
    /// again.
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

    /// The recorded gradient of Σ `upstream` · `y` with respect to each of `x`; `upstream` may itself be differentiated.
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
        if let Some(v) = x.iter().find(|v| !v.needs_grad()) {
            return Err(constant(*v));
        }
        let found = walk(y, Slot::Node(upstream.id()), None, Recorded::new(y, x))?.found;
        let gradient = |v: &Var<'t>| {
            let place = found.binary_search_by_key(&v.id(), |found| found.0).ok()?;
            found[place].1.map(|id| Var::new(self, id))
        };
        Ok(x.iter().map(|v| gradient(v).unwrap_or_else(|| zeros(*v))).collect())
    }
}

/// Walks from `y`, whose gradient is `upstream`.
fn walk<A: Aim>(y: Var<'_>, upstream: Slot, scratch_from: Option<usize>, aim: A) -> Result<A> {
    let tape = y.tape();
    let _lines = tape.at_line(None);
    let slots = Slots::new(tape, y.id(), upstream, scratch_from);
    let mut walk = Walk { tape, slots, aim, extras: Extras::new(tape, y.id()) };
    let result = walk.run(y.id());
    walk.extras.finish(&mut walk.slots);
    result.map(|()| walk.aim)
}

fn zeros(v: Var<'_>) -> Var<'_> {
    v.tape().constant(Tensor::zeros(v.shape(), v.dtype()))
}

fn constant(v: Var<'_>) -> Error {
    Error::NoGradient { of: v.describe(), why: NoGradient::Constant }
}
