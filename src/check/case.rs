//! A hand-written rule under examination.
//!
//! At a point x, with an upstream gradient dz, the true gradient t is known: the tape derives it from the function's
//! own `forward`, or differences do. The rule's answer a is known too. A [`Case`] holds both at two points.

use std::{cell::Cell, sync::Arc};

use rand::rngs::StdRng;

use super::{
    Fault, Line, Verdict,
    caught::{Failure, caught},
    given::Given,
    numbers::upstream,
    runner::{Runner, attempt, or_zeros, values},
    script::Script,
    slope::{Slope, slope},
    subject::Unruled,
};
use crate::{DType, Function, Mode, Rule, Tape, Tensor, Var};

/// The gradients that a rule returned, as they are.
pub(super) type Answer = Vec<Option<Tensor>>;

/// A rule at one point, with everything that an experiment may need.
#[derive(Clone)]
pub(super) struct Point {
    pub given: Given<Tensor>,
    /// The true gradients.
    pub truth: Vec<Tensor>,
    /// The rule's.
    pub answer: Answer,
}

/// What provides the true gradient.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    /// The tape, from what `forward` records.
    Tape,
    /// Differences, if no tape can provide it; it is as accurate as they are.
    Differences,
}

/// How the observations are counted among the values that a rule receives.
pub(super) struct Counted {
    /// Their number.
    pub count: usize,
    /// The axis that counts them in the first input and in the outputs of what is checked.
    pub axis: usize,
    /// Another number of observations, and the rule there.
    pub elsewhere: Option<(usize, Point)>,
}

/// A rule and what is known about it.
pub(super) struct Case {
    pub function: Arc<dyn Function>,
    pub needs: Vec<bool>,
    /// The names of the inputs that have one.
    pub names: Vec<Option<String>>,
    pub truth: Truth,
    pub points: Vec<Point>,
    /// Where the rule makes its answer for each input, if it is no program.
    pub rule_lines: Vec<Option<Line>>,
    /// `None` if nobody said which axis counts the observations.
    pub counted: Option<Counted>,
    /// If comparisons hold up to a number: that of the last which held, by which the rule's answer is multiplied.
    pub up_to: Option<Cell<f64>>,
}

impl Case {
    /// A rule without any points yet.
    pub fn new(function: &Arc<dyn Function>, needs: &[bool], truth: Truth) -> Case {
        let (function, needs) = (function.clone(), needs.to_vec());
        Case {
            function,
            needs,
            names: Vec::new(),
            truth,
            points: Vec::new(),
            rule_lines: Vec::new(),
            counted: None,
            up_to: None,
        }
    }

    /// The same rule at other points.
    pub fn at(&self, points: Vec<Point>) -> Case {
        let (names, rule_lines) = (self.names.clone(), self.rule_lines.clone());
        Case { names, rule_lines, points, ..Case::new(&self.function, &self.needs, self.truth) }
    }

    /// Adds the point at `x`, with a random upstream gradient.
    pub fn add(&mut self, x: &[Tensor], rng: &mut StdRng) -> Result<(), Failure> {
        let point = self.point(x, rng)?;
        self.points.push(point);
        Ok(())
    }

    /// The point at `x`, with a random upstream gradient.
    pub fn point(&self, x: &[Tensor], rng: &mut StdRng) -> Result<Point, Failure> {
        let (z, saved) = self.forward(x)?;
        let dz: Vec<Tensor> = z.iter().map(|z| upstream(z, rng)).collect();
        let truth = self.truth_at(x, &dz)?;
        let given = Given { x: x.to_vec(), z, dz, saved };
        let answer = self.ask(&given)?;
        Ok(Point { given, truth, answer })
    }

    /// The first point.
    pub fn first(&self) -> &Point {
        &self.points[0]
    }

    /// The outputs of `forward` and what it saves.
    pub fn forward(&self, x: &[Tensor]) -> Result<(Vec<Tensor>, Vec<Tensor>), Failure> {
        caught(|| {
            let tape = Tape::f64();
            let x: Vec<Var<'_>> = x.iter().map(|x| tape.leaf(x)).collect();
            let (z, saved) = self.function.forward_and_save(&x);
            (values(&z), values(&saved))
        })
    }

    /// What the rule answers for these values.
    pub fn ask(&self, given: &Given<Tensor>) -> Result<Answer, Failure> {
        caught(|| {
            let tape = Tape::f64();
            let given = given.map(|value| tape.constant(value));
            // As in the backward pass, where nothing that a rule computes needs a gradient.
            let answer = tape.no_grad(|| given.ask(&*self.function, &self.needs));
            answer.into_iter().map(|g| g.map(|g| g.value())).collect()
        })
    }

    /// What the rule answers for input `k`.
    pub fn ask_for(&self, k: usize, given: &Given<Tensor>) -> Option<Tensor> {
        self.ask(given).ok()?.swap_remove(k)
    }

    /// The true gradients for these inputs and upstream gradients.
    pub fn truth_at(&self, x: &[Tensor], dz: &[Tensor]) -> Result<Vec<Tensor>, Failure> {
        let runner = Runner { subject: &Unruled(&*self.function), mode: Mode::default() };
        if self.truth == Truth::Differences {
            return by_differences(&runner, x, dz);
        }
        let found = runner.gradients(x, dz, Rule::Tape)?;
        Ok(or_zeros(found, x))
    }

    /// The rule's answer for input `k` as a program, from everything that it receives.
    pub fn rule_script(&self, k: usize) -> Option<Script> {
        self.rule_script_of(&[k])
    }

