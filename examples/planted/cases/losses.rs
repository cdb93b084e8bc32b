//! Losses.

use wengert::{Backward, Tensor, Var};

use crate::planted::{Planted, draw, mean, numbers, planted, sum, t};

/// One-hot labels of four observations in three classes.
#[track_caller]
fn labels<'t>(x: Var<'t>) -> Var<'t> {
    x.tape().constant(Tensor::from([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]))
}

pub fn cases() -> Vec<Planted> {
    vec![
        // −mean (1 − p)² ln p with p = σ(x): the focal loss of positives.
        planted(
            "focal loss",
            vec![draw([7], 81.0)],
            |x| {
                let p = x[0].sigmoid();
                let q = 1.0 - p;
                (vec![-(q * q * p.ln()).mean()], vec![p])
            },
            |Backward { dz, saved, .. }, s| {
                let p = saved[0];
                let q = 1.0 - p;
                let by_log = q * q / p;
                let by_power = slip!(s 1: q * 2.0 * p.ln() => q * p.ln());
                let dp = slip!(s 2: by_power - by_log => by_power + by_log) * dz[0] / 7.0;
                vec![Some(dp * slip!(s 3: p * (1.0 - p) => p))]
            },
            [
                (&[1], "constant", "2|twice"),
                (&[2], "sign", "sign|`add`&`sub`"),
                (&[3], "factor", "factor&`sub`|1 − "),
                (&[1, 3], "two", "two mistakes"),
            ],
        ),
        // KL(N(m, e^s) ‖ N(0, 1)), summed over features, averaged over observations.
        planted(
            "divergence of gaussians",
            vec![draw([4, 3], 82.0), draw([4, 3], 83.0)],
            |x| {
                let all = x[1].exp() + x[0] * x[0] - 1.0 - x[1];
                (vec![all.sum() * 0.5 / 4.0], vec![])
            },
            |Backward { x, dz, .. }, s| {
                let g = dz[0] / slip!(s 1: 4.0 => 12.0);
                let ds = (slip!(s 2: x[1].exp() - 1.0 => x[1].exp())) * 0.5 * g;
                vec![Some(x[0] * g), Some(slip!(s 3: ds => ds * 2.0))]
            },
            [
                (&[1], "constant", "12 where 4|1/3|0.333333"),
                (&[2], "term", "term|forgotten path|1"),
                (&[3], "constant", "2"),
            ],
        ),
        // Σ w r² / Σ w.
        planted(
            "weighted mean square",
            vec![draw([3, 4], 84.0), numbers([3, 4], 0.2, 1.0, 85.0)],
            |x| {
                let n = x[1].sum();
                (vec![(x[1] * x[0] * x[0]).sum() / n], vec![n])
            },
            |Backward { x, z, dz, saved, .. }, s| {
                let n = saved[0];
                let dr = x[0] * slip!(s 1: x[1] / n => 1.0 / n + 0.0 * x[1]) * 2.0 * dz[0];
                let dw = (x[0] * x[0] - slip!(s 2: z[0] => z[0] * n)) / slip!(s 3: n => n * n) * dz[0];
                vec![Some(dr), Some(dw)]
            },
            [
                (&[1], "factor", "factor&input 1"),
                (&[2], "factor", "factor&saved value 0"),
                (&[3], "factor", "saved value 0"),
                (&[1, 3], "two", "two mistakes|saved value 0"),
            ],
        ),
        // Smoothed labels: −mean Σ ((1 − ε) y + ε/3) ln softmax.
        planted(
            "smoothed cross entropy",
            vec![draw([4, 3], 86.0)],
            |x| {
                let y = labels(x[0]) * 0.9 + 0.1 / 3.0;
                let p = x[0].softmax(1);
                (vec![-(y * p.ln()).sum() / 4.0], vec![p])
            },
            |Backward { x, dz, saved, .. }, s| {
                let y = slip!(s 1: labels(x[0]) * 0.9 + 0.1 / 3.0 => labels(x[0]));
                vec![Some((saved[0] - y) * dz[0] / slip!(s 2: 4.0 => 3.0))]
            },
            [
                (&[1], "value", "`add`|`mul`"),
                (&[2], "constant", "3 where 4|1.333|4/3"),
                (&[1, 2], "two", "two mistakes"),
            ],
        ),
        // Student's t with three degrees: Σ 2 ln(1 + r²/3s²) + ln s.
        planted(
            "student likelihood",
            vec![draw([5], 87.0), numbers([5], 0.6, 1.5, 88.0)],
            |x| {
                let q = x[0] / x[1];
                (vec![((1.0 + q * q / 3.0).ln() * 2.0 + x[1].ln()).sum()], vec![q])
            },
            |Backward { x, dz, saved, .. }, s| {
                let q = saved[0];
                let w = 4.0 / (slip!(s 1: 3.0 => 2.0) + q * q);
                let dr = w * q / slip!(s 2: x[1] => x[1] * x[1]) * dz[0];
                let ds = slip!(s 3: (1.0 - w * q * q) / x[1] => -(w * q * q) / x[1]) * dz[0];
                vec![Some(dr), Some(ds)]
            },
            [
                (&[1], "constant", "2 where 3"),
                (&[2], "factor", "input 1"),
                (&[3], "term", "term|forgotten path"),
                (&[2, 3], "two", "input 1&forgotten path|input 1"),
            ],
        ),
        // Softplus margin on squared distances: Σ ln(1 + e^(a − b)) with a = ‖u − v‖², b = ‖u − w‖².
        planted(
            "triplet loss",
            vec![draw([4, 3], 89.0), draw([4, 3], 90.0), draw([4, 3], 91.0)],
            |x| {
                let (a, b) = (x[0] - x[1], x[0] - x[2]);
                let m = sum(a * a, 1) - sum(b * b, 1);
                (vec![m.softplus().mean()], vec![m])
            },
            |Backward { x, dz, saved, .. }, s| {
                let g = slip!(s 1: saved[0].sigmoid() => saved[0].softplus()) * dz[0] * 2.0 / 4.0;
                let (a, b) = (g * (x[0] - x[1]), g * (x[0] - x[2]));
                let du = slip!(s 2: a - b => a + b);
                vec![Some(du), Some(-a), Some(slip!(s 3: b => g * (x[0] - x[1])))]
            },
            [
                (&[1], "value", "`softplus`&`sigmoid`"),
                (&[2], "sign", "sign|`add`&`sub`"),
                (&[3], "value", "input 1&input 2"),
                (&[2, 3], "two", "input 1&input 2|`add`&`sub`"),
            ],
        ),
        // Contrast of two views: the cross entropy of U Vᵀ / τ with the diagonal as labels.
        planted(
            "contrast of views",
            vec![draw([3, 4], 92.0), draw([3, 4], 93.0), numbers((), 0.5, 0.7, 94.0)],
            |x| {
                let l = x[0].matmul(t(x[1])) / x[2];
                let eye = x[0].tape().constant(Tensor::from([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]));
                (vec![-(l.log_softmax(1) * eye).sum() / 3.0], vec![l, l.softmax(1) - eye])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (l, p) = (saved[0], saved[1]);
                let dl = p * dz[0] / 3.0;
                let du = slip!(s 1: dl.matmul(x[1]) / x[2] => dl.matmul(x[1]));
                let dv = slip!(s 2: t(dl) => dl).matmul(x[0]) / x[2];
                let dt = -(dl * l).sum() / slip!(s 3: x[2] => x[2] * x[2]);
                vec![Some(du), Some(dv), Some(dt)]
            },
            [
                (&[1], "factor", "factor&input 2"),
                (&[2], "order", "transposed"),
                (&[3], "factor", "input 2"),
                (&[1, 2], "two", "input 2&transposed|factor&input 2"),
            ],
        ),
        // Overlap of two soft masks, Tversky: Σ ab / (Σ ab + α Σ a(1 − b) + β Σ b(1 − a)), α = 0.3, β = 0.7.
        planted(
            "tversky overlap",
            vec![numbers([8], 0.1, 0.9, 95.0), numbers([8], 0.1, 0.9, 96.0)],
            |x| {
                let (a, b) = (x[0], x[1]);
                let n = (a * b).sum() + (a * (1.0 - b)).sum() * 0.3 + (b * (1.0 - a)).sum() * 0.7;
                (vec![(a * b).sum() / n], vec![n])
            },
            |Backward { x, z, dz, saved, .. }, s| {
                let (a, b, n) = (x[0], x[1], saved[0]);
                let by_a = b + (1.0 - b) * slip!(s 1: 0.3 => 0.7) - b * 0.7;
                let by_b = a - a * 0.3 + (1.0 - a) * 0.7;
                let da = (b - z[0] * by_a) / n * dz[0];
                let db = slip!(s 2: a - z[0] * by_b => a - by_b) / n * dz[0];
                vec![Some(da), Some(db)]
            },
            [
                (&[1], "constant", "0.7 where 0.3"),
                (&[2], "factor", "factor&output 0"),
                (&[1, 2], "two", "0.7 where 0.3&factor|factor&output 0|0.7 where 0.3"),
            ],
        ),
        // Correlation of two vectors, 1 − r.
        planted(
            "correlation loss",
            vec![draw([6], 97.0), draw([6], 98.0)],
            |x| {
                let (a, b) = (x[0] - mean(x[0], 0), x[1] - mean(x[1], 0));
                let (p, q) = ((a * a).sum().sqrt(), (b * b).sum().sqrt());
                let r = (a * b).sum() / (p * q);
                (vec![1.0 - r], vec![a, b, p, q, r])
            },
            |Backward { dz, saved, .. }, s| {
                let [a, b, p, q, r] = saved else { unreachable!() };
                let (a, b, p, q, r) = (*a, *b, *p, *q, *r);
                let da = slip!(s 1: r * a / (p * p) => r * a / p) - b / (p * q);
                let db = r * b / (q * q) - slip!(s 2: a / (p * q) => a / (q * q));
                vec![Some(da * dz[0]), Some(slip!(s 3: db * dz[0] => -db * dz[0]))]
            },
            [(&[1], "factor", "saved value 2"), (&[2], "value", "saved value 3&saved value 2"), (&[3], "sign", "sign")],
        ),
    ]
}
