//! Shapes, pieces, copies and diagonals: the same numbers elsewhere.

use super::{Call, Results, along, front, lifted};
use crate::call::Arg;
use wengert::{DType, Tensor, Var};

pub fn run<'t>(op: &str, c: &Call<'t>) -> Results<'t> {
    let tensors = c.vars();
    let x = *tensors.first()?;
    let one = |y: Var<'t>| Some(vec![y]);
    let copied = op.strip_suffix("_copy").unwrap_or(op);
    match copied {
        "reshape" | "view" => one(reshaped(x, &numbers(c, 1))),
        "reshape_as" | "view_as" => one(x.reshape(c.x(1).shape())),
        "ravel" => one(x.flatten(0)),
        "flatten" => {
            let (from, to) = (c.int(1, "start_dim", 0), c.int(2, "end_dim", -1));
            one(x.reshape(&(if x.rank() == 0 { vec![1] } else { merged(x, from, to) })[..]))
        }
        "unflatten" => {
            let (axis, shape) = (front(x, c.int(1, "dim", 0)), x.shape());
            let mut sizes: Vec<isize> = shape.iter().map(|&n| n as isize).collect();
            sizes.splice(axis..=axis, c.ints(2, "sizes")?);
            one(reshaped(x, &sizes))
        }
        "squeeze" | "squeeze.multiple" => {
            let shape = x.shape();
            let axes: Vec<usize> = match c.ints(1, "dim") {
                Some(axes) => axes.iter().map(|&axis| front(x, axis)).collect(),
                None => (0..x.rank()).collect(),
            };
            let gone: Vec<isize> =
                axes.into_iter().filter(|&k| k < x.rank() && shape[k] == 1).map(|k| k as isize).collect();
            one(if gone.is_empty() { x } else { x.squeeze(&gone) })
        }
        "unsqueeze" => one(x.unsqueeze(c.int(1, "dim", 0))),
        "permute" => one(x.permute(&numbers(c, 1))),
        "transpose" => one(along(x, |x| x.transpose(c.int(1, "dim0", 0), c.int(2, "dim1", 0)))),
        "t" | "T" | "H" => one(if x.rank() < 2 { x } else { x.transpose(0, 1) }),
        "mT" | "mH" => one(x.transpose(-2, -1)),
        "movedim" => {
            let (from, to) = (c.ints(1, "source")?, c.ints(2, "destination")?);
            let place = |axis| front(x, axis);
            let mut order = vec![usize::MAX; x.rank()];
            from.iter().zip(&to).for_each(|(&from, &to)| order[place(to)] = place(from));
            let mut rest = (0..x.rank()).filter(|k| !from.iter().any(|&axis| place(axis) == *k));
            let order = order.into_iter().map(|k| if k == usize::MAX { rest.next().unwrap() } else { k } as isize);
            one(x.permute(&order.collect::<Vec<_>>()))
        }
        "expand" | "broadcast_to" => {
            let (sizes, shape) = (numbers(c, 1), x.shape());
            let missing = sizes.len() - x.rank();
            let size = |(k, &n): (usize, &isize)| if n < 0 { shape[k - missing] } else { n as usize };
            one(x.broadcast_to(&sizes.iter().enumerate().map(size).collect::<Vec<_>>()[..]))
        }
        "expand_as" => one(x.broadcast_to(c.x(1).shape())),
        "sum_to_size" => {
            let sizes: Vec<usize> = match c.get(1, "") {
                Arg::Number(_) => c.args[1..].iter().map(|arg| arg.numbers().unwrap()[0] as usize).collect(),
                _ => c.places(1, "size"),
            };
            one(x.sum_to(&wengert::Shape::from(&sizes[..])))
        }
        "broadcast_tensors" => {
            let wide = tensors.iter().skip(1).try_fold(x.shape(), |wide, other| wide.broadcast(&other.shape()))?;
            Some(tensors.iter().map(|x| x.broadcast_to(&wide)).collect())
        }
        "meshgrid.variadic_tensors" | "meshgrid.list_of_tensors" => Some(meshgrid(c, &tensors)),
        "repeat" | "tile" => {
            let mut times: Vec<usize> = numbers(c, 1).iter().map(|&n| n as usize).collect();
            if times.len() < x.rank() {
                times.splice(0..0, vec![1; x.rank() - times.len()]);
            }
            one(x.repeat(&times))
        }
        "repeat_interleave" => {
            let (axis, line) = match c.get(2, "dim") {
                Arg::None => (0, x.flatten(0)),
                _ => (front(x, c.int(2, "dim", 0)), x),
            };
            let (times, size) = (c.places(1, "repeats"), line.shape()[axis]);
            let each = (0..size).flat_map(|i| std::iter::repeat_n(i, times[i % times.len()]));
            one(line.index_select(axis as isize, &each.collect::<Vec<_>>()))
        }
        "cat" => {
            let parts: Vec<Var<'t>> = tensors.iter().copied().filter(|x| x.shape().dims() != [0]).collect();
            one(Var::concat(if parts.is_empty() { &tensors } else { &parts }, c.int(1, "dim", 0)))
        }
        "stack" => one(Var::stack(&tensors, c.int(1, "dim", 0))),
        "hstack" => one(Var::concat(&tensors, if x.rank() == 1 { 0 } else { 1 })),
        "vstack" => one(Var::concat(&tensors.iter().map(|&x| wide(x, 2)).collect::<Vec<_>>(), 0)),
        "dstack" => one(Var::concat(&tensors.iter().map(|&x| wide(x, 3)).collect::<Vec<_>>(), 2)),
        "column_stack" => {
            let column = |x: Var<'t>| if x.rank() < 2 { x.reshape([x.numel(), 1]) } else { x };
            one(Var::concat(&tensors.iter().map(|&x| column(x)).collect::<Vec<_>>(), 1))
        }
        "atleast_1d" => Some(tensors.iter().map(|&x| wide(x, 1)).collect()),
        "atleast_2d" => Some(tensors.iter().map(|&x| wide(x, 2)).collect()),
        "atleast_3d" => Some(tensors.iter().map(|&x| wide(x, 3)).collect()),
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
        "diagonal" | "linalg.diagonal" => {
            let default = if op == "diagonal" || op == "diagonal_copy" { [0, 1] } else { [-2, -1] };
            let axes = [c.int(2, "dim1", default[0]), c.int(3, "dim2", default[1])].map(|axis| front(x, axis));
            one(to_back(x, axes).diagonal_at(c.int(1, "offset", 0)))
        }
        "diag" if x.rank() == 2 => one(x.diagonal_at(c.int(1, "diagonal", 0))),
        "diag" => one(x.diag_embed_at(c.int(1, "diagonal", 0))),
        "diagflat" => one(x.flatten(0).diag_embed_at(c.int(1, "offset", 0))),
        "diag_embed" => {
            let y = x.diag_embed_at(c.int(1, "offset", 0));
            let axes = [c.int(2, "dim1", -2), c.int(3, "dim2", -1)].map(|axis| front(y, axis));
            one(from_back(y, axes))
        }
        "tril" => one(x.tril_at(c.int(1, "diagonal", 0))),
        "triu" => one(x.triu_at(c.int(1, "diagonal", 0))),
        "block_diag" => {
            let blocks: Vec<Var<'t>> = tensors.iter().map(|&x| wide(x, 2)).collect();
            let columns: usize = blocks.iter().map(|x| x.shape()[1]).sum();
            let mut before = 0;
            let rows = blocks.iter().map(|x| {
                let size = x.shape()[1];
                before += size;
                x.pad(&[(0, 0), (before - size, columns - before)], 0.0)
            });
            one(Var::concat(&rows.collect::<Vec<_>>(), 0))
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
        "pixel_shuffle" | "pixel_unshuffle" | "channel_shuffle" => one(shuffled(op, c, x)),
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

fn numbers(c: &Call<'_>, i: usize) -> Vec<isize> {
    c.ints(i, ["", "size", "dims", "shape"][i.min(3)]).unwrap_or_default()
}

/// In this shape, of which one size may be −1.
fn reshaped<'t>(x: Var<'t>, sizes: &[isize]) -> Var<'t> {
    let known: isize = sizes.iter().filter(|&&n| n >= 0).product();
    let sizes: Vec<usize> =
        sizes.iter().map(|&n| if n < 0 { x.numel() / known.max(1) as usize } else { n as usize }).collect();
    x.reshape(&sizes[..])
}

