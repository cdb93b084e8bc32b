//! Sums, means, products and extremes of what goes to one place.

use super::{Call, Results, front, indexing::added, lifted};
use crate::call::Arg;
use wengert::Var;

pub fn run<'t>(op: &str, c: &Call<'t>) -> Results<'t> {
    let x = c.maybe(0, "")?;
    let one = |y: Var<'t>| Some(vec![y]);
    let axis = c.int(1, "dim", 0);
    match op {
        "scatter_reduce.sum" | "scatter_reduce.mean" => {
            let (line, source, index) = (lifted(x), lifted(c.x(3)), lifted(c.x(2)));
            let source = index.shape().iter().enumerate().fold(source, |s, (k, &n)| s.narrow(k as isize, 0, n));
            let places = c.places(2, "");
            one(averaged(op, c, line, |to, ones| {
                to.scatter_add(axis, &places, if ones { c.full(source.shape(), 1.0) } else { source })
            })
            .reshape(x.shape()))
        }
        "index_reduce.mean" => {
            let (line, source, places) = (lifted(x), lifted(c.x(3)), c.places(2, ""));
            let along = front(line, axis);
            one(averaged(op, c, line, |to, ones| {
                added(to, along, &places, if ones { c.full(source.shape(), 1.0) } else { source }, true)
            })
            .reshape(x.shape()))
        }
        "scatter_reduce.prod" | "scatter_reduce.amin" | "scatter_reduce.amax" => {
            let (line, source, index) = (lifted(x), lifted(c.x(3)), lifted(c.x(2)));
            let source = index.shape().iter().enumerate().fold(source, |s, (k, &n)| s.narrow(k as isize, 0, n));
            let (last, places) = (front(line, axis) as isize, index.movedim(front(index, axis) as isize, -1));
            let lines = |x: Var<'t>| {
                let moved = x.movedim(last, -1);
                let shape = moved.shape();
                (moved, shape)
            };
            // Row by row: the numbers that go to one place, reduced with or without what was there.
            let (rows, shape) = lines(line);
            let size = *shape.last()?;
            // A source may have fewer rows than there are.
            let mut wanted = vec![];
            let (given, given_shape) = lines(source);
            let per = *given_shape.last()?;
            let number = |at: &[usize], shape: &[usize]| at.iter().zip(shape).fold(0, |n, (i, size)| n * size + i);
            let places = places.value().to_vec();
            for at in positions(&shape.dims()[..shape.rank() - 1]) {
                let inside = at.iter().zip(given_shape.dims()).all(|(i, n)| i < n);
                let row = number(&at, shape.dims());
                let from = number(&at, given_shape.dims());
                for place in 0..size {
                    let here = (0..per).filter(|j| inside && places[from * per + j] == place as f64);
                    wanted.push((row * size + place, here.map(|j| from * per + j).collect::<Vec<_>>()));
                }
            }
            let (flat, numbers) = (rows.flatten(0), given.flatten(0));
            let y = wanted
                .into_iter()
                .map(|(to, from)| reduced(op, c, flat.narrow(0, to, 1), numbers.index_select(0, &from)));
            one(Var::concat(&y.collect::<Vec<_>>(), 0).reshape(shape.clone()).movedim(-1, last).reshape(x.shape()))
        }
        "index_reduce.prod" | "index_reduce.amin" | "index_reduce.amax" => {
            let (line, source, places) = (lifted(x), lifted(c.x(3)), c.places(2, ""));
            let along = front(line, axis) as isize;
            let rows = line.unbind(along).into_iter().enumerate().map(|(to, row)| {
                let from: Vec<usize> = (0..places.len()).filter(|&i| places[i] == to).collect();
                let parts = source.index_select(along, &from).movedim(along, 0);
                reduced(op, c, row.unsqueeze(0), parts).squeeze(&[0])
            });
            one(Var::stack(&rows.collect::<Vec<_>>(), along).reshape(x.shape()))
        }
        "_segment_reduce.lengths" | "_segment_reduce.offsets" => segments(c, x),
        "embedding_bag" => bags(c, x),
        _ => None,
    }
}

fn positions(shape: &[usize]) -> Vec<Vec<usize>> {
    shape.iter().fold(vec![vec![]], |all, &n| {
        all.iter().flat_map(|at| (0..n).map(move |i| [at.clone(), vec![i]].concat())).collect()
    })
}

