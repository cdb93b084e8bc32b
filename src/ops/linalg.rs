//! Linear algebra of batches of matrices `[.., n, n]`: inverse, solutions, determinants, Cholesky factor.
//!
//! | y | gradient | |
//! |---|---|---|
//! | Y = A⁻¹ | dA = −Yᵀ dY Yᵀ | |
//! | X = A⁻¹ B | dB = A⁻ᵀ dX, dA = −dB Xᵀ | |
//! | det A | dA = dy det A · A⁻ᵀ | Jacobi's formula |
//! | ln \|det A\| | dA = dy A⁻ᵀ | |
//! | A = L Lᵀ | dA = L⁻ᵀ Φ(Lᵀ dL) L⁻¹ | Murray, arXiv 1602.07527; Φ: lower triangle, diagonal halved |
//!
//! Functions of symmetric matrices read (A + Aᵀ)/2, so their gradients are symmetric, and right for any change of A. The
//! formulas are those of Giles (Collected matrix derivative results, 2008) but for the last.

use super::{
    op::{Grads, Op, Vjp},
    sample::{Sample, Sampled, numbers},
    twins::{expect, twin},
};
use crate::{
    error::{Error, Result},
    kernels::linalg,
    tape::{Memo, Var},
    tensor::{Shape, Tensor},
};

/// The sizes of the matrices and the shape of the batch, or the error of anything but square matrices.
pub(super) fn square(op: &str, x: &Shape) -> Result<usize> {
    match x.dims() {
        [.., n, m] if n == m => Ok(*n),
        _ => Err(Error::shape(op, &[x], "square matrices [.., n, n] are needed")),
    }
}

/// The batch of matrices `[.., rows, columns]`, with other axes in place of the last two.
pub(super) fn with_matrix(x: &Shape, last: &[usize]) -> Shape {
    x[..x.rank() - 2].iter().chain(last).copied().collect()
}

/// The error of the matrix number `index` of a batch.
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
    /// (A + Aᵀ)/2, for an operation of symmetric matrices.
    #[track_caller]
    pub(super) fn symmetric_part(self, op: &str) -> Result<Var<'t>> {
        square(op, &self.shape()).map_err(|error| self.tape().locate(error))?;
        Ok((self + self.transpose(-2, -1)) * 0.5)
    }
}

/// A⁻¹.
pub(super) struct Inverse;

impl Op for Inverse {
    fn name(&self) -> &str {
        "inverse"
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        square("inverse", x[0]).map(|_| x[0].clone())
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Memo>) -> Result<Tensor> {
        let n = square("inverse", &shape)?;
        let singular = fault("inverse", x[0].shape(), "is singular");
        batch!(x[0], shape, |T, out| linalg::inverse(x[0].data::<T>(), n, out)).map_err(singular)
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let dx = -at.y.product(true, at.dy.product(false, at.y, true)?, false)?;
        Ok(Grads::from_iter([Some(dx)]))
    }
}

/// Matrices clear of singular ones.
fn regular(shape: [usize; 3]) -> Tensor {
    let small = numbers(shape, -0.5, 0.5, 1).to_vec();
    let n = shape[2];
    Tensor::from_fn(shape, crate::DType::F64, |i| small[i] + if i / n % n == i % n { 1.5 } else { 0.0 })
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

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let n = square("solve", x[0])?;
        let (a, b) = (x[0], x[1]);
        if b.rank() != a.rank() || b[b.rank() - 2] != n || a[..a.rank() - 2] != b[..b.rank() - 2] {
            return Err(Error::shape(
                "solve",
                x,
                "matrices [.., n, n] and right-hand sides [.., n, k] of the same batch are needed",
            ));
        }
        Ok(b.clone())
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Memo>) -> Result<Tensor> {
        let n = square("solve", x[0].shape())?;
        let columns = shape[shape.rank() - 1];
        let singular = fault("solve", x[0].shape(), "is singular");
        batch!(x[0], shape, |T, out| linalg::solve(
            x[0].data::<T>(),
            x[1].data::<T>(),
            n,
            columns,
            self.transposed,
            out
        ))
        .map_err(singular)
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (a, x) = (at.x[0], at.y);
        let db = at.tape().builtin(Solve { transposed: !self.transposed }, &[a, at.dy])?;
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

/// The determinant.
pub(super) struct Det;

impl Op for Det {
    fn name(&self) -> &str {
        "det"
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        square("det", x[0]).map(|_| with_matrix(x[0], &[]))
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Memo>) -> Result<Tensor> {
        let n = square("det", x[0].shape())?;
        Ok(crate::dispatch!(x[0].dtype(), T => Tensor::build::<T>(shape, |out| linalg::det(x[0].data::<T>(), n, out))))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        by_determinant(at.x[0], at.dy * at.y)
    }
}

/// `scale` A⁻ᵀ, with a number of `scale` for each matrix.
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

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        square("slogdet", x[0]).map(|_| with_matrix(x[0], &[2]))
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Memo>) -> Result<Tensor> {
        let n = square("slogdet", x[0].shape())?;
        Ok(
            crate::dispatch!(x[0].dtype(), T => Tensor::build::<T>(shape, |out| linalg::slogdet(x[0].data::<T>(), n, out))),
        )
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        by_determinant(at.x[0], at.dy.try_narrow(-1, 1, 1)?)
    }
}

