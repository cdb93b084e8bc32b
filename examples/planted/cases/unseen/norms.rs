//! Normalizations.

use wengert::{Backward, Tensor, Var};

use super::TERM;
use crate::planted::{Planted, draw, mean, numbers, planted, sum, t};

pub fn cases() -> Vec<Planted> {
    vec![
        // Root mean square by groups of four columns, with a gain.
        planted(
            "grouped rms norm",
            vec![draw([3, 8], 161.0), numbers([8], 0.5, 1.5, 162.0)],
            |x| {
                let g = grouped(x[0]);
                let r = (mean(g * g, 2) + 1e-3).rsqrt();
                let y = g * r;
                (vec![y.reshape([3, 8]) * x[1]], vec![y, r])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (y, r) = (saved[0], saved[1]);
                let dy = grouped(slip!(s 1: dz[0] * x[1] => dz[0]));
                let dx = r * (dy - y * slip!(s 2: mean(dy * y, 2) => (dy * y).mean_axes(&[1, 2], true)));
                let dgain = (dz[0] * y.reshape([3, 8])).sum_axes(&[0], false);
                vec![Some(dx.reshape([3, 8])), Some(dgain)]
            },
            [(&[1], "factor", "factor&input 1"), (&[2], "reduction", "axis 1|axes|reduction")],
        ),
        // z = x (W / σ)ᵀ with σ = uᵀ W v, where u and v are fixed.
        planted(
            "spectral norm",
            vec![draw([2, 4], 163.0), draw([3, 4], 164.0)],
            |x| {
                let u = x[0].tape().constant(Tensor::from([[0.6], [0.5], [0.7]]));
                let v = x[0].tape().constant(Tensor::from([[0.4], [-0.5], [0.3], [0.7]]));
                let sigma = t(u).matmul(x[1]).matmul(v);
                let w = x[1] / sigma;
                (vec![x[0].matmul(t(w))], vec![w, sigma, u, v])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (w, sigma, u, v) = (saved[0], saved[1], saved[2], saved[3]);
                let g = t(dz[0]).matmul(x[0]);
                let inner = (g * slip!(s 1: w => x[1])).sum();
                let dw = slip!(s 2: (g - inner * u.matmul(t(v))) / sigma => g / sigma);
                vec![Some(dz[0].matmul(w)), Some(dw)]
            },
            [(&[1], "value", "input 1&saved value 0|saved value 1|`div`"), (&[2], "term", TERM)],
        ),
        // Over neighbouring channels: z = x S^(−3/4), S = 1 + 0.8 Σ x² of the channel and the two beside it.
        planted(
            "local response norm",
            vec![draw([2, 5], 165.0)],
            |x| {
                let n = 1.0 + window(x[0] * x[0]) * 0.8;
                (vec![x[0] * n.pow(-0.75)], vec![n])
            },
            |Backward { x, z, dz, saved, .. }, s| {
                let n = saved[0];
                let by = dz[0] * slip!(s 1: z[0] / n => z[0]);
                let around = slip!(s 2: window(by) => by);
                let dx = dz[0] * n.pow(-0.75) - x[0] * around * slip!(s 3: 2.0 * 0.75 * 0.8 => 0.75 * 0.8);
                vec![Some(dx)]
            },
            [
                (&[1], "factor", "saved value 0|`div`|exponent"),
                (&[2], "term", "`pad`|`slice`|`narrow`|dropped term|forgotten path"),
                (&[3], "constant", "0.6&1.2|factor of 2|factor 2|plain 2|times 2"),
                (&[1, 3], "two", ""),
            ],
        ),
        // Each channel of each image, with scale and shift.
        planted(
            "instance norm",
            vec![draw([2, 3, 5], 166.0), numbers([3, 1], 0.5, 1.5, 167.0), draw([3, 1], 168.0)],
            |x| {
                let c = x[0] - mean(x[0], 2);
                let r = (mean(c * c, 2) + 1e-3).rsqrt();
                (vec![c * r * x[1] + x[2]], vec![c * r, r])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (y, r) = (saved[0], saved[1]);
                let dy = dz[0] * x[1];
                let dx = r * slip!(s 1: dy - mean(dy, 2) - y * mean(dy * y, 2) => dy - mean(dy, 2));
                let dscale = slip!(s 2: (dz[0] * y).sum_axes(&[0, 2], false) => (dz[0] * y).mean_axes(&[0, 2], false));
                let dshift = dz[0].sum_axes(&[0, 2], false);
                vec![Some(dx), Some(dscale.reshape([3, 1])), Some(dshift.reshape([3, 1]))]
            },
            [(&[1], "term", TERM), (&[2], "reduction", "mean|0.1|1/10|factor of 10|factor 10")],
        ),
        // y = γ x / √(mean x² + ε), cut off below a learned threshold: z = max(y, τ).
        planted(
            "filter response norm",
            vec![draw([2, 3, 6], 169.0), numbers([3, 1], 0.8, 1.6, 170.0), numbers([3, 1], -0.35, -0.25, 171.0)],
            |x| {
                let r = (mean(x[0] * x[0], 2) + 1e-3).rsqrt();
                let n = x[0] * r;
                let y = n * x[1];
                (vec![y.gt(x[2]).select(y, x[2])], vec![n, r, y.gt(x[2])])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (n, r, over) = (saved[0], saved[1], saved[2]);
                let dy = slip!(s 1: dz[0] * over => dz[0]);
                let dn = dy * x[1];
                let dx = r * (dn - n * slip!(s 2: mean(dn * n, 2) => sum(dn * n, 2)));
                let dscale = (dy * n).sum_axes(&[0, 2], false).reshape([3, 1]);
                let dcut = dz[0] * slip!(s 3: 1.0 - over => over);
                vec![Some(dx), Some(dscale), Some(dcut.sum_axes(&[0, 2], false).reshape([3, 1]))]
            },
            [
                (&[1], "mask", "saved value 2|only where|`select`|`gt`"),
                (&[2], "reduction", "mean|0.1667|1/6|factor of 6|factor 6|6 where 1|1 where 6"),
                (&[3], "mask", "1 − |`sub`"),
                (&[1, 3], "two", ""),
            ],
        ),
        // The response of a channel against that of all: z = γ x N + x, N = G / mean of G, G = ‖x‖ over pixels.
        planted(
            "global response norm",
            vec![draw([2, 3, 5], 172.0), numbers([3, 1], 0.5, 1.5, 173.0)],
            |x| {
                let g = sum(x[0] * x[0], 2).sqrt();
                let m = mean(g, 1);
                (vec![x[1] * x[0] * (g / m) + x[0]], vec![g, m, g / m])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (g, m, n) = (saved[0], saved[1], saved[2]);
                let by = dz[0] * x[1];
                let dn = sum(by * x[0], 2);
                let dg = slip!(s 1: (dn - mean(dn * n, 1)) / m => (dn - sum(dn * n, 1)) / m);
                let through = dg * slip!(s 2: x[0] / g => x[0]);
                let dx = slip!(s 3: by * n + through + dz[0] => by * n + through);
                let dscale = (dz[0] * x[0] * n).sum_axes(&[0, 2], false).reshape([3, 1]);
                vec![Some(dx), Some(dscale)]
            },
            [
                (&[1], "reduction", "mean|0.333|1/3|factor of 3|factor 3|3 where 1|1 where 3"),
                (&[2], "factor", "saved value 0|`div`"),
                (&[3], "term", TERM),
                (&[2, 3], "two", ""),
            ],
        ),
    ]
}

/// The columns in two groups of four.
#[track_caller]
fn grouped<'t>(x: Var<'t>) -> Var<'t> {
    x.reshape([3, 2, 4])
}

/// Sums of each column and the two beside it.
#[track_caller]
fn window<'t>(x: Var<'t>) -> Var<'t> {
    let wide = x.pad(&[(0, 0), (1, 1)], 0.0);
    wide.narrow(1, 0, 5) + x + wide.narrow(1, 2, 5)
}
