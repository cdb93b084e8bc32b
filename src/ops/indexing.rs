//! Picking entries by index.
//!
//! Indices are plain numbers outside the tape; there is no gradient with respect to them. Picking (`index_select`,
//! `gather`) and adding in place (`index_add`, `scatter_add`) are adjoint pairs: each is the gradient of the other.

use std::sync::Arc;

use super::{
    along::{around, with_size},
    formula::Formula,
    op::{Grads, Mixes, Op, Vjp},
    placing::Placing,
    sample::{Sample, Sampled, numbers},
    twins::{expect, twin},
};
use crate::{
    error::{Error, Result},
    kernels::{movement, place},
    tape::{Saved, Var},
    tensor::{Shape, Tensor, build},
};

fn check(op: &str, indices: &[usize], size: usize, shape: &Shape, axis: usize) -> Result<()> {
    match indices.iter().find(|&&i| i >= size) {
        None => Ok(()),
        Some(i) => {
            Err(Error::shape(op, &[shape], format!("index {i} must be less than the size {size} of axis {axis}")))
        }
    }
}

/// Whole slices along an axis, by index.
pub(super) struct IndexSelect {
    axis: usize,
    indices: Arc<[usize]>,
}

impl Op for IndexSelect {
    fn name(&self) -> &str {
        "index_select"
    }

