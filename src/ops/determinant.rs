//! Determinants of matrices `[.., n, n]`.
//!
//! | z | gradient | |
//! |---|---|---|
//! | det A | dA = dz C | C: cofactors, defined for singular A too |
//! | C = det A · A⁻ᵀ | dA = ⟨dC, C⟩ Y − Y dCᵀ C, Y = A⁻ᵀ | dC: the gradient with respect to C |
//! | ln \|det A\| | dA = dz A⁻ᵀ | |
//!
//! The first is Jacobi's formula; the second follows from it and from that of the inverse.

use super::{
    formula::Formula,
    matrices::{regular, square, with_matrix},
    op::{Grads, Op, Vjp},
    sample::{Sample, Sampled, numbers},
    twins::{expect, twin},
};
use crate::{
    error::Result,
    kernels::linalg,
    tape::{Saved, Var},
    tensor::{Shape, Tensor, build},
};

/// The determinant.
pub(super) struct Det;

impl Op for Det {
    fn name(&self) -> &str {
        "det"
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"\det(x)", [r"\bar z \operatorname{cof}(x)"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        square("det", x[0]).map(|_| with_matrix(x[0], &[]))
    }

    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        Some(2 * x[0].numel() as u64 * x[0][x[0].rank() - 1] as u64 / 3)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let n = square("det", x[0].shape())?;
        Ok(build!(x[0].dtype(), shape, |T, out| linalg::det(x[0].data::<T>(), n, out)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let cofactors = at.tape().builtin(Cofactors, &[at.x[0]])?;
        Ok(Grads::from_iter([Some(cofactors * for_matrices(at.dz, at.x[0])?)]))
    }
}

/// Numbers, one for each of the matrices, as batches of one row and one column.
fn for_matrices<'t>(numbers: Var<'t>, matrices: Var<'t>) -> Result<Var<'t>> {
    numbers.try_reshape(with_matrix(&matrices.shape(), &[1, 1]))
}

impl Sampled for Det {
    fn samples() -> Vec<Sample> {
        vec![Sample::new("det", vec![regular([2, 3, 3])], |x| x[0].det())]
    }
}

/// The gradient of the determinant.
pub(super) struct Cofactors;

impl Op for Cofactors {
    fn name(&self) -> &str {
        "cofactors"
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        let gradient = r"\langle \bar z, z \rangle x^{-\top} - x^{-\top} \bar z^\top z";
        Some(Formula::new(r"\operatorname{cof}(x)", [gradient]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        square("cofactors", x[0]).map(|_| x[0].clone())
    }

    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        Some(2 * x[0].numel() as u64 * x[0][x[0].rank() - 1] as u64)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let n = square("cofactors", &shape)?;
        Ok(build!(x[0].dtype(), shape, |T, out| linalg::cofactors(x[0].data::<T>(), n, out)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let inverse = at.x[0].try_inverse()?.transpose(-2, -1);
        let along = (at.dz * at.z).try_sum_axes(&[-2, -1], true)?;
        let turned = inverse.product(false, at.dz.product(true, at.z, false)?, false)?;
        Ok(Grads::from_iter([Some(along * inverse - turned)]))
    }
}

impl Sampled for Cofactors {
    fn samples() -> Vec<Sample> {
        vec![Sample::new("cofactors", vec![numbers([2, 3, 3], -0.5, 0.5, 1)], |x| {
            let a = x[0] + x[0].tape().constant(Tensor::eye(3, x[0].dtype())) * 1.5;
            expect(a.tape().builtin(Cofactors, &[a]))
        })]
    }
}

/// The sign of the determinant and ln |det|, side by side.
pub(super) struct SlogDet;

impl Op for SlogDet {
    fn name(&self) -> &str {
        "slogdet"
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"(\operatorname{sign}(\det(x)), \ln(|\det(x)|))", [r"\bar z_2 x^{-\top}"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        square("slogdet", x[0]).map(|_| with_matrix(x[0], &[2]))
    }

    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        Some(2 * x[0].numel() as u64 * x[0][x[0].rank() - 1] as u64 / 3)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let n = square("slogdet", x[0].shape())?;
        Ok(build!(x[0].dtype(), shape, |T, out| linalg::slogdet(x[0].data::<T>(), n, out)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let inverse = at.x[0].try_inverse()?.transpose(-2, -1);
        Ok(Grads::from_iter([Some(inverse * for_matrices(at.dz.try_narrow(-1, 1, 1)?, at.x[0])?)]))
    }
}

impl Sampled for SlogDet {
    fn samples() -> Vec<Sample> {
        vec![Sample::new("slogdet", vec![regular([2, 3, 3])], |x| x[0].slogdet().1)]
    }
}

impl<'t> Var<'t> {
    twin!(
        /// The determinant of each matrix `[.., n, n]`: `[..]`. Its gradient is the matrix of cofactors, of singular
        /// matrices too; the gradient of that uses the inverse, so there the matrix must be invertible.
        #[or_panic(det)]
        /// [`Error::Shape`](crate::Error::Shape) when the matrices are not square.
        pub fn try_det(self) -> Result<Var<'t>> {
            self.tape().builtin(Det, &[self])
        }
    );

    twin!(
        /// The sign (−1, 0 or 1) of the determinant of each matrix `[.., n, n]`, and ln |det|, both `[..]`: for
        /// determinants that would overflow. No gradient flows through the sign.
        #[or_panic(slogdet)]
        /// [`Error::Shape`](crate::Error::Shape) when the matrices are not square.
        pub fn try_slogdet(self) -> Result<(Var<'t>, Var<'t>)> {
            let _line = self.tape().at_caller();
            let both = self.tape().builtin(SlogDet, &[self])?;
            let batch = with_matrix(&self.shape(), &[]);
            let part = |k| both.try_narrow(-1, k, 1)?.try_reshape(&batch);
            Ok((part(0)?.detach(), part(1)?))
        }
    );
}
