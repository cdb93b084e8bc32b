//! Elementwise functions, some with learned parameters that are broadcast.

use wengert::Backward;

use super::{Rule, numbers, rule};

const KIND: &str = "elementwise";

pub fn rules() -> Vec<Rule> {
    let wide = |seed| numbers([3, 5], -2.0, 2.0, seed);
    vec![
        // σ = 1 / (1 + e⁻ˣ), σ′ = σ (1 − σ).
        rule(
            KIND,
            "logistic",
            vec![wide(1.0)],
            |x| vec![1.0 / (1.0 + (-x[0]).exp())],
            |Backward { z, dz, .. }| vec![Some(dz[0] * z[0] * (1.0 - z[0]))],
        ),
        // tanh x = (e²ˣ − 1) / (e²ˣ + 1), slope 1 − z².
        rule(
            KIND,
            "tanh",
            vec![wide(2.0)],
            |x| {
                let e = (x[0] * 2.0).exp();
                vec![(e - 1.0) / (e + 1.0)]
            },
            |Backward { z, dz, .. }| vec![Some(dz[0] * (1.0 - z[0] * z[0]))],
        ),
        // ln(1 + eˣ), slope 1 / (1 + e⁻ˣ).
        rule(
            KIND,
            "softplus",
            vec![wide(3.0)],
            |x| vec![(x[0].exp() + 1.0).ln()],
            |Backward { x, dz, .. }| vec![Some(dz[0] / (1.0 + (-x[0]).exp()))],
        ),
        // x / (1 + e^(−βx)) with one learned β.
        rule(
            KIND,
            "swish",
            vec![wide(4.0), numbers((), 1.0, 1.5, 0.0)],
            |x| vec![x[0] * (x[1] * x[0]).sigmoid()],
            |Backward { x, dz, .. }| {
                let (x, beta) = (x[0], x[1]);
                let s = (beta * x).sigmoid();
                let slope = s * (1.0 - s);
                vec![Some(dz[0] * (s + beta * x * slope)), Some((dz[0] * x * x * slope).sum())]
            },
        ),
        // √(a² + b²).
        rule(
            KIND,
            "hypot",
            vec![numbers([3, 5], 0.4, 2.0, 5.0), numbers([3, 5], -2.0, -0.3, 6.0)],
            |x| vec![(x[0] * x[0] + x[1] * x[1]).sqrt()],
            |Backward { x, z, dz, .. }| vec![Some(dz[0] * x[0] / z[0]), Some(dz[0] * x[1] / z[0])],
        ),
        // e^(−(x − m)² / 2s²) with a mean and a width for each of five features.
        rule(
            KIND,
            "gaussian",
            vec![wide(7.0), numbers([5], -0.5, 0.5, 8.0), numbers([5], 0.8, 1.6, 9.0)],
            |x| {
                let d = (x[0] - x[1]) / x[2];
                vec![(d * d * -0.5).exp()]
            },
            |Backward { x, z, dz, .. }| {
                let d = (x[0] - x[1]) / x[2];
                let g = dz[0] * z[0] * d / x[2];
                vec![Some(-g), Some(g.sum_axes(&[0], false)), Some((g * d).sum_axes(&[0], false))]
            },
        ),
        // x for x > 0, else α (eˣ − 1), with one α for each of five channels.
        rule(
            KIND,
            "elu",
            vec![wide(10.0), numbers([5], 0.2, 0.9, 11.0)],
            |x| vec![x[0].relu() + x[1] * x[0].min(0.0).exp_m1()],
            |Backward { x, z, dz, .. }| {
                let (alpha, e) = (x[1], x[0].min(0.0).exp_m1());
                let slope = x[0].le(0.0).select(z[0] + alpha, 1.0);
                vec![Some(dz[0] * slope), Some((dz[0] * e).sum_to(&alpha.shape()))]
            },
        ),
    ]
}
