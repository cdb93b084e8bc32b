//! Geometry.

use wengert::{Backward, Var};

use super::{SIGN, TERM, TWICE};
use crate::planted::{Planted, draw, numbers, planted, sum, t};

pub fn cases() -> Vec<Planted> {
    vec![
        // Vectors turned by quaternions (w, u): v + 2 w (u × v) + 2 u × (u × v).
        planted(
            "quaternion rotation",
            vec![draw([5, 1], 201.0), draw([5, 3], 202.0), draw([5, 3], 203.0)],
            |x| {
                let uv = cross(x[1], x[2]);
                (vec![x[2] + x[0] * uv * 2.0 + cross(x[1], uv) * 2.0], vec![uv])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (u, v, uv) = (x[1], x[2], saved[0]);
                let g = dz[0] * 2.0;
                let dw = sum(g * slip!(s 1: uv => v), 1);
                let duv = x[0] * g + slip!(s 2: cross(g, u) => cross(u, g));
                let du = slip!(s 3: cross(uv, g) + cross(v, duv) => cross(v, duv));
                vec![Some(dw), Some(du), Some(dz[0] + cross(duv, u))]
            },
            [
                (&[1], "value", "input 2&saved value 0"),
                (&[2], "order", "sign|`add`&`sub`|−1|exchanged|order"),
                (&[3], "term", TERM),
                (&[1, 3], "two", ""),
            ],
        ),
        // Rodrigues: v cos θ + (k × v) sin θ + k (k · v)(1 − cos θ), one axis for all rows.
        planted(
            "turn about an axis",
            vec![draw([4, 3], 204.0), draw([1, 3], 205.0), draw([4, 1], 206.0)],
            |x| {
                let (v, k) = (x[0], x[1] + x[0] * 0.0);
                let (kv, along) = (cross(k, v), sum(k * v, 1));
                let (c, si) = (x[2].cos(), x[2].sin());
                (vec![v * c + kv * si + k * along * (1.0 - c)], vec![kv, along, c, si])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (v, k, g) = (x[0], x[1] + x[0] * 0.0, dz[0]);
                let (kv, along, c, si) = (saved[0], saved[1], saved[2], saved[3]);
                let gk = sum(g * k, 1) * (1.0 - c);
                let dv = g * c + cross(g * si, k) + k * gk;
                let outer = slip!(s 1: g * along * (1.0 - c) + v * gk => g * along * (1.0 - c));
                let dk = sum(outer + cross(v, g * si), 0);
                let dangle = g * (kv * c + k * along * si - v * slip!(s 2: si => c));
                vec![Some(dv), Some(dk), Some(sum(dangle, 1))]
            },
            [(&[1], "term", TERM), (&[2], "value", "saved value 2&saved value 3|`cos`&`sin`")],
        ),
        // Spherical coordinates (r, θ, φ) to (x, y, z).
        planted(
            "spherical coordinates",
            vec![numbers([4, 3], 0.3, 1.2, 207.0)],
            |x| {
                let [r, a, b] = columns(x[0]);
                (vec![Var::concat(&[r * a.sin() * b.cos(), r * a.sin() * b.sin(), r * a.cos()], 1)], vec![])
            },
            |Backward { x, dz, .. }, s| {
                let ([r, a, b], [g, h, k]) = (columns(x[0]), columns(dz[0]));
                let (flat, turn) = (g * b.cos() + h * b.sin(), h * b.cos() - g * b.sin());
                let dr = flat * a.sin() + k * a.cos();
                let da = slip!(s 1: flat * a.cos() - k * a.sin() => flat * a.cos() + k * a.sin()) * r;
                let db = slip!(s 2: r * a.sin() * turn => r * turn);
                vec![Some(Var::concat(&[dr, da, db], 1))]
            },
            [(&[1], "sign", SIGN), (&[2], "factor", "factor&`sin`|`slice`&`mul`"), (&[1, 2], "two", "")],
        ),
        // Heron: √(s (s − a)(s − b)(s − c)), s = (a + b + c) / 2.
        planted(
            "triangle area",
            vec![numbers([5], 1.0, 1.4, 208.0), numbers([5], 1.0, 1.4, 209.0), numbers([5], 1.0, 1.4, 210.0)],
            |x| {
                let half = (x[0] + x[1] + x[2]) / 2.0;
                let (a, b, c) = (half - x[0], half - x[1], half - x[2]);
                (vec![(half * a * b * c).sqrt()], vec![half, a, b, c])
            },
            |Backward { z, dz, saved, .. }, s| {
                let (half, a, b, c) = (saved[0], saved[1], saved[2], saved[3]);
                let g = dz[0] / slip!(s 1: z[0] * 2.0 => z[0]);
                let (da, db, dc) = (g * half * b * c, g * half * a * c, g * half * a * b);
                let dhalf = slip!(s 2: g * a * b * c + da + db + dc => da + db + dc);
                vec![Some(dhalf / 2.0 - da), Some(dhalf / 2.0 - db), Some(dhalf / 2.0 - dc)]
            },
            [(&[1], "constant", TWICE), (&[2], "term", TERM)],
        ),
        // A signal read between its samples: (1 − f) xᵢ + f xᵢ₊₁ at f = p − i, in fixed intervals i.
        planted(
            "linear sampling",
            vec![draw([6, 2], 211.0), numbers([4, 1], 0.1, 0.9, 212.0)],
            |x| {
                let (a, b) = (x[0].index_select(0, &BELOW), x[0].index_select(0, &ABOVE));
                (vec![a * (1.0 - x[1]) + b * x[1]], vec![a, b])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (a, b) = (saved[0], saved[1]);
                let df = sum(dz[0] * slip!(s 1: b - a => b), 1);
                let low = dz[0] * (1.0 - x[1]);
                let high = dz[0] * x[1];
                let dx = scattered(x[0] * 0.0, &BELOW, slip!(s 2: low => high));
                let dx = scattered(dx, slip!(s 3: &ABOVE => &BELOW), high);
                vec![Some(dx), Some(df)]
            },
            [
                (&[1], "term", "dropped term|forgotten path|saved value 0"),
                (&[2], "value", "1 − |`sub`|input 1|mixed up&`mul`"),
                (&[3], "movement", "scatter_add|indices|index|one place|moved"),
            ],
        ),
        // Distance in the unit ball: arcosh(1 + 2 |u − v|² / ((1 − |u|²)(1 − |v|²))).
        planted(
            "hyperbolic distance",
            vec![numbers([4, 2], -0.5, 0.5, 213.0), numbers([4, 2], -0.5, 0.5, 214.0)],
            |x| {
                let (d, a, b) = (x[0] - x[1], 1.0 - sum(x[0] * x[0], 1), 1.0 - sum(x[1] * x[1], 1));
                let y = 1.0 + sum(d * d, 1) * 2.0 / (a * b);
                (vec![(y + (y * y - 1.0).sqrt()).ln()], vec![d, a, b, y])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (d, a, b, y) = (saved[0], saved[1], saved[2], saved[3]);
                let dy = dz[0] / slip!(s 1: (y * y - 1.0).sqrt() => (y * y + 1.0).sqrt());
                let pull = dy * d * 4.0 / (a * b);
                let du = pull + dy * (y - 1.0) * 2.0 * x[0] / a;
                let dv = slip!(s 2: dy * (y - 1.0) * 2.0 * x[1] / b - pull => dy * (y - 1.0) * 2.0 * x[1] / a - pull);
                vec![Some(du), Some(dv)]
            },
            [(&[1], "sign", SIGN), (&[2], "value", "saved value 1&saved value 2")],
        ),
        // Covariance of points: (X − μ)ᵀ (X − μ) / (n − 1).
        planted(
            "covariance",
            vec![draw([5, 3], 215.0)],
            |x| {
                let c = x[0] - x[0].mean_axes(&[0], true);
                (vec![t(c).matmul(c) / 4.0], vec![c])
            },
            |Backward { dz, saved, .. }, s| {
                let both = slip!(s 1: dz[0] + t(dz[0]) => dz[0] * 2.0);
                vec![Some(saved[0].matmul(both) / slip!(s 2: 4.0 => 5.0))]
            },
            [(&[1], "order", "transpose|symmetric|`permute`"), (&[2], "constant", "5 where 4|0.8|4/5")],
        ),
    ]
}

const BELOW: [usize; 4] = [0, 3, 1, 4];
const ABOVE: [usize; 4] = [1, 4, 2, 5];

/// `x` with the rows of `source`, of two numbers each, added to its rows `rows`.
#[track_caller]
fn scattered<'t>(x: Var<'t>, rows: &[usize; 4], source: Var<'t>) -> Var<'t> {
    let indices: Vec<usize> = rows.iter().flat_map(|&row| [row, row]).collect();
    x.scatter_add(0, &indices, source)
}

/// The three columns.
#[track_caller]
fn columns<'t>(x: Var<'t>) -> [Var<'t>; 3] {
    [x.narrow(1, 0, 1), x.narrow(1, 1, 1), x.narrow(1, 2, 1)]
}

/// a × b, row by row.
#[track_caller]
fn cross<'t>(a: Var<'t>, b: Var<'t>) -> Var<'t> {
    let ([a1, a2, a3], [b1, b2, b3]) = (columns(a), columns(b));
    Var::concat(&[a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1], 1)
}
