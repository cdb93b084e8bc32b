//! Losses and other reductions.

use wengert::{Backward, Tensor};

use super::{Rule, numbers, rule};

pub fn rules() -> Vec<Rule> {
    let logits = numbers([3, 5], -2.0, 2.0, 20.0);
    vec![
        // Σ ‖p − t‖² / 2N.
        rule(
            "loss",
            "euclidean",
            vec![logits.clone(), numbers([3, 5], -1.0, 1.0, 21.0)],
            |x| {
                let d = x[0] - x[1];
                vec![(d * d).sum() / (2.0 * x[0].shape()[0] as f64)]
            },
            |Backward { x, dz, .. }| {
                let g = (x[0] - x[1]) * dz[0] / x[0].shape()[0] as f64;
                vec![Some(g), Some(-g)]
            },
        ),
        // The mean over observations of ln Σⱼ e^(xⱼ) − x at the label.
        rule(
            "loss",
            "cross entropy",
            vec![logits],
            |x| {
                let label = x[0].tape().constant(labels());
                let e = x[0].exp();
                let total = e.sum_axes(&[1], true).ln();
                vec![((total - x[0]) * label).sum() / 3.0]
            },
            |Backward { x, dz, .. }| {
                let label = x[0].tape().constant(labels());
                let e = x[0].exp();
                vec![Some((e / e.sum_axes(&[1], true) - label) * dz[0] / 3.0)]
            },
        ),
        // 1 − (2 Σ p g + 1) / (Σ p + Σ g + 1).
        rule(
            "loss",
            "dice",
            vec![numbers([3, 7], 0.1, 0.9, 22.0), numbers([3, 7], 0.0, 1.0, 23.0)],
            |x| {
                let (overlap, size) = ((x[0] * x[1]).sum() * 2.0 + 1.0, x[0].sum() + x[1].sum() + 1.0);
                vec![1.0 - overlap / size]
            },
            |Backward { x, z, dz, .. }| {
                let (dice, size) = (1.0 - z[0], x[0].sum() + x[1].sum() + 1.0);
                let by = |other| (dice - other * 2.0) / size * dz[0];
                vec![Some(by(x[1])), Some(by(x[0]))]
            },
        ),
        // 0.5 d² for |d| < 1, else |d| − 0.5, summed.
        rule(
            "loss",
            "smooth l1",
            vec![numbers([4, 6], -2.5, 2.5, 24.0), numbers([4, 6], -0.4, 0.4, 25.0)],
            |x| {
                let d = x[0] - x[1];
                let size = d.abs();
                vec![size.lt(1.0).select(d * d * 0.5, size - 0.5).sum()]
            },
            |Backward { x, dz, .. }| {
                let g = (x[0] - x[1]).clamp(-1.0, 1.0) * dz[0];
                vec![Some(g), Some(-g)]
            },
        ),
        // ln Σⱼ e^(xⱼ) of each row.
        rule(
            "reduction",
            "log-sum-exp",
            vec![numbers([3, 5], -2.0, 2.0, 26.0)],
            |x| vec![x[0].exp().sum_axes(&[1], true).ln()],
            |Backward { x, z, dz, .. }| vec![Some(dz[0] * (x[0] - z[0]).exp())],
        ),
        // The variance of each row.
        rule(
            "reduction",
            "variance",
            vec![numbers([3, 5], -2.0, 2.0, 27.0)],
            |x| {
                let d = x[0] - x[0].mean_axes(&[1], true);
                vec![(d * d).mean_axes(&[1], true)]
            },
            |Backward { x, dz, .. }| {
                let d = x[0] - x[0].mean_axes(&[1], true);
                vec![Some(dz[0] * d * (2.0 / x[0].shape()[1] as f64))]
            },
        ),
    ]
}

/// Labels 3, 0 and 4 of three observations in five classes.
fn labels() -> Tensor {
    Tensor::from([[0.0, 0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]])
}
