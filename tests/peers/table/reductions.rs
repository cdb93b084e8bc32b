//! Sums, means, extremes, norms and what runs along an axis.

use super::{Call, Results, along, lifted};
use wengert::Var;

pub fn run<'t>(op: &str, c: &Call<'t>) -> Results<'t> {
    let x = c.maybe(0, "")?;
    let axes = c.ints(1, "dim").unwrap_or_default();
    let keep = c.flag(2, "keepdim", false);
    let reduce = |f: &dyn Fn(Var<'t>) -> Var<'t>| Some(vec![along(x, f)]);
    match op {
        "sum" => reduce(&|x| x.sum_axes(&axes, keep)),
        "nansum" => reduce(&|x| x.eq(x).select(x, 0.0).sum_axes(&axes, keep)),
        "mean" => reduce(&|x| x.mean_axes(&axes, keep)),
        "nanmean" => reduce(&|x| {
            let there = x.eq(x);
            there.select(x, 0.0).sum_axes(&axes, keep) / there.sum_axes(&axes, keep)
        }),
        "amax" => reduce(&|x| x.amax_axes(&axes, keep)),
        "amin" => reduce(&|x| x.amin_axes(&axes, keep)),
        "aminmax" => {
            let both = |f: &dyn Fn(Var<'t>) -> Var<'t>| along(x, f);
            Some(vec![both(&|x| x.amin_axes(&axes, keep)), both(&|x| x.amax_axes(&axes, keep))])
        }
        "prod" => reduce(&|x| x.prod_axes(&axes, keep)),
        "logsumexp" => reduce(&|x| x.logsumexp_axes(&axes, keep)),
        "max.reduction_no_dim" => reduce(&|x| x.amax_axes(&[], false)),
        "min.reduction_no_dim" => reduce(&|x| x.amin_axes(&[], false)),
        "max.reduction_with_dim" => reduce(&|x| x.max_index(axes[0], keep).0),
        "min.reduction_with_dim" => reduce(&|x| x.min_index(axes[0], keep).0),
        "var" | "var.unbiased" => Some(vec![spread(c, x)?]),
        "std" | "std.unbiased" => Some(vec![spread(c, x)?.sqrt()]),
        "var_mean" | "var_mean.unbiased" => Some(vec![spread(c, x)?, middle(c, x)]),
        "std_mean" | "std_mean.unbiased" => Some(vec![spread(c, x)?.sqrt(), middle(c, x)]),
        "cumsum" => reduce(&|x| x.cumsum(axes[0])),
        "cumprod" => reduce(&|x| x.cumprod(axes[0])),
        "logcumsumexp" => reduce(&|x| x.logcumsumexp(axes[0])),
        "cummax" => reduce(&|x| running(x, axes[0], |a, b| b.ge(a).select(b, a))),
        "cummin" => reduce(&|x| running(x, axes[0], |a, b| b.le(a).select(b, a))),
        "median" | "nanmedian" => {
            let given = axes.first().copied();
            let (line, axis) = line(x, given);
            let size = line.shape()[super::front(line, axis)];
            Some(vec![kept(x, sorted(line, axis, (size - 1) / 2), given, keep)])
        }
        "kthvalue" => {
            let (axis, keep) = (c.int(2, "dim", -1), c.flag(3, "keepdim", false));
            let y = sorted(lifted(x), axis, c.int(1, "k", 1) as usize - 1);
            Some(vec![kept(x, y, Some(axis), keep)])
        }
        "mode" => {
            let (line, axis) = (lifted(x), c.int(1, "dim", -1));
            let y = chosen(line, axis, |lane| {
                let count = |x: f64| lane.iter().filter(|&&y| y == x).count();
                let better = |a: usize, b: usize| (count(lane[b]), -lane[b]) > (count(lane[a]), -lane[a]);
                (0..lane.len()).reduce(|a, b| if better(a, b) { b } else { a }).unwrap()
            });
            Some(vec![kept(x, y, Some(axis), keep)])
        }
        "quantile" | "nanquantile" => quantile(c, x),
        "norm"
        | "norm.fro"
        | "norm.inf"
        | "linalg.norm"
        | "linalg.norm.subgradients_at_zero"
        | "linalg.vector_norm"
        | "linalg.matrix_norm"
        | "norm.nuc" => Some(vec![super::products::norm(op, c, x)?]),
        "dist" => Some(vec![vector_norm(x - c.x(1), c.float(2, "p", 2.0), &[], false)]),
        "renorm" => {
            let (p, axis, most) =
                (c.float(1, "p", 2.0), super::front(x, c.int(2, "dim", 0)), c.float(3, "maxnorm", 1.0));
            let others: Vec<isize> = (0..x.rank()).filter(|&k| k != axis).map(|k| k as isize).collect();
            let norm = vector_norm(x, p, &others, true);
            Some(vec![x * norm.gt(most).select(most / (norm + 1e-7), 1.0)])
        }
        "trace" => Some(vec![x.trace()]),
        _ => None,
    }
}

/// The p-norm of the numbers along these axes, of all for none.
pub fn vector_norm<'t>(x: Var<'t>, p: f64, axes: &[isize], keep: bool) -> Var<'t> {
    match p {
        2.0 => x.norm_axes(axes, keep),
        f64::INFINITY => x.abs().amax_axes(axes, keep),
        f64::NEG_INFINITY => x.abs().amin_axes(axes, keep),
        0.0 => x.ne(0.0).sum_axes(axes, keep) + x.sum_axes(axes, keep) * 0.0,
        p if p > 0.0 => x.p_norm_axes(axes, p, keep),
        p => {
            let zero = x.abs().amin_axes(axes, keep).eq(0.0);
            zero.select(0.0, x.abs().pow(p).sum_axes(axes, keep).pow(1.0 / p))
        }
    }
}

