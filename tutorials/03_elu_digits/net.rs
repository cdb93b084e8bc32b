//! The network: zero-center, convolution 5x5x20, batch norm, ELU, fully connected 10.

use wengert::{
    DType, Param, Result, Tensor, Var,
    data::Dataset,
    nn::{BatchNorm, Conv2d, Flatten, Init, Layer, Linear, Sequential},
};

use crate::elu::EluLayer;

/// Subtracts the mean training image.
struct ZeroCenter {
    mean: Param,
}

impl Layer for ZeroCenter {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x - x.tape().watch(&self.mean)
    }

    fn state(&self) -> Vec<Param> {
        vec![self.mean.clone()]
    }
}

/// The network for the images of `train`, whose weights are drawn from N(0, 0.01²) with `seed`, in the given precision;
/// and the alphas of its ELU.
pub fn build(train: &Dataset, seed: u64, dtype: DType) -> Result<(Sequential, Param)> {
    let [channels, height, width] = train.shape();
    let features = 20 * (height - 4) * (width - 4);
    let seeds: [u64; 3] = std::array::from_fn(|k| seed.wrapping_mul(3).wrapping_add(k as u64));
    let elu = EluLayer::new(20, seeds[1]);
    let alpha = elu.alpha.clone();
    let mean = Tensor::from_vec(train.mean_image(), [channels, height, width])?;
    let net = Sequential::new()
        .named("centre", ZeroCenter { mean: Param::state("mean", mean) })
        .named("conv", Conv2d::with_init(channels, 20, 5, Init::Normal(0.01), seeds[0]))
        .named("norm", BatchNorm::new(20))
        .named("elu", elu)
        .named("flatten", Flatten)
        .named("fc", Linear::with_init(features, train.classes(), Init::Normal(0.01), seeds[2]));
    net.tensors().iter().for_each(|tensor| tensor.cast(dtype));
    Ok((net, alpha))
}
