//! Attention, gates and small layers.

use wengert::{Backward, Tensor, Var};

use crate::planted::{Planted, draw, mean, numbers, planted, sum, t};

pub fn cases() -> Vec<Planted> {
    vec![
        // Z = softmax(Q Kᵀ / √d) V.
        planted(
            "dot product attention",
            vec![draw([4, 3], 1.0), draw([5, 3], 2.0), draw([5, 2], 3.0)],
            |x| {
                let p = (x[0].matmul(t(x[1])) / 3f64.sqrt()).softmax(1);
                (vec![p.matmul(x[2])], vec![p])
            },
            |Backward { x, dz, saved, .. }, s| {
                let p = saved[0];
                let dp = dz[0].matmul(t(x[2]));
                let inner = slip!(s 1: sum(dp * p, 1) => sum(dp, 1));
                let ds = slip!(s 2: p * (dp - inner) => dp - inner);
                let ds = slip!(s 3: ds / 3f64.sqrt() => ds / 3.0);
                let dq = ds.matmul(x[1]);
                let dk = t(ds).matmul(x[0]);
                let dv = slip!(s 4: t(p).matmul(dz[0]) => t(dp).matmul(dz[0]));
                vec![Some(dq), Some(dk), Some(dv)]
            },
            [
                (&[1], "factor", "factor&saved value 0|mixed up|`mul`"),
                (&[2], "factor", "factor&saved value 0"),
                (&[3], "constant", "1.732|√3"),
                (&[4], "value", "saved value 0"),
                (&[2, 4], "two", "saved value 0"),
            ],
        ),
        // z = Σ aᵢ xᵢ with a = softmax(tanh(X W) v).
        planted(
            "additive attention pooling",
            vec![draw([5, 3], 4.0), draw([3, 4], 5.0), draw([4, 1], 6.0)],
            |x| {
                let h = x[0].matmul(x[1]).tanh();
                let a = h.matmul(x[2]).softmax(0);
                (vec![t(a).matmul(x[0])], vec![h, a])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (h, a) = (saved[0], saved[1]);
                let da = x[0].matmul(t(dz[0]));
                let de = a * (da - slip!(s 1: sum(a * da, 0) => mean(a * da, 0)));
                let dv = t(h).matmul(de);
                let du = slip!(s 2: de.matmul(t(x[2])) * (1.0 - h * h) => de.matmul(t(x[2])));
                let dw = t(x[0]).matmul(du);
                let through = du.matmul(t(x[1]));
                let dx = slip!(s 3: a.matmul(dz[0]) + through => through);
                vec![Some(dx), Some(dw), Some(dv)]
            },
            [
                (&[1], "reduction", "mean|0.2|5"),
                (&[2], "factor", "`tanh`|factor&`sub`|factor&1 − (saved value 0)²"),
                (&[3], "term", "forgotten path|dropped term"),
                (&[2, 3], "two", "two mistakes"),
            ],
        ),
        // Causal attention of one head over X itself: scores above the diagonal are masked out.
        planted(
            "causal attention",
            vec![draw([4, 3], 7.0), draw([3, 3], 8.0)],
            |x| {
                let mask = x[0].tape().constant(above(4));
                let scores = x[0].matmul(x[1]).matmul(t(x[0]));
                let p = mask.select(-1e9, scores).softmax(1);
                (vec![p.matmul(x[0])], vec![p])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (a, p) = (x[0], saved[0]);
                let dp = dz[0].matmul(t(a));
                let ds = p * (dp - sum(dp * p, 1));
                let left = slip!(s 1: ds.matmul(a).matmul(t(x[1])) => ds.matmul(a).matmul(x[1]));
                let right = slip!(s 2: t(ds).matmul(a).matmul(x[1]) => ds.matmul(a).matmul(x[1]));
                let da = t(p).matmul(dz[0]) + left + right;
                let dw = slip!(s 3: t(a).matmul(ds).matmul(a) => t(a).matmul(t(ds)).matmul(a));
                vec![Some(da), Some(dw)]
            },
            [
                (&[1], "order", "transposed"),
                (&[2], "order", "transposed"),
                (&[3], "order", "transposed"),
                (&[1, 2], "two", "two mistakes&transposed"),
            ],
        ),
        // Two heads of width 3 in one product, put side by side again.
        planted(
            "two heads",
            vec![draw([4, 6], 9.0), draw([4, 6], 10.0)],
            |x| {
                let ((a, b), (c, d)) = (split_of(x[0]), split_of(x[1]));
                let heads = [a.matmul(t(c)).matmul(c), b.matmul(t(d)).matmul(d)];
                (vec![Var::concat(&heads, 1)], vec![])
            },
            |Backward { x, dz, .. }, s| {
                let ((a, b), (c, d)) = (split_of(x[0]), split_of(x[1]));
                let (g, h) = slip!(s 1: split_of(dz[0]) => swapped(dz[0]));
                let da = g.matmul(t(c)).matmul(c);
                let db = h.matmul(t(d)).matmul(d);
                let dc = t(g.matmul(t(c))).matmul(a) + t(a.matmul(t(c))).matmul(g);
                let dd = slip!(s 2: t(h.matmul(t(d))).matmul(b) + t(b.matmul(t(d))).matmul(h) => t(h.matmul(t(d))).matmul(b));
                let joined = slip!(s 3: Var::concat(&[da, db], 1) => Var::concat(&[db, da], 1));
                vec![Some(joined), Some(Var::concat(&[dc, dd], 1))]
            },
            [
                (&[1], "movement", "narrow|slice|halves|exchanged"),
                (&[2], "term", "forgotten path|dropped term"),
                (&[3], "movement", "concat|order|exchanged"),
            ],
        ),
        // a σ(b) with a and b the halves of x.
        planted(
            "gated linear unit",
            vec![draw([3, 8], 11.0)],
            |x| {
                let (a, b) = (x[0].narrow(1, 0, 4), x[0].narrow(1, 4, 4));
                (vec![a * b.sigmoid()], vec![])
            },
            |Backward { x, dz, .. }, s| {
                let (a, b) = (x[0].narrow(1, 0, 4), x[0].narrow(1, 4, 4));
                let g = b.sigmoid();
                let da = dz[0] * g;
                let db = slip!(s 1: dz[0] * a * g * (1.0 - g) => dz[0] * a * g);
                let db = slip!(s 2: db => db * a);
                vec![Some(slip!(s 3: Var::concat(&[da, db], 1) => Var::concat(&[db, da], 1)))]
            },
            [
                (&[1], "factor", "factor&`sub`|factor&`rsub`|1 − "),
                (&[2], "factor", "factor&`slice`|factor&`narrow`"),
                (&[3], "movement", "concat|exchanged"),
                (&[1, 3], "two", "two mistakes"),
            ],
        ),
        // Highway: z = t h + (1 − t) x, t = σ(x w), h = tanh(x v).
        planted(
            "highway",
            vec![draw([3, 4], 12.0), draw([4, 4], 13.0), draw([4, 4], 14.0)],
            |x| {
                let (g, h) = (x[0].matmul(x[1]).sigmoid(), x[0].matmul(x[2]).tanh());
                (vec![g * h + (1.0 - g) * x[0]], vec![g, h])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (g, h) = (saved[0], saved[1]);
                let dg = dz[0] * slip!(s 1: h - x[0] => h + x[0]);
                let du = slip!(s 2: dg * g * (1.0 - g) => dg * (1.0 - g));
                let dv = dz[0] * g * slip!(s 3: 1.0 - h * h => 1.0 - h);
                let carry = slip!(s 4: dz[0] * (1.0 - g) => dz[0] * g);
                let dx = carry + du.matmul(t(x[1])) + dv.matmul(t(x[2]));
                vec![Some(dx), Some(t(x[0]).matmul(du)), Some(t(x[0]).matmul(dv))]
            },
            [
                (&[1], "sign", "`add`&`sub`|other sign"),
                (&[2], "factor", "factor&saved value 0"),
                (&[3], "factor", "factor&saved value 1|saved value 1&square|exponent"),
                (&[4], "value", "1 − |`sub`"),
                (&[1, 2], "two", "two mistakes"),
                (&[2, 4], "two", "two mistakes"),
            ],
        ),
        // A layer of two matrices with a skip: z = relu(x A) B + x.
        planted(
            "residual block",
            vec![draw([5, 3], 15.0), draw([3, 4], 16.0), draw([4, 3], 17.0)],
            |x| (vec![x[0].matmul(x[1]).relu().matmul(x[2]) + x[0]], vec![]),
            |Backward { x, dz, .. }, s| {
                let u = x[0].matmul(x[1]);
                let dh = dz[0].matmul(t(x[2]));
                let du = slip!(s 1: u.gt(0.0).select(dh, 0.0) => dh);
                let db = t(slip!(s 2: u.relu() => u)).matmul(dz[0]);
                let dx = slip!(s 3: du.matmul(t(x[1])) + dz[0] => du.matmul(t(x[1])));
                vec![Some(dx), Some(t(x[0]).matmul(du)), Some(db)]
            },
            [
                (&[1], "term", "`relu`"),
                (&[2], "value", "`relu`"),
                (&[3], "term", "forgotten path|dropped term"),
                (&[1, 3], "two", "two mistakes|forgotten path&and"),
            ],
        ),
        // Mixture of three experts: z = Σ softmax(x G)ₑ · (x wₑ).
        planted(
            "mixture of experts",
            vec![draw([4, 5], 18.0), draw([5, 3], 19.0), draw([5, 3], 20.0)],
            |x| {
                let (p, y) = (x[0].matmul(x[1]).softmax(1), x[0].matmul(x[2]));
                (vec![sum(p * y, 1)], vec![p, y])
            },
            |Backward { x, z, dz, saved, .. }, s| {
                let (p, y) = (saved[0], saved[1]);
                let dl = slip!(s 1: dz[0] * p * (y - z[0]) => dz[0] * p * y);
                let dy = slip!(s 2: dz[0] * p => dz[0] / 3.0);
                let dx = dl.matmul(t(x[1])) + dy.matmul(t(x[2]));
                vec![Some(dx), Some(t(x[0]).matmul(dl)), Some(slip!(s 3: t(x[0]).matmul(dy) => t(x[0]).matmul(dl)))]
            },
            [
                (&[1], "term", "dropped term|output 0|forgotten path"),
                (&[2], "factor", "saved value 0"),
                (&[3], "value", "`mul`|mixed up"),
            ],
        ),
        // Squeeze and excite: z = x σ(mean over pixels of x · w).
        planted(
            "channel gate",
            vec![draw([2, 3, 4, 5], 21.0), numbers([3, 1, 1], 0.5, 1.5, 22.0)],
            |x| {
                let m = x[0].mean_axes(&[2, 3], true);
                let g = (m * x[1]).sigmoid();
                (vec![x[0] * g], vec![m, g])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (m, g) = (saved[0], saved[1]);
                let dg = (dz[0] * x[0]).sum_axes(&[2, 3], true);
                let du = slip!(s 1: dg * g * (1.0 - g) => dg * g);
                let dm = slip!(s 2: du * x[1] => du);
                let dx = dz[0] * g + slip!(s 3: dm / 20.0 => dm / 12.0);
                let dw = slip!(s 4: du * m => du * g).sum_axes(&[0], false);
                vec![Some(dx), Some(dw)]
            },
            [
                (&[1], "factor", "factor&`sub`|1 − "),
                (&[2], "factor", "factor&input 1"),
                (&[3], "constant", "12 where 20|20&12"),
                (&[4], "value", "saved value 1&saved value 0"),
                (&[1, 4], "two", "two mistakes"),
            ],
        ),
    ]
}

/// 1 above the diagonal.
fn above(n: usize) -> Tensor {
    Tensor::from_fn([n, n], wengert::DType::F64, |i| f64::from(i % n > i / n))
}

/// The halves of the columns.
#[track_caller]
fn split_of<'t>(x: Var<'t>) -> (Var<'t>, Var<'t>) {
    (x.narrow(1, 0, 3), x.narrow(1, 3, 3))
}

/// The halves of the columns, in the wrong order.
#[track_caller]
fn swapped<'t>(x: Var<'t>) -> (Var<'t>, Var<'t>) {
    (x.narrow(1, 3, 3), x.narrow(1, 0, 3))
}
