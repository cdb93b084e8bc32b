//! What an orthonormal basis leaves out: the other columns of an orthogonal matrix.
//!
//! Let U have orthonormal columns, P = I − U Uᵀ, and let the columns of C span the range of P at the values of U. Then
//! W = P C has W = C and Wᵀ W = I there, and spans the range of P nearby. With the Cholesky factor Wᵀ W = L Lᵀ the columns
//! of W L⁻ᵀ are orthonormal everywhere, and a smooth function of U.

use super::composition::composition;
use crate::{
    ops::sample::{Sample, numbers},
    tape::Var,
    tensor::Tensor,
};

composition!(
    /// m − k orthonormal columns `[.., m, m − k]` that are perpendicular to the k orthonormal columns of each matrix `[..,
    /// m, k]`: both side by side are an orthogonal matrix. So the factors U of [`svd`](Var::svd) and Q of
    /// [`qr`](Var::qr) become square (PyTorch's `full_matrices`, and `mode="complete"`).
    ///
    /// The columns can be rotated among each other, so a loss should depend on the space that they span alone.
    ///
    /// ```
    /// use wengert::Var;
    /// let tape = wengert::Tape::f64();
    /// let a = tape.leaf([[3.0], [4.0]]);
    /// let (q, _) = a.qr();
    /// let whole = Var::concat(&[q, q.orthogonal_complement()], 1);
    /// let unit = whole.transpose(0, 1).matmul(whole);
    /// assert!((unit - wengert::Tensor::from([[1.0, 0.0], [0.0, 1.0]])).norm().item() < 1e-14);
    /// ```
    #[or_panic(orthogonal_complement)]
    /// [`Error::Shape`](crate::Error::Shape) for fewer than two axes or more columns than rows,
    /// [`Error::Matrix`](crate::Error::Matrix) for numbers that are not finite. That the columns are orthonormal is up to
    /// the caller.
    pub fn try_orthogonal_complement(self) -> Result<Var<'t>> {
        let shape = self.shape();
        let &[.., m, k] = shape.dims() else {
            return Err(self.shape_error("orthogonal_complement", &[&shape], "matrices [.., m, k] are needed"));
        };
        if k > m {
            let need = "no more columns than rows are needed";
            return Err(self.shape_error("orthogonal_complement", &[&shape], need));
        }
        let tape = self.tape();
        let project = tape.constant(Tensor::eye(m, self.dtype())) - self.product(false, self, true)?;
        // The eigenvalues of the projection are k zeros and m − k ones.
        let (_, vectors) = tape.constant(project.value()).try_eigh()?;
        let w = project.try_matmul(vectors.try_narrow(-1, k, m - k)?)?;
        let factor = w.product(true, w, false)?.try_cholesky()?;
        Ok(factor.try_solve(w.try_transpose(-2, -1)?)?.transpose(-2, -1))
    },
    [Sample::new("orthogonal_complement", vec![numbers([2, 4, 2], -1.0, 1.0, 1)], |x| {
        // What they span, for the columns themselves are not determined.
        let rest = x[0].qr().0.orthogonal_complement();
        rest.matmul(rest.transpose(-2, -1))
    })]
);