/// Sums, or means of what was added and, if it counts, of what was there.
fn averaged<'t>(op: &str, c: &Call<'t>, x: Var<'t>, add: impl Fn(Var<'t>, bool) -> Var<'t>) -> Var<'t> {
    let with_self = c.flag(9, "include_self", true);
    let zeros = c.full(x.shape(), 0.0);
    let count = add(zeros, true);
    let sums = if with_self { add(x, false) } else { count.eq(0.0).select(x, add(zeros, false)) };
    match op.ends_with("mean") {
        true => sums / if with_self { count + 1.0 } else { count.max(1.0) },
        false => sums,
    }
}

/// One number, or slice, from what was there (`x`, with a first axis of 1) and what comes.
fn reduced<'t>(op: &str, c: &Call<'t>, x: Var<'t>, parts: Var<'t>) -> Var<'t> {
    let all = match (parts.shape()[0], c.flag(9, "include_self", true)) {
        (0, _) => x,
        (_, true) => Var::concat(&[x, parts], 0),
        (_, false) => parts,
    };
    match op.rsplit('.').next() {
        Some("prod") => all.prod_axes(&[0], true),
        Some("amin") => all.amin_axes(&[0], true),
        _ => all.amax_axes(&[0], true),
    }
}

fn segments<'t>(c: &Call<'t>, x: Var<'t>) -> Results<'t> {
    let (axis, lengths) = (c.int(9, "axis", 0), c.ints(9, "lengths"));
    if axis != 0 || c.maybe(9, "lengths").or(c.maybe(9, "offsets"))?.rank() != 1 {
        return None;
    }
    let lengths: Vec<usize> = match lengths {
        Some(lengths) => lengths.into_iter().map(|n| n as usize).collect(),
        None => c.places(9, "offsets").windows(2).map(|ends| ends[1] - ends[0]).collect(),
    };
    let initial = matches!(c.get(9, "initial"), Arg::Number(_)).then(|| c.float(9, "initial", 0.0));
    let mut rest = vec![1];
    rest.extend(x.shape()[1..].iter().copied());
    let whole: usize = lengths.iter().sum();
    let rows = x.narrow(0, 0, whole).split(&lengths, 0).into_iter().map(|part| {
        let start = |default| initial.unwrap_or(default);
        let with = |value: f64| Var::concat(&[c.full(&rest[..], value), part], 0);
        let n = part.shape()[0] as f64;
        match c.text(1, "reduce", "") {
            "sum" => part.sum_axes(&[0], true) + start(0.0),
            "mean" if n == 0.0 => c.full(&rest[..], start(f64::NAN)),
            "mean" => (part.sum_axes(&[0], true) + start(0.0)) / n,
            "prod" => part.prod_axes(&[0], true) * start(1.0),
            "max" => with(start(f64::NEG_INFINITY)).amax_axes(&[0], true),
            _ => with(start(f64::INFINITY)).amin_axes(&[0], true),
        }
    });
    Some(vec![Var::concat(&rows.collect::<Vec<_>>(), 0)])
}

/// Sums, means or maxima of rows of a table.
fn bags<'t>(c: &Call<'t>, table: Var<'t>) -> Results<'t> {
    let (ids, places) = (c.x(1), c.places(1, ""));
    let ends: Vec<usize> = match c.maybe(2, "offsets") {
        Some(_) => {
            let mut ends = c.places(2, "offsets");
            if !c.flag(9, "include_last_offset", false) {
                ends.push(places.len());
            }
            ends
        }
        None => (0..=ids.shape()[0]).map(|k| k * ids.shape()[1]).collect(),
    };
    let skip = matches!(c.get(9, "padding_idx"), Arg::Number(_)).then(|| c.int(9, "padding_idx", 0));
    let skip = skip.map(|at| at.rem_euclid(table.shape()[0] as isize) as usize);
    let weights = c.maybe(9, "per_sample_weights").map(|w| w.flatten(0));
    let bag = |ends: &[usize]| {
        let kept: Vec<usize> = (ends[0]..ends[1]).filter(|&i| Some(places[i]) != skip).collect();
        if kept.is_empty() {
            return table.narrow(0, 0, 1).squeeze(&[0]) * 0.0;
        }
        let rows = table.index_select(0, &kept.iter().map(|&i| places[i]).collect::<Vec<_>>());
        let rows = weights.map_or(rows, |w| rows * w.index_select(0, &kept).unsqueeze(1));
        match c.text(9, "mode", "mean") {
            "sum" => rows.sum_axes(&[0], false),
            "mean" => rows.mean_axes(&[0], false),
            _ => rows.max_index(0, false).0,
        }
    };
    Some(vec![Var::stack(&ends.windows(2).map(bag).collect::<Vec<_>>(), 0)])
}
