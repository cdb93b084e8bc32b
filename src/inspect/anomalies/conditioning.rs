//! Operations that lose digits.
//!
//! | loss | measured by | reported from |
//! |---|---|---|
//! | a steep slope (√x near 0, arccos x near ±1) | ∣f′(x)∣, which multiplies an error in x | ¼ ε^(−½) |
//! | cancellation in z = a ± b | (∣a∣ + ∣b∣)/∣z∣, which multiplies relative errors | 0.01/ε, for most elements |
//! | a formula with a better twin | the relative error ∣z − exact∣/∣exact∣ itself | ¼ ε^½ |
//! | vectors of nearly equal eigenvalues | largest ∣λ∣ / gap | ¼ ε^(−½) |
//!
//! Operands that came from outside are exact, so the difference of two of them is no loss. A slope where no gradient flows
//! does no harm that the forward pass would not show.

use std::collections::HashMap;

use super::{Loss, Warning, advice, eigenvalues, formula};
use crate::{
    inspect::{
        NodeView, Operand, Step,
        non_finite::{broadcast, unravel},
    },
    tape::Tape,
    tensor::{DType, Tensor},
};
use formula::{Formula, Match};

/// The slopes of operations that are steep at the edge of their domain.
fn slope(op: &str, number: Option<f64>, x: f64) -> Option<f64> {
    let slope = match (op, number) {
        ("sqrt", _) => 0.5 / x.sqrt(),
        ("signed_sqrt", _) if x != 0.0 => 0.5 / x.abs().sqrt(),
        ("asin" | "acos", _) => ((1.0 - x) * (1.0 + x)).sqrt().recip(),
        ("acosh", _) => ((x - 1.0) * (x + 1.0)).sqrt().recip(),
        ("atanh", _) => ((1.0 - x) * (1.0 + x)).recip(),
        ("pow", Some(c)) if c > 0.0 && c < 1.0 => c * x.powf(c - 1.0),
        _ => return None,
    };
    Some(slope).filter(|slope| !slope.is_nan())
}

/// The digits of a precision.
fn digits(dtype: DType) -> f64 {
    -dtype.epsilon().log10()
}

/// The operations that lose digits, among those of a part of the recording.
pub(super) fn warnings(tape: &Tape, part: &[bool]) -> Vec<Warning> {
    let nodes: Vec<NodeView> = tape.nodes().collect();
    let asked = |node: &usize| part.get(*node).is_some_and(|part| *part);
    let matches: Vec<Match> = (0..nodes.len()).filter(asked).filter_map(|node| Formula::at(&nodes, node)).collect();
    let vectors: Vec<bool> =
        (0..nodes.len()).map(|node| part[node] && eigenvalues::vectors_used(&nodes, node)).collect();
    let mut waiting: HashMap<usize, Vec<usize>> = HashMap::new();
    matches.iter().enumerate().for_each(|(k, known)| waiting.entry(known.x).or_default().push(k));
    let by_node: HashMap<usize, usize> = matches.iter().enumerate().map(|(k, known)| (known.node, k)).collect();
    let mut kept: Vec<Option<Tensor>> = vec![None; matches.len()];
    let mut found = Vec::new();
    let epsilon = tape.dtype().epsilon();
    tape.look_with_inputs(|id, z, x| {
        let (Some(z), Some(true)) = (z, part.get(id)) else { return };
        waiting.get(&id).into_iter().flatten().for_each(|&k| kept[k] = Some(z.clone()));
        let at = At { node: &nodes[id], z, x, epsilon };
        found.extend(match by_node.get(&id) {
            Some(&known) => kept[known].take().and_then(|input| at.formula(matches[known].formula, &input)),
            None if vectors[id] => at.eigenvalues(),
            None => at.steep().or_else(|| at.cancellation(&nodes)),
        });
    });
    found
}

/// A node with its values.
struct At<'a> {
    node: &'a NodeView,
    z: &'a Tensor,
    x: &'a [&'a Tensor],
    epsilon: f64,
}

