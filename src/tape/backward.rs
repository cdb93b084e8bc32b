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

use super::{
    Gradients, Inputs, Kind, NodeId, Rule, Tape, Var,
    guard::Guard,
    slots::{Slot, Slots},
};
use crate::{
    error::{Error, NoGradient, Result, RuleFault},
    function::{self, Call},
    ops::{self, Vjp},
    tensor::Tensor,
};

/// The gradients of Σ `upstream` · `y` by all leaves, as numbers.
pub(super) fn backward(y: Var<'_>, upstream: Tensor) -> Result<Gradients> {
    let tape = y.tape();
    if !y.needs_grad() {
        return Err(constant(y));
    }
    let paused = tape.pause();
    let mark = tape.len();
    let mut walk = Walk { tape, slots: Slots::new(tape, y.id(), Slot::Ready(upstream), Some(mark)) };
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
    Ok(Gradients::new(tape, found))
}

/// The gradient of Σ `upstream` · `y` by each of `x`, recorded.
pub(super) fn grad<'t>(y: Var<'t>, x: &[Var<'t>], upstream: Var<'t>) -> Result<Vec<Var<'t>>> {
    let tape = y.tape();
    if let Some(v) = x.iter().find(|v| !v.needs_grad()) {
        return Err(constant(*v));
    }
    let mut walk = Walk { tape, slots: Slots::new(tape, y.id(), Slot::Node(upstream.id()), None) };
    let mut found: Vec<Option<Var<'t>>> = vec![None; x.len()];
    let mut targets: Vec<(NodeId, usize)> = x.iter().enumerate().map(|(k, v)| (v.id(), k)).collect();
    targets.sort_unstable();
    let on_path = dependents(y, x);
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
    Error::NoGradient { of: v.describe(), why: NoGradient::Constant }
}

/// Which nodes up to `y` depend on one of `x`.
fn dependents(y: Var<'_>, x: &[Var<'_>]) -> Vec<bool> {
    let inner = y.tape().inner.borrow();
    let mut depends = vec![false; y.index() + 1];
    for v in x.iter().filter(|v| v.id() <= y.id()) {
        depends[v.index()] = true;
    }
    let first = x.iter().map(|v| v.index()).min().unwrap_or(0);
    for id in first..=y.index() {
        let node = &inner.nodes[id];
        let reads = |&i: &NodeId| depends[i as usize];
        let through_call = matches!(&node.kind, Kind::Output(call, _) if call.inputs.iter().any(reads));
        depends[id] |= node.needs_grad && (through_call || node.inputs.iter().any(reads));
    }
    depends
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
    slots: Slots<'t>,
}

impl<'t> Walk<'t> {
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
        keep: impl FnMut(&'t Tape, NodeId, &Slot),
    ) -> Result<()> {
        let _ended = Attributed(self.tape);
        let mut segments = self.tape.segments_up_to(root);
        let result = self.pass(root, &mut segments, wanted, keep);
        // What the first node of the tape belongs to, and what an error left, has not been passed.
        while let Some(segment) = segments.pop() {
            self.slots.leave(segment);
        }
        result
    }