/// Without the axis of size 1, unless it is kept; what came from a number, or from all of `x`, is a number.
fn kept<'t>(x: Var<'t>, y: Var<'t>, axis: Option<isize>, keep: bool) -> Var<'t> {
    match axis {
        None => y.reshape(()),
        _ if x.rank() == 0 => y.reshape(()),
        _ if keep => y,
        Some(axis) => y.squeeze(&[axis]),
    }
}

/// `x` along an axis, or all of it in a line.
fn line<'t>(x: Var<'t>, axis: Option<isize>) -> (Var<'t>, isize) {
    match axis {
        Some(axis) => (lifted(x), axis),
        None => (x.flatten(0), 0),
    }
}

/// The number at this place of the order along `axis`, which is kept.
fn sorted(x: Var<'_>, axis: isize, place: usize) -> Var<'_> {
    x.sort(axis, false).0.narrow(axis, place, 1)
}

/// The variance, with any correction.
fn spread<'t>(c: &Call<'t>, x: Var<'t>) -> Option<Var<'t>> {
    let (axes, keep, correction) = options(c);
    let n = x.numel() as f64 / x.sum_axes(&axes, false).numel() as f64;
    let distance = x - x.mean_axes(&axes, true);
    Some(distance.square().sum_axes(&axes, keep) / (n - correction).max(0.0))
}

fn middle<'t>(c: &Call<'t>, x: Var<'t>) -> Var<'t> {
    let (axes, keep, _) = options(c);
    x.mean_axes(&axes, keep)
}

fn options(c: &Call<'_>) -> (Vec<isize>, bool, f64) {
    use super::super::call::Arg;
    if let Arg::Flag(unbiased) = c.get(1, "dim") {
        return (vec![], false, f64::from(*unbiased));
    }
    let correction = match c.get(9, "unbiased") {
        Arg::Flag(unbiased) => f64::from(*unbiased),
        _ => c.float(9, "correction", 1.0),
    };
    (c.ints(1, "dim").unwrap_or_default(), c.flag(9, "keepdim", false), correction)
}

fn running<'t>(x: Var<'t>, axis: isize, best: impl Fn(Var<'t>, Var<'t>) -> Var<'t>) -> Var<'t> {
    let mut parts = x.unbind(axis);
    for i in 1..parts.len() {
        parts[i] = best(parts[i - 1], parts[i]);
    }
    Var::stack(&parts, axis)
}

fn quantile<'t>(c: &Call<'t>, x: Var<'t>) -> Results<'t> {
    let (line, axis) = line(x, c.get(2, "dim").numbers().map(|d| d[0] as isize));
    let axis = line.shape().axis("quantile", axis).ok()?;
    let (sorted, size) = (line.sort(axis as isize, false).0, line.shape()[axis]);
    let pick = |q: Var<'t>| {
        let at = q * (size - 1) as f64;
        let (low, high) = (at.value().to_vec()[0].floor(), at.value().to_vec()[0].ceil());
        let number = |place: f64| sorted.narrow(axis as isize, place as usize, 1);
        let (a, b) = (number(low), number(high));
        match c.text(9, "interpolation", "linear") {
            "linear" => a + (b - a) * (at - low),
            "lower" => a,
            "higher" => b,
            "midpoint" => (a + b) * 0.5,
            _ => number(at.round().value().to_vec()[0]),
        }
    };
    let keep = c.flag(3, "keepdim", false);
    let shape: Vec<usize> = match c.get(2, "dim").numbers() {
        _ if x.rank() == 0 => vec![],
        None if keep => vec![1; x.rank()],
        None => vec![],
        Some(_) if keep => sorted.narrow(axis as isize, 0, 1).shape().dims().to_vec(),
        Some(_) => sorted.narrow(axis as isize, 0, 1).squeeze(&[axis as isize]).shape().dims().to_vec(),
    };
    let q = match c.maybe(1, "q") {
        Some(q) if q.rank() == 1 => q,
        Some(q) => return Some(vec![pick(q.reshape(())).reshape(&shape[..])]),
        None => return Some(vec![pick(c.constant(c.float(1, "q", 0.5))).reshape(&shape[..])]),
    };
    Some(vec![Var::stack(&q.unbind(0).into_iter().map(|q| pick(q).reshape(&shape[..])).collect::<Vec<_>>(), 0)])
}

/// In each lane along `axis` the number at the place that is chosen; the axis is kept.
pub fn chosen<'t>(x: Var<'t>, axis: isize, choose: impl Fn(&[f64]) -> usize) -> Var<'t> {
    let moved = x.movedim(axis, -1);
    let (mut shape, size) = (moved.shape().dims().to_vec(), moved.shape()[x.rank() - 1]);
    let places: Vec<usize> = moved.value().to_vec().chunks(size.max(1)).map(choose).collect();
    *shape.last_mut().unwrap() = 1;
    moved.gather(-1, &places, &shape[..]).movedim(-1, axis)
}
