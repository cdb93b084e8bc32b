//! Edits that reach the answer through a comparison alone.
//!
//! A comparison makes one bit of a number, so that a wrong edit of what is compared agrees with the truth at three points
//! easily: a mask of four rows has sixteen values. Such an edit has to hold at many more points, and these lie far apart,
//! where the bits are others.

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{places::readers, program::At, split::leads_to};
use crate::{
    Tensor,
    check::{
        case::{Case, Point},
        numbers::{DIFFERENT, difference, is_finite, mapped, numbers, size},
        ready::Ready,
        script::{Alter, Edit, Script, Source},
    },
};

/// How many points are tried, and how many if the inputs have more than [`FEW`] numbers.
const POINTS: usize = 24;
const POINTS_OF_MANY: usize = 6;
const FEW: usize = 2_000;

/// What is seen through comparisons in a rule.
#[derive(Default)]
pub(super) struct Compared {
    /// Steps whose results are, or lead to answers through comparisons alone.
    through: Vec<bool>,
    points: Vec<At>,
}

impl Compared {
    /// `at` runs a rule with answers for the inputs `answered` at a point.
    pub fn of(case: &Case, script: &Script, answered: &[usize], mut at: impl FnMut(&Point) -> Option<At>) -> Compared {
        let through = through(script, answered.len());
        if !through.contains(&true) {
            return Compared::default();
        }
        let points = far(case).into_iter().filter_map(|point| {
            let at = at(&point)?;
            // A rule that is another program there cannot be judged by this one.
            let again = script.outputs(&at.arguments, &[])?;
            let same = |(&k, b): (&usize, &Tensor)| point.answer[k].as_ref().is_some_and(|a| same(a, b));
            answered.iter().zip(&again).all(same).then_some(at)
        });
        Compared { points: points.collect(), through }
    }

    /// Whether these edits are seen through comparisons, and points are there to tell.
    pub fn decides(&self, script: &Script, edits: &[(usize, Edit)]) -> bool {
        !self.points_for(script, edits).is_empty()
    }

    /// The points at which these edits of a rule have to hold as well.
    pub fn points_for(&self, script: &Script, edits: &[(usize, Edit)]) -> &[At] {
        if !self.points.is_empty() && is_seen(script, &self.through, edits) { &self.points } else { &[] }
    }
}

/// Whether one of these edits of a rule is seen through comparisons alone.
fn is_seen(script: &Script, through: &[bool], edits: &[(usize, Edit)]) -> bool {
    let compares = |k: usize| !script.steps[k].differentiable();
    let reads = |k: usize, i: usize| matches!(script.steps[k].inputs.get(i), Some(Source::Step(s)) if compares(*s));
    edits.iter().any(|(k, edit)| {
        let replaces = matches!(edit, Edit::AtResult(Alter::Use(_)) | Edit::AtOperand(_, Alter::Use(_)));
        match edit {
            _ if *k >= through.len() => false,
            // A result that is multiplied by a value is not one of bits any longer.
            Edit::AtResult(_) if compares(*k) => replaces,
            _ if through[*k] => true,
            Edit::AtOperand(i, _) => replaces && reads(*k, *i),
            _ => false,
        }
    })
}

/// Whether edits that mend a rule hold far apart, too, if they are seen through comparisons alone; others do anyway.
pub(in crate::check) fn holds_far(case: &Case, ready: &Ready<'_>, script: &Script, edits: &[(usize, Edit)]) -> bool {
    if !is_seen(script, &through(script, script.outputs.len()), edits) {
        return true;
    }
    // Without such a point nobody knows.
    ready.at(&far(case)).is_none_or(|ready| ready.mended(edits).is_some())
}

/// Points of a case that lie far apart.
fn far(case: &Case) -> Vec<Point> {
    let mut rng = StdRng::seed_from_u64(0x0066_6172_206f_6666);
    let x = &case.first().given.x;
    let many = x.iter().map(Tensor::numel).sum::<usize>() > FEW;
    let points = (0..if many { POINTS_OF_MANY } else { POINTS }).filter_map(|_| {
        let there: Vec<Tensor> = x.iter().map(|x| shuffled(x, &mut rng)).collect();
        case.point(&there, &mut rng).ok().filter(|p| p.truth.iter().all(is_finite))
    });
    points.collect()
}

fn same(a: &Tensor, b: &Tensor) -> bool {
    is_finite(a) && difference(a, b, size(a)).is_some_and(|off| off <= DIFFERENT)
}

/// For each step that leads to an answer, whether it compares, or all who read it on the way do so in the end.
fn through(script: &Script, answers: usize) -> Vec<bool> {
    let mut through = vec![false; script.steps.len()];
    let (live, answers) = (leads_to(script, 0..answers), &script.outputs[..answers]);
    for k in (0..script.steps.len()).rev().filter(|&k| live[k] && !answers.contains(&Source::Step(k))) {
        let mut read = readers(script, k).map(|(reader, _)| reader).filter(|&reader| live[reader]);
        through[k] = !script.steps[k].differentiable() || read.all(|reader| through[reader]);
    }
    through
}

/// The numbers of an input drawn from it again, each by a factor of its own. Integers stay, since they may be labels, and a
/// square matrix is only scaled, since it may be symmetric.
fn shuffled(x: &Tensor, rng: &mut StdRng) -> Tensor {
    let own = numbers(x);
    if own.iter().all(|v| v.fract() == 0.0) {
        return x.clone();
    }
    if matches!(x.shape().dims(), [.., a, b] if a == b) {
        let by = 0.5 + rng.random::<f64>();
        return mapped(x, |_, v| by * v);
    }
    let drawn: Vec<f64> =
        own.iter().map(|_| own[rng.random_range(0..own.len())] * (0.5 + rng.random::<f64>())).collect();
    mapped(x, |i, _| drawn[i])
}
