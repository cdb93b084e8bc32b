//! Convolutional layers for sequences and for volumes, with PyTorch's default initialization: weight and bias uniform
//! within ±1/√(numbers that a kernel sees).

use super::{Init, Layer, init::seed_of};
use crate::{Param, Var, functional::Conv3dSpec, ops::ConvSpec};

/// Kernels of this shape and a bias for each of them.
fn learned(shape: &[usize], seed: u64) -> (Param, Param) {
    let bound = (1.0 / shape[1..].iter().product::<usize>() as f64).sqrt();
    let draw = |shape: &[usize], seed| Init::Uniform(-bound, bound).draw(shape, seed);
    (Param::new("weight", draw(shape, seed)), Param::bias("bias", draw(&shape[..1], seed_of(seed, 1))))
}

/// Convolution of sequences `[n, c_in, l]` with learned kernels, plus a bias: [`Var::conv1d`].
#[derive(Debug)]
pub struct Conv1d {
    /// `[c_out, c_in/groups, k]`.
    pub weight: Param,
    /// `[c_out]`.
    pub bias: Param,
    /// Stride, padding and dilation, of which the second numbers count, and groups.
    pub spec: ConvSpec,
}

impl Conv1d {
    /// A layer of kernels of this size.
    pub fn new(c_in: usize, c_out: usize, size: usize, seed: u64) -> Self {
        let (weight, bias) = learned(&[c_out, c_in, size], seed);
        Conv1d { weight, bias, spec: ConvSpec::default() }
    }

    /// The same layer with another stride and padding (and dilation; groups must fit the weight).
    pub fn with(self, spec: ConvSpec) -> Self {
        Conv1d { spec, ..self }
    }
}

/// Convolution of volumes `[n, c_in, d, h, w]` with learned kernels, plus a bias: [`Var::conv3d`].
#[derive(Debug)]
pub struct Conv3d {
    /// `[c_out, c_in/groups, kd, kh, kw]`.
    pub weight: Param,
    /// `[c_out]`.
    pub bias: Param,
    /// Stride, padding, dilation and groups.
    pub spec: Conv3dSpec,
}

impl Conv3d {
    /// A layer of cubic kernels of this size.
    pub fn new(c_in: usize, c_out: usize, size: usize, seed: u64) -> Self {
        let (weight, bias) = learned(&[c_out, c_in, size, size, size], seed);
        Conv3d { weight, bias, spec: Conv3dSpec::default() }
    }

    /// The same layer with another stride and padding (and dilation; groups must fit the weight).
    pub fn with(self, spec: Conv3dSpec) -> Self {
        Conv3d { spec, ..self }
    }
}

macro_rules! layer {
    ($($Name:ident => $method:ident;)+) => {$(
        impl Layer for $Name {
            #[track_caller]
            fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
                let tape = x.tape();
                x.$method(tape.watch(&self.weight), Some(tape.watch(&self.bias)), self.spec)
            }

            fn params(&self) -> Vec<Param> {
                vec![self.weight.clone(), self.bias.clone()]
            }
        }
    )+};
}

layer! {
    Conv1d => conv1d;
    Conv3d => conv3d;
}
