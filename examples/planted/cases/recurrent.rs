//! Recurrences with loops: cells, filters with memory, iterations.

use wengert::{Backward, Var};

use crate::planted::{Planted, draw, numbers, planted, row, t};

pub fn cases() -> Vec<Planted> {
    vec![
        // hₜ = tanh(xₜ W + hₜ₋₁ U).
        planted(
            "simple recurrence",
            vec![draw([4, 3], 31.0), draw([3, 3], 32.0), draw([3, 3], 33.0)],
            |x| {
                let mut h = x[0].tape().constant(wengert::Tensor::zeros([1, 3], wengert::DType::F64));
                let mut all = vec![h];
                for k in 0..4 {
                    h = (row(x[0], k).matmul(x[1]) + h.matmul(x[2])).tanh();
                    all.push(h);
                }
                (vec![Var::concat(&all[1..], 0)], vec![Var::concat(&all, 0)])
            },
            |Backward { x, dz, saved, .. }, s| {
                let all = saved[0];
                let (mut dx, mut dw, mut du) = (Vec::new(), x[1] * 0.0, x[2] * 0.0);
                let mut carried = row(dz[0], 0) * 0.0;
                for k in (0..4).rev() {
                    let h = row(all, k + 1);
                    let dh = slip!(s 1: row(dz[0], k) + carried => row(dz[0], k));
                    let da = slip!(s 2: dh * (1.0 - h * h) => dh);
                    dx.insert(0, da.matmul(t(x[1])));
                    dw = dw + t(row(x[0], k)).matmul(da);
                    let before = slip!(s 3: row(all, k) => row(all, k + 1));
                    du = du + t(before).matmul(da);
                    carried = slip!(s 4: da.matmul(t(x[2])) => da.matmul(x[2]));
                }
                vec![Some(Var::concat(&dx, 0)), Some(dw), Some(du)]
            },
            [
                (&[1], "loop", "carried|forgotten path|dropped term"),
                (&[2], "loop", "factor|`tanh`"),
                (&[3], "loop", "slice&start|narrow|before|one place|moved"),
                (&[4], "loop", "transposed"),
                (&[2, 3], "two", "two mistakes"),
            ],
        ),
        // A gated unit, one step: h' = z h + (1 − z) n, n = tanh(x a + r (h b)).
        planted(
            "gated unit",
            vec![draw([2, 3], 34.0), draw([2, 3], 35.0), draw([3, 3], 36.0), draw([3, 3], 37.0), draw([3, 3], 38.0)],
            |x| {
                let (r, u) = ((x[1].matmul(x[2])).sigmoid(), (x[0].matmul(x[2])).sigmoid());
                let b = x[1].matmul(x[4]);
                let n = (x[0].matmul(x[3]) + r * b).tanh();
                (vec![u * x[1] + (1.0 - u) * n], vec![r, u, b, n])
            },
            |Backward { x, dz, saved, .. }, s| {
                let [r, u, b, n] = saved else { unreachable!() };
                let (r, u, b, n) = (*r, *u, *b, *n);
                let dn = dz[0] * (1.0 - u) * (1.0 - n * n);
                let du = dz[0] * slip!(s 1: x[1] - n => n - x[1]) * u * (1.0 - u);
                let dr = slip!(s 2: dn * b => dn * x[1]) * r * (1.0 - r);
                let db = slip!(s 3: dn * r => dn);
                let dx = du.matmul(t(x[2])) + dn.matmul(t(x[3]));
                let dh = slip!(s 4: dz[0] * u => dz[0]) + dr.matmul(t(x[2])) + db.matmul(t(x[4]));
                let gates = t(x[1]).matmul(dr) + slip!(s 5: t(x[0]).matmul(du) => t(x[1]).matmul(du));
                vec![Some(dx), Some(dh), Some(gates), Some(t(x[0]).matmul(dn)), Some(t(x[1]).matmul(db))]
            },
            [
                (&[1], "sign", "sign"),
                (&[2], "value", "input 1&saved value 2"),
                (&[3], "factor", "factor&saved value 0"),
                (&[4], "factor", "factor&saved value 1"),
                (&[5], "value", "input 1&input 0"),
                (&[3, 5], "two", "two mistakes"),
                (&[1, 4], "two", "two mistakes"),
            ],
        ),
        // A memory cell, one step, of two outputs: c' = f c + i g, h = o tanh c'.
        planted(
            "memory cell",
            vec![draw([3, 4], 39.0), draw([3, 4], 40.0), draw([3, 4], 41.0), draw([3, 4], 42.0), draw([3, 4], 43.0)],
            |x| {
                let [c, f, i, g, o] = x else { unreachable!() };
                let (f, i, g, o) = (f.sigmoid(), i.sigmoid(), g.tanh(), o.sigmoid());
                let new = f * *c + i * g;
                (vec![o * new.tanh(), new], vec![f, i, g, o])
            },
            |Backward { x, z, dz, saved, .. }, s| {
                let [f, i, g, o] = saved else { unreachable!() };
                let (f, i, g, o) = (*f, *i, *g, *o);
                let th = z[1].tanh();
                let through = slip!(s 1: dz[0] * o * (1.0 - th * th) => dz[0] * o);
                let dc = slip!(s 2: dz[1] + through => through);
                let df = dc * x[0] * f * slip!(s 3: 1.0 - f => 1.0 - i);
                let di = dc * g * i * (1.0 - i);
                let dg = dc * i * slip!(s 4: 1.0 - g * g => 1.0 - g);
                let dout = slip!(s 5: dz[0] * th => dz[0] * z[1]) * o * (1.0 - o);
                vec![Some(dc * f), Some(df), Some(di), Some(dg), Some(dout)]
            },
            [
                (&[1], "factor", "factor&`sub`|1 − |`tanh`"),
                (&[2], "term", "upstream gradient 1|dropped term|forgotten path"),
                (&[3], "value", "saved value 1&saved value 0"),
                (&[4], "factor", "saved value 2"),
                (&[5], "value", "`tanh`"),
                (&[1, 4], "two", "two mistakes"),
            ],
        ),
        // An exponential mean with a learned decay: mₜ = a mₜ₋₁ + (1 − a) xₜ, m₀ = x₀.
        planted(
            "exponential mean",
            vec![draw([5, 3], 44.0), numbers([3], 0.3, 0.7, 45.0)],
            |x| {
                let mut m = row(x[0], 0);
                let mut all = vec![m];
                for k in 1..5 {
                    m = x[1] * m + (1.0 - x[1]) * row(x[0], k);
                    all.push(m);
                }
                (vec![Var::concat(&all, 0)], vec![])
            },
            |Backward { x, z, dz, .. }, s| {
                let mut carried = row(dz[0], 4);
                let (mut dx, mut da) = (Vec::new(), x[1] * 0.0);
                for k in (1..5).rev() {
                    dx.insert(0, slip!(s 1: carried * (1.0 - x[1]) => carried * x[1]));
                    let before = slip!(s 2: row(z[0], k - 1) => row(z[0], k));
                    let by = slip!(s 3: carried * (before - row(x[0], k)) => carried * before);
                    da = da + by.reshape([3]);
                    carried = row(dz[0], k - 1) + slip!(s 4: carried * x[1] => carried);
                }
                dx.insert(0, carried);
                vec![Some(Var::concat(&dx, 0)), Some(da)]
            },
            [
                (&[1], "loop", "1 − |`sub`"),
                (&[2], "loop", "slice|narrow|before|one place|moved"),
                (&[3], "loop", "dropped term|forgotten path|`slice`"),
                (&[4], "loop", "factor&input 1"),
                (&[1, 4], "two", "two mistakes"),
            ],
        ),
        // yₖ = a yₖ₋₁ + b yₖ₋₂ + xₖ.
        planted(
            "second order filter",
            vec![draw([6, 2], 46.0), numbers([1, 2], 0.2, 0.6, 47.0), numbers([1, 2], -0.4, -0.1, 48.0)],
            |x| {
                let mut y = vec![row(x[0], 0), row(x[0], 1)];
                for k in 2..6 {
                    y.push(x[1] * y[k - 1] + x[2] * y[k - 2] + row(x[0], k));
                }
                (vec![Var::concat(&y, 0)], vec![])
            },
            |Backward { x, z, dz, .. }, s| {
                let mut dy: Vec<Var<'_>> = (0..6).map(|k| row(dz[0], k)).collect();
                let (mut da, mut db) = (x[1] * 0.0, x[2] * 0.0);
                for k in (2..6).rev() {
                    da = da + dy[k] * slip!(s 1: row(z[0], k - 1) => row(z[0], k));
                    db = db + dy[k] * slip!(s 2: row(z[0], k - 2) => row(z[0], k - 1));
                    dy[k - 1] = dy[k - 1] + slip!(s 3: x[1] * dy[k] => x[2] * dy[k]);
                    dy[k - 2] = slip!(s 4: dy[k - 2] + x[2] * dy[k] => dy[k - 2] - x[2] * dy[k]);
                }
                vec![Some(Var::concat(&dy, 0)), Some(da), Some(db)]
            },
            [
                (&[1], "loop", "slice|narrow|before|one place|moved"),
                (&[2], "loop", "slice|narrow|before|one place|moved"),
                (&[3], "loop", "input 2&input 1"),
                (&[4], "loop", "sign|`sub`&`add`"),
                (&[1, 2], "two", "two mistakes"),
            ],
        ),
        // Three steps of Newton's method for √x from y₀ = 1.
        planted(
            "newton root",
            vec![numbers([2, 3], 0.5, 3.0, 49.0)],
            |x| {
                let mut y = x[0] * 0.0 + 1.0;
                let mut all = vec![y];
                for _ in 0..3 {
                    y = (y + x[0] / y) * 0.5;
                    all.push(y);
                }
                (vec![y], all[..3].to_vec())
            },
            |Backward { x, dz, saved, .. }, s| {
                let (mut g, mut dx) = (dz[0], x[0] * 0.0);
                for &y in saved.iter().rev() {
                    dx = dx + g * 0.5 / y;
                    g = g * 0.5 * slip!(s 1: 1.0 - x[0] / (y * y) => 1.0 - x[0] / y);
                    g = slip!(s 2: g => g * 2.0);
                }
                vec![Some(dx)]
            },
            [(&[1], "loop", "factor|exponent|`div`|square"), (&[2], "loop", "2|twice|factor")],
        ),
        // A logistic map, four steps: x ← r x (1 − x).
        planted(
            "logistic map",
            vec![numbers([5], 0.2, 0.8, 50.0), numbers([5], 1.5, 3.0, 51.0)],
            |x| {
                let mut v = x[0];
                let mut all = Vec::new();
                for _ in 0..4 {
                    all.push(v);
                    v = x[1] * v * (1.0 - v);
                }
                (vec![v], all)
            },
            |Backward { x, dz, saved, .. }, s| {
                let (mut g, mut dr) = (dz[0], x[1] * 0.0);
                for &v in saved.iter().rev() {
                    dr = dr + slip!(s 1: g * v * (1.0 - v) => g * v);
                    g = g * x[1] * (1.0 - slip!(s 2: v * 2.0 => v));
                }
                vec![Some(slip!(s 3: g => g * x[1])), Some(dr)]
            },
            [
                (&[1], "loop", "factor&1 − |factor&`sub`"),
                (&[2], "loop", "2|twice"),
                (&[3], "factor", "factor&input 1"),
                (&[1, 3], "two", "two mistakes|factor"),
            ],
        ),
        // Legendre polynomials up to degree 4: (k + 1) Pₖ₊₁ = (2k + 1) x Pₖ − k Pₖ₋₁.
        planted(
            "legendre",
            vec![numbers([6], -0.9, 0.9, 52.0)],
            |x| {
                let mut p = vec![x[0] * 0.0 + 1.0, x[0]];
                for k in 1..4 {
                    let n = k as f64;
                    p.push((x[0] * p[k] * (2.0 * n + 1.0) - p[k - 1] * n) / (n + 1.0));
                }
                (vec![p[4]], p[..4].to_vec())
            },
            |Backward { x, dz, saved, .. }, s| {
                let zero = x[0] * 0.0;
                let mut g = [zero, zero, zero, zero, dz[0]];
                let mut dx = zero;
                for k in (1..4).rev() {
                    let n = k as f64;
                    let here = g[k + 1] / (n + 1.0);
                    dx = dx + here * saved[k] * slip!(s 1: 2.0 * n + 1.0 => 2.0 * n - 1.0);
                    g[k] = g[k] + slip!(s 2: here * x[0] * (2.0 * n + 1.0) => here * (2.0 * n + 1.0));
                    g[k - 1] = g[k - 1] - here * n;
                }
                vec![Some(slip!(s 3: dx + g[1] => dx))]
            },
            [
                (&[1], "loop", "constant|2n"),
                (&[2], "loop", "factor&input 0"),
                (&[3], "term", "dropped term|forgotten path"),
            ],
        ),
        // A forward pass over two states: αₜ = (αₜ₋₁ A) eₜ, z = Σ α of the last step.
        planted(
            "forward algorithm",
            vec![numbers([2, 2], 0.2, 0.9, 53.0), numbers([4, 2], 0.2, 0.9, 54.0)],
            |x| {
                let mut a = row(x[1], 0);
                let mut all = vec![a];
                for k in 1..4 {
                    a = a.matmul(x[0]) * row(x[1], k);
                    all.push(a);
                }
                (vec![a.sum_axes(&[1], false)], vec![Var::concat(&all, 0)])
            },
            |Backward { x, dz, saved, .. }, s| {
                let mut b = dz[0].reshape([1, 1]).broadcast_to([1, 2]);
                let (mut da, mut de) = (x[0] * 0.0, Vec::new());
                for k in (1..4).rev() {
                    let before = row(saved[0], k - 1);
                    de.insert(0, b * before.matmul(x[0]));
                    let be = b * slip!(s 1: row(x[1], k) => row(x[1], k - 1));
                    da = slip!(s 2: da + t(before).matmul(be) => t(before).matmul(be));
                    b = slip!(s 3: be.matmul(t(x[0])) => be.matmul(x[0]));
                }
                de.insert(0, b);
                vec![Some(da), Some(Var::concat(&de, 0))]
            },
            [
                (&[1], "loop", "slice|narrow|before|one place|moved"),
                (&[2], "loop", "dropped term|forgotten path|overwritten"),
                (&[3], "loop", "transposed"),
                (&[1, 3], "two", "two mistakes"),
            ],
        ),
        // Horner: z = ((c₃ x + c₂) x + c₁) x + c₀.
        planted(
            "horner",
            vec![numbers([5], -1.2, 1.2, 55.0), draw([4], 56.0)],
            |x| {
                let c = |k| x[1].narrow(0, k, 1);
                let mut v = x[0] * 0.0 + c(3);
                let mut all = Vec::new();
                for k in (0..3).rev() {
                    all.push(v);
                    v = v * x[0] + c(k);
                }
                (vec![v], all)
            },
            |Backward { x, dz, saved, .. }, s| {
                let (mut g, mut dx, mut dc) = (dz[0], x[0] * 0.0, Vec::new());
                for &v in saved.iter().rev() {
                    dc.push(g.sum_axes(&[0], true));
                    dx = dx + slip!(s 1: g * v => g * x[0]);
                    g = slip!(s 2: g * x[0] => g);
                }
                dc.push(g.sum_axes(&[0], true));
                if s.made(3, line!()) {
                    dc.reverse();
                }
                vec![Some(dx), Some(Var::concat(&dc, 0))]
            },
            [
                (&[1], "loop", "input 0&saved"),
                (&[2], "loop", "factor&input 0"),
                (&[3], "movement", "turned around|order|reversed"),
            ],
        ),
    ]
}
