//! Running scripts again for their numbers.

use super::{
    runner::{attempt, gradients_of, or_zeros, values, weighted},
    script::{Edit, Script, Source},
};
use crate::{Function, Rule, Tape, Tensor, Var};

impl Script {
    /// What `forward` records for inputs like these, as a program from inputs to outputs.
    pub fn of_forward(function: &dyn Function, x: &[Tensor]) -> Option<Script> {
        attempt(x, |tape, x| Some(Script::of(tape, x, &function.forward(x))))
    }

    /// The outputs, with some steps changed.
    pub fn outputs<'v>(
        &self,
        at: impl IntoIterator<Item = &'v Tensor>,
        edits: &[(usize, Edit)],
    ) -> Option<Vec<Tensor>> {
        attempt(at, |tape, at| Some(values(&self.run(tape, at, edits)?)))
    }

    /// The first output, with some steps changed.
    pub fn output<'v>(&self, at: impl IntoIterator<Item = &'v Tensor>, edits: &[(usize, Edit)]) -> Option<Tensor> {
        Some(self.outputs(at, edits)?.swap_remove(0))
    }

    /// The results of all steps.
    pub fn results<'v>(&self, at: impl IntoIterator<Item = &'v Tensor>) -> Option<Vec<Tensor>> {
        let mut all = self.clone();
        all.outputs = (0..self.steps.len()).map(Source::Step).collect();
        all.outputs(at, &[])
    }

    /// What step `k` is computed from, given the arguments and the results of all steps.
    pub fn operands(&self, k: usize, at: &[Tensor], results: &[Tensor]) -> Vec<Tensor> {
        let find = |source: &Source| match *source {
            Source::Argument(k) => at[k].clone(),
            Source::Fixed(k) => self.fixed[k].clone(),
            Source::Step(k) => results[k].clone(),
        };
        self.steps[k].inputs.iter().map(find).collect()
    }

    /// The gradient of Σ ⟨dz, output⟩ with respect to each argument, with some steps changed; `None` where there is no
    /// path.
    pub fn gradients(&self, at: &[Tensor], dz: &[Tensor], edits: &[(usize, Edit)]) -> Option<Vec<Option<Tensor>>> {
        attempt(at, |tape, at| gradients_by_tape(tape, at, &self.run(tape, at, edits)?, dz))
    }

    /// The gradient of Σ ⟨dz, output⟩ with respect to argument `k`, with some steps changed; zeros where there is no
    /// path.
    pub fn gradient(&self, k: usize, at: &[Tensor], dz: &[Tensor], edits: &[(usize, Edit)]) -> Option<Tensor> {
        Some(or_zeros(self.gradients(at, dz, edits)?, at).swap_remove(k))
    }
}

/// The gradient of Σ ⟨dz, z⟩ with respect to each of `x`, by the tape's own rules alone; `None` where there is no path.
pub(super) fn gradients_by_tape<'t>(
    tape: &'t Tape,
    x: &[Var<'t>],
    z: &[Var<'t>],
    dz: &[Tensor],
) -> Option<Vec<Option<Tensor>>> {
    tape.set_rule(Rule::Tape);
    let Some(loss) = weighted(tape, z, dz) else { return Some(vec![None; x.len()]) };
    gradients_of(loss, x).ok()
}
