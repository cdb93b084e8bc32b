//! The margin's value from an embedding and its own center, with the derivative by hand.
//!
//! For directions a = x/‖x‖ and b = w/‖w‖, θ = 2 atan2(‖a − b‖, ‖a + b‖) is accurate at every angle (Kahan, How futile
//! are mindless assessments of roundoff, 2006). The value is z = f(θ), for ArcFace cos(θ + m).
//!
//! A step of x along the unit vector u = r/‖r‖, r = b − (a · b) a, lowers θ at the rate 1/‖x‖; steps perpendicular to
//! it change nothing. Therefore dx = −dz f′(θ) u/‖x‖, and dw is the same with x and w exchanged. Both are bounded,
//! although the chain rule through cos θ multiplies a factor 1/sin θ that is infinite at θ = 0 with a vector that is 0
//! there.

use super::MarginLoss;
use crate::{Backward, Function, Var};

/// f(θ) for each row of x `[n, dim]` and the same row of w `[n, dim]`, as `[n, 1]`.
pub(super) struct MarginTarget(pub MarginLoss);

/// 1/‖x‖ of rows, `[n, 1]`; 0 for a row of zeros, and NaN for a NaN.
fn inverse_lengths(rows: Var<'_>) -> Var<'_> {
    let squares = rows.square().sum_axes(&[1], true);
    let none = squares.eq(0.0);
    none.select(0.0, none.select(1.0, squares).rsqrt())
}

impl Function for MarginTarget {
    fn name(&self) -> &str {
        "margin target"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        self.forward_and_save(x).0
    }

    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let (a, b) = (x[0].direction(1), x[1].direction(1));
        let (apart, together) = ((a - b).norm_axes(&[1], true), (a + b).norm_axes(&[1], true));
        let angle = apart.atan2(together) * 2.0;
        (vec![self.0.value(angle)], vec![a, b, angle])
    }

    fn backward<'t>(&self, Backward { x, dz, saved, needs, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let &[a, b, angle] = saved else { unreachable!("forward keeps three values") };
        let cosine = (a * b).sum_axes(&[1], true);
        let rise = dz[0] * self.0.fall(angle);
        let toward = |from: Var<'t>, to: Var<'t>| (to - from * cosine).direction(1);
        let by = |k: usize, from, to| needs[k].then(|| rise * inverse_lengths(x[k]) * toward(from, to));
        vec![by(0, a, b), by(1, b, a)]
    }
}
