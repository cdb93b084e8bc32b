//! What happens inside a network while it trains: sizes of activations and gradients, and of the steps.
//!
//! Whether layers learn shows in three numbers long before the loss tells: how large the activations of a layer are, and
//! how many are 0; how large the gradients of a parameter are; and how far a step moves a parameter, relative to its size,
//! ‖Δw‖ / ‖w‖ (about 10⁻³ is usual; 10⁻⁶ learns nothing, 10⁻¹ forgets what it knew). Sizes spread over many powers of ten,
//! so a [`Spread`] counts them by decade.

use crate::{Gradients, Param, Tape, Tensor, inspect::NodeView};

/// How many decades a [`Spread`] tells apart.
pub const DECADES: usize = 13;

/// Looks into a run every so many iterations; see [`Trainer::watch`](super::Trainer::watch).
///
/// ```
/// use wengert::{Tensor, nn::{Layer, Linear, Relu, Sequential}, optim::Sgd, train::{Trainer, Watch}};
/// let images = Tensor::from([[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.8, 0.1]]);
/// let net = Sequential::new().named("fc1", Linear::new(2, 8, 0)).named("act", Relu).named("fc2", Linear::new(8, 2, 1));
/// let mut optimizer = Sgd::new(&net.params(), 0.5)?;
/// let mut watch = Watch::every(5);
/// Trainer::new(&net, &mut optimizer)
///     .epochs(20)
///     .watch(&mut watch)
///     .fit(&mut (1, |_| std::iter::once((images.clone(), vec![0, 1, 0, 1]))))?;
/// assert_eq!(watch.samples.iter().map(|sample| sample.iteration).collect::<Vec<_>>(), [1, 5, 10, 15, 20]);
/// let first = &watch.samples[0];
/// assert_eq!(first.layers.iter().map(|layer| &*layer.name).collect::<Vec<_>>(), ["fc1", "act", "fc2"]);
/// assert!(first.layers[1].activations.zeros > 0.0, "a relu has zeros");
/// assert!(first.params[0].ratio > 1e-4, "the first step moves the weights");
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watch {
    every: u64,
    /// What was seen.
    pub samples: Vec<Sample>,
}

/// One look into a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// The number of the iteration, from 1.
    pub iteration: u64,
    /// The loss of the batch.
    pub loss: f64,
    /// The layers, in the order in which they finished.
    pub layers: Vec<LayerSample>,
    /// The trained parameters that had a gradient, in the order of the network.
    pub params: Vec<ParamSample>,
}

/// A layer in one iteration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerSample {
    /// Its path.
    pub name: String,
    /// The last value that it recorded itself.
    pub activations: Spread,
}

/// A parameter in one iteration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParamSample {
    /// Its name with its layer.
    pub name: String,
    /// Its gradient, before any clipping.
    pub gradient: Spread,
    /// The Euclidean norm of its step divided by its own before the step; infinite for a step away from zeros.
    pub ratio: f64,
}

/// The sizes of some numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spread {
    /// The share of numbers in each decade: entry 0 for 1 and above, entry k for 10⁻ᵏ and above, the last for all that are
    /// smaller and not 0.
    pub decades: [f64; DECADES],
    /// The share of zeros.
    pub zeros: f64,
    /// The share of numbers that are NaN or infinite.
    pub not_finite: f64,
    /// The root of the mean square.
    pub rms: f64,
    /// The largest absolute value.
    pub largest: f64,
}

impl Spread {
    /// The sizes of the numbers of a tensor.
    ///
    /// ```
    /// use wengert::{Tensor, train::Spread};
    /// let spread = Spread::of(&Tensor::from([0.0, -2.0, 0.05, 0.01]));
    /// assert_eq!((spread.zeros, spread.decades[0], spread.decades[2], spread.largest), (0.25, 0.25, 0.5, 2.0));
    /// ```
    pub fn of(numbers: &Tensor) -> Spread {
        let numbers = numbers.to_vec();
        let mut spread = Spread::default();
        let share = 1.0 / numbers.len().max(1) as f64;
        let mut squares = 0.0;
        for size in numbers.into_iter().map(f64::abs) {
            match size {
                0.0 => spread.zeros += 1.0,
                _ if !size.is_finite() => spread.not_finite += 1.0,
                _ => spread.decades[decade(size)] += 1.0,
            }
            squares += size * size;
            spread.largest = spread.largest.max(size);
        }
        spread.decades.iter_mut().for_each(|count| *count *= share);
        (spread.zeros, spread.not_finite) = (spread.zeros * share, spread.not_finite * share);
        spread.rms = (squares * share).sqrt();
        spread
    }
}

/// Where the sizes from 10⁻ᵏ up are counted.
fn decade(size: f64) -> usize {
    const BOUNDS: [f64; DECADES - 1] = [1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11];
    BOUNDS.iter().position(|&bound| size >= bound).unwrap_or(DECADES - 1)
}

impl Watch {
    /// Looks at the first iteration, and at every `iterations`-th (at least 1).
    pub fn every(iterations: u64) -> Watch {
        Watch { every: iterations.max(1), samples: Vec::new() }
    }

    /// Whether an iteration is to be looked at.
    pub(super) fn is_due(&self, iteration: u64) -> bool {
        iteration == 1 || iteration.is_multiple_of(self.every.max(1))
    }

    /// The names of what the samples hold, each once: layers, or parameters.
    fn names<'w>(&'w self, of: impl Fn(&'w Sample) -> Vec<&'w str>) -> Vec<&'w str> {
        let mut names = Vec::new();
        for name in self.samples.iter().flat_map(of) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The layers that were seen.
    pub fn layers(&self) -> Vec<&str> {
        self.names(|sample| sample.layers.iter().map(|layer| &*layer.name).collect())
    }

    /// The parameters that were seen.
    pub fn params(&self) -> Vec<&str> {
        self.names(|sample| sample.params.iter().map(|param| &*param.name).collect())
    }
}

/// A sample on its way: the step is not made yet.
pub(super) struct Before {
    sample: Sample,
    values: Vec<(Param, Tensor)>,
}

impl Before {
    /// What is seen between the backward pass and the step.
    pub fn new((iteration, loss): (u64, f64), tape: &Tape, gradients: &Gradients, params: &[Param]) -> Before {
        let mut last: Vec<NodeView> = Vec::new();
        for node in tape.nodes().filter(|node| !node.layer.is_empty() && !node.inputs.is_empty()) {
            last.retain(|other| other.layer != node.layer);
            last.push(node);
        }
        let layer = |node: NodeView| {
            let activations = Spread::of(&tape.var(node.index).value());
            LayerSample { name: node.layer, activations }
        };
        let found = params.iter().filter_map(|param| Some((param, gradients.wrt(param).ok()?)));
        let (seen, values) = found
            .map(|(param, gradient)| {
                let seen = ParamSample { name: param.name().to_owned(), gradient: Spread::of(gradient), ratio: 0.0 };
                (seen, (param.clone(), param.value()))
            })
            .unzip();
        let layers = last.into_iter().map(layer).collect();
        Before { sample: Sample { iteration, loss, layers, params: seen }, values }
    }

    /// The sample, after the step.
    pub fn after(mut self) -> Sample {
        for (seen, (param, before)) in self.sample.params.iter_mut().zip(self.values) {
            let (before, after) = (before.to_vec(), param.value().to_vec());
            let norm = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>().sqrt();
            let step = norm(&mut before.iter().zip(&after).map(|(before, after)| after - before));
            seen.ratio = if step == 0.0 { 0.0 } else { step / norm(&mut before.iter().copied()) };
        }
        self.sample
    }
}
