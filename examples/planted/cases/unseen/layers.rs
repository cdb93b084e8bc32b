//! Layers.

use wengert::{Backward, Var};

use super::{SIGN, TERM};
use crate::planted::{Planted, draw, mean, numbers, planted, sum, t};

pub fn cases() -> Vec<Planted> {
    vec![
        // Maxout: the larger of two linear maps, with biases.
        planted(
            "maxout",
            vec![draw([4, 3], 241.0), draw([3, 10], 242.0), draw([10], 243.0)],
            |x| {
                let u = (x[0].matmul(x[1]) + x[2]).reshape([4, 5, 2]);
                let z = u.amax_axes(&[2], true);
                (vec![z.reshape([4, 5])], vec![u.ge(z)])
            },
            |Backward { x, dz, saved, .. }, s| {
                let g = dz[0].reshape([4, 5, 1]);
                let du = slip!(s 1: g * saved[0] => g.broadcast_to([4, 5, 2])).reshape([4, 10]);
                let db = slip!(s 2: du.sum_axes(&[0], false) => du.mean_axes(&[0], false));
                vec![Some(du.matmul(t(x[1]))), Some(t(x[0]).matmul(du)), Some(db)]
            },
            [
                (&[1], "mask", "saved value 0|`amax`|`max`|only where"),
                (&[2], "reduction", "mean|0.25|1/4|factor of 4|factor 4"),
                (&[1, 2], "two", ""),
            ],
        ),
        // A matrix with an adapter of rank 2: x W + 0.75 x A B.
        planted(
            "low rank adapter",
            vec![draw([4, 5], 244.0), draw([5, 3], 245.0), draw([5, 2], 246.0), draw([2, 3], 247.0)],
            |x| {
                let h = x[0].matmul(x[2]);
                (vec![x[0].matmul(x[1]) + h.matmul(x[3]) * 0.75], vec![h])
            },
            |Backward { x, dz, saved, .. }, s| {
                let g = dz[0] * 0.75;
                let dh = slip!(s 1: g.matmul(t(x[3])) => dz[0].matmul(t(x[3])));
                let straight = dz[0].matmul(t(x[1]));
                let dx = slip!(s 2: straight + dh.matmul(t(x[2])) => straight);
                vec![Some(dx), Some(t(x[0]).matmul(dz[0])), Some(t(x[0]).matmul(dh)), Some(t(saved[0]).matmul(g))]
            },
            [(&[1], "constant", "0.75|1.333|4/3"), (&[2], "term", TERM), (&[1, 2], "two", "")],
        ),
        // A factorization machine: ½ Σ [(x V)² − x² V²].
        planted(
            "factorization machine",
            vec![draw([4, 5], 248.0), draw([5, 3], 249.0)],
            |x| {
                let (h, squares) = (x[0].matmul(x[1]), (x[0] * x[0]).matmul(x[1] * x[1]));
                (vec![sum(h * h - squares, 1) * 0.5], vec![h])
            },
            |Backward { x, dz, saved, .. }, s| {
                let g = dz[0] * saved[0];
                let own = t(sum(slip!(s 1: x[1] * x[1] => x[1]), 1));
                let dx = g.matmul(t(x[1])) - dz[0] * x[0] * own;
                let dv = t(x[0]).matmul(g);
                let dv = slip!(s 2: dv - x[1] * t(x[0] * x[0]).matmul(dz[0]) => dv);
                vec![Some(dx), Some(dv)]
            },
            [(&[1], "factor", "factor&input 1|exponent|square"), (&[2], "term", TERM)],
        ),
        // Radial functions: zᵢⱼ = e^(−γⱼ |xᵢ − cⱼ|²).
        planted(
            "radial layer",
            vec![draw([4, 2], 250.0), draw([3, 2], 251.0), numbers([3], 0.5, 1.0, 252.0)],
            |x| {
                let far = sum(x[0] * x[0], 1) + t(sum(x[1] * x[1], 1)) - x[0].matmul(t(x[1])) * 2.0;
                (vec![(-(x[2] * far)).exp()], vec![far])
            },
            |Backward { x, z, dz, saved, .. }, s| {
                let by = dz[0] * z[0];
                let dgamma = -(slip!(s 1: by => dz[0]) * saved[0]).sum_axes(&[0], false);
                let w = by * x[2] * slip!(s 2: -2.0 => -1.0);
                let dx = x[0] * sum(w, 1) - w.matmul(x[1]);
                let dc = x[1] * t(sum(w, 0)) - t(w).matmul(x[0]);
                vec![Some(dx), Some(slip!(s 3: dc => -dc)), Some(dgamma)]
            },
            [
                (&[1], "factor", "factor&output 0"),
                (&[2], "constant", "−1 where −2|factor of 2|factor 2|plain 2|missing: 2|2 is missing|twice|1/2|0.5"),
                (&[3], "sign", SIGN),
                (&[1, 2], "two", ""),
            ],
        ),
        // A sine layer: sin(3 (x W + b)).
        planted(
            "sine layer",
            vec![draw([4, 2], 253.0), draw([2, 5], 254.0), draw([5], 255.0)],
            |x| {
                let u = (x[0].matmul(x[1]) + x[2]) * 3.0;
                (vec![u.sin()], vec![u])
            },
            |Backward { x, dz, saved, .. }, s| {
                let slope = slip!(s 1: saved[0].cos() => (saved[0] / 3.0).cos());
                let du = slip!(s 2: dz[0] * slope * 3.0 => dz[0] * slope);
                vec![Some(du.matmul(t(x[1]))), Some(t(x[0]).matmul(du)), Some(du.sum_axes(&[0], false))]
            },
            [
                (&[1], "value", "`div`|wrong constant|saved value 0"),
                (&[2], "constant", "factor of 3|factor 3|1/3|0.333|missing: 3|where 3|3 is missing"),
                (&[1, 2], "two", ""),
            ],
        ),
        // Affine coupling: [a, b e^s + m], s = tanh(a S), m = a M; the second output is Σ s.
        planted(
            "affine coupling",
            vec![draw([4, 5], 256.0), draw([2, 3], 257.0), draw([2, 3], 258.0)],
            |x| {
                let (a, b) = (x[0].narrow(1, 0, 2), x[0].narrow(1, 2, 3));
                let scale = a.matmul(x[1]).tanh();
                let moved = b * scale.exp() + a.matmul(x[2]);
                (vec![Var::concat(&[a, moved], 1), sum(scale, 1)], vec![scale])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (a, b) = (x[0].narrow(1, 0, 2), x[0].narrow(1, 2, 3));
                let (g, h) = (dz[0].narrow(1, 0, 2), dz[0].narrow(1, 2, 3));
                let e = saved[0].exp();
                let ds = slip!(s 1: h * b * e + dz[1] => h * b * e);
                let du = ds * (1.0 - saved[0] * saved[0]);
                let through = du.matmul(t(x[1])) + h.matmul(t(x[2]));
                let da = slip!(s 2: g + through => through);
                let dx = Var::concat(&[da, slip!(s 3: h * e => h / e)], 1);
                vec![Some(dx), Some(t(a).matmul(du)), Some(t(a).matmul(h))]
            },
            [
                (&[1], "term", "dropped term|forgotten path|upstream gradient of output 1|upstream gradient 1"),
                (&[2], "term", TERM),
                (&[3], "factor", "`div`&`mul`|factor&`exp`"),
                (&[1, 2], "two", ""),
            ],
        ),
        // Kernel regression: softmax(−(q − k)²/2h²) y with a learned width h.
        planted(
            "kernel regression",
            vec![draw([4, 1], 259.0), draw([1, 5], 260.0), draw([5, 2], 261.0), numbers([1], 0.6, 1.0, 262.0)],
            |x| {
                let d = x[0] - x[1];
                let p = (d * d / (x[3] * x[3] * -2.0)).softmax(1);
                (vec![p.matmul(x[2])], vec![d, p])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (d, p, h) = (saved[0], saved[1], x[3]);
                let dp = dz[0].matmul(t(x[2]));
                let ds = p * slip!(s 1: dp - sum(p * dp, 1) => dp);
                let by = ds * d / (h * h);
                let dwidth = (ds * d * d).sum().reshape([1]) / slip!(s 2: h * h * h => h * h);
                vec![Some(-sum(by, 1)), Some(sum(by, 0)), Some(t(p).matmul(dz[0])), Some(dwidth)]
            },
            [(&[1], "term", TERM), (&[2], "factor", "input 3|exponent|`div`")],
        ),
        // A gated feed-forward block: (silu(x A) ∘ x B) C.
        planted(
            "gated feed forward",
            vec![draw([4, 3], 263.0), draw([3, 5], 264.0), draw([3, 5], 265.0), draw([5, 2], 266.0)],
            |x| {
                let (u, v) = (x[0].matmul(x[1]), x[0].matmul(x[2]));
                let g = u.silu();
                (vec![(g * v).matmul(x[3])], vec![u, v, g])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (u, v, g) = (saved[0], saved[1], saved[2]);
                let dh = dz[0].matmul(t(x[3]));
                let gate = slip!(s 1: u.sigmoid() => g.sigmoid());
                let du = dh * v * slip!(s 2: gate + u * gate * (1.0 - gate) => gate);
                let dv = dh * g;
                let dx = du.matmul(t(x[1])) + dv.matmul(t(x[2]));
                let dc = t(slip!(s 3: g * v => u * v)).matmul(dz[0]);
                vec![Some(dx), Some(t(x[0]).matmul(du)), Some(t(x[0]).matmul(dv)), Some(dc)]
            },
            [
                (&[1], "value", "saved value 2&saved value 0"),
                (&[2], "term", "dropped term|forgotten path|`silu`"),
                (&[3], "value", "saved value 0&saved value 2|`silu`"),
                (&[1, 3], "two", ""),
            ],
        ),
        // Rows squashed to a length below 1: v √(|v|² + 0.01) / (1 + |v|²).
        planted(
            "squash",
            vec![draw([3, 4], 267.0)],
            |x| {
                let q = sum(x[0] * x[0], 1);
                let n = (q + 0.01).sqrt();
                (vec![x[0] * (n / (1.0 + q))], vec![q, n])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (q, n) = (saved[0], saved[1]);
                let slope = (0.98 - q) / slip!(s 1: (1.0 + q) * (1.0 + q) => 1.0 + q);
                let inner = slip!(s 2: sum(dz[0] * x[0], 1) => mean(dz[0] * x[0], 1));
                vec![Some(dz[0] * n / (1.0 + q) + x[0] * inner * slope / n)]
            },
            [
                (&[1], "factor", "`add`|exponent|square|`div`|1 + "),
                (&[2], "reduction", "mean|0.25|1/4|factor of 4|factor 4|4 where 1|1 where 4"),
            ],
        ),
    ]
}
