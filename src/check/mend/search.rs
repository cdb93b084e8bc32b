//! The search: single edits, then pairs, then a third.

use std::{cell::Cell, rc::Rc};

use super::{
    constants, factors, operands, operations,
    places::{Part, Place, places},
    program::Program,
    proposal::{Change, Proposal},
    reductions,
    sensed::{Run, Sensed},
    terms, values,
};
use crate::{
    Tensor,
    check::{
        numbers::{dot, numbers, spread, spreads_to},
        runner::attempt,
        script::{Alter, Edit, Source},
    },
};

/// How many edits are run where they cannot be screened, times the steps of the program.
const RUNS: usize = 150_000;
/// How many edits are tried as the first of two.
const FIRST: usize = 700;
/// The same, in steps of the program.
const WALKED: usize = 10_000;
/// How much is screened, in numbers.
const SCREENED: usize = 300_000_000;
/// What it takes to screen an edit, apart from its numbers.
const EDIT: usize = 200;
/// The same if the value is moved.
const MOVED: usize = 20_000;
/// The cost up to which an edit is tried as the second of two.
const SECOND: u32 = 22;

/// Everything that is proposed for a program.
struct Search<'p> {
    program: &'p Program,
    places: Vec<Rc<Place>>,
    proposals: Vec<Proposal>,
    /// Steps that may still be run.
    left: Cell<usize>,
    /// Numbers that may still be screened.
    screened: Cell<usize>,
}

/// The likeliest edit that mends what the edits `before` leave wrong.
pub(super) fn single(program: &Program, before: &[(usize, Edit)]) -> Option<Proposal> {
    Search::new(program).best(before, true)
}

/// Two edits that mend the rule together, or three.
pub(super) fn several(program: &Program) -> Option<Vec<Proposal>> {
    let search = Search::new(program);
    search.pair()
}

impl<'p> Search<'p> {
    fn new(program: &'p Program) -> Self {
        let places: Vec<Rc<Place>> = places(&program.script, program.answers).into_iter().map(Rc::new).collect();
        let families = values::families(&program.script, &program.forward, program.given, &program.places);
        let mut proposals = Vec::new();
        operations::proposals(program, &places, &mut proposals);
        reductions::proposals(program, &places, &mut proposals);
        constants::guesses(program, &places, &mut proposals);
        operands::proposals(program, &places, &families, &mut proposals);
        factors::proposals(program, &places, &families, &mut proposals);
        terms::proposals(program, &places, &families, &mut proposals);
        proposals.retain(Proposal::in_order);
        proposals.sort_by_key(|p| p.cost);
        Search { program, places, proposals, left: Cell::new(RUNS), screened: Cell::new(SCREENED) }
    }

    /// The likeliest edit that, after those `before`, makes the rule right at both points and at the one apart.
    fn best(&self, before: &[(usize, Edit)], thorough: bool) -> Option<Proposal> {
        let runs = Run::all(self.program, before)?;
        let mut solved: Vec<Proposal> =
            self.places.iter().flat_map(|place| constants::solved(self.program, before, &runs, place)).collect();
        if !thorough {
            solved.retain(|p| p.cost < 40);
        }
        let mut found: Vec<Proposal> = Vec::new();
        let mut all: Vec<&Proposal> = solved.iter().chain(&self.proposals).collect();
        all.sort_by_key(|p| p.cost);
        for proposal in all {
            // Only edits that are as likely as the one found are of interest.
            if found.first().is_some_and(|best| best.cost < proposal.cost) {
                break;
            }
            if self.starts_anew(before, proposal) {
                continue;
            }
            if !thorough && proposal.cost > SECOND {
                break;
            }
            // What is moved is hardly ever the second of two mistakes, and takes long to screen.
            let moves = matches!(
                proposal.alter(),
                Some(Alter::Turn(..) | Alter::Flip(_) | Alter::Roll(..) | Alter::Center(_) | Alter::Sum(..))
            );
            if !thorough && moves && proposal.cost > 12 {
                continue;
            }
            if self.mends(before, &runs, proposal, thorough) {
                found.push(proposal.clone());
            }
        }
        found.into_iter().min_by_key(|p| (self.awkward(p), std::cmp::Reverse(p.place.at[0])))
    }

