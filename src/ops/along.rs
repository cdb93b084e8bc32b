//! A shape as an operation along one of its axes sees it.

use crate::tensor::Shape;

/// Sizes before, along and after an axis.
pub(super) fn around(shape: &Shape, axis: usize) -> [usize; 3] {
    [shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product()]
}

/// The shape with another size of an axis.
pub(super) fn with_size(shape: &Shape, axis: usize, size: usize) -> Shape {
    shape.iter().enumerate().map(|(i, &n)| if i == axis { size } else { n }).collect()
}
