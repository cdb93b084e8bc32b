//! Slices, pieces joined, values turned around or spread.

use wengert::{Backward, Var};

use super::{Rule, numbers, rule, sum};

const KIND: &str = "slices and joins";

/// Columns from `start` on.
#[track_caller]
fn columns<'t>(x: Var<'t>, start: usize, count: usize) -> Var<'t> {
    x.narrow(1, start, count)
}

pub fn rules() -> Vec<Rule> {
    let wide = |seed| numbers([3, 6], -1.0, 1.0, seed);
    vec![
        // The halves exchanged, one of them scaled.
        rule(
            KIND,
            "exchanged halves",
            vec![wide(120.0), numbers([3, 3], 0.5, 1.5, 121.0)],
            |x| vec![Var::concat(&[columns(x[0], 3, 3) * x[1], columns(x[0], 0, 3)], 1)],
            |Backward { x, dz, .. }| {
                let (g, h) = (columns(dz[0], 0, 3), columns(dz[0], 3, 3));
                vec![Some(Var::concat(&[h, g * x[1]], 1)), Some(g * columns(x[0], 3, 3))]
            },
        ),
        // a b with a and b the halves.
        rule(
            KIND,
            "product of halves",
            vec![wide(122.0)],
            |x| vec![columns(x[0], 0, 3) * columns(x[0], 3, 3)],
            |Backward { x, dz, .. }| {
                let (a, b) = (columns(x[0], 0, 3), columns(x[0], 3, 3));
                vec![Some(Var::concat(&[dz[0] * b, dz[0] * a], 1))]
            },
        ),
        // zᵢ = w (xᵢ₊₁ − xᵢ).
        rule(
            KIND,
            "weighted difference",
            vec![wide(123.0), numbers([3, 1], 0.5, 1.5, 124.0)],
            |x| vec![(columns(x[0], 1, 5) - columns(x[0], 0, 5)) * x[1]],
            |Backward { x, dz, .. }| {
                let g = dz[0] * x[1];
                let dx = g.pad(&[(0, 0), (1, 0)], 0.0) - g.pad(&[(0, 0), (0, 1)], 0.0);
                let dw = sum(dz[0] * (columns(x[0], 1, 5) - columns(x[0], 0, 5)), 1);
                vec![Some(dx), Some(dw)]
            },
        ),
        // zᵢ = xᵢ + a xᵢ₋₁.
        rule(
            KIND,
            "delayed",
            vec![wide(125.0), numbers([3, 1], 0.2, 0.8, 126.0)],
            |x| vec![x[0] + x[1] * columns(x[0], 0, 5).pad(&[(0, 0), (1, 0)], 0.0)],
            |Backward { x, dz, .. }| {
                let late = columns(x[0], 0, 5).pad(&[(0, 0), (1, 0)], 0.0);
                let back = columns(dz[0], 1, 5).pad(&[(0, 0), (0, 1)], 0.0);
                vec![Some(dz[0] + x[1] * back), Some(sum(dz[0] * late, 1))]
            },
        ),
        // x + a · (x read backwards).
        rule(
            KIND,
            "mirrored",
            vec![wide(127.0), numbers([3, 6], 0.2, 0.8, 128.0)],
            |x| vec![x[0] + x[1] * x[0].flip(&[1])],
            |Backward { x, dz, .. }| vec![Some(dz[0] + (dz[0] * x[1]).flip(&[1])), Some(dz[0] * x[0].flip(&[1]))],
        ),
        // Means and differences of neighbours, side by side.
        rule(
            KIND,
            "pairs",
            vec![numbers([3, 4, 2], -1.0, 1.0, 129.0)],
            |x| {
                let (a, b) = (x[0].narrow(2, 0, 1), x[0].narrow(2, 1, 1));
                vec![Var::concat(&[(a + b) / 2.0, a - b], 2)]
            },
            |Backward { dz, .. }| {
                let (m, d) = (dz[0].narrow(2, 0, 1), dz[0].narrow(2, 1, 1));
                vec![Some(Var::concat(&[m / 2.0 + d, m / 2.0 - d], 2))]
            },
        ),
        // Each number twice.
        rule(
            KIND,
            "repeated",
            vec![numbers([3, 5], -1.0, 1.0, 130.0)],
            |x| vec![x[0].reshape([3, 5, 1]).broadcast_to([3, 5, 2]).reshape([3, 10])],
            |Backward { dz, .. }| vec![Some(dz[0].reshape([3, 5, 2]).sum_axes(&[2], false))],
        ),
        // a x beside b x.
        rule(
            KIND,
            "two scales",
            vec![numbers([3, 4], -1.0, 1.0, 131.0), numbers([3, 1], 0.5, 1.5, 132.0), numbers([3, 1], 0.5, 1.5, 133.0)],
            |x| vec![Var::concat(&[x[0] * x[1], x[0] * x[2]], 1)],
            |Backward { x, dz, .. }| {
                let (g, h) = (columns(dz[0], 0, 4), columns(dz[0], 4, 4));
                vec![Some(g * x[1] + h * x[2]), Some(sum(g * x[0], 1)), Some(sum(h * x[0], 1))]
            },
        ),
        // The mean of three neighbours.
        rule(
            KIND,
            "moving mean",
            vec![wide(134.0)],
            |x| vec![(columns(x[0], 0, 4) + columns(x[0], 1, 4) + columns(x[0], 2, 4)) / 3.0],
            |Backward { dz, .. }| {
                let g = dz[0] / 3.0;
                let at = |k: usize| g.pad(&[(0, 0), (k, 2 - k)], 0.0);
                vec![Some(at(0) + at(1) + at(2))]
            },
        ),
    ]
}
