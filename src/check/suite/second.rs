//! The gradient of the gradient.
//!
//! With random directions v and w, s(x) = Σ ⟨v, gradient⟩ has a slope along w, which the tape and differences must agree
//! upon. Every input has directions of its own: along equal ones, a function of differences of its inputs is constant.

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    examination::{Examination, failed, not_applicable, passed},
    questions::Question,
};
use crate::{
    DType, Tensor,
    check::{
        Constraint, Outcome, Verdict,
        caught::Failure,
        diagnose,
        measure::Evaluation,
        numbers::dot,
        runner::{gradients_of, weighted},
        slope::{Slope, slope},
    },
};

/// Pairs of directions that are tried until one of them tells something.
const PAIRS: usize = 2;

/// The gradient of the gradient along random directions, compared with differences of the gradient.
pub(super) fn second(e: &Examination<'_>) -> (Outcome, Option<Verdict>) {
    if [Question::ManualNumeric, Question::ManualTape, Question::TapeNumeric].into_iter().any(|asked| e.failed(asked)) {
        return (not_applicable("the first order failed"), None);
    }
    let place = e.largest();
    if place.arguments.iter().any(|argument| argument.constraint != Constraint::Free) {
        return (not_applicable("an input is constrained"), None);
    }
    if e.gradients.iter().any(|c| !c.special.is_empty()) {
        return (not_applicable("there are kinks at these inputs"), None);
    }
    let at = place.at();
    let mut rng = StdRng::seed_from_u64(e.check.seed ^ 0x7365_636f_6e64);
    let mut nothing = None;
    for _ in 0..PAIRS {
        let mut draw = || -> Vec<Tensor> {
            let along =
                |x: &Tensor| Tensor::from_fn(x.shape().clone(), DType::F64, |_| 2.0 * rng.random::<f64>() - 1.0);
            at.iter().map(along).collect()
        };
        let (v, w) = (draw(), draw());
        match along(&place, &v, &w) {
            Err(failure) => return (not_applicable(failure.sentence), None),
            Ok(Along::Nothing(why)) => nothing = nothing.or(Some(why)),
            Ok(Along::Agrees(relative)) => {
                return (passed(format!("to {relative:.1e}, along a random direction")), None);
            }
            Ok(Along::Differs { by_tape, numeric, allowed }) => {
                let sentence = format!("along a random direction it is {by_tape:.9e}, numerically {numeric:.9e}");
                return (failed(sentence), diagnose::second_order_fault(&place, &v, &w, numeric, allowed));
            }
        }
    }
    (not_applicable(nothing.unwrap_or_default()), None)
}

/// What one pair of directions says.
enum Along {
    /// Nothing, and why.
    Nothing(&'static str),
    /// Tape and differences agree, up to this relative difference.
    Agrees(f64),
    /// They differ by more than is allowed.
    Differs { by_tape: f64, numeric: f64, allowed: f64 },
}

fn along(place: &Evaluation<'_>, v: &[Tensor], w: &[Tensor]) -> Result<Along, Failure> {
    let at = place.at();
    // s(x) = Σ ⟨v, gradient⟩, and its slope along w by the tape.
    let slope_of = |at: &[Tensor], differentiate: bool| {
        place.runner.run(at, |tape, arguments, outputs| {
            let Some(loss) = weighted(tape, outputs, place.upstream) else { return Ok((0.0, 0.0)) };
            let gradients = tape.grad(loss, arguments)?;
            let terms = gradients.iter().zip(v).map(|(&g, v)| (g * tape.constant(v)).sum());
            let s = terms.reduce(|a, b| a + b).expect("there is an argument");
            if !differentiate || !s.needs_grad() {
                return Ok((s.item(), 0.0));
            }
            let second = gradients_of(s, arguments)?;
            let along = second.iter().zip(w).filter_map(|(g, w)| Some(dot(g.as_ref()?, w)));
            Ok((s.item(), along.sum()))
        })
    };
    let (here, by_tape) = slope_of(&at, true)?;
    let moved = |t: f64| {
        let at: Vec<Tensor> = at.iter().zip(w).map(|(x, w)| Constraint::Free.moved(x, Some(w), t)).collect();
        slope_of(&at, false).map_or(f64::NAN, |found| found.0)
    };
    let Slope::Smooth { value, error, .. } = slope(moved, here, 1.0, 1e-8 * here.abs().max(1.0)) else {
        return Ok(Along::Nothing("the gradient has a kink or a jump along the directions that were tried"));
    };
    let off = (value - by_tape).abs();
    let allowed = 10.0 * error + 1e-7 * value.abs().max(here.abs()).max(1e-3);
    if by_tape == 0.0 && value.abs() <= allowed {
        return Ok(Along::Nothing("the gradient does not depend on the input"));
    }
    Ok(match off <= allowed {
        true => Along::Agrees(off / value.abs().max(f64::MIN_POSITIVE)),
        false => Along::Differs { by_tape, numeric: value, allowed },
    })
}
