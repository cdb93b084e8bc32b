//! The head of the second post, for PyTorch, line by line. (That of the first, for MATLAB, is `posted.rs` of tutorial 5.)
//!
//! cos θ = x · ŵ, clamped to −1 .. 1; s (cos θ cos m − √(1 − cos² θ) sin m) for the own class, s (cos θ − m sin m) where
//! θ + m would pass π, and s cos θ for the other classes. The embeddings x must come in with length 1.

use std::f64::consts::PI;

use wengert::{Param, Tape, Tensor, Var, nn::Init};

/// The scale s.
pub const SCALE: f64 = 64.0;
/// The margin m, in radians.
pub const MARGIN: f64 = 0.5;

/// How entries of one matrix are replaced by those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Products with masks: the gradient of what is replaced is 0, times a slope, be it infinite. An assignment such as
    /// `output[idx_, label] = ..` has the same gradient in PyTorch.
    Masks,
    /// `select`, in which what is not selected takes no part.
    Select,
}

impl Join {
    fn of<'t>(self, mask: Var<'t>, a: Var<'t>, b: Var<'t>) -> Var<'t> {
        match self {
            Join::Masks => mask * a + (1.0 - mask) * b,
            Join::Select => mask.select(a, b),
        }
    }
}

/// Columns drawn from −1 to 1. `renorm_(2, 1, 1e-5)` shortens each to a length of 10⁻⁵, and `mul_(1e5)` makes that 1.
pub fn kernel(features: usize, classes: usize, seed: u64) -> Param {
    let tape = Tape::new();
    let columns = tape.constant(Init::Uniform(-1.0, 1.0).draw([features, classes], seed));
    let shortened = columns * (1e-5 / columns.norm_axes(&[0], true)).min(1.0);
    Param::new("kernel", (shortened * 1e5).value())
}

/// `forward` of the post: embeddings `[n, d]`, a kernel `[d, classes]`, and a label for each embedding.
pub fn forward<'t>(embeddings: Var<'t>, kernel: Var<'t>, labels: &[usize], join: Join) -> Var<'t> {
    let kernel_norm = kernel / kernel.norm_axes(&[0], true);
    let cos_theta = embeddings.matmul(kernel_norm).clamp(-1.0, 1.0);
    let sin_theta = (1.0 - cos_theta.square()).sqrt();
    let cos_theta_m = cos_theta * MARGIN.cos() - sin_theta * MARGIN.sin();
    let keep_val = cos_theta - MARGIN * MARGIN.sin();
    let cos_theta_m = join.of(cos_theta.le((PI - MARGIN).cos()), keep_val, cos_theta_m);
    let own = Tensor::one_hot(labels, cos_theta.shape()[1], cos_theta.dtype()).expect("labels count from 0");
    join.of(cos_theta.tape().constant(own), cos_theta_m, cos_theta) * SCALE
}

/// Rows of length 1, as the network of the post returns them.
pub fn unit(x: Var<'_>) -> Var<'_> {
    x / x.norm_axes(&[1], true)
}
