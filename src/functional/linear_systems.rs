//! Linear systems with triangular or rectangular matrices, from [`solve`](Var::solve) and [`qr`](Var::qr).
//!
//! For a matrix of m ≥ n rows and independent columns, A = Q R, the x with the smallest ‖A x − b‖ is R⁻¹ Qᵀ b (Golub
//! and Van Loan, Matrix Computations, 5.3). For m < n and independent rows, Aᵀ = Q R, and of all x with A x = b the
//! shortest is Q R⁻ᵀ b. Either is A⁺ b with the pseudo-inverse A⁺.

use super::composition::composition;
use crate::{
    error::Error,
    ops::sample::{Sample, numbers},
    tape::Var,
    tensor::Tensor,
};

/// The transposed matrices.
fn turned(x: Var<'_>) -> Var<'_> {
    x.transpose(-2, -1)
}

composition!(
    /// The X with T X = B, where T is the upper (or else the lower) triangle of each matrix `[.., n, n]` and B is `[..,
    /// n, k]`; the axes before the last two broadcast. What is outside the triangle is not read.
    #[or_panic(solve_triangular)]
    /// [`Error::Shape`](crate::Error::Shape) when the shapes do not match, [`Error::Matrix`](crate::Error::Matrix) when
    /// there is a 0 on a diagonal.
    pub fn try_solve_triangular(self, b: Var<'t>, upper: bool) -> Result<Var<'t>> {
        let shape = self.shape();
        if !matches!(shape.dims(), [.., n, m] if n == m) {
            return Err(self.shape_error("solve_triangular", &[&shape], "square matrices [.., n, n] are needed"));
        }
        let triangle = if upper { self.try_triu()? } else { self.try_tril()? };
        triangle.try_solve(b).map_err(|error| error.called("solve_triangular"))
    },
    [Sample::new("solve_triangular", vec![far_from_singular(), numbers([2, 3, 2], -1.0, 1.0, 2)], |x| {
        x[0].solve_triangular(x[1], true)
    })]
);

composition!(
    /// The least-squares solutions X of A X ≈ B, for each matrix A `[.., m, n]` of full rank and B `[.., m, k]`: `[..,
    /// n, k]`. With fewer rows than columns, the shortest of the exact solutions.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let a = tape.leaf([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]);     // a line through three points
    /// let b = tape.leaf([[0.0], [1.0], [5.0]]);
    /// let line = a.lstsq(b).value();
    /// assert!((line.at(&[0, 0]) + 0.5).abs() < 1e-14 && (line.at(&[1, 0]) - 2.5).abs() < 1e-14);
    /// ```
    #[or_panic(lstsq)]
    /// [`Error::Shape`](crate::Error::Shape) when the shapes do not match, [`Error::Matrix`](crate::Error::Matrix) for
    /// a matrix whose rank is seen to be smaller than its sides, or with numbers that are not finite.
    pub fn try_lstsq(self, b: Var<'t>) -> Result<Var<'t>> {
        let (shape, right) = (self.shape(), b.shape());
        let called = |error: Error| error.called("lstsq");
        match (shape.dims(), right.dims()) {
            (&[.., m, n], &[.., rows, _]) if m == rows && m >= n => {
                let (q, r) = self.try_qr().map_err(called)?;
                q.product(true, b, false).and_then(|projected| r.try_solve(projected)).map_err(called)
            }
            (&[.., m, _], &[.., rows, _]) if m == rows => {
                let (q, r) = turned(self).try_qr().map_err(called)?;
                turned(r).try_solve(b).and_then(|y| q.product(false, y, false)).map_err(called)
            }
            _ => {
                let need = "matrices [.., m, n] and right-hand sides [.., m, k] are needed";
                Err(self.shape_error("lstsq", &[&shape, &right], need))
            }
        }
    },
    [
        Sample::new("lstsq", vec![numbers([4, 3], -1.0, 1.0, 1), numbers([4, 2], -1.0, 1.0, 2)], |x| x[0].lstsq(x[1])),
        Sample::new("lstsq, shortest", vec![numbers([2, 3], -1.0, 1.0, 1), numbers([2, 1], -1.0, 1.0, 2)], |x| {
            x[0].lstsq(x[1])
        }),
    ]
);

composition!(
    /// The Moore-Penrose pseudo-inverse A⁺ `[.., n, m]` of each matrix `[.., m, n]` of full rank.
    #[or_panic(pinv)]
    /// [`Error::Shape`](crate::Error::Shape) for fewer than two axes, [`Error::Matrix`](crate::Error::Matrix) for a
    /// matrix whose rank is seen to be smaller than its sides, or with numbers that are not finite.
    pub fn try_pinv(self) -> Result<Var<'t>> {
        let shape = self.shape();
        match *shape.dims() {
            [.., m, n] if m >= n => {
                let (q, r) = self.try_qr()?;
                r.try_solve(turned(q))
            }
            [.., _, _] => Ok(turned(turned(self).try_pinv()?)),
            _ => Err(self.shape_error("pinv", &[&shape], "matrices [.., m, n] are needed")),
        }
    },
    [
        Sample::new("pinv", vec![numbers([4, 3], -1.0, 1.0, 1)], |x| x[0].pinv()),
        Sample::new("pinv of a wide matrix", vec![numbers([2, 3], -1.0, 1.0, 1)], |x| x[0].pinv()),
    ]
);

/// Matrices `[2, 3, 3]` far from singular.
fn far_from_singular() -> Tensor {
    let small = numbers([2, 3, 3], -0.5, 0.5, 1).to_vec();
    Tensor::from_fn([2, 3, 3], crate::DType::F64, |i| small[i] + if i / 3 % 3 == i % 3 { 1.5 } else { 0.0 })
}
