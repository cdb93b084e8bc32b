//! Reading and writing at places, order, and what is added up there.

use super::{Call, Results, along, front, lifted, moving::sliced};
use crate::call::Arg;
use wengert::Var;

pub fn run<'t>(op: &str, c: &Call<'t>) -> Results<'t> {
    let x = c.maybe(0, "")?;
    let one = |y: Var<'t>| Some(vec![y]);
    let axis = c.int(1, "dim", 0);
    match op {
        "index_select" => one(along(x, |x| x.index_select(axis, &c.places(2, "index")))),
        "gather" | "take_along_dim" => {
            let (at, of) = if op == "gather" { (2, 1) } else { (1, 2) };
            let (index, line) = (lifted(c.var(at, "index")), lifted(x));
            let (line, index, axis) = match c.get(of, "dim") {
                Arg::None => (line.flatten(0), index.flatten(0), 0),
                _ if op == "gather" => (line, index, axis),
                _ => {
                    // All axes but the one broadcast.
                    let axis = front(line, c.int(2, "dim", 0));
                    let size = |k: usize, of: Var<'t>, other: Var<'t>| {
                        if k == axis { of.shape()[k] } else { of.shape()[k].max(other.shape()[k]) }
                    };
                    let wide = |of, other| (0..line.rank()).map(|k| size(k, of, other)).collect::<Vec<_>>();
                    (
                        line.broadcast_to(&wide(line, index)[..]),
                        index.broadcast_to(&wide(index, line)[..]),
                        axis as isize,
                    )
                }
            };
            let size = line.shape()[front(line, axis)] as f64;
            let places: Vec<usize> = index.value().to_vec().iter().map(|&i| i.rem_euclid(size) as usize).collect();
            let y = line.gather(axis, &places, index.shape());
            one(if c.var(at, "index").rank() == 0 && y.numel() == 1 { y.reshape(()) } else { y })
        }
        "take" => one(x.flatten(0).index_select(0, &wrapped(c, 1, x.numel())).reshape(c.x(1).shape())),
        "put" => {
            let places = wrapped(c, 1, x.numel());
            let line = x.flatten(0).index_put(&[&places], c.x(2).flatten(0), c.flag(3, "accumulate", false));
            one(line.reshape(x.shape()))
        }
        "masked_select" => {
            let wide = x.shape().broadcast(&c.x(1).shape())?;
            one(lifted(x.broadcast_to(&wide)).masked_select(lifted(c.x(1).broadcast_to(&wide))))
        }
        "masked_scatter" => {
            let x = x.broadcast_to(&x.shape().broadcast(&c.x(1).shape())?);
            let mask = c.x(1).broadcast_to(x.shape()).value().to_vec();
            let places: Vec<usize> = (0..x.numel()).filter(|&i| mask[i] != 0.0).collect();
            let source = c.x(2).flatten(0).narrow(0, 0, places.len());
            one(x.flatten(0).index_put(&[&places], source, false).reshape(x.shape()))
        }
        "scatter" | "scatter_add" => {
            let (line, index) = (lifted(x), lifted(c.x(2)));
            let source = match c.maybe(3, "src") {
                Some(source) => lifted(source),
                None => c.full(index.shape(), c.float(3, "value", 0.0)),
            };
            // The indices may cover a corner of the source alone.
            let source = index.shape().iter().enumerate().fold(source, |s, (k, &n)| s.narrow(k as isize, 0, n));
            let places = c.places(2, "");
            let write = |source: Var<'t>| match (op, c.text(9, "reduce", "")) {
                ("scatter_add", _) | (_, "add") => Some(line.scatter_add(axis, &places, source)),
                (_, "") => Some(line.scatter(axis, &places, source)),
                _ => None,
            };
            one(write(source)?.reshape(x.shape()))
        }
        "scatter_reduce.sum" | "scatter_reduce.mean" => {
            let (line, source, index) = (lifted(x), lifted(c.x(3)), lifted(c.x(2)));
            let source = index.shape().iter().enumerate().fold(source, |s, (k, &n)| s.narrow(k as isize, 0, n));
            let places = c.places(2, "");
            one(averaged(op, c, line, |to, ones| {
                to.scatter_add(axis, &places, if ones { c.full(source.shape(), 1.0) } else { source })
            })
            .reshape(x.shape()))
        }
        "index_add" => {
            let (line, source) = (lifted(x), lifted(c.x(3)) * c.float(9, "alpha", 1.0));
            one(added(line, front(line, axis), &c.places(2, ""), source, true).reshape(x.shape()))
        }
        "index_copy" => {
            let line = lifted(x);
            one(added(line, front(line, axis), &c.places(2, ""), lifted(c.x(3)), false).reshape(x.shape()))
        }
        "index_fill" => {
            let (line, places) = (lifted(x), c.places(2, ""));
            let mut shape = line.shape().dims().to_vec();
            shape[front(line, axis)] = places.len();
            let source = c.maybe(3, "value").unwrap_or_else(|| c.constant(c.float(3, "value", 0.0)));
            one(added(line, front(line, axis), &places, source.broadcast_to(&shape[..]), false).reshape(x.shape()))
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
        "select_scatter" => {
            let (source, axis) = (c.x(1), front(x, c.int(2, "dim", 0)));
            let at = c.int(3, "index", 0).rem_euclid(x.shape()[axis] as isize) as usize;
            one(added(x, axis, &[at], source.unsqueeze(axis as isize), false))
        }
        "slice_scatter" => {
            let (axis, [start, stop, step]) = sliced(c, x, 2, ["dim", "start", "end", "step"]);
            one(added(x, axis, &(start..stop).step_by(step).collect::<Vec<_>>(), c.x(1), false))
        }
        "diagonal_scatter" => {
            let offset = c.int(2, "offset", 0);
            let [a, b] = [c.int(3, "dim1", 0), c.int(4, "dim2", 1)].map(|axis| front(x, axis) as isize);
            // The positions on the diagonal get the source, the others keep what they have.
            let mut order: Vec<isize> = (0..x.rank() as isize).filter(|&k| k != a && k != b).collect();
            order.extend([a, b]);
            let back: Vec<isize> =
                (0..x.rank() as isize).map(|k| order.iter().position(|&o| o == k).unwrap() as isize).collect();
            let moved = x.permute(&order);
            let (n, m) = (moved.shape()[x.rank() - 2], moved.shape()[x.rank() - 1]);
            let wide = c.x(1).diag_embed_at(offset);
            let grow = |size: usize, want: usize| (0, want.saturating_sub(size));
            let mut amounts = vec![(0, 0); x.rank()];
            (amounts[x.rank() - 2], amounts[x.rank() - 1]) =
                (grow(wide.shape()[x.rank() - 2], n), grow(wide.shape()[x.rank() - 1], m));
            let wide = wide.pad(&amounts, 0.0).narrow(-2, 0, n).narrow(-1, 0, m);
            let on = super::moving::matrix(c, [n, m], |i, j| f64::from(j as isize - i as isize == offset));
            one(on.select(wide, moved).permute(&back))
        }
        "__getitem__" => one(item(c, x)?),
        "index_put" => {
            let Arg::List(lists) = c.get(1, "") else { return None };
            let lists: Vec<Vec<usize>> = lists.iter().map(places).collect::<Option<_>>()?;
            let whole = x.shape();
            let shape: Vec<usize> = [lists[0].len()].iter().chain(&whole[lists.len()..]).copied().collect();
            let lists: Vec<&[usize]> = lists.iter().map(Vec::as_slice).collect();
            one(x.index_put(&lists, c.x(2).broadcast_to(&shape[..]), c.flag(3, "accumulate", false)))
        }
        "_unsafe_masked_index" | "_unsafe_masked_index_put_accumulate" => {
            let (Arg::List(lists), mask) = (c.get(2, ""), c.x(1)) else { return None };
            let shape = mask.shape();
            let flat: Vec<Vec<f64>> = lists
                .iter()
                .map(|list| match list {
                    Arg::Tensor { var, .. } => Some(var.broadcast_to(&shape).value().to_vec()),
                    _ => None,
                })
                .collect::<Option<_>>()?;
            let inside = mask.value().to_vec();
            let place = |k: usize, i: usize| {
                if inside[i] != 0.0 { flat[k][i].rem_euclid(x.shape()[k] as f64) as usize } else { 0 }
            };
            let lists: Vec<Vec<usize>> =
                (0..flat.len()).map(|k| (0..inside.len()).map(|i| place(k, i)).collect()).collect();
            let lists: Vec<&[usize]> = lists.iter().map(Vec::as_slice).collect();
            one(if op == "_unsafe_masked_index" {
                mask.select(x.index_get(&lists).reshape(&shape), c.float(3, "", 0.0))
            } else {
                x.index_put(&lists, mask.select(c.x(3), 0.0).flatten(0), true)
            })
        }
        "sort" | "msort" => {
            let (axis, down) = (c.int(1, "dim", if op == "msort" { 0 } else { -1 }), c.flag(2, "descending", false));
            one(along(x, |x| x.sort(axis, down).0))
        }
        "topk" => {
            let (k, axis) = (c.int(1, "k", 1) as usize, c.int(2, "dim", -1));
            one(along(x, |x| match c.flag(3, "largest", true) {
                true => x.topk(k, axis).0,
                false => -(-x).topk(k, axis).0,
            }))
        }
        "embedding" => {
            let ids = c.x(1);
            let shape: Vec<usize> = ids.shape().iter().copied().chain([x.shape()[1]]).collect();
            one(x.index_select(0, &c.places(1, "")).reshape(&shape[..]))
        }
        "embedding_bag" => bags(c, x),
        _ => None,
    }
}

