//! Layers: functions of a tape with parameters.
//!
//! A layer is written once, in tape algebra, without a type parameter: the tape decides the precision. The layers here
//! use the public API of the core alone, as a layer of your own does.
//!
//! # Convolutions that know where they are
//!
//! A convolution does the same at each position. These layers do not; from few weights to many, with the numbers learned
//! for c input channels, o output channels, k × k taps and P positions, biases aside:
//!
//! | layer | kernels at position p | learned numbers |
//! |---|---|---|
//! | [`Conv2d`] | W | o c k² |
//! | [`CoordConv`] | W, over the channels and the two coordinates | o (c + 2) k² |
//! | [`ScaleMapConv2d`] | s(p) W | o c k² and the side network |
//! | [`LowRankLocallyConnected2d`] | s₁(p) W₁ + .. + s_R(p) W_R | R o c k² and the side network |
//! | [`DynamicLocalFilter2d`] | F(p), computed from the image | the side network |
//! | [`LocallyConnected2d`] | W(p) | P o c k² |
//!
//! A side network is any layer that turns the input into maps, with numbers for each position: a convolution, a
//! [`CoordConv`], a [`LearnedMap`].

mod activation;
mod batch_norm;
mod bilinear;
mod conv;
mod conv_1d_3d;
mod cosine;
mod dropout;
mod embedding;
mod entry;
mod flatten;
mod graph;
mod graph_builder;
mod init;
mod inside;
mod lambda;
mod layer;
mod layer_norm;
mod linear;
mod location;
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
    Celu, Elu, FixedElu, Gelu, Hardswish, LeakyRelu, LogSigmoid, LogSoftmax, Mish, PRelu, Relu, Selu, Sigmoid, Silu,
    Softmax, Softplus, Tanh,
};
pub use batch_norm::BatchNorm;
pub use bilinear::{BilinearPooling, L2Normalize, SignedSqrt, UpperTriangle, improved, isqrt_cov};
pub use conv::Conv2d;
pub use conv_1d_3d::{Conv1d, Conv3d};
pub use cosine::CosineHead;
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use flatten::Flatten;
pub use graph::Graph;
pub use graph_builder::GraphBuilder;
pub use init::Init;
pub use lambda::{Lambda, LambdaAll};
pub use layer::{Layer, Visit};
pub use layer_norm::{GroupNorm, InstanceNorm, LayerNorm};
pub use linear::Linear;
pub use location::{
    AddCoords, CoordConv, DynamicLocalFilter2d, LearnedMap, LocallyConnected2d, LowRankLocallyConnected2d,
    ScaleMapConv2d,
};
pub use margin::{Fallback, MarginLoss};
pub use matrix_sqrt::MatrixSqrt;
pub use newton_schulz::{NewtonSchulz, Norm};
pub use pooling::{
    AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool1d, AvgPool2d, AvgPool2dWith, GlobalAvgPool2d, MaxPool1d, MaxPool2d,
    MaxPool2dWith, Upsample,
};
pub use residual::Residual;
pub use sequential::Sequential;
pub use summary::{LayerSummary, Summary, summary, summary_all};
