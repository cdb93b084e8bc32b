//! Each gradient against differences: element by element, or along random directions.

use super::examination::{ALL_ZERO, Examination, NO_RULE, failed, not_applicable, passed};
use crate::{
    Tensor,
    check::{
        Comparison, Fault, Outcome, SpecialKind, StepCurve, Verdict,
        caught::Failure,
        measure::{FULL, Gradients, outliers, projected_excess},
        numbers::{all_of, count, largest},
        settings::Extent,
    },
};

/// Up to this many numbers, in all inputs together, are compared one by one.
const SMALL: usize = 1500;

/// What the comparison with differences found.
pub(super) struct Found {
    pub manual: Outcome,
    pub tape: Outcome,
    pub comparisons: Vec<Comparison>,
    pub curves: Vec<StepCurve>,
    pub remarks: Vec<Verdict>,
}

pub(super) fn compare(e: &Examination<'_>, gradients: &Gradients, by_hand: bool) -> Found {
    let place = e.largest();
    let total: usize = place.arguments.iter().map(|argument| argument.value.numel()).sum();
    let full = match e.check.extent {
        Extent::Full => true,
        Extent::Projected => false,
        Extent::Automatic => total <= SMALL,
    };
    let mut found = Found {
        manual: not_applicable(NO_RULE),
        tape: passed(""),
        comparisons: Vec::new(),
        curves: Vec::new(),
        remarks: Vec::new(),
    };
    let (mut tallies, mut special, mut smooth) = ([Tally::default(), Tally::default()], 0, 0);
    let mut inaccurate = Vec::new();
    let reference = gradients.tape.as_ref().or(gradients.manual.as_ref()).ok();
    let global = reference.map_or(0.0, |all| largest(all));
    for (k, argument) in place.arguments.iter().enumerate() {
        let of = |g: &Result<Vec<Tensor>, Failure>| g.as_ref().ok().map(|all| argument.tangent(&all[k]));
        let sides = [of(&gradients.manual).filter(|_| by_hand), of(&gradients.tape)];
        let Ok(projections) = place.projections(k, e.check.seed) else { continue };
        let floor = 1e-3 * global;
        let excess = sides.each_ref().map(|g| g.as_ref().map_or(0.0, |g| projected_excess(g, &projections, floor)));
        let agrees = excess.iter().all(|x| *x <= 1.0);
        let [manual, tape] = sides;
        let mut comparison = Comparison {
            of: argument.name.to_string(),
            at: argument.value.clone(),
            manual,
            tape,
            numeric: None,
            numeric_error: None,
            special: Vec::new(),
            argument: k,
        };
        if full || (!agrees && argument.value.numel() <= FULL) {
            if let Ok((numbers, errors, odd)) = place.full(k) {
                (comparison.numeric, comparison.numeric_error) = (Some(numbers), Some(errors));
                comparison.special = odd;
            }
            special += comparison.special.len();
            smooth += argument.value.numel() - comparison.special.len();
            for (tally, side) in tallies.iter_mut().zip([&comparison.manual, &comparison.tape]) {
                if let Some(gradient) = side {
                    tally.elements(&comparison, gradient, floor);
                }
            }
        } else {
            smooth += argument.value.numel();
            for (tally, excess) in tallies.iter_mut().zip(excess) {
                tally.projection(&comparison.of, excess);
            }
        }
        found.remarks.extend(remarks(&comparison));
        if let Some(gradient) = comparison.tape.as_ref().or(comparison.manual.as_ref()) {
            let curve = place.curve(k, gradient, e.check.seed, global);
            // Measured against a wrong gradient, the error of a difference says nothing about the difference.
            if outliers(gradient, &comparison, floor).is_empty() {
                inaccurate.extend(curve.as_ref().and_then(artifact));
            }
            found.curves.extend(curve);
        }
        found.comparisons.push(comparison);
    }
    found.remarks.extend(inaccurate);
    let outcome = |tally: &Tally, side: &Result<Vec<Tensor>, Failure>| match (side, smooth) {
        (Err(failure), _) => failed(format!("it cannot be taken: {}", failure.sentence)),
        (_, 0) if tally.fault.is_none() => {
            let verb = if special == 1 { "is" } else { "are" };
            let elements = all_of(special, "element");
            not_applicable(format!("{elements} {verb} at kinks or jumps: move the input off them"))
        }
        _ if tally.fault.is_none() && global == 0.0 => not_applicable(ALL_ZERO),
        _ => tally.outcome(special),
    };
    found.tape = outcome(&tallies[1], &gradients.tape);
    if by_hand {
        found.manual = outcome(&tallies[0], &gradients.manual);
    }
    found
}

