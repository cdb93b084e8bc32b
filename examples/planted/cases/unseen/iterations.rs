//! Iterations and recursions.

use wengert::{Backward, Var};

use super::{STEP, TERM, TRANSPOSED};
use crate::planted::{Planted, draw, numbers, planted, sum, t};

pub fn cases() -> Vec<Planted> {
    vec![
        // A continued fraction: b₀ + a / (b₁ + a / (b₂ + a / b₃)).
        planted(
            "continued fraction",
            vec![numbers([4, 3], 1.0, 2.0, 281.0), numbers([1, 3], 0.5, 1.5, 282.0)],
            |x| {
                let mut v = x[0].narrow(0, 3, 1);
                let mut below = Vec::new();
                for k in (0..3).rev() {
                    below.push(v);
                    v = x[0].narrow(0, k, 1) + x[1] / v;
                }
                (vec![v], below)
            },
            |Backward { x, dz, saved, .. }, s| {
                let (mut g, mut da, mut db) = (dz[0], x[1] * 0.0, vec![dz[0]]);
                for &v in saved.iter().rev() {
                    da = da + g / v;
                    g = -(g * slip!(s 1: x[1] / (v * v) => x[1] / v));
                    db.push(slip!(s 2: g => -g));
                }
                vec![Some(Var::concat(&db, 0)), Some(da)]
            },
            [
                (&[1], "loop", "factor&saved value|`div`|exponent|square"),
                (&[2], "loop", "sign|`add`&`sub`|−1|`negate`|only where"),
            ],
        ),
        // Two steps towards the inverse of A from Y₀ = 0.4 I: Y ← 2 Y − Y A Y.
        planted(
            "inverse by newton",
            vec![numbers([3, 3], 0.2, 1.0, 283.0), numbers([3, 3], 0.1, 0.5, 284.0)],
            |x| {
                let mut y = x[1];
                let mut steps = Vec::new();
                for _ in 0..2 {
                    steps.push(y);
                    y = y * 2.0 - y.matmul(x[0]).matmul(y);
                }
                (vec![y], steps)
            },
            |Backward { x, dz, saved, .. }, s| {
                let (mut g, mut da) = (dz[0], x[0] * 0.0);
                for &y in saved.iter().rev() {
                    da = da - t(y).matmul(g).matmul(slip!(s 1: t(y) => y));
                    let left = g.matmul(t(x[0].matmul(y)));
                    let right = t(y.matmul(x[0])).matmul(g);
                    g = slip!(s 2: g * 2.0 - left - right => g * 2.0 - left);
                }
                vec![Some(da), Some(g)]
            },
            [(&[1], "loop", TRANSPOSED), (&[2], "loop", TERM), (&[1, 2], "two", "")],
        ),
        // Cumulative products of a row, which starts with 1.
        planted(
            "running product",
            vec![numbers([2, 5], 0.5, 1.5, 285.0)],
            |x| {
                let mut p = x[0].narrow(1, 0, 1);
                let mut all = vec![p];
                for k in 1..5 {
                    p = p * x[0].narrow(1, k, 1);
                    all.push(p);
                }
                (vec![Var::concat(&all, 1)], vec![])
            },
            |Backward { x, z, dz, .. }, s| {
                let mut g = dz[0].narrow(1, 4, 1);
                let mut dx = Vec::new();
                for k in (1..5).rev() {
                    dx.insert(0, g * z[0].narrow(1, slip!(s 1: k - 1 => k), 1));
                    let back = g * x[0].narrow(1, k, 1);
                    g = slip!(s 2: dz[0].narrow(1, k - 1, 1) + back => back);
                }
                dx.insert(0, g);
                vec![Some(Var::concat(&dx, 1))]
            },
            [(&[1], "loop", STEP), (&[2], "loop", "dropped term|forgotten path|upstream gradient|only the last index")],
        ),
        // Two steps of the power method: v ← A v / |A v|.
        planted(
            "power method",
            vec![numbers([3, 3], 0.1, 1.0, 286.0), numbers([3, 1], 0.2, 1.0, 287.0)],
            |x| {
                let mut v = x[1];
                let mut saved = Vec::new();
                for _ in 0..2 {
                    let u = x[0].matmul(v);
                    let n = (u * u).sum().sqrt();
                    saved.extend([v, n]);
                    v = u / n;
                }
                saved.push(v);
                (vec![v], saved)
            },
            |Backward { x, dz, saved, .. }, s| {
                let (mut g, mut da) = (dz[0], x[0] * 0.0);
                for k in (0..2).rev() {
                    let (before, n, v) = (saved[2 * k], saved[2 * k + 1], saved[2 * k + 2]);
                    let du = slip!(s 1: (g - v * (v * g).sum()) / n => g / n);
                    da = da + du.matmul(t(slip!(s 2: before => v)));
                    g = t(x[0]).matmul(du);
                }
                vec![Some(da), Some(g)]
            },
            [(&[1], "loop", TERM), (&[2], "loop", "mixed up|before|one place|saved value"), (&[1, 2], "two", "")],
        ),
        // Three steps of descent on ½ |X w − y|² + ½ λ |w|², learning rate 0.1.
        planted(
            "unrolled descent",
            vec![draw([4, 2], 288.0), draw([4, 1], 289.0), draw([2, 1], 290.0), numbers([1], 0.5, 1.0, 291.0)],
            |x| {
                let mut w = x[2];
                let mut steps = Vec::new();
                for _ in 0..3 {
                    steps.push(w);
                    w = w - (t(x[0]).matmul(x[0].matmul(w) - x[1]) + x[3] * w) * 0.1;
                }
                (vec![w], steps)
            },
            |Backward { x, dz, saved, .. }, s| {
                let (mut g, mut dx, mut dy, mut dl) = (dz[0], x[0] * 0.0, x[1] * 0.0, x[3] * 0.0);
                for &w in saved.iter().rev() {
                    let (by, r) = (g * 0.1, x[0].matmul(w) - x[1]);
                    let through = x[0].matmul(by);
                    dx = dx - slip!(s 1: r.matmul(t(by)) + through.matmul(t(w)) => through.matmul(t(w)));
                    dy = dy + through;
                    dl = dl - sum(by * w, 0).reshape([1]);
                    let back = g - t(x[0]).matmul(through);
                    g = slip!(s 2: back - x[3] * by => back);
                }
                vec![Some(dx), Some(dy), Some(g), Some(dl)]
            },
            [(&[1], "loop", TERM), (&[2], "loop", TERM)],
        ),
        // Two steps of the midpoint rule for y' = −a y², step 0.3.
        planted(
            "midpoint rule",
            vec![numbers([2, 3], 0.5, 1.5, 292.0), numbers([2, 3], 0.3, 1.0, 293.0)],
            |x| {
                let mut y = x[0];
                let mut saved = Vec::new();
                for _ in 0..2 {
                    let half = y - x[1] * y * y * 0.15;
                    saved.extend([y, half]);
                    y = y - x[1] * half * half * 0.3;
                }
                (vec![y], saved)
            },
            |Backward { x, dz, saved, .. }, s| {
                let (mut g, mut da) = (dz[0], x[1] * 0.0);
                for pair in saved.chunks(2).rev() {
                    let (y, half) = (pair[0], pair[1]);
                    let dhalf = -(g * 0.3 * x[1] * half * 2.0);
                    let first = dhalf * slip!(s 1: 0.15 => 0.3);
                    da = da - g * 0.3 * half * half - first * y * y;
                    g = slip!(s 2: g + dhalf => g) - first * x[1] * y * 2.0;
                }
                vec![Some(g), Some(da)]
            },
            [(&[1], "loop", "0.3&0.15|factor of 2|factor 2|plain 2|2.000"), (&[2], "loop", TERM)],
        ),
    ]
}
