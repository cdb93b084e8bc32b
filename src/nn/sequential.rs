//! Layers in sequence.

use super::Layer;
use crate::{Param, Var};

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
    layers: Vec<(String, Box<dyn Layer + Send + Sync>)>,
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
    pub fn named(mut self, name: &str, layer: impl Layer + Send + Sync + 'static) -> Self {
        let earlier = self.layers.iter().position(|layer| layer.0 == name);
        if let Some(earlier) = earlier {
            let here = self.layers.len();
            panic!("sequential: layers {earlier} and {here} are both named `{name}`; give each a name of its own");
        }
        self.layers.push((name.to_owned(), Box::new(layer)));
        self
    }

    /// The output of the layer `name`, after all layers before it: for looking at features. `None` when there is no
    /// such layer.
    #[track_caller]
    pub fn features<'t>(&self, x: Var<'t>, name: &str) -> Option<Var<'t>> {
        let end = self.layers.iter().position(|layer| layer.0 == name)?;
        Some(self.run(x, end + 1))
    }

    #[track_caller]
    fn run<'t>(&self, x: Var<'t>, count: usize) -> Var<'t> {
        let mut x = x;
        for (name, layer) in &self.layers[..count] {
            let _scope = x.tape().scope(name);
            x = layer.forward(x);
        }
        x
    }

    fn collect(&self, list: impl Fn(&dyn Layer) -> Vec<Param>) -> Vec<Param> {
        self.layers
            .iter()
            .flat_map(|(name, layer)| list(&**layer).into_iter().map(move |param| param.under(name)))
            .collect()
    }
}

impl Layer for Sequential {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.run(x, self.layers.len())
    }

    fn params(&self) -> Vec<Param> {
        self.collect(|layer| layer.params())
    }

    fn state(&self) -> Vec<Param> {
        self.collect(|layer| layer.state())
    }

    fn couples_observations(&self) -> bool {
        self.layers.iter().any(|(_, layer)| layer.couples_observations())
    }

    fn start_statistics(&self) {
        self.layers.iter().for_each(|(_, layer)| layer.start_statistics());
    }

    fn finish_statistics(&self) {
        self.layers.iter().for_each(|(_, layer)| layer.finish_statistics());
    }
}
