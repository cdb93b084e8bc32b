//! A recorded computation as data, which can run again with one operation changed.
//!
//! The nodes between some inputs and some outputs of a tape form a straight-line program. [`Script::of`] copies it from
//! the tape; [`Script::run`] (in `running`) records it again on a tape, with other inputs and some steps changed by an
//! [`Edit`]: a node held constant, a term left out, an operand replaced. A question such as "which forgotten path turns
//! the true gradient into this one?" thus becomes a search over the lines of a short program.

use std::{collections::HashMap, panic::Location};

use smallvec::SmallVec;

pub(super) use super::edit::{Alter, Edit};

use crate::{
    Result, Shape, Tape, Tensor, Var,
    ops::{Elementwise, SharedOp},
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
    Op(SharedOp),
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
            Action::Op(op) => tape.record_shared(op.clone(), x),
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
}
