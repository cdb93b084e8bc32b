//! What is true on the way: the gradients with respect to every value of `forward`, and the terms that they are made of.
//!
//! A right rule computes the gradient g_v = ∂⟨dz, z⟩/∂v of most values v of `forward` somewhere, whatever way it takes. So
//! a value of the rule that is one of these, or a row of one, or one transposed, is right, and so is all that it was
//! computed from. What an operation that reads v adds to g_v is a *term*: right, too, but not for the whole.

use super::program::{At, Program};
use crate::{
    Tensor, Var,
    check::{
        given::Place as Of,
        numbers::{numbers, size, with_tape, zeros},
        runner::{attempt, gradients_of, weighted},
    },
};

/// How far a number may be off, relative to the largest of its tensor.
const ROUNDING: f64 = 1e-9;

/// What is true at a point.
pub(super) struct Truths {
    /// The gradients with respect to values of `forward`, those that were there before, and what the rule receives.
    pub gradients: Vec<Tensor>,
    /// Terms of gradients, and whatever else the tape computes for these.
    pub terms: Vec<Tensor>,
}

impl Truths {
    /// The truths at each point.
    pub fn all(program: &Program) -> Option<Vec<Truths>> {
        program.points.iter().map(|at| Truths::at(program, at)).collect()
    }

    fn at(program: &Program, at: &At) -> Option<Truths> {
        let given = |keep: fn(&Of) -> bool| {
            let all = program.places.iter().zip(&at.arguments).filter(move |(place, _)| keep(place));
            all.map(|(_, value)| value.clone()).collect::<Vec<Tensor>>()
        };
        let (x, dz) = (given(|of| matches!(of, Of::Input(_))), given(|of| matches!(of, Of::Upstream(_))));
        let (mut gradients, mut terms) = attempt(x.iter(), |tape, x| {
            let mut results: Vec<Var<'_>> = x.to_vec();
            let mut operands: Vec<Var<'_>> = Vec::new();
            let outputs = program.forward.run_watched(tape, x, &[], |_, operand, value| {
                let moved = tape.leaf(zeros(&value.shape()));
                if operand.is_some() {
                    operands.push(moved)
                } else {
                    results.push(moved)
                }
                value + moved
            })?;
            let loss = weighted(tape, &outputs, &dz)?;
            let of = |leaves: &[Var<'_>]| gradients_of(loss, leaves).ok();
            Some((of(&results)?, of(&operands)?))
        })?;
        let mut all: Vec<Tensor> = gradients.drain(..).flatten().chain(at.arguments.iter().cloned()).collect();
        let square = |t: &&Tensor| t.shape().rank() >= 2;
        let turned: Vec<Tensor> = all.iter().filter(square).map(|t| with_tape(t, |t| t.transpose(-1, -2))).collect();
        all.extend(turned);
        let mut parts: Vec<Tensor> = terms.drain(..).flatten().collect();
        if let Some(truth) = &program.truth {
            parts.extend(truth.results(x.iter().chain(&dz))?);
        }
        let turned: Vec<Tensor> = parts.iter().filter(square).map(|t| with_tape(t, |t| t.transpose(-1, -2))).collect();
        parts.extend(turned);
        Some(Truths { gradients: all, terms: parts })
    }
}

/// Whether one of these is the value, or has it for a row.
pub(super) fn has(all: &[Tensor], value: &Tensor) -> bool {
    let (v, allowed) = (numbers(value), ROUNDING * size(value));
    let same = |row: &[f64]| row.iter().zip(v).all(|(a, b)| (a - b).abs() <= allowed);
    !v.is_empty() && (allowed == 0.0 || all.iter().any(|t| numbers(t).chunks_exact(v.len()).any(same)))
}
