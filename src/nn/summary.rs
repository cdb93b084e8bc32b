//! What a network is made of, layer by layer, before it is trained.
//!
//! The network runs once on one observation of zeros, as [`Layer::trace`] does it, in evaluation mode and without
//! gradients. What a layer returns is noted where it is shown.

use std::{fmt, ops::ControlFlow};

use super::Layer;
use crate::{DType, Mode, Param, Shape, Tape, Tensor};

/// The layers of a network with their outputs, parameters and memory; printed as a table. See [`summary`].
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The layers inside the network, each before those inside it; the network itself if it has none.
    pub layers: Vec<LayerSummary>,
    /// The whole network: its outputs, all of its parameters, and the memory of what its innermost layers return.
    pub total: LayerSummary,
    /// The memory of all parameters, in bytes.
    pub param_bytes: usize,
}

/// A row of a [`Summary`].
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSummary {
    /// Where the layer is: `block.fc`.
    pub path: String,
    /// The name of its type: `Linear`.
    pub layer: &'static str,
    /// The shapes of what it returns for one observation, with an axis of observations of size 1. Empty for a layer
    /// inside one that does not show it in [`Layer::trace`].
    pub outputs: Vec<Shape>,
    /// The number of numbers in its trainable parameters, with those of the layers inside it. A parameter that is used
    /// twice counts once.
    pub trainable: usize,
    /// The number of numbers in its frozen parameters.
    pub frozen: usize,
    /// The memory of what it returns for one observation in single precision, in bytes.
    pub bytes: usize,
}

/// The layers of a network for an observation of this shape, without the axis that counts them: `[3, 32, 32]` for
/// images. The network runs once on zeros, in evaluation mode.
///
/// ```
/// use wengert::nn::{Layer, Linear, Sequential, Tanh, summary};
/// let block = Sequential::new().named("fc", Linear::new(4, 300, 0)).named("tanh", Tanh);
/// let net = Sequential::new().named("block", block).named("head", Linear::new(300, 2, 1));
/// net.freeze("block")?;
/// let summary = summary(&net, [4]);
/// assert_eq!(summary.layers[1].path, "block.fc");
/// assert_eq!(summary.layers[1].outputs[0].dims(), [1, 300]);
/// let table = "\
/// path        layer       output    trainable  frozen   memory
/// block       Sequential  [n, 300]          0    1500  1.2 KiB
/// block.fc    Linear      [n, 300]          0    1500  1.2 KiB
/// block.tanh  Tanh        [n, 300]          0       0  1.2 KiB
/// head        Linear      [n, 2]          602       0      8 B
/// total       Sequential  [n, 2]          602    1500  2.4 KiB
/// Memory is that of the outputs for one observation, in single precision.
/// The parameters take 8.2 KiB.";
/// assert_eq!(summary.to_string(), table);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Panics
/// When a layer does not fit what the layer before it returns, with the sentence that a run would panic with:
/// it names the layer and the line that put it into the network.
pub fn summary(net: &dyn Layer, observation: impl Into<Shape>) -> Summary {
    summary_all(net, &[observation.into()])
}

/// [`summary`] of a network of several inputs, by the shape of an observation of each.
///
/// # Panics
/// As [`summary`], and when the network does not take as many inputs.
pub fn summary_all<S: Into<Shape> + Clone>(net: &dyn Layer, observations: &[S]) -> Summary {
    let tape = Tape::new();
    tape.set_mode(Mode::Eval);
    let zeros = |observation: &S| {
        let shape: Shape = std::iter::once(1).chain(observation.clone().into().iter().copied()).collect();
        tape.constant(Tensor::zeros(shape, tape.dtype()))
    };
    let inputs: Vec<_> = observations.iter().map(zeros).collect();

    let mut layers = Vec::new();
    list("", net, &mut layers);
    let traced = tape.no_grad(|| {
        net.trace(&inputs, &mut |path, y| {
            if let Some(row) = layers.iter_mut().find(|row| row.path == path) {
                row.outputs.extend(y.iter().map(|y| y.shape()));
            }
            ControlFlow::Continue(())
        })
    });
    if let ControlFlow::Continue(y) = traced {
        layers[0].outputs = y.iter().map(|y| y.shape()).collect();
    }
    for row in &mut layers {
        row.bytes = row.outputs.iter().map(|shape| shape.numel() * DType::F32.size()).sum();
    }
    let bytes = innermost(&layers).map(|row| row.bytes).sum();
    let total = LayerSummary { path: "total".into(), bytes, ..layers[0].clone() };
    if layers.len() > 1 {
        layers.remove(0);
    }
    let param_bytes = distinct(net.params()).iter().map(|param| param.shape().numel() * param.dtype().size()).sum();
    Summary { layers, total, param_bytes }
}

