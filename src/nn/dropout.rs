//! Dropout.

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{Layer, init::seed_of};
use crate::{DType, Mode, Param, Tensor, Var};

/// In training, sets each number to 0 with probability `p` and divides the others by 1 − p (Srivastava et al., 2014);
/// in evaluation, returns its input.
///
/// The mask is a function of the seed and of the number of masks drawn before it. That number is kept as state
/// (`calls`, in double precision, which counts to 2⁵³), so that a run that resumes from a checkpoint draws the masks of
/// an uninterrupted one. PyTorch's weights have no such entry: load them into the `params()` of a network.
///
/// ```
/// use wengert::{Tape, Tensor, nn::{Dropout, Layer}};
/// let layer = Dropout::new(0.5, 7);
/// let ones = Tensor::ones([4, 8], wengert::DType::F32);
/// let draw = || layer.forward(Tape::new().constant(ones.clone())).value().to_vec();
/// let (first, second) = (draw(), draw());
/// assert_ne!(first, second);
/// layer.state()[0].update(|calls| *calls = Tensor::from(1.0));
/// assert_eq!(draw(), second);
/// ```
#[derive(Debug)]
pub struct Dropout {
    p: f64,
    seed: u64,
    calls: Param,
}

impl Dropout {
    /// A layer that drops with probability `p`.
    ///
    /// # Panics
    /// Unless 0 ≤ p < 1.
    #[track_caller]
    pub fn new(p: f64, seed: u64) -> Self {
        assert!((0.0..1.0).contains(&p), "dropout: the probability is {p}, but it must be at least 0 and less than 1");
        Dropout { p, seed, calls: Param::state("calls", Tensor::scalar(0.0, DType::F64)) }
    }
}

impl Layer for Dropout {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        if x.tape().mode() == Mode::Eval || self.p == 0.0 {
            return x;
        }
        // In double precision even when the network was converted: single precision stops counting at 2²⁴.
        let call = self.calls.update(|calls| {
            let call = calls.item();
            *calls = Tensor::scalar(call + 1.0, DType::F64);
            call as u64
        });
        let mut rng = StdRng::seed_from_u64(seed_of(self.seed, call));
        let kept = 1.0 / (1.0 - self.p);
        let mask = Tensor::from_fn(x.shape(), x.dtype(), |_| if rng.random_bool(self.p) { 0.0 } else { kept });
        x * x.tape().constant(mask)
    }

    fn state(&self) -> Vec<Param> {
        vec![self.calls.clone()]
    }
}
