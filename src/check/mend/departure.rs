//! Where a rule departs from the truth, if no edit mends it.
//!
//! Of the [`Truths`], which are the gradients with respect to all that `forward` computes, those that a rule has on its way
//! are right, with all that they were computed from. If one of them in place of another value makes the whole rule exact,
//! the mistake was made there or before; the first such value tells where. If none does, it is the first value that is
//! wrong although whatever it was computed from is right.

use std::{cell::Cell, ops::Range};

use super::{
    places::{Part, places, readers},
    program::Program,
    sensed::Run,
    split::{lead_to, leads_to},
    truths::{Truths, has},
};
use crate::{
    Tensor,
    check::{
        Line,
        numbers::{dot, numbers},
        script::{Alter, Edit, Source},
    },
};

/// How many values are put in by a run.
const RUNS: usize = 60;

/// Some of the truths, the number of one of them, and a part of it.
type Row = (fn(&Truths) -> &Vec<Tensor>, usize, Range<usize>);

/// A rule beside what is true.
struct Beside<'p> {
    program: &'p Program,
    truths: Vec<Truths>,
    runs: Vec<Run>,
    /// The places of single steps in which the answer is linear.
    linear: Vec<(usize, Part)>,
    left: Cell<usize>,
}

/// The line where the rule departs from the truth, if that is before its answers.
pub(super) fn departure(program: &Program) -> Option<Line> {
    let (truths, runs) = (Truths::all(program)?, Run::all(program, &[])?);
    if !Run::are_finite(&runs) {
        return None;
    }
    let all = places(&program.script, program.answers);
    let linear = all.iter().filter(|p| p.linear && p.at.len() == 1).map(|p| (p.at[0], p.part)).collect();
    let beside = Beside { program, truths, runs, linear, left: Cell::new(RUNS) };
    let (right, wrong) = (beside.right(), leads_to(&program.script, 0..program.wrong));
    let lines = program.lines();
    let steps = &program.script.steps;
    // What is computed and not used was forgotten after it.
    let (answers, others) = program.script.outputs.split_at(program.answers);
    let idle = others.iter().filter(|source| !answers.contains(source)).filter_map(|source| match source {
        Source::Step(k) => Some(*k),
        _ => None,
    });
    let idle = idle.max().unwrap_or(0);
    let (mut first, mut mended) = (None, None);
    // An answer that is wrong from its last step on says nothing more.
    let is_answer = |k: usize| program.script.outputs[..program.wrong].contains(&Source::Step(k));
    for k in (0..steps.len()).filter(|&k| wrong[k] && !is_answer(k)) {
        let read_right = steps[k].inputs.iter().all(|source| !matches!(source, Source::Step(s) if !right[*s]));
        if right[k] {
            // What it reads by another name may be wrong.
            if let Some(other) = lines.handed_on(&[k], None, true).filter(|_| beside.is_mended_at(k, Part::Result)) {
                return Some(other.line);
            }
            continue;
        }
        if beside.is_mended_at(k, Part::Result) {
            mended = mended.or(Some(k));
            if k > idle {
                mended = Some(k);
                break;
            }
        }
        first = first.or(Some(k).filter(|_| read_right));
    }
    let k = mended.or(first)?;
    // A value may be wrong since it is read by a name that was given to another one.
    let by_name = |i: usize| lines.handed_on(&[k], Some(i), true).filter(|other| other.is_second());
    let handed_on = (0..steps[k].inputs.len()).find_map(by_name);
    handed_on.map(|other| other.line).or_else(|| lines.line(&[k]))
}

impl Beside<'_> {
    /// The steps whose values are right.
    fn right(&self) -> Vec<bool> {
        let (program, steps) = (self.program, &self.program.script.steps);
        let is = |k: usize, of: fn(&Truths) -> &[Tensor]| {
            self.runs.iter().zip(&self.truths).all(|(run, truths)| has(of(truths), &run.results[k].value))
        };
        let mut right = leads_to(&program.script, program.wrong..program.answers);
        for (k, right) in right.iter_mut().enumerate() {
            *right |= k < program.given || is(k, |truths| &truths.gradients);
        }
        let mut right = lead_to(&program.script, right);
        // A term is right if it is added to something.
        for k in 0..steps.len() {
            let adds = |k: usize| steps[k].adds() || steps[k].name() == "concat";
            let added = || readers(&program.script, k).all(|(reader, _)| adds(reader));
            let of_right = || adds(k) && steps[k].inputs.iter().all(|s| !matches!(s, Source::Step(s) if !right[*s]));
            if !right[k] && added() && (of_right() || is(k, |truths| &truths.terms)) {
                right[k] = !program.script.outputs[..program.wrong].contains(&Source::Step(k));
            }
        }
        right
    }

    /// Whether the rule is exact with a truth in place of the value there.
    fn is_mended_at(&self, step: usize, part: Part) -> bool {
        let value = |run: &Run| match part {
            Part::Result => run.results[step].clone(),
            Part::Operand(i) => run.operands[step][i].clone(),
        };
        let sensed: Vec<_> = self.runs.iter().map(value).collect();
        let count = sensed[0].value.numel();
        let all = |of: fn(&Truths) -> &Vec<Tensor>| {
            let fits = move |t: &&Tensor| t.numel() >= count && t.numel().is_multiple_of(count.max(1));
            of(&self.truths[0]).iter().enumerate().filter(move |(_, t)| fits(t)).flat_map(move |(j, t)| {
                (0..t.numel()).step_by(count.max(1)).map(move |from| (of, j, from..from + count))
            })
        };
        let fits = |(of, j, row): &Row| {
            let rows: Vec<&[f64]> = self.truths.iter().map(|truths| &numbers(&of(truths)[*j])[row.clone()]).collect();
            for ((run, own), row) in self.runs.iter().zip(&sensed).zip(&rows) {
                let Some(slope) = &own.slope else { return false };
                let change = numbers(slope).iter().zip(*row).map(|(g, t)| g * t).sum::<f64>() - dot(slope, &own.value);
                if self.linear.contains(&(step, part)) && (change - run.off).abs() > run.slack() {
                    return false;
                }
            }
            self.is_exact_with(step, part, &rows)
        };
        count > 0 && all(|truths| &truths.gradients).chain(all(|truths| &truths.terms)).any(|one| fits(&one))
    }

    fn is_exact_with(&self, step: usize, part: Part, rows: &[&[f64]]) -> bool {
        let Some(left) = self.left.get().checked_sub(1) else { return false };
        self.left.set(left);
        let source = match part {
            Part::Result => Source::Step(step),
            Part::Operand(i) => self.program.script.steps[step].inputs[i],
        };
        let Some(shape) = self.program.shape_of(source) else { return false };
        self.program.points.iter().zip(rows).all(|(at, row)| {
            let Ok(other) = Tensor::from_vec(row.to_vec(), shape.clone()) else { return false };
            let use_it = Alter::Use(Source::Argument(at.arguments.len()));
            let edit = match part {
                Part::Result => Edit::AtResult(use_it),
                Part::Operand(i) => Edit::AtOperand(i, use_it),
            };
            self.program.is_right_with(at, at.arguments.iter().chain([&other]), &[(step, edit)])
        })
    }
}
