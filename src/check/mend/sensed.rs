//! The values of a program and the slopes of ⟨p, a⟩ with respect to each of them, found in one walk.

use super::program::{At, Program};
use crate::{
    Tensor, Var,
    check::{
        numbers::{dot, mass, zeros},
        runner::{attempt, gradients_of},
        script::Edit,
    },
};

/// A value of the program, and the slope of ⟨p, a⟩ there; no slope where none flows.
#[derive(Clone)]
pub(super) struct Sensed {
    pub value: Tensor,
    pub slope: Option<Tensor>,
}

/// A program with some edits made, at one point.
pub(super) struct Run {
    /// By step, then by operand.
    pub operands: Vec<Vec<Sensed>>,
    /// By step; past the last step, the answers.
    pub results: Vec<Sensed>,
    /// ⟨p, t − a⟩: what an edit must add.
    pub off: f64,
    /// What rounding is relative to.
    pub mass: f64,
}

impl Run {
    /// The program at all points.
    pub fn all(program: &Program, edits: &[(usize, Edit)]) -> Option<Vec<Run>> {
        program.points.iter().map(|at| Run::new(program, at, edits)).collect()
    }

    /// Whether all answers are numbers that can be compared.
    pub fn are_finite(runs: &[Run]) -> bool {
        runs.iter().all(|run| run.off.is_finite())
    }

    fn new(program: &Program, at: &At, edits: &[(usize, Edit)]) -> Option<Run> {
        let steps = program.script.steps.len();
        attempt([], |tape, _| {
            let arguments: Vec<Var<'_>> = at.arguments.iter().map(|value| tape.constant(value)).collect();
            let mut seen: Vec<(usize, Option<usize>, Tensor, Var<'_>)> = Vec::new();
            let outputs = program.script.run_watched(tape, &arguments, edits, |step, operand, value| {
                let number = value.value();
                let moved = tape.leaf(zeros(number.shape()));
                seen.push((step, operand, number, moved));
                value + moved
            })?;
            let terms = outputs.iter().zip(&at.directions).map(|(&a, p)| (a * tape.constant(p)).sum());
            let leaves: Vec<Var<'_>> = seen.iter().map(|one| one.3).collect();
            let slopes = gradients_of(terms.reduce(|a, b| a + b)?, &leaves).ok()?;
            let mut run = Run { operands: vec![Vec::new(); steps], results: Vec::new(), off: 0.0, mass: 0.0 };
            for ((step, operand, value, _), slope) in seen.into_iter().zip(slopes) {
                match operand {
                    Some(_) => run.operands[step].push(Sensed { value, slope }),
                    None => run.results.push(Sensed { value, slope }),
                }
            }
            for ((truth, p), answer) in at.truth.iter().zip(&at.directions).zip(&run.results[steps..]) {
                run.off += dot(p, truth) - dot(p, &answer.value);
                run.mass += mass(p, truth) + mass(p, &answer.value);
            }
            Some(run)
        })
    }

    /// By how much a change of ⟨p, a⟩ may differ from what the rule lacks, by rounding.
    pub fn slack(&self) -> f64 {
        1e-9 * self.mass + 1e-8 * self.off.abs()
    }
}
