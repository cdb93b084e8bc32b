//! When the tape's own gradient disagrees with differences.
//!
//! The tape derives exactly what was recorded, so there are only a few possible causes: a value was detached on the
//! way; an operation on plain numbers has a wrong rule of its own; a local derivative is not finite; or the function is
//! not smooth, as differences require.

use rand::{SeedableRng, rngs::StdRng};

use super::{non_finite::first_non_finite_derivative, plain::own_rules};
use crate::{
    Rule, Tensor,
    check::{
        Comparison, Fault, Line, Verdict,
        measure::{Evaluation, outliers},
        numbers::{dot, is_finite, jittered, size},
        runner::{attempt, gradients_of, weighted},
        script::{Edit, Script, Source},
    },
};

/// Names the faults of the tape's gradients at `place`; `comparisons` sets them beside the numeric ones.
pub(in crate::check) fn tape_faults(place: &Evaluation<'_>, comparisons: &[Comparison]) -> Vec<Verdict> {
    let at = place.at();
    if comparisons.iter().any(|c| c.tape.as_ref().is_some_and(|t| !is_finite(t))) {
        return not_finite(place, &at, comparisons).into_iter().collect();
    }
    let Ok(script) = place.runner.run(&at, |tape, arguments, outputs| Ok(Script::of(tape, arguments, outputs))) else {
        return Vec::new();
    };
    let mut found = own_rules(&script, &at);
    if found.is_empty() {
        found.extend(off_the_tape(&script, &at, place));
    }
    if found.is_empty() {
        found.extend(detached(&script, &at, place, comparisons));
    }
    if found.is_empty() {
        found.extend(comparisons.iter().filter_map(unexplained));
    }
    found
}

fn unexplained(comparison: &Comparison) -> Option<Verdict> {
    let tape = comparison.tape.as_ref()?;
    let out = outliers(tape, comparison, 0.0);
    let first = *out.first()?;
    let numeric = comparison.numeric.as_ref()?.to_vec()[first];
    let evidence = format!(
        "{} of {} elements differ; element {first} is {:.9} by the tape and {numeric:.9} numerically",
        out.len(),
        tape.numel(),
        tape.to_vec()[first]
    );
    Some(Verdict::new(Fault::Unknown, comparison.of.clone(), f64::NAN).because(evidence))
}

/// NaN or an infinity: where it comes from.
fn not_finite(place: &Evaluation<'_>, at: &[Tensor], comparisons: &[Comparison]) -> Option<Verdict> {
    let (of, index, value) = comparisons.iter().find_map(|c| {
        let (index, value) = c.tape.as_ref()?.first_non_finite()?;
        Some((c.of.clone(), index, value))
    })?;
    let (operation, line) = first_non_finite_derivative(&place.runner, at, place.upstream, Rule::Tape);
    let verdict = Verdict::new(Fault::NonFinite { operation }, of, 0.0).at(line);
    Some(verdict.because(format!("element {index} of the gradient is {value}")))
}

/// A constant that changes with the inputs: a value that was read from the tape as numbers and put back.
fn off_the_tape(script: &Script, at: &[Tensor], place: &Evaluation<'_>) -> Option<Verdict> {
    let mut rng = StdRng::seed_from_u64(0);
    let moved: Vec<Tensor> = at.iter().map(|x| jittered(x, &mut rng)).collect();
    let other = place.runner.run(&moved, |tape, arguments, outputs| Ok(Script::of(tape, arguments, outputs))).ok()?;
    if script.steps.len() != other.steps.len() || script.fixed.len() != other.fixed.len() {
        return None;
    }
    let changed = (0..script.fixed.len()).find(|&k| script.fixed[k] != other.fixed[k])?;
    let line = Line::from(script.fixed_at[changed]);
    let evidence = format!(
        "the constant entered at {line} changes with the input: it was read off the tape as numbers and put back, and no \
         gradient flows through it"
    );
    let fault = Fault::ForgottenPath { node: "a value taken off the tape".to_owned() };
    Some(Verdict::new(fault, "every input", 0.0).because(evidence).at(Some(line)))
}

