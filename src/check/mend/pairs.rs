//! Two edits that mend a rule together.
//!
//! **Side by side.** If neither of two edits changes what the other one acts on, each adds its own share to ⟨p, a⟩:
//! c₁ + c₂ = ⟨p, t − a⟩. The shares of all edits are known from screening; sorted, they give every such pair in
//! O(n log n), without a run.
//!
//! **One after the other.** Where one edit acts on what the other one changes, the likely ones are made in turn, and what
//! mends the rest is searched as a single edit.

use super::{
    proposal::{Change, Proposal},
    search::Search,
    sensed::Run,
};
use crate::check::script::Alter;

/// How many edits are made as the first of two.
const FIRST: usize = 1500;
/// The same, in steps of the program.
const WALKED: usize = 15_000;
/// The cost up to which an edit is one of two.
const LIKELY: u32 = 22;
/// The same if it takes a run to know its share.
const LIKELY_RUN: u32 = 14;
/// How many pairs are verified.
const VERIFIED: usize = 400;

/// An edit, and what it adds to ⟨p, a⟩ at each point.
pub(super) struct Share<'s> {
    pub proposal: &'s Proposal,
    pub by: Vec<f64>,
}

impl Search<'_> {
    /// Two edits.
    pub(super) fn pair(&self) -> Option<Vec<Proposal>> {
        let runs = Run::all(self.program, &[])?;
        let mut best = self.side_by_side(&runs);
        let likely = |p: &&Proposal| match &p.change {
            Change::Alter(Alter::Plus(..)) => false,
            _ => p.cost <= 18 && !self.rewrites(p),
        };
        let count = FIRST.min(WALKED / self.program.script.steps.len().max(1));
        for first in self.proposals.iter().filter(likely).take(count) {
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

    /// What each likely edit adds to ⟨p, a⟩, in the order of what it adds at the first point.
    pub(super) fn shares(&self, runs: &[Run]) -> Vec<Share<'_>> {
        let likely = |p: &&Proposal| p.cost <= LIKELY && !self.rewrites(p);
        let share = |proposal| {
            let by = match self.share(runs, proposal) {
                Some(by) => by,
                None if proposal.cost <= LIKELY_RUN => self.share_by_runs(runs, proposal),
                None => None,
            };
            let by = by.filter(|by| by.iter().zip(runs).all(|(by, run)| by.abs() > 1e-9 * run.mass));
            Some(Share { proposal, by: by? })
        };
        let mut all: Vec<Share<'_>> = self.proposals.iter().filter(likely).filter_map(share).collect();
        all.sort_by(|a, b| a.by[0].total_cmp(&b.by[0]));
        all
    }

    /// The two likeliest edits that mend the rule side by side, with what they cost.
    fn side_by_side(&self, runs: &[Run]) -> Option<(u32, Vec<Proposal>)> {
        let shares = self.shares(runs);
        let mut pairs: Vec<(&Proposal, &Proposal)> = Vec::new();
        for (i, one) in shares.iter().enumerate() {
            let wanted: Vec<f64> = runs.iter().zip(&one.by).map(|(run, by)| run.off - by).collect();
            let near = near(&shares, runs, &wanted).filter(|(j, _)| *j > i);
            pairs.extend(near.map(|(_, other)| (one.proposal, other.proposal)));
        }
        pairs.retain(|(a, b)| !self.starts_anew(&a.edits(), b) && !self.starts_anew(&b.edits(), a));
        let place = |p: &Proposal| std::cmp::Reverse(p.place.at[0]);
        pairs.sort_by_key(|(a, b)| (a.cost + b.cost, self.awkward(a) + self.awkward(b), place(a), place(b)));
        let mends = |(a, b): &(&Proposal, &Proposal)| {
            let edits = [a.edits(), b.edits()].concat();
            self.program.mended(&edits).is_some() && self.program.holds_apart(&edits)
        };
        let (a, b) = pairs.into_iter().take(VERIFIED).find(mends)?;
        Some((a.cost + b.cost, vec![a.clone(), b.clone()]))
    }
}

/// The shares, sorted, that are what is wanted at all points.
pub(super) fn near<'s>(
    shares: &'s [Share<'s>],
    runs: &[Run],
    wanted: &[f64],
) -> impl Iterator<Item = (usize, &'s Share<'s>)> {
    let slack: Vec<f64> = runs.iter().map(Run::slack).collect();
    let wanted = wanted.to_vec();
    let from = shares.partition_point(|share| share.by[0] < wanted[0] - slack[0]);
    let least = wanted[0] + slack[0];
    let upwards = shares.iter().enumerate().skip(from).take_while(move |(_, share)| share.by[0] <= least);
    upwards.filter(move |(_, share)| {
        let fits = |((by, wanted), slack): ((&f64, &f64), &f64)| (by - wanted).abs() <= *slack;
        share.by.iter().zip(&wanted).zip(&slack).all(fits)
    })
}
