//! Pages to read alongside the reference.
//!
//! - [`cookbook`]: short programs for common tasks, and a whole one beside its PyTorch version.
//! - [`equivalents`]: what users of PyTorch, JAX, MATLAB and Caffe know, and what it is called here.
//! - [`porting`]: how to port a layer from MATLAB, Caffe, PyTorch or JAX.
//! - [`performance`]: where the time of a step goes, compared with what the machine could do; memory; how cost grows.
//! - [`kinks`]: which subgradient is used where a function has no derivative.
//!
//! Nothing on them is taken on trust: tests run each row of the tables and each program, and each measurement has the command
//! that prints it. No code lives here.

#[doc = include_str!("cookbook.md")]
#[cfg(all(feature = "check", feature = "plot", feature = "train"))]
pub mod cookbook {}

#[doc = include_str!("equivalents.md")]
#[cfg(all(feature = "check", feature = "train"))]
pub mod equivalents {}

#[doc = include_str!("kinks.md")]
pub mod kinks {}

#[doc = include_str!("performance.md")]
pub mod performance {}

#[doc = include_str!("porting.md")]
#[cfg(feature = "check")]
pub mod porting {}
