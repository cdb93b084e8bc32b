//! Stochastic gradient descent with momentum.
//!
//! Two ways to write it down are in use. With the gradient g of the loss plus λ w, and the learning rate η:
//!
//! - MATLAB's `sgdm`, Caffe, Keras: `v ← μ v − η g`, `w ← w + v`. The learning rate is part of the velocity.
//! - PyTorch: `v ← μ v + g`, `w ← w − η v`. The learning rate multiplies the velocity.
//!
//! With a constant learning rate both take the same steps (Caffe's v is −η times PyTorch's). They differ when the
//! learning rate changes: in the first form, what the velocity holds keeps the learning rate of its own step; in the
//! second, all of it is multiplied by the new one.

use super::{
    elements::each,
    settings::optimizer,
    state::{OptimizerState, Step},
};
use crate::{Param, Result, dispatch};

/// Whether the learning rate is part of the velocity; see [`Sgd`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Momentum {
    /// v ← μ v − η g, w ← w + v: MATLAB, Caffe, Keras.
    #[default]
    Caffe,
    /// v ← μ v + g, w ← w − η v: PyTorch.
    PyTorch,
}

/// Gradient descent with momentum μ: the default form is `v ← μ v − η (g + λ w)`, `w ← w + v` ([`Momentum::Caffe`]).
///
/// With [Nesterov](Sgd::nesterov)'s look-ahead the step is `w ← w + μ v − η g` with the new v (in PyTorch's form,
/// `w ← w − η (g + μ v)`), as Sutskever et al. (ICML 2013) rewrite it for the gradient at w.
///
/// ```
/// use wengert::{DType, Param, Tape, Tensor, optim::{Decay, Optimizer, Sgd}};
/// let w = Param::new("w", Tensor::scalar(2.0, DType::F64));
/// let mut sgd = Sgd::new(&[w.clone()], 0.1)?.momentum(0.9)?.decay(Decay::Weights(0.5))?;
/// let tape = Tape::f64();
/// let loss = tape.watch(&w) * 3.0;
/// sgd.step(&loss.backward()?)?;
/// assert_eq!(w.value().item(), 2.0 - 0.1 * (3.0 + 0.5 * 2.0));
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Debug)]
pub struct Sgd {
    state: OptimizerState,
    momentum: f64,
    form: Momentum,
    nesterov: bool,
}

impl Sgd {
    /// Plain gradient descent, `w ← w − η g`: no momentum, no weight decay. A parameter listed twice is changed once.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) when the learning rate is negative or not finite, or two
    /// parameters share a name; [`Error::Empty`](crate::Error::Empty) when there is no parameter.
    pub fn new(params: &[Param], learning_rate: f64) -> Result<Self> {
        let state = OptimizerState::new("sgd", params, learning_rate, &[])?;
        Ok(Sgd { state, momentum: 0.0, form: Momentum::default(), nesterov: false })
    }

    /// Sets μ, and resets all velocities to 0.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) unless 0 ≤ μ < 1.
    pub fn momentum(mut self, momentum: f64) -> Result<Self> {
        self.momentum = self.state.fraction("momentum", momentum)?;
        self.state.allocate(if momentum > 0.0 { &["velocity"] } else { &[] });
        Ok(self)
    }

    /// Sets whether the learning rate is part of the velocity.
    pub fn form(self, form: Momentum) -> Self {
        Sgd { form, ..self }
    }

    /// Turns Nesterov's look-ahead on or off. Without momentum it makes no difference.
    pub fn nesterov(self, nesterov: bool) -> Self {
        Sgd { nesterov, ..self }
    }

    fn formula(&self) -> impl FnMut(Step) + use<> {
        let (momentum, form, nesterov) = (self.momentum, self.form, self.nesterov);
        move |step| {
            let Step { weight, gradient, buffers, learning_rate: eta, decay } = step;
            dispatch!(weight.dtype(), T => {
                let (eta, momentum, decay) = (eta as T, momentum as T, decay as T);
                match (buffers, form, nesterov) {
                    ([], ..) => each!(T: w = weight; g = gradient; {
                        *w -= eta * (g + decay * *w);
                    }),
                    ([velocity, ..], Momentum::Caffe, false) => each!(T: w = weight, v = velocity; g = gradient; {
                        *v = momentum * *v - eta * (g + decay * *w);
                        *w += *v;
                    }),
                    ([velocity, ..], Momentum::Caffe, true) => each!(T: w = weight, v = velocity; g = gradient; {
                        let descent = eta * (g + decay * *w);
                        *v = momentum * *v - descent;
                        *w += momentum * *v - descent;
                    }),
                    ([velocity, ..], Momentum::PyTorch, false) => each!(T: w = weight, v = velocity; g = gradient; {
                        *v = momentum * *v + (g + decay * *w);
                        *w -= eta * *v;
                    }),
                    ([velocity, ..], Momentum::PyTorch, true) => each!(T: w = weight, v = velocity; g = gradient; {
                        let g = g + decay * *w;
                        *v = momentum * *v + g;
                        *w -= eta * (g + momentum * *v);
                    }),
                }
            })
        }
    }
}

optimizer!(Sgd);
