//! Layers.

use wengert::Backward;

use crate::planted::{Planted, draw, mean, numbers, planted, sum, t};

pub fn cases() -> Vec<Planted> {
    vec![
        // The larger of two affine pieces.
        planted(
            "maxout",
            vec![draw([5, 3], 261.0), draw([3, 4], 262.0), draw([3, 4], 263.0), draw([1, 4], 264.0)],
            |x| {
                let (a, b) = (x[0].matmul(x[1]), x[0].matmul(x[2]) + x[3]);
                let first = a.gt(b);
                (vec![first.select(a, b)], vec![first])
            },
            |Backward { x, dz, saved, .. }, s| {
                let first = saved[0];
                let da = first.select(dz[0], 0.0);
                let db = slip!(s 1: first.select(0.0, dz[0]) => dz[0]);
                let dx = da.matmul(t(x[1])) + db.matmul(t(x[2]));
                let dw = t(x[0]).matmul(slip!(s 2: da => db));
                let dv = t(x[0]).matmul(db);
                let bias = sum(db, 0);
                vec![Some(dx), Some(dw), Some(dv), Some(bias)]
            },
            [
                (&[1], "mask", "`select`|saved value 0"),
                (&[2], "value", "`select`|by input 2&by input 1"),
                (&[1, 2], "two", "two mistakes"),
            ],
        ),
        // ½ Σ ((x V)² − x² V²) + x w.
        planted(
            "factorization machine",
            vec![draw([5, 4], 265.0), draw([4, 3], 266.0), draw([4, 1], 267.0)],
            |x| {
                let p = x[0].matmul(x[1]);
                let q = (x[0] * x[0]).matmul(x[1] * x[1]);
                (vec![sum(p * p - q, 1) * 0.5 + x[0].matmul(x[2])], vec![p])
            },
            |Backward { x, dz, saved, .. }, s| {
                let [features, factors, weights] = *x else { unreachable!() };
                let (p, g) = (saved[0], dz[0]);
                let squares = sum(factors * factors, 1);
                let pairs = p.matmul(t(factors)) - features * slip!(s 1: t(squares) => t(squares) * 2.0);
                let dx = g * (pairs + t(weights));
                let by_sum = t(features).matmul(g * p);
                let by_square = slip!(s 2: factors => factors * factors) * t(features * features).matmul(g);
                let dv = slip!(s 3: by_sum - by_square => by_sum);
                let dw = t(features).matmul(g);
                vec![Some(dx), Some(dv), Some(dw)]
            },
            [
                (&[1], "constant", "2|twice"),
                (&[2], "factor", "input 1"),
                (&[3], "term", "dropped term|forgotten path|term is missing"),
                (&[1, 3], "two", "two mistakes"),
            ],
        ),
        // z = (silu(x A) · (x B)) C.
        planted(
            "swish gated unit",
            vec![draw([4, 3], 268.0), draw([3, 5], 269.0), draw([3, 5], 270.0), draw([5, 2], 271.0)],
            |x| {
                let (a, b) = (x[0].matmul(x[1]), x[0].matmul(x[2]));
                let gate = a * a.sigmoid();
                (vec![(gate * b).matmul(x[3])], vec![a, b])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (a, b) = (saved[0], saved[1]);
                let sig = a.sigmoid();
                let silu = a * sig;
                let dslope = sig + slip!(s 1: silu * (1.0 - sig) => sig * (1.0 - sig));
                let dhidden = dz[0].matmul(t(x[3]));
                let da = dhidden * slip!(s 2: b => silu) * dslope;
                let db = dhidden * silu;
                let dw_gate = t(x[0]).matmul(da);
                let dw_up = t(x[0]).matmul(db);
                let dw_down = t(silu * slip!(s 3: b => a)).matmul(dz[0]);
                let dx = da.matmul(t(x[1])) + db.matmul(t(x[2]));
                vec![Some(dx), Some(dw_gate), Some(dw_up), Some(dw_down)]
            },
            [
                (&[1], "factor", "factor&saved value 0|`sigmoid`&`mul`"),
                (&[2], "value", "saved value 1"),
                (&[3], "value", "saved value 0&saved value 1"),
                (&[1, 3], "two", "two mistakes"),
            ],
        ),
        // The mean of the embeddings of a bag of words, each word with its weight.
        planted(
            "bag of words",
            vec![draw([6, 3], 272.0), numbers([4, 1], 0.3, 1.2, 273.0)],
            |x| {
                let rows = x[0].index_select(0, &[2, 5, 2, 0]);
                let total = x[1].sum();
                (vec![sum(x[1] * rows, 0) / total], vec![rows, total])
            },
            |Backward { x, z, dz, saved, .. }, s| {
                let (rows, total) = (saved[0], saved[1]);
                let share = dz[0] / total;
                let by_row = x[1] * share;
                let words: Vec<usize> = [2, 5, 2, 0].iter().flat_map(|&w| vec![w; 3]).collect();
                let table = (x[0] * 0.0).scatter_add(0, &words, slip!(s 1: by_row => by_row.flip(&[0])));
                let above = slip!(s 2: rows - z[0] => rows);
                let weights = sum(slip!(s 3: share => dz[0]) * above, 1);
                vec![Some(table), Some(weights)]
            },
            [
                (&[1], "movement", "flip|turned"),
                (&[2], "term", "dropped term|forgotten path|term is missing"),
                (&[3], "factor", "factor&saved value 1"),
                (&[1, 3], "two", "two mistakes"),
            ],
        ),
        // Channels to pixels, twice the width and height, with a gain for each channel that remains.
        planted(
            "pixel shuffle",
            vec![draw([8, 3, 5], 274.0), numbers([2, 1, 1], 0.5, 1.5, 275.0)],
            |x| {
                let up = x[0].reshape([2, 2, 2, 3, 5]).permute(&[0, 3, 1, 4, 2]).reshape([2, 6, 10]);
                (vec![up * x[1]], vec![up])
            },
            |Backward { x, dz, saved, .. }, s| {
                let scaled = slip!(s 2: dz[0] * x[1] => dz[0]);
                let gain = (slip!(s 1: dz[0] => scaled) * saved[0]).sum_axes(&[1, 2], true);
                let dx = scaled
                    .reshape([2, 3, 2, 5, 2])
                    .permute(slip!(s 3: &[0, 2, 4, 1, 3] => &[0, 4, 2, 1, 3]))
                    .reshape([8, 3, 5]);
                vec![Some(dx), Some(gain)]
            },
            [
                (&[1], "value", "factor&input 1|`mul`"),
                (&[2], "factor", "factor&input 1"),
                (&[3], "movement", "permute|axes|transpos"),
                (&[2, 3], "two", "two mistakes"),
            ],
        ),
        // exp(−γ ‖x − c‖²) W.
        planted(
            "radial basis",
            vec![draw([4, 3], 276.0), draw([5, 3], 277.0), draw([5, 2], 278.0), numbers((), 0.3, 0.6, 279.0)],
            |x| {
                let d = x[0].unsqueeze(1) - x[1].unsqueeze(0);
                let r = (d * d).sum_axes(&[2], false);
                let k = (-x[3] * r).exp();
                (vec![k.matmul(x[2])], vec![d, r, k])
            },
            |Backward { x: inputs, dz: g, saved, .. }, s| {
                let (d, r, k) = (saved[0], saved[1], saved[2]);
                let (w, gamma) = (inputs[2], inputs[3]);
                let dw = t(k).matmul(g[0]);
                let dk = g[0].matmul(t(w));
                let de = slip!(s 1: dk * k => dk);
                let dgamma = slip!(s 2: -(de * r).sum() => (de * r).sum());
                let dr = -gamma * de;
                let dd = dr.unsqueeze(2) * d * slip!(s 3: 2.0 => 1.0);
                let dx = dd.sum_axes(&[1], false);
                let dc = -dd.sum_axes(&[0], false);
                vec![Some(dx), Some(dc), Some(dw), Some(dgamma)]
            },
            [
                (&[1], "factor", "factor&saved value 2"),
                (&[2], "sign", "sign"),
                (&[3], "constant", "1/2|0.5|2"),
                (&[1, 3], "two", "two mistakes"),
            ],
        ),
        // Two experts, each a matrix, mixed by a gate, with the mean load as second output.
        planted(
            "two experts",
            vec![draw([5, 3], 280.0), draw([3, 1], 281.0), draw([3, 2], 282.0), draw([3, 2], 283.0)],
            |x| {
                let g = x[0].matmul(x[1]).sigmoid();
                let (a, b) = (x[0].matmul(x[2]), x[0].matmul(x[3]));
                (vec![g * a + (1.0 - g) * b, mean(g, 0)], vec![g, a, b])
            },
            |Backward { x, dz, saved, .. }, s| {
                let &[g, a, b] = saved else { unreachable!() };
                let x0 = x[0];
                let da = g * dz[0];
                let db = slip!(s 1: dz[0] - da => dz[0]);
                let load = dz[1] / 5.0;
                let dg = sum(dz[0] * (a - b), 1) + slip!(s 2: load => load * 5.0);
                let dgate = dg * g * (1.0 - g);
                let dx = [(dgate, x[1]), (da, x[2]), (db, x[3])]
                    .into_iter()
                    .map(|(d, w)| d.matmul(t(w)))
                    .reduce(|p, q| p + q);
                let [w, va, vb] = [dgate, slip!(s 3: da => db), db].map(|d| t(x0).matmul(d));
                vec![dx, Some(w), Some(va), Some(vb)]
            },
            [
                (&[1], "term", "dropped term|forgotten path|term is missing|1 − saved value 0|factor&`sub`"),
                (&[2], "constant", "5"),
                (&[3], "value", "`mul`|mixed up|saved value 0"),
                (&[1, 2], "two", "two mistakes"),
            ],
        ),
    ]
}
