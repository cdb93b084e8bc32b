//! How gradients depend on the upstream gradient.

use super::{
    examination::{Examination, failed, not_applicable, passed},
    questions::Question,
};
use crate::{
    Rule, Tensor,
    check::{
        Outcome,
        caught::Failure,
        measure::Evaluation,
        numbers::{all_of, largest, mapped},
    },
};

pub(super) fn test(e: &mut Examination<'_>) {
    if e.sound.is_empty() {
        return e.pass_over(&[Question::ZeroUpstream, Question::LinearUpstream]);
    }
    let (zero, linear) = outcomes(&e.largest());
    e.note(Question::ZeroUpstream, zero);
    e.note(Question::LinearUpstream, linear);
}

fn outcomes(largest_batch: &Evaluation<'_>) -> (Outcome, Outcome) {
    let combined = |f: &dyn Fn(f64, usize) -> f64| -> Vec<Tensor> {
        largest_batch.upstream.iter().map(|u| mapped(u, |i, v| f(v, i))).collect()
    };
    let gradients = |upstream: &[Tensor]| Evaluation { upstream, ..*largest_batch }.gradients(Rule::Manual);
    let other = |value: f64, i: usize| value * ((i % 3) as f64 - 0.7);
    let all = || -> Result<[Vec<Tensor>; 4], Failure> {
        Ok([
            gradients(&combined(&|_, _| 0.0))?,
            gradients(largest_batch.upstream)?,
            gradients(&combined(&other))?,
            gradients(&combined(&|value, i| value + 2.0 * other(value, i)))?,
        ])
    };
    let [zero, one, two, sum] = match all() {
        Ok(all) => all,
        Err(failure) => {
            let outcome = not_applicable(format!("the gradient cannot be taken: {}", failure.sentence));
            return (outcome.clone(), outcome);
        }
    };
    let count: usize = zero.iter().map(Tensor::numel).sum();
    let zero_outcome = match zero.iter().flat_map(Tensor::to_vec).find(|v| *v != 0.0) {
        Some(value) if value.is_finite() => {
            failed(format!("for an upstream gradient of 0, a gradient is as large as {:.3e}", largest(&zero)))
        }
        Some(value) => failed(format!("for an upstream gradient of 0, a number of a gradient is {value}")),
        None => passed(all_of(count, "number")),
    };
    let mut worst = 0.0f64;
    let global = largest(&one);
    for k in 0..one.len() {
        let (one, two, sum) = (one[k].to_vec(), two[k].to_vec(), sum[k].to_vec());
        let floor = largest_batch.floor(k, global);
        let scale = one.iter().zip(&two).fold(floor, |m, (a, b)| m.max(a.abs() + 2.0 * b.abs()));
        let off = (0..sum.len()).map(|i| (one[i] + 2.0 * two[i] - sum[i]).abs()).fold(0.0, f64::max);
        worst = worst.max(if off == 0.0 { 0.0 } else { off / scale });
    }
    let linear_outcome = match worst <= 1e-9 {
        true => passed(format!("to {worst:.1e}")),
        false => failed(format!("the gradient for a sum is {worst:.1e} off the sum of the gradients")),
    };
    (zero_outcome, linear_outcome)
}
