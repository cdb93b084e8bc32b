//! Running a script on a tape, with some steps changed.

use smallvec::SmallVec;

use super::script::{Alter, Edit, Script, Source, Step};
use crate::{Shape, Tape, Var};

impl Script {
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
        for k in 0..self.steps.len() {
            let y = self.perform(tape, k, edits, &|source| find(&done, source), &mut watch)?;
            done.push(y);
        }
        (0..self.outputs.len()).map(|j| self.finish(j, edits, &|source| find(&done, source), &mut watch)).collect()
    }

    /// Step `k`, with the changes made to it.
    pub(super) fn perform<'t>(
        &self,
        tape: &'t Tape,
        k: usize,
        edits: &[(usize, Edit)],
        find: &dyn Fn(Source) -> Option<Var<'t>>,
        watch: &mut dyn FnMut(usize, Option<usize>, Var<'t>) -> Var<'t>,
    ) -> Option<Var<'t>> {
        let step = &self.steps[k];
        // What is recorded here, and the rules that differentiate it, belong to the lines of the script.
        let _line = tape.at_line(Some(step.at));
        let own = || edits.iter().filter(|(at, _)| *at == k).map(|(_, edit)| edit);
        // Whoever reads what has another shape now may be able to do with it.
        let reshaped = edits.iter().any(|(_, edit)| edit.reshapes());
        let fits = |y: &Var<'t>| reshaped || y.shape() == step.shape;
        let mut x: SmallVec<[Var<'t>; 4]> = step.inputs.iter().map(|&source| find(source)).collect::<Option<_>>()?;
        for edit in own() {
            match edit {
                Edit::DetachOperand(operand) => x[*operand] = x[*operand].detach(),
                Edit::Operand(operand, source) => x[*operand] = find(*source)?,
                Edit::Operands(operands, source) => {
                    let other = find(*source)?;
                    operands.iter().for_each(|&i| x[i] = other);
                }
                Edit::TransposeOperand(operand) => x[*operand] = x[*operand].transpose(-1, -2),
                Edit::AtOperand(i, alter) => x[*i] = alter.apply(x[*i], find)?,
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
        let y = match y {
            Some(y) => y,
            None => step.perform(tape, &x, None).ok()?,
        };
        let mut y = fits(&y).then_some(y)?;
        if step.detached && !own().any(|edit| matches!(edit, Edit::Attach)) {
            y = y.detach();
        }
        for edit in own() {
            y = match edit {
                Edit::Detach => y.detach(),
                Edit::Scale(by) => y * *by,
                Edit::StraightThrough(earlier) => {
                    let x = find(*earlier)?;
                    (x.shape() == step.shape).then(|| x + (y - x).detach())?
                }
                Edit::AtResult(alter) => alter.apply(y, find).filter(fits)?,
                _ => y,
            };
        }
        Some(watch(k, None, y))
    }

    /// Output `j`, with the changes made to it.
    pub(super) fn finish<'t>(
        &self,
        j: usize,
        edits: &[(usize, Edit)],
        find: &dyn Fn(Source) -> Option<Var<'t>>,
        watch: &mut dyn FnMut(usize, Option<usize>, Var<'t>) -> Var<'t>,
    ) -> Option<Var<'t>> {
        let end = self.steps.len() + j;
        let mut y = find(self.outputs[j])?;
        for (_, edit) in edits.iter().filter(|(at, _)| *at == end) {
            if let Edit::AtResult(alter) = edit {
                let other = alter.apply(y, find)?;
                y = (other.shape() == y.shape()).then_some(other)?;
            }
        }
        Some(watch(end, None, y))
    }
}

impl Edit {
    /// Whether it may leave a step with another shape.
    fn reshapes(&self) -> bool {
        matches!(self, Edit::AtOperand(_, Alter::Sum(..) | Alter::Turn(..)))
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
