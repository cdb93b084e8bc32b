//! The square root of symmetric positive semi-definite matrices.
//!
//! For Z = A^½, dA solves the Lyapunov equation Z dA + dA Z = (dZ + dZᵀ)/2 (Lin and Maji, arXiv 1707.06772). It never divides by
//! a difference of eigenvalues, so equal ones are no problem. Z has the eigenvectors of A, so the way back needs no
//! decomposition of its own.

use std::sync::Arc;

use super::{
    formula::Formula,
    matrices::{batch, square, with_matrix},
    op::{Grads, Op, Vjp},
    sample::{Sample, Sampled, numbers},
    spectral::{NOT_FINITE, transposed},
    twins::{expect, twin},
};
use crate::{
    error::{Error, Result},
    kernels::linalg,
    tape::{Saved, Var},
    tensor::{Shape, Tensor},
};

/// The symmetric positive semi-definite square root.
pub(super) struct SymmetricSqrt;

impl Op for SymmetricSqrt {
    fn name(&self) -> &str {
        "symmetric_sqrt"
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"x^{\frac{1}{2}}", [r"G, z G + G z = \operatorname{sym}(\bar z)"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        square("symmetric_sqrt", x[0]).map(|_| x[0].clone())
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, saved: &mut Option<Saved>) -> Result<Tensor> {
        let n = square("symmetric_sqrt", &shape)?;
        let fault = "has a negative eigenvalue, or a number that is NaN or infinite";
        let packed = with_matrix(&shape, &[n + 1, n]);
        let mut eigen = batch!(self, x[0], packed, fault, |T, out| linalg::eigh(x[0].data::<T>(), n, out))?;
        let z = batch!(self, x[0], shape, fault, |T, out| linalg::symmetric_sqrt(eigen.data_mut::<T>(), n, out))?;
        *saved = Some(Arc::new(eigen));
        Ok(z)
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let eigen = at.saved().and_then(|saved| saved.downcast_ref::<Tensor>().cloned());
        Ok(Grads::from_iter([Some(at.tape().builtin(Lyapunov { eigen }, &[at.z, at.dz])?)]))
    }
}

/// Symmetric positive definite matrices, one made from each of a batch.
#[track_caller]
fn positive<'t>(x: Var<'t>) -> Var<'t> {
    let n = *x.shape().last().expect("a batch of matrices");
    x.matmul(transposed(x)) + x.tape().constant(Tensor::eye(n, x.dtype())) * 0.3
}

impl Sampled for SymmetricSqrt {
    fn samples() -> Vec<Sample> {
        let input = vec![numbers([2, 3, 3], -1.0, 1.0, 1)];
        vec![Sample::new("symmetric_sqrt", input, |x| positive(x[0]).symmetric_sqrt())]
    }
}

/// The symmetric X with Z X + X Z = (C + Cᵀ)/2, for symmetric positive semi-definite Z.
///
/// It is linear in C, and its own adjoint: with W the solution for dX, dC = W and dZ = −(W X + X W).
pub(super) struct Lyapunov {
    /// The eigenvalues of Z above its eigenvectors, `[.., n + 1, n]`, where they are known.
    eigen: Option<Tensor>,
}

impl Op for Lyapunov {
    fn name(&self) -> &str {
        "lyapunov"
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        let by_z = r"-(G z + z G), x_1 G + G x_1 = \operatorname{sym}(\bar z)";
        let by_c = r"G, x_1 G + G x_1 = \operatorname{sym}(\bar z)";
        Some(Formula::new(r"z, x_1 z + z x_1 = \operatorname{sym}(x_2)", [by_z, by_c]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        square("lyapunov", x[0])?;
        match x[0] == x[1] {
            true => Ok(x[0].clone()),
            false => Err(Error::shape("lyapunov", x, "two batches of matrices of the same shape are needed")),
        }
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let n = square("lyapunov", &shape)?;
        let found = || {
            let packed = with_matrix(&shape, &[n + 1, n]);
            batch!(self, x[0], packed, NOT_FINITE, |T, out| linalg::eigh(x[0].data::<T>(), n, out))
        };
        let eigen = self.eigen.clone().map_or_else(found, Ok)?;
        batch!(self, x[0], shape, NOT_FINITE, |T, out| linalg::lyapunov(eigen.data::<T>(), x[1].data::<T>(), n, out))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (z, x) = (at.x[0], at.z);
        let w = at.tape().builtin(Lyapunov { eigen: self.eigen.clone() }, &[z, at.dz])?;
        let dz = at.by(0, || {
            let product = w.product(false, x, false)?;
            Ok(-(product + transposed(product)))
        })?;
        Ok(Grads::from_iter([dz, Some(w)]))
    }
}

impl Sampled for Lyapunov {
    fn samples() -> Vec<Sample> {
        let inputs = vec![numbers([2, 3, 3], -1.0, 1.0, 1), numbers([2, 3, 3], -1.0, 1.0, 2)];
        vec![Sample::new("lyapunov", inputs, |x| {
            expect(x[0].tape().builtin(Lyapunov { eigen: None }, &[positive(x[0]), x[1]]))
        })]
    }
}

impl<'t> Var<'t> {
    twin!(
        /// The symmetric positive semi-definite Z with Z Z = A, for each such matrix A `[.., n, n]`. It reads (A +
        /// Aᵀ)/2, and treats eigenvalues that are negative only through rounding as 0.
        ///
        /// The gradient involves no differences of eigenvalues. At a rank-deficient matrix, where it is unbounded, the
        /// part between null vectors is 0.
        #[or_panic(symmetric_sqrt)]
        /// [`Error::Shape`] when the matrices are not square, [`Error::Matrix`] when an eigenvalue is negative.
        pub fn try_symmetric_sqrt(self) -> Result<Var<'t>> {
            self.tape().builtin(SymmetricSqrt, &[self])
        }
    );
}