/// The layer and those inside it, before their outputs are known.
fn list(path: &str, layer: &dyn Layer, rows: &mut Vec<LayerSummary>) {
    let (trainable, frozen): (Vec<_>, Vec<_>) = distinct(layer.params()).into_iter().partition(Param::trainable);
    let count = |params: Vec<Param>| params.iter().map(|param| param.shape().numel()).sum();
    rows.push(LayerSummary {
        path: path.to_owned(),
        layer: layer.type_name(),
        outputs: Vec::new(),
        trainable: count(trainable),
        frozen: count(frozen),
        bytes: 0,
    });
    for (name, child) in layer.children() {
        let inside = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        list(&inside, child, rows);
    }
}

/// Each parameter once.
fn distinct(params: Vec<Param>) -> Vec<Param> {
    let mut once: Vec<Param> = Vec::new();
    for param in params {
        if !once.iter().any(|other| other.same(&param)) {
            once.push(param);
        }
    }
    once
}

/// The layers inside which no other shows what it returns.
fn innermost(layers: &[LayerSummary]) -> impl Iterator<Item = &LayerSummary> {
    let inside = |row: &LayerSummary, around: &LayerSummary| match row.path.strip_prefix(&around.path) {
        Some(rest) => rest.starts_with('.') || around.path.is_empty() && !rest.is_empty(),
        None => false,
    };
    layers.iter().filter(move |row| !layers.iter().any(|other| !other.outputs.is_empty() && inside(other, row)))
}

/// The table, aligned for a terminal; `n` stands for the number of observations.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["path", "layer", "output", "trainable", "frozen", "memory"].map(str::to_owned);
        let rows = self.layers.iter().chain([&self.total]).map(|row| {
            let outputs: Vec<String> = row.outputs.iter().map(with_n).collect();
            let outputs = if outputs.is_empty() { "–".to_owned() } else { outputs.join(" ") };
            let [trainable, frozen] = [row.trainable, row.frozen].map(|count| count.to_string());
            [row.path.clone(), row.layer.to_owned(), outputs, trainable, frozen, memory(row.bytes)]
        });
        let rows: Vec<[String; 6]> = [head].into_iter().chain(rows).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let [a, b, c, d, e, m] = std::array::from_fn(width);
        for [path, layer, output, trainable, frozen, memory] in &rows {
            writeln!(f, "{path:a$}  {layer:b$}  {output:c$}  {trainable:>d$}  {frozen:>e$}  {memory:>m$}")?;
        }
        writeln!(f, "Memory is that of the outputs for one observation, in single precision.")?;
        write!(f, "The parameters take {}.", memory(self.param_bytes))
    }
}

/// `[n, 16]` for the output `[1, 16]` of one observation.
fn with_n(shape: &Shape) -> String {
    match shape.dims() {
        [1, rest @ ..] => format!("[n{}]", rest.iter().map(|size| format!(", {size}")).collect::<String>()),
        _ => shape.to_string(),
    }
}

/// A number of bytes with a unit.
fn memory(bytes: usize) -> String {
    match (bytes.max(1).ilog2() / 10) as usize {
        0 => format!("{bytes} B"),
        k => format!("{:.1} {}iB", bytes as f64 / 1024f64.powi(k as i32), &"KMGTPE"[k - 1..k]),
    }
}
