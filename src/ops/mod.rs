//! The operations: for each, in one place, its value, derivative, shape rule, documentation and test inputs.
//!
//! Elementwise operations are rows of the tables in `elementwise`; all others implement [`Op`]. Every derivative is
//! written in tape algebra, with the same operators that users have, so one rule gives derivatives of any order. The
//! engine accumulates contributions, and sums those of rows over broadcast axes.
//!
//! [`table`] lists them all, with test inputs; none is recorded by the crate unless it is in it.
//!
//! What may not live here: loops over numbers (`kernels`), functions that only call other operations (`functional`),
//! layers with parameters (`nn`).

mod affine;
mod along;
mod average_pooling;
mod concat;
pub(crate) mod convolution;
mod cumsum;
mod determinant;
mod direction;
mod elementwise;
mod formula;
mod group_norm;
mod indexing;
pub(crate) mod labels;
mod linalg;
mod linear;
mod loss;
mod matmul;
mod matrices;
mod normalize;
mod op;
mod operators;
mod permute;
pub(crate) mod piecewise;
mod placing;
mod pooling;
mod qr;
mod recurrence;
pub(crate) mod reduce;
mod reshape;
mod roll;
pub(crate) mod sample;
mod shared;
mod slice;
mod softmax;
mod spectral;
mod symmetric_sqrt;
mod table;
pub(crate) mod twins;
mod unfold;
mod variance;
mod weighted_sum;

pub use affine::{Affine, Coefficients};
pub use convolution::ConvSpec;
pub use formula::Formula;
pub use op::{Grads, Mixes, Op, Total, Vjp};
pub use operators::Operand;
pub use pooling::Window;
pub use sample::Sample;
pub use table::table;

pub(crate) use elementwise::Elementwise;
pub(crate) use elementwise::Looped;
#[cfg(test)]
pub(crate) use elementwise::all as elementwise_rows;
#[cfg(feature = "check")]
pub(crate) use elementwise::row;
pub(crate) use shared::SharedOp;
