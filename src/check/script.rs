//! A recorded computation as data, which can run again with one operation changed.
//!
//! The nodes between some inputs and some outputs of a tape form a straight-line program. [`Script::of`] copies it from
//! the tape; [`Script::run`] records it again on a tape, with other inputs and some steps changed by an [`Edit`]: a
//! node held constant, a term left out, an operand replaced. A question such as "which forgotten path turns the true
//! gradient into this one?" thus becomes a search over the lines of a short program.

use std::{collections::HashMap, panic::Location, sync::Arc};

use smallvec::SmallVec;

pub(super) use super::edit::{Alter, Edit};

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

    /// Its name as the user writes it.
    pub fn called(&self) -> &str {
        match self.name() {
            "scatter" => "pad",
            name => name,
        }
    }

    /// Whether it is the elementwise row of this name, with two operands or with a number.
    pub fn is(&self, name: &str) -> bool {
        matches!(&self.action, Action::Elementwise(row, _) if row.name == name)
    }

    /// Whether a number is one of its operands.
    pub fn has_number(&self) -> bool {
        matches!(&self.action, Action::Elementwise(row, _) if row.parameter.is_some())
    }

    /// Whether it is a sum or a difference, of two operands or with a number.
    pub fn adds(&self) -> bool {
        matches!(self.name(), "add" | "sub")
    }

    /// Whether it has two sides, each of which may be left out.
    pub fn has_terms(&self) -> bool {
        self.adds() && self.inputs.len() == 2
    }

    /// Whether it multiplies a value by itself.
    pub fn is_square(&self) -> bool {
        self.name() == "mul" && self.inputs.len() == 2 && self.inputs[0] == self.inputs[1]
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

    /// The same program with a step for each of its first arguments, of these shapes, which hands it on to all who
    /// read it.
    pub fn with_argument_steps(mut self, shapes: &[Shape]) -> Script {
        let count = shapes.len();
        let moved = |source: &mut Source| match *source {
            Source::Argument(k) if k < count => *source = Source::Step(k),
            Source::Step(k) => *source = Source::Step(k + count),
            _ => {}
        };
        for step in &mut self.steps {
            step.inputs.iter_mut().for_each(moved);
        }
        self.outputs.iter_mut().for_each(moved);
        let line = |k: usize| {
            let reads = |step: &&Step| step.inputs.contains(&Source::Step(k));
            self.steps.iter().find(reads).or(self.steps.last()).map(|step| step.at)
        };
        let at: Vec<_> = (0..count).map(|k| line(k).unwrap_or(Location::caller())).collect();
        let identity = crate::ops::row("identity", 1, false).expect("it is in the table");
        let steps = shapes.iter().zip(at).enumerate().map(|(k, (shape, at))| Step {
            action: Action::Elementwise(identity, 0.0),
            inputs: SmallVec::from_slice(&[Source::Argument(k)]),
            shape: shape.clone(),
            at,
            detached: false,
        });
        self.steps.splice(0..0, steps.collect::<Vec<_>>());
        self
    }

    /// Runs the steps on `tape`, changing some of them as `edits` say; a step past the last stands for an output. `None`
    /// if a change makes no sense (shapes that do not match, a value that is not there yet).
    pub fn run<'t>(&self, tape: &'t Tape, arguments: &[Var<'t>], edits: &[(usize, Edit)]) -> Option<Vec<Var<'t>>> {
        self.run_watched(tape, arguments, edits, |_, _, value| value)
    }

    /// [`run`](Script::run), with every operand (the position of its step, and its own) and every result (without)
    /// passed through `watch`.
    pub fn run_watched<'t>(
        &self,
        tape: &'t Tape,
        arguments: &[Var<'t>],
        edits: &[(usize, Edit)],
        mut watch: impl FnMut(usize, Option<usize>, Var<'t>) -> Var<'t>,
    ) -> Option<Vec<Var<'t>>> {
        let fixed: Vec<Var<'t>> = self.fixed.iter().map(|value| tape.constant(value)).collect();
        let mut done: Vec<Var<'t>> = Vec::with_capacity(self.steps.len());
        let find = |done: &[Var<'t>], source: Source| match source {
            Source::Argument(k) => arguments.get(k).copied(),
            Source::Fixed(k) => fixed.get(k).copied(),
            Source::Step(k) => done.get(k).copied(),
        };
        for (k, step) in self.steps.iter().enumerate() {
            // What is recorded here, and the rules that differentiate it, belong to the lines of the script.
            let _line = tape.at_line(Some(step.at));
            let own = || edits.iter().filter(|(at, _)| *at == k).map(|(_, edit)| edit);
            let mut x: SmallVec<[Var<'t>; 4]> =
                step.inputs.iter().map(|&source| find(&done, source)).collect::<Option<_>>()?;
            for edit in own() {
                match edit {
                    Edit::DetachOperand(operand) => x[*operand] = x[*operand].detach(),
                    Edit::Operand(operand, source) => x[*operand] = find(&done, *source)?,
                    Edit::Operands(operands, source) => {
                        let other = find(&done, *source)?;
                        operands.iter().for_each(|&i| x[i] = other);
                    }
                    Edit::TransposeOperand(operand) => x[*operand] = x[*operand].transpose(-1, -2),
                    Edit::AtOperand(i, alter) => x[*i] = alter.apply(x[*i], |source| find(&done, source))?,
                    Edit::Exchange(i, j) => x.swap(*i, *j),
                    _ => {}
                }
            }
            for (i, x) in x.iter_mut().enumerate() {
                *x = watch(k, Some(i), *x);
            }
            let mut y = None;
            for edit in own() {
                y = match edit {
                    // Without a, what remains of a − b is −b.
                    Edit::Keep(1) if step.is("sub") => Some(fit(-x[1], &step.shape)?),
                    Edit::Keep(operand) => Some(fit(x[*operand], &step.shape)?),
                    Edit::SumOver(axes) => Some(fit(x[0].try_sum_axes(axes, false).ok()?, &step.shape)?),
                    Edit::Row(row) => Some(step.perform(tape, &x, Some(row)).ok()?),
                    Edit::Act(action) => {
                        let other = Step { action: action.clone(), ..step.clone() };
                        Some(other.perform(tape, &x, None).ok()?)
                    }
                    _ => y,
                };
            }
            let mut y = match y {
                Some(y) => y,
                None => step.perform(tape, &x, None).ok()?,
            };
            if y.shape() != step.shape {
                return None;
            }
            if step.detached && !own().any(|edit| matches!(edit, Edit::Attach)) {
                y = y.detach();
            }
            for edit in own() {
                y = match edit {
                    Edit::Detach => y.detach(),
                    Edit::Scale(by) => y * *by,
                    Edit::StraightThrough(earlier) => {
                        let x = find(&done, *earlier)?;
                        (x.shape() == step.shape).then(|| x + (y - x).detach())?
                    }
                    Edit::AtResult(alter) => {
                        let other = alter.apply(y, |source| find(&done, source))?;
                        (other.shape() == step.shape).then_some(other)?
                    }
                    _ => y,
                };
            }
            done.push(watch(k, None, y));
        }
        let ends = self.outputs.iter().enumerate().map(|(j, &source)| {
            let end = self.steps.len() + j;
            let mut y = find(&done, source)?;
            for (_, edit) in edits.iter().filter(|(at, _)| *at == end) {
                if let Edit::AtResult(alter) = edit {
                    let other = alter.apply(y, |source| find(&done, source))?;
                    y = (other.shape() == y.shape()).then_some(other)?;
                }
            }
            Some(watch(end, None, y))
        });
        ends.collect()
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
