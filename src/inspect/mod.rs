//! A tape made visible: printed as a list, drawn as a graph.
//!
//! A tape is a list of rows "number = operation of earlier numbers", and that is how it prints:
//!
//! ```
//! let tape = wengert::Tape::f64();
//! let x = tape.leaf(3.0).named("x");
//! let y = x * x + 1.0;
//! println!("{tape}");
//! // %0 = leaf       f64[]  3.0000   x  src/main.rs:3
//! // %1 = mul %0 %0  f64[]  9.0000      src/main.rs:4
//! // %2 = add %1 1   f64[]  10.0000     src/main.rs:4
//! let rows: Vec<String> = tape.nodes().map(|node| format!("{} {}", node.op, node.arguments())).collect();
//! assert_eq!(rows, ["leaf ", "mul %0 %0", "add %1 1"]);
//! ```
//!
//! [`Tape::nodes`] gives the same as data, one [`NodeView`] a row. [`html`] writes it as a page to step through, [`Graph`]
//! as a picture, for Graphviz ([`Dot`]) or for Markdown ([`Mermaid`]), and [`derive`](fn@derive) writes the chain rule out
//! with its numbers. [`Tape::first_non_finite`] finds where a NaN or an infinity came from, [`Var::why`](crate::Var::why)
//! explains a gradient that is missing, zero, NaN, tiny or huge. [`Var::detect_anomalies`](crate::Var::detect_anomalies)
//! goes through both passes for numbers that are not finite and operations that lose digits, and
//! [`Var::accuracy`](crate::Var::accuracy) compares a recording in both precisions.
//!
//! What may not live here: anything that changes a tape. Looking records nothing, and a pending value
//! that had to be computed is pending again afterward.

mod accuracy;
mod anomalies;
mod derive;
mod formula;
mod graph;
mod groups;
#[cfg(feature = "view")]
mod html;
mod non_finite;
mod numbers;
mod print;
mod why;

pub use accuracy::{Accuracy, NodeAccuracy};
pub use anomalies::{Anomalies, Loss, Warning};
pub use derive::derive;
pub use graph::{Dot, Graph, Mermaid};
#[cfg(feature = "view")]
pub use html::html;
pub use non_finite::{NonFinite, Operand};
pub use why::{Cause, Factor, HUGE, Step, VANISHING, Why};

use std::panic::Location;

use crate::{
    tape::{Kind, List, Node, NodeId, Tape, Value},
    tensor::{DType, Shape, Tensor},
};

/// A row of a tape, as data: a copy that does not change when the tape does.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeView {
    /// The position on the tape, printed as `%3`.
    pub index: usize,
    /// The operation, such as `mul` or `conv2d`; `leaf` or `constant` for a value from outside.
    pub op: String,
    /// The attributes of the operation, such as `stride [2, 2]`. Most have none.
    pub attributes: String,
    /// The positions of the inputs, all of them smaller than `index`.
    pub inputs: Vec<usize>,
    /// The plain number in an operation such as `x * 2.0`.
    pub number: Option<f64>,
    /// Whether the number is the left operand, as in `1.0 / x`.
    pub number_first: bool,
    /// For an output of a [`Function`](crate::Function): the inputs of its hand-written rule.
    pub rule_inputs: Vec<usize>,
    /// The name that [`Var::named`](crate::Var::named) gave it, or that of the parameter.
    pub name: Option<String>,
    /// The sizes along the axes.
    pub shape: Shape,
    /// The precision, which is that of the tape.
    pub dtype: DType,
    /// The value, unless it is still pending.
    pub value: Option<Tensor>,
    /// Whether a gradient flows through it.
    pub needs_grad: bool,
    /// The path of the layer that recorded it, such as `0.conv`. Empty outside every layer.
    pub layer: String,
    /// The line of source that recorded it.
    pub line: &'static Location<'static>,
}

impl NodeView {
    /// The operands as they are printed: `%1 %2`, `%1 0.5`, `1 %3`.
    pub fn arguments(&self) -> String {
        let mut words: Vec<String> = self.inputs.iter().map(|i| format!("%{i}")).collect();
        if let Some(number) = self.number {
            words.insert(if self.number_first { 0 } else { words.len() }, number.to_string());
        }
        words.join(" ")
    }

    /// The precision and the sizes: `f64[2, 3]`.
    pub fn type_name(&self) -> String {
        format!("{}{}", self.dtype, self.shape)
    }

    /// The name with its layer, such as `0.weight`, if it has a name.
    pub fn full_name(&self) -> Option<String> {
        let name = self.name.as_ref()?;
        Some(if self.layer.is_empty() { name.clone() } else { format!("{}.{name}", self.layer) })
    }

    fn new(tape: &Tape, index: usize) -> NodeView {
        let list = tape.list();
        let node = &list.nodes[index];
        let mut view = NodeView {
            index,
            op: node.kind.name().to_owned(),
            attributes: String::new(),
            inputs: positions(&node.inputs),
            number: None,
            number_first: false,
            rule_inputs: Vec::new(),
            name: list.notes.names.of(index as NodeId).map(str::to_owned),
            shape: node.shape().clone(),
            dtype: tape.dtype(),
            value: match &node.value {
                Value::Ready(tensor) => Some(tensor.clone()),
                Value::Pending(_) => None,
            },
            needs_grad: node.needs_grad,
            layer: list.notes.names.path(node.scope).to_owned(),
            line: node.at,
        };
        view.describe(node, &list);
        view
    }

    /// Fills in what depends on the kind of the node.
    fn describe(&mut self, node: &Node, list: &List) {
        match &node.kind {
            Kind::Leaf | Kind::Constant => {}
            Kind::Elementwise(row, parameter) => {
                if row.name == "identity" && !node.needs_grad && list.any_needs_grad(&node.inputs) {
                    self.op = "detach".to_owned();
                }
                self.number = row.parameter.is_some().then_some(*parameter);
                self.number_first = row.number_first();
            }
            Kind::Op(op) => self.attributes = op.attributes(),
            Kind::Output(call, k) => {
                self.rule_inputs = positions(&call.inputs);
                if call.outputs > 1 {
                    self.attributes = format!("output {k}");
                }
            }
        }
    }
}

impl Tape {
    /// What the tape has recorded, row by row.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf([1.0, 2.0]);
    /// let loss = x.exp().sum();
    /// let ops: Vec<String> = tape.nodes().map(|node| node.op).collect();
    /// assert_eq!(ops, ["leaf", "exp", "sum"]);
    /// ```
    pub fn nodes(&self) -> impl Iterator<Item = NodeView> + '_ {
        (0..self.len()).map(|index| NodeView::new(self, index))
    }
}

fn positions(ids: &[NodeId]) -> Vec<usize> {
    ids.iter().map(|&id| id as usize).collect()
}
