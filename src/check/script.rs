//! A recorded computation as data, which can run again with one operation changed.
//!
//! The nodes between some inputs and some outputs of a tape form a straight-line program. [`Script::of`] copies it from
//! the tape; [`Script::run`] records it again on a tape, with other inputs and some steps changed by an [`Edit`]: a
//! node held constant, a term left out, an operand replaced. A question such as "which forgotten path turns the true
//! gradient into this one?" thus becomes a search over the lines of a short program.

use std::{collections::HashMap, panic::Location, sync::Arc};

use smallvec::SmallVec;

use crate::{
    Result, Shape, Tape, Tensor, Var,
    ops::{Elementwise, Op},
    tape::{Kind, List, NodeId},
};

/// Where an operand comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// An argument of the script.
    Argument(usize),
    /// A constant.
    Fixed(usize),
    /// The result of an earlier step.
    Step(usize),
}

/// What a step does.
#[derive(Clone)]
pub(super) enum Action {
    Elementwise(&'static Elementwise, f64),
    Op(Arc<dyn Op>),
}

/// One operation.
#[derive(Clone)]
pub(super) struct Step {
    pub action: Action,
    pub inputs: SmallVec<[Source; 4]>,
    pub shape: Shape,
    pub at: &'static Location<'static>,
    pub detached: bool,
}

impl Step {
    pub fn name(&self) -> &str {
        match &self.action {
            Action::Elementwise(row, _) => row.name,
            Action::Op(op) => op.name(),
        }
    }

    /// Whether it is the elementwise row of this name, with two operands or with a number.
    pub fn is(&self, name: &str) -> bool {
        matches!(&self.action, Action::Elementwise(row, _) if row.name == name)
    }

    /// Whether it is a sum or a difference, of two operands or with a number.
    pub fn adds(&self) -> bool {
        matches!(self.name(), "add" | "sub")
    }

    /// Whether it has two sides, each of which may be left out.
    pub fn has_terms(&self) -> bool {
        self.adds() && self.inputs.len() == 2
    }

    pub fn differentiable(&self) -> bool {
        !matches!(self.action, Action::Elementwise(row, _) if !row.differentiable())
    }

    /// Records the operation, or another elementwise one in its place.
    pub fn perform<'t>(&self, tape: &'t Tape, x: &[Var<'t>], other: Option<&'static Elementwise>) -> Result<Var<'t>> {
        match &self.action {
            Action::Op(op) => tape.record(op.clone(), x),
            Action::Elementwise(row, number) => {
                let spread = self.is("identity").then(|| self.shape.clone());
                tape.elementwise(other.unwrap_or(row), *number, x, spread)
            }
        }
    }
}

/// One change of a script, at one step.
#[derive(Clone)]
pub(super) enum Edit {
    /// The result counts as a constant.
    Detach,
    /// One operand counts as a constant, in this step only.
    DetachOperand(usize),
    /// A detached step is attached again.
    Attach,
    /// The step keeps its value, but passes its gradient on to an earlier value as if everything between were the
    /// identity.
    StraightThrough(Source),
    /// The result times a number.
    Scale(f64),
    /// One of the operands instead of the result.
    Keep(usize),
    /// A different operand.
    Operand(usize, Source),
    /// One other value for several operands.
    Operands(Vec<usize>, Source),
    /// Another elementwise operation on the same operands.
    Row(&'static Elementwise),
    /// A sum over other axes, brought to the same shape.
    SumOver(Vec<isize>),
    /// The last two axes of an operand swapped.
    TransposeOperand(usize),
}

/// A straight-line program.
#[derive(Clone)]
pub(super) struct Script {
    pub steps: Vec<Step>,
    pub fixed: Vec<Tensor>,
    /// Where the constants were created.
    pub fixed_at: Vec<&'static Location<'static>>,
    pub outputs: Vec<Source>,
}

impl Script {
    /// The steps that lead from `arguments` to `outputs`. A hand-written rule is replaced by what its `forward`
    /// recorded; leaves that are not among the arguments are constants.
    pub fn of(tape: &Tape, arguments: &[Var<'_>], outputs: &[Var<'_>]) -> Script {
        let list = &mut *tape.list_mut();
        let mut needed: Vec<bool> = vec![false; list.nodes.len()];
        let is_argument = |id: NodeId| arguments.iter().position(|v| v.id() == id);
        let mut waiting: Vec<NodeId> = outputs.iter().map(|v| v.id()).collect();
        while let Some(id) = waiting.pop() {
            if !std::mem::replace(&mut needed[id as usize], true) && is_argument(id).is_none() {
                waiting.extend(list.nodes[id as usize].inputs.iter());
            }
        }
        let mut script = Script { steps: Vec::new(), fixed: Vec::new(), fixed_at: Vec::new(), outputs: Vec::new() };
        let mut known: HashMap<NodeId, Source> = HashMap::new();
        for id in (0..needed.len() as NodeId).filter(|&id| needed[id as usize]) {
            let source = match (is_argument(id), list.nodes[id as usize].kind.clone()) {
                (Some(k), _) => Source::Argument(k),
                (None, Kind::Constant | Kind::Leaf) => {
                    script.fixed.push(list.ready(id).clone());
                    script.fixed_at.push(list.nodes[id as usize].at);
                    Source::Fixed(script.fixed.len() - 1)
                }
                (None, Kind::Output(..)) => known[&list.nodes[id as usize].inputs[0]],
                (None, Kind::Elementwise(row, number)) => {
                    script.push(list, id, Action::Elementwise(row, number), &known)
                }
                (None, Kind::Op(op)) => script.push(list, id, Action::Op(op), &known),
            };
            known.insert(id, source);
        }
        script.outputs = outputs.iter().map(|v| known[&v.id()]).collect();
        script
    }

