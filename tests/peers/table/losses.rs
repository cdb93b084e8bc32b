//! Losses.

use super::{Call, Results};
use wengert::Var;
use wengert::functional::{Attention, BinaryCrossEntropy, CrossEntropy, Reduction};

pub fn run<'t>(op: &str, c: &Call<'t>) -> Results<'t> {
    let x = c.maybe(0, "")?;
    let target = c.maybe(1, "target");
    let reduction = match c.text(9, "reduction", "mean") {
        "none" => Reduction::None,
        "sum" => Reduction::Sum,
        _ => Reduction::Mean,
    };
    let total = |losses: Var<'t>| match reduction {
        Reduction::None => losses,
        Reduction::Sum => losses.sum(),
        Reduction::Mean => losses.mean(),
    };
    Some(vec![match op {
        "mse_loss" => x.mse_loss_with(target?, reduction),
        "l1_loss" => x.l1_loss_with(target?, reduction),
        "huber_loss" => x.huber_loss_with(target?, c.float(9, "delta", 1.0), reduction),
        "smooth_l1_loss" => match c.float(9, "beta", 1.0) {
            0.0 => x.l1_loss_with(target?, reduction),
            beta => x.smooth_l1_loss_with(target?, beta, reduction),
        },
        "binary_cross_entropy" | "binary_cross_entropy_with_logits" => {
            let mut options = BinaryCrossEntropy::default().reduction(reduction);
            if let Some(weight) = c.maybe(2, "weight") {
                options = options.weight(weight.value());
            }
            if let Some(weight) = c.maybe(9, "pos_weight") {
                options = options.pos_weight(weight.value());
            }
            if op == "binary_cross_entropy" {
                x.bce_loss(target?, &options)
            } else {
                x.bce_with_logits_with(target?, &options)
            }
        }
        "cross_entropy" | "nll_loss" => classes(op, c, x, target?, c.maybe(2, "weight"), reduction)?,
        _ if op.starts_with("linear_cross_entropy") => {
            let (w, target) = (target?, c.x(2));
            // Kernels [classes, .., features]: what is between are positions, each with a target of its own.
            let (rows, shape) = (if x.rank() == 1 { x.unsqueeze(0) } else { x }, w.shape());
            let [outputs @ .., features] = shape.dims() else { return None };
            let flat = w.reshape([outputs.iter().product::<usize>(), *features]).transpose(0, 1);
            let whole: Vec<usize> = [rows.shape()[0]].iter().chain(outputs).copied().collect();
            let logits = rows.matmul(flat).reshape(&whole[..]);
            let logits = c.maybe(9, "linear_bias").map_or(logits, |bias| logits + bias);
            let logits = if x.rank() == 1 { logits.squeeze(&[0]) } else { logits };
            classes("cross_entropy", c, logits, target, c.maybe(9, "weight"), reduction)?
        }
        "kl_div" => {
            let y = target?;
            let terms = if c.flag(9, "log_target", false) { y.exp() * (y - x) } else { y.xlogy(y) - y * x };
            match c.text(9, "reduction", "mean") {
                "batchmean" => terms.sum() / x.shape()[0] as f64,
                _ => total(terms),
            }
        }
        "soft_margin_loss" => total((-(target? * x)).softplus()),
        "hinge_embedding_loss" => {
            let (y, margin) = (target?, c.float(9, "margin", 1.0));
            total(y.ne(1.0).select((margin - x).max(0.0), 0.0) + y.ne(-1.0).select(x, 0.0))
        }
        "margin_ranking_loss" => total((-c.x(2) * (x - c.x(1)) + c.float(9, "margin", 0.0)).relu()),
        "poisson_nll_loss" => {
            let y = target?;
            let loss = match c.flag(9, "log_input", true) {
                true => x.exp() - y * x,
                false => x - y * (x + c.float(9, "eps", 1e-8)).ln(),
            };
            let stirling = y.gt(1.0).select(y * y.ln() - y + (y * std::f64::consts::TAU).ln() * 0.5, 0.0);
            total(if c.flag(9, "full", false) { loss + stirling } else { loss })
        }
        "gaussian_nll_loss" => {
            let (y, var, eps) = (target?, c.var(2, "var"), c.float(9, "eps", 1e-6));
            // Variances below ε count as ε, and pass their gradient on.
            let var = var + (var.max(eps) - var).detach();
            let var = if var.rank() + 1 == x.rank() { var.unsqueeze(-1) } else { var };
            let loss = (var.ln() + (x - y).square() / var) * 0.5;
            total(if c.flag(9, "full", false) { loss + 0.5 * std::f64::consts::TAU.ln() } else { loss })
        }
        "cosine_embedding_loss" => {
            let (b, y, margin) = (c.x(1), c.x(2), c.float(9, "margin", 0.0));
            let squares = |x: Var<'t>| x.square().sum_axes(&[-1], false) + 1e-12;
            let cosine = (x * b).sum_axes(&[-1], false) / (squares(x) * squares(b)).sqrt();
            total(y.eq(1.0).select(1.0 - cosine, 0.0) + y.eq(-1.0).select((cosine - margin).relu(), 0.0))
        }
        "triplet_margin_loss" | "triplet_margin_with_distance_loss" => {
            let p = c.float(9, "p", 2.0);
            let distance = |a: Var<'t>, b: Var<'t>| super::reductions::vector_norm(a - b + 1e-6, p, &[-1], false);
            let (positive, negative) = (distance(x, c.x(1)), distance(x, c.x(2)));
            let negative = if c.flag(9, "swap", false) { negative.min(distance(c.x(1), c.x(2))) } else { negative };
            total((positive - negative + c.float(9, "margin", 1.0)).relu())
        }
        "multilabel_soft_margin_loss" => {
            let y = target?;
            let losses = -(y * x.log_sigmoid() + (1.0 - y) * (-x).log_sigmoid());
            total(c.maybe(2, "weight").map_or(losses, |w| losses * w).mean_axes(&[-1], false))
        }
        "multi_margin_loss" => {
            let (rows, labels) = (if x.rank() < 2 { x.reshape([1, x.numel()]) } else { x }, c.places(1, "target"));
            let classes = rows.shape()[1];
            let own = rows.gather(1, &labels, [labels.len(), 1]);
            let over = (rows - own + c.float(9, "margin", 1.0)).relu().pow(c.float(2, "p", 1.0));
            let w = c.maybe(4, "weight").map(|w| w.index_select(0, &labels).unsqueeze(1));
            let over = w.map_or(over, |w| over * w);
            let is_own = super::moving::matrix(c, [labels.len(), classes], |i, j| f64::from(labels[i] == j));
            let losses = is_own.select(0.0, over).sum_axes(&[1], false) / classes as f64;
            total(if x.rank() < 2 { losses.reshape(()) } else { losses })
        }
        "multilabel_margin_loss" => {
            let rows = if x.rank() < 2 { x.reshape([1, x.numel()]) } else { x };
            let (labels, classes) = (c.ints(1, "target")?, rows.shape()[1]);
            let each = rows.unbind(0).into_iter().enumerate().map(|(i, row)| {
                let own: Vec<usize> =
                    labels[i * classes..][..classes].iter().take_while(|&&l| l >= 0).map(|&l| l as usize).collect();
                let others: Vec<usize> = (0..classes).filter(|k| !own.contains(k)).collect();
                if own.is_empty() {
                    return row.sum() * 0.0;
                }
                let (own, others) = (row.index_select(0, &own), row.index_select(0, &others));
                (1.0 - own.unsqueeze(1) + others).relu().sum() / classes as f64
            });
            let losses = Var::stack(&each.collect::<Vec<_>>(), 0);
            total(if x.rank() < 2 { losses.reshape(()) } else { losses })
        }
        "scaled_dot_product_attention" => attention(c, x, c.x(1), c.x(2))?,
        "torch.ops.aten._scaled_dot_product_flash_attention_for_cpu" => {
            let scores = x.matmul(c.x(1).transpose(-2, -1)) / (*x.shape().last()? as f64).sqrt();
            let later = |i, j| if c.flag(4, "is_causal", false) && j > i { f64::NEG_INFINITY } else { 0.0 };
            let mask = super::moving::matrix(c, [x.shape()[x.rank() - 2], c.x(1).shape()[x.rank() - 2]], later);
            let scores = scores + c.maybe(9, "attn_mask").unwrap_or(mask);
            return Some(vec![scores.softmax(-1).matmul(c.x(2)), scores.logsumexp_axes(&[-1], false)]);
        }
        _ => return None,
    }])
}

