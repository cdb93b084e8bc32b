//! Normalization within each observation, the same in training and in evaluation: y = γ x̂ + β, where
//! x̂ = (x − mean) / √(var + ε) has mean 0 and variance 1 over
//!
//! - the last axes ([`LayerNorm`]),
//! - groups of channels ([`GroupNorm`]),
//! - each channel ([`InstanceNorm`]).
//!
//! The variance is that of all numbers, divided by their count, as in PyTorch.

use super::Layer;
use crate::{DType, Error, Param, Shape, Tensor, Var};

/// γ and β as in PyTorch: `weight`, which starts at 1, and `bias`, which starts at 0.
fn scale_and_shift(shape: &Shape) -> (Param, Param) {
    let full = |value| Tensor::full(shape, value, DType::F32);
    (Param::new("weight", full(1.0)), Param::bias("bias", full(0.0)))
}

/// Layer normalization (Ba et al., arXiv 1607.06450) of `[.., s]`, over the axes s that γ and β have.
///
/// ```
/// use wengert::{Tape, nn::{Layer, LayerNorm}};
/// let layer = LayerNorm::new([2]);
/// let tape = Tape::f64();
/// let y = layer.forward(tape.constant([[1.0, 3.0], [10.0, 30.0]])).value();
/// assert!(y.to_vec().iter().zip([-1.0, 1.0, -1.0, 1.0]).all(|(y, want)| (y - want).abs() < 1e-5));
/// ```
#[derive(Debug)]
pub struct LayerNorm {
    /// γ, of the shape s; starts at 1.
    pub weight: Param,
    /// β, of the shape s; starts at 0.
    pub bias: Param,
    /// ε, 1e-5.
    pub epsilon: f64,
}

impl LayerNorm {
    /// A layer over the last axes, whose sizes are `shape`: `[c]` for features `[.., c]`.
    ///
    /// # Panics
    /// When `shape` has no axis or no numbers.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        assert!(
            shape.rank() > 0 && shape.numel() > 0,
            "layer_norm: the shape is {shape}, but it must have at least one axis, and none of size 0"
        );
        let (weight, bias) = scale_and_shift(&shape);
        LayerNorm { weight, bias, epsilon: 1e-5 }
    }
}

impl Layer for LayerNorm {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let tape = x.tape();
        x.layer_norm(tape.watch(&self.weight), tape.watch(&self.bias), self.epsilon)
    }

    fn params(&self) -> Vec<Param> {
        vec![self.weight.clone(), self.bias.clone()]
    }
}

/// Group normalization (Wu and He, arXiv 1803.08494) of features `[n, c]` or images `[n, c, h, w]`: the channels are
/// divided into runs of equal length, and each run is normalized over its channels and their pixels.
#[derive(Debug)]
pub struct GroupNorm {
    /// γ, `[c]`; starts at 1.
    pub weight: Param,
    /// β, `[c]`; starts at 0.
    pub bias: Param,
    /// ε, 1e-5.
    pub epsilon: f64,
    groups: usize,
}

impl GroupNorm {
    /// A layer for `channels` channels in `groups` groups, in PyTorch's order of the two.
    ///
    /// # Panics
    /// Unless `groups` divides `channels`.
    #[track_caller]
    pub fn new(groups: usize, channels: usize) -> Self {
        assert!(
            groups > 0 && channels.is_multiple_of(groups),
            "group_norm: {channels} channels cannot be divided into {groups} groups of equal size"
        );
        let (weight, bias) = scale_and_shift(&[channels].into());
        GroupNorm { weight, bias, epsilon: 1e-5, groups }
    }
}

impl Layer for GroupNorm {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let tape = x.tape();
        x.group_norm(self.groups, tape.watch(&self.weight), tape.watch(&self.bias), self.epsilon)
    }

    fn params(&self) -> Vec<Param> {
        vec![self.weight.clone(), self.bias.clone()]
    }
}

/// Instance normalization (Ulyanov et al., arXiv 1607.08022) of images `[n, c, h, w]` or sequences `[n, c, l]`: each
/// channel of each observation is normalized over its pixels.
///
/// As in PyTorch, there are no parameters unless they are asked for with [`affine`](InstanceNorm::affine), and no
/// running statistics.
#[derive(Debug)]
pub struct InstanceNorm {
    /// γ and β, each `[c]`, which start at 1 and 0; none by default.
    pub scale_and_shift: Option<(Param, Param)>,
    /// ε, 1e-5.
    pub epsilon: f64,
    channels: usize,
}

impl InstanceNorm {
    /// A layer for `channels` channels without parameters.
    pub fn new(channels: usize) -> Self {
        InstanceNorm { scale_and_shift: None, epsilon: 1e-5, channels }
    }

    /// The same layer with the parameters `weight` and `bias`.
    pub fn affine(self) -> Self {
        InstanceNorm { scale_and_shift: Some(scale_and_shift(&[self.channels].into())), ..self }
    }
}

impl Layer for InstanceNorm {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let (tape, shape, c) = (x.tape(), x.shape(), self.channels);
        // A single number would always be normalized to 0.
        if shape.rank() < 3 || shape[1] != c || shape[2..].iter().product::<usize>() < 2 {
            let need = format!("[n, {c}, ..] with at least two numbers in each channel is needed");
            panic!("{}", tape.locate(Error::shape("instance_norm", &[&shape], need)));
        }
        let (gamma, beta) = match &self.scale_and_shift {
            Some((weight, bias)) => (tape.watch(weight), tape.watch(bias)),
            None => {
                let full = |value| tape.constant(Tensor::full([c], value, x.dtype()));
                (full(1.0), full(0.0))
            }
        };
        x.group_norm(c, gamma, beta, self.epsilon)
    }

    fn params(&self) -> Vec<Param> {
        self.scale_and_shift.iter().flat_map(|(weight, bias)| [weight.clone(), bias.clone()]).collect()
    }
}
