//! Activation functions: each a layer around the method of [`Var`] that computes it.
//!
//! They act on each number alone, for any shape, except [`Softmax`] and [`LogSoftmax`], which look along an axis. None
//! has parameters, except [`Elu`] and [`PRelu`].

use super::{Init, Layer};
use crate::{DType, Param, Tensor, Var};

/// A layer that is one function of its input, with a number of its own or without.
macro_rules! function_layer {
    ($($(#[$doc:meta])* $Name:ident => $method:ident;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Default)]
            pub struct $Name;
            function_layer!(@layer $Name => $method,);
        )*
    };
    ($($(#[$doc:meta])* $Name:ident($number:ident: $Number:ty) => $method:ident;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $Name(pub $Number);
            function_layer!(@layer $Name => $method, $number);
        )*
    };
    (@layer $Name:ident => $method:ident, $($number:ident)?) => {
        impl Layer for $Name {
            #[track_caller]
            fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
                let $Name $(($number))? = *self;
                x.$method($($number)?)
            }
        }
    };
}

function_layer! {
    /// max(x, 0).
    Relu => relu;
    /// tanh x.
    Tanh => tanh;
    /// The logistic function 1 / (1 + e⁻ˣ).
    Sigmoid => sigmoid;
    /// ln(1 / (1 + e⁻ˣ)), without overflow.
    LogSigmoid => log_sigmoid;
    /// ln(1 + eˣ), without overflow.
    Softplus => softplus;
    /// x Φ(x), with the normal distribution function Φ (Hendrycks and Gimpel, arXiv 1606.08415), in its exact form.
    Gelu => gelu;
    /// x / (1 + e⁻ˣ), also called swish (Ramachandran et al., arXiv 1710.05941).
    Silu => silu;
    /// x tanh(ln(1 + eˣ)) (Misra, arXiv 1908.08681).
    Mish => mish;
    /// x · min(max(x + 3, 0), 6) / 6 (Howard et al., arXiv 1905.02244).
    Hardswish => hardswish;
    /// λ x for x > 0, λ α (eˣ − 1) elsewhere, with the α and λ of [`Var::selu`] that keep mean 0 and variance 1
    /// (Klambauer et al., arXiv 1706.02515).
    Selu => selu;
}

function_layer! {
    /// x for x > 0, slope · x elsewhere (Maas et al., 2013). The slope is 0.01 by default in PyTorch.
    LeakyRelu(slope: f64) => leaky_relu;
    /// x for x > 0, α (eˣ − 1) elsewhere, with a fixed α: PyTorch's `nn.ELU`, where it is 1 by default. [`Elu`] learns
    /// its alphas.
    FixedElu(alpha: f64) => elu;
    /// eˣ / Σ eˣ along an axis, which may count from the end: probabilities that add up to 1.
    Softmax(axis: isize) => softmax;
    /// ln(eˣ / Σ eˣ) along an axis, which may count from the end, without overflow: logarithms of probabilities.
    LogSoftmax(axis: isize) => log_softmax;
}

/// x for x > 0, α (e^(x/α) − 1) elsewhere, whose derivative is 1 on both sides of 0 (Barron, arXiv 1704.07483).
#[derive(Clone, Copy, Debug)]
pub struct Celu {
    alpha: f64,
}

impl Celu {
    /// A layer with this α, which is 1 by default in PyTorch.
    ///
    /// # Panics
    /// Unless α is finite and not 0, for x is divided by it.
    #[track_caller]
    pub fn new(alpha: f64) -> Self {
        assert!(alpha.is_finite() && alpha != 0.0, "celu: alpha is {alpha}, but it must be finite and not 0");
        Celu { alpha }
    }
}

impl Layer for Celu {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.celu(self.alpha)
    }
}

/// x for x > 0, α_c (eˣ − 1) elsewhere, with one learned α for each channel (axis 1).
///
/// Clevert et al. (arXiv 1511.07289), with α learned. The exponential is taken of min(x, 0), so that a large positive x
/// does not overflow in the branch that is not used.
#[derive(Debug)]
pub struct Elu {
    /// α, `[c]`.
    pub alpha: Param,
}

impl Elu {
    /// A layer for `channels` channels, with α drawn uniformly from 0 to 1.
    pub fn new(channels: usize, seed: u64) -> Self {
        Elu { alpha: Param::new("alpha", Init::Uniform(0.0, 1.0).draw([channels], seed)) }
    }
}

impl Layer for Elu {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let alpha = x.tape().watch(&self.alpha).per_channel(x);
        x.relu() + alpha * x.min(0.0).exp_m1()
    }

    fn params(&self) -> Vec<Param> {
        vec![self.alpha.clone()]
    }
}

/// x for x > 0, a_c x elsewhere, with one learned slope for each channel (axis 1), or one for all (He et al., arXiv
/// 1502.01852).
#[derive(Debug)]
pub struct PRelu {
    /// a, `[c]` or `[1]`.
    pub weight: Param,
}

impl PRelu {
    /// A layer for `channels` channels, or with one slope for all of them if 1, which begins at 0.25 as in PyTorch.
    pub fn new(channels: usize) -> Self {
        PRelu { weight: Param::new("weight", Tensor::full([channels], 0.25, DType::F32)) }
    }
}

impl Layer for PRelu {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.prelu(x.tape().watch(&self.weight))
    }

    fn params(&self) -> Vec<Param> {
        vec![self.weight.clone()]
    }
}
