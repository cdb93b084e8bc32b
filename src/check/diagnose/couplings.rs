//! Terms that sum over an axis.
//!
//! Where an output depends on all elements along some axes through a statistic (the sum of a softmax, the mean and the
//! deviation of a normalization), J = ∂z/∂x has terms of rank one in each group of these elements:
//!
//! ```text
//! Jᵢⱼ = dᵢ δᵢⱼ + Σ s vᵢ wⱼ,   so   tⱼ = dⱼ dzⱼ + Σ s wⱼ Σᵢ vᵢ dzᵢ,
//! ```
//!
//! with v and w such as 1, the input, its deviation from the mean, the output. If R − J is one of these, with any s for each
//! group, the rule has that term wrong. Its part in J itself is fitted off the diagonal, together with one more; the ratio
//! says how often it counts.

use super::jacobian::{Matrices, ROUGH, index_of};
use crate::check::{
    Fault, Verdict,
    case::Case,
    numbers::{spread, spreads_to, zeros},
};

/// A value for each place, at each point, with its name.
struct Factor {
    name: String,
    at: Vec<Vec<f64>>,
}

pub(super) fn fault(case: &Case, k: usize, all: &[Matrices]) -> Option<Verdict> {
    let given = &case.first().given;
    let shape = given.x[k].shape();
    if given.z[0].shape() != shape || shape.rank() == 0 || !all.iter().all(|m| m.adds_up) {
        return None;
    }
    let dims = shape.dims();
    let mut sets: Vec<u32> = (1..1u32 << dims.len().min(4)).collect();
    sets.sort_by_key(|set| set.count_ones());
    sets.into_iter().find_map(|set| {
        let axes: Vec<usize> = (0..dims.len()).filter(|axis| set >> axis & 1 == 1).collect();
        along(case, k, all, &axes)
    })
}

fn along(case: &Case, k: usize, all: &[Matrices], axes: &[usize]) -> Option<Verdict> {
    let dims = case.first().given.x[k].shape().dims().to_vec();
    let groups = groups(&dims, axes);
    if groups[0].len() < 3 {
        return None;
    }
    let mut group_of = vec![0; all[0].inputs];
    groups.iter().enumerate().for_each(|(g, group)| group.iter().for_each(|&at| group_of[at] = g));
    let wrong: Vec<Vec<f64>> = all.iter().map(|m| m.rule.iter().zip(&m.truth).map(|(r, t)| r - t).collect()).collect();
    let within = |(m, wrong): (&Matrices, &Vec<f64>)| {
        let outside = |at: &usize| group_of[at / m.inputs] != group_of[at % m.inputs];
        (0..wrong.len()).filter(outside).all(|at| wrong[at].abs() <= ROUGH * m.scale)
    };
    if !all.iter().zip(&wrong).all(within) {
        return None;
    }
    let of_z = factors(case, k, &groups, true);
    let of_x = factors(case, k, &groups, false);
    for v in &of_z {
        for w in &of_x {
            let scales = |of: &dyn Fn(usize) -> Vec<f64>, diagonal: bool| {
                let fit = |p: usize| fitted(&of(p), &all[p], &groups, &[(&v.at[p], &w.at[p])], diagonal);
                (0..all.len()).map(fit).collect::<Option<Vec<_>>>()
            };
            let Some(off) = scales(&|p| wrong[p].clone(), true) else { continue };
            let (sum, axes) =
                (name(&v.name, axes), if w.name.is_empty() { String::new() } else { format!("{} times ", w.name) });
            let term = format!("{axes}{sum}");
            let times = times(all, &groups, (v, w), &of_z, &of_x, &off);
            let evidence = "the rule's answer differs from the true gradient by a multiple of this term, in each group";
            return Some(case.verdict(k, Fault::WrongTerm { term, times }, ROUGH).because(evidence));
        }
    }
    None
}

/// The sum over the axes of a value times the upstream gradient, in words.
fn name(value: &str, axes: &[usize]) -> String {
    let list: Vec<String> = axes.iter().map(usize::to_string).collect();
    let axes = format!("{} {}", if axes.len() == 1 { "axis" } else { "axes" }, list.join(", "));
    let product = if value.is_empty() { String::new() } else { format!("{value} times ") };
    format!("the sum over {axes} of {product}the upstream gradient")
}

/// How often the term counts in R, from its part in J off the diagonal, beside at most one other term.
fn times(
    all: &[Matrices],
    groups: &[Vec<usize>],
    (v, w): (&Factor, &Factor),
    of_z: &[Factor],
    of_x: &[Factor],
    off: &[Vec<Vec<f64>>],
) -> Option<f64> {
    let part = |others: Option<(&Factor, &Factor)>| -> Option<f64> {
        let mut found: Vec<f64> = Vec::new();
        for (p, m) in all.iter().enumerate() {
            let mut terms: Vec<(&Vec<f64>, &Vec<f64>)> = vec![(&v.at[p], &w.at[p])];
            terms.extend(others.map(|(v, w)| (&v.at[p], &w.at[p])));
            let parts = fitted(&m.truth, m, groups, &terms, false)?;
            found.extend(off[p].iter().zip(parts).map(|(off, part)| 1.0 + off[0] / part[0]));
        }
        let first = found[0];
        found.iter().all(|c| (c - first).abs() <= 1e-4 * first.abs().max(1.0)).then_some(first)
    };
    let pairs = of_z.iter().flat_map(|v| of_x.iter().map(move |w| (v, w)));
    let other = pairs.filter(|(a, b)| !(std::ptr::eq(*a, v) && std::ptr::eq(*b, w)));
    let found = std::iter::once(None).chain(other.map(Some)).find_map(part)?;
    Some(if (found - found.round()).abs() <= 1e-4 { found.round() + 0.0 } else { found })
}

