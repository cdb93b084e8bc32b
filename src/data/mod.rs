//! Data sets and batches.
//!
//! A [`Dataset`] is a list of labeled images of one shape, `[channels, height, width]`, with its pixels as `f32`
//! between 0 and 1. It comes from
//!
//! - [`digits()`](fn@digits), which draws rotated digits from pen strokes and needs no file,
//! - [`textures()`](fn@textures), which draws textures that differ in second-order statistics alone,
//! - [`mnist::load`], which reads a folder of MNIST or Fashion-MNIST and checks every file first,
//! - [`idx::load`], which reads any other pair of idx files,
//! - [`ImageFolder`], which reads a folder of images for each class (cargo feature `images`),
//! - [`Dataset::new`] and [`Dataset::from_tensor`], from numbers of your own.
//!
//! [`Dataset::split_per_class`] sets some images of each class aside. [`Batches`] splits a set into shuffled batches that can
//! be resumed anywhere; [`prefetch()`] prepares them on another thread.
//!
//! What may not live here: anything that knows of tapes or layers. A batch is plain numbers, of which
//! [`Batch::tensor`] makes a tensor. Everything random takes a seed, and the same seed gives the same bits whatever the
//! number of threads.

mod batches;
mod dataset;
pub mod digits;
#[cfg(feature = "download")]
mod download;
#[cfg(feature = "images")]
mod folder;
pub mod idx;
pub mod mnist;
mod prefetch;
mod split;
mod stream;
mod strokes;
pub mod textures;

pub use batches::{Batch, Batches, Run, Shuffle};
pub use dataset::Dataset;
pub use digits::{Digits, digits};
#[cfg(feature = "images")]
pub use folder::ImageFolder;
pub use prefetch::{Prefetch, prefetch};
pub use textures::{Textures, textures};
