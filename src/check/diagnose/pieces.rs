//! An answer that is joined from pieces, of which one is wrong.

use crate::{
    Tensor,
    check::{
        case::{Case, Point},
        numbers::{EXACT, difference, size, with_tape},
        script::{Action, Script, Source},
    },
};

/// The step that makes the only wrong piece of the first answer of a rule, which is that for input `k`.
pub(super) fn wrong_piece(case: &Case, k: usize, script: &Script) -> Option<usize> {
    let &Source::Step(joined) = script.outputs.first()? else { return None };
    let step = &script.steps[joined];
    let Action::Op(op) = &step.action else { return None };
    let axis: usize = op.attributes().strip_prefix("axis ").filter(|_| op.name() == "concat")?.parse().ok()?;
    let (mut start, mut wrong) = (0, Vec::new());
    for source in &step.inputs {
        let &Source::Step(made) = source else { return None };
        let count = script.steps[made].shape[axis];
        let piece = |x: &Tensor| with_tape(x, |x| x.narrow(axis as isize, start, count));
        let differs = |p: &Point| {
            let answer = p.answer[k].as_ref().filter(|answer| answer.shape() == p.truth[k].shape())?;
            difference(&piece(answer), &piece(&p.truth[k]), size(&p.truth[k])).map(|off| off > EXACT)
        };
        let all: Vec<bool> = case.points.iter().map(differs).collect::<Option<_>>()?;
        wrong.extend(all.contains(&true).then_some(made));
        start += count;
    }
    match wrong[..] {
        [one] => Some(one),
        _ => None,
    }
}