impl At<'_> {
    /// A warning of the element that is worst of `count`.
    fn warning(&self, loss: Loss, (flat, count): (usize, usize), amplified: f64, instead: &'static str) -> Warning {
        let index = unravel(flat, self.z.shape());
        let of_same_place = |x: &&Tensor| Operand::Number(x.at(&broadcast(&index, x.shape())));
        let mut operands: Vec<Operand> = self.x.iter().map(of_same_place).collect();
        if let Some(number) = self.node.number {
            operands.insert(if self.node.number_first { 0 } else { operands.len() }, Operand::Number(number));
        }
        let all = digits(self.z.dtype());
        Warning {
            at: Step::of(self.node),
            loss,
            value: self.z.at(&index),
            index,
            count,
            of: self.z.numel(),
            operands,
            digits: amplified.log10().clamp(0.0, all),
            instead,
        }
    }

    /// An operation at the edge of its domain.
    fn steep(&self) -> Option<Warning> {
        let [x] = self.x else { return None };
        let number = self.node.number;
        if !self.node.needs_grad || slope(&self.node.op, number, 0.5).is_none() && self.node.op != "acosh" {
            return None;
        }
        let limit = 0.25 / self.epsilon.sqrt();
        let slopes = x.to_vec().into_iter().map(|x| slope(&self.node.op, number, x).unwrap_or(0.0));
        let (flat, count, worst) = worst(slopes, limit)?;
        Some(self.warning(Loss::Slope(worst), (flat, count), worst, advice::instead(&self.node.op)?))
    }

    /// A sum or a difference whose terms cancel in most elements.
    fn cancellation(&self, nodes: &[NodeView]) -> Option<Warning> {
        let computed = self.node.inputs.iter().any(|&input| !nodes[input].inputs.is_empty());
        if !matches!(&*self.node.op, "add" | "sub") || !computed {
            return None;
        }
        let shape = self.z.shape();
        let spread = |x: &&Tensor| match x.shape() == shape {
            true => x.to_vec(),
            false => (0..shape.numel()).map(|flat| x.at(&broadcast(&unravel(flat, shape), x.shape()))).collect(),
        };
        let mut terms: Vec<Vec<f64>> = self.x.iter().map(spread).collect();
        terms.extend(self.node.number.map(|number| vec![number; shape.numel()]));
        let [a, b] = &terms[..] else { return None };
        let z = self.z.to_vec();
        let condition = |i: usize| match z[i] {
            0.0 => 0.0,
            z => (a[i].abs() + b[i].abs()) / z.abs(),
        };
        let not_zero = z.iter().filter(|z| **z != 0.0).count();
        let (flat, count, worst) = worst((0..z.len()).map(condition), 0.01 / self.epsilon)?;
        let instead = "a formula that subtracts before it squares or sums (the variance as the mean of (x − mean)²), or \
                       double precision";
        (2 * count >= not_zero).then(|| self.warning(Loss::Cancellation, (flat, count), worst, instead))
    }

    /// A formula beside its better twin.
    fn formula(&self, formula: &Formula, x: &Tensor) -> Option<Warning> {
        let (exact, z) = (formula.exact(x), self.z.to_vec());
        let exact = exact.to_vec();
        let error = |(z, exact): (&f64, &f64)| match exact.is_finite() {
            _ if z == exact => 0.0,
            true if z.is_finite() => (z - exact).abs() / exact.abs(),
            true => f64::INFINITY,
            false => 0.0,
        };
        let (flat, count, worst) = worst(z.iter().zip(&exact).map(error), 0.25 * self.epsilon.sqrt())?;
        let loss = Loss::Formula(exact[flat]);
        Some(self.warning(loss, (flat, count), worst / self.epsilon, formula.instead))
    }

    /// Vectors of nearly equal eigenvalues.
    fn eigenvalues(&self) -> Option<Warning> {
        let input = self.x.first()?.shape().dims();
        let gap = eigenvalues::smallest_gap(self.node, input, self.z, 4.0 * self.epsilon.sqrt())?;
        let loss = Loss::Eigenvalues(gap.relative);
        let instead = advice::instead(&self.node.op)?;
        let warning = self.warning(loss, (0, gap.count), gap.relative.recip(), instead);
        let operands = gap.pair.map(Operand::Number).to_vec();
        Some(Warning { index: gap.index, of: gap.of, operands, value: gap.pair[0], ..warning })
    }
}

/// The position of the largest number, how many are at least `limit`, and the largest; none if none is.
fn worst(numbers: impl Iterator<Item = f64>, limit: f64) -> Option<(usize, usize, f64)> {
    let (mut place, mut count, mut most) = (0, 0, 0.0);
    for (i, number) in numbers.enumerate().filter(|(_, number)| *number >= limit) {
        count += 1;
        if number > most {
            (place, most) = (i, number);
        }
    }
    (count > 0).then_some((place, count, most))
}