    fn push(&mut self, list: &List, id: NodeId, action: Action, known: &HashMap<NodeId, Source>) -> Source {
        let node = &list.nodes[id as usize];
        let detached = !node.needs_grad && node.inputs.iter().any(|&i| list.nodes[i as usize].needs_grad);
        let inputs = node.inputs.iter().map(|i| known[i]).collect();
        let step = Step { action, inputs, shape: node.shape().clone(), at: node.at, detached };
        self.steps.push(Step { detached: detached && step.differentiable(), ..step });
        Source::Step(self.steps.len() - 1)
    }

    /// Runs the steps on `tape`, changing some of them as `edits` say. `None` if a change makes no sense (shapes that
    /// do not match).
    pub fn run<'t>(&self, tape: &'t Tape, arguments: &[Var<'t>], edits: &[(usize, Edit)]) -> Option<Vec<Var<'t>>> {
        let fixed: Vec<Var<'t>> = self.fixed.iter().map(|value| tape.constant(value)).collect();
        let mut done: Vec<Var<'t>> = Vec::with_capacity(self.steps.len());
        let find = |done: &[Var<'t>], source: Source| match source {
            Source::Argument(k) => arguments[k],
            Source::Fixed(k) => fixed[k],
            Source::Step(k) => done[k],
        };
        for (k, step) in self.steps.iter().enumerate() {
            // What is recorded here, and the rules that differentiate it, belong to the lines of the script.
            let _line = tape.at_line(Some(step.at));
            let edit = edits.iter().find(|(at, _)| *at == k).map(|(_, edit)| edit);
            let mut x: SmallVec<[Var<'t>; 4]> = step.inputs.iter().map(|&source| find(&done, source)).collect();
            match edit {
                Some(Edit::DetachOperand(operand)) => x[*operand] = x[*operand].detach(),
                Some(Edit::Operand(operand, source)) => x[*operand] = find(&done, *source),
                Some(Edit::Operands(operands, source)) => operands.iter().for_each(|&i| x[i] = find(&done, *source)),
                Some(Edit::TransposeOperand(operand)) => x[*operand] = x[*operand].transpose(-1, -2),
                _ => {}
            }
            let y = match edit {
                // Without a, what remains of a − b is −b.
                Some(Edit::Keep(1)) if step.is("sub") => fit(-x[1], &step.shape)?,
                Some(Edit::Keep(operand)) => fit(x[*operand], &step.shape)?,
                Some(Edit::SumOver(axes)) => fit(x[0].try_sum_axes(axes, false).ok()?, &step.shape)?,
                Some(Edit::Row(row)) => step.perform(tape, &x, Some(row)).ok()?,
                _ => step.perform(tape, &x, None).ok()?,
            };
            if y.shape() != step.shape {
                return None;
            }
            let attached = matches!(edit, Some(Edit::Attach)) || !step.detached;
            let y = match edit {
                Some(Edit::Detach) => y.detach(),
                Some(Edit::Scale(by)) => y * *by,
                Some(Edit::StraightThrough(earlier)) => {
                    let x = find(&done, *earlier);
                    (x.shape() == step.shape).then(|| x + (y - x).detach())?
                }
                _ if attached => y,
                _ => y.detach(),
            };
            done.push(y);
        }
        Some(self.outputs.iter().map(|&source| find(&done, source)).collect())
    }
}

/// The value broadcast to a shape, if possible.
fn fit<'t>(x: Var<'t>, shape: &Shape) -> Option<Var<'t>> {
    match x.shape() {
        own if own == *shape => Some(x),
        own if own.numel() == shape.numel() => x.try_reshape(shape).ok(),
        _ => x.try_broadcast_to(shape).ok(),
    }
}
