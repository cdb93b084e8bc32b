//! Windows along one axis: for each output the entries that it sees, its *taps*, each with a weight.
//!
//! Pooling and interpolation of images are windows along the rows and then along the columns: sums and maxima over a
//! rectangle can be taken one axis at a time. Windows need not be equally long. They are picked with
//! [`index_select`](Var::index_select), whose gradient adds up what overlaps.

use crate::{
    error::{Error, Result},
    tape::Var,
    tensor::{DType, Shape, Tensor},
};

/// For each output, the entries that it sees and their weights; no list is empty.
pub(super) struct Taps(Vec<Vec<(usize, f64)>>);

impl Taps {
    /// Checks that there is memory for the lists of an image of this height and width, with so many entries in all.
    pub fn room(op: &str, x: &Shape, size: [usize; 2], entries: [usize; 2]) -> Result<()> {
        let image = Shape::from([x[0], x[1], size[0], size[1]]);
        image.countable(op, &[x])?;
        // A list takes as much memory as a few numbers, and so does an entry.
        let all = size.into_iter().chain(entries).fold(0, usize::saturating_add);
        let lists = Shape::from([all, 16]);
        let room = lists.countable(op, &[x]).and_then(|()| lists.allocatable(op, DType::F64, &[x]));
        room.map_err(|_| Error::too_large(op, &image, &[x]))
    }

    /// Each of `count` outputs sees the entries in its list, with the same weight for all of its own.
    pub fn new(count: usize, list: impl Fn(usize) -> Vec<(usize, f64)>) -> Self {
        Taps((0..count).map(list).collect())
    }

    /// `x` with `axis` replaced by two: the outputs, and the entries of each. Short lists repeat their last entry.
    #[track_caller]
    fn pick<'t>(&self, x: Var<'t>, axis: usize) -> Result<Var<'t>> {
        let longest = self.longest();
        let entries = self.0.iter().flat_map(|list| (0..longest).map(|i| list[i.min(list.len() - 1)].0));
        let shape = x.shape();
        let apart: Shape =
            shape[..axis].iter().chain(&[self.0.len(), longest]).chain(&shape[axis + 1..]).copied().collect();
        x.try_index_select(axis as isize, &entries.collect::<Vec<_>>())?.try_reshape(apart)
    }

    fn longest(&self) -> usize {
        self.0.iter().map(Vec::len).max().unwrap_or(1)
    }

    /// The weighted sums along `axis`.
    #[track_caller]
    pub fn sum<'t>(&self, x: Var<'t>, axis: usize) -> Result<Var<'t>> {
        let (longest, seen) = (self.longest(), self.pick(x, axis)?);
        if self.0.iter().all(|list| matches!(list[..], [(_, 1.0)])) {
            // Each is the one that it sees.
            let shape = x.shape();
            let sums = shape.iter().enumerate().map(|(i, &n)| if i == axis { self.0.len() } else { n });
            return seen.try_reshape(sums.collect::<Shape>());
        }
        let weight = |i: usize| self.0[i / longest].get(i % longest).map_or(0.0, |&(_, weight)| weight);
        let rest = std::iter::repeat_n(1, x.rank() - axis - 1);
        let shape: Shape = [self.0.len(), longest].into_iter().chain(rest).collect();
        let weights = x.tape().constant(Tensor::from_fn(shape, x.dtype(), weight));
        (seen * weights).try_sum_axes(&[axis as isize + 1], false)
    }

    /// The maxima along `axis`; the first of equal ones gets the gradient.
    #[track_caller]
    pub fn max<'t>(&self, x: Var<'t>, axis: usize) -> Result<Var<'t>> {
        Ok(self.pick(x, axis)?.try_max_index(axis as isize + 1, false)?.0)
    }
}
