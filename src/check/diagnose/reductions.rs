//! Sums too few, too many, or over the wrong axis.
//!
//! The true gradient is linear in the upstream gradient, so a sum over observations can be cut short by an upstream
//! gradient that is 0 for all but one of them: t = Σᵢ tᵢ. A rule that forgot the sum answers one tᵢ, or all of them, in
//! a shape of its own.
//!
//! For an input that `forward` broadcasts, the gradient before the sum is that of the input spread out first. From this
//! one tensor u all wrong reductions can be made: u itself, a mean in place of the sum, sums over other axes.

use std::sync::Arc;

use super::{
    Case, Point,
    relations::{masked, spread, with_tape},
    size,
};
use crate::{
    DType, Function, Shape, Tape, Tensor,
    check::{Fault, Verdict},
};

pub(super) fn faults(case: &Case<'_>, k: usize) -> Vec<Verdict> {
    let mut found = too_many(case, k);
    found.extend(one_alone(case, k));
    let before = before_the_sum(case, k);
    match before.is_empty() {
        true => found.extend(not_summed(case, k)),
        false => found.extend(before),
    }
    found
}

/// The answer has more axes than the input, and its sum over some of them is exact.
fn not_summed(case: &Case<'_>, k: usize) -> Option<Verdict> {
    let own = case.points[0].truth[k].shape().clone();
    let answer = case.points[0].answer[k].as_ref()?.shape().clone();
    if answer == own || answer.rank() > 6 {
        return None;
    }
    (1..1usize << answer.rank()).find_map(|set| {
        let axes: Vec<isize> = (0..answer.rank() as isize).filter(|axis| set >> axis & 1 == 1).collect();
        let summed = |point: &Point| {
            let sum = with_tape(point.answer[k].as_ref()?, |a| a.sum_axes(&axes, false));
            (sum.numel() == own.numel()).then(|| sum.reshape(own.clone()).ok()).flatten()
        };
        let residual = case.repaired(k, summed)?;
        let fault = Fault::MissingReduction { how: format!("the sum over {} of the answer", name_axes(&axes)) };
        let evidence = format!("the gradient came in shape {answer}, and the input has shape {own}");
        Some(Verdict::new(fault, format!("input {k}"), residual).because(evidence))
    })
}

/// a is the sum, or the mean, of t over an axis, spread out again.
fn too_many(case: &Case<'_>, k: usize) -> Vec<Verdict> {
    let shape = case.points[0].truth[k].shape().clone();
    let mut found = Vec::new();
    let rank = shape.rank();
    let mut sets: Vec<Vec<isize>> = (0..rank as isize).map(|axis| vec![axis]).collect();
    if rank > 1 {
        sets.push((0..rank as isize).collect());
        sets.push((1..rank as isize).collect());
    }
    if rank == 4 {
        sets.push(vec![2, 3]);
        sets.push(vec![0, 2, 3]);
    }
    for axes in sets {
        let count: usize = axes.iter().map(|&axis| shape[axis as usize]).product();
        if count < 2 {
            continue;
        }
        for (mean, what) in [(false, "summed"), (true, "averaged")] {
            let reduced = |t: &Tensor| {
                let sum = with_tape(t, |t| if mean { t.mean_axes(&axes, true) } else { t.sum_axes(&axes, true) });
                spread(&sum, &shape)
            };
            if let Some(residual) = case.residual(k, |p| Some(reduced(&p.truth[k]))) {
                let fault = Fault::ExtraReduction { how: format!("it is {what} over {}", name_axes(&axes)) };
                let evidence = format!("every element along {} has the same gradient", name_axes(&axes));
                found.push(Verdict::new(fault, format!("input {k}"), residual).because(evidence));
            }
        }
    }
    found
}

fn name_axes(axes: &[isize]) -> String {
    let list: Vec<String> = axes.iter().map(isize::to_string).collect();
    format!("{} {}", if axes.len() == 1 { "axis" } else { "axes" }, list.join(", "))
}

/// a is the share of a single index of an axis of the output.
fn one_alone(case: &Case<'_>, k: usize) -> Vec<Verdict> {
    let mut found = Vec::new();
    // A share of nothing explains no answer.
    if case.points.iter().all(|p| p.answer[k].as_ref().is_none_or(|a| size(a) == 0.0)) {
        return found;
    }
    for (output, z) in case.points[0].z.iter().enumerate() {
        for axis in 0..z.shape().rank() {
            let n = z.shape()[axis];
            if n < 2 {
                continue;
            }
            for (index, which) in [(0, "first"), (n - 1, "last")] {
                let share = |point: &Point| {
                    let mut dz = point.dz.clone();
                    dz[output] = masked(&dz[output], axis, index);
                    Some(case.truth(&point.x, &dz).ok()?.swap_remove(k))
                };
                // Where every index but this one has no share at all, nothing is missing.
                if let Some(residual) = case.residual(k, share) {
                    let how = format!("only the {which} index of axis {axis} of the output counts");
                    let evidence = format!("with the upstream gradient of the other {} set to 0, it is right", n - 1);
                    let verdict = Verdict::new(Fault::MissingReduction { how }, format!("input {k}"), residual);
                    found.push(verdict.because(evidence));
                }
            }
        }
    }
    found
}