    fn pass(
        &mut self,
        root: NodeId,
        segments: &mut Vec<super::checkpoint::Segment>,
        wanted: impl Fn(NodeId) -> bool,
        mut keep: impl FnMut(&'t Tape, NodeId, &Slot),
    ) -> Result<()> {
        for id in (0..=root).rev() {
            while let Some(passed) = segments.pop_if(|segment| segment.first > id) {
                self.slots.leave(passed);
            }
            let (kind, inputs, hooked) = {
                let inner = &mut *self.tape.inner.borrow_mut();
                let node = &inner.nodes[id as usize];
                let first_of_many = matches!(&node.kind, Kind::Output(call, 0) if call.outputs > 1);
                if self.slots.is_empty(id) && !first_of_many {
                    continue;
                }
                // A hand-written rule has lines of its own.
                inner.line = (!matches!(node.kind, Kind::Output(..))).then_some(node.at);
                (node.kind.clone(), node.inputs.clone(), inner.is_hooked(id))
            };
            if hooked {
                self.run_hooks(id)?;
            }
            keep(self.tape, id, self.slots.get(id));
            let y = Var::new(self.tape, id);
            match kind {
                Kind::Leaf | Kind::Constant => self.slots.close(id),
                Kind::Elementwise(op, parameter) => {
                    let Some(dy) = self.slots.take(id) else { continue };
                    let guard = Guard::of_row(op, parameter, dy, self.slots.masked(id));
                    let x: SmallVec<[Var<'t>; 3]> = inputs.iter().map(|&i| Var::new(self.tape, i)).collect();
                    let needs: SmallVec<[bool; 3]> = inputs.iter().map(|&i| wanted(i)).collect();
                    let at = Vjp { x: &x, y, dy, needs: &needs, recorded: self.slots.recorded() };
                    for (k, dx) in op.vjp(parameter, at).into_iter().enumerate() {
                        if let Some(dx) = dx {
                            self.slots.add(inputs[k], guard.apply(dx).sum_to(&x[k].shape()));
                            guard.mark(&mut self.slots, inputs[k]);
                        }
                    }
                }
                Kind::Op(op) => {
                    let Some(dy) = self.slots.take(id) else { continue };
                    let x: SmallVec<[Var<'t>; 4]> = inputs.iter().map(|&i| Var::new(self.tape, i)).collect();
                    let needs: SmallVec<[bool; 4]> = inputs.iter().map(|&i| wanted(i)).collect();
                    let gradients = op.vjp(Vjp { x: &x, y, dy, needs: &needs, recorded: self.slots.recorded() })?;
                    let guard = Guard::of_op(&*op, &x, dy, self.slots.masked(id));
                    self.take_all(op.name(), id, &inputs, &needs, gradients, guard)?;
                }
                Kind::Output(call, k) => {
                    if self.tape.rule() == Rule::Tape {
                        // What `forward` computed without a gradient has none to pass on.
                        if let (Some(dy), true) = (self.slots.take(id), wanted(inputs[0])) {
                            self.slots.add(inputs[0], dy);
                            Guard::of_copy(self.slots.masked(id)).mark(&mut self.slots, inputs[0]);
                        }
                    } else if k == 0 {
                        // The rule needs the gradients of all outputs; the later ones have waited for the first.
                        self.apply_rule(id, &call, &wanted)?;
                    }
                }
            }
            self.slots.forget_scratch();
        }
        Ok(())
    }

    /// Lets the hooks of a node replace its gradient.
    fn run_hooks(&mut self, id: NodeId) -> Result<()> {
        let Some(gradient) = self.slots.take(id) else { return Ok(()) };
        let line = self.tape.inner.borrow_mut().line.take();
        let replaced = super::hooks::run(Var::new(self.tape, id), gradient)?;
        self.tape.inner.borrow_mut().line = line;
        self.slots.add(id, replaced);
        Ok(())
    }

    /// Calls a hand-written rule with the gradients of all outputs of its call; `first` is the first of them.
    fn apply_rule(&mut self, first: NodeId, call: &Call, wanted: &impl Fn(NodeId) -> bool) -> Result<()> {
        let outputs: Vec<Var<'t>> = (0..call.outputs as u32).map(|k| Var::new(self.tape, first + k)).collect();
        let dz: Vec<Option<Var<'t>>> = outputs.iter().map(|z| self.slots.take(z.id())).collect();
        if dz.iter().all(Option::is_none) {
            return Ok(());
        }
        let zero = |z: &Var<'t>| self.tape.constant(Tensor::zeros(z.shape(), self.tape.dtype()));
        let dz: Vec<Var<'t>> = dz.into_iter().zip(&outputs).map(|(dz, z)| dz.unwrap_or_else(|| zero(z))).collect();
        let needs: SmallVec<[bool; 4]> = call.inputs.iter().map(|&i| wanted(i)).collect();
        let gradients = function::call_rule(call, self.tape, &outputs, &dz, &needs)?;
        let guard = Guard::of_rule(&dz, outputs.iter().any(|z| self.slots.masked(z.id())));
        self.take_all(call.function.name(), first, &call.inputs, &needs, gradients, guard)
    }

    /// Checks what a rule returned, and adds it to the gradients of its inputs.
    fn take_all(
        &mut self,
        rule: &str,
        id: NodeId,
        inputs: &Inputs,
        needs: &[bool],
        gradients: ops::Grads<'t>,
        guard: Guard<'t>,
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
            let (expected, got) = (Box::new(Var::new(self.tape, input).shape()), Box::new(gradient.shape()));
            if expected != got {
                return Err(fault(RuleFault::Shape { input: k, expected, got }));
            }
        }
        for ((gradient, &input), &needed) in gradients.into_iter().zip(inputs).zip(needs) {
            if let (Some(gradient), true) = (gradient, needed) {
                self.slots.add(input, guard.apply(gradient));
                guard.mark(&mut self.slots, input);
            }
        }
        Ok(())
    }
}
