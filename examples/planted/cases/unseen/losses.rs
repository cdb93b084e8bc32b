//! Losses.

use wengert::{Backward, DType, Tensor, Var};

use super::{SIGN, TERM, TRANSPOSED, TWICE};
use crate::planted::{Planted, draw, numbers, planted, sum, t};

pub fn cases() -> Vec<Planted> {
    vec![
        // Dice with squares below: mean over rows of 1 − 2 Σ p y / (Σ p² + Σ y²), with fixed targets y.
        planted(
            "squared dice loss",
            vec![numbers([3, 4], 0.1, 0.9, 181.0)],
            |x| {
                let y = x[0].tape().constant(numbers([3, 4], 0.2, 1.0, 182.0));
                let (n, d) = (sum(x[0] * y, 1) * 2.0, sum(x[0] * x[0], 1) + sum(y * y, 1));
                (vec![1.0 - (n / d).mean()], vec![y, n, d])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (y, n, d) = (saved[0], saved[1], saved[2]);
                let first = y * 2.0 / d;
                let second = slip!(s 1: n * x[0] * 2.0 => n * x[0]) / slip!(s 2: d * d => d);
                vec![Some(dz[0] * (second - first) / 3.0)]
            },
            [(&[1], "constant", TWICE), (&[2], "factor", "saved value 2|`div`|exponent|square"), (&[1, 2], "two", "")],
        ),
        // Huber: d²/2 for |d| < 0.6, else 0.6 (|d| − 0.3); mean over all.
        planted(
            "huber loss",
            vec![numbers([3, 4], -2.0, 2.0, 183.0), draw([3, 4], 184.0)],
            |x| {
                let d = x[0] - x[1];
                let near = d.abs().lt(0.6);
                (vec![near.select(d * d * 0.5, (d.abs() - 0.3) * 0.6).mean()], vec![d, near])
            },
            |Backward { dz, saved, .. }, s| {
                let (d, near) = (saved[0], saved[1]);
                let slope = slip!(s 1: near.select(d, d.sign() * 0.6) => near.select(d, d.sign()));
                let da = dz[0] * slope / slip!(s 2: 12.0 => 3.0);
                vec![Some(da), Some(-da)]
            },
            [
                (&[1], "constant", "0.6|1.666|1.667|only where"),
                (&[2], "constant", "3 where 12|factor of 4|factor 4|1/4|4.000"),
            ],
        ),
        // Quantile 0.3: max(0.3 e, −0.7 e) with e = y − q; mean over rows, sum over columns.
        planted(
            "quantile loss",
            vec![draw([5, 2], 185.0), draw([5, 2], 186.0)],
            |x| {
                let e = x[0] - x[1];
                (vec![sum(e.gt(0.0).select(e * 0.3, e * -0.7), 1).mean()], vec![e])
            },
            |Backward { dz, saved, .. }, s| {
                let slope = slip!(s 1: saved[0].gt(0.0).select(0.3, -0.7) => saved[0].gt(0.0).select(0.3, 0.7));
                let dy = dz[0] * slope / 5.0;
                vec![Some(dy), Some(slip!(s 2: -dy => dy))]
            },
            [(&[1], "sign", "0.7 where −0.7|only where|sign|−1"), (&[2], "sign", SIGN)],
        ),
        // Pairs: 1 − cos for those alike, relu(cos − 0.1) for those unlike; sum over rows.
        planted(
            "cosine embedding loss",
            vec![numbers([4, 3], 0.2, 1.0, 187.0), numbers([4, 3], 0.2, 1.0, 188.0)],
            |x| {
                let alike = x[0].tape().constant(Tensor::from([[1.0], [0.0], [1.0], [0.0]]));
                let (n, m) = (sum(x[0] * x[0], 1).sqrt(), sum(x[1] * x[1], 1).sqrt());
                let c = sum(x[0] * x[1], 1) / (n * m);
                (vec![alike.select(1.0 - c, (c - 0.1).relu()).sum()], vec![alike, n, m, c])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (alike, n, m, c) = (saved[0], saved[1], saved[2], saved[3]);
                let dc = dz[0] * slip!(s 1: alike.select(-1.0, c.gt(0.1)) => alike.select(-1.0, 0.0));
                let da = dc * (x[1] / (n * m) - c * x[0] / slip!(s 2: n * n => n));
                let db = dc * slip!(s 3: x[0] / (n * m) - c * x[1] / (m * m) => x[0] / (n * m));
                vec![Some(da), Some(db)]
            },
            [
                (&[1], "mask", "only where|0 where 1|dropped term|forgotten path"),
                (&[2], "factor", "saved value 1|exponent|square"),
                (&[3], "term", TERM),
                (&[2, 3], "two", ""),
            ],
        ),
        // Distillation at temperature 2: T² Σ q (ln q − ln p), p = softmax(s/T), q = softmax(t/T); mean over rows.
        planted(
            "distillation loss",
            vec![draw([3, 4], 189.0), draw([3, 4], 190.0)],
            |x| {
                let (p, q) = ((x[0] / 2.0).softmax(1), (x[1] / 2.0).softmax(1));
                let gap = q.ln() - p.ln();
                (vec![sum(q * gap, 1).mean() * 4.0], vec![p, q, gap])
            },
            |Backward { dz, saved, .. }, s| {
                let (p, q, gap) = (saved[0], saved[1], saved[2]);
                let ds = dz[0] * (p - q) * slip!(s 1: 2.0 => 4.0) / 3.0;
                let dt = dz[0] * q * slip!(s 2: gap - sum(q * gap, 1) => gap) * 2.0 / 3.0;
                vec![Some(ds), Some(dt)]
            },
            [(&[1], "constant", "4 where 2|factor of 2|factor 2|plain 2|2.000"), (&[2], "term", TERM)],
        ),
        // Cross entropy of the steps that are not padding, by their number.
        planted(
            "masked cross entropy",
            vec![draw([5, 4], 191.0)],
            |x| {
                let real = x[0].tape().constant(Tensor::from([[1.0], [1.0], [0.0], [1.0], [0.0]]));
                let labels = [2, 0, 1, 3, 3];
                let hot = Tensor::from_fn([5, 4], DType::F64, |i| f64::from(i % 4 == labels[i / 4]));
                let hot = x[0].tape().constant(hot);
                let p = x[0].softmax(1);
                (vec![-(real * hot * p.ln()).sum() / 3.0], vec![p, hot, real])
            },
            |Backward { dz, saved, .. }, s| {
                let (p, hot, real) = (saved[0], saved[1], saved[2]);
                let each = slip!(s 1: p - hot => p);
                let each = slip!(s 2: each * real => each);
                vec![Some(dz[0] * each / slip!(s 3: 3.0 => 5.0))]
            },
            [
                (&[1], "term", "dropped term|forgotten path|saved value 1"),
                (&[2], "mask", "saved value 2|only where"),
                (&[3], "constant", "5 where 3|0.6"),
                (&[2, 3], "two", ""),
            ],
        ),
        // Redundancy of two views: C = Aᵀ B / n, Σ (Cᵢᵢ − 1)² + 0.2 Σ Cᵢⱼ² off the diagonal.
        planted(
            "redundancy loss",
            vec![draw([5, 3], 192.0), draw([5, 3], 193.0)],
            |x| {
                let c = t(x[0]).matmul(x[1]) / 5.0;
                let off = c - eye(c);
                (vec![(off * off * weights(c)).sum()], vec![off])
            },
            |Backward { x, dz, saved, .. }, s| {
                let off = saved[0];
                let dc = slip!(s 1: dz[0] * off * weights(off) * 2.0 => dz[0] * off * 2.0);
                let da = x[1].matmul(slip!(s 2: t(dc) => dc)) / 5.0;
                let db = x[0].matmul(dc) / 5.0;
                vec![Some(da), Some(slip!(s 3: db => db / 5.0))]
            },
            [
                (&[1], "factor", "factor is missing|0.2|only where|straight-through&`mul`"),
                (&[2], "order", TRANSPOSED),
                (&[3], "constant", "0.2|1/5"),
            ],
        ),
    ]
}

/// The unit matrix, of the size of `c`.
fn eye(c: Var<'_>) -> Var<'_> {
    c.tape().constant(Tensor::from_fn([3, 3], DType::F64, |i| f64::from(i % 4 == 0)))
}

/// 1 on the diagonal, 0.2 elsewhere.
fn weights(c: Var<'_>) -> Var<'_> {
    c.tape().constant(Tensor::from_fn([3, 3], DType::F64, |i| if i % 4 == 0 { 1.0 } else { 0.2 }))
}
