//! Compositions: functions that record no node of their own but call the operations of [`Var`](crate::Var).
//!
//! Each is declared with the samples it is tested on, and must be in the list below, or it does not compile.
//!
//! What may not live here: gradient rules (`ops`), trainable parameters (`nn`).

mod activations;
mod arrange;
mod attention;
mod bilinear;
mod binary_cross_entropy;
mod complement;
mod composition;
mod cross_entropy;
mod directions;
mod distances;
mod einsum;
mod interpolate;
mod linear_systems;
mod local_conv;
mod logarithms;
mod losses;
mod matrix_exp;
mod overlap;
mod pieces;
mod pools;
mod ranking;
mod reduction;
mod reductions;
mod selection;
mod sequences;
mod sinc;
mod taps;
mod volumes;

pub use attention::Attention;
pub use binary_cross_entropy::BinaryCrossEntropy;
pub use cross_entropy::CrossEntropy;
pub use interpolate::Interpolate;
pub use pools::Pool;
pub use reduction::Reduction;
pub use volumes::Conv3dSpec;

use crate::ops::{self, Sample, sample::list};

list! {
    activations::selu,
    activations::clamp,
    activations::prelu,
    arrange::repeat,
    arrange::diagonal,
    arrange::diag_embed,
    arrange::trace,
    arrange::tril,
    arrange::triu,
    arrange::tril_at,
    arrange::triu_at,
    attention::attention,
    bilinear::bilinear_pool,
    binary_cross_entropy::bce_with_logits_with,
    binary_cross_entropy::bce_loss,
    complement::orthogonal_complement,
    cross_entropy::cross_entropy_with,
    cross_entropy::nll_loss_with,
    cross_entropy::soft_cross_entropy,
    directions::l2_normalize,
    directions::cosine_similarity,
    directions::angle,
    directions::arcface_loss,
    distances::mse_loss_with,
    distances::l1_loss_with,
    distances::smooth_l1_loss_with,
    distances::huber_loss_with,
    distances::kl_div_with,
    einsum::einsum,
    interpolate::interpolate,
    local_conv::local_conv2d,
    linear_systems::solve_triangular,
    linear_systems::lstsq,
    linear_systems::pinv,
    matrix_exp::matrix_exp,
    logarithms::xlogy,
    logarithms::logaddexp,
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
    pieces::split,
    pieces::chunk,
    pieces::unbind,
    pieces::movedim,
    pieces::squeeze,
    pieces::diagonal_at,
    pieces::diag_embed_at,
    pools::max_pool2d_with,
    pools::avg_pool2d_with,
    pools::adaptive_avg_pool2d,
    pools::adaptive_max_pool2d,
    ranking::sort,
    ranking::topk,
    ranking::max_index,
    ranking::min_index,
    reductions::std,
    reductions::p_norm,
    reductions::norm,
    reductions::prod,
    selection::masked_fill,
    selection::masked_select,
    selection::index_get,
    selection::index_put,
    selection::scatter,
    sequences::conv1d,
    sequences::max_pool1d,
    sequences::avg_pool1d,
    sinc::sinc,
    volumes::conv3d,
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
