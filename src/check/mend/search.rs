//! The search: single edits, the likeliest first.

use std::{cell::Cell, rc::Rc};

use super::{
    constants, factors,
    lines::Lines,
    operands, operations,
    places::{Part, Place, places},
    program::Program,
    proposal::{Change, Proposal},
    reductions,
    screen::{Effect, effect},
    sensed::Run,
    split::leads_to,
    terms, values,
};
use crate::check::{
    numbers::dot,
    script::{Alter, Edit},
};

/// How many edits are run where they cannot be screened, times the steps of the program.
const RUNS: usize = 150_000;
/// The same for two edits.
const RUNS_OF_TWO: usize = 400_000;
/// How much is screened, in numbers.
const SCREENED: usize = 200_000_000;
/// The cost up to which an edit is tried as the second of two.
const SECOND: u32 = 22;
/// The same if it takes a run.
const SECOND_RUN: u32 = 12;

/// Everything that is proposed for a program.
pub(super) struct Search<'p> {
    pub program: &'p Program,
    places: Vec<Rc<Place>>,
    /// The likeliest first.
    pub proposals: Vec<Proposal>,
    /// Steps that lead to an answer.
    pub live: Vec<bool>,
    /// Edits of the others, which change nothing until another edit makes use of what these compute.
    pub asleep: Vec<Proposal>,
    /// Steps that may still be run.
    left: Cell<usize>,
    /// Numbers that may still be screened.
    screened: Cell<usize>,
}

/// The likeliest edit that mends what the edits `before` leave wrong.
pub(super) fn single(program: &Program, before: &[(usize, Edit)]) -> Option<Proposal> {
    let search = Search::new(program);
    search.best(before, true).or_else(|| {
        let runs = Run::all(program, &[]).filter(|runs| before.is_empty() && Run::are_finite(runs))?;
        search.best_in_recurrences(&runs)
    })
}

/// Two edits that mend the rule together, found with one part in `share` of what may be spent.
pub(super) fn several(program: &Program, share: usize) -> Option<Vec<Proposal>> {
    let mut search = Search::new(program);
    // What leads to a right answer is left alone, even by two edits.
    let right = leads_to(&program.script, program.wrong..program.answers);
    search.proposals.retain(|p| !p.place.at.iter().any(|&k| right.get(k) == Some(&true)));
    search.asleep = search.of_idle_steps();
    search.allow(RUNS_OF_TWO / share);
    search.pair(share)
}

impl<'p> Search<'p> {
    pub fn new(program: &'p Program) -> Self {
        let places: Vec<Rc<Place>> = places(&program.script, program.answers).into_iter().map(Rc::new).collect();
        let mut families = values::families(&program.script, &program.forward, program.given, &program.places);
        families.extend(values::slopes_of_loops(&program.values));
        let mut proposals = Vec::new();
        operations::proposals(program, &places, &mut proposals);
        reductions::proposals(program, &places, &mut proposals);
        constants::guesses(program, &places, &mut proposals);
        constants::bounds(program, &places, &mut proposals);
        operands::proposals(program, &places, &families, &mut proposals);
        factors::proposals(program, &places, &families, &mut proposals);
        terms::proposals(program, &places, &families, &mut proposals);
        proposals.retain(Proposal::in_order);
        Proposal::sort(&mut proposals);
        for proposal in &mut proposals {
            proposal.replaces = program.replaces(proposal);
        }
        let live = leads_to(&program.script, 0..program.answers);
        let (left, screened) = (Cell::new(RUNS), Cell::new(SCREENED));
        Search { program, places, proposals, live, asleep: Vec::new(), left, screened }
    }

    /// The likeliest edit that, after those `before`, makes the rule right at both points and at the one apart.
    pub fn best(&self, before: &[(usize, Edit)], thorough: bool) -> Option<Proposal> {
        let runs = Run::all(self.program, before)?;
        if !Run::are_finite(&runs) {
            return if before.is_empty() { self.finite_again(&runs) } else { None };
        }
        let mut solved: Vec<Proposal> =
            self.places.iter().flat_map(|place| constants::solved(self.program, before, &runs, place)).collect();
        let most = if thorough { u32::MAX } else { SECOND };
        let end = self.proposals.partition_point(|p| p.cost <= most);
        solved.retain(|p| thorough || p.cost < 40);
        Proposal::sort(&mut solved);
        let (mut solved, mut proposals) = (solved.iter().peekable(), self.proposals[..end].iter().peekable());
        let mut found: Vec<Proposal> = Vec::new();
        let anew = Before::of(self.program, before);
        loop {
            let proposal = match (solved.peek(), proposals.peek()) {
                (Some(a), Some(b)) if a.cost <= b.cost => solved.next(),
                (_, Some(_)) => proposals.next(),
                (_, None) => solved.next(),
            };
            let Some(proposal) = proposal else { break };
            // Only edits that are as likely as the one found are of interest.
            if found.first().is_some_and(|best| best.cost < proposal.cost) {
                break;
            }
            if !self.starts_anew(&anew, proposal) && self.mends(before, &runs, proposal, thorough) {
                found.push(proposal.clone());
            }
        }
        let lines = (found.len() > 1).then(|| self.program.lines());
        let found = found.into_iter().min_by_key(|p| {
            // What a line hands on to all who have it wrong is mended there.
            let handed_on = |lines: &Lines<'_>| self.hands_on(p) && lines.handed_on(&p.place.at, None, false).is_some();
            let awkward = if lines.as_ref().is_some_and(handed_on) { 0 } else { 1 + self.awkward(p) };
            (awkward, std::cmp::Reverse(p.place.at[0]))
        });
        found.or_else(|| self.best_of_woken(before))
    }

