//! From a wrong gradient to the name of its fault.
//!
//! The true gradient t of a hand-written function is known: the tape derives it from the function's own `forward`. The
//! rule's answer a is known too, and so is the rule itself, as a program. So a fault is named by experiment:
//!
//! - `behaviour`: the rule is asked again with another upstream gradient, other values, after another call;
//! - `relations`, `reductions`, `regions`: a is compared with −t, k t, tᵀ, permutations and sums of t, and element by
//!   element;
//! - `paths`: the function is differentiated with one of its nodes held constant, or straight through;
//! - `terms`: a term of the true gradient is left out; `residues`: t − a is itself a product of known values;
//! - `repairs`, `borrowed`: one edit of the rule, or one value of `forward` in it, makes it right.
//!
//! `tape` and `non_finite` are for gradients that are wrong although no rule is: of operations on plain numbers, of detached
//! values, of infinite slopes. `examined` serves those who break rules on purpose.
//!
//! An experiment counts only if it agrees to rounding at two points, with two upstream gradients, so chance cannot
//! explain it. What several experiments explain equally well is reported in the order of [`Fault::rank`].

mod behaviour;
mod borrowed;
mod examined;
mod non_finite;
mod paths;
mod reductions;
mod regions;
mod relations;
mod repairs;
mod residues;
mod tape;
mod terms;

pub(super) use examined::Examined;
pub(super) use non_finite::first_non_finite_derivative;
pub(super) use reductions::unsummed_gradient;
pub(super) use tape::{second_order_fault, tape_faults};

use std::{panic::Location, sync::Arc};

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    Fault, Line, Verdict,
    constraint::numbers,
    measure::dot,
    numeric::{Slope, slope},
    subject::{Failure, caught},
};
use crate::{Backward, DType, Error, Function, Rule, Tape, Tensor, Var};

/// A relative difference that rounding may leave in an explanation.
const EXACT: f64 = 1e-8;
/// A relative difference between rule and truth that is more than rounding.
pub(super) const DIFFERENT: f64 = 1e-9;

/// The gradients that a rule returned, as they came.
type Answer = Vec<Option<Tensor>>;

/// A rule at one place, with all that an experiment may want.
struct Point {
    x: Vec<Tensor>,
    z: Vec<Tensor>,
    memory: Vec<Tensor>,
    dz: Vec<Tensor>,
    /// The true gradients.
    truth: Vec<Tensor>,
    /// The rule's.
    answer: Answer,
}

/// A hand-written function under examination.
struct Case<'a> {
    function: &'a Arc<dyn Function>,
    needs: &'a [bool],
    points: Vec<Point>,
    /// Whether the truth comes from differences, for want of a tape that could tell, and is as accurate as these.
    numeric: bool,
}

