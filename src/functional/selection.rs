//! Masks and lists as indices: picking and overwriting entries.
//!
//! A mask is a value of 0 and 1 (or any numbers: what is not 0 counts), such as `x.gt(0.0)`; lists hold plain indices.
//! No gradient flows to either. Where an entry is overwritten, what was there gets no gradient; where several write to
//! one place, the last counts, and it alone gets the gradient.

use std::sync::Arc;

use super::composition::composition;
use crate::{
    dispatch,
    error::Result,
    ops::{
        Operand,
        sample::{Sample, numbers},
    },
    tape::Var,
    tensor::{Element, Shape, Tensor},
};

/// Where a mask is not 0. Each place is written, and stays if it counts: a branch would be guessed wrong half of the time.
fn places<T: Element>(mask: &[T]) -> Arc<[usize]> {
    const BLOCK: usize = 512;
    let count = mask.iter().filter(|&&m| m != T::ZERO).count();
    let mut places: Arc<[usize]> = std::iter::repeat_n(0, count).collect();
    let mut rest = Arc::get_mut(&mut places).expect("nobody else knows of it yet");
    for (block, mask) in mask.chunks(BLOCK).enumerate() {
        let (mut found, mut count) = ([0; BLOCK], 0);
        for (i, &m) in mask.iter().enumerate() {
            found[count] = block * BLOCK + i;
            count += usize::from(m != T::ZERO);
        }
        rest.split_off_mut(..count).expect("all have been counted").copy_from_slice(&found[..count]);
    }
    places
}

impl<'t> Var<'t> {
    /// The leading axes of `self` that `lists` index, as one: their rows, and the size of each.
    fn rows(self, op: &str, lists: &[&[usize]]) -> Result<(Arc<[usize]>, [usize; 2], Shape)> {
        let shape = self.shape();
        let count = lists.first().map_or(0, |list| list.len());
        if lists.is_empty() || lists.len() > shape.rank() || lists.iter().any(|list| list.len() != count) {
            let lengths: Vec<usize> = lists.iter().map(|list| list.len()).collect();
            let need =
                format!("a list of indices of equal length for each leading axis is needed (lengths {lengths:?})");
            return Err(self.shape_error(op, &[&shape], need));
        }
        for (axis, list) in lists.iter().enumerate() {
            if let Some(i) = list.iter().find(|&&i| i >= shape[axis]) {
                let need = format!("index {i} must be less than the size {} of axis {axis}", shape[axis]);
                return Err(self.shape_error(op, &[&shape], need));
            }
        }
        let mut rows: Arc<[usize]> = lists[0].into();
        let each = Arc::get_mut(&mut rows).expect("nobody else knows of it yet");
        for (list, size) in lists.iter().zip(&shape[..]).skip(1) {
            each.iter_mut().zip(*list).for_each(|(row, i)| *row = *row * size + i);
        }
        let (lead, rest) = shape.split_at(lists.len());
        let picked = [count].iter().chain(rest).copied().collect();
        Ok((rows, [lead.iter().product(), rest.iter().product()], picked))
    }

    /// This value with entries of `source` in place of those at `places`, of which the last counts where two are equal;
    /// `place` writes a source into zeros.
    #[track_caller]
    fn overwritten(
        self,
        source: Var<'t>,
        places: &[usize],
        place: impl FnOnce(Var<'t>, Var<'t>) -> Result<Var<'t>>,
    ) -> Result<Var<'t>> {
        let (tape, shape, dtype) = (self.tape(), self.shape(), self.dtype());
        let mut writer = vec![usize::MAX; shape.numel()];
        places.iter().enumerate().for_each(|(k, &at)| writer[at] = k);
        let kept = Tensor::from_fn(&shape, dtype, |i| f64::from(writer[i] == usize::MAX));
        let counts = Tensor::from_fn(source.shape(), dtype, |k| f64::from(writer[places[k]] == k));
        let counted = tape.constant(counts).try_select(source, 0.0)?;
        let placed = place(tape.constant(Tensor::zeros(&shape, dtype)), counted)?;
        tape.constant(kept).try_select(self, placed)
    }
}

