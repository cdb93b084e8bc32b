//! The walk from the end of the tape to its beginning.
//!
//! Let L be the number that is differentiated, and write v̄ = ∂L/∂v for the gradient by a node v. A node y = f(x₁, …)
//! adds ȳ · ∂f/∂xᵢ to the gradient of each input xᵢ. Inputs come before outputs on the tape, so when the walk reaches a
//! node, everybody who used it has added to its gradient already: that sum is complete, and is passed on.
//!
//! The engine, never a rule, adds up the contributions, sums them over broadcast axes, skips inputs that need no
//! gradient, and checks what a rule returned. Rules are ordinary tape algebra. [`grad`] leaves their operations on the
//! tape, to be differentiated again; [`backward`] takes them off after each rule, so that its memory stays flat.

use smallvec::SmallVec;

use super::{Gradients, Inputs, Kind, NodeId, Rule, Tape, Var};
use crate::{
    error::{Error, NoGradient, Result, RuleFault},
    function::{self, Call},
    ops::{self, Vjp},
    tensor::Tensor,
};

/// The gradient of a node so far.
enum Slot {
    Empty,
    /// Numbers.
    Ready(Tensor),
    /// A node past the recording, perhaps pending.
    Node(NodeId),
}

/// The gradients of Σ `upstream` · `y` by all leaves, as numbers.
pub(super) fn backward(y: Var<'_>, upstream: Tensor) -> Result<Gradients> {
    let tape = y.tape();
    if !y.needs_grad() {
        return Err(constant(y));
    }
    let paused = tape.pause();
    let mark = tape.len();
    let mut walk = Walk::new(tape, y.id(), Slot::Ready(upstream), Some(mark));
    let mut found = Vec::new();
    let result = walk.run(y.id(), |tape, id, slot| {
        let gradient = match slot {
            Slot::Ready(tensor) => tensor.clone(),
            Slot::Node(node) => Var::new(tape, *node).value(),
            Slot::Empty => return,
        };
        found.push((id, gradient));
    });
    tape.inner.borrow_mut().truncate(mark);
    drop(paused);
    result?;
    Ok(Gradients { recording: tape.recording(), nodes: found, watched: tape.inner.borrow().watched.clone() })
}

/// The gradient of Σ `upstream` · `y` by each of `x`, recorded.
pub(super) fn grad<'t>(y: Var<'t>, x: &[Var<'t>], upstream: Var<'t>) -> Result<Vec<Var<'t>>> {
    let tape = y.tape();
    if let Some(v) = x.iter().find(|v| !v.needs_grad()) {
        return Err(constant(*v));
    }
    let mut walk = Walk::new(tape, y.id(), Slot::Node(upstream.id()), None);
    let mut found: Vec<Option<Var<'t>>> = vec![None; x.len()];
    let mut targets: Vec<(NodeId, usize)> = x.iter().enumerate().map(|(k, v)| (v.id(), k)).collect();
    targets.sort_unstable();
    let on_path = walk.dependents(y.id(), x);
    walk.run_where(
        y.id(),
        |id| on_path[id as usize],
        |tape, id, slot| {
            let first = targets.partition_point(|target| target.0 < id);
            for &(_, k) in targets[first..].iter().take_while(|target| target.0 == id) {
                found[k] = match slot {
                    Slot::Node(node) => Some(Var::new(tape, *node)),
                    Slot::Ready(tensor) => Some(tape.constant(tensor.clone())),
                    Slot::Empty => None,
                };
            }
        },
    )?;
    let zero = |v: &Var<'t>| tape.constant(Tensor::zeros(v.shape(), tape.dtype()));
    Ok(found.into_iter().zip(x).map(|(g, v)| g.unwrap_or_else(|| zero(v))).collect())
}

fn constant(v: Var<'_>) -> Error {
    let at = v.tape().inner.borrow().nodes[v.index()].at;
    let of = format!("node %{} of shape {} ({at})", v.index(), v.shape());
    Error::NoGradient { of, why: NoGradient::Constant }
}

/// While it lives, the operations of built-in rules count as recorded at the line of what they differentiate.
struct Attributed<'t>(&'t Tape);

impl Drop for Attributed<'_> {
    fn drop(&mut self) {
        self.0.inner.borrow_mut().line = None;
    }
}

struct Walk<'t> {
    tape: &'t Tape,
    slots: Vec<Slot>,
    /// The nodes whose slots hold a node, while the operations of rules are taken off again.
    waiting: Vec<NodeId>,
    /// Where the operations of rules begin, if they are taken off again.
    scratch_from: Option<usize>,
}

/// Gradients that wait to be computed are computed when rules have left this many operations on the tape.
const SCRATCH: usize = 256;

impl<'t> Walk<'t> {
    fn new(tape: &'t Tape, root: NodeId, upstream: Slot, scratch_from: Option<usize>) -> Self {
        let mut slots = Vec::new();
        slots.resize_with(root as usize + 1, || Slot::Empty);
        slots[root as usize] = upstream;
        Walk { tape, slots, waiting: Vec::new(), scratch_from }
    }

