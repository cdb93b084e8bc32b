//! Adam and AdamW: steps scaled by running moments of the gradient.
//!
//! With g the gradient, t the number of the step (from 1) and the learning rate η (Kingma and Ba, arXiv 1412.6980):
//!
//! m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,
//! w ← w − η m̂ / (√v̂ + ε)  with m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ).
//!
//! Adam adds weight decay to the gradient, where the division by √v̂ takes most of it away again. AdamW subtracts η λ w
//! from the weight itself (Loshchilov and Hutter, arXiv 1711.05101). Constants and the order of operations are those of
//! PyTorch's `torch.optim.Adam` and `AdamW`.

use super::{
    Decay,
    elements::each,
    settings::optimizer,
    state::{OptimizerState, Step},
};
use crate::{Param, Result, dispatch};

/// What the two have in common.
#[derive(Clone, Copy, Debug)]
struct Moments {
    betas: (f64, f64),
    epsilon: f64,
    /// Whether weight decay acts on the weight instead of the gradient.
    decoupled: bool,
}

/// The buffers m and v, by their names in PyTorch.
const BUFFERS: [&str; 2] = ["exp_avg", "exp_avg_sq"];

impl Moments {
    fn new(decoupled: bool) -> Self {
        Moments { betas: (0.9, 0.999), epsilon: 1e-8, decoupled }
    }

    /// The update of one parameter in step `t`.
    fn formula(self, t: u64) -> impl FnMut(Step) {
        let (beta1, beta2) = self.betas;
        let t = t as f64;
        let start = 1.0 - beta1.powf(t);
        let root = (1.0 - beta2.powf(t)).sqrt();
        move |step| {
            let Step { weight, gradient, buffers, learning_rate: eta, decay } = step;
            let size = eta / start;
            let [m, v] = buffers else { unreachable!("each parameter has two buffers") };
            let (shrink, decay) = if self.decoupled { (1.0 - eta * decay, 0.0) } else { (1.0, decay) };
            dispatch!(weight.dtype(), T => {
                let (size, root, epsilon, shrink, decay) =
                    (size as T, root as T, self.epsilon as T, shrink as T, decay as T);
                // Subtracted in double precision: in single, 1 − 0.999 loses three digits.
                let (new1, beta2, new2) = ((1.0 - beta1) as T, beta2 as T, (1.0 - beta2) as T);
                each!(T: w = weight, m = m, v = v; g = gradient; {
                    let g = g + decay * *w;
                    *m += new1 * (g - *m);
                    *v = beta2 * *v + new2 * g * g;
                    *w = shrink * *w - size * *m / (v.sqrt() / root + epsilon);
                })
            })
        }
    }
}

macro_rules! adam {
    ($(#[$doc:meta])* $Name:ident, $name:literal, $decoupled:literal, $decay:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $Name {
            state: OptimizerState,
            moments: Moments,
        }

        impl $Name {
            /// The optimizer with β = (0.9, 0.999) and ε = 1e-8. A parameter listed twice is changed once.
            ///
            /// # Errors
            /// [`Error::Setting`](crate::Error::Setting) when the learning rate is negative or not finite, or two
            /// parameters share a name; [`Error::Empty`](crate::Error::Empty) when there is no parameter.
            pub fn new(params: &[Param], learning_rate: f64) -> Result<Self> {
                let mut state = OptimizerState::new($name, params, learning_rate, &BUFFERS)?;
                state.set_decay($decay)?;
                Ok($Name { state, moments: Moments::new($decoupled) })
            }

            /// Sets β₁ and β₂.
            ///
            /// # Errors
            /// [`Error::Setting`](crate::Error::Setting) unless both are at least 0 and less than 1.
            pub fn betas(mut self, beta1: f64, beta2: f64) -> Result<Self> {
                self.moments.betas = (self.state.fraction("beta1", beta1)?, self.state.fraction("beta2", beta2)?);
                Ok(self)
            }

            /// Sets ε.
            ///
            /// # Errors
            /// [`Error::Setting`](crate::Error::Setting) when it is negative or not finite.
            pub fn epsilon(mut self, epsilon: f64) -> Result<Self> {
                self.moments.epsilon = self.state.not_negative("epsilon", epsilon)?;
                Ok(self)
            }

            fn formula(&self) -> impl FnMut(Step) + use<> {
                self.moments.formula(self.state.steps + 1)
            }
        }

        optimizer!($Name);
    };
}

adam! {
    /// Adam: `w ← w − η m̂ / (√v̂ + ε)`, with weight decay (none by default) added to the gradient.
    ///
    /// ```
    /// use wengert::{DType, Param, Tape, Tensor, optim::{Adam, Optimizer}};
    /// let w = Param::new("w", Tensor::scalar(2.0, DType::F64));
    /// let mut adam = Adam::new(&[w.clone()], 0.1)?;
    /// let tape = Tape::f64();
    /// adam.step(&(tape.watch(&w) * 30.0).backward()?)?;
    /// assert!((w.value().item() - 1.9).abs() < 1e-9);      // the first step is η, whatever the size of the gradient
    /// # Ok::<(), wengert::Error>(())
    /// ```
    Adam, "adam", false, Decay::None
}

adam! {
    /// AdamW: Adam with weight decay applied to the weight itself, `w ← (1 − η λ) w − η m̂ / (√v̂ + ε)`; λ = 0.01 on
    /// weights by default.
    AdamW, "adamw", true, Decay::Weights(0.01)
}
