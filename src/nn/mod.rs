//! Layers: functions of a tape with parameters.
//!
//! A layer is written once, in tape algebra, without a type parameter: the tape decides the precision. The layers here
//! use the public API of the core alone, as a layer of your own does.

mod activation;
mod batch_norm;
mod conv;
mod init;
mod linear;
mod sequential;
mod simple;

pub use activation::Elu;
pub use batch_norm::BatchNorm;
pub use conv::Conv2d;
pub use init::Init;
pub use linear::Linear;
pub use sequential::Sequential;
pub use simple::{Dropout, Flatten, MaxPool2d, Relu, Tanh};

use crate::{Param, Var};

/// A function of a tape with parameters and, perhaps, state.
///
/// ```
/// use wengert::{DType, Param, Tape, Tensor, Var, nn::Layer};
///
/// /// y = s · x, with one learned number s.
/// struct Scale { s: Param }
/// impl Layer for Scale {
///     fn forward<'t>(&self, x: Var<'t>) -> Var<'t> { x * x.tape().watch(&self.s) }
///     fn params(&self) -> Vec<Param> { vec![self.s.clone()] }
/// }
///
/// let layer = Scale { s: Param::new("s", Tensor::scalar(3.0, DType::F32)) };
/// let tape = Tape::f64();
/// let loss = layer.forward(tape.constant([1.0, 2.0])).sum();
/// assert_eq!(loss.backward()?.wrt(&layer.s)?.item(), 3.0);
/// # Ok::<(), wengert::Error>(())
/// ```
pub trait Layer {
    /// The output for the input `x`, recorded on the tape of `x`.
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t>;

    /// The trainable parameters, by the names that PyTorch gives them.
    fn params(&self) -> Vec<Param> {
        Vec::new()
    }

    /// What the layer keeps besides its parameters, such as running statistics: PyTorch's buffers.
    fn state(&self) -> Vec<Param> {
        Vec::new()
    }

    /// Whether the output for an observation depends on the other observations of its batch, as in [`BatchNorm`] in
    /// training. A check reports it unless it is declared here.
    fn couples_observations(&self) -> bool {
        false
    }

    /// Starts to collect the layer's statistics over many batches; see [`BatchNorm`]. Does nothing for most layers.
    fn start_statistics(&self) {}

    /// Makes the statistics collected since [`start_statistics`](Layer::start_statistics) those of evaluation.
    fn finish_statistics(&self) {}

    /// Parameters and state, for saving and loading.
    fn tensors(&self) -> Vec<Param> {
        self.params().into_iter().chain(self.state()).collect()
    }

    /// The number of numbers in all [`params`](Layer::params).
    fn param_count(&self) -> usize {
        self.params().iter().map(|p| p.shape().numel()).sum()
    }
}