    /// Places where a person hardly makes this mistake: a step that only moves or scales.
    pub fn awkward(&self, proposal: &Proposal) -> u8 {
        let Some(step) = self.program.script.steps.get(proposal.place.at[0]) else { return 2 };
        let moves = ["permute", "reshape", "sum", "negate", "slice", "scatter", "concat", "identity"];
        let factor = matches!(proposal.change, Change::Alter(Alter::Times(_) | Alter::Over(_) | Alter::Scale(_)));
        let scales = step.has_number() && matches!(step.name(), "mul" | "div");
        let awkward = factor && proposal.place.part == Part::Result && (moves.contains(&step.name()) || scales);
        u8::from(awkward)
    }

    /// Whether it is an edit of all that a step hands on.
    fn hands_on(&self, proposal: &Proposal) -> bool {
        let step = self.program.script.steps.get(proposal.place.at[0]);
        proposal.place.part == Part::Result && step.is_some_and(|step| step.is("identity"))
    }

    /// Whether the edits, taken together, write the rule anew, which explains nothing: of what it computes, one value is
    /// replaced, and another one replaced or divided out.
    pub fn starts_anew(&self, before: &Before, proposal: &Proposal) -> bool {
        let cancels = || proposal.alter().is_some_and(|alter| self.program.cancels(alter));
        before.any
            && ((proposal.replaces && (before.uses || before.cancels))
                || (before.uses && cancels())
                || self.rewrites(proposal))
    }

    /// Whether it puts one value in for several computed ones.
    pub fn rewrites(&self, proposal: &Proposal) -> bool {
        proposal.place.at.len() > 1 && matches!(proposal.change, Change::Alter(_)) && proposal.replaces
    }

    fn mends(&self, before: &[(usize, Edit)], runs: &[Run], proposal: &Proposal, thorough: bool) -> bool {
        for (run, at) in runs.iter().zip(&self.program.points) {
            match effect(self.program, at, run, proposal, |cost| self.spend(cost)) {
                Effect::Exactly(change) if (change - run.off).abs() <= run.slack() => {}
                Effect::Exactly(_) | Effect::Nothing => return false,
                Effect::Unknown if !thorough && proposal.cost > SECOND_RUN => return false,
                Effect::Unknown => {
                    let edits = [before, &proposal.edits()].concat();
                    return self.may_run(&edits) && self.mended_by(&edits);
                }
            }
        }
        self.mended_by(&[before, &proposal.edits()].concat())
    }

    /// What an edit adds to ⟨p, a⟩ at each point, as far as that can be told without a run.
    pub fn share(&self, runs: &[Run], proposal: &Proposal) -> Option<Option<Vec<f64>>> {
        let mut all = Vec::new();
        for (run, at) in runs.iter().zip(&self.program.points) {
            match effect(self.program, at, run, proposal, |cost| self.spend(cost)) {
                Effect::Exactly(change) => all.push(change),
                Effect::Nothing => return Some(None),
                Effect::Unknown => return None,
            }
        }
        Some(Some(all))
    }

    /// The same by runs.
    pub fn share_by_runs(&self, runs: &[Run], proposal: &Proposal) -> Option<Vec<f64>> {
        let edits = proposal.edits();
        let share = |(run, at): (&Run, &super::program::At)| {
            if !self.may_run(&edits) {
                return None;
            }
            let answers = self.program.script.rerun(&at.arguments, &at.results, &edits, self.program.answers)?;
            let before = &run.results[self.program.script.steps.len()..];
            let terms = answers.iter().zip(before).zip(&at.directions);
            let change: f64 =
                terms.filter_map(|((a, before), p)| Some(dot(p, a.as_ref()?) - dot(p, &before.value))).sum();
            change.is_finite().then_some(change)
        };
        runs.iter().zip(&self.program.points).map(share).collect()
    }

    /// Allows that many steps to be run from now on.
    pub fn allow(&self, steps: usize) {
        self.left.set(steps);
    }

    /// Whether so much may still be screened; if so, it is spent.
    fn spend(&self, numbers: usize) -> bool {
        let left = self.screened.get().checked_sub(numbers);
        self.screened.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Whether the program may be run once more with these edits; if so, the steps that this takes are spent.
    pub fn may_run(&self, edits: &[(usize, Edit)]) -> bool {
        let steps = self.program.script.changed_by(edits).into_iter().filter(|changed| *changed).count();
        let left = self.left.get().checked_sub(steps);
        self.left.set(left.unwrap_or(0));
        left.is_some()
    }
}

/// What some edits do that are made already.
pub(super) struct Before {
    any: bool,
    /// A value is put in for another one.
    uses: bool,
    /// What the rule computes is divided out.
    cancels: bool,
}

impl Before {
    pub fn of(program: &Program, edits: &[(usize, Edit)]) -> Before {
        let made = |which: &dyn Fn(&Alter) -> bool| {
            edits.iter().any(|(_, edit)| matches!(edit, Edit::AtOperand(_, by) | Edit::AtResult(by) if which(by)))
        };
        let uses = made(&|alter| matches!(alter, Alter::Use(_)));
        Before { any: !edits.is_empty(), uses, cancels: made(&|alter| program.cancels(alter)) }
    }
}
