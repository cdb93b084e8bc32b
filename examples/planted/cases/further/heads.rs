//! Variants of attention.

use wengert::{Backward, DType, Tensor, Var};

use crate::planted::{Planted, Slips, draw, numbers, planted, sum, t};

pub fn cases() -> Vec<Planted> {
    vec![
        // Queries look at keys at most two places away.
        planted(
            "windowed attention",
            vec![draw([5, 3], 201.0), draw([6, 3], 202.0), draw([6, 2], 203.0)],
            |x| {
                let near = x[0].tape().constant(near(5, 6));
                let scores = x[0].matmul(t(x[1])) / 3f64.sqrt();
                let p = near.select(scores, -1e9).softmax(1);
                (vec![p.matmul(x[2])], vec![p])
            },
            |Backward { x: inputs, dz: upstream, saved, .. }, s| {
                let &[q, k, v] = inputs else { unreachable!() };
                let (weights, g) = (saved[0], upstream[0]);
                let grad_v = t(weights).matmul(g);
                let grad_weights = g.matmul(t(v));
                let weighted = grad_weights * weights;
                let rows = sum(weighted, slip!(s 1: 1 => 0));
                let grad_scores = weights * (grad_weights - rows);
                let scaled = grad_scores / 3f64.sqrt();
                let grad_q = scaled.matmul(k);
                let grad_k = t(slip!(s 2: scaled => grad_scores)).matmul(q);
                vec![Some(grad_q), Some(grad_k), Some(slip!(s 3: grad_v => grad_v / 5.0))]
            },
            [
                (&[1], "reduction", "axis 0&axis 1"),
                (&[2], "constant", "1.732|√3|0.577"),
                (&[3], "constant", "0.2|5"),
                (&[1, 2], "two", "two mistakes"),
            ],
        ),
        // A learned bias for each distance of query and key: softmax(Q Kᵀ + b[j − i + 2]) V.
        planted(
            "relative bias",
            vec![draw([3, 2], 204.0), draw([4, 2], 205.0), draw([4, 5], 206.0), draw([6], 207.0)],
            |x| {
                let bias = x[3].index_select(0, &offsets()).reshape([3, 4]);
                let p = (x[0].matmul(t(x[1])) + bias).softmax(1);
                (vec![p.matmul(x[2])], vec![p])
            },
            |at, s| {
                let p = at.saved[0];
                let dp = at.dz[0].matmul(t(at.x[2]));
                let ds = slip!(s 1: p * (dp - sum(p * dp, 1)) => p * dp);
                let flat = slip!(s 2: ds => t(ds)).reshape([12]);
                let db = (at.x[3] * 0.0).scatter_add(0, &offsets(), flat);
                let dq = ds.matmul(at.x[1]);
                let dk = t(ds).matmul(at.x[0]);
                let dv = slip!(s 3: t(p) => t(ds)).matmul(at.dz[0]);
                vec![Some(dq), Some(dk), Some(dv), Some(db)]
            },
            [
                (&[1], "term", "dropped term|forgotten path|term is missing"),
                (&[2], "movement", "transpose|permute|`reshape`"),
                (&[3], "value", "saved value 0|factor too many&`sub`"),
                (&[2, 3], "two", "two mistakes"),
            ],
        ),
        // Attention without a softmax: φ(Q) (φ(K)ᵀ V) / φ(Q) Σ φ(K), φ = exp.
        planted(
            "linear attention",
            vec![draw([4, 3], 208.0), draw([5, 3], 209.0), draw([5, 2], 210.0)],
            |x| {
                let (a, b) = (x[0].exp(), x[1].exp());
                let d = a.matmul(t(sum(b, 0)));
                (vec![a.matmul(t(b).matmul(x[2])) / d], vec![a, b, d])
            },
            |Backward { x, z, dz, saved, .. }, s| {
                let (phi_q, phi_k, below) = (saved[0], saved[1], saved[2]);
                let above = dz[0] / below;
                let dbelow = slip!(s 1: -sum(above * z[0], 1) => sum(above * z[0], 1));
                let kv = t(phi_k).matmul(x[2]);
                let dphi_q = above.matmul(t(kv)) + dbelow * sum(phi_k, 0);
                let dkv = t(phi_q).matmul(slip!(s 2: above => dz[0]));
                let dphi_k = slip!(s 3: x[2].matmul(t(dkv)) + t(dbelow).matmul(phi_q) => x[2].matmul(t(dkv)));
                let dv = phi_k.matmul(dkv);
                vec![Some(dphi_q * phi_q), Some(dphi_k * phi_k), Some(dv)]
            },
            [
                (&[1], "sign", "sign|`add`&`sub`"),
                (&[2], "factor", "factor&saved value 2"),
                (&[3], "term", "dropped term|forgotten path|term is missing"),
                (&[1, 2], "two", "two mistakes"),
            ],
        ),
        // Pooling with gated weights: a = softmax((tanh(X V) σ(X U)) w), z = aᵀ X.
        planted(
            "gated pooling",
            vec![draw([6, 4], 211.0), draw([4, 3], 212.0), draw([4, 3], 213.0), draw([3, 1], 214.0)],
            |x| {
                let (h, g) = (x[0].matmul(x[1]).tanh(), x[0].matmul(x[2]).sigmoid());
                let a = (h * g).matmul(x[3]).softmax(0);
                (vec![t(a).matmul(x[0])], vec![h, g, a])
            },
            |Backward { x, dz, saved, .. }, s| {
                let &[h, g, a] = saved else { unreachable!() };
                let (bag, w) = (x[0], x[3]);
                let da = bag.matmul(t(dz[0]));
                let centred = da - slip!(s 1: sum(a * da, 0) => sum(da, 0));
                let de = a * centred;
                let dw = t(h * g).matmul(de);
                let dhg = de.matmul(t(w));
                let dtanh = dhg * g * (1.0 - h * h);
                let dgate = dhg * slip!(s 2: h => g) * g * (1.0 - g);
                let dx = a.matmul(dz[0])
                    + dtanh.matmul(t(x[1]))
                    + slip!(s 3: dgate.matmul(t(x[2])) => dgate.matmul(t(x[1])));
                vec![Some(dx), Some(t(bag).matmul(dtanh)), Some(t(bag).matmul(dgate)), Some(dw)]
            },
            [
                (&[1], "factor", "factor&saved value 2"),
                (&[2], "value", "saved value 1&saved value 0"),
                (&[3], "value", "input 1&input 2"),
            ],
        ),
        // Cosines of queries and keys, times a temperature.
        planted(
            "cosine attention",
            vec![draw([4, 3], 215.0), draw([5, 3], 216.0), draw([5, 2], 217.0), numbers((), 1.5, 2.5, 218.0)],
            |x| {
                let (a, b) = (sum(x[0] * x[0], 1).sqrt(), sum(x[1] * x[1], 1).sqrt());
                let c = (x[0] / a).matmul(t(x[1] / b));
                let p = (c * x[3]).softmax(1);
                (vec![p.matmul(x[2])], vec![a, b, c, p])
            },
            |Backward { x, dz, saved, .. }, s| {
                let [norm_q, norm_k, cosines, p] = *saved else { unreachable!() };
                let (q, k) = (x[0] / norm_q, x[1] / norm_k);
                let dp = dz[0].matmul(t(x[2]));
                let ds = p * (dp - sum(dp * p, 1));
                let dt = (ds * cosines).sum();
                let dc = slip!(s 1: ds * x[3] => ds);
                let dq = unnormed(q, norm_q, dc.matmul(k), s);
                let dk = unnormed(k, norm_k, t(dc).matmul(q), s);
                let dv = t(p).matmul(dz[0]);
                vec![Some(dq), Some(dk), Some(dv), Some(dt)]
            },
            [
                (&[1], "factor", "factor&input 3"),
                (&[2], "term", "dropped term|forgotten path|term is missing"),
                (&[3], "factor", "factor&saved value 0|factor&`div`|factor&`norm`"),
                (&[1, 2], "two", "two mistakes"),
            ],
        ),
        // A softmax that may attend to nothing: p = eˢ / (1 + Σ eˢ).
        planted(
            "quiet attention",
            vec![draw([4, 5], 219.0), draw([5, 3], 220.0)],
            |x| {
                let e = x[0].exp();
                let p = e / (1.0 + sum(e, 1));
                (vec![p.matmul(x[1])], vec![p])
            },
            |Backward { x, dz, saved, .. }, s| {
                let p = saved[0];
                let dp = slip!(s 1: dz[0].matmul(t(x[1])) => dz[0].matmul(t(x[1])) * p);
                let spread = sum(dp * p, 1);
                vec![Some(p * (dp - spread)), Some(t(slip!(s 2: p => p.softmax(1))).matmul(dz[0]))]
            },
            [(&[1], "factor", "factor&saved value 0"), (&[2], "value", "`softmax`")],
        ),
    ]
}

/// The gradient before a row was divided by its norm.
fn unnormed<'t>(unit: Var<'t>, norm: Var<'t>, g: Var<'t>, s: &Slips<'t>) -> Var<'t> {
    let along = sum(g * unit, 1);
    let across = slip!(s 2: g - unit * along => g);
    slip!(s 3: across / norm => across)
}

/// 1 where row and column are at most 2 apart.
fn near(n: usize, m: usize) -> Tensor {
    Tensor::from_fn([n, m], DType::F64, |i| f64::from((i / m).abs_diff(i % m) <= 2))
}

/// Of three queries and four keys.
fn offsets() -> Vec<usize> {
    (0..3).flat_map(|i| (0..4).map(move |j| j + 2 - i)).collect()
}
