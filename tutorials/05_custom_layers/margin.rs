//! The margin, where it belongs: in the loss, on the true class of each observation, in training only.
//!
//! For rows x and the vectors w of their true classes, with a = x/‖x‖, b = w/‖w‖ and c = a · b = cos θ, the part of b
//! perpendicular to a is r = b − c a, of length sin θ. Therefore θ = atan2(‖r‖, c), which is accurate at every angle,
//! and z = cos(θ + m).
//!
//! By hand: moving x along the unit vector r/‖r‖ lowers θ at the rate 1/‖x‖, moving it perpendicularly changes nothing.
//! Therefore dx = dz sin(θ + m) (r/‖r‖) / ‖x‖, and for w the same with q = a − c b instead of r. Both are bounded,
//! although the slope of √(1 − c²), a factor on the way, is not.

use wengert::{Backward, Function, Result, Tensor, Var};

use crate::head::lengths;

/// cos(θ + margin) of each row of x `[n, d]` and the same row of w `[n, d]`, as `[n, 1]`.
pub struct MarginCosine(pub f64);

impl Function for MarginCosine {
    fn name(&self) -> &str {
        "margin cosine"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        self.forward_and_save(x).0
    }

    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let (a, b) = (x[0] / lengths(x[0]), x[1] / lengths(x[1]));
        let cosine = (a * b).sum_axes(&[1], true);
        let angle = lengths(b - a * cosine).atan2(cosine);
        (vec![(angle + self.0).cos()], vec![a, b, cosine, angle])
    }

    fn backward<'t>(&self, Backward { x, dz, saved, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let &[a, b, cosine, angle] = saved else { unreachable!("forward keeps four values") };
        let slope = dz[0] * (angle + self.0).sin();
        let (r, q) = (b - a * cosine, a - b * cosine);
        let dx = slope * r / (lengths(r) * lengths(x[0]));
        let dw = slope * q / (lengths(q) * lengths(x[1]));
        vec![Some(dx), Some(dw)]
    }
}

/// The mean cross-entropy of `scale` · `cosines` `[n, classes]` with the margin on the true class of each observation.
///
/// # Errors
/// If `x`, `weight` and `labels` do not fit together.
pub fn margin_loss<'t>(
    x: Var<'t>,
    weight: Var<'t>,
    cosines: Var<'t>,
    labels: &[usize],
    scale: f64,
    margin: f64,
) -> Result<Var<'t>> {
    let own = weight.try_index_select(0, labels)?;
    let with_margin = x.tape().apply(MarginCosine(margin), &[x, own])?[0];
    let classes = cosines.shape()[1];
    let is_own = Tensor::from_fn(cosines.shape(), x.dtype(), |i| f64::from(labels[i / classes] == i % classes));
    let logits = x.tape().constant(is_own).try_select(with_margin, cosines)? * scale;
    logits.try_cross_entropy(labels)
}
