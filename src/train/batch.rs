//! A batch: what goes into a network, and what its output is compared with.

use crate::Tensor;

/// Some observations with their labels or targets.
///
/// Most batches are made from a pair: the input (or several of them), and class labels (or a target tensor).
///
/// ```
/// use wengert::{Tensor, train::Batch};
/// let images = Tensor::from([[0.0, 1.0], [1.0, 0.0]]);
/// let batch = Batch::from((images.clone(), vec![0, 1]));
/// assert_eq!((batch.len(), &batch.labels[..]), (2, &[0, 1][..]));
/// let pair = Batch::from(([images.clone(), images.clone()], Tensor::from([0.0, 1.0])));
/// assert_eq!((pair.inputs.len(), pair.targets.len()), (2, 1));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The inputs of the network, `[n, ..]` each.
    pub inputs: Vec<Tensor>,
    /// The class of each of the n observations, if they have classes.
    pub labels: Vec<usize>,
    /// Anything else that a loss is computed from: values to predict, weights, masks.
    pub targets: Vec<Tensor>,
}

impl Batch {
    /// The number of observations n: the size of the first axis of the first input.
    pub fn len(&self) -> usize {
        self.inputs.first().and_then(|x| x.shape().first().copied()).unwrap_or(0)
    }

    /// Whether there is no observation.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The inputs of a network: one, or several.
pub trait Inputs {
    /// As a list.
    fn list(self) -> Vec<Tensor>;
}

impl Inputs for Tensor {
    fn list(self) -> Vec<Tensor> {
        vec![self]
    }
}

impl Inputs for Vec<Tensor> {
    fn list(self) -> Vec<Tensor> {
        self
    }
}

impl<const N: usize> Inputs for [Tensor; N] {
    fn list(self) -> Vec<Tensor> {
        self.into()
    }
}

impl<X: Inputs> From<(X, Vec<usize>)> for Batch {
    fn from((x, labels): (X, Vec<usize>)) -> Self {
        Batch { inputs: x.list(), labels, ..Batch::default() }
    }
}

impl<X: Inputs> From<(X, Tensor)> for Batch {
    fn from((x, target): (X, Tensor)) -> Self {
        Batch { inputs: x.list(), targets: vec![target], ..Batch::default() }
    }
}
