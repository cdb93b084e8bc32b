//! Dead units: activations that are 0 for every observation. Their slope is 0 there, so no gradient passes through, and
//! nothing before them learns to revive them.

use super::Finding;
use crate::{Tape, Tensor, inspect::NodeView};

/// The operations that can cut a unit off. (A product may be 0 because a scale starts at 0, which is learned.)
const CUTTING: [&str; 5] = ["relu", "max", "min", "hardswish", "select"];

/// One unit in so many may be 0 by chance for the observations of one batch.
const TOLERATED: usize = 4;

/// A finding for each operation on the tape that leaves at least a quarter of its units at 0 for all n observations. A unit is
/// a place along the second axis: a feature of `[n, units]`, a channel of `[n, units, height, width]`.
pub(super) fn dead(tape: &Tape, n: usize) -> Vec<Finding> {
    let finding = |node: NodeView| {
        if !node.needs_grad || !CUTTING.contains(&&*node.op) || node.shape.first() != Some(&n) || node.shape.rank() < 2
        {
            return None;
        }
        let (dead, units) = (count_dead(&node.value?), node.shape[1]);
        let few = dead == 0 || dead * TOLERATED < units;
        (!few).then_some(Finding::DeadUnits { layer: node.layer, op: node.op, line: node.line, dead, units })
    };
    tape.nodes().filter_map(finding).collect()
}

/// The number of places along the second axis that are 0 everywhere.
fn count_dead(value: &Tensor) -> usize {
    let dims = value.shape().dims();
    let (units, inner) = (dims[1], dims[2..].iter().product::<usize>());
    let mut alive = vec![false; units];
    for (i, number) in value.to_vec().into_iter().enumerate() {
        if number != 0.0 {
            alive[i / inner % units] = true;
        }
    }
    alive.iter().filter(|alive| !**alive).count()
}
