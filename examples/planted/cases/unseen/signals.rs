//! Filters, pooling and layouts.

use wengert::{Backward, DType, Tensor, Var};

use super::{SIGN, TERM};
use crate::planted::{Planted, draw, mean, numbers, planted, sum};

pub fn cases() -> Vec<Planted> {
    vec![
        // Every second output of a filter of three taps: zₜ = Σ wₖ x₂ₜ₊ₖ.
        planted(
            "strided convolution",
            vec![draw([2, 9], 221.0), draw([3], 222.0)],
            |x| {
                let taps: Vec<Var<'_>> = (0..3).map(|k| x[0].slice(1, k, k + 7, 2)).collect();
                (vec![taps[0] * tap(x[1], 0) + taps[1] * tap(x[1], 1) + taps[2] * tap(x[1], 2)], taps)
            },
            |Backward { x, dz, saved, .. }, s| {
                let spread = dz[0].reshape([2, 4, 1]).pad(&[(0, 0), (0, 0), (0, 1)], 0.0).reshape([2, 8]);
                let spread = spread.narrow(1, 0, 7);
                let (mut dx, mut dw) = (x[0] * 0.0, Vec::new());
                for (k, &read) in saved.iter().enumerate() {
                    let place = slip!(s 1: (k, 2 - k) => (2 - k, k));
                    dx = dx + spread.pad(&[(0, 0), place], 0.0) * tap(x[1], k);
                    let seen = slip!(s 2: read => x[0].narrow(1, k, 4));
                    dw.push((dz[0] * seen).sum().reshape([1]));
                }
                vec![Some(dx), Some(Var::concat(&dw, 0))]
            },
            [
                (&[1], "movement", "`pad`|flip|turned|moved|exchanged"),
                (&[2], "movement", "`slice`|`narrow`|moved|saved value|step|stride"),
            ],
        ),
        // Generalized mean over groups of four columns: (mean (x + 0.01)ᵖ)^(1/p) with a learned p.
        planted(
            "generalized mean pooling",
            vec![numbers([2, 12], 0.3, 1.5, 223.0), numbers([1], 2.0, 3.0, 224.0)],
            |x| {
                let groups = x[0].reshape([2, 3, 4]) + 0.01;
                let u = groups.pow(x[1]);
                let m = mean(u, 2);
                (vec![m.pow(1.0 / x[1]).reshape([2, 3])], vec![groups, u, m])
            },
            |Backward { x, z, dz, saved, .. }, s| {
                let (groups, u, m) = (saved[0], saved[1], saved[2]);
                let g = (dz[0] * z[0]).reshape([2, 3, 1]);
                let dx = g / m * u / groups / slip!(s 1: 4.0 => 3.0);
                let inner = mean(u * groups.ln(), 2) / (m * x[1]);
                let dp = g * slip!(s 2: inner - m.ln() / (x[1] * x[1]) => inner);
                vec![Some(dx.reshape([2, 12])), Some(dp.sum().reshape([1]))]
            },
            [(&[1], "constant", "3 where 4|1.333|4/3"), (&[2], "term", TERM), (&[1, 2], "two", "")],
        ),
        // Channels to pixels: [4, 2, 3] becomes [4, 6], then a gain for each column.
        planted(
            "pixel shuffle",
            vec![draw([4, 2, 3], 225.0), numbers([6], 0.5, 1.5, 226.0)],
            |x| {
                let y = x[0].reshape([2, 2, 2, 3]).permute(&[2, 0, 3, 1]).reshape([4, 6]);
                (vec![y * x[1]], vec![y])
            },
            |Backward { x, dz, saved, .. }, s| {
                let g = (dz[0] * x[1]).reshape([2, 2, 3, 2]);
                let back = slip!(s 1: g.permute(&[1, 3, 0, 2]) => g.permute(&[3, 1, 0, 2]));
                let dgain = dz[0] * saved[0];
                let dgain = slip!(s 2: dgain.sum_axes(&[0], false) => dgain.mean_axes(&[0], false));
                vec![Some(back.reshape([4, 2, 3])), Some(dgain)]
            },
            [
                (&[1], "movement", "axes|`permute`|moved|exchanged"),
                (&[2], "reduction", "mean|0.25|1/4|factor of 4|factor 4"),
            ],
        ),
        // One filter of two taps for each channel.
        planted(
            "depthwise filter",
            vec![draw([4, 3, 7], 227.0), draw([3, 2], 228.0)],
            |x| {
                let (a, b) = (taps(x[1], 0), taps(x[1], 1));
                (vec![x[0].narrow(2, 0, 6) * a + x[0].narrow(2, 1, 6) * b], vec![])
            },
            |Backward { x, dz, .. }, s| {
                let (a, b) = slip!(s 1: (taps(x[1], 0), taps(x[1], 1)) => (taps(x[1], 1), taps(x[1], 0)));
                let (first, second) = ([(0, 0), (0, 0), (0, 1)], [(0, 0), (0, 0), (1, 0)]);
                let dx = (dz[0] * a).pad(&first, 0.0) + (dz[0] * b).pad(&second, 0.0);
                let of = |k: usize| (dz[0] * x[0].narrow(2, k, 6)).sum_axes(&[0, 2], false).reshape([3, 1]);
                let later = slip!(s 2: of(1) => of(0));
                vec![Some(dx), Some(Var::concat(&[of(0), later], 1))]
            },
            [
                (&[1], "movement", "`slice`|`narrow`|flip|exchanged|moved|turned|`pad`"),
                (&[2], "movement", "`slice`|`narrow`|one place|moved"),
            ],
        ),
        // Strength of edges: √(gx² + gy² + 0.1) from central differences.
        planted(
            "edge strength",
            vec![draw([5, 6], 229.0)],
            |x| {
                let (down, right) = (x[0].narrow(1, 1, 4), x[0].narrow(0, 1, 3));
                let gy = down.narrow(0, 2, 3) - down.narrow(0, 0, 3);
                let gx = right.narrow(1, 2, 4) - right.narrow(1, 0, 4);
                (vec![(gx * gx + gy * gy + 0.1).sqrt()], vec![gx, gy])
            },
            |Backward { z, dz, saved, .. }, s| {
                let (dx, dy) = (dz[0] * saved[0] / z[0], slip!(s 1: dz[0] * saved[1] / z[0] => dz[0] * saved[1]));
                let across = dx.pad(&[(1, 1), (2, 0)], 0.0) - dx.pad(&[(1, 1), (0, 2)], 0.0);
                let top = dy.pad(&[(2, 0), (1, 1)], 0.0);
                let bottom = dy.pad(&[(0, 2), (1, 1)], 0.0);
                vec![Some(across + slip!(s 2: top - bottom => top + bottom))]
            },
            [(&[1], "factor", "output 0|`div`"), (&[2], "sign", SIGN)],
        ),
        // A blur of three taps with a learned width: w = e^(−k²/2σ²) / Σ.
        planted(
            "gaussian blur",
            vec![draw([2, 8], 230.0), numbers([1], 0.7, 1.1, 231.0)],
            |x| {
                let squares = x[0].tape().constant(Tensor::from_fn([3], DType::F64, |i| (i as f64 - 1.0).powi(2)));
                let e = (squares / (x[1] * x[1] * -2.0)).exp();
                let w = e / e.sum();
                let z = x[0].narrow(1, 0, 6) * tap(w, 0) + x[0].narrow(1, 1, 6) * tap(w, 1);
                (vec![z + x[0].narrow(1, 2, 6) * tap(w, 2)], vec![squares, w])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (squares, w) = (saved[0], saved[1]);
                let (mut dx, mut dw) = (x[0] * 0.0, Vec::new());
                for k in 0..3 {
                    dx = dx + dz[0].pad(&[(0, 0), (k, 2 - k)], 0.0) * tap(w, k);
                    dw.push((dz[0] * x[0].narrow(1, k, 6)).sum().reshape([1]));
                }
                let dw = Var::concat(&dw, 0);
                let de = w * slip!(s 1: dw - (dw * w).sum() => dw);
                let dwidth = sum(de * squares, 0) / slip!(s 2: x[1] * x[1] * x[1] => x[1] * x[1]);
                vec![Some(dx), Some(dwidth)]
            },
            [(&[1], "term", TERM), (&[2], "factor", "input 1|exponent|`div`"), (&[1, 2], "two", "")],
        ),
    ]
}

/// Number `k` of a vector.
#[track_caller]
fn tap<'t>(w: Var<'t>, k: usize) -> Var<'t> {
    w.narrow(0, k, 1)
}

/// Tap `k` of each of three channels.
#[track_caller]
fn taps<'t>(w: Var<'t>, k: usize) -> Var<'t> {
    w.narrow(1, k, 1)
}
