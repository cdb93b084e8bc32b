//! Products of vectors and matrices, distances and norms of them.

use super::{Call, Results, reductions::vector_norm};
use wengert::Var;

pub fn run<'t>(op: &str, c: &Call<'t>) -> Results<'t> {
    let tensors = c.vars();
    let (a, b) = (*tensors.first()?, tensors.get(1).copied());
    let (alpha, beta) = (c.float(9, "alpha", 1.0), c.float(9, "beta", 1.0));
    let sum = |product: Var<'t>| if beta == 0.0 { product * alpha } else { a * beta + product * alpha };
    Some(vec![match op {
        "matmul" | "mm" | "bmm" | "mv" | "dot" | "vdot" => product(a, b?),
        "__rmatmul__" => product(b?, a),
        "addmm" | "addmm.decomposed" | "addmv" | "baddbmm" => sum(product(c.x(1), c.x(2))),
        "addbmm" => sum(c.x(1).matmul(c.x(2)).sum_axes(&[0], false)),
        "addr" => sum(c.x(1).unsqueeze(1) * c.x(2)),
        "addcmul" => a + c.x(1) * c.x(2) * c.float(9, "value", 1.0),
        "addcdiv" => a + c.x(1) / c.x(2) * c.float(9, "value", 1.0),
        "outer" => a.unsqueeze(1) * b?,
        "inner" => product(a, b?),
        "kron" => {
            let (x, y) = (a.shape(), b?.shape());
            Var::einsum("ij,kl->ikjl", &[a, b?]).reshape([x[0] * y[0], x[1] * y[1]])
        }
        "einsum" => {
            let (equation, tensors) = (c.text(1, "equation", ""), &tensors[..]);
            Var::einsum(equation, tensors)
        }
        "tensordot" => tensordot(c, a, b?)?,
        "linalg.multi_dot" => tensors[1..].iter().fold(a, |product, &next| product.matmul(next)),
        "linalg.vecdot" => (a * b?).sum_axes(&[c.int(2, "dim", -1)], false),
        "linalg.matrix_power" => power(a, c.int(1, "n", 0)),
        "cross" | "linalg.cross" => {
            let wide = a.shape().broadcast(&b?.shape())?;
            let (a, b) = (a.broadcast_to(&wide), b?.broadcast_to(&wide));
            let first = wide.iter().position(|&n| n == 3)? as isize;
            let axis = c.int(2, "dim", if op == "cross" { first } else { -1 });
            let turn = |x: Var<'t>| x.roll(-1, axis);
            turn(a * turn(b) - turn(a) * b)
        }
        "linear" => match c.maybe(2, "bias") {
            bias if a.rank() > 0 && b?.rank() == 2 => a.linear(b?, bias),
            Some(bias) => product(a, b?) + bias,
            None => product(a, b?),
        },
        "bilinear" => {
            let y = Var::einsum("...i,oij,...j->...o", &[a, c.x(2), c.x(1)]);
            c.maybe(3, "bias").map_or(y, |bias| y + bias)
        }
        "cdist" => vector_norm(a.unsqueeze(-2) - b?.unsqueeze(-3), c.float(2, "p", 2.0), &[-1], false),
        "pdist" => {
            let n = a.shape()[0];
            let (i, j): (Vec<_>, Vec<_>) = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))).unzip();
            vector_norm(a.index_select(0, &i) - a.index_select(0, &j), c.float(1, "p", 2.0), &[-1], false)
        }
        "pairwise_distance" => {
            let apart = a - b? + c.float(3, "eps", 1e-6);
            vector_norm(apart, c.float(2, "p", 2.0), &[-1], c.flag(4, "keepdim", false))
        }
        "cosine_similarity" => {
            let (axis, eps) = (c.int(2, "dim", 1), c.float(3, "eps", 1e-8));
            {
                let b = super::lifted(b?);
                super::along(a, |a| a.cosine_similarity(b, axis, eps))
            }
        }
        "normalize" => {
            let (p, axis) = (c.float(1, "p", 2.0), c.int(2, "dim", 1));
            super::along(a, |a| a / vector_norm(a, p, &[axis], true).max(c.float(3, "eps", 1e-12)))
        }
        "cov" => covariance(c, a),
        "corrcoef" => {
            let covariance = covariance(c, a);
            if covariance.rank() == 0 {
                let own = covariance;
                return Some(vec![covariance / own]);
            }
            let deviation = covariance.diagonal().sqrt();
            covariance / deviation.unsqueeze(1) / deviation
        }
        "linalg.vander" => {
            let n = c.int(1, "N", *super::lifted(a).shape().last()? as isize);
            let a = super::lifted(a);
            let powers: Vec<_> = (0..n).map(|k| a.pow(k as f64)).collect();
            Var::stack(&powers, -1)
        }
        _ => return None,
    }])
}

fn product<'t>(a: Var<'t>, b: Var<'t>) -> Var<'t> {
    match (a.rank(), b.rank()) {
        (0, _) | (_, 0) => a * b,
        (1, 1) => (a * b).sum(),
        (1, _) => a.unsqueeze(0).matmul(b).squeeze(&[-2]),
        (_, 1) => a.matmul(b.unsqueeze(1)).squeeze(&[-1]),
        _ => a.matmul(b),
    }
}

