//! Edits of what a rule computes and makes no use of.
//!
//! Alone they change nothing. But where a factor was forgotten, what computes it is idle, and may be wrong, too: so once an
//! edit makes use of an idle value, edits of the steps that lead to it are tried as the second of two.

use std::rc::Rc;

use super::{
    constants, factors, operands, operations,
    places::{Place, places},
    proposal::Proposal,
    reductions,
    search::{Before, Search},
    split::lead_to,
};
use crate::check::script::{Edit, Source};

/// The cost up to which they are tried.
const WOKEN: u32 = 14;

impl Search<'_> {
    /// Edits of steps that lead to no answer.
    pub(super) fn of_idle_steps(&self) -> Vec<Proposal> {
        let program = self.program;
        let idle = |place: &Place| place.at.iter().all(|&k| self.live.get(k) == Some(&false));
        let all = places(&program.script, program.script.outputs.len()).into_iter().filter(idle);
        let idle: Vec<Rc<Place>> = all.map(|place| Rc::new(Place { linear: false, ..place })).collect();
        let mut proposals = Vec::new();
        operations::proposals(program, &idle, &mut proposals);
        reductions::proposals(program, &idle, &mut proposals);
        constants::guesses(program, &idle, &mut proposals);
        operands::proposals(program, &idle, &[], &mut proposals);
        factors::proposals(program, &idle, &[], &mut proposals);
        proposals.retain(|p| p.cost <= WOKEN && p.in_order() && idle.contains(&p.place));
        Proposal::sort(&mut proposals);
        proposals.iter_mut().for_each(|p| p.replaces = program.replaces(p));
        proposals
    }

    /// The likeliest edit of what only the edits `before` make use of.
    pub(super) fn best_of_woken(&self, before: &[(usize, Edit)]) -> Option<Proposal> {
        let mut woken = vec![false; self.live.len()];
        for (_, edit) in before {
            if let Edit::AtOperand(_, alter) | Edit::AtResult(alter) = edit
                && let Some(Source::Step(k)) = alter.source()
            {
                woken[k] = !self.live[k];
            }
        }
        let woken = lead_to(&self.program.script, woken);
        let mut tried = self.asleep.iter().filter(|p| p.place.at.iter().all(|&k| woken[k]));
        let anew = Before::of(self.program, before);
        let mends = |p: &&Proposal| {
            let edits = [before, &p.edits()].concat();
            self.may_run(&edits) && !self.starts_anew(&anew, p) && self.mended_by(&edits)
        };
        tried.find(mends).cloned()
    }
}
