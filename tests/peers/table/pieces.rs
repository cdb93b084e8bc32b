//! Pieces, windows, turns and margins: some of the numbers, in another order or with others around them.

use super::{Call, Results, along, front, lifted, moving::meshgrid};
use crate::call::Arg;
use wengert::Var;

pub fn run<'t>(op: &str, c: &Call<'t>) -> Results<'t> {
    let tensors = c.vars();
    let x = *tensors.first()?;
    let one = |y: Var<'t>| Some(vec![y]);
    match op.strip_suffix("_copy").unwrap_or(op) {
        "split" | "unsafe_split" | "split.list_args" | "split_with_sizes" => {
            let (axis, given) = (c.int(2, "dim", 0), c.places(1, "split_size"));
            let size = x.shape()[front(x, axis)];
            Some(match c.get(1, "") {
                Arg::Number(_) => {
                    let sizes: Vec<usize> = (0..size).step_by(given[0]).map(|at| given[0].min(size - at)).collect();
                    x.split(&sizes, axis)
                }
                _ => x.split(&given, axis),
            })
        }
        "chunk" | "unsafe_chunk" => Some(x.chunk(c.int(1, "chunks", 1) as usize, c.int(2, "dim", 0))),
        "tensor_split" | "hsplit" | "vsplit" | "dsplit" => {
            let axis = match op {
                "tensor_split" => c.int(2, "dim", 0),
                "vsplit" => 0,
                "dsplit" => 2,
                _ => {
                    if x.rank() == 1 {
                        0
                    } else {
                        1
                    }
                }
            };
            Some(tensor_split(c, x, front(x, axis)))
        }
        "unbind" => Some(x.unbind(c.int(1, "dim", 0))),
        "narrow" => {
            let (axis, start, len) = (c.int(1, "dim", 0), c.int(2, "start", 0), c.int(3, "length", 0));
            let start = start.rem_euclid(x.shape()[front(x, axis)].max(1) as isize);
            one(x.narrow(axis, start as usize, len as usize))
        }
        "select" => one(x.narrow(c.int(1, "dim", 0), index(x, c, 1, 2), 1).squeeze(&[c.int(1, "dim", 0)])),
        "slice" => {
            let (axis, [start, stop, step]) = sliced(c, x, 1, ["dim", "start", "end", "step"]);
            one(x.slice(axis as isize, start, stop, step))
        }
        "flip" => one(x.flip(&c.ints(1, "dims").unwrap_or_default())),
        "fliplr" => one(x.flip(&[1])),
        "flipud" => one(x.flip(&[0])),
        "rot90" => {
            let turns = c.int(1, "k", 1).rem_euclid(4);
            let axes = c.ints(2, "dims").unwrap_or(vec![0, 1]);
            one((0..turns).fold(x, |x, _| x.transpose(axes[0], axes[1]).flip(&[axes[0]])))
        }
        "roll" => {
            let shifts = c.ints(1, "shifts")?;
            one(match c.ints(2, "dims") {
                Some(axes) if !axes.is_empty() => {
                    shifts.iter().zip(axes).fold(x, |x, (&shift, axis)| along(x, |x| x.roll(shift, axis)))
                }
                _ => x.flatten(0).roll(shifts[0], 0).reshape(x.shape()),
            })
        }
        "unfold" => {
            let (axis, size, step) =
                (c.int(1, "dimension", 0), c.int(2, "size", 1) as usize, c.int(3, "step", 1) as usize);
            let line = lifted(x);
            let (axis, there) = (front(line, axis), line.shape()[front(line, axis)]);
            let count = (there - size) / step + 1;
            let places: Vec<usize> = (0..count).flat_map(|at| (0..size).map(move |i| at * step + i)).collect();
            let shape: Vec<usize> = line.shape()[..axis]
                .iter()
                .copied()
                .chain([count, size])
                .chain(line.shape()[axis + 1..].iter().copied())
                .collect();
            let y = line.index_select(axis as isize, &places).reshape(&shape[..]).movedim(axis as isize + 1, -1);
            one(if x.rank() == 0 { y.squeeze(&[0]) } else { y })
        }
        "as_strided" | "as_strided.partial_views" => {
            let places = strided(c, 1);
            one(x.flatten(0).index_select(0, &places).reshape(&c.places(1, "size")[..]))
        }
        "as_strided_scatter" => {
            let places = strided(c, 2);
            one(x.flatten(0).index_put(&[&places], c.x(1).flatten(0), false).reshape(x.shape()))
        }
        "constant_pad_nd" | "pad.constant" => {
            let value = if op == "pad.constant" { c.float(3, "value", 0.0) } else { c.float(2, "value", 0.0) };
            one(padded(x, &c.ints(1, "pad")?, value))
        }
        "pad.reflect" | "pad.replicate" | "pad.replicate_negative" | "pad.circular" => {
            let amounts = c.ints(1, "pad")?;
            one(amounts.chunks(2).enumerate().fold(x, |x, (k, ends)| {
                let axis = x.rank() - 1 - k;
                // A circle closes after what is cut off.
                let size = x.shape()[axis] as isize;
                let (cut, ends) = match c.text(2, "mode", "") {
                    "circular" => ([(-ends[0]).max(0), (-ends[1]).max(0)], [ends[0].max(0), ends[1].max(0)]),
                    _ => ([0, 0], [ends[0], ends[1]]),
                };
                let x = x.narrow(axis as isize, cut[0] as usize, (size - cut[0] - cut[1]) as usize);
                let size = size - cut[0] - cut[1];
                let places = (-ends[0]..size + ends[1]).map(|i| match c.text(2, "mode", "") {
                    "replicate" => i.clamp(0, size - 1),
                    "circular" => i.rem_euclid(size),
                    _ => (size - 1) - ((size - 1) - i.rem_euclid(2 * (size - 1).max(1))).abs(),
                } as usize);
                x.index_select(axis as isize, &places.collect::<Vec<_>>())
            }))
        }
        "cartesian_prod" => {
            if tensors.len() == 1 {
                return one(x);
            }
            let grid = meshgrid(c, &tensors);
            one(Var::stack(&grid.iter().map(|x| x.flatten(0)).collect::<Vec<_>>(), 1))
        }
        "combinations" => {
            let (n, r, again) = (x.shape()[0], c.int(1, "r", 2) as usize, c.flag(2, "with_replacement", false));
            let mut all: Vec<Vec<usize>> = vec![vec![]];
            for _ in 0..r {
                let longer = |list: Vec<usize>| {
                    let first = list.last().map_or(0, |&last| if again { last } else { last + 1 });
                    (first..n).map(move |i| [list.clone(), vec![i]].concat()).collect::<Vec<_>>()
                };
                all = all.into_iter().flat_map(longer).collect();
            }
            let count = all.len();
            one(x.index_select(0, &all.concat()).reshape(&(if r == 0 { vec![0] } else { vec![count, r] })[..]))
        }
        "trapz" | "trapezoid" | "cumulative_trapezoid" => {
            let axis = c.int(9, "dim", -1);
            let pieces = |x: Var<'t>, axis: isize| {
                let n = x.shape()[front(x, axis)].saturating_sub(1);
                (x.narrow(axis, 1.min(x.shape()[front(x, axis)]), n), x.narrow(axis, 0, n))
            };
            let (right, left) = pieces(x, axis);
            let step = match c.maybe(1, "x") {
                Some(at) => {
                    let from_end = if axis < 0 { axis } else { axis - x.rank() as isize };
                    let (b, a) = pieces(at, if at.rank() == 1 { -1 } else { from_end });
                    let step = b - a;
                    if at.rank() == 1 { (1..-from_end).fold(step, |step, _| step.unsqueeze(-1)) } else { step }
                }
                None => c.constant(c.float(1, "dx", 1.0)),
            };
            let areas = (right + left) * step / 2.0;
            one(if op.starts_with("cumulative") { areas.cumsum(axis) } else { areas.sum_axes(&[axis], false) })
        }
        "diff" => {
            let (n, axis) = (c.int(1, "n", 1), c.int(2, "dim", -1));
            let parts: Vec<Var<'t>> =
                [c.maybe(3, "prepend"), Some(x), c.maybe(4, "append")].into_iter().flatten().collect();
            if n == 0 {
                return one(x);
            }
            one((0..n).fold(Var::concat(&parts, axis), |x, _| {
                let size = x.shape()[front(x, axis)];
                let rest = size.saturating_sub(1);
                x.narrow(axis, size - rest, rest) - x.narrow(axis, 0, rest)
            }))
        }
        _ => None,
    }
}

