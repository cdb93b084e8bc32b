//! Two edits that mend a rule together.
//!
//! **Side by side.** If neither of two edits changes what the other one acts on, each adds its own share to ⟨p, a⟩:
//! c₁ + c₂ = ⟨p, t − a⟩. The shares of all edits are known from screening; sorted, they give every such pair in
//! O(n log n), without a run.
//!
//! **Slips.** Another sign, operation or number, or what a loop computes and makes no use of, needs no search for a value.
//! There are few of these, so all pairs of them are run, the likeliest first.
//!
//! **Half of it.** Of several wrong gradients, an edit may mend some, which have one mistake, and another edit those that
//! have both.
//!
//! **One after the other.** Where one edit acts on what the other one changes, the likely ones are made in turn, and what
//! mends the rest is searched as a single edit.

use super::{
    places::Part,
    proposal::{Change, Proposal},
    search::{Before, Search},
    sensed::Run,
};
use crate::check::script::{Alter, Edit};

/// How many edits are made as the first of two.
const FIRST: usize = 1500;
/// The same, in steps of the program.
const WALKED: usize = 30_000;
/// The cost up to which an edit is one of two.
const LIKELY: u32 = 22;
/// The same if it takes a run to know its share.
const LIKELY_RUN: u32 = 14;
/// The cost up to which an edit that puts no value in is one of two slips, and how many of them there are at most.
const SLIP: u32 = 13;
const SLIPS: usize = 200;
/// What their pairs may take, in steps of the program.
const PAIRED: usize = 400_000;
/// The cost up to which an edit is tried that mends some of the wrong gradients, and how many of them there are at most.
const SECOND: u32 = 18;
const HALVES: usize = 6;
/// How many pairs are verified.
const VERIFIED: usize = 400;

/// An edit, and what it adds to ⟨p, a⟩ at each point.
pub(super) struct Share<'s> {
    pub proposal: &'s Proposal,
    pub by: Vec<f64>,
}

/// What another value in place of one that is read costs more beside another edit, since two such fit easily.
const EXCHANGED: u32 = 3;

/// What an edit costs as one of two.
fn price(p: &Proposal) -> u32 {
    let exchanged = matches!((p.place.part, p.alter()), (Part::Operand(_), Some(Alter::Use(_))));
    p.cost + if exchanged { EXCHANGED } else { 0 }
}

