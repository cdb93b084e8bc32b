//! Where a NaN or an infinity came from.
//!
//! Non-finite numbers spread: after ln(−1), the sum is NaN, and so is the loss. The node to blame is one whose own
//! value is not finite although all of its operands are, or one that came from outside. Not each of them does harm: the
//! logarithm in `x.gt(0.0).select(x.ln(), 0.0)` is NaN where nobody reads it, and a mask of −∞ ends in a softmax. So
//! the answer is the first node to blame from which non-finite values lead on to the end of the recording (a value that
//! nothing reads), and the first of all only if none does.

use std::{fmt, panic::Location};

use super::{NodeView, positions};
use crate::{
    tape::{Kind, Tape},
    tensor::{Shape, Tensor},
};

/// The operation, or the value from outside, with which non-finite numbers began; see [`Tape::first_non_finite`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NonFinite {
    /// The position on the tape.
    pub node: usize,
    /// The operation; `leaf` or `constant` for a value from outside.
    pub op: String,
    /// The index of the first non-finite element, an entry for each axis.
    pub index: Vec<usize>,
    /// That element: NaN, ∞ or −∞.
    pub value: f64,
    /// What it was computed from, operand by operand; empty for a value from outside.
    pub operands: Vec<Operand>,
    /// The name of the node, or of the parameter, with its layer: `0.weight`.
    pub name: Option<String>,
    /// The path of the layer that recorded it. Empty outside every layer.
    pub layer: String,
    /// The line of source that recorded it.
    pub line: &'static Location<'static>,
}

/// An operand of the operation that made a non-finite number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operand {
    /// The number at the same element, where the operation is elementwise.
    Number(f64),
    /// The smallest and the largest number, where it is not; NaN where the operand has no numbers.
    Range(f64, f64),
}

impl Tape {
    /// Where the non-finite numbers of the recording began: the first operation whose result is NaN or infinite
    /// although its operands are finite, or the first value from outside that is. `None` when every number is finite.
    /// Pending values are computed, and are pending again afterward.
    ///
    /// A value that does no harm, since only finite values were computed from it (an unused branch of a `select`, a
    /// mask of −∞), is the answer only if no other is to blame.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf([2.0, 0.5, -1.0]);
    /// let loss = (x.ln() * 2.0).sum();
    /// assert!(loss.item().is_nan());
    /// let origin = tape.first_non_finite().expect("the loss is NaN");
    /// assert_eq!((origin.op.as_str(), &origin.index[..]), ("ln", &[2][..]));
    /// assert!(origin.to_string().starts_with("node %1 (ln) is NaN at index [2]: it was computed from -1.0, at "));
    /// ```
    pub fn first_non_finite(&self) -> Option<NonFinite> {
        self.first_non_finite_where(|_| true)
    }

    /// [`first_non_finite`](Tape::first_non_finite) of a part of the recording.
    pub(super) fn first_non_finite_where(&self, part: impl Fn(usize) -> bool) -> Option<NonFinite> {
        let mut spoiled = vec![false; self.len()];
        let is_spoiled = |value: Option<&Tensor>| value.is_some_and(|value| value.first_non_finite().is_some());
        self.look(|node, value| spoiled[node] = part(node) && is_spoiled(value));
        let inputs: Vec<Vec<usize>> = self.list().nodes.iter().map(|node| positions(&node.inputs)).collect();
        let node = to_blame(&inputs, &spoiled)?;
        let view = NodeView::new(self, node);
        let mut values: Vec<Option<Tensor>> = vec![None; view.inputs.len() + 1];
        self.look(|other, value| {
            let places = view.inputs.iter().chain([&node]).zip(&mut values).filter(|(id, _)| **id == other);
            places.for_each(|(_, place)| *place = value.cloned());
        });
        let values = values.into_iter().collect::<Option<Vec<Tensor>>>()?;
        let (result, operands) = values.split_last()?;
        let (flat, value) = result.first_non_finite()?;
        let index = unravel(flat, result.shape());
        let elementwise = matches!(self.list().nodes[node].kind, Kind::Elementwise(..));
        let mut operands: Vec<Operand> = operands
            .iter()
            .map(|x| if elementwise { Operand::Number(x.at(&broadcast(&index, x.shape()))) } else { range(x) })
            .collect();
        if let Some(number) = view.number {
            operands.insert(if view.number_first { 0 } else { operands.len() }, Operand::Number(number));
        }
        let name = view.full_name();
        Some(NonFinite { node, op: view.op, index, value, operands, name, layer: view.layer, line: view.line })
    }
}

/// The node to blame, by the inputs of each node and whether it is spoiled, that is, has a non-finite number.
fn to_blame(inputs: &[Vec<usize>], spoiled: &[bool]) -> Option<usize> {
    // Whether non-finite values lead from a node to the end: nobody reads it, or a spoiled reader leads there.
    let mut read = vec![false; spoiled.len()];
    let mut leads_on = vec![false; spoiled.len()];
    for node in (0..spoiled.len()).rev() {
        leads_on[node] = spoiled[node] && (leads_on[node] || !read[node]);
        for &input in &inputs[node] {
            read[input] = true;
            leads_on[input] |= leads_on[node];
        }
    }
    let begins = |&node: &usize| spoiled[node] && !inputs[node].iter().any(|&input| spoiled[input]);
    let first = |harmful: &dyn Fn(usize) -> bool| (0..spoiled.len()).filter(begins).find(|&node| harmful(node));
    first(&|node| leads_on[node]).or_else(|| first(&|_| true))
}

pub(super) fn unravel(mut flat: usize, shape: &Shape) -> Vec<usize> {
    let mut index = vec![0; shape.rank()];
    for (i, size) in index.iter_mut().zip(shape.iter()).rev() {
        *i = flat % size;
        flat /= size;
    }
    index
}

/// The index in an operand of `shape` that broadcasts to `index` in the result.
pub(super) fn broadcast(index: &[usize], shape: &Shape) -> Vec<usize> {
    let own = &index[index.len() - shape.rank()..];
    own.iter().zip(shape.iter()).map(|(&i, &size)| i.min(size - 1)).collect()
}

pub(super) fn range(x: &Tensor) -> Operand {
    let numbers = x.to_vec();
    Operand::Range(numbers.iter().copied().fold(f64::NAN, f64::min), numbers.iter().copied().fold(f64::NAN, f64::max))
}

/// A sentence: the node, the element, what it was computed from, the layer and the line.
impl fmt::Display for NonFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_ref().map(|name| format!(", named `{name}`")).unwrap_or_default();
        write!(f, "node %{} ({}{name}) is {}", self.node, self.op, self.value)?;
        if !self.index.is_empty() {
            write!(f, " at index {:?}", self.index)?;
        }
        match self.operands[..] {
            [] => write!(f, ": it came from outside")?,
            _ => {
                let operands: Vec<String> = self.operands.iter().map(Operand::to_string).collect();
                write!(f, ": it was computed from {}", operands.join(" and "))?;
            }
        }
        if !self.layer.is_empty() {
            write!(f, ", in layer {}", self.layer)?;
        }
        write!(f, ", at {}", self.line)
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operand::Number(x) => f.write_str(&short(*x)),
            Operand::Range(min, max) => write!(f, "numbers between {} and {}", short(*min), short(*max)),
        }
    }
}

/// A number without the digits that only its conversion from single precision added.
pub(super) fn short(x: f64) -> String {
    let single = x as f32;
    if f64::from(single) == x { format!("{single:?}") } else { format!("{x:?}") }
}
