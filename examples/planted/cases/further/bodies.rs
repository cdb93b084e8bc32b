//! Rotations, arms, distances.

use wengert::{Backward, Var};

use crate::planted::{Planted, draw, mean, numbers, planted, sum, t};

pub fn cases() -> Vec<Planted> {
    vec![
        // Points turned by quaternions (w, u): v + 2 w u × v + 2 u × (u × v).
        planted(
            "quaternion rotation",
            vec![draw([5, 4], 301.0), draw([5, 3], 302.0)],
            |x| {
                let (w, u) = (x[0].narrow(1, 0, 1), x[0].narrow(1, 1, 3));
                let a = cross(u, x[1]);
                (vec![x[1] + (w * a + cross(u, a)) * 2.0], vec![a])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (q, v) = (x[0], x[1]);
                let w = q.narrow(1, 0, 1);
                let u = q.narrow(1, 1, 3);
                let a = saved[0];
                let g = dz[0] * 2.0;
                let dw = sum(g * a, 1);
                let da = w * g + slip!(s 1: cross(g, u) => cross(u, g));
                let du = slip!(s 2: cross(a, g) + cross(v, da) => cross(v, da));
                let dv = slip!(s 3: dz[0] => g) + cross(da, u);
                vec![Some(Var::concat(&[dw, du], 1)), Some(dv)]
            },
            [
                (&[1], "sign", "sign|`add`&`sub`"),
                (&[2], "term", "dropped term|forgotten path|term is missing"),
                (&[3], "value", "2|twice|upstream"),
                (&[1, 2], "two", "two mistakes"),
            ],
        ),
        // The hand of an arm of two links with angles a and a + b.
        planted(
            "two links",
            vec![draw([6, 2], 303.0), numbers([1, 2], 0.5, 1.5, 304.0)],
            |x| {
                let a = x[0].narrow(1, 0, 1);
                let both = Var::concat(&[a, a + x[0].narrow(1, 1, 1)], 1);
                let (c, s) = (both.cos(), both.sin());
                (vec![sum(x[1] * c, 1), sum(x[1] * s, 1)], vec![c, s])
            },
            |at, s| {
                let lengths = at.x[1];
                let [cosines, sines] = *at.saved else { unreachable!() };
                let (gx, gy) = (at.dz[0], at.dz[1]);
                let dlengths = sum(gx * cosines + gy * sines, 0);
                let turned = slip!(s 2: gy * cosines - gx * sines => gy * cosines + gx * sines);
                let dboth = lengths * turned;
                let elbow = dboth.narrow(1, 1, 1);
                let shoulder = slip!(s 3: sum(dboth, 1) => dboth.narrow(1, 0, 1));
                let dangles = Var::concat(&[shoulder, elbow], 1);
                vec![Some(dangles), Some(slip!(s 1: dlengths => dlengths / lengths))]
            },
            [
                (&[1], "factor", "factor&input 1"),
                (&[2], "sign", "sign|`sub`&`add`"),
                (&[3], "term", "dropped term|forgotten path|term is missing"),
                (&[2, 3], "two", "two mistakes"),
            ],
        ),
        // How far centred points, turned by one angle, are from others: mean ‖R(a)(p − p̄) − (q − q̄)‖².
        planted(
            "alignment",
            vec![draw([5, 2], 305.0), draw([5, 2], 306.0), draw([1, 1], 307.0)],
            |x| {
                let (p, q) = (x[0] - mean(x[0], 0), x[1] - mean(x[1], 0));
                let r = p.matmul(turn(x[2])) - q;
                (vec![(r * r).sum() / 5.0], vec![p, r])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (p, r) = (saved[0], saved[1]);
                let rotation = turn(x[2]);
                let dr = r * dz[0] * slip!(s 1: 2.0 / 5.0 => 2.0 / 10.0);
                let dp = dr.matmul(slip!(s 2: t(rotation) => rotation));
                let dp = dp - mean(dp, 0);
                let centre = mean(dr, 0);
                let dq = centre - dr;
                let quarter = x[2] * 0.0 + std::f64::consts::FRAC_PI_2;
                let slope = turn(x[2] + quarter);
                let da = (dr * p.matmul(slope)).sum().reshape([1, 1]);
                vec![Some(dp), Some(dq), Some(da)]
            },
            [
                (&[1], "constant", "0.2 where 0.4|factor of 2|1/2|0.5|2"),
                (&[2], "order", "transposed|the other sign"),
                (&[1, 2], "two", "two mistakes"),
            ],
        ),
        // Areas of triangles: ‖(b − a) × (c − a)‖ / 2.
        planted(
            "triangle areas",
            vec![draw([4, 3], 308.0), draw([4, 3], 309.0), draw([4, 3], 310.0)],
            |x| {
                let (u, v) = (x[1] - x[0], x[2] - x[0]);
                let n = cross(u, v);
                let length = sum(n * n, 1).sqrt();
                (vec![length * 0.5], vec![u, v, n, length])
            },
            |Backward { dz, saved, .. }, s| {
                let &[u, v, n, length] = saved else { unreachable!() };
                let unit = slip!(s 1: n / length => n);
                let dn = unit * dz[0] * 0.5;
                let du = cross(v, dn);
                let dv = slip!(s 2: cross(dn, u) => cross(u, dn));
                let da = slip!(s 3: -du - dv => -du);
                vec![Some(da), Some(du), Some(dv)]
            },
            [
                (&[1], "factor", "factor&saved value 3"),
                (&[2], "sign", "sign"),
                (&[3], "term", "dropped term|forgotten path|term is missing"),
                (&[1, 3], "two", "two mistakes"),
            ],
        ),
        // Squared distances of points to a line through a point along a direction.
        planted(
            "distance to a line",
            vec![draw([5, 3], 311.0), draw([1, 3], 312.0), draw([1, 3], 313.0)],
            |x| {
                let from = x[0] - x[1];
                let k = sum(from * x[2], 1) / sum(x[2] * x[2], 1);
                let r = from - k * x[2];
                (vec![sum(r * r, 1)], vec![k, r])
            },
            |Backward { dz, saved, .. }, s| {
                let k = saved[0];
                let r = saved[1];
                let dr = r * dz[0] * 2.0;
                let dpoint = slip!(s 1: -sum(dr, 0) => -mean(dr, 0));
                let weighted = slip!(s 2: k * dr => dr);
                let dalong = sum(slip!(s 3: -weighted => weighted), 0);
                vec![Some(dr), Some(dpoint), Some(dalong)]
            },
            [
                (&[1], "reduction", "mean|0.2|5"),
                (&[2], "factor", "factor&saved value 0"),
                (&[3], "sign", "sign"),
                (&[2, 3], "two", "two mistakes|sign"),
            ],
        ),
        // Two directions to an orthonormal frame: e = a/‖a‖, v = b − (e·b) e, f = v/‖v‖, e × f.
        planted(
            "frame from two rows",
            vec![draw([4, 3], 314.0), draw([4, 3], 315.0)],
            |x| {
                let m = sum(x[0] * x[0], 1).sqrt();
                let e = x[0] / m;
                let along = sum(e * x[1], 1);
                let v = x[1] - along * e;
                let n = sum(v * v, 1).sqrt();
                let f = v / n;
                (vec![e, f, cross(e, f)], vec![m, along, n])
            },
            |Backward { x, z, dz, saved, .. }, s| {
                let (e, f) = (z[0], z[1]);
                let &[m, along, n] = saved else { unreachable!() };
                let third = dz[2];
                let df = dz[1] + slip!(s 1: cross(third, e) => cross(e, third));
                let across = df - f * slip!(s 2: sum(f * df, 1) => sum(e * df, 1));
                let dv = across / n;
                let dalong = -sum(dv * e, 1);
                let db = dv + dalong * e;
                let de = dz[0] + cross(f, third) + slip!(s 3: dalong * x[1] - along * dv => dalong * x[1]);
                let da = (de - e * sum(e * de, 1)) / slip!(s 4: m => n);
                vec![Some(da), Some(db)]
            },
            [
                (&[1], "sign", "sign|`sub`&`add`"),
                (&[2], "value", "output 0&output 1"),
                (&[3], "term", "dropped term|forgotten path|term is missing"),
                (&[4], "value", "saved value 2&saved value 0"),
                (&[1, 4], "two", "two mistakes"),
            ],
        ),
        // (r, θ, φ) to (r sin θ cos φ, r sin θ sin φ, r cos θ).
        planted(
            "spherical coordinates",
            vec![numbers([4, 1], 0.5, 1.5, 316.0), numbers([4, 1], 0.4, 1.2, 317.0), draw([4, 1], 318.0)],
            |x| {
                let flat = x[0] * x[1].sin();
                (vec![Var::concat(&[flat * x[2].cos(), flat * x[2].sin(), x[0] * x[1].cos()], 1)], vec![])
            },
            |Backward { x, z, dz, .. }, s| {
                let (r, theta, phi) = (x[0], x[1], x[2]);
                let part = |v, k| Var::narrow(v, 1, k, 1);
                let (gx, gy, gz) = (part(dz[0], 0), part(dz[0], 1), part(dz[0], slip!(s 1: 2 => 1)));
                let outward = gx * phi.cos() + gy * phi.sin();
                let dr = outward * theta.sin() + gz * slip!(s 2: theta.cos() => theta.sin());
                let dtheta = r * (outward * theta.cos() - gz * theta.sin());
                let dphi =
                    slip!(s 3: gy * part(z[0], 0) - gx * part(z[0], 1) => gy * part(z[0], 1) - gx * part(z[0], 0));
                vec![Some(dr), Some(dtheta), Some(dphi)]
            },
            [
                (&[1], "movement", "slice|narrow|start|moved"),
                (&[2], "value", "`sin`&`cos`"),
                (&[3], "value", "slice|narrow|start|moved"),
                (&[1, 2], "two", "two mistakes"),
            ],
        ),
    ]
}

/// The cross products of rows.
#[track_caller]
fn cross<'t>(a: Var<'t>, b: Var<'t>) -> Var<'t> {
    let next = |v: Var<'t>, by: isize| v.roll(-by, 1);
    next(a, 1) * next(b, 2) - next(a, 2) * next(b, 1)
}

/// The rotation of rows by an angle.
#[track_caller]
fn turn<'t>(angle: Var<'t>) -> Var<'t> {
    let (c, s) = (angle.cos(), angle.sin());
    Var::concat(&[Var::concat(&[c, s], 1), Var::concat(&[-s, c], 1)], 0)
}
