//! RMSprop: steps divided by the running root mean square of the gradient.
//!
//! s ← α s + (1 − α) g²,  w ← w − η g / (√s + ε) (Tieleman and Hinton, lecture 6.5 of "Neural Networks for Machine
//! Learning", 2012). With momentum, `b ← μ b + g / (√s + ε)`, `w ← w − η b`. The centered form uses the variance s − a²
//! instead of s, where a is the running mean of the gradient (Graves, arXiv 1308.0850); a variance that rounding makes
//! negative counts as 0. Constants and the place of ε are those of PyTorch's `torch.optim.RMSprop`.

use super::{
    elements::each,
    settings::optimizer,
    state::{OptimizerState, Step},
};
use crate::{Param, Result, dispatch};

/// RMSprop: `w ← w − η g / (√s + ε)` with the running mean s of g².
///
/// ```
/// use wengert::{DType, Param, Tape, Tensor, optim::{Optimizer, RmsProp}};
/// let w = Param::new("w", Tensor::scalar(2.0, DType::F64));
/// let mut rms = RmsProp::new(&[w.clone()], 0.01)?.alpha(0.75)?;
/// let tape = Tape::f64();
/// rms.step(&(tape.watch(&w) * 30.0).backward()?)?;
/// assert!((w.value().item() - 1.98).abs() < 1e-9);         // s = g² / 4, so the first step is 2 η
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Debug)]
pub struct RmsProp {
    state: OptimizerState,
    alpha: f64,
    epsilon: f64,
    momentum: f64,
    centered: bool,
}

impl RmsProp {
    /// The optimizer with α = 0.99, ε = 1e-8, no momentum, not centered. A parameter listed twice is changed once.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) when the learning rate is negative or not finite, or two
    /// parameters share a name; [`Error::Empty`](crate::Error::Empty) when there is no parameter.
    pub fn new(params: &[Param], learning_rate: f64) -> Result<Self> {
        let state = OptimizerState::new("rmsprop", params, learning_rate, &["square_avg"])?;
        Ok(RmsProp { state, alpha: 0.99, epsilon: 1e-8, momentum: 0.0, centered: false })
    }

    /// Sets α.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) unless 0 ≤ α < 1.
    pub fn alpha(mut self, alpha: f64) -> Result<Self> {
        self.alpha = self.state.fraction("alpha", alpha)?;
        Ok(self)
    }

    /// Sets ε.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) when it is negative or not finite.
    pub fn epsilon(mut self, epsilon: f64) -> Result<Self> {
        self.epsilon = self.state.not_negative("epsilon", epsilon)?;
        Ok(self)
    }

    /// Sets μ, and resets all buffers to 0.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) unless 0 ≤ μ < 1.
    pub fn momentum(mut self, momentum: f64) -> Result<Self> {
        self.momentum = self.state.fraction("momentum", momentum)?;
        self.allocate();
        Ok(self)
    }

    /// Divides by the standard deviation (`true`) instead of the root mean square, and resets all buffers to 0.
    pub fn centered(mut self, centered: bool) -> Self {
        self.centered = centered;
        self.allocate();
        self
    }

    /// Allocates the buffers that the settings need, by their names in PyTorch.
    fn allocate(&mut self) {
        self.state.allocate(match (self.centered, self.momentum > 0.0) {
            (false, false) => &["square_avg"],
            (false, true) => &["square_avg", "momentum_buffer"],
            (true, false) => &["square_avg", "grad_avg"],
            (true, true) => &["square_avg", "grad_avg", "momentum_buffer"],
        });
    }

    fn formula(&self) -> impl FnMut(Step) + use<> {
        let (alpha, epsilon, momentum) = (self.alpha, self.epsilon, self.momentum);
        let centered = self.centered;
        move |step| {
            let Step { weight, gradient, buffers, learning_rate: eta, decay } = step;
            dispatch!(weight.dtype(), T => {
                let (eta, epsilon, momentum, decay) = (eta as T, epsilon as T, momentum as T, decay as T);
                // Subtracted in double precision: in single, 1 − 0.99 loses digits.
                let (alpha, new) = (alpha as T, (1.0 - alpha) as T);
                match (buffers, centered) {
                    ([s], _) => each!(T: w = weight, s = s; g = gradient; {
                        let g = g + decay * *w;
                        *s = alpha * *s + new * g * g;
                        *w -= eta * (g / (s.sqrt() + epsilon));
                    }),
                    ([s, b], false) => each!(T: w = weight, s = s, b = b; g = gradient; {
                        let g = g + decay * *w;
                        *s = alpha * *s + new * g * g;
                        *b = momentum * *b + g / (s.sqrt() + epsilon);
                        *w -= eta * *b;
                    }),
                    ([s, a], true) => each!(T: w = weight, s = s, a = a; g = gradient; {
                        let g = g + decay * *w;
                        *s = alpha * *s + new * g * g;
                        *a += new * (g - *a);
                        *w -= eta * (g / ((*s - *a * *a).max(0.0).sqrt() + epsilon));
                    }),
                    ([s, a, b], _) => each!(T: w = weight, s = s, a = a, b = b; g = gradient; {
                        let g = g + decay * *w;
                        *s = alpha * *s + new * g * g;
                        *a += new * (g - *a);
                        *b = momentum * *b + g / ((*s - *a * *a).max(0.0).sqrt() + epsilon);
                        *w -= eta * *b;
                    }),
                    _ => unreachable!("each parameter has one to three buffers"),
                }
            })
        }
    }
}

optimizer!(RmsProp);
