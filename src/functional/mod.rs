//! Compositions: functions that record no node of their own but call the operations of [`Var`](crate::Var).
//!
//! Each is declared with the samples it is tested on, and must be in the list below, or it does not compile.
//!
//! What may not live here: gradient rules (`ops`), trainable parameters (`nn`).

mod activations;
mod arrange;
mod bilinear;
mod composition;
mod directions;
mod einsum;
mod layer_norm;
mod local_conv;
mod losses;
mod overlap;
mod reductions;

use crate::ops::{self, Sample, sample::list};

list! {
    activations::selu,
    activations::clamp,
    arrange::repeat,
    arrange::diagonal,
    arrange::diag_embed,
    arrange::trace,
    arrange::tril,
    arrange::triu,
    bilinear::bilinear_pool,
    directions::l2_normalize,
    directions::cosine_similarity,
    directions::angle,
    directions::arcface_loss,
    einsum::einsum,
    layer_norm::layer_norm,
    layer_norm::group_norm,
    local_conv::local_conv2d,
    overlap::dice_loss,
    overlap::dice_loss_squared,
    overlap::kl_div,
    overlap::euclidean_loss,
    losses::cross_entropy_smoothed,
    losses::nll_loss,
    losses::l1_loss,
    losses::smooth_l1_loss,
    losses::huber_loss,
    losses::bce_with_logits,
    reductions::var,
    reductions::norm,
    reductions::prod,
}

/// Every operation and every composition, with inputs at which its gradient is defined. Tests iterate over it, so
/// nothing goes untested.
///
/// ```
/// use wengert::{Tape, functional};
/// for sample in functional::table() {
///     let tape = Tape::f64();
///     let y = sample.run(&sample.leaves(&tape));
///     assert_eq!(y.needs_grad(), sample.differentiable, "{}", sample.name);
/// }
/// ```
pub fn table() -> Vec<Sample> {
    let mut all = ops::table();
    all.extend(listed());
    all
}
