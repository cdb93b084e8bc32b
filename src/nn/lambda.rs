//! Functions of the user as layers.

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

/// [`Lambda`] for several inputs and outputs: a sum or a concatenation in a [`Graph`](super::Graph), or a loss.
///
/// ```
/// use wengert::{Tape, nn::{LambdaAll, Layer}};
/// let sum_and_product = LambdaAll(|x| vec![x[0] + x[1], x[0] * x[1]]);
/// let tape = Tape::f64();
/// let y = sum_and_product.forward_all(&[tape.constant(2.0), tape.constant(3.0)]);
/// assert_eq!((y[0].item(), y[1].item()), (5.0, 6.0));
/// ```
pub struct LambdaAll<F: for<'t> Fn(&[Var<'t>]) -> Vec<Var<'t>>>(pub F);

impl<F: for<'t> Fn(&[Var<'t>]) -> Vec<Var<'t>>> Layer for LambdaAll<F> {
    fn forward_all<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        let _own = x.first().map(|x| x.tape().at_line(None));
        (self.0)(x)
    }
}
