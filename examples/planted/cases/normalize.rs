//! Normalisations, over groups and with gains.

use wengert::{Backward, Var};

use crate::planted::{Planted, draw, mean, numbers, planted, sum, t};

pub fn cases() -> Vec<Planted> {
    vec![
        // Two groups of three channels: x̂ = (x − m) / √(v + ε), over channels and places of each group.
        planted(
            "group norm",
            vec![draw([2, 6, 5], 61.0)],
            |x| {
                let g = x[0].reshape([2, 2, 15]);
                let d = g - mean(g, 2);
                let r = (mean(d * d, 2) + 1e-3).rsqrt();
                (vec![(d * r).reshape([2, 6, 5])], vec![r])
            },
            |Backward { z, dz, saved, .. }, s| {
                let (r, h, g) = (saved[0], z[0].reshape([2, 2, 15]), dz[0].reshape([2, 2, 15]));
                let along = slip!(s 1: mean(g * h, 2) => mean(g, 2) * mean(h, 2));
                let first = slip!(s 2: mean(g, 2) => g.mean_axes(&[1, 2], true));
                let inner = g - first - slip!(s 3: h * along => along);
                vec![Some((slip!(s 4: inner * r => inner * r * r)).reshape([2, 6, 5]))]
            },
            [
                (&[1], "reduction", "mean|forgotten path|dropped term"),
                (&[2], "reduction", "axis|axes"),
                (&[3], "factor", "factor&output 0|factor&`reshape`"),
                (&[4], "factor", "saved value 0"),
                (&[3, 4], "two", "two mistakes"),
            ],
        ),
        // z = g x / √(mean x² + ε).
        planted(
            "root mean square norm",
            vec![draw([3, 4], 62.0), numbers([4], 0.5, 1.5, 63.0)],
            |x| {
                let r = (mean(x[0] * x[0], 1) + 1e-4).rsqrt();
                (vec![x[0] * r * x[1]], vec![r])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (r, u) = (saved[0], slip!(s 1: dz[0] * x[1] => dz[0]));
                let inner = sum(u * x[0], 1) / slip!(s 2: 4.0 => 3.0);
                let cube = slip!(s 3: r * r * r => r * r);
                let dx = u * r - x[0] * cube * inner;
                vec![Some(dx), Some((dz[0] * x[0] * slip!(s 4: r => r * r)).sum_axes(&[0], false))]
            },
            [
                (&[1], "factor", "factor&input 1"),
                (&[2], "constant", "3 where 4"),
                (&[3], "factor", "factor&saved value 0|exponent"),
                (&[4], "factor", "saved value 0"),
                (&[1, 3], "two", "two mistakes"),
                (&[2, 4], "two", "two mistakes|3 where 4"),
            ],
        ),
        // z = g (x − m) / √(v + ε) + b over the features.
        planted(
            "layer norm",
            vec![draw([3, 5], 64.0), numbers([5], 0.5, 1.5, 65.0), draw([5], 66.0)],
            |x| {
                let d = x[0] - mean(x[0], 1);
                let r = (mean(d * d, 1) + 1e-3).rsqrt();
                (vec![d * r * x[1] + x[2]], vec![d * r, r])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (h, r) = (saved[0], saved[1]);
                let u = dz[0] * x[1];
                let centre = slip!(s 1: mean(u, 1) => mean(u, 0));
                let spread = slip!(s 2: h * mean(u * h, 1) => h * mean(u, 1));
                let dx = slip!(s 3: (u - centre - spread) * r => u - centre - spread);
                let dg = (dz[0] * slip!(s 4: h => x[0])).sum_axes(&[0], false);
                vec![Some(dx), Some(dg), Some(dz[0].sum_axes(&[0], false))]
            },
            [
                (&[1], "reduction", "axis 0&axis 1"),
                (&[2], "factor", "factor&saved value 0|saved value 0"),
                (&[3], "factor", "factor&saved value 1"),
                (&[4], "value", "input 0&saved value 0"),
                (&[2, 3], "two", "two mistakes"),
                (&[1, 4], "two", "axis 0&axis 1"),
            ],
        ),
        // Each row of weights is g v / ‖v‖.
        planted(
            "weight norm",
            vec![draw([4, 3], 67.0), numbers([4, 1], 0.5, 2.0, 68.0)],
            |x| {
                let n = sum(x[0] * x[0], 1).sqrt();
                (vec![x[1] * x[0] / n], vec![n])
            },
            |Backward { x, dz, saved, .. }, s| {
                let n = saved[0];
                let dg = sum(dz[0] * x[0], 1) / slip!(s 1: n => n * n);
                let first = x[1] / n * dz[0];
                let second = slip!(s 2: x[1] * dg / (n * n) * x[0] => dg / (n * n) * x[0]);
                let dv = slip!(s 3: first - second => first + second);
                vec![Some(dv), Some(dg)]
            },
            [(&[1], "factor", "saved value 0"), (&[2], "factor", "factor&input 1"), (&[3], "sign", "sign|`add`&`sub`")],
        ),
        // Columns standardised with the deviation of a sample of n: s² = Σ d² / (n − 1).
        planted(
            "standard scores",
            vec![draw([6, 3], 69.0)],
            |x| {
                let d = x[0] - mean(x[0], 0);
                let s = (sum(d * d, 0) / 5.0).sqrt();
                (vec![d / s], vec![s])
            },
            |Backward { z, dz, saved, .. }, s| {
                let deviation = saved[0];
                let along = sum(dz[0] * z[0], 0) / slip!(s 1: 5.0 => 6.0);
                let inner = dz[0] - slip!(s 2: mean(dz[0], 0) => mean(dz[0], 1)) - z[0] * along;
                vec![Some(inner / slip!(s 3: deviation => deviation * deviation))]
            },
            [
                (&[1], "constant", "6 where 5"),
                (&[2], "reduction", "axis 1&axis 0"),
                (&[3], "factor", "saved value 0"),
                (&[1, 3], "two", "two mistakes"),
            ],
        ),
        // z = x / (1 + a Σ x²) over the last axis.
        planted(
            "divisive norm",
            vec![draw([3, 4], 70.0), numbers((), 0.5, 1.0, 71.0)],
            |x| {
                let q = sum(x[0] * x[0], 1);
                let n = 1.0 + x[1] * q;
                (vec![x[0] / n], vec![n, q])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (n, q) = (saved[0], saved[1]);
                let dn = -sum(dz[0] * x[0], 1) / slip!(s 1: n * n => n);
                let dx = dz[0] / n + slip!(s 2: dn * x[1] * x[0] * 2.0 => dn * x[0] * 2.0);
                vec![Some(dx), Some((dn * slip!(s 3: q => n)).sum())]
            },
            [
                (&[1], "factor", "saved value 0"),
                (&[2], "factor", "factor&input 1"),
                (&[3], "value", "saved value 0&saved value 1"),
                (&[1, 2], "two", "two mistakes"),
            ],
        ),
        // Rows divided by their sums, then by the sums of their columns.
        planted(
            "balanced matrix",
            vec![numbers([4, 4], 0.2, 1.0, 72.0)],
            |x| {
                let r = sum(x[0], 1);
                let p = x[0] / r;
                let c = sum(p, 0);
                (vec![p / c], vec![r, p, c])
            },
            |Backward { z, dz, saved, .. }, s| {
                let (r, p, c) = (saved[0], saved[1], saved[2]);
                let dp = (dz[0] - sum(dz[0] * z[0], slip!(s 1: 0 => 1))) / c;
                let inner = sum(slip!(s 2: dp * p => dp), 1);
                vec![Some((dp - inner) / slip!(s 3: r => c))]
            },
            [
                (&[1], "reduction", "axis 1&axis 0"),
                (&[2], "factor", "factor&saved value 1"),
                (&[3], "value", "saved value 2&saved value 0"),
            ],
        ),
        // A whitened pair of columns: z = (x − m) L with L fixed by an input.
        planted(
            "centred projection",
            vec![draw([5, 3], 73.0), draw([3, 3], 74.0)],
            |x| {
                let d = x[0] - mean(x[0], 0);
                (vec![d.matmul(x[1])], vec![d])
            },
            |Backward { x, dz, saved, .. }, s| {
                let dd = slip!(s 1: dz[0].matmul(t(x[1])) => dz[0].matmul(x[1]));
                let dx = slip!(s 2: dd - mean(dd, 0) => dd);
                let by: Var<'_> = slip!(s 3: saved[0] => x[0]);
                vec![Some(dx), Some(t(by).matmul(dz[0]))]
            },
            [
                (&[1], "order", "transposed"),
                (&[2], "term", "forgotten path|dropped term"),
                (&[3], "value", "input 0&saved value 0"),
                (&[1, 2], "two", "two mistakes"),
            ],
        ),
    ]
}
