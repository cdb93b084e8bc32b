//! Shares of a gradient that are lost, doubled or turned.
//!
//! The gradient with respect to a number xⱼ is a sum over the numbers of the output that depend on it:
//!
//! ```text
//! tⱼ = Σᵢ Jᵢⱼ dzᵢ,   J = ∂z/∂x.
//! ```
//!
//! A loop over slices that writes `dx[j] = ..` where `+=` belongs keeps one share of several: that of the last i, or of
//! the last index along some axes of the output, where an inner loop does add up. A rule that forgets what a loop carries,
//! or what other places share, has an R that is J in some places, and 0, −J or 2 J in all others.

use super::jacobian::{Matrices, ROUGH, index_of};
use crate::{
    Tensor,
    check::{Fault, Verdict, case::Case, numbers::size},
};

pub(super) fn faults(case: &Case, k: usize, all: &[Matrices]) -> Vec<Verdict> {
    let last = overwritten(case, k, all, true).into_iter().chain(turned(case, k, all)).chain(by_place(case, k, all));
    let mut found: Vec<Verdict> = last.collect();
    // The first of all is what a rule without its sum takes, too.
    if found.is_empty() {
        found.extend(overwritten(case, k, all, false));
    }
    found
}

/// Of the shares of an element, the last is left, or the first.
fn overwritten(case: &Case, k: usize, all: &[Matrices], last: bool) -> Option<Verdict> {
    let dims = case.first().given.z[0].shape().dims().to_vec();
    let mut sets: Vec<u32> = (1..1u32 << dims.len().min(5)).collect();
    sets.sort_by_key(|set| set.count_ones());
    let left_alone = |set: u32| {
        let axes: Vec<usize> = (0..dims.len()).filter(|axis| set >> axis & 1 == 1).collect();
        let place = |i: usize| -> Vec<usize> {
            let at = index_of(&dims, i);
            axes.iter().map(|&axis| at[axis]).collect()
        };
        let mut residual = 0f64;
        let (mut lost, mut ends) = (false, Vec::new());
        for (matrices, point) in all.iter().zip(&case.points) {
            let (dz, answer) = (point.given.dz[0].to_vec(), point.answer[k].as_ref()?.to_vec());
            let scale = size(&point.truth[k]);
            for (j, answer) in answer.into_iter().enumerate() {
                let shares: Vec<usize> = (0..matrices.outputs).filter(|&i| matrices.depends(i, j)).collect();
                let places = shares.iter().map(|&i| place(i));
                let Some(end) = (if last { places.max() } else { places.min() }) else { continue };
                let left: Vec<usize> = shares.iter().copied().filter(|&i| place(i) == end).collect();
                lost |= left.len() < shares.len();
                let sum: f64 = left.iter().map(|&i| matrices.truth[i * matrices.inputs + j] * dz[i]).sum();
                residual = residual.max((sum - answer).abs() / scale);
                ends.push(end);
            }
            if residual > ROUGH {
                return None;
            }
        }
        // The first index alone, for all elements, is no matter of order: the sum was forgotten.
        let forgotten = !last && ends.iter().all(|end| end.iter().all(|&at| at == 0));
        lost.then_some((axes, residual, forgotten))
    };
    let (axes, residual, forgotten) = sets.into_iter().find_map(left_alone)?;
    if forgotten {
        return None;
    }
    let which = if last { "last" } else { "first" };
    let list: Vec<String> = axes.iter().map(usize::to_string).collect();
    let along = match axes.len() {
        1 => format!(" along axis {}", list[0]),
        n if n < dims.len() => format!(" along axes {}", list.join(", ")),
        _ => String::new(),
    };
    let how = format!("of the outputs{along} that depend on an element, only the {which} counts");
    let evidence = match all.iter().all(|m| m.adds_up) {
        true => "with the shares of the others left out, the true gradient is this one: `=` where `+=` belongs?",
        false => {
            "asked for one output at a time, the rule answers otherwise than for all at once: `=` where `+=` belongs?"
        }
    };
    Some(case.verdict(k, Fault::Overwritten { how }, residual).because(evidence))
}

