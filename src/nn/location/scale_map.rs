//! A convolution whose kernels are scaled by another number at each position.
//!
//! With W(p) = s(p) W the kernels at position p are those of an ordinary convolution but for a factor, and the factor
//! goes in front of the sum over channels and taps:
//!
//! y(o, p) = Σ_k s(p) W(o, k) x̂(k, p) + b(o) = s(p) (W ∗ x)(o, p) + b(o).
//!
//! A convolution and a product: no operation of its own, and never a kernel for each position in memory. With the
//! upstream gradient G, ds(p) = Σ_o G(o, p) (W ∗ x)(o, p), which goes on into the side network; dW and dx are those of
//! the convolution for the upstream gradient G s.

use std::ops::ControlFlow;

use super::side::{Side, assert_maps};
use crate::{
    Param, Var,
    nn::{Conv2d, Layer, Visit},
    ops::ConvSpec,
};

/// s(p) (W ∗ x)(p) + b for images x `[n, c_in, h, w]`, with the map s from a side network that sees x and returns `[n, 1,
/// oh, ow]`: a number for each position of the output. A map `[n, c_out, oh, ow]` scales each channel by itself, and with
/// 1 for n all images share it.
///
/// ```
/// use wengert::{DType, Tape, Tensor, nn::{CoordConv, Layer, ScaleMapConv2d}};
/// let layer = ScaleMapConv2d::new(3, 8, 5, CoordConv::new(3, 1, 5, 1), 0);
/// let tape = Tape::new();
/// let y = layer.forward(tape.constant(Tensor::ones([2, 3, 12, 12], DType::F32)));
/// assert_eq!(y.shape().dims(), [2, 8, 8, 8]);
/// assert_eq!(layer.params()[2].name(), "side.conv.weight");
/// ```
pub struct ScaleMapConv2d {
    /// `[c_out, c_in, kh, kw]`.
    pub weight: Param,
    /// `[c_out]`, added after the product.
    pub bias: Param,
    /// Stride, padding, dilation and groups.
    pub spec: ConvSpec,
    side: Side,
}

impl ScaleMapConv2d {
    /// A layer of square kernels, drawn as by [`Conv2d::new`], and a side network.
    #[track_caller]
    pub fn new(c_in: usize, c_out: usize, size: usize, side: impl Layer + Send + Sync + 'static, seed: u64) -> Self {
        let Conv2d { weight, bias, spec } = Conv2d::new(c_in, c_out, size, seed);
        ScaleMapConv2d { weight, bias, spec, side: Side::new(side) }
    }

    /// The same layer with another stride and padding (and dilation; groups must fit the weight). The side network must
    /// return maps of the size of the output.
    pub fn with(self, spec: ConvSpec) -> Self {
        ScaleMapConv2d { spec, ..self }
    }

    #[track_caller]
    fn scaled<'t>(&self, x: Var<'t>, map: Var<'t>) -> Var<'t> {
        let tape = x.tape();
        let y = x.conv2d(tape.watch(&self.weight), None, self.spec);
        let shape = y.shape();
        assert_maps("scale map", map, shape[0], &[1, shape[1]], [shape[2], shape[3]]);
        y * map + tape.watch(&self.bias).per_channel(y)
    }
}

impl Layer for ScaleMapConv2d {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.scaled(x, self.side.forward(x))
    }

    fn trace<'t>(&self, x: &[Var<'t>], visit: Visit<'_, 't>) -> ControlFlow<(), Vec<Var<'t>>> {
        match *x {
            [x] => ControlFlow::Continue(vec![self.scaled(x, self.side.trace(x, visit)?)]),
            _ => ControlFlow::Continue(self.forward_all(x)),
        }
    }

    fn children(&self) -> Vec<(&str, &dyn Layer)> {
        self.side.children()
    }

    fn params(&self) -> Vec<Param> {
        self.side.with_params(&[&self.weight, &self.bias])
    }
}
