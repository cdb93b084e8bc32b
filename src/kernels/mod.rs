//! The loops. Nothing here knows about tensors or tapes: kernels take slices, sizes and numbers, are generic over
//! [`Real`], and leave shape checks to their callers.
//!
//! Two rules hold everywhere. *The same bits whatever the number of threads*: work is divided by its size alone, and
//! partial sums are added in the order of the pieces. *Vectorized for the machine at hand*: hot loops run inside
//! [`simd`], which picks the widest instruction set at run time.

pub mod conv;
pub mod elementwise;
pub mod join;
pub mod linalg;
pub mod math;
pub mod matmul;
mod matrix;
pub mod movement;
pub mod norm;
pub mod pages;
pub mod parallel;
pub mod place;
pub mod pool;
pub mod powers;
pub mod program;
pub mod ranking;
pub mod real;
mod rows;
pub mod scan;
pub mod scratch;
pub mod shared;
mod shifted;
pub mod softmax;
pub mod space;
pub mod sparse;
mod squares;
pub mod ternary;
#[cfg(test)]
pub(crate) mod testing;
mod threads;
mod transpose;
mod vector;
pub mod walk;
pub mod window;
pub use real::Real;

use std::sync::OnceLock;
pub use threads::threads;

/// The widest vector instructions of this machine.
pub(crate) fn arch() -> pulp::Arch {
    static ARCH: OnceLock<pulp::Arch> = OnceLock::new();
    *ARCH.get_or_init(pulp::Arch::new)
}

/// Runs `loops` compiled for the widest vector instructions of this machine.
///
/// The closure must be marked `#[inline(always)]`, and so must everything it calls that should vectorize.
#[inline(always)]
pub fn simd<R>(loops: impl FnOnce() -> R) -> R {
    arch().dispatch(loops)
}

/// Below this many elements (or multiply-adds / 8) a loop stays on the calling thread.
pub const PARALLEL: usize = 1 << 15;
