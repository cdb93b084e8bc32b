//! What a factor k in a = k t may stand for, judging by the shapes: N, 1/N, the number of channels, of pixels, of elements, or
//! the root of one of these.
//!
//! A size that gives k at one shape may do so by coincidence, where two axes are equally long or the rule has a plain
//! number. So the comparison is made with another number of observations, and with each axis longer by one, as far as
//! the function accepts such inputs.

use std::collections::HashSet;

use rand::{SeedableRng, rngs::StdRng};

use super::ratio;
use crate::{
    Tensor, Var,
    check::{
        case::{Case, Point, Truth},
        given::{Given, Place},
        mend::written,
        numbers::{jittered, with_tape},
    },
};

/// Up to so many numbers of inputs, differences are taken at other sizes, too.
const FEW: usize = 400;

/// What a factor may stand for: a size that gives it, at all sizes that can be tried, or a plain number.
pub(super) fn names_of(factor: f64, case: &Case, k: usize) -> Vec<String> {
    let (inverse, sign) = (factor.abs() < 1.0, if factor < 0.0 { "−" } else { "" });
    let fits = |factor: f64, n: usize, root: bool| {
        let value = if root { (n as f64).sqrt() } else { n as f64 };
        let value = if inverse { value.recip() } else { value };
        (factor.abs() - value).abs() <= 1e-6 * value
    };
    let elsewhere = elsewhere(case, k).map(|(_, factor, point)| (factor, sizes(case, point, k)));
    let names = |others: &[Elsewhere]| {
        let all = || sizes(case, case.first(), k).into_iter().enumerate();
        let candidates = all().map(|one| (one, false)).chain(all().map(|one| (one, true)));
        let named = candidates.filter_map(|((i, (what, n)), root)| {
            let there = |(factor, sizes): &Elsewhere| sizes.get(i).is_some_and(|s| fits(*factor, s.1, root));
            let over = if inverse { "1/" } else { "" };
            let fits = n > 1 && fits(factor, n, root) && others.iter().all(there);
            match (fits, what.as_str(), root) {
                (false, ..) | (true, "", true) => None,
                (true, "", false) => Some(format!("a plain {sign}{over}{n}")),
                (true, what, false) => Some(format!("{sign}{over}{n}, {what}")),
                (true, what, true) => Some(format!("{sign}{over}√{n}, the root of {what}")),
            }
        });
        let mut seen = HashSet::new();
        named.filter(|name| seen.insert(name.clone())).take(3).collect::<Vec<_>>()
    };
    let mut others: Vec<Elsewhere> = elsewhere.into_iter().collect();
    // Differences take a run for each number of the input.
    let few = case.truth == Truth::Tape || x_numbers(case) <= FEW;
    if !names(&others).is_empty() && few {
        others.extend(at_other_sizes(case, k));
    }
    let all = names(&others);
    // The same number at all sizes comes from none of them.
    let whole = if inverse { factor.recip() } else { factor }.abs();
    let same = others.iter().all(|(there, _)| (there - factor).abs() <= 1e-6 * factor.abs());
    if all.is_empty() && !others.is_empty() && same && (whole - whole.round()).abs() <= 1e-6 {
        return vec![format!("a plain {sign}{}{whole:.0}", if inverse { "1/" } else { "" })];
    }
    // What no size explains may still have a shape that a person knows.
    if all.is_empty() {
        return written(factor).filter(|text| text.contains(['√', 'π'])).into_iter().collect();
    }
    all
}

fn x_numbers(case: &Case) -> usize {
    case.first().given.x.iter().map(Tensor::numel).sum()
}

/// The k of a = k t at a point, and the sizes there.
type Elsewhere = (f64, Vec<(String, usize)>);

