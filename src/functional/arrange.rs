//! Rearrangements composed of others: repetition, diagonals and triangles of matrices.
//!
//! The diagonal of a row-major matrix `[n, m]` is every (m + 1)-th of its numbers: a slice with a step. Diagonal
//! matrices and triangles are selections by a constant mask, so the elements outside get no gradient, and not even an
//! infinity among them can spoil one.

use super::composition::composition;
use crate::{
    error::Result,
    ops::sample::Sample,
    tape::Var,
    tensor::{Shape, Tensor},
};

composition!(
    /// Copies laid side by side: `times[i]` of them along axis i. If `times` has more entries than there are axes, axes
    /// are added in front.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf([1.0, 2.0]);
    /// let y = x.repeat(&[2, 2]);
    /// assert_eq!((y.shape().dims(), y.value().to_vec()), (&[2, 4][..], vec![1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0]));
    /// assert_eq!(y.sum().backward()?.wrt(x)?.to_vec(), [4.0, 4.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    #[or_panic(repeat)]
    /// [`Error::Shape`](crate::Error::Shape) when `times` has fewer entries than there are axes.
    pub fn try_repeat(self, times: &[usize]) -> Result<Var<'t>> {
        let shape = self.shape();
        let Some(missing) = times.len().checked_sub(shape.rank()) else {
            let need = format!("one count for each axis is needed ({} were given)", times.len());
            return Err(self.shape_error("repeat", &[&shape], need));
        };
        let size = |i: usize| if i < missing { 1 } else { shape[i - missing] };
        let apart: Shape = (0..times.len()).flat_map(|i| [1, size(i)]).collect();
        let wide: Shape = times.iter().enumerate().flat_map(|(i, &t)| [t, size(i)]).collect();
        wide.countable("repeat", &[&shape]).map_err(|error| self.tape().locate(error))?;
        let joined: Shape = times.iter().enumerate().map(|(i, &t)| t * size(i)).collect();
        self.try_reshape(&apart)?.try_broadcast_to(&wide)?.try_reshape(&joined)
    },
    [Sample::unary("repeat", [2, 3], |x| x.repeat(&[2, 1, 2]))]
);

composition!(
    /// The diagonal of each matrix `[.., n, m]`: `[.., min(n, m)]`.
    #[or_panic(diagonal)]
    /// [`Error::Shape`](crate::Error::Shape) when there are fewer than two axes.
    pub fn try_diagonal(self) -> Result<Var<'t>> {
        let shape = self.shape();
        let [batch @ .., n, m] = shape.dims() else {
            return Err(self.shape_error("diagonal", &[&shape], "matrices [.., n, m] are needed"));
        };
        let flat: Shape = batch.iter().copied().chain([n * m]).collect();
        let stop = match n.min(m) {
            0 => 0,
            k => (k - 1) * (m + 1) + 1,
        };
        self.try_reshape(&flat)?.try_slice(-1, 0, stop, m + 1)
    },
    [Sample::unary("diagonal", [2, 3, 4], |x| x.diagonal())]
);

composition!(
    /// Matrices `[.., n, n]` with these vectors `[.., n]` as their diagonals and 0 elsewhere.
    #[or_panic(diag_embed)]
    /// [`Error::Shape`](crate::Error::Shape) for a single number, which has no axis.
    pub fn try_diag_embed(self) -> Result<Var<'t>> {
        let shape = self.shape();
        let Some(&n) = shape.last() else {
            return Err(self.shape_error("diag_embed", &[&shape], "vectors [.., n] are needed"));
        };
        let (square, dtype) = (Shape::from([n, n]), self.dtype());
        let room = square.countable("diag_embed", &[&shape]);
        room.and_then(|()| square.allocatable("diag_embed", dtype, &[&shape]))
            .map_err(|error| self.tape().locate(error))?;
        self.tape().constant(Tensor::eye(n, dtype)).try_select(self.try_unsqueeze(-2)?, 0.0)
    },
    [Sample::unary("diag_embed", [2, 3], |x| x.diag_embed())]
);

composition!(
    /// The sum of the diagonal of each matrix `[.., n, m]`.
    #[or_panic(trace)]
    /// [`Error::Shape`](crate::Error::Shape) when there are fewer than two axes.
    pub fn try_trace(self) -> Result<Var<'t>> {
        self.try_diagonal()?.try_sum_axes(&[-1], false)
    },
    [Sample::unary("trace", [2, 3, 3], |x| x.trace())]
);

composition!(
    /// The lower triangle of each matrix `[.., n, m]`, with the diagonal; 0 above it.
    #[or_panic(tril)]
    /// [`Error::Shape`](crate::Error::Shape) when there are fewer than two axes.
    pub fn try_tril(self) -> Result<Var<'t>> {
        self.triangle("tril", |row, column| column <= row)
    },
    [Sample::unary("tril", [2, 3, 3], |x| x.tril())]
);

composition!(
    /// The upper triangle of each matrix `[.., n, m]`, with the diagonal; 0 below it.
    #[or_panic(triu)]
    /// [`Error::Shape`](crate::Error::Shape) when there are fewer than two axes.
    pub fn try_triu(self) -> Result<Var<'t>> {
        self.triangle("triu", |row, column| row <= column)
    },
    [Sample::unary("triu", [3, 4], |x| x.triu())]
);

composition!(
    /// The lower triangle of each matrix `[.., n, m]` up to the diagonal that lies `offset` columns to the right of the
    /// main one (for a negative `offset`, below it); 0 above.
    #[or_panic(tril_at)]
    /// [`Error::Shape`](crate::Error::Shape) when there are fewer than two axes.
    pub fn try_tril_at(self, offset: isize) -> Result<Var<'t>> {
        self.triangle("tril_at", |row, column| column as isize <= (row as isize).saturating_add(offset))
    },
    [Sample::unary("tril_at", [3, 4], |x| x.tril_at(-1))]
);

composition!(
    /// The upper triangle of each matrix `[.., n, m]` from the diagonal on that lies `offset` columns to the right of
    /// the main one (for a negative `offset`, below it); 0 below.
    #[or_panic(triu_at)]
    /// [`Error::Shape`](crate::Error::Shape) when there are fewer than two axes.
    pub fn try_triu_at(self, offset: isize) -> Result<Var<'t>> {
        self.triangle("triu_at", |row, column| column as isize >= (row as isize).saturating_add(offset))
    },
    [Sample::unary("triu_at", [3, 4], |x| x.triu_at(1))]
);

impl<'t> Var<'t> {
    #[track_caller]
    fn triangle(self, op: &str, inside: impl Fn(usize, usize) -> bool) -> Result<Var<'t>> {
        let shape = self.shape();
        let &[.., n, m] = shape.dims() else {
            return Err(self.shape_error(op, &[&shape], "matrices [.., n, m] are needed"));
        };
        let mask = Tensor::from_fn([n, m], self.dtype(), |i| f64::from(inside(i / m, i % m)));
        self.tape().constant(mask).try_select(self, 0.0)
    }
}
