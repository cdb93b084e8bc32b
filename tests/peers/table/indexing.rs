//! Reading and writing at places, order, and what is added up there.

use super::{Call, Results, along, front, lifted, pieces::sliced};
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
        _ => None,
    }
}

/// Places that may count from the end.
fn wrapped(c: &Call<'_>, i: usize, size: usize) -> Vec<usize> {
    c.ints(i, "").unwrap_or_default().iter().map(|&place| place.rem_euclid(size.max(1) as isize) as usize).collect()
}

/// Written, or added, at these places of an axis.
pub fn added<'t>(x: Var<'t>, axis: usize, places: &[usize], source: Var<'t>, accumulate: bool) -> Var<'t> {
    let axis = axis as isize;
    x.movedim(axis, 0).index_put(&[places], source.movedim(axis, 0), accumulate).movedim(0, axis)
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