fn merged(x: Var<'_>, from: isize, to: isize) -> Vec<usize> {
    let (from, to, shape) = (front(x, from), front(x, to), x.shape());
    let size = shape[from..=to].iter().product();
    shape[..from].iter().copied().chain([size]).chain(shape[to + 1..].iter().copied()).collect()
}

/// With at least so many axes, as PyTorch's `atleast` functions add them.
fn wide(x: Var<'_>, rank: usize) -> Var<'_> {
    match (x.rank(), rank) {
        (0, _) => x.reshape(&vec![1; rank][..]),
        (1, 2) => x.unsqueeze(0),
        (1, 3) => x.unsqueeze(0).unsqueeze(-1),
        (2, 3) => x.unsqueeze(-1),
        _ => x,
    }
}

fn meshgrid<'t>(c: &Call<'t>, lines: &[Var<'t>]) -> Vec<Var<'t>> {
    let sizes: Vec<usize> = lines.iter().map(|x| x.numel()).collect();
    let grid = |(k, x): (usize, &Var<'t>)| {
        let mut shape = vec![1; lines.len()];
        shape[k] = sizes[k];
        let y = x.reshape(&shape[..]).broadcast_to(&sizes[..]);
        if c.text(9, "indexing", "ij") == "xy" && lines.len() > 1 { y.transpose(0, 1) } else { y }
    };
    lines.iter().enumerate().map(grid).collect()
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

fn to_back<'t>(x: Var<'t>, [a, b]: [usize; 2]) -> Var<'t> {
    let rest = (0..x.rank()).filter(|&k| k != a && k != b).chain([a, b]);
    x.permute(&rest.map(|k| k as isize).collect::<Vec<_>>())
}

/// The inverse of [`to_back`].
fn from_back<'t>(x: Var<'t>, [a, b]: [usize; 2]) -> Var<'t> {
    let order: Vec<usize> = (0..x.rank()).filter(|&k| k != a && k != b).chain([a, b]).collect();
    let place = |k| order.iter().position(|&other| other == k).unwrap() as isize;
    x.permute(&(0..x.rank()).map(place).collect::<Vec<_>>())
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