composition!(
    /// This value with `value` wherever `mask` is not 0; the shapes broadcast.
    #[or_panic(masked_fill)]
    /// [`Error::Shape`](crate::Error::Shape) when the shapes do not broadcast.
    pub fn try_masked_fill(self, mask: Var<'t>, value: impl Into<Operand<'t>>) -> Result<Var<'t>> {
        mask.try_select(value, self).map_err(|error| error.called("masked_fill"))
    },
    [Sample::unary("masked_fill", [2, 3], |x| x.masked_fill(x.gt(0.5), -9.0))]
);

composition!(
    /// The entries where `mask` is not 0, one after another. The mask has the sizes of the leading axes: with all of
    /// them, numbers are picked; with the first alone, whole observations.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf([[1.0, -2.0], [-3.0, 4.0]]);
    /// assert_eq!(x.masked_select(x.gt(0.0)).value().to_vec(), [1.0, 4.0]);
    /// assert_eq!(x.masked_select(tape.constant([0.0, 1.0])).value().to_vec(), [-3.0, 4.0]);
    /// ```
    #[or_panic(masked_select)]
    /// [`Error::Shape`](crate::Error::Shape) when the mask does not have the sizes of the leading axes.
    pub fn try_masked_select(self, mask: Var<'t>) -> Result<Var<'t>> {
        let (shape, lead) = (self.shape(), mask.shape());
        if lead.rank() == 0 || !shape.starts_with(&lead) {
            let need = "the mask must have the sizes of the value's leading axes, at least one";
            return Err(self.shape_error("masked_select", &[&shape, &lead], need));
        }
        let mask = mask.value();
        let picked = dispatch!(mask.dtype(), T => places(mask.data::<T>()));
        let flat: Shape = [lead.numel()].iter().chain(&shape[lead.rank()..]).copied().collect();
        self.try_reshape(flat)?.picked(0, picked)
    },
    [Sample::unary("masked_select", [3, 4], |x| {
        let mask = x.tape().constant(numbers([3, 4], -1.0, 1.0, 2)).gt(0.0);
        x.masked_select(mask)
    })]
);

composition!(
    /// Entries by lists of indices, one list for each leading axis: `out[k] = x[lists[0][k], lists[1][k], ..]`. With
    /// fewer lists than axes, whole slices are picked.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// assert_eq!(x.index_get(&[&[0, 1, 1], &[2, 0, 0]]).value().to_vec(), [3.0, 4.0, 4.0]);
    /// assert_eq!(x.index_get(&[&[1]]).value().to_vec(), [4.0, 5.0, 6.0]);
    /// ```
    #[or_panic(index_get)]
    /// [`Error::Shape`](crate::Error::Shape) unless there is a list for each of the leading axes, all of one length,
    /// with indices in range.
    pub fn try_index_get(self, lists: &[&[usize]]) -> Result<Var<'t>> {
        let (rows, sizes, picked) = self.rows("index_get", lists)?;
        self.try_reshape(sizes)?.picked(0, rows)?.try_reshape(picked)
    },
    [Sample::unary("index_get", [3, 4, 2], |x| x.index_get(&[&[2, 0, 2, 2], &[1, 3, 0, 1]]))]
);

