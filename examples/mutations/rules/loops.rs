//! Recurrences: `forward` and the rule run the same lines several times.

use wengert::{Backward, Var};

use super::{Rule, numbers, row, rule, t};

const KIND: &str = "recurrence";

pub fn rules() -> Vec<Rule> {
    vec![
        // yₖ = a yₖ₋₁ + xₖ.
        rule(
            KIND,
            "leaky sum",
            vec![numbers([5, 3], -1.0, 1.0, 100.0), numbers([1, 3], 0.3, 0.8, 101.0)],
            |x| {
                let mut y = vec![row(x[0], 0)];
                for k in 1..5 {
                    y.push(x[1] * y[k - 1] + row(x[0], k));
                }
                vec![Var::concat(&y, 0)]
            },
            |Backward { x, z, dz, .. }| {
                let (mut g, mut dx, mut da) = (row(dz[0], 4), Vec::new(), x[1] * 0.0);
                for k in (1..5).rev() {
                    dx.insert(0, g);
                    da = da + g * row(z[0], k - 1);
                    g = row(dz[0], k - 1) + g * x[1];
                }
                dx.insert(0, g);
                vec![Some(Var::concat(&dx, 0)), Some(da)]
            },
        ),
        // hₖ = tanh(xₖ A + hₖ₋₁ B).
        rule(
            KIND,
            "recurrent layer",
            vec![
                numbers([4, 3], -1.0, 1.0, 102.0),
                numbers([3, 3], -1.0, 1.0, 103.0),
                numbers([3, 3], -1.0, 1.0, 104.0),
            ],
            |x| {
                let mut h = vec![row(x[0], 0).matmul(x[1]).tanh()];
                for k in 1..4 {
                    h.push((row(x[0], k).matmul(x[1]) + h[k - 1].matmul(x[2])).tanh());
                }
                vec![Var::concat(&h, 0)]
            },
            |Backward { x, z, dz, .. }| {
                let mut carried = row(dz[0], 3);
                let (mut dx, mut da, mut db) = (Vec::new(), x[1] * 0.0, x[2] * 0.0);
                for k in (0..4).rev() {
                    let h = row(z[0], k);
                    let du = carried * (1.0 - h * h);
                    dx.insert(0, du.matmul(t(x[1])));
                    da = da + t(row(x[0], k)).matmul(du);
                    if k > 0 {
                        db = db + t(row(z[0], k - 1)).matmul(du);
                        carried = row(dz[0], k - 1) + du.matmul(t(x[2]));
                    }
                }
                vec![Some(Var::concat(&dx, 0)), Some(da), Some(db)]
            },
        ),
        // pₖ = pₖ₋₁ xₖ.
        rule(
            KIND,
            "running product",
            vec![numbers([4, 3], 0.5, 1.5, 105.0)],
            |x| {
                let mut p = vec![row(x[0], 0)];
                for k in 1..4 {
                    p.push(p[k - 1] * row(x[0], k));
                }
                vec![Var::concat(&p, 0)]
            },
            |Backward { x, z, dz, .. }| {
                let (mut g, mut dx) = (row(dz[0], 3), Vec::new());
                for k in (1..4).rev() {
                    dx.insert(0, g * row(z[0], k - 1));
                    g = row(dz[0], k - 1) + g * row(x[0], k);
                }
                dx.insert(0, g);
                vec![Some(Var::concat(&dx, 0))]
            },
        ),
        // v ← A v, three times.
        rule(
            KIND,
            "power steps",
            vec![numbers([4, 4], -1.0, 1.0, 106.0), numbers([4, 1], -1.0, 1.0, 107.0)],
            |x| {
                let mut v = x[1];
                for _ in 0..3 {
                    v = x[0].matmul(v);
                }
                vec![v]
            },
            |Backward { x, dz, .. }| {
                let mut v = vec![x[1]];
                for k in 0..2 {
                    v.push(x[0].matmul(v[k]));
                }
                let (mut g, mut da) = (dz[0], x[0] * 0.0);
                for v in v.iter().rev() {
                    da = da + g.matmul(t(*v));
                    g = t(x[0]).matmul(g);
                }
                vec![Some(da), Some(g)]
            },
        ),
        // y ← a sin y + x, three times from y = x.
        rule(
            KIND,
            "sine steps",
            vec![numbers([2, 3], -1.0, 1.0, 108.0), numbers([2, 3], 0.4, 0.9, 109.0)],
            |x| {
                let mut y = x[0];
                for _ in 0..3 {
                    y = x[1] * y.sin() + x[0];
                }
                vec![y]
            },
            |Backward { x, dz, .. }| {
                let mut y = vec![x[0]];
                for k in 0..2 {
                    y.push(x[1] * y[k].sin() + x[0]);
                }
                let (mut g, mut dx, mut da) = (dz[0], x[0] * 0.0, x[1] * 0.0);
                for y in y.iter().rev() {
                    dx = dx + g;
                    da = da + g * y.sin();
                    g = g * x[1] * y.cos();
                }
                vec![Some(dx + g), Some(da)]
            },
        ),
        // y ← 1 / (x + y), three times from y = x.
        rule(
            KIND,
            "continued fraction",
            vec![numbers([5], 0.5, 2.0, 110.0)],
            |x| {
                let mut y = x[0];
                for _ in 0..3 {
                    y = 1.0 / (x[0] + y);
                }
                vec![y]
            },
            |Backward { x, dz, .. }| {
                let mut y = vec![x[0]];
                for k in 0..3 {
                    y.push(1.0 / (x[0] + y[k]));
                }
                let (mut g, mut dx) = (dz[0], x[0] * 0.0);
                for y in y[1..].iter().rev() {
                    g = -g * *y * *y;
                    dx = dx + g;
                }
                vec![Some(dx + g)]
            },
        ),
        // hₖ = gₖ hₖ₋₁ + (1 − gₖ) xₖ, g = σ(y).
        rule(
            KIND,
            "gated mean",
            vec![numbers([4, 3], -1.0, 1.0, 111.0), numbers([4, 3], -1.0, 1.0, 112.0)],
            |x| {
                let mut h = vec![row(x[0], 0)];
                for k in 1..4 {
                    let g = row(x[1], k).sigmoid();
                    h.push(g * h[k - 1] + (1.0 - g) * row(x[0], k));
                }
                vec![Var::concat(&h, 0)]
            },
            |Backward { x, z, dz, .. }| {
                let (mut carried, mut dx, mut dy) = (row(dz[0], 3), Vec::new(), Vec::new());
                for k in (1..4).rev() {
                    let g = row(x[1], k).sigmoid();
                    dx.insert(0, carried * (1.0 - g));
                    dy.insert(0, carried * (row(z[0], k - 1) - row(x[0], k)) * g * (1.0 - g));
                    carried = row(dz[0], k - 1) + carried * g;
                }
                dx.insert(0, carried);
                dy.insert(0, row(x[1], 0) * 0.0);
                vec![Some(Var::concat(&dx, 0)), Some(Var::concat(&dy, 0))]
            },
        ),
        // sₖ = sₖ₋₁ + xₖ².
        rule(
            KIND,
            "running energy",
            vec![numbers([5, 2], -1.0, 1.0, 113.0)],
            |x| {
                let mut s = vec![row(x[0], 0) * row(x[0], 0)];
                for k in 1..5 {
                    s.push(s[k - 1] + row(x[0], k) * row(x[0], k));
                }
                vec![Var::concat(&s, 0)]
            },
            |Backward { x, dz, .. }| {
                let (mut g, mut dx) = (row(dz[0], 4), Vec::new());
                for k in (0..5).rev() {
                    dx.insert(0, g * 2.0 * row(x[0], k));
                    if k > 0 {
                        g = g + row(dz[0], k - 1);
                    }
                }
                vec![Some(Var::concat(&dx, 0))]
            },
        ),
    ]
}
