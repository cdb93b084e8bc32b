//! Attention and gates.

use wengert::{Backward, Var};

use super::{Rule, numbers, rule, sum, t};

const KIND: &str = "attention and gates";

/// σ (1 − σ), the slope of a gate.
#[track_caller]
fn slope(gate: Var<'_>) -> Var<'_> {
    gate * (1.0 - gate)
}

pub fn rules() -> Vec<Rule> {
    let square = |seed| numbers([3, 3], -1.0, 1.0, seed);
    let wide = |seed| numbers([3, 4], -1.0, 1.0, seed);
    vec![
        // P = softmax(Q Kᵀ / 2).
        rule(
            KIND,
            "attention weights",
            vec![wide(140.0), numbers([5, 4], -1.0, 1.0, 141.0)],
            |x| vec![(x[0].matmul(t(x[1])) / 2.0).softmax(1)],
            |Backward { x, z, dz, .. }| {
                let ds = z[0] * (dz[0] - sum(dz[0] * z[0], 1)) / 2.0;
                vec![Some(ds.matmul(x[1])), Some(t(ds).matmul(x[0]))]
            },
        ),
        // Q (Kᵀ V).
        rule(
            KIND,
            "linear attention",
            vec![square(142.0), square(143.0), square(144.0)],
            |x| vec![x[0].matmul(t(x[1]).matmul(x[2]))],
            |Backward { x, dz, .. }| {
                let m = t(x[1]).matmul(x[2]);
                let dm = t(x[0]).matmul(dz[0]);
                vec![Some(dz[0].matmul(t(m))), Some(x[2].matmul(t(dm))), Some(x[1].matmul(dm))]
            },
        ),
        // Σ softmax(x) x along rows.
        rule(
            KIND,
            "soft maximum",
            vec![wide(145.0)],
            |x| vec![sum(x[0].softmax(1) * x[0], 1)],
            |Backward { x, z, dz, .. }| {
                let p = x[0].softmax(1);
                vec![Some(dz[0] * (p + p * (x[0] - z[0])))]
            },
        ),
        // g a + (1 − g) b with g = σ(c).
        rule(
            KIND,
            "mixing gate",
            vec![wide(146.0), wide(147.0), wide(148.0)],
            |x| {
                let g = x[2].sigmoid();
                vec![g * x[0] + (1.0 - g) * x[1]]
            },
            |Backward { x, dz, .. }| {
                let g = x[2].sigmoid();
                vec![Some(dz[0] * g), Some(dz[0] * (1.0 - g)), Some(dz[0] * (x[0] - x[1]) * slope(g))]
            },
        ),
        // a b σ(b).
        rule(
            KIND,
            "swish gate",
            vec![wide(149.0), wide(150.0)],
            |x| vec![x[0] * x[1] * x[1].sigmoid()],
            |Backward { x, dz, .. }| {
                let g = x[1].sigmoid();
                vec![Some(dz[0] * x[1] * g), Some(dz[0] * x[0] * (g + x[1] * slope(g)))]
            },
        ),
        // (X A) σ(X B).
        rule(
            KIND,
            "gated product",
            vec![square(151.0), square(152.0), square(153.0)],
            |x| vec![x[0].matmul(x[1]) * x[0].matmul(x[2]).sigmoid()],
            |Backward { x, dz, .. }| {
                let (u, g) = (x[0].matmul(x[1]), x[0].matmul(x[2]).sigmoid());
                let du = dz[0] * g;
                let dv = dz[0] * u * slope(g);
                let dx = du.matmul(t(x[1])) + dv.matmul(t(x[2]));
                vec![Some(dx), Some(t(x[0]).matmul(du)), Some(t(x[0]).matmul(dv))]
            },
        ),
        // tanh(X A) B.
        rule(
            KIND,
            "two layers",
            vec![square(154.0), square(155.0), square(156.0)],
            |x| vec![x[0].matmul(x[1]).tanh().matmul(x[2])],
            |Backward { x, dz, .. }| {
                let h = x[0].matmul(x[1]).tanh();
                let du = dz[0].matmul(t(x[2])) * (1.0 - h * h);
                vec![Some(du.matmul(t(x[1]))), Some(t(x[0]).matmul(du)), Some(t(h).matmul(dz[0]))]
            },
        ),
        // softmax(x / T) along rows, with one temperature a row.
        rule(
            KIND,
            "temperature",
            vec![wide(157.0), numbers([3, 1], 0.7, 1.6, 158.0)],
            |x| vec![(x[0] / x[1]).softmax(1)],
            |Backward { x, z, dz, .. }| {
                let ds = z[0] * (dz[0] - sum(dz[0] * z[0], 1));
                vec![Some(ds / x[1]), Some(-sum(ds * x[0], 1) / (x[1] * x[1]))]
            },
        ),
        // x σ(mean of the row).
        rule(
            KIND,
            "squeeze",
            vec![wide(159.0)],
            |x| vec![x[0] * x[0].mean_axes(&[1], true).sigmoid()],
            |Backward { x, dz, .. }| {
                let g = x[0].mean_axes(&[1], true).sigmoid();
                vec![Some(dz[0] * g + sum(dz[0] * x[0], 1) * slope(g) / 4.0)]
            },
        ),
        // ⟨x, y⟩ / (‖x‖ ‖y‖) for each pair of rows.
        rule(
            KIND,
            "cosine",
            vec![wide(160.0), wide(161.0)],
            |x| vec![sum(x[0] * x[1], 1) / (sum(x[0] * x[0], 1) * sum(x[1] * x[1], 1)).sqrt()],
            |Backward { x, z, dz, .. }| {
                let (a, b) = (sum(x[0] * x[0], 1), sum(x[1] * x[1], 1));
                let both = (a * b).sqrt();
                let da = dz[0] * (x[1] / both - x[0] * z[0] / a);
                vec![Some(da), Some(dz[0] * (x[0] / both - x[1] * z[0] / b))]
            },
        ),
    ]
}