    /// The rule's answers for the inputs `of` as one program.
    pub fn rule_script_of(&self, of: &[usize]) -> Option<Script> {
        attempt([], |tape, _| {
            let leaves = self.first().given.map(|value| tape.leaf(value));
            let answers = leaves.ask(&*self.function, &self.needs);
            let answers: Vec<Var<'_>> = of.iter().map(|&k| answers.get(k).copied().flatten()).collect::<Option<_>>()?;
            Some(Script::of(tape, &leaves.values().copied().collect::<Vec<_>>(), &answers))
        })
    }

    /// The inputs whose gradient is right: whatever mends another one leaves them so.
    pub fn right(&self) -> Vec<usize> {
        let fits = |p: &Point, k: usize| p.answer[k].as_ref().is_some_and(|a| a.shape() == p.truth[k].shape());
        let answered = |k: usize| self.needs[k] && self.points.iter().all(|p| fits(p, k));
        (0..self.first().answer.len()).filter(|&k| answered(k) && !self.is_wrong(k)).collect()
    }

    /// Input `k` and all inputs whose gradient is right.
    pub fn with_right(&self, k: usize) -> Vec<usize> {
        [&[k][..], &self.right()].concat()
    }

    /// The rule's answers for input `k` and for all inputs whose gradient is right, as one program.
    pub fn rule_with_right(&self, k: usize) -> Option<Script> {
        self.rule_script_of(&self.with_right(k))
    }

    /// The same with everything else that the rule computes as further outputs.
    pub fn whole_rule(&self, of: &[usize]) -> Option<Script> {
        attempt([], |tape, _| {
            let leaves = self.first().given.map(|value| tape.leaf(value));
            let answers = leaves.ask(&*self.function, &self.needs);
            let mut ends: Vec<Var<'_>> =
                of.iter().map(|&k| answers.get(k).copied().flatten()).collect::<Option<_>>()?;
            let count = tape.len();
            let mut read = vec![false; count];
            tape.nodes().for_each(|node| node.inputs.iter().for_each(|&i| read[i] = true));
            let idle = tape.nodes().filter(|node| !node.inputs.is_empty() && !read[node.index]).map(|node| node.index);
            let idle: Vec<usize> = idle.collect();
            ends.extend(idle.into_iter().map(|id| Var::new(tape, id as u32)));
            Some(Script::of(tape, &leaves.values().copied().collect::<Vec<_>>(), &ends))
        })
    }

    /// The true gradients with respect to the inputs `of` as a program from inputs and upstream gradients.
    pub fn gradient_script(&self, forward: &Script, of: &[usize]) -> Option<Script> {
        let given = &self.first().given;
        attempt(given.x.iter().chain(&given.dz), |tape, leaves| {
            let (x, dz) = leaves.split_at(given.x.len());
            let z = forward.run(tape, x, &[])?;
            // The first factor belongs to the line that makes the outputs.
            let _line = tape.at_line(forward.steps.last().map(|step| step.at));
            let weighted = z.iter().zip(dz).filter(|(z, _)| z.needs_grad()).map(|(&z, &dz)| (z * dz).sum());
            let loss: Var<'_> = weighted.reduce(|a, b| a + b)?;
            let wanted: Vec<Var<'_>> = of.iter().map(|&k| x[k]).collect();
            Some(Script::of(tape, leaves, &tape.grad(loss, &wanted).ok()?))
        })
    }

    /// The sizes of axes of the inputs `of`, of all others, and of the outputs, with their names.
    pub fn sizes_of(&self, of: &[usize]) -> Vec<(String, usize)> {
        let given = &self.first().given;
        let others = (0..given.x.len()).filter(|k| !of.contains(k));
        let inputs = of.iter().copied().chain(others).map(|k| (format!("input {k}"), given.x[k].shape()));
        let outputs = given.z.iter().enumerate().map(|(k, z)| (format!("output {k}"), z.shape()));
        let mut all = Vec::new();
        for (whose, shape) in inputs.chain(outputs) {
            all.extend((0..shape.rank()).map(|axis| (format!("the size of axis {axis} of {whose}"), shape[axis])));
            all.extend((shape.rank() > 1).then(|| (format!("the number of elements of {whose}"), shape.numel())));
        }
        all
    }

    /// `forward` as a program from inputs to outputs.
    pub fn forward_script(&self) -> Option<Script> {
        Script::of_forward(&*self.function, &self.first().given.x)
    }

    /// A verdict on the gradient with respect to input `k`.
    pub fn verdict(&self, k: usize, fault: Fault, residual: f64) -> Verdict {
        let of = match self.names.get(k) {
            Some(Some(name)) => format!("input {k} (`{name}`)"),
            _ => format!("input {k}"),
        };
        Verdict::new(fault, of, residual)
    }
}

/// The gradients by differences.
fn by_differences(runner: &Runner<'_>, x: &[Tensor], dz: &[Tensor]) -> Result<Vec<Tensor>, Failure> {
    let here = runner.weighted(x, dz)?;
    let along = |k: usize, i: usize| {
        let moved = |t: f64| {
            let mut at = x.to_vec();
            let mut numbers = x[k].to_vec();
            numbers[i] += t;
            at[k] = Tensor::from_vec(numbers, x[k].shape()).expect("the shape is kept");
            runner.weighted(&at, dz).unwrap_or(f64::NAN)
        };
        match slope(moved, here, x[k].to_vec()[i].abs().max(1.0), 1e-9 * here.abs().max(1e-3)) {
            Slope::Smooth { value, .. } => value,
            Slope::Kink { left, right } => 0.5 * (left + right),
            Slope::Jump { .. } | Slope::Border => f64::NAN,
        }
    };
    Ok((0..x.len()).map(|k| Tensor::from_fn(x[k].shape().clone(), DType::F64, |i| along(k, i))).collect())
}
