//! An accuracy budget: where a recording loses its digits.
//!
//! The recording is run in single precision and in double ([`Tape::in_precision`](crate::Tape::in_precision)), and each value of the first is
//! compared with the second, which counts as exact. For the value v of a node, the relative error is
//!
//! e(v) = max ∣v₃₂ − v₆₄∣ / max ∣v₆₄∣,
//!
//! with the largest number over all elements, and the growth is e(v) / max(u, e(inputs)), with the unit roundoff
//! u = 2⁻²⁴ ≈ 6·10⁻⁸ for inputs that are exact. An operation with growth near 1 adds nothing but its own rounding; one with
//! growth 1000 loses three digits. The same is done with the gradient of each node.

use std::fmt;

use super::{NodeView, Step};
use crate::{
    error::Result,
    tape::Var,
    tensor::{DType, Tensor},
};

/// The unit roundoff of single precision.
const UNIT: f64 = 1.0 / (1 << 24) as f64;

/// The errors of a recording in single precision, node by node; see [`Var::accuracy`]. Printed, it is a table of the
/// nodes, of the 16 with the largest growth if there are more.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Accuracy {
    /// The nodes up to the value that was asked about, except those from outside.
    pub nodes: Vec<NodeAccuracy>,
}

/// What rounding did to one node.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NodeAccuracy {
    /// The node.
    pub at: Step,
    /// The relative error of its value in single precision; infinite where only single precision is not finite.
    pub error: f64,
    /// The error, divided by the largest one of its inputs.
    pub growth: f64,
    /// The relative error of its gradient; none if it has no gradient, or one that is 0 up to rounding: below 10⁻¹² of the
    /// largest on the tape.
    pub gradient: Option<f64>,
}

impl Var<'_> {
    /// The recording up to this value in single precision compared with double: which operations add to the error, and
    /// how exact the gradients are. A tape in either precision can be asked.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.leaf([1000.1, 1000.2, 1000.3]);
    /// let variance = x.square().mean() - x.mean().square();
    /// let budget = variance.accuracy()?;
    /// let last = budget.nodes.last().expect("four operations");
    /// assert!(last.at.op == "sub" && last.growth > 1e6);
    /// println!("{budget}");
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// It takes a forward pass in the other precision, and the memory for its values; for one number that has a gradient,
    /// a backward pass in each precision as well.
    ///
    /// # Errors
    /// Those of [`Tape::in_precision`](crate::Tape::in_precision) and, for one number, of [`backward`](Var::backward).
    pub fn accuracy(self) -> Result<Accuracy> {
        let tape = self.tape();
        let other = tape.in_precision(if tape.dtype() == DType::F32 { DType::F64 } else { DType::F32 })?;
        let order = |own: f64, other: f64| if tape.dtype() == DType::F32 { (own, other) } else { (other, own) };
        let mut errors = vec![0.0; tape.len()];
        tape.look(|id, value| {
            if let Some(value) = value.filter(|_| id <= self.index()) {
                errors[id] = error(value, &other.var(id).value(), &order);
            }
        });
        let one = self.numel() == 1 && self.needs_grad();
        let gradients = |y: Var<'_>| if one { y.adjoints() } else { Ok(vec![None; y.index() + 1]) };
        let (own, others) = (gradients(self)?, gradients(other.var(self.index()))?);
        let exact = if tape.dtype() == DType::F32 { &others } else { &own };
        let sizes: Vec<f64> = exact.iter().map(|dx| dx.as_ref().map_or(0.0, largest)).collect();
        let zero = 1e-12 * sizes.iter().copied().fold(0.0, f64::max);
        let row = |node: NodeView| {
            let id = node.index;
            let before = node.inputs.iter().map(|&input| errors[input]).fold(UNIT, f64::max);
            let pair = own[id].as_ref().zip(others[id].as_ref()).filter(|_| sizes[id] > zero);
            let gradient = pair.map(|(own, other)| error(own, other, &order));
            // What was not finite before does not become worse.
            let growth = if before.is_finite() { errors[id] / before } else { 1.0 };
            NodeAccuracy { at: Step::of(&node), error: errors[id], growth, gradient }
        };
        let nodes = tape.nodes().take(self.index() + 1).filter(|node| !node.inputs.is_empty()).map(row).collect();
        Ok(Accuracy { nodes })
    }
}

/// The largest finite absolute value.
fn largest(x: &Tensor) -> f64 {
    x.to_vec().into_iter().map(f64::abs).filter(|x| x.is_finite()).fold(0.0, f64::max)
}

/// The largest difference, relative to the largest exact number; `order` puts single precision first.
fn error(own: &Tensor, other: &Tensor, order: &dyn Fn(f64, f64) -> (f64, f64)) -> f64 {
    let (mut most, mut scale) = (0.0_f64, 0.0_f64);
    for (own, other) in own.to_vec().into_iter().zip(other.to_vec()) {
        let (single, double) = order(own, other);
        match (single.is_finite(), double.is_finite()) {
            (_, false) => {}
            (false, true) => return f64::INFINITY,
            (true, true) => (most, scale) = (most.max((single - double).abs()), scale.max(double.abs())),
        }
    }
    match most {
        0.0 => 0.0,
        _ => most / scale,
    }
}

/// How many rows are printed.
const ROWS: usize = 16;

impl fmt::Display for Accuracy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order.sort_by(|&a, &b| self.nodes[b].growth.total_cmp(&self.nodes[a].growth).then(a.cmp(&b)));
        order.truncate(ROWS);
        order.sort_unstable();
        writeln!(f, "{:<24} {:>9} {:>9} {:>9}  line", "node", "error", "growth", "gradient")?;
        for &k in &order {
            let NodeAccuracy { at, error, growth, gradient } = &self.nodes[k];
            let what = format!("%{} {}", at.node, at.op);
            let gradient = gradient.map(|error| format!("{error:.1e}")).unwrap_or_default();
            writeln!(
                f,
                "{what:<24} {error:>9.1e} {growth:>9.1e} {gradient:>9}  {}:{}",
                at.line.file(),
                at.line.line()
            )?;
        }
        if order.len() < self.nodes.len() {
            writeln!(f, "and {} more, which grow less", self.nodes.len() - order.len())?;
        }
        let gradients = self.nodes.iter().filter_map(|node| node.gradient).fold(0.0, f64::max);
        let last = self.nodes.last().map_or(0.0, |node| node.error);
        write!(f, "relative errors in single precision: {last:.1e} in the value, at most {gradients:.1e} in a gradient")
    }
}
