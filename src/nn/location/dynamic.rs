//! A convolution whose kernels a network computes, others for each position and each image (De Brabandere et al., Dynamic
//! filter networks, arXiv 1605.09673: dynamic local filtering).
//!
//! y(o, p) = Σ_k W(p, o, k) x̂(k, p) + b(o), where W = F(x) is the output of a side network: an activation, not a
//! parameter. Its gradient dW(p) = G(·, p) x̂(·, p)ᵀ goes on into the side network, and x has a gradient by both ways.

use std::ops::ControlFlow;

use super::side::{Side, assert_maps};
use crate::{
    DType, Error, Param, Tensor, Var,
    nn::{Layer, Visit},
    ops::ConvSpec,
};

/// Images `[n, c_in, h, w]`, each filtered at each position with kernels that a side network computes from it. The side
/// network returns `[n, c_out · c_in · size², oh, ow]`: at each position the c_out kernels `[c_in, size, size]` one after
/// another. With 1 for n all images share them.
///
/// ```
/// use wengert::{DType, Tape, Tensor, nn::{CoordConv, DynamicLocalFilter2d, Layer}};
/// let side = CoordConv::new(1, 4 * 1 * 9, 3, 0);
/// let layer = DynamicLocalFilter2d::new(1, 4, 3, side);
/// let tape = Tape::new();
/// let y = layer.forward(tape.constant(Tensor::ones([2, 1, 12, 12], DType::F32)));
/// assert_eq!(y.shape().dims(), [2, 4, 10, 10]);
/// ```
pub struct DynamicLocalFilter2d {
    /// `[c_out]`, starts at 0.
    pub bias: Param,
    /// Stride, padding and dilation; groups must be 1.
    pub spec: ConvSpec,
    /// c_out, c_in, kh, kw.
    kernel: [usize; 4],
    side: Side,
}

impl DynamicLocalFilter2d {
    /// A layer of square kernels, computed by the side network.
    #[track_caller]
    pub fn new(c_in: usize, c_out: usize, size: usize, side: impl Layer + Send + Sync + 'static) -> Self {
        DynamicLocalFilter2d {
            bias: Param::bias("bias", Tensor::zeros([c_out], DType::F32)),
            spec: ConvSpec::default(),
            kernel: [c_out, c_in, size, size],
            side: Side::new(side),
        }
    }

    /// The same layer with another stride and padding (and dilation). The side network must return maps of the size of
    /// the output.
    pub fn with(self, spec: ConvSpec) -> Self {
        DynamicLocalFilter2d { spec, ..self }
    }

    #[track_caller]
    fn filtered<'t>(&self, x: Var<'t>, maps: Var<'t>) -> Var<'t> {
        let (tape, shape, [o, c, kh, kw]) = (x.tape(), x.shape(), self.kernel);
        let out = match *shape.dims() {
            [_, _, height, width] => self.spec.output_size([height, width], [kh, kw]),
            _ => Err(Error::shape("dynamic filter", &[&shape], "images [n, c, h, w] are needed")),
        };
        let [oh, ow] = match out {
            Ok(out) => out,
            Err(error) => panic!("{}", tape.locate(error)),
        };
        assert_maps("dynamic filter", maps, shape[0], &[o * c * kh * kw], [oh, ow]);
        let kernels = maps.permute(&[0, 2, 3, 1]);
        let kernels = match maps.shape()[0] {
            n if n == shape[0] => kernels.reshape([n, oh, ow, o, c, kh, kw]),
            _ => kernels.reshape([oh, ow, o, c, kh, kw]),
        };
        let y = x.local_conv2d(kernels, None, self.spec);
        y + tape.watch(&self.bias).per_channel(y)
    }
}

impl Layer for DynamicLocalFilter2d {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.filtered(x, self.side.forward(x))
    }

    fn trace<'t>(&self, x: &[Var<'t>], visit: Visit<'_, 't>) -> ControlFlow<(), Vec<Var<'t>>> {
        match *x {
            [x] => ControlFlow::Continue(vec![self.filtered(x, self.side.trace(x, visit)?)]),
            _ => ControlFlow::Continue(self.forward_all(x)),
        }
    }

    fn children(&self) -> Vec<(&str, &dyn Layer)> {
        self.side.children()
    }

    fn params(&self) -> Vec<Param> {
        self.side.with_params(&[&self.bias])
    }
}
