//! Geometry and products of matrices.

use wengert::{Backward, Var};

use crate::planted::{Planted, draw, numbers, planted, sum, t};

/// Column `k` as a matrix of one column.
#[track_caller]
fn column<'t>(x: Var<'t>, k: usize) -> Var<'t> {
    x.narrow(1, k, 1)
}

pub fn cases() -> Vec<Planted> {
    vec![
        // Distances of the rows of X to the rows of Y.
        planted(
            "pairwise distances",
            vec![draw([4, 3], 101.0), draw([5, 3], 102.0)],
            |x| {
                let d = x[0].unsqueeze(1) - x[1].unsqueeze(0);
                let r = (d * d).sum_axes(&[2], false).sqrt();
                (vec![r], vec![d])
            },
            |Backward { z, dz, saved, .. }, s| {
                let g = slip!(s 1: dz[0] / z[0] => dz[0]).unsqueeze(2) * saved[0];
                let g = slip!(s 2: g => g * 2.0);
                vec![
                    Some(g.sum_axes(&[1], false)),
                    Some(slip!(s 3: -g.sum_axes(&[0], false) => g.sum_axes(&[0], false))),
                ]
            },
            [
                (&[1], "factor", "factor&output 0"),
                (&[2], "constant", "2"),
                (&[3], "sign", "sign"),
                (&[1, 3], "two", "factor&output 0"),
            ],
        ),
        // z = a × b for rows.
        planted(
            "cross product",
            vec![draw([4, 3], 103.0), draw([4, 3], 104.0)],
            |x| (vec![cross(x[0], x[1])], vec![]),
            |Backward { x, dz, .. }, s| {
                let da = slip!(s 1: cross(x[1], dz[0]) => cross(dz[0], x[1]));
                let db = slip!(s 2: cross(dz[0], x[0]) => cross(dz[0], x[1]));
                vec![Some(da), Some(db)]
            },
            [(&[1], "sign", "sign"), (&[2], "value", "input 1&input 0")],
        ),
        // Points of the plane turned by an angle each.
        planted(
            "rotation",
            vec![draw([5, 2], 105.0), draw([5, 1], 106.0)],
            |x| {
                let (u, v, c, s) = (column(x[0], 0), column(x[0], 1), x[1].cos(), x[1].sin());
                (vec![Var::concat(&[c * u - s * v, s * u + c * v], 1)], vec![])
            },
            |Backward { x, z, dz, .. }, s| {
                let (g, h, c, n) = (column(dz[0], 0), column(dz[0], 1), x[1].cos(), x[1].sin());
                let du = slip!(s 1: c * g + n * h => c * g - n * h);
                let dv = c * h - n * g;
                let da =
                    slip!(s 2: h * column(z[0], 0) - g * column(z[0], 1) => h * column(z[0], 1) - g * column(z[0], 0));
                vec![Some(slip!(s 3: Var::concat(&[du, dv], 1) => Var::concat(&[dv, du], 1))), Some(da)]
            },
            [
                (&[1], "sign", "sign|`sub`&`add`"),
                (&[2], "movement", "slice|narrow|column"),
                (&[3], "movement", "concat|exchanged|turned around"),
            ],
        ),
        // A pinhole camera: (f x / z, f y / z).
        planted(
            "projection",
            vec![draw([5, 2], 107.0), numbers([5, 1], 1.0, 3.0, 108.0), numbers((), 0.8, 1.2, 109.0)],
            |x| (vec![x[2] * x[0] / x[1]], vec![]),
            |Backward { x, z, dz, .. }, s| {
                let dx = slip!(s 1: dz[0] * x[2] / x[1] => dz[0] / x[1]);
                let dd = -sum(dz[0] * z[0], 1) / slip!(s 2: x[1] => x[1] * x[1]);
                vec![Some(dx), Some(dd), Some((dz[0] * slip!(s 3: x[0] / x[1] => x[0])).sum())]
            },
            [
                (&[1], "factor", "factor&input 2"),
                (&[2], "factor", "input 1"),
                (&[3], "factor", "input 1"),
                (&[1, 2], "two", "factor&input 2"),
            ],
        ),
        // The potential of charges: Σ q / r at the origin, r = ‖p‖.
        planted(
            "potential",
            vec![numbers([5, 3], 0.3, 1.5, 110.0), draw([5, 1], 111.0)],
            |x| {
                let r = sum(x[0] * x[0], 1).sqrt();
                (vec![(x[1] / r).sum()], vec![r])
            },
            |Backward { x, dz, saved, .. }, s| {
                let r = saved[0];
                let force = -x[1] / slip!(s 1: r * r * r => r * r);
                vec![Some(force * x[0] * dz[0]), Some(slip!(s 2: dz[0] / r => dz[0] / (r * r)))]
            },
            [(&[1], "factor", "saved value 0"), (&[2], "factor", "saved value 0"), (&[1, 2], "two", "saved value 0")],
        ),
        // Reflection of rows in a plane with normal n: v − 2 (v·n) n / (n·n).
        planted(
            "reflection",
            vec![draw([4, 3], 112.0), draw([1, 3], 113.0)],
            |x| {
                let (p, q) = (sum(x[0] * x[1], 1), sum(x[1] * x[1], 1));
                (vec![x[0] - p / q * x[1] * 2.0], vec![p, q])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (p, q) = (saved[0], saved[1]);
                let along = sum(dz[0] * x[1], 1);
                let dv = dz[0] - along / q * x[1] * 2.0;
                let first = (dz[0] * p + slip!(s 1: along * x[0] => p * x[0])) / q;
                let second = slip!(s 2: along * p * x[1] * 2.0 => along * x[1] * 2.0) / (q * q);
                let dn = ((slip!(s 3: first - second => first)) * -2.0).sum_axes(&[0], true);
                vec![Some(dv), Some(dn)]
            },
            [
                (&[1], "value", "saved value 0"),
                (&[2], "factor", "factor&saved value 0"),
                (&[3], "term", "dropped term|forgotten path"),
                (&[1, 3], "two", "two mistakes"),
            ],
        ),
        // A X Aᵀ.
        planted(
            "congruence",
            vec![draw([4, 4], 114.0), draw([4, 4], 115.0)],
            |x| (vec![x[0].matmul(x[1]).matmul(t(x[0]))], vec![]),
            |Backward { x, dz, .. }, s| {
                let (a, m) = (x[0], x[1]);
                let left = dz[0].matmul(a).matmul(t(m));
                let right = slip!(s 1: t(dz[0]).matmul(a).matmul(m) => dz[0].matmul(a).matmul(t(m)));
                let dm = slip!(s 2: t(a).matmul(dz[0]).matmul(a) => a.matmul(dz[0]).matmul(t(a)));
                vec![Some(left + right), Some(dm)]
            },
            [
                (&[1], "order", "transposed|symmetric|twice"),
                (&[2], "order", "transposed&transposed|order"),
                (&[1, 2], "two", "symmetric|transposed"),
            ],
        ),
        // dᵀ S d with d = x − m, for each row; S need not be symmetric.
        planted(
            "mahalanobis",
            vec![draw([5, 3], 116.0), draw([1, 3], 117.0), draw([3, 3], 118.0)],
            |x| {
                let d = x[0] - x[1];
                (vec![sum(d.matmul(x[2]) * d, 1)], vec![d])
            },
            |Backward { x, dz, saved, .. }, s| {
                let d = saved[0];
                let both = slip!(s 1: d.matmul(x[2]) + d.matmul(t(x[2])) => d.matmul(x[2]) * 2.0);
                let dx = dz[0] * both;
                let ds = slip!(s 2: t(d).matmul(dz[0] * d) => t(d).matmul(d));
                vec![Some(dx), Some(slip!(s 3: -dx => dx).sum_axes(&[0], true)), Some(ds)]
            },
            [
                (&[1], "order", "transposed|symmetric"),
                (&[2], "factor", "upstream"),
                (&[3], "sign", "sign"),
                (&[1, 3], "two", "two mistakes|symmetric|transposed"),
            ],
        ),
        // z = xᵢᵀ A yᵢ.
        planted(
            "bilinear form",
            vec![draw([3, 4], 119.0), draw([4, 4], 120.0), draw([3, 4], 121.0)],
            |x| (vec![sum(x[0].matmul(x[1]) * x[2], 1)], vec![]),
            |Backward { x, dz, .. }, s| {
                let dx = dz[0] * slip!(s 1: x[2].matmul(t(x[1])) => x[2].matmul(x[1]));
                let da = slip!(s 2: t(x[0]).matmul(dz[0] * x[2]) => t(dz[0] * x[2]).matmul(x[0]));
                let dy = slip!(s 3: dz[0] * x[0].matmul(x[1]) => x[0].matmul(x[1]));
                vec![Some(dx), Some(da), Some(dy)]
            },
            [
                (&[1], "order", "transposed"),
                (&[2], "order", "transposed"),
                (&[3], "factor", "upstream gradient"),
                (&[1, 3], "two", "transposed|upstream"),
            ],
        ),
    ]
}

/// The cross products of rows.
#[track_caller]
fn cross<'t>(a: Var<'t>, b: Var<'t>) -> Var<'t> {
    let part = |i: usize, j: usize| column(a, i) * column(b, j) - column(a, j) * column(b, i);
    Var::concat(&[part(1, 2), part(2, 0), part(0, 1)], 1)
}
