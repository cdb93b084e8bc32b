//! Losses and densities.

use wengert::{Backward, DType, Tensor, Var};

use crate::planted::{Planted, draw, mean, numbers, planted, sum, t};

pub fn cases() -> Vec<Planted> {
    vec![
        // Huber's loss with δ = ½, a weight for each observation.
        planted(
            "weighted huber",
            vec![draw([3, 4], 351.0), draw([3, 4], 352.0), numbers([3, 1], 0.5, 1.5, 353.0)],
            |x| {
                let r = x[0] - x[1];
                let far = (r * r).gt(0.25);
                let each = far.select(r.abs() * 0.5 - 0.125, r * r * 0.5);
                (vec![(x[2] * each).sum() / 12.0], vec![r, far, each])
            },
            |Backward { x, dz, saved, .. }, s| {
                let [residual, far, each] = *saved else { unreachable!() };
                let weight = x[2];
                let upstream = dz[0] / 12.0;
                let side = residual.gt(0.0).select(residual * 0.0 + 1.0, -1.0);
                let clipped = slip!(s 1: far.select(side * 0.5, residual) => residual);
                let dr = clipped * slip!(s 2: weight * upstream => upstream);
                let dw = sum(each, 1) * upstream;
                vec![Some(dr), Some(slip!(s 3: -dr => dr)), Some(dw)]
            },
            [
                (&[1], "mask", "`select`|`abs`|only where|saved value 1"),
                (&[2], "factor", "factor&input 2"),
                (&[3], "sign", "sign"),
                (&[2, 3], "two", "two mistakes"),
            ],
        ),
        // Pairs that belong together attract, the others repel up to a margin of 1.5.
        planted(
            "contrastive margin",
            vec![draw([4, 3], 354.0), draw([4, 3], 355.0)],
            |x| {
                let same = x[0].tape().constant(Tensor::from([[1.0], [0.0], [0.0], [1.0]]));
                let e = x[0] - x[1];
                let d = (sum(e * e, 1) + 1e-6).sqrt();
                let short = (1.5 - d).relu();
                (vec![same * d * d + (1.0 - same) * short * short], vec![same, e, d, short])
            },
            |Backward { dz, saved, .. }, s| {
                let &[same, e, d, short] = saved else { unreachable!() };
                let attract = slip!(s 1: same * d => d);
                let repel = (1.0 - same) * slip!(s 2: short => 1.5 - d);
                let dd = dz[0] * slip!(s 3: attract - repel => attract + repel) * 2.0;
                let da = dd * e / d;
                vec![Some(da), Some(-da)]
            },
            [
                (&[1], "mask", "saved value 0"),
                (&[2], "mask", "`relu`|saved value 3"),
                (&[3], "sign", "sign|`sub`&`add`"),
                (&[1, 3], "two", "two mistakes"),
            ],
        ),
        // Σ softplus(sⱼ − sᵢ) over pairs where i ranks before j.
        planted(
            "pairwise ranking",
            vec![draw([5, 1], 356.0), numbers((), 1.0, 2.0, 357.0)],
            |x| {
                let before = x[0].tape().constant(ranked());
                let gap = x[1] * (x[0] - t(x[0]));
                (vec![(before * (-gap).softplus()).sum() / 7.0], vec![before, gap])
            },
            |Backward { x, dz, saved, .. }, s| {
                let [before, gap] = saved else { unreachable!() };
                let slope = slip!(s 1: -(-*gap).sigmoid() * *before => -(-*gap).sigmoid());
                let dgap = slope * dz[0] / 7.0;
                let won = sum(dgap, 1);
                let lost = t(sum(dgap, 0));
                let dscore = x[1] * slip!(s 2: won - lost => won);
                let dscale = (dgap * slip!(s 3: x[0] - t(x[0]) => *gap)).sum();
                vec![Some(dscore), Some(dscale)]
            },
            [
                (&[1], "mask", "factor&saved value 0"),
                (&[2], "term", "dropped term|forgotten path|term is missing"),
                (&[3], "value", "saved value 1|input 1"),
                (&[1, 2], "two", "two mistakes"),
            ],
        ),
        // KL(N(m, eᵃ) ‖ N(n, eᵇ)) for each feature, a and b the logarithms of the variances.
        planted(
            "divergence of two gaussians",
            vec![draw([4, 3], 358.0), draw([4, 3], 359.0), draw([1, 3], 360.0), draw([1, 3], 361.0)],
            |x| {
                let d = x[0] - x[2];
                let ratio = (x[1].exp() + d * d) * (-x[3]).exp();
                (vec![(x[3] - x[1] + ratio - 1.0) * 0.5], vec![d, ratio])
            },
            |Backward { x: inputs, dz: g, saved, .. }, s| {
                let (d, ratio) = (saved[0], saved[1]);
                let precision = (-inputs[3]).exp();
                let half = g[0] * 0.5;
                let dm = g[0] * d * slip!(s 1: precision => precision * 0.5);
                let da = half * (inputs[1].exp() * precision - slip!(s 2: 1.0 => 0.5));
                let dn = -sum(dm, 0);
                let db = slip!(s 3: half * (1.0 - ratio) => half * (1.0 + ratio));
                let db = sum(db, 0);
                vec![Some(dm), Some(da), Some(dn), Some(db)]
            },
            [
                (&[1], "constant", "0.5|1/2|2"),
                (&[2], "constant", "0.5 where 1|0.5&1"),
                (&[3], "sign", "sign|`add`&`sub`"),
                (&[1, 2], "two", "two mistakes"),
            ],
        ),
        // −ln of the probability of all ways through three states in five steps: stay or advance.
        planted(
            "monotone alignment",
            vec![numbers([5, 3], 0.2, 0.9, 362.0)],
            |x| {
                let start = x[0].tape().constant(Tensor::from([[1.0, 0.0, 0.0]]));
                let mut a = start * x[0].narrow(0, 0, 1);
                let mut all = vec![a];
                for k in 1..5 {
                    a = (a + advance(a)) * x[0].narrow(0, k, 1);
                    all.push(a);
                }
                let end = a.narrow(1, 2, 1);
                all.push(start);
                (vec![-end.ln()], all)
            },
            |Backward { x, dz, saved, .. }, s| {
                let (alpha, start) = (&saved[..5], saved[5]);
                let y = |k| Var::narrow(x[0], 0, k, 1);
                let end = alpha[4].narrow(1, 2, 1);
                let mut g = slip!(s 1: -dz[0] / end => dz[0] / end).pad(&[(0, 0), (2, 0)], 0.0);
                let mut rows = Vec::new();
                for k in (1..5).rev() {
                    let before = alpha[k - 1];
                    rows.push(g * slip!(s 2: before + advance(before) => before));
                    let h = g * y(k);
                    let retreat = h.narrow(1, 1, 2).pad(&[(0, 0), (0, 1)], 0.0);
                    g = slip!(s 3: h + retreat => h);
                }
                rows.push(g * slip!(s 4: start => alpha[0]));
                rows.reverse();
                vec![Some(Var::concat(&rows, 0))]
            },
            [
                (&[1], "sign", "sign"),
                (&[2], "loop", "dropped term|forgotten path|term is missing|where the value of `add`"),
                (&[3], "loop", "dropped term|forgotten path|term is missing"),
                (&[4], "value", "saved value 0&saved value 5"),
                (&[1, 3], "two", "two mistakes"),
            ],
        ),
        // 1 − 2 Σ ab / (Σ a² + Σ b²) for each class, averaged.
        planted(
            "dice by class",
            vec![numbers([4, 5], 0.1, 0.9, 363.0), numbers([4, 5], 0.1, 0.9, 364.0)],
            |x| {
                let m = sum(x[0] * x[0], 0) + sum(x[1] * x[1], 0);
                let ratio = sum(x[0] * x[1], 0) * 2.0 / m;
                (vec![(1.0 - ratio).mean()], vec![m, ratio])
            },
            |at, s| {
                let (a, b) = (at.x[0], at.x[1]);
                let (m, ratio) = (at.saved[0], at.saved[1]);
                let g = at.dz[0] / slip!(s 1: 5.0 => 20.0);
                let da = g * (ratio * a - b) * 2.0 / m;
                let db = g * (ratio * slip!(s 2: b => a) - a) * 2.0 / m;
                vec![Some(da), Some(db)]
            },
            [(&[1], "constant", "20 where 5|1/4|0.25|4|2 where 8"), (&[2], "value", "input 0&input 1")],
        ),
        // The log density of a mixture of three normal laws.
        planted(
            "mixture density",
            vec![draw([6, 1], 365.0), draw([1, 3], 366.0), numbers([1, 3], -0.4, 0.4, 367.0), draw([1, 3], 368.0)],
            |x| {
                let scale = x[2].exp();
                let u = (x[0] - x[1]) / scale;
                let parts = x[3].log_softmax(1) - x[2] - u * u * 0.5;
                (vec![parts.logsumexp_axes(&[1], true)], vec![scale, u, parts.softmax(1)])
            },
            |Backward { x, dz, saved, .. }, s| {
                let [scale, u, posterior] = *saved else { unreachable!() };
                let dl = dz[0] * posterior;
                let du = -dl * u;
                let dd = slip!(s 1: du / scale => du);
                let dx = sum(dd, 1);
                let dmean = -slip!(s 2: sum(dd, 0) => mean(dd, 0));
                let dscale = slip!(s 3: -dl - du * u => -du * u);
                let total = sum(dl, 0);
                let dlogits = total - slip!(s 4: x[3].softmax(1) * sum(total, 1) => x[3].softmax(1));
                vec![Some(dx), Some(dmean), Some(sum(dscale, 0)), Some(dlogits)]
            },
            [
                (&[1], "factor", "factor&saved value 0"),
                (&[2], "reduction", "mean|6|1/6|0.1666"),
                (&[3], "term", "dropped term|forgotten path|term is missing"),
                (&[4], "factor", "upstream|linear|factor&`sum`"),
                (&[1, 3], "two", "two mistakes"),
            ],
        ),
        // A sample m + eˢ ε and its divergence from the standard normal law.
        planted(
            "reparametrized sample",
            vec![draw([4, 3], 369.0), draw([4, 3], 370.0)],
            |x| {
                let noise = x[0].tape().constant(draw([4, 3], 371.0));
                let sigma = x[1].exp();
                let each = sigma * sigma + x[0] * x[0] - 1.0 - x[1] * 2.0;
                (vec![x[0] + sigma * noise, sum(each, 1) * 0.5], vec![noise, sigma])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (noise, sigma) = (saved[0], saved[1]);
                let (gz, gkl) = (dz[0], dz[1]);
                let dm = gz + slip!(s 1: gkl * x[0] => gkl);
                let through = slip!(s 2: gz * noise * sigma => gz * noise);
                let ds = through + gkl * slip!(s 3: sigma * sigma - 1.0 => sigma * sigma);
                vec![Some(dm), Some(ds)]
            },
            [
                (&[1], "factor", "factor&input 0"),
                (&[2], "factor", "factor&saved value 1"),
                (&[3], "term", "dropped term|forgotten path|term is missing"),
                (&[2, 3], "two", "two mistakes"),
            ],
        ),
        // τ ln Σ e^(x/τ) with a learned temperature.
        planted(
            "tempered maximum",
            vec![draw([4, 5], 372.0), numbers((), 0.5, 0.9, 373.0)],
            |x| {
                let p = (x[0] / x[1]).softmax(1);
                (vec![(x[0] / x[1]).logsumexp_axes(&[1], true) * x[1]], vec![p])
            },
            |Backward { x, z, dz, saved, .. }, s| {
                let (logits, tau, p) = (x[0], x[1], saved[0]);
                let expected = sum(p * logits, slip!(s 1: 1 => 0));
                let gap = slip!(s 2: z[0] - expected => z[0] + expected);
                let dtau = (dz[0] * gap).sum() / tau;
                vec![Some(slip!(s 3: dz[0] * p => dz[0] * p / tau)), Some(dtau)]
            },
            [(&[1], "reduction", "axis 0&axis 1"), (&[2], "sign", "sign|`add`&`sub`"), (&[3], "factor", "input 1")],
        ),
    ]
}

/// Of five scores, which rank before which.
fn ranked() -> Tensor {
    let grades = [2, 0, 1, 2, 0];
    Tensor::from_fn([5, 5], DType::F64, |i| f64::from(grades[i / 5] > grades[i % 5]))
}

/// What moves on to the next of three states.
#[track_caller]
fn advance<'t>(a: Var<'t>) -> Var<'t> {
    a.narrow(1, 0, 2).pad(&[(0, 0), (1, 0)], 0.0)
}