composition!(
    /// This value with `values` at the places that [`index_get`](Var::index_get) would read: added to what is there
    /// with `accumulate`, else in its place. The values broadcast to what `index_get` gives.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let (x, values) = (tape.leaf([1.0, 2.0, 3.0]), tape.leaf([10.0, 20.0]));
    /// assert_eq!(x.index_put(&[&[2, 2]], values, true).value().to_vec(), [1.0, 2.0, 33.0]);
    /// assert_eq!(x.index_put(&[&[2, 2]], values, false).value().to_vec(), [1.0, 2.0, 20.0]);
    /// ```
    #[or_panic(index_put)]
    /// [`Error::Shape`](crate::Error::Shape) unless there is a list for each of the leading axes, all of one length,
    /// with indices in range, and the values broadcast.
    pub fn try_index_put(self, lists: &[&[usize]], values: Var<'t>, accumulate: bool) -> Result<Var<'t>> {
        let (rows, sizes @ [_, inner], picked) = self.rows("index_put", lists)?;
        let from = values.shape();
        if from.broadcast(&picked).as_ref() != Some(&picked) {
            let need = "the values must broadcast to what the lists pick";
            return Err(self.shape_error("index_put", &[&from, &picked], need));
        }
        let source = values.try_broadcast_to(&picked)?.try_reshape([rows.len(), inner])?;
        let each: Vec<usize> = rows.iter().flat_map(|&row| std::iter::repeat_n(row, inner)).collect();
        let flat = self.try_reshape(sizes)?;
        let put =
            if accumulate { flat.try_scatter_add(0, &each, source)? } else { flat.try_scatter(0, &each, source)? };
        put.try_reshape(self.shape())
    },
    [
        Sample::new("index_put, accumulated", entries([3, 4], [4]), |x| {
            x[0].index_put(&[&[2, 0, 2, 2], &[1, 3, 0, 1]], x[1], true)
        }),
        Sample::new("index_put of rows", entries([3, 4], [2, 4]), |x| x[0].index_put(&[&[2, 0]], x[1], false)),
    ]
);

composition!(
    /// This value with `source` written to the places given by `indices`, which have the shape of `source`: `out[i,
    /// indices[i, j]] = source[i, j]` for axis 1, as in `torch.scatter`. Of several that are written to one place, the
    /// last counts; [`scatter_add`](Var::scatter_add) adds them up.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let (x, source) = (tape.leaf([1.0, 2.0, 3.0]), tape.leaf([10.0, 20.0]));
    /// let y = x.scatter(0, &[2, 0], source);
    /// assert_eq!(y.value().to_vec(), [20.0, 2.0, 10.0]);
    /// assert_eq!(y.sum().backward()?.wrt(x)?.to_vec(), [0.0, 1.0, 0.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    #[or_panic(scatter)]
    /// [`Error::Axis`](crate::Error::Axis) or [`Error::Shape`](crate::Error::Shape) when the shapes do not match, or
    /// for an index out of range.
    pub fn try_scatter(self, axis: isize, indices: &[usize], source: Var<'t>) -> Result<Var<'t>> {
        let along = self.axis("scatter", axis)?;
        let (shape, index) = (self.shape(), source.shape());
        let fits = shape.rank() == index.rank() && (0..shape.rank()).all(|i| i == along || index[i] <= shape[i]);
        if !fits || indices.len() != index.numel() {
            let need = "the indices need the shape of the source, which must fit into the value along every other axis";
            return Err(self.shape_error("scatter", &[&index, &shape], need));
        }
        if let Some(i) = indices.iter().find(|&&i| i >= shape[along]) {
            let need = format!("index {i} must be less than the size {} of axis {along}", shape[along]);
            return Err(self.shape_error("scatter", &[&shape], need));
        }
        // The place in the target of each number of the source.
        let place = |flat: usize| {
            let (mut left, mut at, mut stride) = (flat, 0, 1);
            for i in (0..shape.rank()).rev() {
                at += stride * if i == along { indices[flat] } else { left % index[i] };
                left /= index[i];
                stride *= shape[i];
            }
            at
        };
        let places: Vec<usize> = (0..indices.len()).map(place).collect();
        self.overwritten(source, &places, |zeros, counted| zeros.try_scatter_add(axis, indices, counted))
    },
    [
        Sample::new("scatter", entries([3, 4], [3, 2]), |x| x[0].scatter(1, &[0, 3, 1, 2, 2, 0], x[1])),
        Sample::new("scatter, overlapping", entries([3, 2], [4, 2]), |x| {
            x[0].scatter(0, &[0, 1, 2, 1, 0, 0, 0, 1], x[1])
        }),
    ]
);

/// A value and what is written into it.
fn entries(x: impl Into<Shape>, source: impl Into<Shape>) -> Vec<Tensor> {
    vec![numbers(x, -1.0, 1.0, 1), numbers(source, -1.0, 1.0, 2)]
}
