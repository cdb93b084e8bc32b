//! Recurrent cells and scans.

use wengert::{Backward, DType, Tensor, Var};

use super::{STEP, TERM, TRANSPOSED};
use crate::planted::{Planted, draw, mean, numbers, planted, row, sum, t};

pub fn cases() -> Vec<Planted> {
    vec![
        // One step of an LSTM: [i f g o] = x W, c' = σ(f) c + σ(i) tanh g, h = σ(o) tanh c'.
        planted(
            "lstm step",
            vec![draw([3, 4], 131.0), draw([3, 2], 132.0), draw([4, 8], 133.0)],
            |x| {
                let u = x[0].matmul(x[2]);
                let gate = |k: usize| u.narrow(1, 2 * k, 2);
                let (i, f, g, o) = (gate(0).sigmoid(), gate(1).sigmoid(), gate(2).tanh(), gate(3).sigmoid());
                let c = f * x[1] + i * g;
                (vec![o * c.tanh(), c], vec![i, f, g, o])
            },
            |Backward { x, z, dz, saved, .. }, s| {
                let (i, f, g, o) = (saved[0], saved[1], saved[2], saved[3]);
                let th = z[1].tanh();
                let dc = dz[1] + dz[0] * o * (1.0 - th * th);
                let di = dc * g * i * (1.0 - i);
                let df = dc * slip!(s 1: x[1] => z[1]) * f * (1.0 - f);
                let (dg, dout) = (dc * i * (1.0 - g * g), dz[0] * th * o * (1.0 - o));
                let order = slip!(s 2: [di, df, dg, dout] => [df, di, dg, dout]);
                let du = Var::concat(&order, 1);
                vec![Some(du.matmul(t(x[2]))), Some(dc * f), Some(t(x[0]).matmul(du))]
            },
            [(&[1], "value", "output 1&input 1"), (&[2], "movement", "concat|exchanged|another order|pieces")],
        ),
        // Minimal gated unit: f = σ(x + a h), n = tanh(b x + f h), h ← (1 − f) h + f n.
        planted(
            "minimal gated unit",
            vec![draw([4, 3], 134.0), draw([1, 3], 135.0), draw([1, 3], 136.0)],
            |x| {
                let mut h = row(x[0], 0) * 0.0;
                let (mut hs, mut fs, mut ns) = (vec![h], Vec::new(), Vec::new());
                for k in 0..4 {
                    let f = (row(x[0], k) + x[1] * h).sigmoid();
                    let n = (x[2] * row(x[0], k) + f * h).tanh();
                    h = (1.0 - f) * h + f * n;
                    hs.push(h);
                    fs.push(f);
                    ns.push(n);
                }
                (vec![h], vec![Var::concat(&hs, 0), Var::concat(&fs, 0), Var::concat(&ns, 0)])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (mut dh, mut dx, mut da, mut db) = (dz[0], Vec::new(), x[1] * 0.0, x[2] * 0.0);
                for k in (0..4).rev() {
                    let (h, f, n) = (row(saved[0], k), row(saved[1], k), row(saved[2], k));
                    let dn = dh * f * (1.0 - n * n);
                    let df = slip!(s 1: dh * (n - h) + dn * h => dh * (n - h)) * f * (1.0 - f);
                    da = da + df * h;
                    db = db + dn * row(x[0], k);
                    dx.insert(0, df + dn * x[2]);
                    let gates = dn * f + df * x[1];
                    dh = slip!(s 2: dh * (1.0 - f) + gates => dh * f + gates);
                }
                vec![Some(Var::concat(&dx, 0)), Some(da), Some(db)]
            },
            [(&[1], "loop", TERM), (&[2], "loop", "1 − |`sub`"), (&[1, 2], "two", "")],
        ),
        // Selective scan: hₜ = aₜ hₜ₋₁ + bₜ uₜ, yₜ = cₜ · hₜ.
        planted(
            "selective scan",
            vec![numbers([4, 3], 0.3, 0.9, 137.0), draw([4, 3], 138.0), draw([4, 1], 139.0), draw([4, 3], 140.0)],
            |x| {
                let mut h = row(x[0], 0) * 0.0;
                let mut hs = vec![h];
                for k in 0..4 {
                    h = row(x[0], k) * h + row(x[1], k) * row(x[2], k);
                    hs.push(h);
                }
                let hs = Var::concat(&hs, 0);
                (vec![sum(x[3] * hs.narrow(0, 1, 4), 1)], vec![hs])
            },
            |Backward { x, dz, saved, .. }, s| {
                let mut carried = row(x[0], 0) * 0.0;
                let (mut da, mut dh) = (Vec::new(), Vec::new());
                for k in (0..4).rev() {
                    let g = row(dz[0], k) * row(x[3], k) + carried;
                    da.insert(0, g * slip!(s 1: row(saved[0], k) => row(saved[0], k + 1)));
                    dh.insert(0, g);
                    carried = g * slip!(s 2: row(x[0], k) => row(x[0], k.max(1) - 1));
                }
                let dh = Var::concat(&dh, 0);
                let du = slip!(s 3: sum(dh * x[1], 1) => mean(dh * x[1], 1));
                let dc = dz[0] * saved[0].narrow(0, 1, 4);
                vec![Some(Var::concat(&da, 0)), Some(dh * x[2]), Some(du), Some(dc)]
            },
            [
                (&[1], "loop", STEP),
                (&[2], "loop", STEP),
                (&[3], "reduction", "mean|0.333|1/3|factor of 3|factor 3|3 where 1|1 where 3"),
                (&[1, 3], "two", ""),
            ],
        ),
        // Smoothing with a trend: l ← α x + (1 − α)(l + b), b ← β (l − l₋) + (1 − β) b; z = l + b.
        planted(
            "smoothing with trend",
            vec![draw([5, 2], 141.0), numbers([1, 2], 0.3, 0.7, 142.0), numbers([1, 2], 0.2, 0.6, 143.0)],
            |x| {
                let (mut l, mut b) = (row(x[0], 0), row(x[0], 0) * 0.0);
                let (mut ls, mut bs) = (vec![l], vec![b]);
                for k in 1..5 {
                    let new = x[1] * row(x[0], k) + (1.0 - x[1]) * (l + b);
                    b = x[2] * (new - l) + (1.0 - x[2]) * b;
                    l = new;
                    ls.push(l);
                    bs.push(b);
                }
                (vec![l + b], vec![Var::concat(&ls, 0), Var::concat(&bs, 0)])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (mut dl, mut db) = (dz[0], dz[0]);
                let (mut dx, mut dalpha, mut dbeta) = (Vec::new(), x[1] * 0.0, x[2] * 0.0);
                for k in (1..5).rev() {
                    let (l, b) = (row(saved[0], k - 1), row(saved[1], k - 1));
                    dbeta = dbeta + db * (row(saved[0], k) - l - b);
                    let new = slip!(s 1: dl + db * x[2] => dl);
                    dalpha = dalpha + new * slip!(s 2: row(x[0], k) - l - b => row(x[0], k) - l);
                    dx.insert(0, new * x[1]);
                    dl = new * (1.0 - x[1]) - db * x[2];
                    db = new * (1.0 - x[1]) + db * (1.0 - x[2]);
                }
                dx.insert(0, dl);
                vec![Some(Var::concat(&dx, 0)), Some(dalpha), Some(dbeta)]
            },
            [(&[1], "loop", TERM), (&[2], "loop", "dropped term|forgotten path|mixed up&`add`")],
        ),
        // A memory of the past in which step k counts 1/(k + 1): h ← h − h A / (k + 1) + u B / (k + 1).
        planted(
            "scaled memory scan",
            vec![draw([4, 1], 144.0), draw([3, 3], 145.0), draw([1, 3], 146.0)],
            |x| {
                let mut h = x[2] * 0.0;
                let mut hs = vec![h];
                for k in 0..4 {
                    let n = k as f64 + 1.0;
                    h = h - h.matmul(x[1]) / n + row(x[0], k) * x[2] / n;
                    hs.push(h);
                }
                (vec![h], hs[..4].to_vec())
            },
            |Backward { x, dz, saved, .. }, s| {
                let (mut g, mut du, mut da, mut db) = (dz[0], Vec::new(), x[1] * 0.0, x[2] * 0.0);
                for (k, h) in saved.iter().enumerate().rev() {
                    let by = g / (k as f64 + 1.0);
                    du.insert(0, sum(by * x[2], 1));
                    da = da - t(*h).matmul(slip!(s 1: by => g));
                    db = db + by * row(x[0], k);
                    g = g - slip!(s 2: by.matmul(t(x[1])) => by.matmul(x[1]));
                }
                vec![Some(Var::concat(&du, 0)), Some(da), Some(db)]
            },
            [(&[1], "loop", "`div`|factor is missing|wrong constant"), (&[2], "loop", TRANSPOSED)],
        ),
        // A network in continuous time, three steps: h ← h + 0.3 (tanh(h W + x) − h) / τ.
        planted(
            "leaky integrator",
            vec![draw([2, 3], 147.0), draw([3, 3], 148.0), draw([2, 3], 149.0), numbers([3], 0.8, 2.0, 150.0)],
            |x| {
                let mut h = x[0];
                let mut saved = Vec::new();
                for _ in 0..3 {
                    let n = (h.matmul(x[1]) + x[2]).tanh();
                    saved.extend([h, n]);
                    h = h + (n - h) * 0.3 / x[3];
                }
                (vec![h], saved)
            },
            |Backward { x, dz, saved, .. }, s| {
                let zero = x[0].tape().constant(Tensor::zeros([2, 3], DType::F64));
                let (mut g, mut dw, mut dx, mut dtau) = (dz[0], x[1] * 0.0, zero, zero);
                for pair in saved.chunks(2).rev() {
                    let (h, n) = (pair[0], pair[1]);
                    let u = g * 0.3 / x[3];
                    dtau = dtau - slip!(s 1: u * (n - h) / x[3] => u * (n - h));
                    let dn = u * (1.0 - n * n);
                    dx = dx + dn;
                    dw = dw + t(h).matmul(dn);
                    let back = dn.matmul(t(x[1]));
                    g = slip!(s 2: g - u + back => g + back);
                }
                let dtau = slip!(s 3: dtau.sum_axes(&[0], false) => dtau);
                vec![Some(g), Some(dw), Some(dx), Some(dtau)]
            },
            [
                (&[1], "loop", "input 3|`div`|exponent"),
                (&[2], "loop", TERM),
                (&[3], "reduction", "reduction is missing|`sum`"),
            ],
        ),
    ]
}
