//! Filters, slices and gathers.

use wengert::{Backward, Var};

use crate::planted::{Planted, draw, numbers, planted, sum};

pub fn cases() -> Vec<Planted> {
    vec![
        // A filter of three taps: zᵢ = Σ wₖ xᵢ₊ₖ.
        planted(
            "three taps",
            vec![draw([2, 7], 131.0), draw([3], 132.0)],
            |x| {
                let tap = |k| x[1].narrow(0, k, 1) * x[0].narrow(1, k, 5);
                (vec![tap(0) + tap(1) + tap(2)], vec![])
            },
            |Backward { x, dz, .. }, s| {
                let padded = dz[0].pad(&[(0, 0), (2, 2)], 0.0);
                let w = slip!(s 1: x[1].flip(&[0]) => x[1]);
                let tap = |k| w.narrow(0, k, 1) * padded.narrow(1, k, 7);
                let dx = tap(0) + tap(1) + tap(2);
                let by = |k| (dz[0] * x[0].narrow(1, k, 5)).sum().reshape([1]);
                let dw = slip!(s 2: [by(0), by(1), by(2)] => [by(2), by(1), by(0)]);
                vec![Some(dx), Some(Var::concat(&dw, 0))]
            },
            [
                (&[1], "movement", "flip|turned"),
                (&[2], "movement", "turned around|order|flip"),
                (&[1, 2], "two", "turned around|flip"),
            ],
        ),
        // Differences of neighbours, squared and weighted.
        planted(
            "smoothness",
            vec![draw([3, 6], 133.0), numbers([3, 1], 0.5, 1.5, 134.0)],
            |x| {
                let d = x[0].narrow(1, 1, 5) - x[0].narrow(1, 0, 5);
                (vec![(x[1] * d * d).sum()], vec![d])
            },
            |Backward { x, dz, saved, .. }, s| {
                let g = slip!(s 1: x[1] * saved[0] => saved[0]) * 2.0 * dz[0];
                let after = slip!(s 2: g.pad(&[(0, 0), (1, 0)], 0.0) => g.pad(&[(0, 0), (0, 1)], 0.0));
                let before = slip!(s 3: g.pad(&[(0, 0), (0, 1)], 0.0) => g.pad(&[(0, 0), (1, 0)], 0.0));
                vec![Some(after - before), Some(sum(saved[0] * saved[0], 1) * dz[0])]
            },
            [
                (&[1], "factor", "factor&input 1"),
                (&[2], "movement", "pad|moved|place"),
                (&[3], "movement", "pad|moved|place"),
            ],
        ),
        // Twice the places, new ones halfway between neighbours.
        planted(
            "midpoints",
            vec![draw([2, 5], 135.0)],
            |x| {
                let (a, b) = (x[0].narrow(1, 0, 4), x[0].narrow(1, 1, 4));
                (vec![Var::concat(&[x[0], (a + b) * 0.5], 1)], vec![])
            },
            |Backward { dz, .. }, s| {
                let (own, half) = (dz[0].narrow(1, 0, 5), dz[0].narrow(1, 5, 4) * slip!(s 1: 0.5 => 1.0));
                let (left, right) = (half.pad(&[(0, 0), (0, 1)], 0.0), half.pad(&[(0, 0), (1, 0)], 0.0));
                vec![Some(slip!(s 2: own + left + right => own + left + left))]
            },
            [
                (&[1], "constant", "1 where 0.5|factor&0.5|0.5|half"),
                (&[2], "value", "`pad`"),
                (&[1, 2], "two", "two mistakes"),
            ],
        ),
        // One level of a Haar transform of the rows.
        planted(
            "haar",
            vec![draw([3, 8], 136.0)],
            |x| {
                let (a, b) = (x[0].slice(1, 0, 8, 2), x[0].slice(1, 1, 8, 2));
                (vec![(a + b) / 2f64.sqrt(), (a - b) / 2f64.sqrt()], vec![])
            },
            |Backward { dz, .. }, s| {
                let even = slip!(s 1: dz[0] + dz[1] => dz[0] - dz[1]) / 2f64.sqrt();
                let odd = (dz[0] - dz[1]) / slip!(s 2: 2f64.sqrt() => 2.0);
                let pair = slip!(s 3: [even.unsqueeze(2), odd.unsqueeze(2)] => [odd.unsqueeze(2), even.unsqueeze(2)]);
                vec![Some(Var::concat(&pair, 2).reshape([3, 8]))]
            },
            [
                (&[1], "sign", "sign|`sub`&`add`"),
                (&[2], "constant", "2 where 1.414|√2"),
                (&[3], "movement", "concat|exchanged|order"),
                (&[1, 2], "two", "two mistakes"),
            ],
        ),
        // Rows of a table, scaled: z = T[i] · w.
        planted(
            "embedding",
            vec![draw([5, 3], 137.0), numbers([4, 1], 0.5, 1.5, 138.0)],
            |x| (vec![x[0].index_select(0, &[3, 1, 3, 0]) * x[1]], vec![]),
            |Backward { x, dz, .. }, s| {
                let g = slip!(s 1: dz[0] * x[1] => dz[0]);
                let rows = x[0] * 0.0;
                let indices = slip!(s 2: [3, 1, 3, 0] => [3, 1, 2, 0]);
                let all: Vec<usize> = indices.iter().flat_map(|&i| [i; 3]).collect();
                let dw = sum(dz[0] * x[0].index_select(0, &slip!(s 3: [3, 1, 3, 0] => [0, 1, 2, 3])), 1);
                vec![Some(rows.scatter_add(0, &all, g)), Some(dw)]
            },
            [
                (&[1], "factor", "factor&input 1"),
                (&[2], "movement", "scatter_add|index"),
                (&[3], "movement", "index_select|indices"),
            ],
        ),
        // A wave equation step on a ring: z = 2x − y + c (left + right − 2x).
        planted(
            "wave step",
            vec![draw([8], 139.0), draw([8], 140.0), numbers((), 0.2, 0.6, 141.0)],
            |x| {
                let around = left(x[0]) + right(x[0]) - x[0] * 2.0;
                (vec![x[0] * 2.0 - x[1] + x[2] * around], vec![around])
            },
            |Backward { x, dz, saved, .. }, s| {
                let back = left(dz[0]) + slip!(s 1: right(dz[0]) => left(dz[0])) - dz[0] * 2.0;
                let dx = dz[0] * 2.0 + slip!(s 2: x[2] * back => back);
                let dc = (dz[0] * slip!(s 3: saved[0] => x[0])).sum();
                vec![Some(dx), Some(slip!(s 4: -dz[0] => dz[0])), Some(dc)]
            },
            [
                (&[1], "movement", "slice|concat|narrow"),
                (&[2], "factor", "factor&input 2"),
                (&[3], "value", "input 0&saved value 0"),
                (&[4], "sign", "sign"),
                (&[2, 3], "two", "factor&input 2"),
            ],
        ),
        // An echo: zᵢ = xᵢ + g xᵢ₋₂.
        planted(
            "echo",
            vec![draw([2, 7], 142.0), numbers([2, 1], 0.2, 0.8, 143.0)],
            |x| {
                let late = x[0].narrow(1, 0, 5).pad(&[(0, 0), (2, 0)], 0.0);
                (vec![x[0] + x[1] * late], vec![late])
            },
            |Backward { x, dz, saved, .. }, s| {
                let early = slip!(s 1: dz[0].narrow(1, 2, 5) => dz[0].narrow(1, 0, 5)).pad(&[(0, 0), (0, 2)], 0.0);
                let dx = dz[0] + slip!(s 2: x[1] * early => early);
                let dg = slip!(s 3: sum(dz[0] * saved[0], 1) => sum(dz[0] * x[0], 1));
                vec![Some(dx), Some(dg)]
            },
            [
                (&[1], "movement", "slice|narrow"),
                (&[2], "factor", "factor&input 1"),
                (&[3], "value", "input 0&saved value 0|`pad`"),
                (&[1, 2], "two", "two mistakes"),
            ],
        ),
        // A running maximum made smooth: z = ln Σ e^(β x) / β over windows of three.
        planted(
            "soft maximum",
            vec![draw([2, 6], 144.0), numbers((), 1.0, 2.0, 145.0)],
            |x| {
                let e = (x[1] * x[0]).exp();
                let w = e.narrow(1, 0, 4) + e.narrow(1, 1, 4) + e.narrow(1, 2, 4);
                (vec![w.ln() / x[1]], vec![e, w])
            },
            |Backward { x, z, dz, saved, .. }, s| {
                let (e, w) = (saved[0], saved[1]);
                let g = slip!(s 1: dz[0] / w => dz[0]);
                let spread = |k| g.pad(&[(0, 0), (k, 2 - k)], 0.0);
                let de = spread(0) + spread(1) + slip!(s 2: spread(2) => spread(1));
                let dx = slip!(s 3: de * e => de);
                let db = (dx * x[0]).sum() / x[1] - (dz[0] * z[0]).sum() / x[1];
                vec![Some(dx), Some(db)]
            },
            [
                (&[1], "factor", "factor&saved value 1"),
                (&[2], "movement", "pad"),
                (&[3], "factor", "factor&saved value 0"),
                (&[2, 3], "two", "two mistakes|factor&saved value 0"),
            ],
        ),
    ]
}

/// The left neighbours on a ring.
#[track_caller]
fn left<'t>(x: Var<'t>) -> Var<'t> {
    Var::concat(&[x.narrow(0, 7, 1), x.narrow(0, 0, 7)], 0)
}

/// The right neighbours on a ring.
#[track_caller]
fn right<'t>(x: Var<'t>) -> Var<'t> {
    Var::concat(&[x.narrow(0, 1, 7), x.narrow(0, 0, 1)], 0)
}
