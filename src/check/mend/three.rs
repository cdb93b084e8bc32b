//! Three edits: greedy repair.
//!
//! Where no two edits mend a rule, the one is made that removes most of the difference: that for which ‖t − a′‖ / ‖t − a‖ is
//! least at the worse of the two points, with the answers a before it and a′ after it. What remains is searched as two
//! edits side by side.

use super::{
    program::At,
    proposal::{Change, Proposal},
    search::Search,
    sensed::Run,
};
use crate::check::{
    numbers::numbers,
    script::{Alter, Edit},
};

/// The cost up to which an edit is the first of three.
const LIKELY: u32 = 16;
/// What is run to find the first, in steps of the program, and again for the others.
const STEPS: usize = 60_000;
/// How many are tried as the first.
const FIRST: usize = 6;
/// What the first leaves of the difference at most.
const LEFT: f64 = 0.9;

impl Search<'_> {
    /// Three edits.
    pub(super) fn three(&self) -> Option<Vec<Proposal>> {
        let before: Vec<f64> = self.program.points.iter().map(|at| self.distance(at, &[])).collect::<Option<_>>()?;
        self.allow(STEPS);
        let likely = |p: &&Proposal| {
            let adds = matches!(p.change, Change::Alter(Alter::Plus(..)));
            p.cost <= LIKELY && !adds && !self.rewrites(p)
        };
        let left = |p: &Proposal| -> Option<f64> {
            let edits = p.edits();
            let at_each = self.program.points.iter().zip(&before).map(|(at, before)| {
                let after = if self.may_run() { self.distance(at, &edits)? } else { return None };
                Some(after / before)
            });
            at_each.collect::<Option<Vec<f64>>>()?.into_iter().reduce(f64::max).filter(|left| *left <= LEFT)
        };
        let mut firsts: Vec<(f64, &Proposal)> =
            self.proposals.iter().filter(likely).filter_map(|p| Some((left(p)?, p))).collect();
        firsts.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.allow(STEPS);
        firsts.into_iter().take(FIRST).find_map(|(_, first)| {
            let edits = first.edits();
            let runs = Run::all(self.program, &edits)?;
            let (_, mut all) = self.side_by_side(&edits, &runs)?;
            all.push(first.clone());
            all.sort_by_key(|p| p.place.at[0]);
            Some(all)
        })
    }

    /// ‖t − a‖ with some edits, if it is finite.
    fn distance(&self, at: &At, edits: &[(usize, Edit)]) -> Option<f64> {
        let answers = self.program.script.outputs(&at.arguments, edits)?;
        let pairs = answers.iter().zip(&at.truth).flat_map(|(a, t)| numbers(a).iter().zip(numbers(t)));
        Some(pairs.map(|(a, t)| (a - t) * (a - t)).sum::<f64>().sqrt()).filter(|far| far.is_finite())
    }
}