impl Search<'_> {
    /// Two edits; or one, where the search for one had no time to run it.
    pub(super) fn pair(&self, share: usize) -> Option<Vec<Proposal>> {
        let runs = Run::all(self.program, &[])?;
        // What is not finite is mended first; until then nothing adds up.
        let finite = Run::are_finite(&runs);
        let mut best = if finite { self.side_by_side(&runs) } else { None };
        if finite
            && best.is_none()
            && let Some(half) = self.half()
        {
            return Some(half);
        }
        let slips = self.slips(best.as_ref().map_or(u32::MAX, |(cost, _)| *cost), PAIRED / share);
        best = slips.or(best);
        let origin = self.origin_of_non_finite(&runs);
        let first = |p: &&Proposal| finite || p.place.at.iter().any(|&k| origin.get(k) == Some(&true));
        let likely = |p: &&Proposal| match &p.change {
            Change::Alter(Alter::Plus(..)) => false,
            _ => p.cost <= 18 && !self.rewrites(p),
        };
        let count = FIRST.min(WALKED / share / self.program.script.steps.len().max(1));
        for first in self.proposals.iter().filter(likely).filter(first).take(count) {
            if best.as_ref().is_some_and(|(cost, _)| *cost <= first.cost + 10) {
                break;
            }
            let Some(second) = self.best(&first.edits(), false) else { continue };
            let cost = price(first) + price(&second);
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, vec![first.clone(), second]));
            }
        }
        let mut pair = best?.1;
        // What alone makes the rule right stands beside an edit that, twice on one line, changes nothing.
        if let Some(alone) = pair.iter().position(|p| self.mended_by(&p.edits())) {
            return Some(vec![pair.swap_remove(alone)]);
        }
        pair.sort_by_key(|p| p.place.at[0]);
        Some(pair)
    }

    /// An edit that mends some of several wrong gradients, and one that then mends the others.
    fn half(&self) -> Option<Vec<Proposal>> {
        if self.program.wrong < 2 {
            return None;
        }
        let likely = |p: &&Proposal| p.cost <= SECOND && !self.rewrites(p);
        let mends = |p: &&Proposal| self.program.mends_some(&p.edits());
        let mut firsts = self.proposals.iter().filter(likely).filter(|p| self.may_run(&p.edits())).filter(mends);
        firsts.by_ref().take(HALVES).find_map(|first| {
            let mut pair = vec![first.clone(), self.best(&first.edits(), true)?];
            pair.sort_by_key(|p| p.place.at[0]);
            Some(pair)
        })
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

    /// Two slips that cost less than what is known, found with so many steps of the program.
    fn slips(&self, known: u32, steps: usize) -> Option<(u32, Vec<Proposal>)> {
        let slip = |p: &&Proposal| {
            let puts = matches!(&p.change, Change::Alter(alter) if alter.source().is_some());
            p.cost <= SLIP && (!puts || matches!(p.alter(), Some(Alter::Sum(..))))
        };
        let slips: Vec<&Proposal> = self.proposals.iter().filter(slip).take(SLIPS).collect();
        let all = (0..slips.len()).flat_map(|i| (i + 1..slips.len()).map(move |j| (i, j)));
        let mut pairs: Vec<(&Proposal, &Proposal)> = all.map(|(i, j)| (slips[i], slips[j])).collect();
        pairs.retain(|(a, b)| a.cost + b.cost < known && a.place != b.place);
        pairs.sort_by_key(|(a, b)| (a.cost + b.cost, self.awkward(a) + self.awkward(b)));
        let (a, b) = pairs
            .into_iter()
            .take(steps / self.program.script.steps.len().max(1))
            .find(|(a, b)| self.mended_by(&[a.edits(), b.edits()].concat()))?;
        Some((price(a) + price(b), vec![a.clone(), b.clone()]))
    }

    /// Whether the edits make the rule right, also at the point apart.
    pub(super) fn mends_alone(&self, edit: &Proposal) -> bool {
        self.mended_by(&edit.edits())
    }

    pub(super) fn mended_by(&self, edits: &[(usize, Edit)]) -> bool {
        self.program.mended(edits).is_some() && self.program.holds_apart(edits)
    }

    /// The two likeliest edits that mend the rule side by side, with what they cost.
    pub(super) fn side_by_side(&self, runs: &[Run]) -> Option<(u32, Vec<Proposal>)> {
        let shares = self.shares(runs);
        let mut pairs: Vec<(&Proposal, &Proposal)> = Vec::new();
        for (i, one) in shares.iter().enumerate() {
            let wanted: Vec<f64> = runs.iter().zip(&one.by).map(|(run, by)| run.off - by).collect();
            let near = near(&shares, runs, &wanted).filter(|(j, _)| *j > i);
            pairs.extend(near.map(|(_, other)| (one.proposal, other.proposal)));
        }
        let anew = |a: &Proposal, b: &Proposal| self.starts_anew(&Before::of(self.program, &a.edits()), b);
        pairs.retain(|(a, b)| !anew(a, b) && !anew(b, a));
        let place = |p: &Proposal| std::cmp::Reverse(p.place.at[0]);
        pairs.sort_by_key(|(a, b)| (price(a) + price(b), self.awkward(a) + self.awkward(b), place(a), place(b)));
        let mends = |(a, b): &(&Proposal, &Proposal)| self.mended_by(&[a.edits(), b.edits()].concat());
        let (a, b) = pairs.into_iter().take(VERIFIED).find(mends)?;
        Some((price(a) + price(b), vec![a.clone(), b.clone()]))
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
