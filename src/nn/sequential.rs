//! Layers in sequence.

use std::ops::ControlFlow;

use super::{Layer, Visit, entry::Entry, inside};
use crate::Var;

/// Layers in sequence. Parameters are named as in PyTorch: `0.weight`, or `conv.weight` for a layer with a name.
///
/// ```
/// use wengert::{Tape, nn::{Layer, Linear, Sequential, Tanh}};
/// let net = Sequential::new().then(Linear::new(2, 16, 0)).then(Tanh).named("out", Linear::new(16, 1, 1));
/// assert_eq!(net.params().iter().map(|p| p.name().to_owned()).collect::<Vec<_>>(),
///            ["0.weight", "0.bias", "out.weight", "out.bias"]);
/// let tape = Tape::new();
/// let y = net.forward(tape.constant([[0.5, -0.5]]));
/// assert_eq!(y.shape().dims(), [1, 1]);
/// ```
#[derive(Default)]
pub struct Sequential {
    layers: Vec<Entry>,
}

impl Sequential {
    /// A network without layers.
    pub fn new() -> Self {
        Sequential::default()
    }

    /// Appends a layer, named by its position.
    ///
    /// # Panics
    /// When an earlier layer was given this name.
    #[track_caller]
    pub fn then(self, layer: impl Layer + Send + Sync + 'static) -> Self {
        let name = self.layers.len().to_string();
        self.named(&name, layer)
    }

    /// Appends a layer under a name.
    ///
    /// # Panics
    /// When an earlier layer has this name: saved weights and gradients could not tell their parameters apart.
    #[track_caller]
    pub fn named<L: Layer + Send + Sync + 'static>(mut self, name: &str, layer: L) -> Self {
        if let Some(earlier) = self.layers.iter().position(|entry| entry.name == name) {
            let here = self.layers.len();
            panic!("sequential: layers {earlier} and {here} are both named `{name}`; give each a name of its own");
        }
        self.layers.push(Entry::new(name, layer));
        self
    }
}

impl Layer for Sequential {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        inside::forward(self, x)
    }

    fn forward_all<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        inside::forward_all(self, x)
    }

    fn trace<'t>(&self, x: &[Var<'t>], visit: Visit<'_, 't>) -> ControlFlow<(), Vec<Var<'t>>> {
        let mut x = x.to_vec();
        for entry in &self.layers {
            x = entry.trace(&x, visit)?;
        }
        ControlFlow::Continue(x)
    }

    fn children(&self) -> Vec<(&str, &dyn Layer)> {
        self.layers.iter().map(|entry| (&*entry.name, &*entry.layer as &dyn Layer)).collect()
    }
}