/// For each group, the coefficients of one or two terms v wᵀ whose sum a matrix is, with its diagonal or without it.
fn fitted(
    matrix: &[f64],
    m: &Matrices,
    groups: &[Vec<usize>],
    terms: &[(&Vec<f64>, &Vec<f64>)],
    diagonal: bool,
) -> Option<Vec<Vec<f64>>> {
    let mut all = Vec::with_capacity(groups.len());
    for group in groups {
        let pairs =
            || group.iter().flat_map(|&i| group.iter().map(move |&j| (i, j))).filter(|(i, j)| diagonal || i != j);
        let value = |t: usize, (i, j): (usize, usize)| terms[t].0[i] * terms[t].1[j];
        let dot = |a: &dyn Fn((usize, usize)) -> f64, b: &dyn Fn((usize, usize)) -> f64| -> f64 {
            pairs().map(|at| a(at) * b(at)).sum()
        };
        let entry = |(i, j): (usize, usize)| matrix[i * m.inputs + j];
        let first = |at| value(0, at);
        let (aa, ay) = (dot(&first, &first), dot(&first, &entry));
        let coefficients = match terms.len() {
            1 => vec![ay / aa],
            _ => {
                let second = |at| value(1, at);
                let (ab, bb, by) = (dot(&first, &second), dot(&second, &second), dot(&second, &entry));
                let determinant = aa * bb - ab * ab;
                if determinant <= 1e-9 * aa * bb {
                    return None;
                }
                vec![(ay * bb - by * ab) / determinant, (by * aa - ay * ab) / determinant]
            }
        };
        let fits = |at: (usize, usize)| {
            let sum: f64 = coefficients.iter().enumerate().map(|(t, c)| c * value(t, at)).sum();
            (entry(at) - sum).abs() <= ROUGH * m.scale
        };
        if coefficients[0] == 0.0 || !coefficients.iter().all(|c| c.is_finite()) || !pairs().all(fits) {
            return None;
        }
        all.push(coefficients);
    }
    Some(all)
}

/// The positions that differ along these axes only, for each index of the others.
fn groups(dims: &[usize], axes: &[usize]) -> Vec<Vec<usize>> {
    let mut all: std::collections::BTreeMap<Vec<usize>, Vec<usize>> = std::collections::BTreeMap::new();
    for at in 0..dims.iter().product() {
        let mut index = index_of(dims, at);
        axes.iter().for_each(|&axis| index[axis] = 0);
        all.entry(index).or_default().push(at);
    }
    all.into_values().collect()
}

/// What a term may be made of; `scaled`: also times each other input, as that of a weight.
fn factors(case: &Case, k: usize, groups: &[Vec<usize>], scaled: bool) -> Vec<Factor> {
    let shape = case.first().given.x[k].shape().clone();
    let of = |name: String, value: &dyn Fn(usize) -> Vec<f64>| Factor {
        name,
        at: (0..case.points.len()).map(value).collect(),
    };
    let x = |p: usize| case.points[p].given.x[k].to_vec();
    let z = |p: usize| case.points[p].given.z[0].to_vec();
    let deviation = |p: usize| {
        let mut x = x(p);
        for group in groups {
            let mean = group.iter().map(|&at| x[at]).sum::<f64>() / group.len() as f64;
            group.iter().for_each(|&at| x[at] -= mean);
        }
        x
    };
    let mut all = vec![
        of(String::new(), &|_| zeros(&shape).to_vec().iter().map(|_| 1.0).collect()),
        of("output 0".to_owned(), &z),
        of(format!("input {k}"), &x),
        of(format!("the deviation of input {k} from its mean"), &deviation),
        of("the exponential of output 0".to_owned(), &|p| z(p).iter().map(|v| v.exp()).collect()),
    ];
    let others = (0..case.first().given.x.len()).filter(|&other| other != k && scaled);
    for other in others.filter(|&other| spreads_to(&case.first().given.x[other], &shape)) {
        let by = |p: usize| spread(&case.points[p].given.x[other], &shape).to_vec();
        for base in 0..5 {
            let name = match &all[base].name {
                name if name.is_empty() => format!("input {other}"),
                name => format!("input {other} times {name}"),
            };
            let at = all[base].at.iter().enumerate();
            let at = at.map(|(p, v)| v.iter().zip(by(p)).map(|(v, w)| v * w).collect()).collect();
            all.push(Factor { name, at });
        }
    }
    all
}
