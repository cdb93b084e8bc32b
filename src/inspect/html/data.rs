//! What a page shows, as data.

use std::collections::HashMap;

use serde::Serialize;

use super::{
    source::{File, Files},
    summary::Summary,
};
use crate::{
    Gradients, Result, Tape, Tensor,
    inspect::{
        NodeView,
        formula::{Formulas, Names, formulas, mathml},
        groups::{Item, blocks, layers},
        numbers::{self, Numbers},
    },
    tape::Kind,
};

/// Up to so many nodes, the formulas of single numbers are shown with the numbers put in.
const NUMBERED: usize = 400;

#[derive(Serialize)]
pub(super) struct Data {
    pub title: String,
    dtype: String,
    /// The node that was differentiated.
    root: usize,
    nodes: Vec<Node>,
    items: Vec<Box>,
    formulas: Vec<Formula>,
    files: Vec<File>,
}

/// The keys are short, for a page has many nodes.
#[derive(Serialize)]
struct Node {
    op: String,
    /// Attributes.
    #[serde(skip_serializing_if = "String::is_empty")]
    at: String,
    /// Operands as they are printed.
    args: String,
    /// Inputs, and those of a rule by hand if it is in use.
    #[serde(rename = "in")]
    inputs: Vec<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rule: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    layer: String,
    /// Whether a gradient flows through it.
    grad: bool,
    /// The file and the line.
    line: (usize, u32),
    /// The formulas by their number.
    #[serde(skip_serializing_if = "Option::is_none")]
    f: Option<usize>,
    /// The formulas with numbers in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<Formula>,
    /// Value and gradient.
    #[serde(skip_serializing_if = "Option::is_none")]
    v: Option<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    a: Option<Summary>,
    /// By input: the local derivative, and what the node hands on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    d: Vec<Option<Summary>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    h: Vec<Option<Summary>>,
}

/// A node, or a box of the graph.
#[derive(Serialize)]
#[serde(untagged)]
enum Box {
    Node(usize),
    Group { name: String, layer: bool, from: usize, to: usize, items: Vec<Box> },
}

/// A formula and those of the gradients, as MathML.
#[derive(Serialize)]
struct Formula {
    z: String,
    d: Vec<Option<String>>,
    /// Whether two operands are called a and b.
    e: bool,
}

impl Data {
    pub fn new(tape: &Tape, gradients: &Gradients) -> Result<Data> {
        let numbers = Numbers::of(tape, gradients)?;
        let views: Vec<NodeView> = tape.nodes().collect();
        let (mut files, mut known) = (Files::default(), Known::default());
        let mut nodes = Vec::with_capacity(views.len());
        for view in &views {
            nodes.push(node(tape, view, &numbers, &mut files, &mut known)?);
        }
        let paths: Vec<String> = views.iter().map(|view| view.layer.clone()).collect();
        let main = views.first().map_or("", |view| view.line.file());
        let main = main.rsplit(['/', '\\']).next().unwrap_or_default();
        Ok(Data {
            title: if main.is_empty() { "An empty tape".to_owned() } else { format!("The tape of {main}") },
            dtype: tape.dtype().to_string(),
            root: numbers.root,
            nodes,
            items: blocks(layers(&paths)).into_iter().map(Box::new).collect(),
            formulas: known.formulas,
            files: files.read(),
        })
    }
}

fn node(tape: &Tape, view: &NodeView, numbers: &Numbers, files: &mut Files, known: &mut Known) -> Result<Node> {
    let id = view.index;
    let rule = numbers::rule_inputs(tape, id);
    let operands = if rule.is_empty() { &view.inputs } else { &rule };
    let summary = |tensor: &Option<Tensor>| tensor.as_ref().map(Summary::of);
    let elementwise = matches!(tape.list().nodes[id].kind, Kind::Elementwise(..));
    let letters = Names::letters(operands.len(), elementwise);
    let written = formulas(&tape.list().nodes[id], tape.rule(), &letters);
    let handed = numbers.handed(tape, id, operands)?;
    let n = match &written {
        Some(written) if tape.len() <= NUMBERED => numbers.put_into(tape, id, operands, &handed, written),
        _ => None,
    };
    Ok(Node {
        op: view.op.clone(),
        at: view.attributes.clone(),
        args: view.arguments(),
        inputs: view.inputs.clone(),
        name: view.name.clone(),
        layer: view.layer.clone(),
        grad: view.needs_grad,
        line: files.place(view.line),
        f: written.map(|written| known.number(written, elementwise)),
        n: n.as_ref().map(|n| Formula::new(n, elementwise)),
        v: summary(&numbers.values[id]),
        a: numbers.gradients.get(id).and_then(summary),
        d: numbers.slopes(tape, id).iter().map(summary).collect(),
        h: handed.iter().map(summary).collect(),
        rule,
    })
}

/// The formulas of a page, each once.
#[derive(Default)]
struct Known {
    numbers: HashMap<(Formulas, bool), usize>,
    formulas: Vec<Formula>,
}

impl Known {
    fn number(&mut self, written: Formulas, elementwise: bool) -> usize {
        *self.numbers.entry((written, elementwise)).or_insert_with_key(|(written, elementwise)| {
            self.formulas.push(Formula::new(written, *elementwise));
            self.formulas.len() - 1
        })
    }
}

impl Formula {
    fn new(written: &Formulas, e: bool) -> Formula {
        let d = written.gradients.iter().map(|by| by.as_deref().map(mathml)).collect();
        Formula { z: mathml(&written.value), d, e }
    }
}

impl Box {
    fn new(item: Item) -> Box {
        match item {
            Item::Node(node) => Box::Node(node),
            Item::Group(group) => Box::Group {
                name: group.name,
                layer: group.layer,
                from: group.nodes.start,
                to: group.nodes.end,
                items: group.items.into_iter().map(Box::new).collect(),
            },
        }
    }
}
