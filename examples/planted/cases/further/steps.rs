//! Steps of iterations, and what they normalize.

use wengert::{Backward, DType, Tensor, Var};

use crate::planted::{Planted, draw, mean, numbers, planted, sum, t};

pub fn cases() -> Vec<Planted> {
    vec![
        // eˣ with rows and columns divided by their sums in turns, twice.
        planted(
            "sinkhorn",
            vec![draw([3, 4], 381.0)],
            |x| {
                let mut p = x[0].exp();
                let mut saved = vec![p];
                for axis in [1, 0, 1, 0] {
                    let total = sum(p, axis);
                    p = p / total;
                    saved.extend([total, p]);
                }
                (vec![p], saved)
            },
            |Backward { dz, saved, .. }, s| {
                let mut g = dz[0];
                for (step, pair) in saved[1..].chunks(2).enumerate().rev() {
                    let &[total, p] = pair else { unreachable!() };
                    let axis = slip!(s 1: if step % 2 == 0 { 1 } else { 0 } => if step == 0 { 1 } else { 0 });
                    let inner = sum(g * p, axis);
                    g = slip!(s 2: (g - inner) / total => g - inner);
                }
                vec![Some(slip!(s 3: g * saved[0] => g * saved[2]))]
            },
            [
                (&[1], "reduction", "axis 0&axis 1|axis"),
                (&[2], "loop", "factor&saved value|factor&`sum`"),
                (&[3], "value", "saved value 2&saved value 0|factor&saved value 1"),
                (&[2, 3], "two", "two mistakes"),
            ],
        ),
        // One step of the classical Runge-Kutta method for y' = tanh(y W).
        planted(
            "runge kutta step",
            vec![draw([3, 2], 382.0), draw([2, 2], 383.0), numbers((), 0.3, 0.5, 384.0)],
            |x| {
                let f = |v| Var::matmul(v, x[1]).tanh();
                let half = x[2] * 0.5;
                let k1 = f(x[0]);
                let k2 = f(x[0] + half * k1);
                let k3 = f(x[0] + half * k2);
                let k4 = f(x[0] + x[2] * k3);
                (vec![x[0] + x[2] / 6.0 * (k1 + k2 * 2.0 + k3 * 2.0 + k4)], vec![k1, k2, k3, k4])
            },
            |Backward { x, dz, saved, .. }, s| {
                let &[k1, k2, k3, k4] = saved else { unreachable!() };
                let (y, w, h, g) = (x[0], x[1], x[2], dz[0]);
                let half = h * 0.5;
                let share = g * h / 6.0;
                let u4 = share * (1.0 - k4 * k4);
                let v4 = u4.matmul(t(w));
                let u3 = (share * 2.0 + v4 * slip!(s 1: h => half)) * (1.0 - k3 * k3);
                let v3 = u3.matmul(t(w));
                let u2 = (share * 2.0 + v3 * half) * (1.0 - slip!(s 2: k2 * k2 => k3 * k3));
                let v2 = u2.matmul(t(w));
                let u1 = (share + v2 * half) * (1.0 - k1 * k1);
                let v1 = u1.matmul(t(w));
                let dy = g + v1 + slip!(s 3: v2 + v3 + v4 => v3 + v4);
                let mut dw = t(y).matmul(u1);
                dw = dw + t(y + half * k1).matmul(u2);
                dw = dw + t(y + half * slip!(s 4: k2 => k3)).matmul(u3);
                dw = dw + t(y + h * k3).matmul(u4);
                let mut dh = (g * (k1 + k2 * 2.0 + k3 * 2.0 + k4)).sum() / 6.0;
                dh = dh + (v2 * k1 + v3 * k2).sum() * 0.5 + (v4 * k3).sum();
                vec![Some(dy), Some(dw), Some(dh)]
            },
            [
                (&[1], "constant", "2|0.5|1/2"),
                (&[2], "value", "saved value 2&saved value 1"),
                (&[3], "term", "dropped term|forgotten path|term is missing"),
                (&[4], "value", "saved value 2&saved value 1"),
                (&[2, 3], "two", "two mistakes"),
            ],
        ),
        // Two steps of Newton and Schulz towards the inverse: X ← 2 X − X A X.
        planted(
            "newton schulz inverse",
            vec![draw([3, 3], 385.0), draw([3, 3], 386.0)],
            |x| {
                let first = x[1];
                let second = first * 2.0 - first.matmul(x[0]).matmul(first);
                (vec![second * 2.0 - second.matmul(x[0]).matmul(second)], vec![first, second])
            },
            |Backward { x, dz, saved, .. }, s| {
                let a = x[0];
                let mut g = dz[0];
                let mut da = a * 0.0;
                for &y in saved.iter().rev() {
                    da = da - slip!(s 1: t(y).matmul(g).matmul(t(y)) => y.matmul(g).matmul(t(y)));
                    let left = g.matmul(t(a.matmul(y)));
                    let right = slip!(s 2: t(y.matmul(a)).matmul(g) => t(a.matmul(y)).matmul(g));
                    g = slip!(s 3: g * 2.0 => g) - left - right;
                }
                vec![Some(da), Some(g)]
            },
            [
                (&[1], "order", "transposed"),
                (&[2], "order", "order|exchanged|swapped|mixed up"),
                (&[3], "constant", "2|twice"),
                (&[1, 3], "two", "two mistakes"),
            ],
        ),
        // Steepest descent for A x = b with the best step: r = b − A x, α = r·r / r·A r, x + α r.
        planted(
            "steepest descent",
            vec![draw([4, 4], 387.0), draw([4, 1], 388.0), draw([4, 1], 389.0)],
            |x| {
                let r = x[1] - x[0].matmul(x[2]);
                let (p, q) = (sum(r * r, 0), t(r).matmul(x[0]).matmul(r));
                (vec![x[2] + p / q * r], vec![r, q, p / q])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (a, position) = (x[0], x[2]);
                let [r, q, alpha] = *saved else { unreachable!() };
                let g = dz[0];
                let dalpha = sum(g * r, 0);
                let dp = dalpha / q;
                let dq = slip!(s 1: -dalpha * alpha / q => -dalpha * alpha);
                let through_q = slip!(s 2: a.matmul(r) + t(a).matmul(r) => a.matmul(r) * 2.0);
                let dr = alpha * g + dp * r * 2.0 + dq * through_q;
                let da = dq * r.matmul(t(r)) - slip!(s 3: dr.matmul(t(position)) => position.matmul(t(dr)));
                let dx = g - t(a).matmul(dr);
                vec![Some(da), Some(dr), Some(dx)]
            },
            [
                (&[1], "factor", "factor&saved value 1"),
                (&[2], "order", "transposed|symmetric"),
                (&[3], "order", "transposed"),
                (&[1, 3], "two", "two mistakes"),
            ],
        ),
        // Three steps of a damped pendulum: ω ← ω − h (sin θ + c ω), θ ← θ + h ω.
        planted(
            "pendulum",
            vec![draw([5], 390.0), draw([5], 391.0), numbers((), 0.1, 0.5, 392.0)],
            |x| {
                let (mut angle, mut speed) = (x[0], x[1]);
                let mut saved = Vec::new();
                for _ in 0..3 {
                    saved.extend([angle, speed]);
                    speed = speed - (angle.sin() + x[2] * speed) * 0.3;
                    angle = angle + speed * 0.3;
                }
                (vec![angle, speed], saved)
            },
            |Backward { x, dz, saved, .. }, s| {
                let c = x[2];
                let mut dangle = dz[0];
                let mut dspeed = dz[1];
                let mut dc = c * 0.0;
                for step in slip!(s 1: saved.chunks(2).rev() => saved[2..].chunks(2).rev()) {
                    let (angle, speed) = (step[0], step[1]);
                    dspeed = dspeed + slip!(s 2: dangle * 0.3 => dangle);
                    dc = dc - (dspeed * speed).sum() * 0.3;
                    dangle = dangle - dspeed * slip!(s 3: angle.cos() => angle.sin()) * 0.3;
                    dspeed = dspeed * (1.0 - c * 0.3);
                }
                vec![Some(dangle), Some(dspeed), Some(dc)]
            },
            [
                (&[1], "loop", "step|loop|`sin`|forgotten path|dropped term"),
                (&[2], "loop", "0.3|3.333|10/3"),
                (&[3], "loop", "`sin`&`cos`"),
            ],
        ),
        // W / ‖W v‖, one step of a spectral norm.
        planted(
            "spectral step",
            vec![draw([4, 3], 393.0), draw([3, 1], 394.0)],
            |x| {
                let p = x[0].matmul(x[1]);
                let norm = sum(p * p, 0).sqrt();
                (vec![x[0] / norm], vec![p / norm, norm])
            },
            |Backward { x: inputs, z, dz, saved, .. }, s| {
                let (weight, v) = (inputs[0], inputs[1]);
                let (u, norm) = (saved[0], saved[1]);
                let along = slip!(s 1: (dz[0] * z[0]).sum() => (dz[0] * weight).sum());
                let dnorm = -along / norm;
                let dv = t(weight).matmul(u) * dnorm;
                let dweight = slip!(s 2: dz[0] / norm + u.matmul(t(v)) * dnorm => dz[0] / norm);
                vec![Some(dweight), Some(dv)]
            },
            [
                (&[1], "value", "input 0&output 0|saved value 1"),
                (&[2], "term", "dropped term|forgotten path|term is missing"),
            ],
        ),
        // Centred rows times the inverse of their covariance.
        planted(
            "whitening",
            vec![draw([5, 3], 395.0)],
            |x| {
                let d = x[0] - mean(x[0], 0);
                let ridge = x[0].tape().constant(Tensor::from_fn([3, 3], DType::F64, |i| f64::from(i % 4 == 0) * 0.1));
                let k = (t(d).matmul(d) / 5.0 + ridge).inverse();
                (vec![d.matmul(k)], vec![d, k])
            },
            |Backward { dz, saved, .. }, s| {
                let (d, k) = (saved[0], saved[1]);
                let g = dz[0];
                let dk = t(d).matmul(g);
                let dc = -k.matmul(dk).matmul(k);
                let both = slip!(s 1: dc + t(dc) => dc * 2.0);
                let dd = slip!(s 2: g.matmul(k) => g) + d.matmul(both) / slip!(s 3: 5.0 => 4.0);
                vec![Some(dd - mean(dd, slip!(s 4: 0 => 1)))]
            },
            [
                (&[1], "order", "transposed|symmetric"),
                (&[2], "factor", "saved value 1"),
                (&[3], "constant", "4 where 5|1.25|5/4"),
                (&[4], "reduction", "axis 1&axis 0"),
                (&[1, 4], "two", "two mistakes"),
            ],
        ),
        // Weights standardized over their inputs, times a gain: g (w − m) / √(v + ε).
        planted(
            "weight standardization",
            vec![draw([4, 6], 396.0), numbers([4, 1], 0.5, 1.5, 397.0)],
            |x| {
                let d = x[0] - mean(x[0], 1);
                let r = (mean(d * d, 1) + 1e-3).rsqrt();
                (vec![x[1] * d * r], vec![d * r, r])
            },
            |at, s| {
                let (unit, r) = (at.saved[0], at.saved[1]);
                let g = slip!(s 1: at.dz[0] * at.x[1] => at.dz[0]);
                let centre = mean(g, 1);
                let along = slip!(s 2: mean(g * unit, 1) => sum(g * unit, 1));
                let dw = (g - centre - unit * along) * r;
                let dgain = slip!(s 3: sum(at.dz[0] * unit, 1) => sum(g * unit, 1));
                vec![Some(dw), Some(dgain)]
            },
            [
                (&[1], "factor", "factor&input 1"),
                (&[2], "reduction", "mean|6"),
                (&[3], "value", "factor too many&input 1|`mul`&upstream|input 1"),
                (&[1, 2], "two", "two mistakes"),
            ],
        ),
    ]
}
