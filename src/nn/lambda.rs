//! A function of the user as a layer.

use super::Layer;
use crate::Var;

/// A layer without parameters that is a closure, for what a network does between its layers. What it records belongs to
/// the lines of the closure.
///
/// ```
/// use wengert::{DType, Tape, Tensor, nn::{Lambda, Layer, Linear, Sequential}};
/// let net = Sequential::new().then(Lambda(|x| x.mean_axes(&[1], false))).then(Linear::new(3, 4, 0));
/// let tape = Tape::new();
/// let sequences = tape.constant(Tensor::ones([2, 5, 3], DType::F32));
/// assert_eq!(net.forward(sequences).shape().dims(), [2, 4]);
/// ```
pub struct Lambda<F: for<'t> Fn(Var<'t>) -> Var<'t>>(pub F);

impl<F: for<'t> Fn(Var<'t>) -> Var<'t>> Layer for Lambda<F> {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let _own = x.tape().at_line(None);
        (self.0)(x)
    }
}
