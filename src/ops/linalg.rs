//! Linear algebra on batches of matrices `[.., n, n]`: inverses, linear systems, Cholesky factors.
//!
//! | z | gradient | |
//! |---|---|---|
//! | Y = A⁻¹ | dA = −Yᵀ dY Yᵀ | |
//! | X = A⁻¹ B | dB = A⁻ᵀ dX, dA = −dB Xᵀ | |
//! | A = L Lᵀ | dA = L⁻ᵀ Φ(Lᵀ dL) L⁻¹ | Murray, arXiv 1602.07527; Φ: lower triangle, diagonal halved |
//!
//! Functions of symmetric matrices read (A + Aᵀ)/2, so their gradients are symmetric, and correct for any change of A.
//! All formulas but the last are from Giles (Collected matrix derivative results, 2008).

use super::{
    formula::Formula,
    matrices::{batch, regular, square},
    op::{Grads, Op, Vjp},
    sample::{Sample, Sampled, numbers},
    twins::{expect, twin},
};
use crate::{
    error::{Error, Result},
    kernels::linalg,
    tape::{Saved, Var},
    tensor::{Shape, Tensor},
};

/// A⁻¹.
pub(super) struct Inverse;

impl Op for Inverse {
    fn name(&self) -> &str {
        "inverse"
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new("x^{-1}", [r"-z^\top \bar z z^\top"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        square("inverse", x[0]).map(|_| x[0].clone())
    }

    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        Some(2 * x[0].numel() as u64 * x[0][x[0].rank() - 1] as u64)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let n = square("inverse", &shape)?;
        batch!(self, x[0], shape, "is singular", |T, out| linalg::inverse(x[0].data::<T>(), n, out))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let dx = -at.z.product(true, at.dz.product(false, at.z, true)?, false)?;
        Ok(Grads::from_iter([Some(dx)]))
    }
}

impl Sampled for Inverse {
    fn samples() -> Vec<Sample> {
        vec![Sample::new("inverse", vec![regular([2, 3, 3])], |x| x[0].inverse())]
    }
}

/// A⁻¹ B or A⁻ᵀ B.
pub(super) struct Solve {
    transposed: bool,
}

impl Op for Solve {
    fn name(&self) -> &str {
        "solve"
    }

    fn attributes(&self) -> String {
        if self.transposed { "transposed".into() } else { String::new() }
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(match self.transposed {
            false => Formula::new(r"x_1^{-1} x_2", [r"-x_1^{-\top} \bar z z^\top", r"x_1^{-\top} \bar z"]),
            true => Formula::new(r"x_1^{-\top} x_2", [r"-z (x_1^{-1} \bar z)^\top", r"x_1^{-1} \bar z"]),
        })
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let n = square("solve", x[0])?;
        let (a, b) = (x[0], x[1]);
        if b.rank() != a.rank() || b[b.rank() - 2] != n || a[..a.rank() - 2] != b[..b.rank() - 2] {
            return Err(Error::shape(
                "solve",
                x,
                "matrices [.., n, n] and right-hand sides [.., n, k] whose batches broadcast are needed",
            ));
        }
        Ok(b.clone())
    }