    /// Places where a person hardly makes this mistake: a step that only moves or scales.
    fn awkward(&self, proposal: &Proposal) -> u8 {
        let Some(step) = self.program.script.steps.get(proposal.place.at[0]) else { return 2 };
        let moves = ["permute", "reshape", "sum", "negate", "slice", "scatter", "concat", "identity"];
        let factor = matches!(proposal.change, Change::Alter(Alter::Times(_) | Alter::Over(_) | Alter::Scale(_)));
        let scales = step.has_number() && matches!(step.name(), "mul" | "div");
        let awkward = factor && proposal.place.part == Part::Result && (moves.contains(&step.name()) || scales);
        u8::from(awkward)
    }

    /// Whether the rule computes the value.
    fn computes(&self, source: Source) -> bool {
        matches!(self.program.origin(source), Source::Step(_))
    }

    /// Whether it puts a value in for one that the rule computes.
    fn replaces(&self, proposal: &Proposal) -> bool {
        if let (Part::Result, Some(Alter::Use(kept))) = (proposal.place.part, proposal.alter()) {
            // A factor is left out.
            let step = self.program.script.steps.get(proposal.place.at[0]);
            return step.is_some_and(|step| step.inputs.iter().any(|input| input != kept && self.computes(*input)));
        }
        let Part::Operand(i) = proposal.place.part else { return false };
        let computed = |step: &usize| {
            let read = self.program.script.steps.get(*step).map(|step| step.inputs[i]);
            read.is_some_and(|read| self.computes(read))
        };
        matches!(proposal.alter(), Some(Alter::Use(_))) && proposal.place.at.iter().any(computed)
    }

    /// Whether the edits, taken together, write the rule anew, which explains nothing: of what it computes, one value is
    /// replaced, and another one replaced or divided out.
    fn starts_anew(&self, before: &[(usize, Edit)], proposal: &Proposal) -> bool {
        let cancels = |alter: &Alter| matches!(alter, Alter::Over(source) if self.computes(*source));
        let uses = |alter: &Alter| matches!(alter, Alter::Use(_));
        let made = |which: &dyn Fn(&Alter) -> bool| {
            let is = |edit: &Edit| matches!(edit, Edit::AtOperand(_, alter) | Edit::AtResult(alter) if which(alter));
            before.iter().any(|(_, edit)| is(edit))
        };
        (self.replaces(proposal) && (made(&uses) || made(&cancels)))
            || (proposal.alter().is_some_and(cancels) && made(&uses))
            || (!before.is_empty() && self.rewrites(proposal))
    }

    /// Whether it puts one value in for several computed ones.
    fn rewrites(&self, proposal: &Proposal) -> bool {
        proposal.place.at.len() > 1 && matches!(proposal.change, Change::Alter(_)) && self.replaces(proposal)
    }

    fn mends(&self, before: &[(usize, Edit)], runs: &[Run], proposal: &Proposal, thorough: bool) -> bool {
        match self.screened(runs, proposal) {
            Some(false) => return false,
            Some(true) => {}
            None if !thorough && proposal.cost > 12 => return false,
            None => {
                let cost = self.program.script.steps.len();
                if self.left.get() < cost {
                    return false;
                }
                self.left.set(self.left.get() - cost);
            }
        }
        let mut edits = before.to_vec();
        edits.extend(proposal.edits());
        self.program.mended(&edits).is_some() && self.program.holds_apart(&edits)
    }