fn power(a: Var<'_>, n: isize) -> Var<'_> {
    let base = if n < 0 { a.inverse() } else { a };
    let unit = a.tape().constant(wengert::Tensor::eye(*a.shape().last().unwrap(), a.dtype())) + a * 0.0;
    (0..n.unsigned_abs()).fold(unit, |product, _| product.matmul(base))
}

fn tensordot<'t>(c: &Call<'t>, a: Var<'t>, b: Var<'t>) -> Option<Var<'t>> {
    use super::super::call::Arg;
    let (over_a, over_b): (Vec<isize>, Vec<isize>) = match c.get(2, "dims") {
        Arg::List(lists) => {
            let list = |k: usize| lists[k].numbers().map(|list| list.into_iter().map(|x| x as isize).collect());
            (list(0)?, list(1)?)
        }
        _ => {
            let n = c.int(2, "dims", 2);
            (((a.rank() as isize - n)..a.rank() as isize).collect(), (0..n).collect())
        }
    };
    let letter = |k: usize| (b'a' + k as u8) as char;
    let first: String = (0..a.rank()).map(letter).collect();
    let matched = |k: usize| over_b.iter().position(|&axis| axis == k as isize).map(|p| letter(over_a[p] as usize));
    let second: String = (0..b.rank()).map(|k| matched(k).unwrap_or(letter(10 + k))).collect();
    let kept = |text: &str, other: &str| text.chars().filter(|l| !other.contains(*l)).collect::<String>();
    let equation = format!("{first},{second}->{}{}", kept(&first, &second), kept(&second, &first));
    Some(Var::einsum(&equation, &[a, b]))
}

fn covariance<'t>(c: &Call<'t>, x: Var<'t>) -> Var<'t> {
    let rows = if x.rank() < 2 { x.reshape([1, x.numel()]) } else { x };
    let n = rows.shape()[1];
    let weights = [c.maybe(9, "fweights"), c.maybe(9, "aweights")].into_iter().flatten();
    let w = weights.reduce(|a, b| a * b).unwrap_or(c.full([n], 1.0));
    let total = w.sum();
    let distance = rows - ((rows * w).sum_axes(&[1], true) / total);
    let correction = c.float(9, "correction", 1.0);
    let loss = match c.maybe(9, "aweights") {
        Some(a) => (w * a).sum() / total * correction,
        None => c.constant(correction),
    };
    let y = (distance * w).matmul(distance.transpose(0, 1)) / (total - loss).max(0.0);
    if y.numel() == 1 { y.reshape(()) } else { y }
}

/// The norm of all numbers, of vectors along an axis, or of matrices.
pub fn norm<'t>(op: &str, c: &Call<'t>, x: Var<'t>) -> Option<Var<'t>> {
    use super::super::call::Arg;
    let order = c.get(1, if op == "norm" { "p" } else { "ord" });
    let axes = c.ints(2, "dim");
    let axes = if op == "linalg.vector_norm" { c.ints(1, "dim") } else { axes };
    let order = if op == "linalg.vector_norm" { c.get(9, "ord") } else { order };
    let keep = c.flag(3, "keepdim", false);
    let of_vector = |p| super::along(x, |x| vector_norm(x, p, axes.as_deref().unwrap_or(&[]), keep));
    let matrix = axes.clone().unwrap_or(vec![-2, -1]);
    let is_matrix = axes.as_ref().map_or(x.rank() == 2, |axes| axes.len() == 2)
        && op.starts_with("linalg.")
        && op != "linalg.vector_norm"
        || op == "linalg.matrix_norm";
    Some(match order {
        Arg::None if op == "linalg.matrix_norm" => x.norm_axes(&matrix, keep),
        Arg::None => of_vector(2.0),
        Arg::Text(text) if text == "fro" => x.norm_axes(axes.as_deref().unwrap_or(&[]), keep),
        Arg::Text(text) if text == "nuc" => singular(x, &matrix, keep, |s| s.sum_axes(&[-1], false)),
        Arg::Number(p) if is_matrix => {
            let [rows, columns] = [matrix[0], matrix[1]];
            let sums = |axis| x.abs().sum_axes(&[axis], true);
            let y = match *p {
                1.0 => sums(rows).amax_axes(&[columns], true),
                -1.0 => sums(rows).amin_axes(&[columns], true),
                f64::INFINITY => sums(columns).amax_axes(&[rows], true),
                f64::NEG_INFINITY => sums(columns).amin_axes(&[rows], true),
                2.0 => return Some(singular(x, &matrix, keep, |s| s.amax_axes(&[-1], false))),
                -2.0 => return Some(singular(x, &matrix, keep, |s| s.amin_axes(&[-1], false))),
                _ => return None,
            };
            if keep { y } else { y.squeeze(&matrix) }
        }
        Arg::Number(p) => of_vector(*p),
        _ => return None,
    })
}

/// A function of the singular values of the matrices along these axes.
fn singular<'t>(x: Var<'t>, axes: &[isize], keep: bool, f: impl Fn(Var<'t>) -> Var<'t>) -> Var<'t> {
    let [rows, columns] = [axes[0], axes[1]].map(|axis| super::front(x, axis) as isize);
    let mut order: Vec<isize> = (0..x.rank() as isize).filter(|&axis| axis != rows && axis != columns).collect();
    order.extend([rows, columns]);
    let y = f(x.permute(&order).singular_values());
    let (first, second) = (rows.min(columns), rows.max(columns));
    if keep { y.unsqueeze(first).unsqueeze(second) } else { y }
}
