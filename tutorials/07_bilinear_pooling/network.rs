//! The small network, which is the same but for how it ends: three convolutions, then a descriptor, then a linear
//! classifier.

use wengert::{
    nn::{
        BatchNorm, BilinearPooling, Conv2d, GlobalAvgPool2d, Init, L2Normalize, Lambda, Linear, MatrixSqrt, Relu,
        Sequential, SignedSqrt, UpperTriangle, improved,
    },
    ops::ConvSpec,
};

/// The channels that are pooled.
pub const CHANNELS: usize = 32;

/// What becomes of the last feature map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// The mean of each channel.
    Average,
    /// Bilinear, without a matrix square root.
    Plain,
    /// Bilinear, with it.
    Improved(MatrixSqrt),
}

impl Pool {
    /// The name in tables and in `metrics.json`.
    pub fn name(self) -> &'static str {
        match self {
            Pool::Average => "average",
            Pool::Plain => "plain",
            Pool::Improved(_) => "improved",
        }
    }

    /// The layers from feature maps `[n, 32, h, w]` to descriptors, and the length of a descriptor.
    fn descriptor(self) -> (Sequential, usize) {
        let pairs = CHANNELS * (CHANNELS + 1) / 2;
        match self {
            Pool::Average => (Sequential::new().named("mean", GlobalAvgPool2d), CHANNELS),
            Pool::Improved(root) => (improved(BilinearPooling::new(), root), pairs),
            Pool::Plain => {
                let layers = Sequential::new()
                    .named("pool", BilinearPooling::new())
                    .named("triangle", UpperTriangle)
                    .named("signed", SignedSqrt)
                    .named("normalize", L2Normalize);
                (layers, pairs)
            }
        }
    }
}

/// The network for gray images of any size from 8x8 on.
pub fn network(pool: Pool, classes: usize, seed: u64) -> Sequential {
    let conv = |inputs, outputs, size: usize, stride, k| {
        let spec = ConvSpec { stride: [stride; 2], padding: [size / 2; 2], ..ConvSpec::default() };
        Conv2d::with_init(inputs, outputs, size, Init::He, seed.wrapping_mul(4).wrapping_add(k)).with(spec)
    };
    let (descriptor, length) = pool.descriptor();
    // A descriptor of length 1 has a small logit budget; this one has numbers of size 1, as an average of features has.
    let scale = if pool == Pool::Average { 1.0 } else { (length as f64).sqrt() };
    Sequential::new()
        .named("conv1", conv(1, 16, 5, 2, 0))
        .named("norm1", BatchNorm::new(16))
        .named("relu1", Relu)
        .named("conv2", conv(16, 32, 3, 2, 1))
        .named("norm2", BatchNorm::new(32))
        .named("relu2", Relu)
        .named("conv3", conv(32, CHANNELS, 3, 1, 2))
        .named("norm3", BatchNorm::new(CHANNELS))
        .named("relu3", Relu)
        .named("descriptor", descriptor)
        .named("scale", Lambda(move |x| x * scale))
        .named("fc", Linear::new(length, classes, seed.wrapping_mul(4).wrapping_add(3)))
}
