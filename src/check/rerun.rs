//! Running a script again with some steps changed, where it is known what it computes without any change.
//!
//! A search runs a long program thousands of times, each time with another change. Most steps then compute what they
//! computed before, or lead to nothing that is asked for. Only the others are run.

use std::cell::RefCell;

use super::{
    runner::attempt,
    script::{Edit, Script, Source},
};
use crate::{Tape, Tensor, Var};

impl Script {
    /// The first `count` outputs with some steps changed, where `known` has the results of all steps without any change. An
    /// output that depends on no change is `None`.
    pub fn rerun(
        &self,
        at: &[Tensor],
        known: &[Tensor],
        edits: &[(usize, Edit)],
        count: usize,
    ) -> Option<Vec<Option<Tensor>>> {
        let changed = self.changed_by(edits);
        let steps = self.steps.len();
        attempt([], |tape, _| {
            let entered = [at.len(), self.fixed.len(), steps].map(|n| vec![None; n]);
            let (done, entered) = (RefCell::new(vec![None; steps]), RefCell::new(entered));
            let again = Again { script: self, tape, at, known, edits, changed: &changed, done, entered };
            let output = |j: usize| match changed[steps + j] {
                true => {
                    let find = |source| again.value(source, steps);
                    Some(Some(self.finish(j, edits, &find, &mut |_, _, value| value)?.value()))
                }
                false => Some(None),
            };
            (0..count).map(output).collect()
        })
    }

    /// Which steps, and past them which outputs, depend on an edit.
    pub fn changed_by(&self, edits: &[(usize, Edit)]) -> Vec<bool> {
        let count = self.steps.len();
        let mut changed = vec![false; count + self.outputs.len()];
        for (at, _) in edits {
            changed[*at] = true;
        }
        for (k, step) in self.steps.iter().enumerate() {
            changed[k] |= step.inputs.iter().any(|&source| matches!(source, Source::Step(s) if changed[s]));
        }
        for (j, &source) in self.outputs.iter().enumerate() {
            changed[count + j] |= matches!(source, Source::Step(s) if changed[s]);
        }
        changed
    }
}

/// A run, of which each value is computed when it is first read.
struct Again<'a, 't> {
    script: &'a Script,
    tape: &'t Tape,
    at: &'a [Tensor],
    known: &'a [Tensor],
    edits: &'a [(usize, Edit)],
    changed: &'a [bool],
    /// Steps that depend on a change.
    done: RefCell<Vec<Option<Var<'t>>>>,
    /// What is known: arguments, constants, results of other steps.
    entered: RefCell<[Vec<Option<Var<'t>>>; 3]>,
}

impl<'t> Again<'_, 't> {
    /// A value as step number `before` finds it; `None` if it is not there yet, or makes no sense.
    fn value(&self, source: Source, before: usize) -> Option<Var<'t>> {
        match source {
            Source::Argument(k) => self.known(0, k, self.at.get(k)?),
            Source::Fixed(k) => self.known(1, k, self.script.fixed.get(k)?),
            Source::Step(k) if k >= before => None,
            Source::Step(k) if !self.changed[k] => self.known(2, k, &self.known[k]),
            Source::Step(k) => {
                let done = self.done.borrow()[k];
                done.or_else(|| {
                    let find = |source| self.value(source, k);
                    let y = self.script.perform(self.tape, k, self.edits, &find, &mut |_, _, value| value)?;
                    if !self.script.steps[k].differentiable() && self.hides_nan(k) {
                        return None;
                    }
                    self.done.borrow_mut()[k] = Some(y);
                    Some(y)
                })
            }
        }
    }

    /// Whether a step, which is a comparison, reads a NaN that is there by the change: what it says would look like a number.
    fn hides_nan(&self, k: usize) -> bool {
        let has_nan = |value: &Tensor| value.to_vec().iter().any(|v| v.is_nan());
        let inputs = self.script.steps[k].inputs.iter();
        let mut changed = inputs.filter_map(|&source| match source {
            Source::Step(s) => self.done.borrow()[s].map(|value| (s, value)),
            _ => None,
        });
        changed.any(|(s, value)| has_nan(&value.value()) && !has_nan(&self.known[s]))
    }

    fn known(&self, kind: usize, k: usize, value: &Tensor) -> Option<Var<'t>> {
        Some(*self.entered.borrow_mut()[kind][k].get_or_insert_with(|| self.tape.constant(value)))
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Tape, Tensor, Var,
        check::script::{Alter, Edit, Script, Source},
    };

    #[test]
    fn only_what_depends_on_a_change_is_run_again_and_what_is_not_there_yet_is_not_found() {
        let at = [Tensor::from([2.0, 3.0]), Tensor::from([5.0, 7.0])];
        let tape = Tape::f64();
        let x: Vec<Var<'_>> = at.iter().map(|x| tape.leaf(x)).collect();
        let (product, sum) = (x[0] * x[1], x[0] + x[1]);
        let script = Script::of(&tape, &x, &[product.square(), sum.sqrt(), product / sum]);
        let (known, whole) = (script.results(&at).unwrap(), script.outputs(&at, &[]).unwrap());
        let product = script.steps.iter().position(|step| step.name() == "mul").unwrap();
        let sum = script.steps.iter().position(|step| step.name() == "add").unwrap();
        let edits = [(product, Edit::AtResult(Alter::Use(Source::Argument(1))))];
        let (again, all) = (script.rerun(&at, &known, &edits, 3).unwrap(), script.outputs(&at, &edits).unwrap());
        assert_eq!((again[0].as_ref(), again[2].as_ref()), (Some(&all[0]), Some(&all[2])));
        assert!(again[1].is_none() && all[1] == whole[1] && all[0] != whole[0]);
        // The product cannot read the sum, which is computed after it.
        assert!(product < sum);
        let early = [(product, Edit::AtResult(Alter::Use(Source::Step(sum))))];
        assert!(script.rerun(&at, &known, &early, 3).is_none());
        // If nothing is asked for that depends on it, nothing is run.
        assert_eq!(script.rerun(&at, &known, &early, 0), Some(vec![]));
    }
}
