//! # Wengert
//!
//! A reverse-mode tape autodiff engine for education and research.
#![deny(missing_docs)]
#![deny(unsafe_op_in_unsafe_fn)]

mod error;
mod function;
pub mod inspect;
mod kernels;
pub mod ops;
mod tape;
mod tensor;

pub use error::{Error, FormatProblem, NoGradient, Result, RuleFault};
pub use function::{Backward, Function};
pub use kernels::threads;
pub use tape::{Gradients, Memo, Mode, Param, Rule, Scope, Tape, Var};
pub use tensor::{DType, Element, Shape, Tensor};

#[cfg(feature = "data")]
pub mod data;
#[cfg(feature = "io")]
pub mod io;
#[cfg(feature = "nn")]
pub mod nn;
#[cfg(feature = "nn")]
pub mod optim;
#[cfg(feature = "plot")]
pub mod plot;
#[cfg(feature = "train")]
pub mod train;

/// The tutorials, so that every block of code on their pages is compiled and run.
#[cfg(all(doctest, feature = "plot"))]
mod tutorials {
    #[doc = include_str!("../tutorials/01_first_tape/README.md")]
    mod first_tape {}
    #[doc = include_str!("../tutorials/02_activations/README.md")]
    mod activations {}
}