impl Sampled for SlogDet {
    fn samples() -> Vec<Sample> {
        vec![Sample::new("slogdet", vec![regular([2, 3, 3])], |x| x[0].slogdet().1)]
    }
}

/// The lower triangular L with A = L Lᵀ.
pub(super) struct Cholesky;

impl Op for Cholesky {
    fn name(&self) -> &str {
        "cholesky"
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        square("cholesky", x[0]).map(|_| x[0].clone())
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Memo>) -> Result<Tensor> {
        let n = square("cholesky", &shape)?;
        let indefinite = fault("cholesky", x[0].shape(), "is not positive definite");
        batch!(x[0], shape, |T, out| linalg::cholesky(x[0].data::<T>(), n, out)).map_err(indefinite)
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let l = at.y;
        let turned = l.product(true, at.dy.tril(), false)?;
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
        /// The determinant of each matrix `[.., n, n]`: `[..]`. Its gradient is taken by the inverse, so it needs a regular matrix.
        #[or_panic(det)]
        /// [`Error::Shape`] when the matrices are not square.
        pub fn try_det(self) -> Result<Var<'t>> {
            self.tape().builtin(Det, &[self])
        }
    );

    twin!(
        /// The lower triangular L with A = L Lᵀ of each symmetric positive definite matrix `[.., n, n]`. It reads (A + Aᵀ)/2.
        #[or_panic(cholesky)]
        /// [`Error::Shape`] when the matrices are not square, [`Error::Matrix`] when one is not positive definite.
        pub fn try_cholesky(self) -> Result<Var<'t>> {
            self.tape().builtin(Cholesky, &[self.symmetric_part("cholesky")?])
        }
    );

    twin!(
        /// The X with A X = B: `self` is A `[.., n, n]`, `b` is B `[.., n, k]`, of the same batch.
        ///
        /// ```
        /// let tape = wengert::Tape::f64();
        /// let a = tape.leaf([[2.0, 0.0], [0.0, 4.0]]);
        /// let b = tape.leaf([[2.0], [2.0]]);
        /// assert_eq!(a.solve(b).value().to_vec(), [1.0, 0.5]);
        /// ```
        #[or_panic(solve)]
        /// [`Error::Shape`] when the shapes do not fit, [`Error::Matrix`] when a matrix is singular.
        pub fn try_solve(self, b: Var<'t>) -> Result<Var<'t>> {
            self.tape().builtin(Solve { transposed: false }, &[self, b])
        }
    );

    twin!(
        /// The sign (−1, 0 or 1) of the determinant of each matrix `[.., n, n]`, and ln |det|, both `[..]`: what can be
        /// said of a determinant that would overflow. No gradient flows through the sign.
        #[or_panic(slogdet)]
        /// [`Error::Shape`] when the matrices are not square.
        pub fn try_slogdet(self) -> Result<(Var<'t>, Var<'t>)> {
            let both = self.tape().builtin(SlogDet, &[self])?;
            let batch = with_matrix(&self.shape(), &[]);
            let part = |k| both.try_narrow(-1, k, 1)?.try_reshape(&batch);
            Ok((part(0)?.detach(), part(1)?))
        }
    );
}
