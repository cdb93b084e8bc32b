//! The gradient of the gradient.

use super::{
    examination::{Examination, failed, not_applicable, passed},
    questions::Question,
};
use crate::{
    DType, Tensor,
    check::{
        Constraint, Outcome, Verdict, diagnose,
        numbers::dot,
        runner::{gradients_of, weighted},
        slope::{Slope, slope},
    },
};

/// The gradient of the gradient along a random direction, compared with differences of the gradient.
pub(super) fn second(e: &Examination<'_>) -> (Outcome, Option<Verdict>) {
    if [Question::ManualNumeric, Question::ManualTape, Question::TapeNumeric].into_iter().any(|asked| e.failed(asked)) {
        return (not_applicable("the first order failed"), None);
    }
    let place = e.largest();
    let at = place.at();
    if place.arguments.iter().any(|argument| argument.constraint != Constraint::Free) {
        return (not_applicable("an input is constrained"), None);
    }
    if e.gradients.iter().any(|c| !c.special.is_empty()) {
        return (not_applicable("there are kinks at these inputs"), None);
    }
    let direction =
        |x: &Tensor, seed: f64| Tensor::from_fn(x.shape().clone(), DType::F64, |i| ((i as f64 + seed) * 1.37).sin());
    let (v, w): (Vec<Tensor>, Vec<Tensor>) = at.iter().map(|x| (direction(x, 1.0), direction(x, 2.5))).unzip();
    // s(x) = Σ ⟨v, gradient⟩, and its slope along w by the tape.
    let slope_of = |at: &[Tensor], differentiate: bool| {
        place.runner.run(at, |tape, arguments, outputs| {
            let Some(loss) = weighted(tape, outputs, place.upstream) else { return Ok((0.0, 0.0)) };
            let gradients = tape.grad(loss, arguments)?;
            let terms = gradients.iter().zip(&v).map(|(&g, v)| (g * tape.constant(v)).sum());
            let s = terms.reduce(|a, b| a + b).expect("there is an argument");
            if !differentiate || !s.needs_grad() {
                return Ok((s.item(), 0.0));
            }
            let second = gradients_of(s, arguments)?;
            let along = second.iter().zip(&w).filter_map(|(g, w)| Some(dot(g.as_ref()?, w)));
            Ok((s.item(), along.sum()))
        })
    };
    let (here, by_tape) = match slope_of(&at, true) {
        Ok(found) => found,
        Err(failure) => return (not_applicable(failure.sentence), None),
    };
    let moved = |t: f64| {
        let at: Vec<Tensor> = at.iter().zip(&w).map(|(x, w)| Constraint::Free.moved(x, Some(w), t)).collect();
        slope_of(&at, false).map_or(f64::NAN, |found| found.0)
    };
    let Slope::Smooth { value, error, .. } = slope(moved, here, 1.0, 1e-8 * here.abs().max(1.0)) else {
        return (not_applicable("the gradient has a kink or a jump along the direction that was tried"), None);
    };
    let off = (value - by_tape).abs();
    let allowed = 10.0 * error + 1e-7 * value.abs().max(here.abs()).max(1e-3);
    if by_tape == 0.0 && value.abs() <= allowed {
        return (not_applicable("the gradient does not depend on the input"), None);
    }
    if off <= allowed {
        let relative = off / value.abs().max(f64::MIN_POSITIVE);
        return (passed(format!("to {relative:.1e}, along a random direction")), None);
    }
    let sentence = format!("along a random direction it is {by_tape:.9e}, numerically {value:.9e}");
    (failed(sentence), diagnose::second_order_fault(&place, &v, &w, value, allowed))
}
