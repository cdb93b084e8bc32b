//! Convolutions that know where they are; the table of the family is on the page of [`nn`](crate::nn).
//!
//! None of these layers needs an operation of its own: those with few weights are convolutions with a concatenation or a
//! product around them, the others call [`local_conv2d`](crate::Var::local_conv2d), a composition.

mod coordinates;
mod dynamic;
mod locally_connected;
mod low_rank;
mod scale_map;
mod side;

pub use coordinates::{AddCoords, CoordConv};
pub use dynamic::DynamicLocalFilter2d;
pub use locally_connected::LocallyConnected2d;
pub use low_rank::LowRankLocallyConnected2d;
pub use scale_map::ScaleMapConv2d;
pub use side::LearnedMap;
