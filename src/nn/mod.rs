//! Layers: functions of a tape with parameters.
//!
//! A layer is written once, in tape algebra, without a type parameter: the tape decides the precision. The layers here
//! use the public API of the core alone, as a layer of your own does.

mod activation;
mod batch_norm;
mod conv;
mod init;
mod layer;
mod linear;
mod sequential;
mod simple;

pub use activation::Elu;
pub use batch_norm::BatchNorm;
pub use conv::Conv2d;
pub use init::Init;
pub use layer::{Layer, Visit};
pub use linear::Linear;
pub use sequential::Sequential;
pub use simple::{Dropout, Flatten, MaxPool2d, Relu, Tanh};