/// Classes by number, or by probabilities, along axis 1.
fn classes<'t>(
    op: &str,
    c: &Call<'t>,
    x: Var<'t>,
    target: Var<'t>,
    weights: Option<Var<'t>>,
    reduction: Reduction,
) -> Option<Var<'t>> {
    let axis = if x.rank() == 1 { 0 } else { 1 };
    // Pixels are observations, too.
    let rows = |x: Var<'t>| {
        x.movedim(axis, -1).reshape([x.numel() / x.shape()[axis as usize].max(1), x.shape()[axis as usize]])
    };
    let mut shape = x.shape().dims().to_vec();
    shape.remove(axis as usize);
    let smoothing = c.float(9, "label_smoothing", 0.0);
    if target.shape() == x.shape() && op == "cross_entropy" {
        let (logs, y) = (rows(x).log_softmax(1), rows(target));
        let y = y * (1.0 - smoothing) + smoothing / y.shape()[1] as f64;
        let weighted = weights.map_or(y, |w| y * w);
        let each = -(logs * weighted).sum_axes(&[1], false);
        return Some(match reduction {
            Reduction::None => each.reshape(&shape[..]),
            Reduction::Sum => each.sum(),
            Reduction::Mean => each.mean(),
        });
    }
    let mut options = CrossEntropy::default().reduction(reduction).smoothing(smoothing);
    if let Some(w) = weights {
        options = options.weights(w.value().to_vec());
    }
    let ignored = c.int(9, "ignore_index", -100);
    let labels: Vec<usize> = target
        .value()
        .to_vec()
        .into_iter()
        .map(|l| if l as isize == ignored { usize::MAX } else { l as usize })
        .collect();
    let options = options.ignore(usize::MAX);
    let y = if op == "nll_loss" {
        rows(x).nll_loss_with(&labels, &options)
    } else {
        rows(x).cross_entropy_with(&labels, &options)
    };
    Some(if reduction == Reduction::None { y.reshape(&shape[..]) } else { y })
}

fn attention<'t>(c: &Call<'t>, q: Var<'t>, k: Var<'t>, v: Var<'t>) -> Option<Var<'t>> {
    if c.float(4, "dropout_p", 0.0) != 0.0 {
        return None;
    }
    let scale = c.float(9, "scale", 1.0 / (*q.shape().last()? as f64).sqrt());
    // Fewer heads of keys than of queries are shared by neighbors.
    let shared = |x: Var<'t>| match c.flag(9, "enable_gqa", false) && q.rank() > 2 {
        true => {
            let (heads, have) = (q.shape()[q.rank() - 3], x.shape()[x.rank() - 3]);
            x.index_select(-3, &(0..heads).map(|i| i * have / heads).collect::<Vec<_>>())
        }
        false => x,
    };
    let (k, v) = (shared(k), shared(v));
    let causal = c.flag(5, "is_causal", false);
    match c.maybe(3, "attn_mask") {
        Some(mask) => {
            let scores = q.matmul(k.transpose(-2, -1)) * scale + mask;
            Some(scores.softmax(-1).matmul(v))
        }
        None => {
            let options = Attention::default().scale(scale);
            Some(q.attention(k, v, &if causal { options.causal() } else { options }))
        }
    }
}