/// The gradient by input `k` spread out to `shape` beforehand; `None` where that changes the shapes of the outputs `z`.
fn unsummed(
    function: &dyn Function,
    x: &[Tensor],
    z: &[Tensor],
    dz: &[Tensor],
    k: usize,
    shape: &Shape,
) -> Option<Tensor> {
    super::caught(|| {
        let tape = Tape::f64();
        let mut x: Vec<_> = x.iter().map(|x| tape.leaf(x)).collect();
        x[k] = tape.leaf(x[k].try_broadcast_to(shape).ok()?.value());
        let outputs = function.forward(&x);
        if outputs.len() != z.len() || outputs.iter().zip(z).any(|(output, z)| output.shape() != *z.shape()) {
            return None;
        }
        Some(super::gradients(&tape, &x, &outputs, dz).ok()?.swap_remove(k))
    })
    .ok()
    .flatten()
}

/// The shape that input `k` may be spread to without changing any output.
pub(super) fn spread_shape(function: &Arc<dyn Function>, x: &[Tensor], z: &[Tensor], k: usize) -> Option<Shape> {
    let own = x[k].shape();
    let zeros: Vec<Tensor> = z.iter().map(|z| Tensor::zeros(z.shape().clone(), DType::F64)).collect();
    z.iter().chain(x).map(|v| v.shape().clone()).find(|shape| {
        shape != own
            && own.broadcast(shape).as_ref() == Some(shape)
            && unsummed(&**function, x, z, &zeros, k, shape).is_some()
    })
}

/// The gradient by input `k` before its sum over the axes that it is spread along.
pub(in crate::check) fn unsummed_gradient(
    function: &Arc<dyn Function>,
    x: &[Tensor],
    dz: &[Tensor],
    k: usize,
) -> Option<Tensor> {
    let shape = spread_shape(function, x, dz, k)?;
    unsummed(&**function, x, dz, dz, k, &shape)
}

/// All reductions of the gradient before its sum.
fn before_the_sum(case: &Case<'_>, k: usize) -> Vec<Verdict> {
    let own = case.points[0].truth[k].shape().clone();
    let Some(answer) = &case.points[0].answer[k] else { return Vec::new() };
    let mut found = Vec::new();
    if let Some(shape) = spread_shape(case.function, &case.points[0].x, &case.points[0].z, k) {
        let rank = shape.rank() as u32;
        for set in 0..1usize << rank.min(5) {
            let axes: Vec<isize> = (0..rank as isize).filter(|axis| set >> axis & 1 == 1).collect();
            for mean in [false, true] {
                let reduced = |point: &Point| {
                    let u = unsummed(&**case.function, &point.x, &point.z, &point.dz, k, &shape)?;
                    let sum = match axes.is_empty() {
                        true => u,
                        false => {
                            with_tape(&u, |u| if mean { u.mean_axes(&axes, false) } else { u.sum_axes(&axes, false) })
                        }
                    };
                    (sum.numel() == answer.numel()).then(|| sum.reshape(answer.shape().clone()).ok()).flatten()
                };
                let Some(residual) = case.residual(k, reduced) else { continue };
                found.push(reduction(&axes, mean, &shape, &own, answer.shape(), residual, k));
            }
        }
    }
    found
}

fn reduction(
    axes: &[isize],
    mean: bool,
    spread: &Shape,
    own: &Shape,
    answer: &Shape,
    residual: f64,
    k: usize,
) -> Verdict {
    // The axes that the sum should run over.
    let offset = spread.rank() - own.rank();
    let right: Vec<isize> = (0..spread.rank())
        .filter(|&axis| axis < offset || (own[axis - offset] == 1 && spread[axis] != 1))
        .map(|axis| axis as isize)
        .collect();
    let wanted = name_axes(&right);
    let missing: Vec<isize> = right.iter().copied().filter(|axis| !axes.contains(axis)).collect();
    let extra: Vec<isize> = axes.iter().copied().filter(|axis| !right.contains(axis)).collect();
    let fault = match (missing.is_empty(), extra.is_empty()) {
        (false, true) => Fault::MissingReduction { how: format!("the sum over {}", name_axes(&missing)) },
        (true, false) => Fault::ExtraReduction { how: format!("it is summed over {} too", name_axes(&extra)) },
        (true, true) if mean => Fault::ExtraReduction { how: format!("averaged over {wanted} where a sum belongs") },
        (true, true) => Fault::Shape,
        (false, false) => Fault::WrongAxis { how: format!("summed over {} instead of {wanted}", name_axes(axes)) },
    };
    let shapes = format!("the input has shape {own} and is spread over {spread}; its gradient came in shape {answer}");
    let sum = format!("the gradient is the sum over {wanted}: `sum_to` the shape of the input");
    Verdict::new(fault, format!("input {k}"), residual).because(shapes).because(sum)
}
