//! A sparse matrix of constants, applied along one axis: interpolation, and means over windows of several sizes.
//!
//! It is linear, and its adjoint is the same operation with the transposed matrix.

use std::sync::Arc;

use super::{
    along::{around, with_size},
    formula::Formula,
    op::{Grads, Mixes, Op, Vjp},
    sample::{Sample, Sampled},
    twins::expect,
};
use crate::{
    error::{Error, Result},
    kernels::sparse::Sparse,
    tape::{Saved, Var},
    tensor::{Shape, Tensor, build},
};

/// For each output along an axis the weighted sum of the entries that it sees.
pub(super) struct WeightedSum {
    axis: usize,
    matrix: Arc<Sparse>,
    transposed: Arc<Sparse>,
}

impl Op for WeightedSum {
    fn name(&self) -> &str {
        "weighted_sum"
    }

    fn attributes(&self) -> String {
        format!("axis {} from {} to {}", self.axis, self.matrix.columns(), self.matrix.rows())
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new("W x", [r"W^\top \bar z"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        match x[0].get(self.axis) == Some(&self.matrix.columns()) {
            true => Ok(with_size(x[0], self.axis, self.matrix.rows())),
            false => {
                let need = format!("axis {} must be of size {}", self.axis, self.matrix.columns());
                Err(Error::shape(self.name(), x, need))
            }
        }
    }

    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        let [outer, _, inner] = around(x[0], self.axis);
        Some(2 * (outer * inner * self.matrix.entries()) as u64)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let [.., inner] = around(&shape, self.axis);
        Ok(build!(x[0].dtype(), shape, |T, out| self.matrix.apply(x[0].data::<T>(), inner, out)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (matrix, transposed) = (self.transposed.clone(), self.matrix.clone());
        let back = WeightedSum { axis: self.axis, matrix, transposed };
        Ok(Grads::from_iter([Some(at.tape().builtin(back, &[at.dz])?)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Sampled for WeightedSum {
    fn samples() -> Vec<Sample> {
        let seen = || Sparse::new(4, &[vec![(0, 0.5), (3, -2.0)], vec![], vec![(3, 1.0)]]);
        vec![
            Sample::unary("weighted_sum", [2, 4], move |x| expect(x.try_weighted_sum(1, seen()))),
            Sample::unary("weighted_sum of rows", [4, 3], move |x| expect(x.try_weighted_sum(0, seen()))),
        ]
    }
}

impl<'t> Var<'t> {
    /// The rows of `matrix` times the entries along `axis`, of which there are as many as it has columns.
    #[track_caller]
    pub(crate) fn try_weighted_sum(self, axis: usize, matrix: Sparse) -> Result<Var<'t>> {
        let transposed = Arc::new(matrix.transposed());
        self.tape().builtin(WeightedSum { axis, matrix: Arc::new(matrix), transposed }, &[self])
    }
}
