//! Functions that normalize: each number of the output depends on a whole row or column of the input.

use wengert::{Backward, Var};

use super::{Rule, numbers, rule};

const KIND: &str = "normalization";

/// The mean over axis 1, which keeps its axis.
fn mean(x: Var<'_>) -> Var<'_> {
    x.mean_axes(&[1], true)
}

pub fn rules() -> Vec<Rule> {
    vec![
        // p = eˣ / Σ eˣ along rows: dx = p (dz − Σ p dz).
        rule(
            KIND,
            "softmax",
            vec![numbers([3, 5], -2.0, 2.0, 40.0)],
            |x| {
                let e = x[0].exp();
                vec![e / e.sum_axes(&[1], true)]
            },
            |Backward { z, dz, .. }| {
                let along = (z[0] * dz[0]).sum_axes(&[1], true);
                vec![Some(z[0] * (dz[0] - along))]
            },
        ),
        // (x − mean) / √(var + ε) along rows.
        rule(
            KIND,
            "layer norm",
            vec![numbers([3, 7], -2.0, 2.0, 41.0)],
            |x| {
                let d = x[0] - mean(x[0]);
                vec![d / (mean(d * d) + 1e-5).sqrt()]
            },
            |Backward { x, z, dz, .. }| {
                let d = x[0] - mean(x[0]);
                let deviation = (mean(d * d) + 1e-5).sqrt();
                let projected = dz[0] - mean(dz[0]) - z[0] * mean(dz[0] * z[0]);
                vec![Some(projected / deviation)]
            },
        ),
        // x / ‖x‖ along rows: dx = (dz − z ⟨z, dz⟩) / ‖x‖.
        rule(
            KIND,
            "unit rows",
            vec![numbers([3, 5], -2.0, 2.0, 42.0)],
            |x| vec![x[0] / (x[0] * x[0]).sum_axes(&[1], true).sqrt()],
            |Backward { x, z, dz, .. }| {
                let norm = (x[0] * x[0]).sum_axes(&[1], true).sqrt();
                let along = (z[0] * dz[0]).sum_axes(&[1], true);
                vec![Some((dz[0] - z[0] * along) / norm)]
            },
        ),
        // A scale and a shift for each of five columns of a square: the shape does not tell rows from columns.
        rule(
            KIND,
            "square affine",
            vec![numbers([5, 5], -2.0, 2.0, 46.0), numbers([5], 0.5, 1.5, 47.0), numbers([5], -1.0, 1.0, 48.0)],
            |x| vec![x[0] * x[1] + x[2]],
            |Backward { x, dz, .. }| {
                vec![Some(dz[0] * x[1]), Some((dz[0] * x[0]).sum_axes(&[0], false)), Some(dz[0].sum_axes(&[0], false))]
            },
        ),
        // γ (x − mean) / √(var + ε) + β for each of five columns.
        rule(
            KIND,
            "batch norm",
            vec![numbers([4, 5], -2.0, 2.0, 43.0), numbers([5], 0.5, 1.5, 44.0), numbers([5], -1.0, 1.0, 45.0)],
            |x| {
                let d = x[0] - x[0].mean_axes(&[0], true);
                let scale = ((d * d).mean_axes(&[0], true) + 1e-5).rsqrt();
                vec![x[1] * (d * scale) + x[2]]
            },
            |Backward { x, dz, .. }| {
                let d = x[0] - x[0].mean_axes(&[0], true);
                let scale = ((d * d).mean_axes(&[0], true) + 1e-5).rsqrt();
                let normal = d * scale;
                let g = dz[0] * x[1];
                let dx = (g - g.mean_axes(&[0], true) - normal * (g * normal).mean_axes(&[0], true)) * scale;
                vec![Some(dx), Some((dz[0] * normal).sum_axes(&[0], false)), Some(dz[0].sum_axes(&[0], false))]
            },
        ),
    ]
}
