//! Three edits.
//!
//! Where no two edits mend a rule, three of them side by side are looked for, of which each adds its own share to ⟨p, a⟩:
//! c₁ + c₂ + c₃ = ⟨p, t − a⟩. With the shares sorted, all such triples are found in O(n² log n), without a run.

use super::{
    pairs::{VERIFIED, near, price},
    proposal::Proposal,
    search::Search,
    sensed::Run,
};

/// The cost up to which an edit is one of three.
const LIKELY: u32 = 14;
/// How many of them there are at most.
const EDITS: usize = 500;
/// What is run to know their shares, in steps of the program.
const STEPS: usize = 100_000;
/// How many triples are compared with each other.
const TRIPLES: usize = 20_000;

impl Search<'_> {
    /// The three likeliest edits that mend the rule side by side.
    pub(super) fn three(&self) -> Option<Vec<Proposal>> {
        let runs = Run::all(self.program, &[])?;
        if !Run::are_finite(&runs) {
            return None;
        }
        self.allow(STEPS);
        let mut shares = self.shares(&[], &runs);
        let mut costs: Vec<u32> = shares.iter().map(|share| share.proposal.cost).collect();
        costs.sort_unstable();
        let most = costs.get(EDITS).map_or(LIKELY, |cost| LIKELY.min(cost - 1));
        shares.retain(|share| share.proposal.cost <= most);
        let mut triples: Vec<[&Proposal; 3]> = Vec::new();
        for (i, one) in shares.iter().enumerate() {
            for (j, two) in shares.iter().enumerate().skip(i + 1) {
                let both = one.by.iter().zip(&two.by).map(|(a, b)| a + b);
                let wanted: Vec<f64> = runs.iter().zip(both).map(|(run, by)| run.off - by).collect();
                let third = near(&shares, &runs, &wanted).filter(|(k, _)| *k > j);
                triples.extend(third.map(|(_, three)| [one.proposal, two.proposal, three.proposal]));
            }
            if triples.len() > TRIPLES {
                break;
            }
        }
        let places = |all: &[&Proposal; 3]| {
            let at = all.map(|p| p.place.at[0]);
            at[0] != at[1] && at[1] != at[2] && at[0] != at[2]
        };
        triples.retain(places);
        let cost = |all: &[&Proposal; 3]| {
            let awkward: u8 = all.iter().map(|p| self.awkward(p)).sum();
            (all.iter().map(|p| price(p)).sum::<u32>(), awkward)
        };
        triples.sort_by_key(cost);
        let mends = |all: &[&Proposal; 3]| {
            let edits: Vec<_> = all.iter().flat_map(|p| p.edits()).collect();
            let anew = (0..3).any(|i| {
                let others: Vec<_> = (0..3).filter(|j| *j != i).flat_map(|j| all[j].edits()).collect();
                self.starts_anew(&others, all[i])
            });
            !anew && self.mended_by(&edits)
        };
        let mut found: Vec<Proposal> = triples.into_iter().take(VERIFIED).find(mends)?.into_iter().cloned().collect();
        found.sort_by_key(|p| p.place.at[0]);
        Some(found)
    }
}
