//! The initialization of parameters.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, Normal, Uniform};

use crate::{DType, Shape, Tensor};

/// A distribution for the initial values of a parameter.
///
/// `fan_in` and `fan_out` are the numbers of inputs and outputs of one unit: for kernels `[out, in, kh, kw]`,
/// in · kh · kw and out · kh · kw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// The same number everywhere.
    Constant(f64),
    /// Normal with mean 0 and this standard deviation.
    Normal(f64),
    /// Uniform from the first number to the second.
    Uniform(f64, f64),
    /// Normal with variance 2 / fan_in (He et al., arXiv 1502.01852): for ReLU and its relatives.
    He,
    /// Uniform with variance 2 / (fan_in + fan_out) (Glorot and Bengio, 2010): for tanh.
    Glorot,
    /// Uniform within ±1/√fan_in: PyTorch's default for linear layers and convolutions.
    Lecun,
}

impl Init {
    /// Draws a tensor in single precision; the same seed gives the same numbers.
    ///
    /// # Panics
    /// When the distribution does not exist: for a negative or non-finite deviation, or an empty range.
    pub fn draw(self, shape: impl Into<Shape>, seed: u64) -> Tensor {
        let shape = shape.into();
        let (fan_in, fan_out) = fans(&shape);
        let mut rng = StdRng::seed_from_u64(seed);
        let mut normal = |deviation: f64| {
            let normal = Normal::new(0.0, deviation);
            let normal = normal.unwrap_or_else(|_| panic!("init: a standard deviation of {deviation} does not exist"));
            Tensor::from_fn(shape.clone(), DType::F32, |_| normal.sample(&mut rng))
        };
        let (low, high) = match self {
            Init::Normal(deviation) => return normal(deviation),
            Init::He => return normal((2.0 / fan_in as f64).sqrt()),
            Init::Constant(value) => return Tensor::full(shape, value, DType::F32),
            Init::Uniform(low, high) => (low, high),
            Init::Glorot => symmetric((6.0 / (fan_in + fan_out) as f64).sqrt()),
            Init::Lecun => symmetric((1.0 / fan_in as f64).sqrt()),
        };
        let uniform = Uniform::new_inclusive(low, high);
        let uniform = uniform.unwrap_or_else(|_| panic!("init: there is no uniform distribution from {low} to {high}"));
        let mut rng = StdRng::seed_from_u64(seed);
        Tensor::from_fn(shape, DType::F32, |_| uniform.sample(&mut rng))
    }
}

fn symmetric(bound: f64) -> (f64, f64) {
    (-bound, bound)
}

fn fans(shape: &Shape) -> (usize, usize) {
    match shape.dims() {
        [] => (1, 1),
        [n] => (*n, *n),
        [out, inputs, window @ ..] => {
            let taps: usize = window.iter().product();
            ((inputs * taps).max(1), (out * taps).max(1))
        }
    }
}

/// A seed of its own for the k-th tensor that is drawn from one seed.
pub(super) fn seed_of(seed: u64, k: u64) -> u64 {
    StdRng::seed_from_u64(seed ^ k.wrapping_mul(0x9e37_79b9_7f4a_7c15)).random()
}
