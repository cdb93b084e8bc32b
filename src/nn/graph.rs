//! A network whose values have names: Caffe's bottoms and tops.
//!
//! A [`Sequential`](super::Sequential) hands each layer what the one before it returned. In a graph every value has a
//! name, and a layer says which values it takes and which it returns, several of each if it likes. Layers run in the
//! order in which they were added, so a value must be returned before it is taken, and there can be no cycle.
//!
//! What a value depends on follows from the names, so a run computes only that: [`Graph::run`] goes from any values to
//! any others, and no other layer records an operation.

use std::ops::ControlFlow;

use super::{Layer, Visit, entry::Entry, graph_builder::GraphBuilder, inside};
use crate::{Error, GraphFault, Result, Var};

/// A network with named values, made by [`Graph::builder`].
///
/// ```
/// use wengert::{Tape, nn::{Graph, Layer, Linear, LambdaAll, Tanh}};
/// let net = Graph::builder(["left", "right"])
///     .layer("embed", Linear::new(4, 8, 0), ["left"], ["fc"])
///     .layer("tanh", Tanh, ["fc"], ["a"])
///     .layer("other", Linear::new(3, 8, 1), ["right"], ["b"])
///     .layer("sum", LambdaAll(|x| vec![x[0] + x[1]]), ["a", "b"], ["both"])
///     .layer("head", Linear::new(8, 2, 2), ["both"], ["score"])
///     .build(["score"])?;
/// assert_eq!(net.params()[0].name(), "embed.weight");
///
/// let tape = Tape::new();
/// let (left, right) = (tape.constant([[1.0, 2.0, 3.0, 4.0]]), tape.constant([[0.5, -0.5, 1.0]]));
/// assert_eq!(net.forward_all(&[left, right])[0].shape().dims(), [1, 2]);
/// // From one of the inputs alone, up to a value that does not need the other.
/// let a = net.run(&[("left", left)], &["a"])?[0];
/// assert_eq!(a.shape().dims(), [1, 8]);
/// # Ok::<(), wengert::Error>(())
/// ```
pub struct Graph {
    /// The names of the values: first the inputs, then what the layers return, in the order of the layers.
    pub(super) values: Vec<String>,
    pub(super) nodes: Vec<Node>,
    pub(super) inputs: usize,
    pub(super) outputs: Vec<usize>,
}

/// A layer with the values that it takes and returns, by their places in [`Graph::values`].
pub(super) struct Node {
    pub entry: Entry,
    pub bottoms: Vec<usize>,
    pub tops: Vec<usize>,
}

impl Graph {
    /// Begins a network with inputs of these names.
    pub fn builder<'n>(inputs: impl AsRef<[&'n str]>) -> GraphBuilder {
        GraphBuilder::new(inputs.as_ref())
    }

    /// The names of the inputs, in the order in which [`forward_all`](Layer::forward_all) takes them.
    pub fn inputs(&self) -> &[String] {
        &self.values[..self.inputs]
    }

    /// The names of the outputs, in order.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.outputs.iter().map(|&place| &*self.values[place])
    }

    /// The names of all values: the inputs, then what the layers return.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// The values `wanted`, computed from the values `given`. Only the layers between them run: Caffe's
    /// `net.forward(start=.., end=..)`. Any value may be given, also one from the middle of the network.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a name that is not a value of the network; [`Error::Graph`] when an input is needed that was
    /// not given.
    ///
    /// # Panics
    /// When a layer does not fit the values that it gets.
    pub fn run<'t>(&self, given: &[(&str, Var<'t>)], wanted: &[&str]) -> Result<Vec<Var<'t>>> {
        let mut values = vec![None; self.values.len()];
        for (name, value) in given {
            values[self.place(name)?] = Some(*value);
        }
        let wanted = wanted.iter().map(|name| self.place(name)).collect::<Result<Vec<usize>>>()?;
        // From the end: a value is needed if it is wanted, or taken by a layer that returns a needed one.
        let mut needed: Vec<bool> = (0..values.len()).map(|place| wanted.contains(&place)).collect();
        let mut runs = vec![false; self.nodes.len()];
        for (node, runs) in self.nodes.iter().zip(&mut runs).rev() {
            *runs = node.tops.iter().any(|&top| needed[top] && values[top].is_none());
            if *runs {
                node.bottoms.iter().for_each(|&bottom| needed[bottom] = true);
            }
        }
        if let Some(missing) = (0..self.inputs).find(|&input| needed[input] && values[input].is_none()) {
            let given = given.iter().map(|(name, _)| (*name).to_owned()).collect();
            return Err(Error::Graph(GraphFault::NotGiven { input: self.values[missing].clone(), given }));
        }
        let chosen = self.nodes.iter().zip(runs).filter_map(|(node, runs)| runs.then_some(node));
        let _whole = execute(chosen, &mut values, &mut |_, _| ControlFlow::Continue(()));
        Ok(wanted.iter().filter_map(|&place| values[place]).collect())
    }

    /// Where the value of this name is.
    fn place(&self, name: &str) -> Result<usize> {
        let unknown =
            || Error::NotFound { what: "value of the network", name: name.to_owned(), known: self.values.clone() };
        self.values.iter().position(|value| value == name).ok_or_else(unknown)
    }
}

/// Runs layers whose bottoms are there, and puts their tops beside them; a value that was given stays.
fn execute<'a, 't>(
    nodes: impl Iterator<Item = &'a Node>,
    values: &mut [Option<Var<'t>>],
    visit: Visit<'_, 't>,
) -> ControlFlow<()> {
    for Node { entry, bottoms, tops } in nodes {
        let x: Vec<Var<'t>> = bottoms.iter().filter_map(|&bottom| values[bottom]).collect();
        let y = entry.trace(&x, visit)?;
        let (name, returned, tops_of) = (&entry.name, y.len(), tops.len());
        assert!(returned == tops_of, "graph: layer `{name}` has {tops_of} tops, but returned {returned} values");
        tops.iter().zip(y).for_each(|(&top, y)| values[top] = values[top].or(Some(y)));
    }
    ControlFlow::Continue(())
}

impl Layer for Graph {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        inside::forward(self, x)
    }

    fn forward_all<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        inside::forward_all(self, x)
    }

    fn trace<'t>(&self, x: &[Var<'t>], visit: Visit<'_, 't>) -> ControlFlow<(), Vec<Var<'t>>> {
        let (inputs, names, given) = (self.inputs, self.inputs().join(", "), x.len());
        assert!(given == inputs, "graph: the inputs are {names}: {inputs} of them, but {given} were given");
        let mut values: Vec<Option<Var<'t>>> = x.iter().copied().map(Some).collect();
        values.resize(self.values.len(), None);
        execute(self.nodes.iter(), &mut values, visit)?;
        ControlFlow::Continue(self.outputs.iter().filter_map(|&place| values[place]).collect())
    }

    fn children(&self) -> Vec<(&str, &dyn Layer)> {
        self.nodes.iter().map(|node| (&*node.entry.name, &*node.entry.layer as &dyn Layer)).collect()
    }

    /// By the names of values, or by the paths of layers. For values, nothing runs that they do not depend on.
    fn features<'t>(&self, x: Var<'t>, names: &[&str]) -> Result<Vec<Var<'t>>> {
        match self.inputs() {
            [input] if names.iter().all(|name| self.place(name).is_ok()) => self.run(&[(&**input, x)], names),
            _ => inside::features(self, x, names),
        }
    }
}
