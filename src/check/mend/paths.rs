//! A path that was forgotten, and an edit.
//!
//! A term that the rule never computes is put in by no edit of it. But a rule that lacks it is the gradient of another
//! function, in which a value of `forward` is a constant. So for each such function the rule is compared with *its*
//! gradient t′ instead of t: a single edit with ⟨g, v′ − v⟩ = ⟨p, t′ − a⟩ mends all that is wrong besides the path.

use super::{
    naming,
    pairs::near,
    program::{At, Program},
    proposal::Proposal,
    search::Search,
    sensed::Run,
};
use crate::{
    Tensor,
    check::{
        Fault, Line, Verdict,
        case::Case,
        diagnose::{cuts_in_loops, forward_edits, node_cut},
        given::Place as Of,
        numbers::{EXACT, difference, dot, size},
        script::Edit,
    },
};

/// Functions are searched from their end up to this length.
const LONGEST: usize = 100;
/// How many edits are tried with each path.
const TRIED: usize = 20;

/// A forgotten path and the edit that mends the rest of the gradient with respect to input `k`.
pub(super) fn with_edit(case: &Case, k: usize) -> Option<Verdict> {
    let program = Program::of(case, &[k])?;
    let search = Search::new(&program);
    let runs = Run::all(&program, &[])?;
    let mut shares = search.shares(&runs);
    // With a path cut, a value in place of one that the rule computes may be all that is left: the rule written anew.
    shares.retain(|share| !share.proposal.replaces);
    let mut best: Option<(Vec<(usize, Edit)>, Proposal)> = None;
    let single = (0..program.forward.steps.len())
        .rev()
        .take(LONGEST)
        .flat_map(|at| forward_edits(&program.forward, at).into_iter().map(move |edit| vec![(at, edit)]));
    let single = single.filter(|cut| matches!(cut[0].1, Edit::Detach | Edit::DetachOperand(_)));
    for edits in single.chain(cuts_in_loops(&program.forward)) {
        // All nodes of a line are cut if no single one explains it.
        if edits.len() > 1 && best.as_ref().is_some_and(|(known, _)| known.len() == 1) {
            break;
        }
        let cut = |point: &At| gradient(&program, point, k, &edits);
        let Some(targets) = program.points.iter().map(cut).collect::<Option<Vec<_>>>() else { continue };
        let wanted = |((run, point), target): ((&Run, &At), &Tensor)| {
            run.off + dot(&point.directions[0], target) - dot(&point.directions[0], &point.truth[0])
        };
        let wanted: Vec<f64> = runs.iter().zip(&program.points).zip(&targets).map(wanted).collect();
        // Nor is a path that carries everything: any edit that leaves nothing would lead there.
        let empty = |(target, at): (&Tensor, &At)| size(target) <= 1e-6 * size(&at.truth[0]);
        if targets.iter().zip(&program.points).any(empty) {
            continue;
        }
        // A path that carries nothing was not forgotten.
        let carries = |(wanted, run): (&f64, &Run)| (wanted - run.off).abs() > run.slack();
        if !wanted.iter().zip(&runs).any(carries) {
            continue;
        }
        let mut fitting: Vec<&Proposal> = near(&shares, &runs, &wanted).map(|(_, share)| share.proposal).collect();
        fitting.sort_by_key(|p| p.cost);
        let cheaper = |p: &&Proposal| best.as_ref().is_none_or(|(.., known)| p.cost < known.cost);
        let mends = |p: &&Proposal| {
            let all = program.points.iter().chain(&program.apart);
            p.cost > 0 && all.into_iter().all(|point| cut(point).is_some_and(|t| is_mended(&program, point, &t, p)))
        };
        if let Some(found) = fitting.into_iter().take(TRIED).filter(cheaper).find(mends).cloned() {
            best = Some((edits, found));
        }
    }
    let (edits, found) = best?;
    let (at, edit) = &edits[0];
    let (node, line) = (node_cut(&program.forward, *at, edit), Line::from(program.forward.steps[*at].at));
    let mut verdict = naming::verdict(&program, case, &[k], std::slice::from_ref(&found));
    verdict.residual = EXACT;
    verdict.fault = Fault::Several { faults: vec![Fault::ForgottenPath { node: node.clone() }, verdict.fault] };
    let all = "after that it is the exact gradient you get";
    Some(verdict.because(format!("{all} with the path through {node} (at {line}) cut: the rule forgets that path")))
}

/// The gradient with respect to input `k` with some edits of `forward`.
fn gradient(program: &Program, at: &At, k: usize, edits: &[(usize, Edit)]) -> Option<Tensor> {
    let all = |keep: fn(&Of) -> bool| {
        let chosen = program.places.iter().zip(&at.arguments).filter(|(place, _)| keep(place));
        chosen.map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    let (x, dz) = (all(|place| matches!(place, Of::Input(_))), all(|place| matches!(place, Of::Upstream(_))));
    program.forward.gradient(k, &x, &dz, edits)
}

/// Whether the rule with an edit answers `target`, and the truth where it was right before.
fn is_mended(program: &Program, at: &At, target: &Tensor, edit: &Proposal) -> bool {
    let Some(answers) = program.script.outputs(&at.arguments, &edit.edits()) else { return false };
    let wanted = std::iter::once(target).chain(&at.truth[1..]);
    let same = |(a, t): (&Tensor, &Tensor)| difference(a, t, size(t).max(size(a))).is_some_and(|off| off <= EXACT);
    answers.iter().zip(wanted).all(same)
}
