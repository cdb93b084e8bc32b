//! A convolution whose kernels at each position are a mixture of a few (Elsayed et al., Revisiting spatial invariance with
//! low-rank local connectivity, arXiv 2002.02959).
//!
//! With W(p) = Σ_r s_r(p) W_r,
//!
//! y(o, p) = Σ_r s_r(p) (W_r ∗ x)(o, p) + b(o):
//!
//! one convolution with R · c_out kernels, and a sum of R products. The matrix with a row W(p) for each position has rank
//! R at most. R = 1 is a [`ScaleMapConv2d`](super::ScaleMapConv2d); with as many as there are positions, any kernels are
//! possible.

use std::ops::ControlFlow;

use super::side::{Side, assert_maps};
use crate::{
    Param, Var,
    nn::{Conv2d, Layer, Visit},
    ops::ConvSpec,
};

/// Σ_r s_r(p) (W_r ∗ x)(p) + b for images x `[n, c_in, h, w]`, with R maps from a side network that sees x and returns `[n,
/// R, oh, ow]`, or `[1, R, oh, ow]` for all images alike. The paper takes a softmax over r, which belongs into the side
/// network.
///
/// ```
/// use wengert::{DType, Tape, Tensor, nn::{CoordConv, Layer, LowRankLocallyConnected2d, Sequential, Softmax}};
/// let side = Sequential::new().then(CoordConv::new(3, 4, 5, 1)).then(Softmax(1));
/// let layer = LowRankLocallyConnected2d::new(3, 8, 5, 4, side, 0);
/// let tape = Tape::new();
/// let y = layer.forward(tape.constant(Tensor::ones([2, 3, 12, 12], DType::F32)));
/// assert_eq!(y.shape().dims(), [2, 8, 8, 8]);
/// ```
pub struct LowRankLocallyConnected2d {
    /// `[R · c_out, c_in, kh, kw]`, the kernels of W_1 first.
    pub weight: Param,
    /// `[c_out]`.
    pub bias: Param,
    /// Stride, padding and dilation.
    pub spec: ConvSpec,
    rank: usize,
    side: Side,
}

impl LowRankLocallyConnected2d {
    /// A layer of `rank` sets of square kernels, drawn as by [`Conv2d::new`], and a side network.
    ///
    /// # Panics
    /// When `rank` is 0.
    #[track_caller]
    pub fn new(
        c_in: usize,
        c_out: usize,
        size: usize,
        rank: usize,
        side: impl Layer + Send + Sync + 'static,
        seed: u64,
    ) -> Self {
        assert!(rank > 0, "low rank: the rank is {rank}, but it must be at least 1");
        let Conv2d { weight, spec, .. } = Conv2d::new(c_in, rank * c_out, size, seed);
        let Conv2d { bias, .. } = Conv2d::new(c_in, c_out, size, seed);
        LowRankLocallyConnected2d { weight, bias, spec, rank, side: Side::new(side) }
    }

    /// The same layer with another stride and padding (and dilation). The side network must return maps of the size of
    /// the output.
    pub fn with(self, spec: ConvSpec) -> Self {
        LowRankLocallyConnected2d { spec, ..self }
    }

    #[track_caller]
    fn mixed<'t>(&self, x: Var<'t>, maps: Var<'t>) -> Var<'t> {
        let (tape, rank) = (x.tape(), self.rank);
        let y = x.conv2d(tape.watch(&self.weight), None, self.spec);
        let (n, c_out, oh, ow) = (y.shape()[0], y.shape()[1] / rank, y.shape()[2], y.shape()[3]);
        assert_maps("low rank", maps, n, &[rank], [oh, ow]);
        let terms = y.reshape([n, rank, c_out, oh, ow]) * maps.unsqueeze(2);
        let y = terms.sum_axes(&[1], false);
        y + tape.watch(&self.bias).per_channel(y)
    }
}

impl Layer for LowRankLocallyConnected2d {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.mixed(x, self.side.forward(x))
    }

    fn trace<'t>(&self, x: &[Var<'t>], visit: Visit<'_, 't>) -> ControlFlow<(), Vec<Var<'t>>> {
        match *x {
            [x] => ControlFlow::Continue(vec![self.mixed(x, self.side.trace(x, visit)?)]),
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
