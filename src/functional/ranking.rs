//! Order along an axis: sorting, the k largest, and extremes with their place.
//!
//! The order is found from the values and then fixed: a sorted value is a [gather](Var::gather), so its gradient goes
//! back to where each number came from. Indices are plain numbers, row-major in the shape of the values they belong to,
//! as `gather` takes them. Equal numbers keep their order (the first comes first). NaN is sorted as the largest, and
//! wins both as a maximum and as a minimum, as in PyTorch.

use super::composition::composition;
use crate::{
    dispatch,
    error::Result,
    kernels::ranking::{Ranked, extremes},
    ops::sample::Sample,
    tape::Var,
    tensor::{DType, Shape},
};

/// A shape as `[outer, len, inner]`, with `axis` in the middle.
fn lines(shape: &Shape, axis: usize) -> [usize; 3] {
    [shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product()]
}

impl<'t> Var<'t> {
    /// The indices along `axis` of the first `k` in order.
    #[track_caller]
    fn order(self, op: &str, axis: usize, k: usize, descending: bool) -> Result<Vec<usize>> {
        let shape = self.shape();
        // An index takes as much memory as a number in double precision.
        shape.allocatable(op, DType::F64, &[&shape]).map_err(|error| self.tape().locate(error))?;
        let sizes @ [outer, len, inner] = lines(&shape, axis);
        // Without numbers there may be any number of places.
        let count = if shape.numel() == 0 { 0 } else { outer * inner * k.min(len) };
        let (x, mut indices) = (self.value(), vec![0; count]);
        dispatch!(x.dtype(), T => T::first_of(x.data::<T>(), sizes, k, descending, &mut indices));
        Ok(indices)
    }

    /// The first `k` along `axis` in order, with their indices.
    #[track_caller]
    fn first(self, op: &str, axis: isize, k: usize, descending: bool) -> Result<(Var<'t>, Vec<usize>)> {
        let axis = self.axis(op, axis)?;
        let shape = self.shape();
        if k > shape[axis] {
            let need = format!("at least {k} numbers along axis {axis} are needed");
            return Err(self.shape_error(op, &[&shape], need));
        }
        let indices = self.order(op, axis, k, descending)?;
        let kept: Shape = shape.iter().enumerate().map(|(i, &n)| if i == axis { k } else { n }).collect();
        Ok((self.try_gather(axis as isize, &indices, kept)?, indices))
    }

    /// The largest number along `axis`, or the smallest, and its index; NaN before all.
    #[track_caller]
    fn extreme(self, op: &str, axis: isize, keepdim: bool, largest: bool) -> Result<(Var<'t>, Vec<usize>)> {
        let axis = self.axis(op, axis)?;
        let shape = self.shape();
        if shape[axis] == 0 {
            let need = "an extreme needs at least one number along the axis";
            return Err(self.shape_error(op, &[&shape], need));
        }
        let one = shape.reduced(&[axis], true);
        // The value may be pending; an index takes as much memory as a number in double precision.
        let room =
            shape.allocatable(op, self.dtype(), &[&shape]).and_then(|()| one.allocatable(op, DType::F64, &[&shape]));
        room.map_err(|error| self.tape().locate(error))?;
        let (x, mut indices) = (self.value(), vec![0; one.numel()]);
        dispatch!(x.dtype(), T => extremes(x.data::<T>(), lines(&shape, axis), largest, &mut indices));
        let found = self.try_gather(axis as isize, &indices, one)?;
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
        self.extreme("max_index", axis, keepdim, true)
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
        self.extreme("min_index", axis, keepdim, false)
    },
    [Sample::unary("min_index", [2, 3, 2], |x| x.min_index(0, true).0)]
);

impl Var<'_> {
    crate::ops::twins::twin!(
        /// The indices that sort the numbers along `axis`, row-major in the shape of this value.
        #[or_panic(argsort)]
        /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist.
        pub fn try_argsort(self, axis: isize, descending: bool) -> Result<Vec<usize>> {
            let axis = self.axis("argsort", axis)?;
            self.order("argsort", axis, self.shape()[axis], descending)
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
            Ok(tape.no_grad(|| self.extreme("argmax", axis, false, true))?.1)
        }
    );

    crate::ops::twins::twin!(
        /// The index of the smallest number along `axis`, the first at a tie.
        #[or_panic(argmin)]
        /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist, [`Error::Shape`](crate::Error::Shape)
        /// for the minimum of nothing.
        pub fn try_argmin(self, axis: isize) -> Result<Vec<usize>> {
            let tape = self.tape();
            Ok(tape.no_grad(|| self.extreme("argmin", axis, false, false))?.1)
        }
    );
}
