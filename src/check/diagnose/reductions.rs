//! Sums that are missing, superfluous, or over the wrong axis.
//!
//! The true gradient is linear in the upstream gradient, so a sum over observations can be taken apart by an upstream
//! gradient that is 0 for all but one of them: t = Σᵢ tᵢ. A rule that forgot the sum returns one tᵢ, or all of them, in
//! a shape of its own.
//!
//! For an input that `forward` broadcasts, the gradient before the sum is that of the input broadcast beforehand. All
//! wrong reductions can be made from this one tensor u: u itself, a mean instead of the sum, sums over other axes.

use crate::{
    Function, Shape, Tensor,
    check::{
        Fault, Verdict,
        case::{Case, Point},
        numbers::{masked, size, spread, spreads_to, with_tape, zeros},
        replay::gradients_by_tape,
        runner::{attempt, or_zeros},
    },
};

pub(super) fn faults(case: &Case, k: usize) -> Vec<Verdict> {
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
fn not_summed(case: &Case, k: usize) -> Option<Verdict> {
    let own = case.first().truth[k].shape().clone();
    let answer = case.first().answer[k].as_ref()?.shape().clone();
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
        Some(case.verdict(k, fault, residual).because(evidence))
    })
}

/// a is the sum, or the mean, of t over an axis, broadcast back.
fn too_many(case: &Case, k: usize) -> Vec<Verdict> {
    let shape = case.first().truth[k].shape().clone();
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
                found.push(case.verdict(k, fault, residual).because(evidence));
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
fn one_alone(case: &Case, k: usize) -> Vec<Verdict> {
    let mut found = Vec::new();
    // A share of zero explains no answer.
    if case.points.iter().all(|p| p.answer[k].as_ref().is_none_or(|a| size(a) == 0.0)) {
        return found;
    }
    for (output, z) in case.first().given.z.iter().enumerate() {
        for axis in 0..z.shape().rank() {
            let n = z.shape()[axis];
            if n < 2 {
                continue;
            }
            for (index, which) in [(0, "first"), (n - 1, "last")] {
                let share = |point: &Point| {
                    let mut dz = point.given.dz.clone();
                    dz[output] = masked(&dz[output], axis, index);
                    Some(case.truth_at(&point.given.x, &dz).ok()?.swap_remove(k))
                };
                // If no other index has any share, nothing is missing.
                if let Some(residual) = case.residual(k, share) {
                    let how = format!("only the {which} index of axis {axis} of the output counts");
                    let evidence = format!("with the upstream gradient of the other {} set to 0, it is right", n - 1);
                    let verdict = case.verdict(k, Fault::MissingReduction { how }, residual);
                    found.push(verdict.because(evidence));
                }
            }
        }
    }
    found
}

/// The gradient with respect to input `k`, broadcast to `shape` beforehand; `None` if that changes the shapes of the
/// outputs `z`.
fn unsummed(
    function: &dyn Function,
    x: &[Tensor],
    z: &[Tensor],
    dz: &[Tensor],
    k: usize,
    shape: &Shape,
) -> Option<Tensor> {
    let mut x = x.to_vec();
    x[k] = attempt([&x[k]], |_, x| Some(x[0].try_broadcast_to(shape).ok()?.value()))?;
    let found = attempt(&x, |tape, x| {
        let outputs = function.forward(x);
        let same = outputs.len() == z.len() && outputs.iter().zip(z).all(|(output, z)| output.shape() == *z.shape());
        if same { gradients_by_tape(tape, x, &outputs, dz) } else { None }
    })?;
    Some(or_zeros(found, &x).swap_remove(k))
}

/// The shape to which input `k` can be broadcast without changing any output.
pub(in crate::check) fn spread_shape(function: &dyn Function, x: &[Tensor], z: &[Tensor], k: usize) -> Option<Shape> {
    let own = x[k].shape();
    let none: Vec<Tensor> = z.iter().map(|z| zeros(z.shape())).collect();
    z.iter()
        .chain(x)
        .map(|v| v.shape().clone())
        .find(|shape| shape != own && spreads_to(&x[k], shape) && unsummed(function, x, z, &none, k, shape).is_some())
}

/// The gradient with respect to input `k` before its sum over the axes along which the input is broadcast.
pub(in crate::check) fn unsummed_gradient(
    function: &dyn Function,
    x: &[Tensor],
    dz: &[Tensor],
    k: usize,
) -> Option<Tensor> {
    let shape = spread_shape(function, x, dz, k)?;
    unsummed(function, x, dz, dz, k, &shape)
}

/// All reductions of the gradient before its sum.
fn before_the_sum(case: &Case, k: usize) -> Vec<Verdict> {
    let own = case.first().truth[k].shape().clone();
    let Some(answer) = &case.first().answer[k] else { return Vec::new() };
    let mut found = Vec::new();
    if let Some(shape) = spread_shape(&*case.function, &case.first().given.x, &case.first().given.z, k) {
        let rank = shape.rank() as u32;
        for set in 0..1usize << rank.min(5) {
            let axes: Vec<isize> = (0..rank as isize).filter(|axis| set >> axis & 1 == 1).collect();
            for mean in [false, true] {
                let reduced = |point: &Point| {
                    let u = unsummed(&*case.function, &point.given.x, &point.given.z, &point.given.dz, k, &shape)?;
                    let sum = match axes.is_empty() {
                        true => u,
                        false => {
                            with_tape(&u, |u| if mean { u.mean_axes(&axes, false) } else { u.sum_axes(&axes, false) })
                        }
                    };
                    (sum.numel() == answer.numel()).then(|| sum.reshape(answer.shape().clone()).ok()).flatten()
                };
                let Some(residual) = case.residual(k, reduced) else { continue };
                let (fault, sum) = reduction(&axes, mean, &shape, &own);
                let shapes = format!(
                    "the input has shape {own} and is spread over {shape}; its gradient came in shape {}",
                    answer.shape()
                );
                found.push(case.verdict(k, fault, residual).because(shapes).because(sum));
            }
        }
    }
    found
}

/// The fault of summing over `axes` instead of those along which `own` was broadcast, and the correct sum.
fn reduction(axes: &[isize], mean: bool, spread: &Shape, own: &Shape) -> (Fault, String) {
    let right = broadcast_axes(own, spread);
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
    (fault, format!("the gradient is the sum over {wanted}: `sum_to` the shape of the input"))
}

/// The axes of `spread` along which a tensor of shape `own` is broadcast.
pub(in crate::check) fn broadcast_axes(own: &Shape, spread: &Shape) -> Vec<isize> {
    let offset = spread.rank() - own.rank();
    let along = |axis: &usize| *axis < offset || (own[axis - offset] == 1 && spread[*axis] != 1);
    (0..spread.rank()).filter(along).map(|axis| axis as isize).collect()
}
