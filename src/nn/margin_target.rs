//! The margin's value from an embedding and its own center, with the derivative by hand.
//!
//! For directions a = x/‖x‖ and b = w/‖w‖, θ = 2 atan2(‖a − b‖, ‖a + b‖) is accurate at every angle (Kahan, How futile
//! are mindless assessments of roundoff, 2006). The value is z = f(θ), for ArcFace cos(θ + m).
//!
//! A step of x along the unit vector u = r/‖r‖, r = b − (a · b) a, lowers θ at the rate 1/‖x‖; steps perpendicular to
//! it change nothing. Therefore dx = −dz f′(θ) u/‖x‖, and dw is the same with x and w exchanged. Both are bounded,
//! although the chain rule through cos θ multiplies a factor 1/sin θ that is infinite at θ = 0 with a vector that is 0
//! there.

use super::{MarginLoss, cosine::directions};
use crate::{Backward, Function, Var};

/// f(θ) for each row of x `[n, dim]` and the same row of w `[n, dim]`, as `[n, 1]`.
pub(super) struct MarginTarget(pub MarginLoss);

/// The lengths of rows, `[n, 1]`. A NaN stays one; the gradient at 0 is 0.
fn lengths(rows: Var<'_>) -> Var<'_> {
    (rows * directions(rows).0).sum_axes(&[1], true)
}

impl Function for MarginTarget {
    fn name(&self) -> &str {
        "margin target"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        self.forward_and_save(x).0
    }

    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let ((a, by_x), (b, by_w)) = (directions(x[0]), directions(x[1]));
        let angle = lengths(a - b).atan2(lengths(a + b)) * 2.0;
        (vec![self.0.value(angle)], vec![a, by_x, b, by_w, angle])
    }

    fn backward<'t>(&self, Backward { dz, saved, needs, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let &[a, by_x, b, by_w, angle] = saved else { unreachable!("forward keeps five values") };
        let cosine = (a * b).sum_axes(&[1], true);
        let rise = dz[0] * self.0.fall(angle);
        let toward = |from: Var<'t>, to: Var<'t>| directions(to - from * cosine).0;
        vec![needs[0].then(|| rise * by_x * toward(a, b)), needs[1].then(|| rise * by_w * toward(b, a))]
    }
}
