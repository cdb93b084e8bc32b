//! Data sets and batches.
//!
//! A [`Dataset`] is a list of labeled images of one shape, `[channels, height, width]`, with its pixels as `f32`
//! between 0 and 1. It comes from
//!
//! - [`digits()`](fn@digits), which draws rotated digits from pen strokes and needs no file,
//! - [`mnist::load`], which reads a folder of MNIST or Fashion-MNIST and checks every file first,
//! - [`Dataset::new`] and [`Dataset::from_tensor`], from numbers of your own.
//!
//! [`Batches`] splits it into shuffled batches that can be resumed anywhere, and [`prefetch()`] prepares them on
//! another thread.
//!
//! What may not live here: anything that knows of tapes or layers. A batch is plain numbers, of which
//! [`Batch::tensor`] makes a tensor. Everything random takes a seed, and the same seed gives the same bits whatever the
//! number of threads.

mod batches;
mod dataset;
pub mod digits;
#[cfg(feature = "download")]
mod download;
pub mod idx;
pub mod mnist;
mod prefetch;
mod strokes;

pub use batches::{Batch, Batches, Run, Shuffle};
pub use dataset::Dataset;
pub use digits::{Digits, digits};
pub use prefetch::{Prefetch, prefetch};
