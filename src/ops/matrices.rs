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

/// The value of `op` at `x`, or the error that names the first matrix of the batch at which the kernel failed, and why.
macro_rules! batch {
    ($op:expr, $x:expr, $shape:expr, $fault:expr, |$T:ident, $out:ident| $kernel:expr) => {{
        let mut outcome = Ok(());
        let y = $crate::tensor::build!($x.dtype(), $shape, |$T, $out| outcome = $kernel);
        match outcome {
            Ok(()) => Ok(y),
            Err(index) => Err($crate::Error::Matrix {
                op: $op.name().to_owned(),
                index,
                shape: $x.shape().clone(),
                fault: $fault,
                scope: String::new(),
            }),
        }
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