impl Case<'_> {
    /// The outputs of `forward` and what it keeps.
    fn forward(&self, x: &[Tensor]) -> Result<(Vec<Tensor>, Vec<Tensor>), Failure> {
        caught(|| {
            let tape = Tape::f64();
            let x: Vec<Var<'_>> = x.iter().map(|x| tape.leaf(x)).collect();
            let (z, memory) = self.function.forward_with_memory(&x);
            let values = |all: Vec<Var<'_>>| all.into_iter().map(|v| v.value()).collect();
            (values(z), values(memory))
        })
    }

    /// What the rule answers to these values.
    fn rule(&self, x: &[Tensor], z: &[Tensor], dz: &[Tensor], memory: &[Tensor]) -> Result<Answer, Failure> {
        caught(|| {
            let tape = Tape::f64();
            let enter = |all: &[Tensor]| all.iter().map(|v| tape.constant(v)).collect::<Vec<_>>();
            let (x, z, dz, memory) = (enter(x), enter(z), enter(dz), enter(memory));
            let at = Backward { x: &x, z: &z, dz: &dz, memory: &memory, needs: self.needs };
            // As in a backward walk, where nothing that a rule computes wants a gradient.
            let answer = tape.no_grad(|| self.function.backward(at));
            answer.into_iter().map(|g| g.map(|g| g.value())).collect()
        })
    }

    /// The true gradients for these inputs and upstream gradients.
    fn truth(&self, x: &[Tensor], dz: &[Tensor]) -> Result<Vec<Tensor>, Failure> {
        if self.numeric {
            return self.by_differences(x, dz);
        }
        caught(|| -> Result<Vec<Tensor>, Error> {
            let tape = Tape::f64();
            let x: Vec<Var<'_>> = x.iter().map(|x| tape.leaf(x)).collect();
            let z = self.function.forward(&x);
            gradients(&tape, &x, &z, dz)
        })?
        .map_err(Failure::from)
    }

    /// The gradients by differences.
    fn by_differences(&self, x: &[Tensor], dz: &[Tensor]) -> Result<Vec<Tensor>, Failure> {
        let here = self.weighted(x, dz)?;
        let along = |k: usize, i: usize| {
            let moved = |t: f64| {
                let mut at = x.to_vec();
                let mut numbers = x[k].to_vec();
                numbers[i] += t;
                at[k] = Tensor::from_vec(numbers, x[k].shape()).expect("the shape is kept");
                self.weighted(&at, dz).unwrap_or(f64::NAN)
            };
            match slope(moved, here, x[k].to_vec()[i].abs().max(1.0), 1e-9 * here.abs().max(1e-3)) {
                Slope::Smooth { value, .. } => value,
                Slope::Kink { left, right } => 0.5 * (left + right),
                Slope::Jump { .. } | Slope::Border => f64::NAN,
            }
        };
        Ok((0..x.len()).map(|k| Tensor::from_fn(x[k].shape().clone(), DType::F64, |i| along(k, i))).collect())
    }

    fn weighted(&self, x: &[Tensor], dz: &[Tensor]) -> Result<f64, Failure> {
        let (z, _) = self.forward(x)?;
        Ok(z.iter().zip(dz).map(|(z, dz)| dot(z, dz)).sum())
    }

    /// What counts as equal.
    fn exact(&self) -> f64 {
        if self.numeric { 1e-5 } else { EXACT }
    }

    fn point(&self, x: &[Tensor], rng: &mut StdRng) -> Result<Point, Failure> {
        let (z, memory) = self.forward(x)?;
        let dz: Vec<Tensor> = z.iter().map(|z| upstream(z, rng)).collect();
        let truth = self.truth(x, &dz)?;
        let answer = self.rule(x, &z, &dz, &memory)?;
        Ok(Point { x: x.to_vec(), z, memory, dz, truth, answer })
    }

    /// The largest relative difference over the points between what `predict` says and the rule's answer for input `k`.
    fn residual(&self, k: usize, predict: impl Fn(&Point) -> Option<Tensor>) -> Option<f64> {
        self.largest(|point| Some((predict(point)?, point.answer[k].clone()?, &point.truth[k])))
    }

    /// The same between what an altered rule says and the true gradient.
    fn repaired(&self, k: usize, answer: impl Fn(&Point) -> Option<Tensor>) -> Option<f64> {
        self.largest(|point| Some((answer(point)?, point.truth[k].clone(), &point.truth[k])))
    }

    fn largest<'p>(&'p self, pair: impl Fn(&'p Point) -> Option<(Tensor, Tensor, &'p Tensor)>) -> Option<f64> {
        let mut worst = 0.0f64;
        for point in &self.points {
            let (a, b, truth) = pair(point)?;
            worst = worst.max(difference(&a, &b, size(truth).max(size(&b)))?);
        }
        (worst <= self.exact()).then_some(worst)
    }
}

/// Σ ⟨dz, z⟩ differentiated by each of `x`; zeros where there is no path.
fn gradients<'t>(tape: &'t Tape, x: &[Var<'t>], z: &[Var<'t>], dz: &[Tensor]) -> Result<Vec<Tensor>, Error> {
    tape.set_rule(Rule::Tape);
    let zero = |x: &Var<'t>| Tensor::zeros(x.shape(), DType::F64);
    match super::subject::weighted(tape, z, dz) {
        None => Ok(x.iter().map(zero).collect()),
        Some(loss) => {
            let found = loss.backward()?;
            Ok(x.iter().map(|x| found.get(*x).cloned().unwrap_or_else(|| zero(x))).collect())
        }
    }
}

/// An upstream gradient without symmetry: numbers of either sign, none near 0.
pub(super) fn upstream(z: &Tensor, rng: &mut StdRng) -> Tensor {
    Tensor::from_fn(z.shape().clone(), DType::F64, |_| {
        let size = 0.4 + 1.2 * rng.random::<f64>();
        if rng.random::<bool>() { size } else { -size }
    })
}

/// The largest magnitude.
pub(super) fn size(x: &Tensor) -> f64 {
    numbers(x).iter().fold(0.0, |m: f64, v| m.max(v.abs()))
}

