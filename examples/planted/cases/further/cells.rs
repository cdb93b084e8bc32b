//! Cells, scans and smoothing.

use wengert::{Backward, Var};

use crate::planted::{Planted, draw, numbers, planted, row, sum, t};

pub fn cases() -> Vec<Planted> {
    vec![
        // fₜ = σ(xₜ W + hₜ₋₁ U), hₜ = (1 − fₜ) hₜ₋₁ + fₜ tanh(xₜ V).
        planted(
            "minimal gated unit",
            vec![draw([5, 2], 231.0), draw([2, 3], 232.0), draw([3, 3], 233.0), draw([2, 3], 234.0)],
            |x| {
                let (mut h, mut all, mut gates) = (row(x[0], 0).matmul(x[1]) * 0.0, Vec::new(), Vec::new());
                let n = x[0].matmul(x[3]).tanh();
                all.push(h);
                for k in 0..5 {
                    let f = (row(x[0], k).matmul(x[1]) + h.matmul(x[2])).sigmoid();
                    h = (1.0 - f) * h + f * row(n, k);
                    all.push(h);
                    gates.push(f);
                }
                (vec![Var::concat(&all[1..], 0)], vec![Var::concat(&all, 0), Var::concat(&gates, 0), n])
            },
            |Backward { x, dz, saved, .. }, s| {
                let [states, gates, proposals] = *saved else { unreachable!() };
                let (w, u, v) = (x[1], x[2], x[3]);
                let (mut dw, mut du, mut dv) = (w * 0.0, u * 0.0, v * 0.0);
                let mut dx = Vec::new();
                let mut later = row(dz[0], 0) * 0.0;
                for k in (0..5).rev() {
                    let (before, f, n) = (row(states, k), row(gates, k), row(proposals, k));
                    let dh = row(dz[0], k) + later;
                    let df = dh * slip!(s 1: n - before => n);
                    let da = df * f * (1.0 - f);
                    let dn = dh * f;
                    let db = dn * (1.0 - n * n);
                    dw = dw + t(row(x[0], k)).matmul(da);
                    du = du + t(before).matmul(da);
                    dv = slip!(s 2: dv + t(row(x[0], k)).matmul(db) => t(row(x[0], k)).matmul(db));
                    dx.push(da.matmul(t(w)) + db.matmul(t(v)));
                    later = slip!(s 3: dh * (1.0 - f) => dh * f) + slip!(s 4: da.matmul(t(u)) => da.matmul(u));
                }
                dx.reverse();
                vec![Some(Var::concat(&dx, 0)), Some(dw), Some(du), Some(dv)]
            },
            [
                (&[1], "loop", "dropped term|forgotten path|term is missing"),
                (&[2], "loop", "overwritten|dropped term|forgotten path"),
                (&[3], "loop", "1 − |`sub`|`rsub`"),
                (&[4], "loop", "transposed"),
                (&[1, 4], "two", "two mistakes"),
            ],
        ),
        // One step of a cell with peepholes: i = σ(a + p c), c' = (1 − i) c + i tanh b, h = σ(o + q c') tanh c'.
        planted(
            "peephole cell",
            vec![
                draw([4, 3], 235.0),
                draw([4, 3], 236.0),
                draw([4, 3], 237.0),
                draw([4, 3], 238.0),
                draw([2, 3], 239.0),
            ],
            |x| {
                let i = (x[1] + row(x[4], 0) * x[0]).sigmoid();
                let b = x[2].tanh();
                let c = (1.0 - i) * x[0] + i * b;
                let o = (x[3] + row(x[4], 1) * c).sigmoid();
                (vec![o * c.tanh()], vec![i, b, c, o])
            },
            |Backward { x, dz, saved, .. }, s| {
                let &[i, b, c, o] = saved else { unreachable!() };
                let (p, q) = (row(x[4], 0), row(x[4], 1));
                let squashed = c.tanh();
                let d_out = dz[0] * squashed;
                let d_o = d_out * o * (1.0 - o);
                let d_tanh = dz[0] * o;
                let d_c = d_tanh * (1.0 - squashed * squashed) + slip!(s 1: d_o * q => d_o);
                let d_gate = d_c * (b - x[0]);
                let d_i = slip!(s 2: d_gate * i * (1.0 - i) => d_gate * (1.0 - i));
                let d_b = d_c * i * (1.0 - b * b);
                let d_old = d_c * (1.0 - i) + slip!(s 3: d_i * p => d_i * q);
                let d_p = sum(d_i * x[0], 0);
                let d_q = sum(d_o * slip!(s 4: c => x[0]), 0);
                vec![Some(d_old), Some(d_i), Some(d_b), Some(d_o), Some(Var::concat(&[d_p, d_q], 0))]
            },
            [
                (&[1], "factor", "factor&input 4|factor&`slice`|factor&`narrow`"),
                (&[2], "factor", "factor&saved value 0"),
                (&[3], "value", "slice|narrow|start|moved"),
                (&[4], "value", "input 0&saved value 2"),
                (&[1, 4], "two", "two mistakes"),
            ],
        ),
        // hₜ = a hₜ₋₁ + xₜ B, yₜ = hₜ C + d xₜ.
        planted(
            "state space",
            vec![
                draw([5, 2], 240.0),
                numbers([1, 3], 0.3, 0.9, 241.0),
                draw([2, 3], 242.0),
                draw([3, 2], 243.0),
                draw([1, 2], 244.0),
            ],
            |x| {
                let u = x[0].matmul(x[2]);
                let mut states = vec![row(u, 0)];
                for k in 1..5 {
                    states.push(x[1] * states[k - 1] + row(u, k));
                }
                let h = Var::concat(&states, 0);
                (vec![h.matmul(x[3]) + x[4] * x[0]], vec![h])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (u, a, b, c, d) = (x[0], x[1], x[2], x[3], x[4]);
                let h = saved[0];
                let dh = dz[0].matmul(t(c));
                let dc = t(h).matmul(dz[0]);
                let dd = sum(dz[0] * u, 0);
                let mut carry = row(dh, 4);
                let mut da = a * 0.0;
                let mut rows = vec![carry];
                for k in (0..4).rev() {
                    da = da + carry * row(h, slip!(s 1: k => k + 1));
                    carry = row(dh, k) + slip!(s 2: a * carry => carry);
                    rows.push(carry);
                }
                rows.reverse();
                let lambda = Var::concat(&rows, 0);
                let db = t(u).matmul(slip!(s 3: lambda => dh));
                let du = slip!(s 4: lambda.matmul(t(b)) + d * dz[0] => lambda.matmul(t(b)));
                vec![Some(du), Some(da), Some(db), Some(dc), Some(dd)]
            },
            [
                (&[1], "loop", "slice|narrow|before|one place|moved"),
                (&[2], "loop", "factor&input 1"),
                (&[3], "value", "`concat`|forgotten path|mixed up"),
                (&[4], "term", "dropped term|forgotten path|term is missing"),
                (&[1, 4], "two", "two mistakes"),
            ],
        ),
        // hₜ = fₜ hₜ₋₁ + iₜ, h₀ given.
        planted(
            "scan with gates",
            vec![numbers([5, 3], 0.2, 0.9, 245.0), draw([5, 3], 246.0), draw([1, 3], 247.0)],
            |x| {
                let states: Vec<Var<'_>> = (0..5)
                    .scan(x[2], |h, k| {
                        *h = row(x[0], k) * *h + row(x[1], k);
                        Some(*h)
                    })
                    .collect();
                (vec![Var::concat(&states, 0)], vec![])
            },
            |Backward { x, z, dz, .. }, s| {
                let (f, h) = (x[0], z[0]);
                let old = Var::concat(&[x[2], slip!(s 1: h.narrow(0, 0, 4) => h.narrow(0, 1, 4))], 0);
                let mut g: Vec<Var<'_>> = (0..5).map(|k| row(dz[0], k)).collect();
                for k in (1..5).rev() {
                    g[k - 1] = g[k - 1] + slip!(s 2: row(f, k) => row(f, k - 1)) * g[k];
                }
                let first = slip!(s 3: row(f, 0) * g[0] => g[0]);
                let all = Var::concat(&g, 0);
                vec![Some(all * old), Some(all), Some(first)]
            },
            [
                (&[1], "movement", "slice|narrow"),
                (&[2], "loop", "slice|narrow|before|one place|moved"),
                (&[3], "factor", "factor&input 0|factor&`slice`|factor&`narrow`|straight-through: `mul`"),
            ],
        ),
        // Holt's smoothing of a level and a trend: l' = a x + (1 − a)(l + b), b' = c (l' − l) + (1 − c) b.
        planted(
            "level and trend",
            vec![draw([5, 3], 248.0), numbers([1, 3], 0.3, 0.7, 249.0), numbers([1, 3], 0.2, 0.6, 250.0)],
            |x| {
                let (mut l, mut b) = (row(x[0], 0), row(x[0], 0) * 0.0);
                let mut states = vec![Var::concat(&[l, b], 0)];
                for k in 1..5 {
                    let new = x[1] * row(x[0], k) + (1.0 - x[1]) * (l + b);
                    b = x[2] * (new - l) + (1.0 - x[2]) * b;
                    l = new;
                    states.push(Var::concat(&[l, b], 0));
                }
                (vec![l + b], states)
            },
            |Backward { x, dz, saved, .. }, s| {
                let (a, c) = (x[1], x[2]);
                let mut dl = dz[0];
                let mut db = dz[0];
                let mut da = a * 0.0;
                let mut dc = c * 0.0;
                let mut dx = Vec::new();
                for k in (1..5).rev() {
                    let (l, b, new) = (row(saved[k - 1], 0), row(saved[k - 1], 1), row(saved[k], 0));
                    let dnew = slip!(s 1: dl + c * db => dl);
                    dc = dc + db * (new - l - b);
                    da = da + dnew * slip!(s 2: row(x[0], k) - l - b => row(x[0], k) - l);
                    dx.push(dnew * a);
                    let both = dnew * (1.0 - a);
                    dl = slip!(s 3: both - c * db => both + c * db);
                    db = both + (1.0 - slip!(s 4: c => a)) * db;
                }
                dx.push(dl);
                dx.reverse();
                vec![Some(Var::concat(&dx, 0)), Some(da), Some(dc)]
            },
            [
                (&[1], "loop", "dropped term|forgotten path|term is missing"),
                (&[2], "term", "dropped term|forgotten path|term is missing|where the value of `add`"),
                (&[3], "sign", "sign|`add`&`sub`"),
                (&[4], "value", "input 1&input 2"),
                (&[1, 4], "two", "two mistakes"),
                (&[2, 3], "two", "two mistakes"),
            ],
        ),
        // A leaky reservoir: h = (1 − a) h + a tanh(h R + xₜ).
        planted(
            "leaky reservoir",
            vec![draw([4, 3], 251.0), draw([3, 3], 252.0), numbers((), 0.4, 0.6, 253.0)],
            |x| {
                let mut h = row(x[0], 0) * 0.0;
                let (mut before, mut inner) = (Vec::new(), Vec::new());
                for k in 0..4 {
                    before.push(h);
                    let v = (h.matmul(x[1]) + row(x[0], k)).tanh();
                    inner.push(v);
                    h = (1.0 - x[2]) * h + x[2] * v;
                }
                (vec![h], before.into_iter().chain(inner).collect())
            },
            |at, s| {
                let (before, inner) = at.saved.split_at(4);
                let (r, leak) = (at.x[1], at.x[2]);
                let mut g = at.dz[0];
                let mut dr = r * 0.0;
                let mut dleak = leak * 0.0;
                let mut dx = Vec::with_capacity(4);
                for (h, v) in before.iter().zip(inner).rev() {
                    dleak = dleak + (g * slip!(s 1: *v - *h => *v)).sum();
                    let du = g * leak * slip!(s 2: 1.0 - *v * *v => 1.0 - *v);
                    dr = dr + t(*h).matmul(du);
                    dx.insert(0, du);
                    g = slip!(s 3: g * (1.0 - leak) + du.matmul(t(r)) => du.matmul(t(r)));
                }
                vec![Some(Var::concat(&dx, 0)), Some(dr), Some(dleak)]
            },
            [
                (&[1], "loop", "dropped term|forgotten path|term is missing"),
                (&[2], "loop", "exponent|square|factor|saved value|`tanh`&²"),
                (&[3], "loop", "dropped term|forgotten path|term is missing"),
                (&[2, 3], "two", "two mistakes"),
            ],
        ),
    ]
}