    /// Which nodes up to `y` depend on one of `x`.
    fn dependents(&self, y: NodeId, x: &[Var<'t>]) -> Vec<bool> {
        let inner = self.tape.inner.borrow();
        let mut depends = vec![false; y as usize + 1];
        for v in x.iter().filter(|v| v.id() <= y) {
            depends[v.index()] = true;
        }
        let first = x.iter().map(|v| v.index()).min().unwrap_or(0);
        for id in first..=y as usize {
            let node = &inner.nodes[id];
            let reads = |&i: &NodeId| depends[i as usize];
            let through_call = matches!(&node.kind, Kind::Output(call, _) if call.inputs.iter().any(reads));
            depends[id] |= node.needs_grad && (through_call || node.inputs.iter().any(reads));
        }
        depends
    }

    /// Walks over all nodes that need a gradient; `keep` sees the complete gradient of leaves and retained nodes.
    fn run(&mut self, root: NodeId, mut keep: impl FnMut(&'t Tape, NodeId, &Slot)) -> Result<()> {
        let tape = self.tape;
        self.run_where(
            root,
            |id| tape.inner.borrow().nodes[id as usize].needs_grad,
            |tape, id, slot| {
                let kept = {
                    let node = &tape.inner.borrow().nodes[id as usize];
                    node.retained || matches!(node.kind, Kind::Leaf)
                };
                if kept {
                    keep(tape, id, slot);
                }
            },
        )
    }

    /// Walks over the nodes that `wanted` says yes to; `keep` sees the complete gradient of every node.
    fn run_where(
        &mut self,
        root: NodeId,
        wanted: impl Fn(NodeId) -> bool,
        mut keep: impl FnMut(&'t Tape, NodeId, &Slot),
    ) -> Result<()> {
        let _ended = Attributed(self.tape);
        for id in (0..=root).rev() {
            let (kind, inputs) = {
                let inner = &mut *self.tape.inner.borrow_mut();
                let node = &inner.nodes[id as usize];
                let first_of_many = matches!(&node.kind, Kind::Output(call, 0) if call.outputs > 1);
                if matches!(self.slots[id as usize], Slot::Empty) && !first_of_many {
                    continue;
                }
                // A hand-written rule has lines of its own.
                inner.line = (!matches!(node.kind, Kind::Output(..))).then_some(node.at);
                (node.kind.clone(), node.inputs.clone())
            };
            keep(self.tape, id, &self.slots[id as usize]);
            let y = Var::new(self.tape, id);
            match kind {
                Kind::Leaf | Kind::Constant => self.close(id),
                Kind::Elementwise(op, parameter) => {
                    let Some(dy) = self.take(id) else { continue };
                    let x: SmallVec<[Var<'t>; 3]> = inputs.iter().map(|&i| Var::new(self.tape, i)).collect();
                    for (k, &input) in inputs.iter().enumerate() {
                        if wanted(input) {
                            let dx = op.vjp(&x, parameter, y, dy, k);
                            self.add(input, dx.sum_to(&self.shape(input)));
                        }
                    }
                }
                Kind::Op(op) => {
                    let Some(dy) = self.take(id) else { continue };
                    let x: SmallVec<[Var<'t>; 4]> = inputs.iter().map(|&i| Var::new(self.tape, i)).collect();
                    let needs: SmallVec<[bool; 4]> = inputs.iter().map(|&i| wanted(i)).collect();
                    let recorded = self.scratch_from.is_none();
                    let gradients = op.vjp(Vjp { x: &x, y, dy, needs: &needs, recorded })?;
                    self.take_all(op.name(), id, &inputs, &needs, gradients)?;
                }
                Kind::Output(call, k) => {
                    if self.tape.rule() == Rule::Tape {
                        // What `forward` computed without a gradient has none to pass on.
                        if let (Some(dy), true) = (self.take(id), wanted(inputs[0])) {
                            self.add(inputs[0], dy);
                        }
                    } else if k == 0 {
                        // The rule needs the gradients of all outputs; the later ones have waited for the first.
                        self.apply_rule(id, &call, &wanted)?;
                    }
                }
            }
            self.forget_scratch();
        }
        Ok(())
    }

    /// Calls a hand-written rule with the gradients of all outputs of its call; `first` is the first of them.
    fn apply_rule(&mut self, first: NodeId, call: &Call, wanted: &impl Fn(NodeId) -> bool) -> Result<()> {
        let outputs: Vec<Var<'t>> = (0..call.outputs as u32).map(|k| Var::new(self.tape, first + k)).collect();
        let dz: Vec<Option<Var<'t>>> = outputs.iter().map(|z| self.take(z.id())).collect();
        if dz.iter().all(Option::is_none) {
            return Ok(());
        }
        let zero = |z: &Var<'t>| self.tape.constant(Tensor::zeros(z.shape(), self.tape.dtype()));
        let dz: Vec<Var<'t>> = dz.into_iter().zip(&outputs).map(|(dz, z)| dz.unwrap_or_else(|| zero(z))).collect();
        let needs: SmallVec<[bool; 4]> = call.inputs.iter().map(|&i| wanted(i)).collect();
        let gradients = function::call_rule(call, self.tape, &outputs, &dz, &needs)?;
        self.take_all(call.function.name(), first, &call.inputs, &needs, gradients)
    }

    /// Checks what a rule returned, and adds it to the gradients of its inputs.
    fn take_all(
        &mut self,
        rule: &str,
        id: NodeId,
        inputs: &Inputs,
        needs: &[bool],
        gradients: ops::Grads<'t>,
    ) -> Result<()> {
        let fault = |fault| {
            let at = self.tape.inner.borrow().nodes[id as usize].at;
            Error::Rule { rule: rule.to_owned(), fault, at }
        };
        if gradients.len() != inputs.len() {
            return Err(fault(RuleFault::Count { expected: inputs.len(), got: gradients.len() }));
        }
        for (k, (gradient, &input)) in gradients.iter().zip(inputs).enumerate() {
            let Some(gradient) = gradient else { continue };
            if !std::ptr::eq(gradient.tape(), self.tape) {
                return Err(fault(RuleFault::OtherTape { input: k }));
            }
            let (expected, got) = (Box::new(self.shape(input)), Box::new(gradient.shape()));
            if expected != got {
                return Err(fault(RuleFault::Shape { input: k, expected, got }));
            }
        }
        for ((gradient, &input), &needed) in gradients.into_iter().zip(inputs).zip(needs) {
            if let (Some(gradient), true) = (gradient, needed) {
                self.add(input, gradient);
            }
        }
        Ok(())
    }

    fn shape(&self, id: NodeId) -> crate::Shape {
        self.tape.inner.borrow().nodes[id as usize].shape().clone()
    }

    /// Takes the gradient of a node out of its slot, as a value that rules can compute with.
    fn take(&mut self, id: NodeId) -> Option<Var<'t>> {
        // An output of a call may lie past the node where the walk began.
        match std::mem::replace(self.slots.get_mut(id as usize)?, Slot::Empty) {
            Slot::Empty => None,
            Slot::Ready(tensor) => Some(self.tape.constant(tensor)),
            Slot::Node(node) => {
                self.waiting.retain(|&waiting| waiting != id);
                Some(Var::new(self.tape, node))
            }
        }
    }

    /// Empties the slot of a node that passes nothing on.
    fn close(&mut self, id: NodeId) {
        self.slots[id as usize] = Slot::Empty;
        self.waiting.retain(|&waiting| waiting != id);
    }

    /// Adds a contribution to the gradient of `input`.
    fn add(&mut self, input: NodeId, gradient: Var<'t>) {
        let numbers = self.numbers(input, gradient);
        let slot = &mut self.slots[input as usize];
        match (&mut *slot, numbers) {
            (Slot::Empty, Some(numbers)) => *slot = Slot::Ready(numbers),
            (Slot::Ready(sum), Some(numbers)) => sum.accumulate(&numbers),
            _ => {
                let sum = match self.take(input) {
                    Some(before) => before + gradient,
                    None => gradient,
                };
                self.slots[input as usize] = Slot::Node(sum.id());
                if self.scratch_from.is_some() {
                    self.waiting.push(input);
                }
            }
        }
    }

    /// The numbers of a contribution, if it can be added as numbers: nothing is recorded, and it is computed already
    /// or goes to a leaf, behind which no chain goes on.
    fn numbers(&self, input: NodeId, gradient: Var<'t>) -> Option<Tensor> {
        self.scratch_from?;
        let mut inner = self.tape.inner.borrow_mut();
        if matches!(inner.nodes[input as usize].kind, Kind::Leaf) {
            inner.force(gradient.id());
        }
        (!inner.is_pending(gradient.id())).then(|| inner.ready(gradient.id()).clone())
    }

    /// Takes the operations of finished rules off the tape, unless a gradient still waits to be computed from them.
    fn forget_scratch(&mut self) {
        let Some(mark) = self.scratch_from else { return };
        let many = self.tape.len() > mark + SCRATCH;
        let (tape, slots) = (self.tape, &mut self.slots);
        self.waiting.retain(|&id| {
            let Slot::Node(node) = slots[id as usize] else { return false };
            // What an operation has computed by now need not wait; else all results of later rules would wait with it.
            let waits = !many && tape.inner.borrow().is_pending(node);
            if !waits {
                slots[id as usize] = Slot::Ready(Var::new(tape, node).value());
            }
            waits
        });
        if self.waiting.is_empty() {
            self.tape.inner.borrow_mut().truncate(mark);
        }
    }
}
