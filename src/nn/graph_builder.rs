//! How a network with named values is put together, and what is checked before it can run.

use super::{Graph, Layer, entry::Entry, graph::Node};
use crate::{Error, GraphFault, Result};

/// A [`Graph`] under construction. Nothing is checked before [`build`](GraphBuilder::build).
pub struct GraphBuilder {
    inputs: Vec<String>,
    layers: Vec<Declared>,
}

/// A layer as it was added.
struct Declared {
    entry: Entry,
    bottoms: Vec<String>,
    tops: Vec<String>,
}

impl GraphBuilder {
    pub(super) fn new(inputs: &[&str]) -> Self {
        GraphBuilder { inputs: owned(inputs), layers: Vec::new() }
    }

    /// Adds the layer `name`, which takes the values `bottoms` and returns the values `tops`. Its parameters are named
    /// after it: `conv1.weight`.
    #[track_caller]
    pub fn layer<'n>(
        mut self,
        name: &str,
        layer: impl Layer + Send + Sync + 'static,
        bottoms: impl AsRef<[&'n str]>,
        tops: impl AsRef<[&'n str]>,
    ) -> Self {
        let (bottoms, tops) = (owned(bottoms.as_ref()), owned(tops.as_ref()));
        self.layers.push(Declared { entry: Entry::new(name, layer), bottoms, tops });
        self
    }

    /// The network that returns the values `outputs`.
    ///
    /// # Errors
    /// [`Error::Graph`] when a layer takes a value that nothing returns, or that is returned only after it; when two
    /// values or two layers have one name (a layer cannot work in place), or a layer has no bottom or no top; and when no
    /// output depends on an input or a layer. [`Error::NotFound`] for an output that nothing returns.
    pub fn build<'n>(self, outputs: impl AsRef<[&'n str]>) -> Result<Graph> {
        self.distinct()?;
        let GraphBuilder { inputs, layers } = self;
        let count = inputs.len();
        let names: Vec<(String, Vec<String>)> =
            layers.iter().map(|layer| (layer.entry.name.clone(), layer.tops.clone())).collect();
        let mut values = inputs;
        values.extend(names.iter().flat_map(|(_, tops)| tops.iter().cloned()));
        let place = |name: &str| values.iter().position(|value| value == name);
        let (mut nodes, mut known) = (Vec::new(), count);
        for Declared { entry, bottoms, tops } in layers {
            let layer = || entry.name.clone();
            let find = |bottom: String| match place(&bottom) {
                Some(place) if place < known => Ok(place),
                Some(_) => {
                    let by = names.iter().find(|(_, tops)| tops.contains(&bottom)).map_or_else(layer, |l| l.0.clone());
                    Err(GraphFault::Later { layer: layer(), bottom, by })
                }
                None => Err(GraphFault::UnknownBottom { layer: layer(), bottom, known: values.clone() }),
            };
            let bottoms =
                bottoms.into_iter().map(find).collect::<Result<Vec<usize>, GraphFault>>().map_err(Error::Graph)?;
            let tops: Vec<usize> = (known..known + tops.len()).collect();
            known += tops.len();
            nodes.push(Node { entry, bottoms, tops });
        }
        let output = |name: &str| {
            let unknown = || Error::NotFound { what: "output", name: name.to_owned(), known: values.clone() };
            place(name).ok_or_else(unknown)
        };
        let outputs = outputs.as_ref().iter().copied().map(output).collect::<Result<Vec<usize>>>()?;
        let graph = Graph { values, nodes, inputs: count, outputs };
        unused(&graph).map_or(Ok(()), |fault| Err(Error::Graph(fault)))?;
        Ok(graph)
    }

    /// An error for a name that is there twice, and for a layer without bottoms or tops.
    fn distinct(&self) -> Result<()> {
        let mut values: Vec<(&String, String)> = Vec::new();
        let mut layers: Vec<&String> = Vec::new();
        let of_inputs = self.inputs.iter().map(|value| (None, value));
        let of_layers = self.layers.iter().flat_map(|layer| layer.tops.iter().map(move |top| (Some(layer), top)));
        for Declared { entry, bottoms, tops } in &self.layers {
            let layer = entry.name.clone();
            if layers.contains(&&entry.name) {
                return Err(Error::Graph(GraphFault::RepeatedLayer { layer }));
            }
            layers.push(&entry.name);
            if bottoms.is_empty() || tops.is_empty() {
                let what = if bottoms.is_empty() { "bottom" } else { "top" };
                return Err(Error::Graph(GraphFault::Nothing { layer, what }));
            }
            if let Some(value) = tops.iter().find(|top| bottoms.contains(top)).cloned() {
                return Err(Error::Graph(GraphFault::InPlace { layer, value }));
            }
        }
        for (layer, value) in of_inputs.chain(of_layers) {
            let from = layer.map_or_else(|| "the inputs".to_owned(), |layer| format!("layer `{}`", layer.entry.name));
            if let Some((_, first)) = values.iter().find(|(name, _)| *name == value) {
                let (value, first) = (value.clone(), first.clone());
                return Err(Error::Graph(GraphFault::RepeatedValue { value, first, second: from }));
            }
            values.push((value, from));
        }
        Ok(())
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// An input or a layer that no output depends on.
fn unused(graph: &Graph) -> Option<GraphFault> {
    let name = |place: &usize| format!("`{}`", graph.values[*place]);
    let mut used: Vec<bool> = (0..graph.values.len()).map(|place| graph.outputs.contains(&place)).collect();
    for node in graph.nodes.iter().rev() {
        if node.tops.iter().all(|&top| !used[top]) {
            let values = node.tops.iter().map(name).collect::<Vec<_>>().join(" or ");
            return Some(GraphFault::Unused { what: format!("layer `{}`", node.entry.name), values });
        }
        node.bottoms.iter().for_each(|&bottom| used[bottom] = true);
    }
    let idle = used[..graph.inputs].iter().position(|used| !used)?;
    Some(GraphFault::Unused { what: format!("input {}", name(&idle)), values: "it".to_owned() })
}
