//! Order along an axis: sorting, the k largest, and extremes with their place.
//!
//! The order is found from the values and then fixed: a sorted value is a [gather](Var::gather), so its gradient goes
//! back to where each number came from. Indices are plain numbers, row-major in the shape of the values they belong to,
//! as `gather` takes them. Equal numbers keep their order (the first comes first). NaN is sorted as the largest, and
//! wins both as a maximum and as a minimum, as in PyTorch.

use std::cmp::Ordering;

use super::composition::composition;
use crate::{error::Result, ops::sample::Sample, tape::Var, tensor::Shape};

/// Ascending, NaN last.
fn ascending(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// The indices along `axis` that put the numbers in order.
fn order(op: &str, x: Var<'_>, axis: usize, descending: bool) -> Result<Vec<usize>> {
    let (values, shape) = (x.numbers(op)?, x.shape());
    let (len, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
    let mut indices = vec![0; values.len()];
    // Without numbers there may be any number of places, so memory is taken where it is needed.
    let mut line: Vec<usize> = Vec::new();
    for first in (0..values.len()).filter(|flat| flat / inner % len == 0) {
        let at = |i: usize| values[first + i * inner];
        line.clear();
        line.extend(0..len);
        line.sort_by(|&a, &b| if descending { ascending(at(b), at(a)) } else { ascending(at(a), at(b)) });
        line.iter().enumerate().for_each(|(i, &from)| indices[first + i * inner] = from);
    }
    Ok(indices)
}

impl<'t> Var<'t> {
    /// The first `k` along `axis` in order, with their indices.
    #[track_caller]
    fn first(self, op: &str, axis: isize, k: usize, descending: bool) -> Result<(Var<'t>, Vec<usize>)> {
        let axis = self.axis(op, axis)?;
        let shape = self.shape();
        if k > shape[axis] {
            let need = format!("at least {k} numbers along axis {axis} are needed");
            return Err(self.shape_error(op, &[&shape], need));
        }
        let (len, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
        let mut indices = order(op, self, axis, descending)?;
        let mut flat = 0..;
        indices.retain(|_| flat.next().is_some_and(|flat: usize| flat / inner % len < k));
        let kept: Shape = shape.iter().enumerate().map(|(i, &n)| if i == axis { k } else { n }).collect();
        Ok((self.try_gather(axis as isize, &indices, kept)?, indices))
    }

    /// The extreme along `axis`, where a number that `beats` all before it is found, and its index; NaN beats all.
    #[track_caller]
    fn extreme(
        self,
        op: &str,
        axis: isize,
        keepdim: bool,
        beats: impl Fn(f64, f64) -> bool,
    ) -> Result<(Var<'t>, Vec<usize>)> {
        let axis = self.axis(op, axis)?;
        let shape = self.shape();
        if shape[axis] == 0 {
            let need = "an extreme needs at least one number along the axis";
            return Err(self.shape_error(op, &[&shape], need));
        }
        let (len, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
        let values = self.numbers(op)?;
        let lines = (0..values.len()).filter(|flat| flat / inner % len == 0);
        let best = |first: usize| {
            let at = |i: usize| values[first + i * inner];
            let better = |i, k| if beats(at(k), at(i)) || (at(k).is_nan() && !at(i).is_nan()) { k } else { i };
            (1..len).fold(0, better)
        };
        let indices: Vec<usize> = lines.map(best).collect();
        let found = self.try_gather(axis as isize, &indices, shape.reduced(&[axis], true))?;
        Ok((found.try_reshape(shape.reduced(&[axis], keepdim))?, indices))
    }
}

composition!(
    /// The numbers along `axis` in order, ascending or descending, and the index that each had.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf([3.0, 1.0, 2.0]);
    /// let (sorted, indices) = x.sort(0, false);
    /// assert_eq!((sorted.value().to_vec(), indices), (vec![1.0, 2.0, 3.0], vec![1, 2, 0]));
    /// let weights = tape.constant([10.0, 20.0, 30.0]);
    /// assert_eq!((sorted * weights).sum().backward()?.wrt(x)?.to_vec(), [30.0, 10.0, 20.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    #[or_panic(sort)]
    /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist.
    pub fn try_sort(self, axis: isize, descending: bool) -> Result<(Var<'t>, Vec<usize>)> {
        let size = self.shape()[self.axis("sort", axis)?];
        self.first("sort", axis, size, descending)
    },
    [
        Sample::unary("sort", [2, 4, 2], |x| x.sort(1, false).0),
        Sample::unary("sort, descending", [3, 4], |x| x.sort(-1, true).0),
    ]
);

composition!(
    /// The `k` largest numbers along `axis`, the largest first, and the index of each. The smallest are those of −x.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let scores = tape.leaf([[1.0, 5.0, 3.0], [9.0, 7.0, 8.0]]);
    /// let (best, classes) = scores.topk(2, 1);
    /// assert_eq!((best.value().to_vec(), classes), (vec![5.0, 3.0, 9.0, 8.0], vec![1, 2, 0, 2]));
    /// ```
    #[or_panic(topk)]
    /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist, [`Error::Shape`](crate::Error::Shape) for
    /// more numbers than there are.
    pub fn try_topk(self, k: usize, axis: isize) -> Result<(Var<'t>, Vec<usize>)> {
        self.first("topk", axis, k, true)
    },
    [Sample::unary("topk", [3, 4], |x| x.topk(2, 1).0)]
);

composition!(
    /// The largest number along `axis`, which stays with size 1 or is dropped, and its index. Unlike that of
    /// [`amax_axes`](Var::amax_axes), its gradient goes to one number alone: the first, at a tie.
    #[or_panic(max_index)]
    /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist, [`Error::Shape`](crate::Error::Shape) for
    /// the maximum of nothing.
    pub fn try_max_index(self, axis: isize, keepdim: bool) -> Result<(Var<'t>, Vec<usize>)> {
        self.extreme("max_index", axis, keepdim, |a, b| a > b)
    },
    [Sample::unary("max_index", [2, 3, 2], |x| x.max_index(1, false).0)]
);

composition!(
    /// The smallest number along `axis`, which stays with size 1 or is dropped, and its index. Its gradient goes to one
    /// number alone: the first, at a tie.
    #[or_panic(min_index)]
    /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist, [`Error::Shape`](crate::Error::Shape) for
    /// the minimum of nothing.
    pub fn try_min_index(self, axis: isize, keepdim: bool) -> Result<(Var<'t>, Vec<usize>)> {
        self.extreme("min_index", axis, keepdim, |a, b| a < b)
    },
    [Sample::unary("min_index", [2, 3, 2], |x| x.min_index(0, true).0)]
);

impl Var<'_> {
    crate::ops::twins::twin!(
        /// The indices that sort the numbers along `axis`, row-major in the shape of this value.
        #[or_panic(argsort)]
        /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist.
        pub fn try_argsort(self, axis: isize, descending: bool) -> Result<Vec<usize>> {
            order("argsort", self, self.axis("argsort", axis)?, descending)
        }
    );

    crate::ops::twins::twin!(
        /// The index of the largest number along `axis`, the first at a tie: the predicted classes of scores `[n,
        /// classes]`, for axis 1.
        #[or_panic(argmax)]
        /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist, [`Error::Shape`](crate::Error::Shape)
        /// for the maximum of nothing.
        pub fn try_argmax(self, axis: isize) -> Result<Vec<usize>> {
            let tape = self.tape();
            Ok(tape.no_grad(|| self.extreme("argmax", axis, false, |a, b| a > b))?.1)
        }
    );

    crate::ops::twins::twin!(
        /// The index of the smallest number along `axis`, the first at a tie.
        #[or_panic(argmin)]
        /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist, [`Error::Shape`](crate::Error::Shape)
        /// for the minimum of nothing.
        pub fn try_argmin(self, axis: isize) -> Result<Vec<usize>> {
            let tape = self.tape();
            Ok(tape.no_grad(|| self.extreme("argmin", axis, false, |a, b| a < b))?.1)
        }
    );
}
