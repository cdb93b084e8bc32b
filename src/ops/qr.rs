//! Orthogonal and triangular factors of matrices `[.., m, n]`: A = Q R.
//!
//! For m ≥ n, with M = R dRᵀ − dQᵀ Q, whose lower triangle is copied to the upper by C(M),
//! dA = (dQ + Q C(M)) R⁻ᵀ (Seeger et al., Auto-differentiating linear algebra, arXiv 1710.08717). For m < n the first m
//! columns X have factors Q and R₁, and R = [R₁ | Qᵀ Y] for the others, Y.

use super::{
    formula::Formula,
    matrices::{batch, with_matrix},
    op::{Grads, Op, Vjp},
    sample::{Sample, Sampled, numbers},
    twins::twin,
};
use crate::{
    error::{Error, Result},
    kernels::linalg,
    tape::{Saved, Var},
    tensor::{Shape, Tensor},
};

/// Q above R, for m ≥ n: `[.., m + n, n]`.
pub(super) struct Qr;

/// What is wrong with the input.
const NO_FACTORS: &str =
    "holds a number that is NaN or infinite, or a column that depends on those before, so its factors are not unique";

/// The rows and columns of matrices.
fn sizes(x: &Shape) -> Result<[usize; 2]> {
    match x.dims() {
        &[.., m, n] => Ok([m, n]),
        _ => Err(Error::shape("qr", &[x], "matrices [.., m, n] are needed")),
    }
}

/// Q and R.
#[track_caller]
fn parts<'t>(packed: Var<'t>, [m, n]: [usize; 2]) -> Result<(Var<'t>, Var<'t>)> {
    Ok((packed.try_narrow(-2, 0, m)?, packed.try_narrow(-2, m, n)?))
}

impl Op for Qr {
    fn name(&self) -> &str {
        "qr"
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        let dx = r"\left(\bar Q + Q C(R \bar R^\top - \bar Q^\top Q)\right) R^{-\top}";
        Some(Formula::new(r"(Q, R), x = Q R", [dx]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let [m, n] = sizes(x[0])?;
        Ok(with_matrix(x[0], &[m + n, n]))
    }

    /// R by reflections, and the columns of Q from them (Golub and Van Loan, section 5.2).
    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        let [m, n] = sizes(x[0]).ok()?.map(|size| size as u64);
        let batch = x[0].numel() as u64 / (m * n).max(1);
        Some(batch * (4 * m * n * n).saturating_sub(4 * n * n * n / 3))
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let [m, n] = sizes(x[0].shape())?;
        batch!(self, x[0], shape, NO_FACTORS, |T, out| linalg::qr(x[0].data::<T>(), m, n, out))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let sizes = sizes(&at.x[0].shape())?;
        let ((q, r), (dq, dr)) = (parts(at.z, sizes)?, parts(at.dz, sizes)?);
        let m = r.product(false, dr.triu(), true)? - dq.product(true, q, false)?;
        let copied = m.tril() + m.tril().transpose(-2, -1) - m.diagonal().diag_embed();
        let left = dq + q.product(false, copied, false)?;
        Ok(Grads::from_iter([Some(r.try_solve(left.transpose(-2, -1))?.transpose(-2, -1))]))
    }
}

impl Sampled for Qr {
    fn samples() -> Vec<Sample> {
        let input = |m, n| vec![numbers([2, m, n], -1.0, 1.0, 1)];
        vec![
            Sample::new("qr, Q", input(4, 3), |x| x[0].qr().0),
            Sample::new("qr, R", input(3, 3), |x| x[0].qr().1),
            Sample::new("qr, R of wide matrices", input(2, 3), |x| x[0].qr().1),
        ]
    }
}

impl<'t> Var<'t> {
    twin!(
        /// Q `[.., m, k]` with orthonormal columns and the upper triangular R `[.., k, n]` of each matrix `[.., m, n]`,
        /// with k = min(m, n): A = Q R. The diagonal of R is not negative, which makes both unique. (PyTorch leaves the
        /// signs open.)
        ///
        /// ```
        /// let tape = wengert::Tape::f64();
        /// let a = tape.leaf([[0.0, -2.0], [3.0, 1.0]]);
        /// let (q, r) = a.qr();
        /// assert!((q - wengert::Tensor::from([[0.0, -1.0], [1.0, 0.0]])).norm().item() < 1e-14);
        /// assert!((r - wengert::Tensor::from([[3.0, 1.0], [0.0, 2.0]])).norm().item() < 1e-14);
        /// ```
        #[or_panic(qr)]
        /// [`Error::Shape`] for fewer than two axes, [`Error::Matrix`] for numbers that are not finite, or where one of
        /// the first k columns is seen to depend on those before.
        pub fn try_qr(self) -> Result<(Var<'t>, Var<'t>)> {
            let [m, n] = sizes(&self.shape()).map_err(|error| self.tape().locate(error))?;
            if m >= n {
                return parts(self.tape().builtin(Qr, &[self])?, [m, n]);
            }
            let (q, r) = parts(self.tape().builtin(Qr, &[self.try_narrow(-1, 0, m)?])?, [m, m])?;
            let rest = q.product(true, self.try_narrow(-1, m, n - m)?, false)?;
            Ok((q, Var::try_concat(&[r, rest], -1)?))
        }
    );
}