    fn flops(&self, x: &[&Shape], z: &Shape) -> Option<u64> {
        Some(
            2 * x[0].numel() as u64 * x[0][x[0].rank() - 1] as u64 / 3
                + 2 * z.numel() as u64 * x[0][x[0].rank() - 1] as u64,
        )
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let n = square("solve", x[0].shape())?;
        let columns = shape[shape.rank() - 1];
        batch!(self, x[0], shape, "is singular", |T, out| {
            linalg::solve(x[0].data::<T>(), x[1].data::<T>(), n, columns, self.transposed, out)
        })
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (a, x) = (at.x[0], at.z);
        let db = at.tape().builtin(Solve { transposed: !self.transposed }, &[a, at.dz])?;
        let da =
            at.by(0, || Ok(if self.transposed { -x.product(false, db, true)? } else { -db.product(false, x, true)? }))?;
        Ok(Grads::from_iter([da, Some(db)]))
    }
}

impl Sampled for Solve {
    fn samples() -> Vec<Sample> {
        let pair = || vec![regular([2, 3, 3]), numbers([2, 3, 2], -1.0, 1.0, 2)];
        vec![
            Sample::new("solve", pair(), |x| x[0].solve(x[1])),
            Sample::new("solve, transposed", pair(), |x| {
                expect(x[0].tape().builtin(Solve { transposed: true }, &[x[0], x[1]]))
            }),
        ]
    }
}

/// The lower triangular L with A = L Lᵀ.
pub(super) struct Cholesky;

impl Op for Cholesky {
    fn name(&self) -> &str {
        "cholesky"
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        let value = r"\operatorname{chol}(x)";
        Some(Formula::new(value, [r"\operatorname{sym}\left(z^{-\top} \Phi(z^\top \bar z) z^{-1}\right)"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        square("cholesky", x[0]).map(|_| x[0].clone())
    }

    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        Some(x[0].numel() as u64 * x[0][x[0].rank() - 1] as u64 / 3)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let n = square("cholesky", &shape)?;
        batch!(self, x[0], shape, "is not positive definite", |T, out| linalg::cholesky(x[0].data::<T>(), n, out))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let l = at.z;
        let turned = l.product(true, at.dz.tril(), false)?;
        let half = turned.tril() - turned.try_diagonal()?.diag_embed() * 0.5;
        let solve = |b: Var<'t>| at.tape().builtin(Solve { transposed: true }, &[l, b]);
        let dx = solve(solve(half)?.transpose(-2, -1))?;
        Ok(Grads::from_iter([Some((dx + dx.transpose(-2, -1)) * 0.5)]))
    }
}

impl Sampled for Cholesky {
    fn samples() -> Vec<Sample> {
        vec![Sample::new("cholesky", vec![regular([2, 3, 3])], |x| x[0].cholesky())]
    }
}

impl<'t> Var<'t> {
    twin!(
        /// The inverse of each matrix `[.., n, n]`. To solve a linear system, [`solve`](Var::solve) is more accurate.
        ///
        /// ```
        /// let tape = wengert::Tape::f64();
        /// let a = tape.leaf([[2.0, 0.0], [0.0, 4.0]]);
        /// assert_eq!(a.inverse().value().to_vec(), [0.5, 0.0, 0.0, 0.25]);
        /// ```
        #[or_panic(inverse)]
        /// [`Error::Shape`] when the matrices are not square, [`Error::Matrix`] when one is singular.
        pub fn try_inverse(self) -> Result<Var<'t>> {
            self.tape().builtin(Inverse, &[self])
        }
    );

    twin!(
        /// The Cholesky factor of each symmetric positive definite matrix `[.., n, n]`: the lower triangular L with A =
        /// L Lᵀ. It reads (A + Aᵀ)/2.
        #[or_panic(cholesky)]
        /// [`Error::Shape`] when the matrices are not square, [`Error::Matrix`] when one is not positive definite.
        pub fn try_cholesky(self) -> Result<Var<'t>> {
            self.tape().builtin(Cholesky, &[self.symmetric_part("cholesky")?])
        }
    );

    twin!(
        /// The X with A X = B, where `self` is A `[.., n, n]` and `b` is B `[.., n, k]`, broadcast over the axes before
        /// them. A vector `[n]` counts as one column, and that axis is dropped from the result.
        ///
        /// ```
        /// let tape = wengert::Tape::f64();
        /// let a = tape.leaf([[2.0, 0.0], [0.0, 4.0]]);
        /// let b = tape.leaf([[2.0], [2.0]]);
        /// assert_eq!(a.solve(b).value().to_vec(), [1.0, 0.5]);
        /// ```
        #[or_panic(solve)]
        /// [`Error::Shape`] when the shapes do not match, [`Error::Matrix`] when a matrix is singular.
        pub fn try_solve(self, b: Var<'t>) -> Result<Var<'t>> {
            let _line = self.tape().at_caller();
            let (a, right) = (self.shape(), b.shape());
            if right.rank() == 1 && a.rank() >= 2 {
                return self.try_solve(b.try_unsqueeze(1)?)?.try_squeeze(&[-1]);
            }
            let lead = |x: &Shape| x.rank().checked_sub(2).map(|rank| Shape::from(&x[..rank]));
            let solve = |a: Var<'t>, b: Var<'t>| self.tape().builtin(Solve { transposed: false }, &[a, b]);
            match lead(&a).zip(lead(&right)).and_then(|(a, b)| a.broadcast(&b).filter(|_| a != b)) {
                Some(common) if a.last() == right.get(right.rank() - 2) => {
                    let wide = |x: Var<'t>, shape: &Shape| {
                        x.try_broadcast_to(common.iter().chain(&shape[shape.rank() - 2..]).copied().collect::<Shape>())
                    };
                    solve(wide(self, &a)?, wide(b, &right)?)
                }
                _ => solve(self, b),
            }
        }
    );
}
