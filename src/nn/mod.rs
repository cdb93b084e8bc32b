//! Layers: functions of a tape with parameters.
//!
//! A layer is written once, in tape algebra, without a type parameter: the tape decides the precision. The layers here
//! use the public API of the core alone, as a layer of your own does.

mod activation;
mod batch_norm;
mod bilinear;
mod conv;
mod cosine;
mod dropout;
mod embedding;
mod flatten;
mod init;
mod lambda;
mod layer;
mod layer_norm;
mod linear;
mod margin;
mod margin_limits;
mod margin_target;
mod matrix_sqrt;
mod newton_schulz;
mod pooling;
mod residual;
mod sequential;
mod summary;

pub use activation::{
    Celu, Elu, FixedElu, Gelu, Hardswish, LeakyRelu, LogSigmoid, LogSoftmax, Mish, Relu, Selu, Sigmoid, Silu, Softmax,
    Softplus, Tanh,
};
pub use batch_norm::BatchNorm;
pub use bilinear::{BilinearPooling, L2Normalize, SignedSqrt, UpperTriangle, improved, isqrt_cov};
pub use conv::Conv2d;
pub use cosine::CosineHead;
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use flatten::Flatten;
pub use init::Init;
pub use lambda::Lambda;
pub use layer::{Layer, Visit};
pub use layer_norm::{GroupNorm, InstanceNorm, LayerNorm};
pub use linear::Linear;
pub use margin::{Fallback, MarginLoss};
pub use matrix_sqrt::MatrixSqrt;
pub use newton_schulz::{NewtonSchulz, Norm};
pub use pooling::{AvgPool2d, GlobalAvgPool2d, MaxPool2d};
pub use residual::Residual;
pub use sequential::Sequential;
pub use summary::{LayerSummary, Summary, summary, summary_all};
