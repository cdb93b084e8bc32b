//! Pages to read beside the reference.
//!
//! - [`equivalents`]: what a user of PyTorch, JAX or MATLAB knows, and what it is called here.
//! - [`porting`]: a layer of MATLAB, Caffe, PyTorch or JAX, brought here.
//! - [`kinks`]: which slope is handed on where a function has none.
//!
//! Nothing on them is taken on trust: each row of a table is run. What may not live here: code.

#[doc = include_str!("equivalents.md")]
#[cfg(all(feature = "check", feature = "train"))]
pub mod equivalents {}

#[doc = include_str!("kinks.md")]
pub mod kinks {}

#[doc = include_str!("porting.md")]
#[cfg(feature = "check")]
pub mod porting {}
