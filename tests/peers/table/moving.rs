//! Shapes, copies, joins and diagonals: the same numbers elsewhere.

use super::{Call, Results, along, front};
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
        "pixel_shuffle" | "pixel_unshuffle" | "channel_shuffle" => one(shuffled(op, c, x)),
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

pub fn meshgrid<'t>(c: &Call<'t>, lines: &[Var<'t>]) -> Vec<Var<'t>> {
    let sizes: Vec<usize> = lines.iter().map(|x| x.numel()).collect();
    let grid = |(k, x): (usize, &Var<'t>)| {
        let mut shape = vec![1; lines.len()];
        shape[k] = sizes[k];
        let y = x.reshape(&shape[..]).broadcast_to(&sizes[..]);
        if c.text(9, "indexing", "ij") == "xy" && lines.len() > 1 { y.transpose(0, 1) } else { y }
    };
    lines.iter().enumerate().map(grid).collect()
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