fn tensor_split<'t>(c: &Call<'t>, x: Var<'t>, axis: usize) -> Vec<Var<'t>> {
    let size = x.shape()[axis];
    let places = c.ints(1, "");
    let is_count = matches!(c.get(1, ""), Arg::Number(_)) || c.maybe(1, "").is_some_and(|x| x.rank() == 0);
    let ends: Vec<usize> = match (is_count, places.unwrap()) {
        (true, count) => {
            let count = count[0] as usize;
            (1..=count).map(|k| k * (size / count) + k.min(size % count)).collect()
        }
        (false, ends) => {
            let place =
                |end: isize| if end < 0 { (end + size as isize).max(0) } else { end.min(size as isize) } as usize;
            ends.into_iter().map(place).chain([size]).collect()
        }
    };
    let mut start = 0;
    let mut pieces = Vec::new();
    for end in ends {
        pieces.push(x.narrow(axis as isize, start, end.saturating_sub(start)));
        start = end;
    }
    pieces
}

fn index(x: Var<'_>, c: &Call<'_>, axis: usize, at: usize) -> usize {
    let size = x.shape()[front(x, c.int(axis, "dim", 0))];
    c.int(at, "index", 0).rem_euclid(size as isize) as usize
}

/// The axis, and where a slice of it begins and ends, with its step.
pub fn sliced(c: &Call<'_>, x: Var<'_>, at: usize, names: [&str; 4]) -> (usize, [usize; 3]) {
    let axis = front(x, c.int(at, names[0], 0));
    let size = x.shape()[axis] as isize;
    let place = |n: isize| if n < 0 { n + size } else { n }.clamp(0, size) as usize;
    let [start, stop] = [(1, 0), (2, size)].map(|(k, default)| place(c.int(at + k, names[k], default)));
    (axis, [start, stop.max(start), c.int(at + 3, names[3], 1) as usize])
}

fn strided(c: &Call<'_>, at: usize) -> Vec<usize> {
    let (sizes, strides) = (c.places(at, "size"), c.places(at + 1, "stride"));
    let first = vec![c.int(at + 2, "storage_offset", 0) as usize];
    sizes.iter().zip(&strides).fold(first, |all, (&size, &stride)| {
        all.iter().flat_map(|&at| (0..size).map(move |i| at + i * stride)).collect()
    })
}

/// Padded from the last axis backwards; negative amounts cut off.
fn padded<'t>(x: Var<'t>, amounts: &[isize], value: f64) -> Var<'t> {
    let mut both = vec![(0, 0); x.rank()];
    let mut y = x;
    for (k, ends) in amounts.chunks(2).enumerate() {
        let axis = x.rank() - 1 - k;
        both[axis] = (ends[0].max(0) as usize, ends[1].max(0) as usize);
        let (before, after) = ((-ends[0]).max(0) as usize, (-ends[1]).max(0) as usize);
        let size = y.shape()[axis];
        y = y.narrow(axis as isize, before, size - before - after);
    }
    y.pad(&both, value)
}
