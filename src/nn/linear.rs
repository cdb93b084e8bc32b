//! The fully connected layer.

use super::{Init, Layer, init::seed_of};
use crate::{DType, Param, Tensor, Var};

/// y = x Wᵀ + b, for x `[.., inputs]`; W is `weight` `[outputs, inputs]`, b is `bias` `[outputs]`.
#[derive(Debug)]
pub struct Linear {
    /// `[outputs, inputs]`.
    pub weight: Param,
    /// `[outputs]`.
    pub bias: Param,
}

impl Linear {
    /// A layer with PyTorch's default initialization: weight and bias uniform within ±1/√inputs.
    pub fn new(inputs: usize, outputs: usize, seed: u64) -> Self {
        let layer = Linear::with_init(inputs, outputs, Init::Lecun, seed);
        let bound = (1.0 / inputs as f64).sqrt();
        let bias = Init::Uniform(-bound, bound).draw([outputs], seed_of(seed, 1));
        Linear { bias: Param::bias("bias", bias), ..layer }
    }

    /// A layer with a weight drawn from `init` and a bias of 0.
    pub fn with_init(inputs: usize, outputs: usize, init: Init, seed: u64) -> Self {
        Linear {
            weight: Param::new("weight", init.draw([outputs, inputs], seed)),
            bias: Param::bias("bias", Tensor::zeros([outputs], DType::F32)),
        }
    }
}

impl Layer for Linear {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let tape = x.tape();
        x.linear(tape.watch(&self.weight), Some(tape.watch(&self.bias)))
    }

    fn params(&self) -> Vec<Param> {
        vec![self.weight.clone(), self.bias.clone()]
    }
}