/// R = Jᵀ: what should come back goes on.
fn turned(case: &Case, k: usize, all: &[Matrices]) -> Option<Verdict> {
    let mut residual = 0f64;
    for m in all {
        if m.outputs != m.inputs || !m.adds_up {
            return None;
        }
        let n = m.inputs;
        let off = (0..n * n).map(|at| (m.rule[at] - m.truth[at % n * n + at / n]).abs()).fold(0.0, f64::max);
        residual = residual.max(off / m.scale);
    }
    let how =
        "the rule multiplies by ∂z/∂x instead of its transpose: it goes through the axis in the order of `forward`";
    (residual <= ROUGH).then(|| case.verdict(k, Fault::WrongMovement { how: how.to_owned() }, residual))
}

/// Whether a pair of an output and an input, by their indices, is meant.
type Meant = Box<dyn Fn(&[usize], &[usize]) -> bool>;

/// R is J, except in some places, where it is 0, −J or 2 J.
fn by_place(case: &Case, k: usize, all: &[Matrices]) -> Option<Verdict> {
    if !all.iter().all(|m| m.adds_up) {
        return None;
    }
    let given = &case.first().given;
    let (of_z, of_x) = (given.z[0].shape().dims(), given.x[k].shape().dims());
    let indices = |dims: &[usize], n: usize| (0..n).map(|at| index_of(dims, at)).collect::<Vec<_>>();
    let (z, x) = (indices(of_z, given.z[0].numel()), indices(of_x, Tensor::numel(&given.x[k])));
    described(of_z, of_x).into_iter().find_map(|(what, meant)| {
        let fits = |times: f64| {
            let mut counts = [0, 0];
            let mut residual = 0f64;
            for m in all {
                for (i, z) in z.iter().enumerate() {
                    for (j, x) in x.iter().enumerate() {
                        let at = i * m.inputs + j;
                        let inside = meant(z, x);
                        counts[usize::from(inside)] += usize::from(m.depends(i, j));
                        let wanted = m.truth[at] * if inside { times } else { 1.0 };
                        residual = residual.max((m.rule[at] - wanted).abs() / m.scale);
                    }
                }
            }
            (residual <= ROUGH && counts.iter().all(|&n| n > 0)).then_some(residual)
        };
        [0.0, -1.0, 2.0].into_iter().find_map(|times| {
            let residual = fits(times)?;
            let fault = Fault::WrongTerm { term: format!("what comes from {what}"), times: Some(times) };
            let evidence = "one output after another, the rule answers rightly for all others";
            Some(case.verdict(k, fault, residual).because(evidence))
        })
    })
}

/// Places of the output, as seen from an element of the input.
fn described(z: &[usize], x: &[usize]) -> Vec<(String, Meant)> {
    let mut all: Vec<(String, Meant)> = Vec::new();
    for a in 0..z.len() {
        let b = (a + x.len()).checked_sub(z.len()).filter(|&b| x[b] == z[a]);
        if let Some(b) = b.filter(|_| z[a] > 1) {
            let mut put = |what: &str, meant: Meant| all.push((format!("{what} along axis {a}"), meant));
            put("the other places of the output", Box::new(move |i, j| i[a] != j[b]));
            put("its own place in the output", Box::new(move |i, j| i[a] == j[b]));
            put("the outputs after it", Box::new(move |i, j| i[a] > j[b]));
            put("the outputs before it", Box::new(move |i, j| i[a] < j[b]));
            put("the outputs more than one place after it", Box::new(move |i, j| i[a] > j[b] + 1));
            put("the outputs more than one place before it", Box::new(move |i, j| i[a] + 1 < j[b]));
        }
        if z[a] > 1 {
            for at in [0, z[a] - 1] {
                all.push((format!("index {at} of axis {a} of the output"), Box::new(move |i, _| i[a] == at)));
            }
        }
    }
    all
}