fn shuffled<'t>(op: &str, c: &Call<'t>, x: Var<'t>) -> Var<'t> {
    let shape = x.shape();
    let &[ref lead @ .., ch, h, w] = shape.dims() else { panic!("images are needed") };
    let lead: usize = lead.iter().product();
    let whole = |sizes: [usize; 3]| shape[..x.rank() - 3].iter().copied().chain(sizes).collect::<Vec<_>>();
    match op {
        "pixel_shuffle" => {
            let r = c.int(1, "upscale_factor", 1) as usize;
            let y = x.reshape([lead, ch / r / r, r, r, h, w]).permute(&[0, 1, 4, 2, 5, 3]);
            y.reshape(&whole([ch / r / r, h * r, w * r])[..])
        }
        "pixel_unshuffle" => {
            let r = c.int(1, "downscale_factor", 1) as usize;
            let y = x.reshape([lead, ch, h / r, r, w / r, r]).permute(&[0, 1, 3, 5, 2, 4]);
            y.reshape(&whole([ch * r * r, h / r, w / r])[..])
        }
        _ => {
            let groups = c.int(1, "groups", 1) as usize;
            x.reshape([lead, groups, ch / groups, h, w]).transpose(1, 2).reshape(shape.clone())
        }
    }
}

/// Weights that a later file needs: a constant matrix.
pub fn matrix<'t>(c: &Call<'t>, shape: [usize; 2], f: impl Fn(usize, usize) -> f64) -> Var<'t> {
    c.tape.constant(Tensor::from_fn(shape, DType::F64, |i| f(i / shape[1], i % shape[1])))
}
