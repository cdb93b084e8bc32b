//! The convolutional layer.

use super::{Init, Layer, init::seed_of};
use crate::{DType, Param, Tensor, Var, ops::ConvSpec};

/// Convolution of images `[n, c_in, h, w]` with learned kernels, plus a bias.
#[derive(Debug)]
pub struct Conv2d {
    /// `[c_out, c_in/groups, kh, kw]`.
    pub weight: Param,
    /// `[c_out]`.
    pub bias: Param,
    /// Stride, padding, dilation and groups.
    pub spec: ConvSpec,
}

impl Conv2d {
    /// A layer of square kernels with PyTorch's default initialization: weight and bias uniform within
    /// ±1/√(c_in · size²).
    pub fn new(c_in: usize, c_out: usize, size: usize, seed: u64) -> Self {
        let layer = Conv2d::with_init(c_in, c_out, size, Init::Lecun, seed);
        let bound = (1.0 / (c_in * size * size) as f64).sqrt();
        let bias = Init::Uniform(-bound, bound).draw([c_out], seed_of(seed, 1));
        Conv2d { bias: Param::bias("bias", bias), ..layer }
    }

    /// A layer of square kernels drawn from `init`, and a bias of 0.
    pub fn with_init(c_in: usize, c_out: usize, size: usize, init: Init, seed: u64) -> Self {
        Conv2d {
            weight: Param::new("weight", init.draw([c_out, c_in, size, size], seed)),
            bias: Param::bias("bias", Tensor::zeros([c_out], DType::F32)),
            spec: ConvSpec::default(),
        }
    }

    /// The same layer with another stride and padding (and dilation; groups must fit the weight).
    pub fn with(self, spec: ConvSpec) -> Self {
        Conv2d { spec, ..self }
    }
}

impl Layer for Conv2d {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let tape = x.tape();
        x.conv2d(tape.watch(&self.weight), Some(tape.watch(&self.bias)), self.spec)
    }

    fn params(&self) -> Vec<Param> {
        vec![self.weight.clone(), self.bias.clone()]
    }
}
