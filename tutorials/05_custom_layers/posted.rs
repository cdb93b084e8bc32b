//! The layer of a question to MATLAB Answers (21 November 2020), as its author wrote it: an ArcFace head.
//!
//! For unit rows x̂ and unit class vectors ŵ, cos θ = x̂ · ŵ; the logit is s cos(θ + m) = s (cos θ cos m − sin θ sin m)
//! with sin θ = √(1 − cos² θ), and s (cos θ − m sin m) where θ + m would pass π. Every class gets the margin.

use wengert::{
    Param, Var,
    nn::{Init, Layer},
};

/// The scale s.
pub const SCALE: f64 = 64.0;
/// The margin m, in radians.
pub const MARGIN: f64 = 0.5;

/// From cosines to logits.
pub fn logits(cosine: Var<'_>) -> Var<'_> {
    let sine = (1.0 - cosine.square()).sqrt();
    let with_margin = cosine * MARGIN.cos() - sine * MARGIN.sin();
    let fallback = cosine - MARGIN * MARGIN.sin();
    let threshold = (std::f64::consts::PI - MARGIN).cos();
    cosine.le(threshold).select(fallback, with_margin) * SCALE
}

/// The logits of features `[n, d]` for the columns of a kernel `[d, classes]`.
pub fn arcface<'t>(x: Var<'t>, kernel: Var<'t>) -> Var<'t> {
    let rows = x / x.norm_axes(&[1], true);
    let columns = kernel / kernel.norm_axes(&[0], true);
    logits(rows.matmul(columns))
}

/// The layer: x `[n, d]`, kernel `[d, classes]`.
pub struct ArcfaceLayer {
    /// A column for each class.
    pub kernel: Param,
}

impl ArcfaceLayer {
    /// A kernel of numbers from −1 to 1.
    pub fn new(features: usize, classes: usize, seed: u64) -> Self {
        ArcfaceLayer { kernel: Param::new("kernel", Init::Uniform(-1.0, 1.0).draw([features, classes], seed)) }
    }
}

impl Layer for ArcfaceLayer {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        arcface(x, x.tape().watch(&self.kernel))
    }

    fn params(&self) -> Vec<Param> {
        vec![self.kernel.clone()]
    }
}
