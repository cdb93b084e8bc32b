//! Attention.

use wengert::{Backward, DType, Tensor, Var};

use super::{SIGN, TERM};
use crate::planted::{Planted, draw, mean, numbers, planted, sum, t};

pub fn cases() -> Vec<Planted> {
    vec![
        // Linear attention: Z = φ(Q) (φ(K)ᵀ V) / (φ(Q) Σ φ(k)), φ = softplus.
        planted(
            "linear attention",
            vec![draw([4, 3], 101.0), draw([5, 3], 102.0), draw([5, 2], 103.0)],
            |x| {
                let (a, b) = (x[0].softplus(), x[1].softplus());
                let state = t(b).matmul(x[2]);
                let n = a.matmul(t(sum(b, 0)));
                (vec![a.matmul(state) / n], vec![a, b, state, n])
            },
            |Backward { x, z, dz, saved, .. }, s| {
                let (a, b, state, n) = (saved[0], saved[1], saved[2], saved[3]);
                let g = dz[0] / n;
                let dn = -sum(g * z[0], 1);
                let da = slip!(s 1: g.matmul(t(state)) + dn * sum(b, 0) => g.matmul(t(state)));
                let dstate = t(a).matmul(g);
                let db = x[2].matmul(t(dstate)) + sum(dn * a, 0);
                let dk = db * slip!(s 2: x[1].sigmoid() => b.sigmoid());
                vec![Some(da * x[0].sigmoid()), Some(dk), Some(b.matmul(dstate))]
            },
            [(&[1], "term", TERM), (&[2], "value", "saved value 1&input 1")],
        ),
        // Rotary embedding with learned angles: the halves of x are turned.
        planted(
            "rotary embedding",
            vec![draw([3, 4], 104.0), draw([3, 2], 105.0)],
            |x| (vec![turned(x[0], x[1].cos(), x[1].sin())], vec![]),
            |Backward { x, z, dz, .. }, s| {
                let (c, si) = (x[1].cos(), x[1].sin());
                let dx = slip!(s 1: turned(dz[0], c, -si) => turned(dz[0], c, si));
                let ((g, h), (a, b)) = (halves(dz[0]), halves(z[0]));
                let dangle = slip!(s 2: h * a - g * b => h * a + g * b);
                vec![Some(dx), Some(dangle)]
            },
            [(&[1], "sign", SIGN), (&[2], "sign", SIGN)],
        ),
        // Scores with a penalty that grows with the distance: softmax(Q Kᵀ/√d − m |i − j|) V.
        planted(
            "linear bias attention",
            vec![draw([3, 2], 106.0), draw([5, 2], 107.0), draw([5, 4], 108.0), numbers([1], 0.2, 0.6, 109.0)],
            |x| {
                let far = x[0].tape().constant(distances(3, 5));
                let p = (x[0].matmul(t(x[1])) / 2f64.sqrt() - x[3] * far).softmax(1);
                (vec![p.matmul(x[2])], vec![p, far])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (p, far) = (saved[0], saved[1]);
                let dp = dz[0].matmul(t(x[2]));
                let ds = p * (dp - slip!(s 1: sum(p * dp, 1) => sum(p * dp, 0)));
                let dq = ds.matmul(x[1]) / 2f64.sqrt();
                let dk = slip!(s 2: t(ds).matmul(x[0]) / 2f64.sqrt() => t(ds).matmul(x[0]));
                let dm = -(ds * far).sum().reshape([1]);
                vec![Some(dq), Some(dk), Some(t(p).matmul(dz[0])), Some(dm)]
            },
            [
                (&[1], "reduction", "axis 0&axis 1|wrong axis"),
                (&[2], "constant", "1.414|0.707|√2"),
                (&[1, 2], "two", ""),
            ],
        ),
        // Cross attention with dropped weights: P = softmax(X (Y W)ᵀ), Z = (P ∘ M / 0.8) Y.
        planted(
            "cross attention with dropout",
            vec![draw([4, 3], 110.0), draw([5, 2], 111.0), draw([2, 3], 112.0)],
            |x| {
                let kept = Tensor::from_fn([4, 5], DType::F64, |i| f64::from(i % 7 != 2 && i % 5 != 1));
                let kept = x[0].tape().constant(kept);
                let p = x[0].matmul(t(x[1].matmul(x[2]))).softmax(1);
                (vec![(p * kept / 0.8).matmul(x[1])], vec![p, kept])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (p, kept) = (saved[0], saved[1]);
                let dp = dz[0].matmul(t(x[1])) / 0.8;
                let dp = slip!(s 1: dp * kept => dp);
                let ds = p * (dp - sum(dp * p, 1));
                let dk = t(ds).matmul(x[0]);
                let values = t(slip!(s 2: p * kept / 0.8 => p / 0.8)).matmul(dz[0]);
                let dy = slip!(s 3: values + dk.matmul(t(x[2])) => values);
                vec![Some(ds.matmul(x[1].matmul(x[2]))), Some(dy), Some(t(x[1]).matmul(dk))]
            },
            [
                (&[1], "mask", "saved value 1"),
                (&[2], "mask", "saved value 1"),
                (&[3], "term", TERM),
                (&[1, 3], "two", ""),
            ],
        ),
        // Cosines of queries and keys, times a learned temperature.
        planted(
            "cosine scores",
            vec![draw([4, 3], 113.0), draw([5, 3], 114.0), numbers([1], 1.0, 2.0, 115.0)],
            |x| {
                let (n, m) = (length(x[0]), length(x[1]));
                let (q, k) = (x[0] / n, x[1] / m);
                let c = q.matmul(t(k));
                (vec![c * x[2]], vec![q, k, n, m, c])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (q, k, n, m, c) = (saved[0], saved[1], saved[2], saved[3], saved[4]);
                let dc = dz[0] * x[2];
                let (dq, dk) = (dc.matmul(k), t(dc).matmul(q));
                let dq = slip!(s 1: (dq - q * sum(dq * q, 1)) / n => dq / n);
                let dk = slip!(s 2: (dk - k * sum(dk * k, 1)) / m => dk - k * sum(dk * k, 1));
                vec![Some(dq), Some(dk), Some((dz[0] * c).sum().reshape([1]))]
            },
            [(&[1], "term", TERM), (&[2], "factor", "saved value 3|`div`"), (&[1, 2], "two", "")],
        ),
        // Sharpened weights of a memory: z = pᵞ / Σ pᵞ, γ for each row.
        planted(
            "sharpening",
            vec![numbers([3, 4], 0.1, 0.9, 116.0), numbers([3, 1], 1.2, 2.5, 117.0)],
            |x| {
                let u = x[0].pow(x[1]);
                let n = sum(u, 1);
                (vec![u / n], vec![u, n])
            },
            |Backward { x, z, dz, saved, .. }, s| {
                let (u, n) = (saved[0], saved[1]);
                let du = (dz[0] - slip!(s 1: sum(dz[0] * z[0], 1) => mean(dz[0] * z[0], 1))) / n;
                let dp = du * x[1] * u / x[0];
                let dgamma = sum(du * u * slip!(s 2: x[0].ln() => u.ln()), 1);
                vec![Some(dp), Some(dgamma)]
            },
            [
                (&[1], "reduction", "mean|0.25|1/4|factor of 4|factor 4|4 where 1|1 where 4"),
                (&[2], "value", "saved value 0&input 0|factor&input 1"),
            ],
        ),
    ]
}

/// The two halves of the columns.
#[track_caller]
fn halves<'t>(x: Var<'t>) -> (Var<'t>, Var<'t>) {
    (x.narrow(1, 0, 2), x.narrow(1, 2, 2))
}

/// The pairs (aᵢ, bᵢ) of both halves, turned by angles with these cosines and sines.
#[track_caller]
fn turned<'t>(x: Var<'t>, cos: Var<'t>, sin: Var<'t>) -> Var<'t> {
    let (a, b) = halves(x);
    Var::concat(&[a * cos - b * sin, a * sin + b * cos], 1)
}

/// The lengths of the rows.
#[track_caller]
fn length<'t>(x: Var<'t>) -> Var<'t> {
    sum(x * x, 1).sqrt()
}

/// |i − j|.
fn distances(rows: usize, columns: usize) -> Tensor {
    Tensor::from_fn([rows, columns], DType::F64, |i| (i / columns).abs_diff(i % columns) as f64)
}
