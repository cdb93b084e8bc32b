//! A layer with kernels of its own at each position: a convolution without shared weights.
//!
//! y(o, p) = Σ_k W(p, o, k) x̂(k, p) + b(o, p), see [`local_conv2d`](crate::Var::local_conv2d). It is a fully connected
//! layer whose matrix, from pixels to outputs, is 0 except where a window reaches.

use crate::{
    Param, Var,
    nn::{Init, Layer, init::seed_of},
    ops::ConvSpec,
};

/// Images `[n, c_in, h, w]` of one size, with kernels and a bias of their own at each position of the output: Keras's
/// `LocallyConnected2D`.
///
/// ```
/// use wengert::nn::{Layer, LocallyConnected2d};
/// let layer = LocallyConnected2d::new(3, 64, 3, [32, 32], 0);
/// assert_eq!(layer.weight.shape().dims(), [30, 30, 64, 3, 3, 3]);
/// assert_eq!(layer.param_count(), 30 * 30 * 64 * (3 * 3 * 3 + 1));
/// ```
#[derive(Debug)]
pub struct LocallyConnected2d {
    /// `[oh, ow, c_out, c_in, kh, kw]`.
    pub weight: Param,
    /// `[c_out, oh, ow]`.
    pub bias: Param,
    /// Stride, padding and dilation.
    pub spec: ConvSpec,
}

impl LocallyConnected2d {
    /// A layer of square kernels for images of `image` rows and columns, whose weight and bias are drawn as by
    /// [`Conv2d::new`](crate::nn::Conv2d::new), uniform within ±1/√(c_in · size²).
    ///
    /// # Panics
    /// When the kernel does not fit into the image.
    #[track_caller]
    pub fn new(c_in: usize, c_out: usize, size: usize, image: [usize; 2], seed: u64) -> Self {
        LocallyConnected2d::with_spec(c_in, c_out, size, image, ConvSpec::default(), seed)
    }

    /// A layer with this stride, padding and dilation.
    ///
    /// # Panics
    /// When the kernel does not fit into the padded image, or a stride or a dilation is 0.
    #[track_caller]
    pub fn with_spec(c_in: usize, c_out: usize, size: usize, image: [usize; 2], spec: ConvSpec, seed: u64) -> Self {
        let [oh, ow] = match spec.output_size(image, [size; 2]) {
            Ok(out) => out,
            Err(error) => panic!("locally connected: {error}"),
        };
        let kernels = Init::Lecun.draw([oh * ow * c_out, c_in, size, size], seed);
        let weight = kernels.reshape([oh, ow, c_out, c_in, size, size]).expect("the numbers are the same");
        let bound = (1.0 / (c_in * size * size) as f64).sqrt();
        let bias = Init::Uniform(-bound, bound).draw([c_out, oh, ow], seed_of(seed, 1));
        LocallyConnected2d { weight: Param::new("weight", weight), bias: Param::bias("bias", bias), spec }
    }
}

impl Layer for LocallyConnected2d {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let tape = x.tape();
        x.local_conv2d(tape.watch(&self.weight), Some(tape.watch(&self.bias)), self.spec)
    }

    fn params(&self) -> Vec<Param> {
        vec![self.weight.clone(), self.bias.clone()]
    }
}
