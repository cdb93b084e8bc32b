//! Reductions that leave out what a mask does not select: the others count as the neutral element.

use super::{
    Call, Results, along,
    reductions::{chosen, vector_norm},
};
use wengert::Var;

pub fn run<'t>(op: &str, c: &Call<'t>) -> Results<'t> {
    let kind = op.strip_prefix("masked.")?;
    let x = c.maybe(0, "")?;
    if kind == "logaddexp" {
        let kept = |x: Var<'t>, mask: &str| c.maybe(9, mask).map_or(x, |mask| mask.select(x, f64::NEG_INFINITY));
        return Some(vec![kept(x, "input_mask").logaddexp(kept(c.x(1), "other_mask"))]);
    }
    let mask = c.maybe(9, "mask").unwrap_or(c.full(x.shape(), 1.0)).broadcast_to(x.shape());
    let at = if matches!(kind, "norm" | "normalize") { 2 } else { 1 };
    let axes = c.ints(at, "dim").unwrap_or_default();
    let keep = c.flag(9, "keepdim", false);
    let fill = |value: f64| mask.select(x, value);
    let reduce = |x: Var<'t>, f: &dyn Fn(Var<'t>) -> Var<'t>| along(x, f);
    let count = || reduce(mask, &|m| m.sum_axes(&axes, keep));
    Some(vec![match kind {
        "sum" => reduce(fill(0.0), &|x| x.sum_axes(&axes, keep)),
        "prod" => reduce(fill(1.0), &|x| x.prod_axes(&axes, keep)),
        "amax" => reduce(fill(f64::NEG_INFINITY), &|x| x.amax_axes(&axes, keep)),
        "amin" => reduce(fill(f64::INFINITY), &|x| x.amin_axes(&axes, keep)),
        "mean" => reduce(fill(0.0), &|x| x.sum_axes(&axes, keep)) / count(),
        "logsumexp" => reduce(fill(f64::NEG_INFINITY), &|x| x.logsumexp_axes(&axes, keep)),
        "cumsum" => reduce(fill(0.0), &|x| x.cumsum(axes[0])),
        "cumprod" => reduce(fill(1.0), &|x| x.cumprod(axes[0])),
        "softmax" => reduce(fill(f64::NEG_INFINITY), &|x| x.softmax(axes[0])),
        "log_softmax" => reduce(fill(f64::NEG_INFINITY), &|x| x.log_softmax(axes[0])),
        "softmin" => reduce(-fill(f64::INFINITY), &|x| x.softmax(axes[0])),
        "norm" => {
            let order = c.float(1, "ord", 2.0);
            let neutral = if order < 0.0 { f64::INFINITY } else { 0.0 };
            reduce(fill(neutral), &|x| vector_norm(x, order, &axes, keep))
        }
        "normalize" => {
            let eps = c.float(9, "eps", 1e-12);
            reduce(fill(0.0), &|x| x / vector_norm(x, c.float(1, "ord", 2.0), &axes, true).max(eps))
        }
        "median" => {
            // The masked come last, and the middle of the others is chosen.
            let axis = axes[0];
            reduce(fill(f64::INFINITY), &|x| {
                let y = chosen(x, axis, |lane| {
                    let mut order: Vec<usize> = (0..lane.len()).collect();
                    order.sort_by(|&a, &b| lane[a].total_cmp(&lane[b]));
                    order[lane.iter().filter(|x| x.is_finite()).count().saturating_sub(1) / 2]
                });
                let y = y.eq(f64::INFINITY).select(f64::NAN, y);
                if keep { y } else { y.squeeze(&[axis]) }
            })
        }
        "var" | "std" => {
            let correction = match c.get(9, "unbiased") {
                crate::call::Arg::Flag(unbiased) => f64::from(*unbiased),
                _ => c.float(9, "correction", 1.0),
            };
            let n = mask.sum_axes(&axes, true);
            let mean = fill(0.0).sum_axes(&axes, true) / n;
            let squares = mask.select((x - mean).square(), 0.0).sum_axes(&axes, keep);
            let variance = squares / (count() - correction).max(0.0);
            if kind == "var" { variance } else { variance.sqrt() }
        }
        _ => return None,
    }])
}