/// The largest difference relative to `scale`; `None` when the shapes differ or a number is not finite.
pub(super) fn difference(a: &Tensor, b: &Tensor, scale: f64) -> Option<f64> {
    if a.shape() != b.shape() {
        return None;
    }
    let worst = numbers(a).iter().zip(numbers(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let finite = |x: &Tensor| numbers(x).iter().all(|v| v.is_finite());
    (finite(a) && finite(b)).then(|| if worst == 0.0 { 0.0 } else { worst / scale.max(f64::MIN_POSITIVE) })
}

/// Names the faults of the rule of `function` at `inputs`, the likeliest first; none when it is right there. `at` is the
/// line that applied it.
pub(super) fn rule_faults(
    function: &Arc<dyn Function>,
    inputs: &[Tensor],
    needs: &[bool],
    at: &Location<'_>,
    seed: u64,
) -> Vec<Verdict> {
    name_faults(Case { function, needs, points: Vec::new(), numeric: false }, inputs, at, seed)
}

/// The same for a function that the tape cannot derive: differences tell the truth.
fn numeric_faults(function: &Arc<dyn Function>, inputs: &[Tensor], needs: &[bool], at: &Location<'_>) -> Vec<Verdict> {
    name_faults(Case { function, needs, points: Vec::new(), numeric: true }, inputs, at, 0)
}

fn name_faults(mut case: Case<'_>, inputs: &[Tensor], at: &Location<'_>, seed: u64) -> Vec<Verdict> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut verdicts = match case.point(inputs, &mut rng) {
        Err(failure) => {
            let verdict = Verdict::new(Fault::Failed, "every input", 0.0).because(failure.sentence.clone());
            vec![verdict.at(failure.line.or(Some(Line::from(at))))]
        }
        Ok(point) => {
            case.points.push(point);
            // The second point lies near the first, so that it is valid where the first is.
            let near: Vec<Tensor> = inputs.iter().map(|x| jittered(x, &mut rng)).collect();
            let second = case.point(&near, &mut rng).or_else(|_| case.point(inputs, &mut rng));
            case.points.extend(second.ok());
            // Where the true gradient is not finite no answer can be compared with it.
            case.points.retain(|p| p.truth.iter().all(|t| t.first_non_finite().is_none()));
            if case.points.is_empty() {
                return Vec::new();
            }
            examine(&case, at)
        }
    };
    for verdict in &mut verdicts {
        verdict.rule = Some(case.function.name().to_owned());
    }
    verdicts
}

/// Whether a line is the user's: a mistake made by `mutate` has none to show.
fn is_users(line: &Line) -> bool {
    line.file != super::mutate::FILE
}

/// The verdict on a rule that is right when asked at once, but whose answer depends on other calls.
pub(super) fn carried(
    function: &Arc<dyn Function>,
    inputs: &[Tensor],
    needs: &[bool],
    at: &Location<'_>,
    seed: u64,
) -> Option<Verdict> {
    let mut case = Case { function, needs, points: Vec::new(), numeric: false };
    let point = case.point(inputs, &mut StdRng::seed_from_u64(seed)).ok()?;
    let answered = point.answer.len();
    case.points.push(point);
    let mut verdict = (0..answered).filter(|&k| needs[k]).find_map(|k| behaviour::stale(&case, k))?;
    verdict.rule = Some(function.name().to_owned());
    verdict.line = verdict.line.or(Some(Line::from(at)));
    Some(verdict)
}

/// Numbers moved by up to a twentieth; a symmetric matrix stays symmetric, and zeros and whole numbers stay (they may be
/// masks or labels).
fn jittered(x: &Tensor, rng: &mut StdRng) -> Tensor {
    let whole = x.to_vec().iter().all(|v| v.fract() == 0.0);
    if whole {
        return x.clone();
    }
    let factor = 1.0 + 0.05 * rng.random::<f64>();
    let n = x.shape().last().copied().unwrap_or(0);
    let square = x.shape().rank() >= 2 && x.shape()[x.shape().rank() - 2] == n;
    let numbers = x.to_vec();
    let symmetric = square
        && numbers.iter().enumerate().all(|(index, v)| {
            let (matrix, i, j) = (index / (n * n), index / n % n, index % n);
            numbers[matrix * n * n + j * n + i] == *v
        });
    if symmetric {
        return Tensor::from_fn(x.shape().clone(), DType::F64, |i| numbers[i] * factor);
    }
    Tensor::from_fn(x.shape().clone(), DType::F64, |i| numbers[i] * (1.0 + 0.05 * (rng.random::<f64>() - 0.5)))
}

fn examine(case: &Case<'_>, at: &Location<'_>) -> Vec<Verdict> {
    let point = &case.points[0];
    if point.answer.len() != point.x.len() {
        let verdict = Verdict::new(Fault::Count, "every input", 0.0).because(format!(
            "`backward` returned {} gradients for {} inputs; it must return one for each, `None` where there is none",
            point.answer.len(),
            point.x.len()
        ));
        return vec![verdict.at(Some(Line::from(at)))];
    }
    let wrong: Vec<usize> = (0..point.x.len()).filter(|&k| case.needs[k] && is_wrong(case, k)).collect();
    let mut verdicts: Vec<Verdict> = Vec::new();
    for &k in &wrong {
        for verdict in examine_input(case, k, at) {
            match verdicts.iter_mut().find(|v| v.fault == verdict.fault) {
                Some(known) => known.of.extend(verdict.of),
                None => verdicts.push(verdict),
            }
        }
    }
    // One cause for all wrong gradients is likelier than one for each.
    verdicts.sort_by_key(|verdict| std::cmp::Reverse(verdict.of.len()));
    verdicts
}

/// Whether the answer for input `k` differs from the truth at either point.
fn is_wrong(case: &Case<'_>, k: usize) -> bool {
    case.points.iter().any(|point| match &point.answer.get(k) {
        Some(Some(answer)) => {
            let scale = size(&point.truth[k]).max(1e-3 * point.truth.iter().map(size).fold(0.0, f64::max));
            let allowed = if case.numeric { case.exact() } else { DIFFERENT };
            difference(answer, &point.truth[k], scale).is_none_or(|d| d > allowed)
        }
        _ => size(&point.truth[k]) > 0.0,
    })
}

/// The order of verdicts: the simplest and most telling first. `nothing`: the answer is 0 everywhere; `region`: it is
/// wrong in a region that could be described.
fn rank(verdict: &Verdict, nothing: bool, region: bool) -> u8 {
    let last = || Fault::WrongOperation { edit: String::new() }.rank();
    match &verdict.fault {
        // Values taken for each other explain an answer of 0; most other relations hold between 0 and anything.
        Fault::MixedUp { .. } if nothing => 62,
        Fault::Missing if nothing => 65,
        Fault::Region { there, .. } if there.starts_with(regions::OFF) => last() + 1,
        // A condition on a value goes away when that value is exchanged for one that never meets it.
        Fault::MixedUp { .. } if region => last(),
        // One edit of the rule is found for many mistakes; exchanging a value outright for one only.
        Fault::MixedUp { .. } if verdict.line.is_some() => last(),
        fault => fault.rank(),
    }
}

/// All that explains the answer for input `k`, the simplest first; at most three.
fn examine_input(case: &Case<'_>, k: usize, at: &Location<'_>) -> Vec<Verdict> {
    let mut found = behaviour::faults(case, k);
    let settled = |found: &[Verdict]| {
        found.iter().any(|v| matches!(v.fault, Fault::Missing | Fault::NonFinite { .. } | Fault::UpstreamIgnored))
    };
    if let Some(verdict) = relations::precision(case, k) {
        // So near the truth, half of all experiments would fit.
        found = vec![verdict];
    } else if !settled(&found) {
        found.extend(relations::faults(case, k));
        found.extend(reductions::faults(case, k));
        found.extend(regions::faults(case, k));
        if !case.numeric {
            found.extend(paths::faults(case, k));
            found.extend(terms::faults(case, k));
        }
    }
    let weak = |v: &Verdict| matches!(&v.fault, Fault::Region { there, .. } if there.starts_with(regions::OFF));
    if found.iter().all(weak) && !case.numeric {
        found.extend(residues::faults(case, k));
    }
    if found.is_empty() {
        found.push(relations::unexplained(case, k));
    }
    if !found.iter().all(weak) {
        found.retain(|v| !weak(v));
    }
    let nothing = case.points[0].answer[k].as_ref().is_some_and(|a| size(a) <= EXACT * size(&case.points[0].truth[k]));
    let region = found.iter().any(|v| matches!(v.fault, Fault::Region { .. }) && !weak(v));
    found.sort_by_key(|v| rank(v, nothing, region));
    let repair = repairs::line_of_repair(case, k).filter(is_users);
    let main = found[0].clone();
    let mut names = std::collections::HashSet::new();
    found.retain(|v| names.insert(v.fault.name()));
    found.truncate(3);
    for verdict in &mut found {
        if verdict.line.is_none() {
            verdict.line = repair.clone().or(Some(Line::from(at)));
        }
        if verdict.fault != main.fault {
            verdict.evidence.push(format!("it explains the numbers as well as \"{}\" does", main.fault.name()));
        }
    }
    found
}