/// Places that may count from the end.
fn wrapped(c: &Call<'_>, i: usize, size: usize) -> Vec<usize> {
    c.ints(i, "").unwrap_or_default().iter().map(|&place| place.rem_euclid(size.max(1) as isize) as usize).collect()
}

fn positions(shape: &[usize]) -> Vec<Vec<usize>> {
    shape.iter().fold(vec![vec![]], |all, &n| {
        all.iter().flat_map(|at| (0..n).map(move |i| [at.clone(), vec![i]].concat())).collect()
    })
}

/// Written, or added, at these places of an axis.
fn added<'t>(x: Var<'t>, axis: usize, places: &[usize], source: Var<'t>, accumulate: bool) -> Var<'t> {
    let axis = axis as isize;
    x.movedim(axis, 0).index_put(&[places], source.movedim(axis, 0), accumulate).movedim(0, axis)
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

/// What an index of a list means along one axis.
fn places(arg: &Arg<'_>) -> Option<Vec<usize>> {
    let numbers = arg.numbers()?;
    Some(match arg {
        Arg::Tensor { dtype, .. } if dtype == "bool" => (0..numbers.len()).filter(|&i| numbers[i] != 0.0).collect(),
        _ => numbers.into_iter().map(|x| x as usize).collect(),
    })
}

/// `x[..]`: numbers and slices first, then lists of places, which are read together.
fn item<'t>(c: &Call<'t>, x: Var<'t>) -> Option<Var<'t>> {
    let keys: Vec<&Arg<'t>> = match c.get(1, "") {
        Arg::List(items) if !items.iter().all(|item| matches!(item, Arg::Number(_))) => items.iter().collect(),
        arg => vec![arg],
    };
    let (mut y, mut axis) = (x, 0);
    let mut lists: Vec<(isize, Vec<usize>)> = Vec::new();
    for key in keys {
        match key {
            Arg::Number(at) => {
                let at = (*at as isize).rem_euclid(y.shape()[axis as usize] as isize);
                y = y.narrow(axis, at as usize, 1).squeeze(&[axis]);
                continue;
            }
            Arg::Slice([start, stop, step]) => {
                let size = y.shape()[axis as usize] as isize;
                let place = |at: &Option<isize>, default: isize| {
                    at.map_or(default, |at| if at < 0 { at + size } else { at }).clamp(0, size) as usize
                };
                y = y.slice(axis, place(start, 0), place(stop, size), step.unwrap_or(1) as usize);
            }
            Arg::List(_) => lists.push((axis, places(key)?)),
            Arg::Tensor { dtype, var } if dtype == "bool" && var.rank() == 1 => lists.push((axis, places(key)?)),
            Arg::Tensor { dtype, var } if dtype != "bool" && var.rank() == 1 => lists.push((axis, places(key)?)),
            _ => return None,
        }
        axis += 1;
    }
    match &lists[..] {
        [] => Some(y),
        [(axis, list)] => Some(y.index_select(*axis, list)),
        all if all.iter().enumerate().all(|(k, (axis, _))| *axis == k as isize) => {
            Some(y.index_get(&all.iter().map(|(_, list)| list.as_slice()).collect::<Vec<_>>()))
        }
        _ => None,
    }
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
