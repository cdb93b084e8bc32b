//! Statistics by group, row or column.

use wengert::{Backward, Var};

use super::{Rule, numbers, rule, sum, t};

const KIND: &str = "statistics";

/// The mean along an axis, which stays with size 1.
#[track_caller]
fn mean<'t>(x: Var<'t>, axis: isize) -> Var<'t> {
    x.mean_axes(&[axis], true)
}

pub fn rules() -> Vec<Rule> {
    let wide = |seed| numbers([4, 5], -1.0, 1.0, seed);
    vec![
        // x − the mean of its group of three columns.
        rule(
            KIND,
            "group mean",
            vec![numbers([4, 6], -1.0, 1.0, 170.0)],
            |x| {
                let g = x[0].reshape([4, 2, 3]);
                vec![(g - mean(g, 2)).reshape([4, 6])]
            },
            |Backward { dz, .. }| {
                let g = dz[0].reshape([4, 2, 3]);
                vec![Some((g - mean(g, 2)).reshape([4, 6]))]
            },
        ),
        // (x − mean) / √(var + ε) over two of four channels at a time.
        rule(
            KIND,
            "group norm",
            vec![numbers([2, 4, 3], -1.0, 1.0, 171.0)],
            |x| {
                let g = x[0].reshape([2, 2, 6]);
                let d = g - mean(g, 2);
                vec![(d * (mean(d * d, 2) + 1e-3).rsqrt()).reshape([2, 4, 3])]
            },
            |Backward { x, z, dz, .. }| {
                let (g, u, n) = (dz[0].reshape([2, 2, 6]), x[0].reshape([2, 2, 6]), z[0].reshape([2, 2, 6]));
                let d = u - mean(u, 2);
                let scale = (mean(d * d, 2) + 1e-3).rsqrt();
                let du = (g - mean(g, 2) - n * mean(g * n, 2)) * scale;
                vec![Some(du.reshape([2, 4, 3]))]
            },
        ),
        // A scale for each channel after its own normalization.
        rule(
            KIND,
            "instance norm",
            vec![numbers([2, 3, 4], -1.0, 1.0, 172.0), numbers([3, 1], 0.5, 1.5, 173.0)],
            |x| {
                let d = x[0] - mean(x[0], 2);
                vec![d * (mean(d * d, 2) + 1e-3).rsqrt() * x[1]]
            },
            |Backward { x, dz, .. }| {
                let d = x[0] - mean(x[0], 2);
                let scale = (mean(d * d, 2) + 1e-3).rsqrt();
                let (n, g) = (d * scale, dz[0] * x[1]);
                let dx = (g - mean(g, 2) - n * mean(g * n, 2)) * scale;
                vec![Some(dx), Some((dz[0] * n).sum_axes(&[0, 2], false).reshape([3, 1]))]
            },
        ),
        // The variance of each row.
        rule(
            KIND,
            "variance",
            vec![wide(174.0)],
            |x| {
                let d = x[0] - mean(x[0], 1);
                vec![mean(d * d, 1)]
            },
            |Backward { x, dz, .. }| vec![Some(dz[0] * (x[0] - mean(x[0], 1)) * 2.0 / 5.0)],
        ),
        // √(s² + ε), with s² the variance of each column by N − 1.
        rule(
            KIND,
            "deviation",
            vec![wide(175.0)],
            |x| {
                let d = x[0] - mean(x[0], 0);
                vec![(sum(d * d, 0) / 3.0 + 1e-3).sqrt()]
            },
            |Backward { x, z, dz, .. }| vec![Some(dz[0] * (x[0] - mean(x[0], 0)) / (z[0] * 3.0))],
        ),
        // Σ w x / Σ w along rows.
        rule(
            KIND,
            "weighted mean",
            vec![wide(176.0), numbers([4, 5], 0.5, 1.5, 177.0)],
            |x| vec![sum(x[0] * x[1], 1) / sum(x[1], 1)],
            |Backward { x, z, dz, .. }| {
                let g = dz[0] / sum(x[1], 1);
                vec![Some(g * x[1]), Some(g * (x[0] - z[0]))]
            },
        ),
        // x / Σ x along columns, for positive x.
        rule(
            KIND,
            "shares",
            vec![numbers([4, 4], 0.5, 1.5, 178.0)],
            |x| vec![x[0] / sum(x[0], 0)],
            |Backward { x, z, dz, .. }| vec![Some((dz[0] - sum(dz[0] * z[0], 0)) / sum(x[0], 0))],
        ),
        // Dᵀ D / N with D the deviations from the column means.
        rule(
            KIND,
            "covariance",
            vec![numbers([6, 4], -1.0, 1.0, 179.0)],
            |x| {
                let d = x[0] - mean(x[0], 0);
                vec![t(d).matmul(d) / 6.0]
            },
            |Backward { x, dz, .. }| {
                let d = x[0] - mean(x[0], 0);
                vec![Some(d.matmul(dz[0] + t(dz[0])) / 6.0)]
            },
        ),
        // A square matrix without its row and column means.
        rule(
            KIND,
            "double centring",
            vec![numbers([4, 4], -1.0, 1.0, 180.0), numbers([4, 4], 0.5, 1.5, 181.0)],
            |x| {
                let a = x[0] * x[1];
                vec![a - mean(a, 0) - mean(a, 1) + mean(mean(a, 0), 1)]
            },
            |Backward { x, dz, .. }| {
                let g = dz[0] - mean(dz[0], 0) - mean(dz[0], 1) + mean(mean(dz[0], 0), 1);
                vec![Some(g * x[1]), Some(g * x[0])]
            },
        ),
    ]
}
