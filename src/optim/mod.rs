//! Optimizers: update rules for trainable parameters, learning-rate schedules, gradient clipping.
//!
//! An [`Optimizer`] is made for a list of parameters and steps on what `backward` returned:
//!
//! ```
//! use wengert::{Tape, nn::{Layer, Linear}, optim::{Adam, Optimizer}};
//! let net = Linear::new(2, 1, 0);
//! let mut optimizer = Adam::new(&net.params(), 0.1)?;
//! let mut tape = Tape::new();
//! let mut losses = Vec::new();
//! for _ in 0..50 {
//!     tape.reset();
//!     let error = net.forward(tape.constant([[1.0, 2.0], [3.0, 4.0]])) - tape.constant([[0.0], [1.0]]);
//!     let loss = (error * error).mean();
//!     losses.push(loss.item());
//!     optimizer.step(&loss.backward()?)?;
//! }
//! assert!(losses[49] < 0.1 * losses[0]);
//! # Ok::<(), wengert::Error>(())
//! ```
//!
//! - [`Sgd`], [`Adam`], [`AdamW`], [`RmsProp`]: the formulas. Each is one pass over its tensors, in the parameter's own
//!   precision, with memory that is allocated once.
//! - [`Group`]: factors of the learning rate and the decay for some of the parameters.
//! - [`Schedule`]: the learning rate as a function of the iteration.
//! - [`clip_norm`], [`clip_value`]: gradients kept in bounds.
//!
//! A step checks all that it needs before it writes anything: after an error every parameter is as it was.
//!
//! What may not live here: anything that needs access to the inside of a tape. This module uses the core as a user
//! would.

mod adam;
mod clip;
mod decay;
mod elements;
mod rms_prop;
mod schedule;
mod settings;
mod sgd;
mod state;

pub use adam::{Adam, AdamW};
pub use clip::{clip_norm, clip_value};
pub use decay::{Decay, Group};
pub use rms_prop::RmsProp;
pub use schedule::Schedule;
pub use sgd::{Momentum, Sgd};

use crate::{FormatProblem, Gradients, Param, Result, Tensor};

/// An update rule for a list of parameters.
pub trait Optimizer {
    /// Updates every trainable parameter by its gradient.
    ///
    /// # Errors
    /// [`Error::NoGradient`](crate::Error::NoGradient) for a trainable parameter that the loss does not depend on,
    /// [`Error::NonFinite`](crate::Error::NonFinite) for a gradient with a NaN or an infinity, and
    /// [`Error::Shape`](crate::Error::Shape) for a parameter whose shape has changed. Then nothing is changed.
    fn step(&mut self, gradients: &Gradients) -> Result<()>;

    /// The learning rate of the next step.
    fn learning_rate(&self) -> f64;

    /// Sets the learning rate of the next steps.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) when it is negative or not finite.
    fn set_learning_rate(&mut self, learning_rate: f64) -> Result<()>;

    /// The parameters that it updates, each once.
    fn params(&self) -> &[Param];

    /// The number of steps made.
    fn steps(&self) -> u64;

    /// All that it keeps between steps, by name: the number of `steps`, and the buffers of each parameter, such as
    /// `velocity.0.weight`.
    fn state(&self) -> Vec<(String, Tensor)>;

    /// Restores what [`state`](Optimizer::state) returned, converted to the precision of the parameters: from here on
    /// the optimizer steps as the one that was saved would have.
    ///
    /// # Errors
    /// What is wrong with the entries: one is missing, unknown, or of another shape; `steps` is not a whole
    /// number; a number is not finite; a running mean of squares is negative. Then nothing is changed.
    fn load_state(&mut self, state: &[(String, Tensor)]) -> Result<(), FormatProblem>;
}
