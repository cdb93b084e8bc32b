//! Compositions: functions that record no node of their own, but call the operations of [`Var`](crate::Var).
//!
//! Each is declared with the samples that it is tested on, and is in the list below, or it does not compile.
//!
//! What may not live here: a rule for a gradient (`ops`), a parameter that is learned (`nn`).

mod activations;
mod arrange;
mod bilinear;
mod directions;
mod einsum;
mod layer_norm;
mod losses;
mod overlap;
mod reductions;

use crate::ops::{
    self, Sample,
    sample::{Listed, list},
};

/// Declares a composition, alone or with its `try_` twin as [`twin!`](crate::ops::twins::twin) does, and its samples.
macro_rules! composition {
    ($(#[doc = $doc:literal])* #[or_panic($name:ident)] $(#[doc = $error:literal])+
     pub fn $twin:ident $params:tt -> Result<$Out:ty> $body:block, $samples:expr) => {
        impl<'t> Var<'t> {
            $crate::ops::twins::twin!(
                $(#[doc = $doc])* #[or_panic($name)] $(#[doc = $error])+
                pub fn $twin $params -> Result<$Out> $body
            );
        }
        $crate::functional::composition!(@sampled $name $samples);
    };
    ($(#[doc = $doc:literal])* pub fn $name:ident $params:tt -> $Out:ty $body:block, $samples:expr) => {
        impl<'t> Var<'t> {
            $(#[doc = $doc])*
            #[track_caller]
            pub fn $name $params -> $Out $body
        }
        $crate::functional::composition!(@sampled $name $samples);
    };
    (@sampled $name:ident $samples:expr) => {
        #[allow(non_camel_case_types)]
        pub(super) struct $name {}
        impl $crate::ops::sample::Sampled for $name {
            fn samples() -> Vec<Sample> {
                $samples.into()
            }
        }
        const _: () = $crate::functional::is_listed::<$name>();
    };
}
use composition;

/// Compiles for a composition that is in the list.
const fn is_listed<Composition: Listed>() {}

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
    overlap::dice_loss,
    overlap::dice_loss_squared,
    overlap::kl_div,
    overlap::euclidean_loss,
    losses::cross_entropy_smoothed,
    losses::nll_loss,
    losses::l1_loss,
    losses::smooth_l1_loss,
    losses::bce_with_logits,
    reductions::var,
    reductions::norm,
    reductions::prod,
}

/// Every operation and every composition, with inputs on which its gradient is defined. Tests iterate it, so that nothing
/// goes untested.
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
