//! Windows along one axis: for each output the entries that it sees, its *taps*, each with a weight.
//!
//! Pooling and interpolation of images are windows along the rows and then along the columns: sums and maxima over a
//! rectangle can be taken one axis at a time. Windows need not be equally long. Weighted sums are an operation of their own;
//! for maxima, the windows are picked with [`index_select`](Var::index_select), whose gradient adds up what overlaps.

use crate::{
    error::{Error, Result},
    kernels::sparse::Sparse,
    tape::Var,
    tensor::{DType, Shape},
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
        let longest = self.0.iter().map(Vec::len).max().unwrap_or(1);
        let entries = self.0.iter().flat_map(|list| (0..longest).map(|i| list[i.min(list.len() - 1)].0));
        let shape = x.shape();
        let apart: Shape =
            shape[..axis].iter().chain(&[self.0.len(), longest]).chain(&shape[axis + 1..]).copied().collect();
        x.try_index_select(axis as isize, &entries.collect::<Vec<_>>())?.try_reshape(apart)
    }

    /// The weighted sums along `axis`.
    #[track_caller]
    fn sum<'t>(&self, x: Var<'t>, axis: usize) -> Result<Var<'t>> {
        x.try_weighted_sum(axis, Sparse::new(x.shape()[axis], &self.0))
    }

    /// The weighted sums of images over the rows of `y` and the columns of `x`: first along y where that leaves less to do.
    #[track_caller]
    pub fn sum_of_images<'t>([y, x]: [Taps; 2], images: Var<'t>) -> Result<Var<'t>> {
        match y.0.len() < images.shape()[2] {
            true => x.sum(y.sum(images, 2)?, 3),
            false => y.sum(x.sum(images, 3)?, 2),
        }
    }

    /// The maxima along `axis`; the first of equal ones gets the gradient.
    #[track_caller]
    pub fn max<'t>(&self, x: Var<'t>, axis: usize) -> Result<Var<'t>> {
        Ok(self.pick(x, axis)?.try_max_index(axis as isize + 1, false)?.0)
    }
}
