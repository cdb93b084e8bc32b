//! Eigenvectors of nearly equal eigenvalues.
//!
//! A perturbation dA turns the eigenvectors of λᵢ and λⱼ by vᵢᵀ dA vⱼ / (λⱼ − λᵢ) (see `ops::spectral`), so with gap
//! |λⱼ − λᵢ| and the largest |λ|, rounding errors ε |λ| become errors of ε |λ| / gap. A loss that reads the eigenvalues
//! alone has no such factor, so only decompositions count whose vectors are used.

use crate::{inspect::NodeView, tensor::Tensor};

/// The smallest relative gap of the values of a decomposition, with the index of the value before it.
pub(super) struct Gap {
    pub relative: f64,
    pub index: Vec<usize>,
    pub pair: [f64; 2],
    /// How many gaps are smaller than asked about, and how many there are.
    pub count: usize,
    pub of: usize,
}

/// Which row of the result of a decomposition holds its values; they stand in descending or ascending order.
fn row_of_values(op: &str, input: &[usize]) -> Option<usize> {
    match (op, input) {
        ("eigh", _) => Some(0),
        ("svd", [.., m, _]) => Some(*m),
        _ => None,
    }
}

/// Whether somebody reads the vectors of a decomposition: a part of it with more than one row that is read, or is the
/// end of the recording.
pub(super) fn vectors_used(nodes: &[NodeView], node: usize) -> bool {
    if !matches!(&*nodes[node].op, "eigh" | "svd") {
        return false;
    }
    let readers = |id: usize| nodes[id + 1..].iter().filter(move |reader| reader.inputs.contains(&id));
    let many_rows = |part: &NodeView| part.shape.rank() >= 2 && part.shape[part.shape.rank() - 2] > 1;
    readers(node).any(|part| many_rows(part) && (part.index + 1 == nodes.len() || readers(part.index).next().is_some()))
}

/// The smallest gap, if it is below `limit` times the largest value.
pub(super) fn smallest_gap(node: &NodeView, input: &[usize], z: &Tensor, limit: f64) -> Option<Gap> {
    let row = row_of_values(&node.op, input)?;
    let &[.., rows, n] = z.shape().dims() else { return None };
    let numbers = z.to_vec();
    let mut found: Option<Gap> = None;
    let (mut count, mut of) = (0, 0);
    for (matrix, all) in numbers.chunks(rows * n).enumerate() {
        let values = &all[row * n..(row + 1) * n];
        let largest = values.iter().fold(0.0_f64, |most, value| value.abs().max(most));
        for (k, pair) in values.windows(2).enumerate() {
            of += 1;
            let relative = if largest == 0.0 { 0.0 } else { (pair[1] - pair[0]).abs() / largest };
            if relative >= limit {
                continue;
            }
            count += 1;
            if found.as_ref().is_none_or(|gap| relative < gap.relative) {
                let batch = if z.shape().rank() > 2 { vec![matrix, k] } else { vec![k] };
                found = Some(Gap { relative, index: batch, pair: [pair[0], pair[1]], count: 0, of: 0 });
            }
        }
    }
    found.map(|gap| Gap { count, of, ..gap })
}