/// The result of comparing one side with the numeric gradient.
#[derive(Default)]
struct Tally {
    elements: usize,
    directions: usize,
    fault: Option<String>,
}

impl Tally {
    fn elements(&mut self, comparison: &Comparison, gradient: &Tensor, floor: f64) {
        self.elements += gradient.numel();
        let out = outliers(gradient, comparison, floor);
        if let (Some(&first), None) = (out.first(), &self.fault) {
            let numeric = comparison.numeric.as_ref().map_or(f64::NAN, |n| n.to_vec()[first]);
            self.fault = Some(format!(
                "{} of {} elements of {} differ; element {first} is {:.9}, numerically {numeric:.9}",
                out.len(),
                gradient.numel(),
                comparison.of,
                gradient.to_vec()[first],
            ));
        }
    }

    fn projection(&mut self, name: &str, excess: f64) {
        self.directions += 2;
        if excess > 1.0 && self.fault.is_none() {
            self.fault =
                Some(format!("along a random direction of {name} it is {excess:.1e} times what is allowed off"));
        }
    }

    fn outcome(&self, special: usize) -> Outcome {
        if let Some(fault) = &self.fault {
            return failed(fault.clone());
        }
        let mut parts = Vec::new();
        if self.elements > 0 {
            parts.push(count(self.elements - special, "element"));
        }
        if self.directions > 0 {
            parts.push(count(self.directions, "random direction"));
        }
        if special > 0 {
            parts.push(format!("{special} at kinks or jumps left out"));
        }
        passed(parts.join(", "))
    }
}

/// Kinks and jumps: reported, but not counted as faults.
fn remarks(comparison: &Comparison) -> Vec<Verdict> {
    let of = |kind: SpecialKind, fault: Fault| {
        let all: Vec<_> = comparison.special.iter().filter(|s| s.kind == kind).collect();
        let first = all.first()?;
        let place = format!(
            "{}; at element {} (value {:.6})",
            count(all.len(), "element"),
            first.index,
            comparison.at.to_vec()[first.index]
        );
        let evidence = match kind {
            SpecialKind::Kink => format!(
                "{place} the slope of ⟨upstream, output⟩ is {:.6} from the left and {:.6} from the right",
                first.left, first.right
            ),
            _ => format!("{place} ⟨upstream, output⟩ jumps by {:.6e}", first.left),
        };
        Some(Verdict::new(fault, comparison.of.clone(), 0.0).because(evidence))
    };
    [of(SpecialKind::Kink, Fault::Kink), of(SpecialKind::Jump, Fault::Jump)].into_iter().flatten().collect()
}

/// A numeric derivative that no step makes accurate.
fn artifact(curve: &StepCurve) -> Option<Verdict> {
    let finite = || curve.steps.iter().zip(&curve.errors).filter(|(_, e)| e.is_finite());
    let (best_step, best) = finite().min_by(|a, b| a.1.total_cmp(b.1))?;
    let usual = finite().min_by(|a, b| (a.0 / 1e-6).ln().abs().total_cmp(&(b.0 / 1e-6).ln().abs()))?;
    if *best < 1e-5 || *usual.1 < 1e-2 {
        return None;
    }
    let evidence = format!(
        "a central difference with step {:.0e} is off by {:.1e}, and the best step, {best_step:.1e}, by {best:.1e}: \
         the function itself is computed with few digits",
        usual.0, usual.1
    );
    Some(Verdict::new(Fault::StepSize, curve.of.clone(), *best).because(evidence))
}
