//! Taking apart and moving about: pieces along an axis, axes that move or go, diagonals.
//!
//! All are [slices](Var::slice), [permutations](Var::permute) and [reshapes](Var::reshape) of the original.

use super::composition::composition;
use crate::{
    error::{Error, Result},
    ops::sample::Sample,
    tape::Var,
    tensor::Shape,
};

composition!(
    /// Pieces of these sizes along `axis`, one after another.
    #[or_panic(split)]
    /// [`Error::Axis`] for an axis that does not exist, [`Error::Shape`] unless the sizes add up to that of the axis.
    pub fn try_split(self, sizes: &[usize], axis: isize) -> Result<Vec<Var<'t>>> {
        let shape = self.shape();
        let along = self.axis("split", axis)?;
        let total = sizes.iter().fold(0usize, |total, &size| total.saturating_add(size));
        if total != shape[along] {
            let need = format!("the sizes {sizes:?} must add up to {}, the size of axis {along}", shape[along]);
            return Err(self.shape_error("split", &[&shape], need));
        }
        let mut end = 0;
        let ends = sizes.iter().map(|&size| {
            end += size;
            (end, size)
        });
        ends.map(|(end, size)| self.try_narrow(axis, end - size, size)).collect()
    },
    [Sample::unary("split", [2, 5], |x| x.split(&[1, 4], 1)[1])]
);

composition!(
    /// Pieces of equal size along `axis`: at most `count` of them, the last smaller where it does not divide the axis.
    #[or_panic(chunk)]
    /// [`Error::Axis`] for an axis that does not exist, [`Error::Setting`] for 0 pieces.
    pub fn try_chunk(self, count: usize, axis: isize) -> Result<Vec<Var<'t>>> {
        let size = self.shape()[self.axis("chunk", axis)?];
        if count == 0 {
            return Err(Error::setting("chunk", "count", count, "at least 1"));
        }
        let each = size.div_ceil(count).max(1);
        let starts = (0..size).step_by(each);
        let sizes: Vec<usize> = starts.map(|start| each.min(size - start)).collect();
        self.try_split(&sizes, axis)
    },
    [Sample::unary("chunk", [5, 2], |x| x.chunk(2, 0)[1])]
);

composition!(
    /// The slices along `axis`, each without this axis.
    #[or_panic(unbind)]
    /// [`Error::Axis`] for an axis that does not exist.
    pub fn try_unbind(self, axis: isize) -> Result<Vec<Var<'t>>> {
        let shape = self.shape();
        let along = self.axis("unbind", axis)?;
        let rest = shape.reduced(&[along], false);
        (0..shape[along]).map(|i| self.try_narrow(axis, i, 1)?.try_reshape(&rest)).collect()
    },
    [Sample::unary("unbind", [2, 3], |x| x.unbind(1)[2])]
);

composition!(
    /// Moves axis `from` to position `to`; the other axes keep their order.
    #[or_panic(movedim)]
    /// [`Error::Axis`] for an axis that does not exist.
    pub fn try_movedim(self, from: isize, to: isize) -> Result<Var<'t>> {
        let (from, to) = (self.axis("movedim", from)?, self.axis("movedim", to)?);
        let mut axes: Vec<isize> = (0..self.rank() as isize).collect();
        let moved = axes.remove(from);
        axes.insert(to, moved);
        self.try_permute(&axes)
    },
    [Sample::unary("movedim", [2, 3, 4], |x| x.movedim(0, -1))]
);

composition!(
    /// Without the given axes, each of size 1; without all axes of size 1 for an empty list.
    #[or_panic(squeeze)]
    /// [`Error::Axis`] for an axis that does not exist, [`Error::Shape`] for one of another size than 1.
    pub fn try_squeeze(self, axes: &[isize]) -> Result<Var<'t>> {
        let shape = self.shape();
        if axes.is_empty() {
            return self.try_reshape(shape.iter().copied().filter(|&n| n != 1).collect::<Shape>());
        }
        let axes = axes.iter().map(|&axis| self.axis("squeeze", axis)).collect::<Result<Vec<usize>>>()?;
        if let Some(&axis) = axes.iter().find(|&&axis| shape[axis] != 1) {
            let need = format!("axis {axis} must have size 1");
            return Err(self.shape_error("squeeze", &[&shape], need));
        }
        self.try_reshape(shape.reduced(&axes, false))
    },
    [Sample::unary("squeeze", [2, 1, 3, 1], |x| x.squeeze(&[1]))]
);

composition!(
    /// The diagonal of each matrix `[.., n, m]` that lies `offset` columns to the right of the main one, or for a
    /// negative `offset` as many rows below it.
    #[or_panic(diagonal_at)]
    /// [`Error::Shape`] when there are fewer than two axes, or no such diagonal.
    pub fn try_diagonal_at(self, offset: isize) -> Result<Var<'t>> {
        let shape = self.shape();
        let &[.., n, m] = shape.dims() else {
            return Err(self.shape_error("diagonal_at", &[&shape], "matrices [.., n, m] are needed"));
        };
        let by = offset.unsigned_abs();
        let (axis, size) = if offset < 0 { (-2, n) } else { (-1, m) };
        if by > size {
            let need = format!("matrices [.., n, m] with a diagonal {offset} from the main one are needed");
            return Err(self.shape_error("diagonal_at", &[&shape], need));
        }
        self.try_narrow(axis, by, size - by)?.try_diagonal()
    },
    [
        Sample::unary("diagonal_at, to the right", [2, 3, 4], |x| x.diagonal_at(2)),
        Sample::unary("diagonal_at, below", [3, 3], |x| x.diagonal_at(-1)),
    ]
);

composition!(
    /// Matrices `[.., n + |offset|, n + |offset|]` with these vectors `[.., n]` on the diagonal that lies `offset` columns
    /// to the right of the main one, or for a negative `offset` as many rows below it, and 0 elsewhere.
    #[or_panic(diag_embed_at)]
    /// [`Error::Shape`] for a single number, which has no axis, [`Error::TooLarge`] for an offset that no memory holds.
    pub fn try_diag_embed_at(self, offset: isize) -> Result<Var<'t>> {
        let shape = self.shape();
        if shape.rank() == 0 {
            return Err(self.shape_error("diag_embed_at", &[&shape], "vectors [.., n] are needed"));
        }
        let by = offset.unsigned_abs();
        let (rows, columns) = if offset < 0 { ((by, 0), (0, by)) } else { ((0, by), (by, 0)) };
        let mut amounts = vec![(0, 0); shape.rank() - 1];
        amounts.extend([rows, columns]);
        self.try_diag_embed()?.try_pad(&amounts, 0.0)
    },
    [Sample::unary("diag_embed_at", [2, 3], |x| Var::concat(&[x.diag_embed_at(1), x.diag_embed_at(-1)], 0))]
);
