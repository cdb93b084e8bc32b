//! What the operations on batches of matrices `[.., n, n]` share: sizes, errors, samples.

use super::sample::numbers;
use crate::{
    error::{Error, Result},
    tape::Var,
    tensor::{Shape, Tensor},
};

/// The size n of square matrices, or the error for any other shape.
pub(super) fn square(op: &str, x: &Shape) -> Result<usize> {
    match x.dims() {
        [.., n, m] if n == m => Ok(*n),
        _ => Err(Error::shape(op, &[x], "square matrices [.., n, n] are needed")),
    }
}

/// The shape of a batch of matrices with the last two axes replaced.
pub(super) fn with_matrix(x: &Shape, last: &[usize]) -> Shape {
    x[..x.rank() - 2].iter().chain(last).copied().collect()
}

/// The error for matrix number `index` of a batch.
pub(super) fn fault(op: &str, shape: &Shape, fault: &'static str) -> impl FnOnce(usize) -> Error {
    move |index| Error::Matrix { op: op.to_owned(), index, shape: shape.clone(), fault, scope: String::new() }
}

/// A value and the outcome of the kernel that wrote it.
macro_rules! batch {
    ($x:expr, $shape:expr, |$T:ident, $out:ident| $kernel:expr) => {{
        let mut outcome = Ok(());
        let y = crate::dispatch!($x.dtype(), $T => Tensor::build::<$T>($shape, |$out| outcome = $kernel));
        outcome.map(|()| y)
    }};
}
pub(super) use batch;

impl<'t> Var<'t> {
    /// (A + Aᵀ)/2, for operations on symmetric matrices.
    #[track_caller]
    pub(super) fn symmetric_part(self, op: &str) -> Result<Var<'t>> {
        square(op, &self.shape()).map_err(|error| self.tape().locate(error))?;
        Ok((self + self.transpose(-2, -1)) * 0.5)
    }
}

/// Matrices far from singular.
pub(super) fn regular(shape: [usize; 3]) -> Tensor {
    let small = numbers(shape, -0.5, 0.5, 1).to_vec();
    let n = shape[2];
    Tensor::from_fn(shape, crate::DType::F64, |i| small[i] + if i / n % n == i % n { 1.5 } else { 0.0 })
}