/// A detached value that, when attached again, makes the gradient equal the numeric one.
fn detached(script: &Script, at: &[Tensor], place: &Evaluation<'_>, comparisons: &[Comparison]) -> Option<Verdict> {
    script.steps.iter().enumerate().filter(|(_, step)| step.detached).find_map(|(k, step)| {
        let gradients = script.gradients(at, place.upstream, &[(k, Edit::Attach)])?;
        let right = |c: &Comparison| match &gradients[c.argument] {
            Some(g) => outliers(&place.arguments[c.argument].tangent(g), c, 0.0).is_empty(),
            None => c.numeric.as_ref().is_none_or(|n| size(n) < 1e-9),
        };
        if gradients.iter().all(Option::is_none) || !comparisons.iter().all(right) {
            return None;
        }
        let line = Line::from(step.at);
        let concerned = comparisons.iter().filter(|c| c.tape.as_ref().is_some_and(|t| !outliers(t, c, 0.0).is_empty()));
        let of: Vec<String> = concerned.map(|c| c.of.clone()).collect();
        let evidence =
            format!("with the value that is detached at {line} attached again, the gradient is the numeric one");
        let fault = match bypassed(script, k) {
            Some(node) => Fault::StraightThrough { node },
            None => Fault::ForgottenPath { node: cut_name(script, k) },
        };
        Some(Verdict::new(fault, of.join(" and "), 0.0).because(evidence).at(Some(line)))
    })
}

/// The detached value behind a wrong second derivative: when it is attached again, the slope of Σ ⟨v, gradient⟩ along
/// `w` is `wanted`, to within `allowed`.
pub(in crate::check) fn second_order_fault(
    place: &Evaluation<'_>,
    v: &[Tensor],
    w: &[Tensor],
    wanted: f64,
    allowed: f64,
) -> Option<Verdict> {
    let at = place.at();
    let script = place.runner.run(&at, |tape, arguments, outputs| {
        let Some(loss) = weighted(tape, outputs, place.upstream) else { return Ok(None) };
        let gradients = tape.grad(loss, arguments)?;
        let sum = gradients.iter().zip(v).map(|(&g, v)| (g * tape.constant(v)).sum()).reduce(|a, b| a + b);
        Ok(sum.map(|sum| Script::of(tape, arguments, &[sum])))
    });
    let script = script.ok()??;
    script.steps.iter().enumerate().filter(|(_, step)| step.detached).find_map(|(k, step)| {
        let along = attempt(&at, |tape, x| {
            let found = gradients_of(script.run(tape, x, &[(k, Edit::Attach)])?[0], x).ok()?;
            Some(found.iter().zip(w).filter_map(|(g, w)| Some(dot(g.as_ref()?, w))).sum::<f64>())
        });
        let off = (along? - wanted).abs();
        if off > allowed {
            return None;
        }
        let line = Line::from(step.at);
        let fault = Fault::ForgottenPath { node: cut_name(&script, k) };
        let evidence = format!(
            "the first derivative is right; with the value that is detached at {line} attached again, so is the second"
        );
        let residual = off / wanted.abs().max(f64::MIN_POSITIVE);
        Some(Verdict::new(fault, "the second derivative", residual).because(evidence).at(Some(line)))
    })
}

/// The operation whose value was detached.
fn cut_name(script: &Script, k: usize) -> String {
    let step = &script.steps[k];
    match step.inputs.first().filter(|_| step.is("identity")) {
        Some(Source::Step(before)) => script.steps[*before].name().to_owned(),
        Some(Source::Argument(k)) => format!("input {k}"),
        _ => step.name().to_owned(),
    }
}

/// For x + detach(f(x) − x): the name of f.
fn bypassed(script: &Script, k: usize) -> Option<String> {
    let &Source::Step(difference) = script.steps[k].inputs.first()? else { return None };
    let subtraction = &script.steps[difference];
    let sum = script.steps.iter().find(|s| s.is("add") && s.inputs.contains(&Source::Step(k)))?;
    let kept = sum.inputs.iter().find(|source| **source != Source::Step(k))?;
    if !subtraction.is("sub") || subtraction.inputs.get(1) != Some(kept) {
        return None;
    }
    match subtraction.inputs[0] {
        Source::Step(f) => Some(script.steps[f].name().to_owned()),
        _ => None,
    }
}