    fn attributes(&self) -> String {
        format!("axis {}", self.axis)
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"\operatorname{select}(x)", [r"\operatorname{select}^\top(\bar z)"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        check(self.name(), &self.indices, x[0][self.axis], x[0], self.axis)?;
        Ok(with_size(x[0], self.axis, self.indices.len()))
    }

    fn flops(&self, _: &[&Shape], _: &Shape) -> Option<u64> {
        Some(0)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let sizes = around(x[0].shape(), self.axis);
        Ok(build!(x[0].dtype(), shape, |T, out| movement::index_select(x[0].data::<T>(), sizes, &self.indices, out)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        at.placed(IndexAdd { axis: self.axis, indices: self.indices.clone(), size: at.x[0].shape()[self.axis] })
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Sampled for IndexSelect {
    fn samples() -> Vec<Sample> {
        vec![Sample::unary("index_select", [3, 4], |x| x.index_select(1, &[2, 0, 2]))]
    }
}

/// Adds slices into zeros, by index: the adjoint of [`IndexSelect`].
pub(super) struct IndexAdd {
    pub axis: usize,
    pub indices: Arc<[usize]>,
    size: usize,
}

impl Op for IndexAdd {
    fn name(&self) -> &str {
        "index_add"
    }

    fn attributes(&self) -> String {
        format!("axis {} size {}", self.axis, self.size)
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"\operatorname{select}^\top(x)", [r"\operatorname{select}(\bar z)"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(with_size(x[0], self.axis, self.size))
    }

    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        Some(x[0].numel() as u64)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let sizes = around(&shape, self.axis);
        Ok(build!(x[0].dtype(), shape, |T, out| place::index_select_grad(x[0].data::<T>(), sizes, &self.indices, out)))
    }

    fn placing(&self) -> Option<&dyn Placing> {
        Some(self)
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let select = IndexSelect { axis: self.axis, indices: self.indices.clone() };
        Ok(Grads::from_iter([Some(at.tape().builtin(select, &[at.dz])?)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Sampled for IndexAdd {
    fn samples() -> Vec<Sample> {
        vec![Sample::unary("index_add", [3, 2], |x| {
            expect(x.tape().builtin(IndexAdd { axis: 0, indices: [1, 1, 3].into(), size: 4 }, &[x]))
        })]
    }
}

/// One entry for each element of a tensor of indices.
pub(super) struct Gather {
    axis: usize,
    indices: Arc<[usize]>,
    index_shape: Shape,
}

impl Op for Gather {
    fn name(&self) -> &str {
        "gather"
    }

    fn attributes(&self) -> String {
        format!("axis {}", self.axis)
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"\operatorname{gather}(x)", [r"\operatorname{gather}^\top(\bar z)"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let (shape, index) = (x[0], &self.index_shape);
        index.countable("gather", x)?;
        let fits = shape.rank() == index.rank() && (0..shape.rank()).all(|i| i == self.axis || index[i] <= shape[i]);
        if !fits || self.indices.len() != index.numel() {
            let need = "the indices need as many axes as the value, and no larger size along any other axis";
            return Err(Error::shape("gather", &[shape, index], need));
        }
        check("gather", &self.indices, shape[self.axis], shape, self.axis)?;
        Ok(index.clone())
    }

    fn flops(&self, _: &[&Shape], _: &Shape) -> Option<u64> {
        Some(0)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        Ok(build!(x[0].dtype(), shape, |T, out| {
            movement::gather(x[0].data::<T>(), x[0].shape(), self.axis, &self.indices, &self.index_shape, out);
        }))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let scatter = ScatterAdd {
            axis: self.axis,
            indices: self.indices.clone(),
            index_shape: self.index_shape.clone(),
            shape: at.x[0].shape(),
        };
        Ok(Grads::from_iter([Some(at.tape().builtin(scatter, &[at.dz])?)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Sampled for Gather {
    fn samples() -> Vec<Sample> {
        vec![Sample::unary("gather", [3, 4], |x| x.gather(1, &[0, 3, 1, 1, 2, 0], [3, 2]))]
    }
}

/// Adds entries to zeros at the places given by a tensor of indices: the adjoint of [`Gather`].
pub(super) struct ScatterAdd {
    axis: usize,
    indices: Arc<[usize]>,
    index_shape: Shape,
    shape: Shape,
}

impl Op for ScatterAdd {
    fn name(&self) -> &str {
        "scatter_add"
    }

    fn attributes(&self) -> String {
        format!("axis {} into {}", self.axis, self.shape)
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"\operatorname{gather}^\top(x)", [r"\operatorname{gather}(\bar z)"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let (target, index) = (&self.shape, &self.index_shape);
        let fits = target.rank() == index.rank() && (0..target.rank()).all(|i| i == self.axis || index[i] <= target[i]);
        if !fits || x[0] != index || self.indices.len() != index.numel() {
            let need = "the indices need the shape of the value, which must fit into the target along every other axis";
            return Err(Error::shape("scatter_add", &[x[0], index, target], need));
        }
        check("scatter_add", &self.indices, target[self.axis], target, self.axis)?;
        Ok(target.clone())
    }

    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        Some(x[0].numel() as u64)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        Ok(build!(x[0].dtype(), shape, |T, out| {
            movement::scatter_add(x[0].data::<T>(), &self.shape, self.axis, &self.indices, &self.index_shape, out);
        }))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let gather = Gather { axis: self.axis, indices: self.indices.clone(), index_shape: self.index_shape.clone() };
        Ok(Grads::from_iter([Some(at.tape().builtin(gather, &[at.dz])?)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Sampled for ScatterAdd {
    fn samples() -> Vec<Sample> {
        let inputs = vec![numbers([3, 4], -1.0, 1.0, 1), numbers([3, 2], -1.0, 1.0, 2)];
        vec![Sample::new("scatter_add", inputs, |x| x[0].scatter_add(1, &[0, 3, 1, 1, 2, 0], x[1]))]
    }
}

impl<'t> Var<'t> {
    /// [`index_select`](Var::index_select), whose indices are not copied.
    #[track_caller]
    pub(crate) fn picked(self, axis: isize, indices: Arc<[usize]>) -> Result<Var<'t>> {
        let axis = self.axis("index_select", axis)?;
        self.tape().builtin(IndexSelect { axis, indices }, &[self])
    }

    twin!(
        /// Whole slices along an axis: slice i of the result is slice `indices[i]` of this value.
        #[or_panic(index_select)]
        /// [`Error::Axis`] or [`Error::Shape`] for an axis or an index out of range.
        pub fn try_index_select(self, axis: isize, indices: &[usize]) -> Result<Var<'t>> {
            self.picked(axis, indices.into())
        }
    );

    twin!(
        /// One entry for each index: `out[i, j] = x[i, indices[i, j]]` for axis 1, as in `torch.gather`. The indices
        /// are given row-major in `shape`.
        #[or_panic(gather)]
        /// [`Error::Axis`] or [`Error::Shape`] when the shapes do not match, or for an index out of range.
        pub fn try_gather(self, axis: isize, indices: &[usize], shape: impl Into<Shape>) -> Result<Var<'t>> {
            let axis = self.axis("gather", axis)?;
            self.tape().builtin(Gather { axis, indices: indices.into(), index_shape: shape.into() }, &[self])
        }
    );

    twin!(
        /// This value with `source` added at the places given by `indices`, which have the shape of `source`:
        /// `out[i, indices[i, j]] += source[i, j]` for axis 1, as in `torch.scatter_add`.
        #[or_panic(scatter_add)]
        /// [`Error::Axis`] or [`Error::Shape`] when the shapes do not match, or for an index out of range.
        pub fn try_scatter_add(self, axis: isize, indices: &[usize], source: Var<'t>) -> Result<Var<'t>> {
            let shape = self.shape();
            let axis = self.axis("scatter_add", axis)?;
            let op = ScatterAdd { axis, indices: indices.into(), index_shape: source.shape(), shape };
            self.try_add(self.tape().builtin(op, &[source])?)
        }
    );
}