/// With an axis of an input longer by one, if `forward` and the rule accept that; or else with it and an axis of the
/// same size of another input.
fn at_other_sizes(case: &Case, k: usize) -> Vec<Elsewhere> {
    let x = &case.first().given.x;
    let mut rng = StdRng::seed_from_u64(0x7369_7a65);
    let mut with = |longer: &[(usize, usize)]| {
        let mut at = x.clone();
        for &(input, axis) in longer {
            let last = x[input].shape()[axis] - 1;
            let axis = axis as isize;
            let grown = with_tape(&x[input], |x| Var::concat(&[x, x.narrow(axis, last, 1)], axis));
            at[input] = jittered(&grown, &mut rng);
        }
        let point = case.point(&at, &mut rng).ok()?;
        let (factor, residual) = ratio(point.answer.get(k)?.as_ref()?, point.truth.get(k)?)?;
        (residual <= case.exact()).then(|| (factor, sizes(case, &point, k)))
    };
    let axes = |(input, x): (usize, &Tensor)| (0..x.shape().rank()).map(move |axis| (input, axis)).collect::<Vec<_>>();
    let size = |&(input, axis): &(usize, usize)| x[input].shape()[axis];
    let all: Vec<(usize, usize)> = x.iter().enumerate().flat_map(axes).filter(|one| size(one) > 0).collect();
    let mut found = Vec::new();
    for one in &all {
        let partners = all.iter().filter(|other| other.0 != one.0 && size(other) == size(one));
        found.extend(with(&[*one]).or_else(|| partners.into_iter().find_map(|other| with(&[*one, *other]))));
    }
    found
}

/// With another number of observations: that number, the k of a = k t, and the point.
pub(super) fn elsewhere(case: &Case, k: usize) -> Option<(usize, f64, &Point)> {
    let (count, point) = case.counted.as_ref()?.elsewhere.as_ref()?;
    let (factor, residual) = ratio(point.answer.get(k)?.as_ref()?, point.truth.get(k)?)?;
    (residual <= case.exact()).then_some((*count, factor, point))
}

/// The sizes of the input and of the outputs at a point, and plain numbers, which have no name. A product with an axis
/// of size 1 is left out: it is that of the other axes.
fn sizes(case: &Case, point: &Point, k: usize) -> Vec<(String, usize)> {
    let Given { x, z, .. } = &point.given;
    let mut sizes = Vec::new();
    let outputs = z.iter().enumerate().map(|(i, z)| ("the output", Place::Output(i), z.shape()));
    for (whose, place, shape) in std::iter::once(("its input", Place::Input(k), x[k].shape())).chain(outputs) {
        let rank = shape.rank();
        for axis in 0..rank {
            let role = if counts_observations(case, place, axis) { " (observations)" } else { "" };
            sizes.push((format!("the size of axis {axis} of {whose}{role}"), shape[axis]));
        }
        let product = |axes: &[usize]| match axes.iter().any(|&axis| shape[axis] == 1) {
            true => 1,
            false => axes.iter().map(|&axis| shape[axis]).product(),
        };
        if rank == 4 {
            sizes.push((format!("the size of axes 2, 3 of {whose}"), product(&[2, 3])));
            sizes.push((format!("the size of axes 0, 2, 3 of {whose}"), product(&[0, 2, 3])));
        }
        if rank > 1 {
            sizes.push((format!("the number of elements of {whose}"), product(&(0..rank).collect::<Vec<_>>())));
        }
    }
    sizes.extend([2, 3, 4].map(|n| (String::new(), n)));
    sizes
}

/// Whether an axis counts the observations: its size is theirs, whatever their number. With one number alone, only the
/// declared axis of the first input and of the outputs is taken for it.
fn counts_observations(case: &Case, place: Place, axis: usize) -> bool {
    let size = |point: &Point| point.given.get(place).and_then(|value| value.shape().get(axis).copied());
    case.counted.as_ref().is_some_and(|counted| {
        size(case.first()) == Some(counted.count)
            && match &counted.elsewhere {
                Some((count, point)) => size(point) == Some(*count),
                None => axis == counted.axis && !matches!(place, Place::Input(1..)),
            }
    })
}