    /// Whether the edit fits ⟨g, v′ − v⟩ = ⟨p, t − a⟩; `None` where that says nothing.
    fn screened(&self, runs: &[Run], proposal: &Proposal) -> Option<bool> {
        if !proposal.place.linear {
            return None;
        }
        for (run, at) in runs.iter().zip(&self.program.points) {
            let mut change = 0.0;
            for (i, &step) in proposal.place.at.iter().enumerate() {
                let sensed = match proposal.place.part {
                    Part::Result => run.results.get(step)?,
                    Part::Operand(operand) => run.operands.get(step)?.get(operand)?,
                };
                let Some(slope) = &sensed.slope else { return Some(false) };
                let moves = matches!(
                    proposal.alter(),
                    Some(Alter::Turn(..) | Alter::Flip(_) | Alter::Roll(..) | Alter::Center(_))
                );
                let cost = slope.numel() + if moves { MOVED } else { EDIT };
                match self.screened.get().checked_sub(cost) {
                    Some(left) => self.screened.set(left),
                    None => return Some(false),
                }
                let alter = match &proposal.change {
                    Change::Alter(alter) => alter,
                    Change::Each(alters) => &alters[i],
                    _ => return None,
                };
                let find = |source: Source| match source {
                    Source::Argument(k) => at.arguments.get(k),
                    Source::Step(k) => run.results.get(k).map(|s| &s.value),
                    Source::Fixed(_) => None,
                };
                change += moved(sensed, slope, alter, find)?;
            }
            if !run.accepts(change) {
                return Some(false);
            }
        }
        Some(true)
    }

    /// Two edits: each likely one in turn, and what mends the rest.
    fn pair(&self) -> Option<Vec<Proposal>> {
        let likely = |p: &&Proposal| match &p.change {
            Change::Alter(Alter::Plus(..) | Alter::Flip(_) | Alter::Roll(..)) => false,
            _ => p.cost <= 18 && !self.rewrites(p),
        };
        let mut best: Option<(u32, Vec<Proposal>)> = None;
        let mut firsts: Vec<&Proposal> = self.proposals.iter().filter(likely).collect();
        // A walk through a long program takes longer.
        firsts.truncate(FIRST.min(WALKED / self.program.script.steps.len().max(1)));
        for first in firsts {
            if best.as_ref().is_some_and(|(cost, _)| *cost <= first.cost + 10) {
                break;
            }
            let Some(second) = self.best(&first.edits(), false) else { continue };
            let cost = first.cost + second.cost;
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, vec![first.clone(), second]));
            }
        }
        let mut pair = best?.1;
        pair.sort_by_key(|p| p.place.at[0]);
        Some(pair)
    }
}

/// ⟨g, v′ − v⟩ for an altered value.
fn moved<'t>(
    sensed: &Sensed,
    slope: &Tensor,
    alter: &Alter,
    find: impl Fn(Source) -> Option<&'t Tensor>,
) -> Option<f64> {
    let (g, v) = (numbers(slope), numbers(&sensed.value));
    let with = |source: Source, change: &dyn Fn(f64, f64) -> f64| {
        let w = find(source)?;
        let shape = sensed.value.shape();
        let total = |w: &[f64]| g.iter().zip(v).zip(w).map(|((g, v), w)| g * (change(*v, *w) - v)).sum::<f64>();
        match w.shape() == shape {
            true => Some(total(numbers(w))),
            false if spreads_to(w, shape) => Some(total(numbers(&spread(w, shape)))),
            false => Some(f64::NAN),
        }
    };
    match alter {
        Alter::Times(source) => with(*source, &|v, w| v * w),
        Alter::Over(source) => with(*source, &|v, w| v / w),
        Alter::Plus(source, times) => with(*source, &|v, w| v + times * w),
        Alter::Use(source) => with(*source, &|_, w| w),
        Alter::Scale(by) => Some(g.iter().zip(v).map(|(g, v)| g * (by - 1.0) * v).sum()),
        Alter::Shift(by) => Some(g.iter().sum::<f64>() * by),
        Alter::Turn(..) | Alter::Flip(_) | Alter::Roll(..) | Alter::Center(_) => {
            let moved = attempt([&sensed.value], |_, v| Some(alter.apply(v[0], |_| None)?.value()))?;
            Some(dot(slope, &moved) - dot(slope, &sensed.value))
        }
        Alter::Sum(..) => None,
    }
}
