//! Determinants of matrices `[.., n, n]`.
//!
//! By Jacobi's formula det A has the gradient dA = dz det A · A⁻ᵀ, and ln |det A| has dA = dz A⁻ᵀ.

use super::{
    formula::Formula,
    matrices::{regular, square, with_matrix},
    op::{Grads, Op, Vjp},
    sample::{Sample, Sampled},
    twins::twin,
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
        Some(Formula::new(r"\det(x)", [r"\bar z z x^{-\top}"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        square("det", x[0]).map(|_| with_matrix(x[0], &[]))
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let n = square("det", x[0].shape())?;
        Ok(build!(x[0].dtype(), shape, |T, out| linalg::det(x[0].data::<T>(), n, out)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        by_determinant(at.x[0], at.dz * at.z)
    }
}

/// `scale` A⁻ᵀ, with one number of `scale` for each matrix.
fn by_determinant<'t>(a: Var<'t>, scale: Var<'t>) -> Result<Grads<'t>> {
    let inverse = a.try_inverse()?.transpose(-2, -1);
    let each = with_matrix(&a.shape(), &[1, 1]);
    Ok(Grads::from_iter([Some(inverse * scale.try_reshape(&each)?)]))
}

impl Sampled for Det {
    fn samples() -> Vec<Sample> {
        vec![Sample::new("det", vec![regular([2, 3, 3])], |x| x[0].det())]
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

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let n = square("slogdet", x[0].shape())?;
        Ok(build!(x[0].dtype(), shape, |T, out| linalg::slogdet(x[0].data::<T>(), n, out)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        by_determinant(at.x[0], at.dz.try_narrow(-1, 1, 1)?)
    }
}

impl Sampled for SlogDet {
    fn samples() -> Vec<Sample> {
        vec![Sample::new("slogdet", vec![regular([2, 3, 3])], |x| x[0].slogdet().1)]
    }
}

impl<'t> Var<'t> {
    twin!(
        /// The determinant of each matrix `[.., n, n]`: `[..]`. Its gradient uses the inverse, so the matrix must be
        /// invertible.
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
            let both = self.tape().builtin(SlogDet, &[self])?;
            let batch = with_matrix(&self.shape(), &[]);
            let part = |k| both.try_narrow(-1, k, 1)?.try_reshape(&batch);
            Ok((part(0)?.detach(), part(1)?))
        }
    );
}
