//! Operations that move numbers without changing them: their gradients move back.
//!
//! Reshaping shares the numbers. Slicing with steps (a negative step walks backwards, so it flips) has as its adjoint
//! *scattering*, which writes the slice into zeros; padding with zeros and placing a part are scatterings too.

use smallvec::SmallVec;

use super::{Grads, Op, Sample, Vjp, expect, table::Sampled};
use crate::{
    error::{Error, Result},
    kernels::movement,
    tape::{Memo, Mixes, Var},
    tensor::{Shape, Tensor},
};

/// The same numbers in another shape.
pub(super) struct Reshape(Shape);

impl Op for Reshape {
    fn name(&self) -> &str {
        "reshape"
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        if x[0].numel() != self.0.numel() {
            let need = format!("the sizes must have the same product ({} and {} differ)", x[0].numel(), self.0.numel());
            return Err(Error::shape("reshape", &[x[0], &self.0], need));
        }
        Ok(self.0.clone())
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Memo>) -> Result<Tensor> {
        Ok(x[0].reshaped(shape))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        Ok(Grads::from_iter([at.by(0, || at.dy.try_reshape(&at.x[0].shape()))?]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Sampled for Reshape {
    fn samples() -> Vec<Sample> {
        vec![
            Sample::unary("reshape", [2, 6], |x| x.reshape([3, 4])),
            Sample::unary("flatten", [2, 3, 2], |x| x.flatten(1)),
        ]
    }
}

/// The axes in another order.
pub(super) struct Permute(SmallVec<[usize; 4]>);

impl Op for Permute {
    fn name(&self) -> &str {
        "permute"
    }

    fn attributes(&self) -> String {
        format!("axes {:?}", &self.0[..])
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(self.0.iter().map(|&axis| x[0][axis]).collect())
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Memo>) -> Result<Tensor> {
        Ok(crate::dispatch!(x[0].dtype(), T => Tensor::build::<T>(shape, |out| {
            movement::permute(x[0].data::<T>(), x[0].shape(), &self.0, out);
        })))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let mut inverse = SmallVec::from_elem(0, self.0.len());
        for (to, &from) in self.0.iter().enumerate() {
            inverse[from] = to;
        }
        Ok(Grads::from_iter([Some(at.tape().builtin(Permute(inverse), &[at.dy])?)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Sampled for Permute {
    fn samples() -> Vec<Sample> {
        vec![
            Sample::unary("permute", [2, 3, 4], |x| x.permute(&[2, 0, 1])),
            Sample::unary("transpose", [2, 3, 4], |x| x.transpose(-1, 0)),
        ]
    }
}

/// What is at `start + i · step` along each axis.
#[derive(Clone)]
pub(super) struct Slice {
    start: SmallVec<[usize; 4]>,
    step: SmallVec<[isize; 4]>,
    shape: Shape,
}

impl Op for Slice {
    fn name(&self) -> &str {
        "slice"
    }

    fn attributes(&self) -> String {
        format!("from {:?} step {:?}", &self.start[..], &self.step[..])
    }

    fn shape(&self, _: &[&Shape]) -> Result<Shape> {
        Ok(self.shape.clone())
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Memo>) -> Result<Tensor> {
        Ok(crate::dispatch!(x[0].dtype(), T => Tensor::build::<T>(shape, |out| {
            movement::slice(x[0].data::<T>(), x[0].shape(), &self.start, &self.step, &self.shape, out);
        })))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let scatter = Scatter { slice: self.clone(), shape: at.x[0].shape() };
        Ok(Grads::from_iter([Some(at.tape().builtin(scatter, &[at.dy])?)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Sampled for Slice {
    fn samples() -> Vec<Sample> {
        vec![
            Sample::unary("narrow", [4, 3], |x| x.narrow(0, 1, 2)),
            Sample::unary("slice with a step", [2, 7], |x| x.slice(-1, 1, 7, 2)),
            Sample::unary("flip", [3, 4], |x| x.flip(&[1])),
        ]
    }
}

/// The adjoint of a slice: its input is written where the slice reads, the rest is 0.
pub(super) struct Scatter {
    slice: Slice,
    shape: Shape,
}

impl Op for Scatter {
    fn name(&self) -> &str {
        "scatter"
    }

    fn attributes(&self) -> String {
        self.slice.attributes()
    }

    fn shape(&self, _: &[&Shape]) -> Result<Shape> {
        Ok(self.shape.clone())
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Memo>) -> Result<Tensor> {
        let Slice { start, step, shape: part } = &self.slice;
        Ok(crate::dispatch!(x[0].dtype(), T => Tensor::build::<T>(shape, |out| {
            movement::slice_grad(x[0].data::<T>(), &self.shape, start, step, part, out);
        })))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        Ok(Grads::from_iter([Some(at.tape().builtin(self.slice.clone(), &[at.dy])?)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Sampled for Scatter {
    fn samples() -> Vec<Sample> {
        vec![Sample::unary("pad", [2, 3], |x| x.pad(&[(1, 0), (2, 1)], 0.5))]
    }
}

/// Inputs one after the other along an axis.
pub(super) struct Concat(usize);

impl Op for Concat {
    fn name(&self) -> &str {
        "concat"
    }

    fn attributes(&self) -> String {
        format!("axis {}", self.0)
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let first = x[0];
        let fits = |s: &&&Shape| {
            s.rank() == first.rank() && s.iter().zip(first.iter()).enumerate().all(|(i, (a, b))| i == self.0 || a == b)
        };
        if !x.iter().all(|s| fits(&s)) {
            let need = format!("all sizes but that of axis {} must be equal", self.0);
            return Err(Error::shape("concat", x, need));
        }
        let total = x.iter().map(|s| s[self.0]).sum();
        Ok(first.iter().enumerate().map(|(i, &n)| if i == self.0 { total } else { n }).collect())
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Memo>) -> Result<Tensor> {
        let (outer, inner) = (shape[..self.0].iter().product(), shape[self.0 + 1..].iter().product());
        Ok(crate::dispatch!(x[0].dtype(), T => Tensor::build::<T>(shape, |out| {
            let parts: Vec<_> = x.iter().map(|x| (x.data::<T>(), x.shape()[self.0])).collect();
            movement::concat(&parts, outer, inner, out);
        })))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let mut start = 0;
        (0..at.x.len())
            .map(|k| {
                let len = at.x[k].shape()[self.0];
                let dx = at.by(k, || at.dy.try_narrow(self.0 as isize, start, len));
                start += len;
                dx
            })
            .collect()
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Sampled for Concat {
    fn samples() -> Vec<Sample> {
        use super::table::numbers;
        let pair = |a: [usize; 2], b: [usize; 2]| vec![numbers(a, -1.0, 1.0, 1), numbers(b, -1.0, 1.0, 2)];
        vec![
            Sample::new("concat", pair([2, 3], [2, 2]), |x| expect(Var::try_concat(x, 1))),
            Sample::new("stack", pair([2, 3], [2, 3]), |x| Var::stack(x, 1)),
        ]
    }
}

impl<'t> Var<'t> {
    /// The same numbers in another shape of equal size.
    ///
    /// # Panics
    /// When the sizes differ.
    #[track_caller]
    pub fn reshape(self, shape: impl Into<Shape>) -> Var<'t> {
        expect(self.try_reshape(&shape.into()))
    }

    /// [`reshape`](Var::reshape) with an error in place of a panic.
    ///
    /// # Errors
    /// [`Error::Shape`] when the sizes differ.
    #[track_caller]
    pub fn try_reshape(self, shape: &Shape) -> Result<Var<'t>> {
        if self.shape() == *shape {
            return Ok(self);
        }
        self.tape().builtin(Reshape(shape.clone()), &[self])
    }

    /// Axes from `from` on become one: `[n, c, h, w]` flattened from 1 is `[n, c·h·w]`.
    ///
    /// # Panics
    /// When there are fewer axes than `from`.
    #[track_caller]
    pub fn flatten(self, from: usize) -> Var<'t> {
        expect(self.try_flatten(from))
    }

    /// [`flatten`](Var::flatten) with an error in place of a panic.
    ///
    /// # Errors
    /// [`Error::Axis`] when there are fewer axes than `from`.
    #[track_caller]
    pub fn try_flatten(self, from: usize) -> Result<Var<'t>> {
        let shape = self.shape();
        if from > shape.rank() {
            self.axis("flatten", from as isize)?;
        }
        let rest = shape[from..].iter().product();
        self.try_reshape(&shape[..from].iter().copied().chain([rest]).collect())
    }

    /// The value of one number for each channel, shaped to broadcast against `x` `[n, c, ..]`: `[c, 1, .., 1]`.
    ///
    /// # Panics
    /// When `x` has another number of channels.
    #[track_caller]
    pub fn per_channel(self, x: Var<'t>) -> Var<'t> {
        expect(self.try_per_channel(x))
    }

    /// [`per_channel`](Var::per_channel) with an error in place of a panic.
    ///
    /// # Errors
    /// [`Error::Shape`] when `x` has another number of channels.
    #[track_caller]
    pub fn try_per_channel(self, x: Var<'t>) -> Result<Var<'t>> {
        let (shape, channels) = (x.shape(), self.numel());
        if shape.rank() < 2 || shape[1] != channels {
            let error =
                Error::shape("per_channel", &[&self.shape(), &shape], "one number for each channel (axis 1) is needed");
            return Err(self.tape().locate(error));
        }
        self.try_reshape(&std::iter::once(channels).chain(shape[2..].iter().map(|_| 1)).collect())
    }

    /// The axes in another order: axis i of the result is axis `axes[i]` of this value.
    ///
    /// # Panics
    /// When `axes` is not an order of all axes.
    #[track_caller]
    pub fn permute(self, axes: &[isize]) -> Var<'t> {
        expect(self.try_permute(axes))
    }

    /// [`permute`](Var::permute) with an error in place of a panic.
    ///
    /// # Errors
    /// [`Error::Axis`] or [`Error::Shape`] when `axes` is not an order of all axes.
    #[track_caller]
    pub fn try_permute(self, axes: &[isize]) -> Result<Var<'t>> {
        let shape = self.shape();
        let order = axes.iter().map(|&axis| self.axis("permute", axis)).collect::<Result<SmallVec<[usize; 4]>>>()?;
        if order.iter().copied().eq(0..shape.rank()) {
            return Ok(self);
        }
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..shape.rank()) {
            let error = Error::shape("permute", &[&shape], format!("each axis must be named once, not {axes:?}"));
            return Err(self.tape().locate(error));
        }
        self.tape().builtin(Permute(order), &[self])
    }

    /// Two axes exchanged.
    ///
    /// # Panics
    /// For an axis that does not exist.
    #[track_caller]
    pub fn transpose(self, a: isize, b: isize) -> Var<'t> {
        expect(self.try_transpose(a, b))
    }

    /// [`transpose`](Var::transpose) with an error in place of a panic.
    ///
    /// # Errors
    /// [`Error::Axis`] for an axis that does not exist.
    #[track_caller]
    pub fn try_transpose(self, a: isize, b: isize) -> Result<Var<'t>> {
        let (a, b) = (self.axis("transpose", a)?, self.axis("transpose", b)?);
        let mut axes: Vec<isize> = (0..self.rank() as isize).collect();
        axes.swap(a, b);
        self.try_permute(&axes)
    }

    /// The `len` entries from `start` on along an axis.
    ///
    /// # Panics
    /// When they lie outside the axis.
    #[track_caller]
    pub fn narrow(self, axis: isize, start: usize, len: usize) -> Var<'t> {
        expect(self.try_narrow(axis, start, len))
    }

    /// [`narrow`](Var::narrow) with an error in place of a panic.
    ///
    /// # Errors
    /// [`Error::Axis`] or [`Error::Shape`] when they lie outside the axis.
    #[track_caller]
    pub fn try_narrow(self, axis: isize, start: usize, len: usize) -> Result<Var<'t>> {
        self.try_slice(axis, start, start + len, 1)
    }

    /// Every `step`-th entry from `start` up to, not including, `stop` along an axis.
    ///
    /// # Panics
    /// When they lie outside the axis, or for step 0.
    #[track_caller]
    pub fn slice(self, axis: isize, start: usize, stop: usize, step: usize) -> Var<'t> {
        expect(self.try_slice(axis, start, stop, step))
    }

    /// [`slice`](Var::slice) with an error in place of a panic.
    ///
    /// # Errors
    /// [`Error::Axis`] or [`Error::Shape`] when they lie outside the axis, or for step 0.
    #[track_caller]
    pub fn try_slice(self, axis: isize, start: usize, stop: usize, step: usize) -> Result<Var<'t>> {
        let shape = self.shape();
        let axis = self.axis("slice", axis)?;
        if start > stop || stop > shape[axis] || step == 0 {
            let need = format!("{start}..{stop} by {step} must lie within axis {axis}, of size {}", shape[axis]);
            return Err(self.tape().locate(Error::shape("slice", &[&shape], need)));
        }
        let mut slice = Slice::whole(&shape);
        slice.start[axis] = start;
        slice.step[axis] = step as isize;
        slice.shape =
            shape.iter().enumerate().map(|(i, &n)| if i == axis { (stop - start).div_ceil(step) } else { n }).collect();
        self.tape().builtin(slice, &[self])
    }

    /// The entries along `axes` in reverse order.
    ///
    /// # Panics
    /// For an axis that does not exist.
    #[track_caller]
    pub fn flip(self, axes: &[isize]) -> Var<'t> {
        expect(self.try_flip(axes))
    }

    /// [`flip`](Var::flip) with an error in place of a panic.
    ///
    /// # Errors
    /// [`Error::Axis`] for an axis that does not exist.
    #[track_caller]
    pub fn try_flip(self, axes: &[isize]) -> Result<Var<'t>> {
        let shape = self.shape();
        let mut slice = Slice::whole(&shape);
        for &axis in axes {
            let axis = self.axis("flip", axis)?;
            slice.start[axis] = shape[axis].saturating_sub(1);
            slice.step[axis] = -1;
        }
        self.tape().builtin(slice, &[self])
    }

    /// `value` around the edges: `amounts` gives, for each axis, how many entries before and after.
    ///
    /// # Panics
    /// When `amounts` has not one pair for each axis.
    #[track_caller]
    pub fn pad(self, amounts: &[(usize, usize)], value: f64) -> Var<'t> {
        expect(self.try_pad(amounts, value))
    }

    /// [`pad`](Var::pad) with an error in place of a panic.
    ///
    /// # Errors
    /// [`Error::Shape`] when `amounts` has not one pair for each axis.
    #[track_caller]
    pub fn try_pad(self, amounts: &[(usize, usize)], value: f64) -> Result<Var<'t>> {
        let part = self.shape();
        if amounts.len() != part.rank() {
            let need = format!("one pair of amounts for each axis is needed ({} were given)", amounts.len());
            return Err(self.tape().locate(Error::shape("pad", &[&part], need)));
        }
        let shape: Shape = part.iter().zip(amounts).map(|(n, (before, after))| n + before + after).collect();
        let slice = Slice { start: amounts.iter().map(|a| a.0).collect(), ..Slice::whole(&part) };
        let placed = self.tape().builtin(Scatter { slice: slice.clone(), shape: shape.clone() }, &[self])?;
        if value == 0.0 {
            return Ok(placed);
        }
        let inside = Tensor::ones(part, self.dtype());
        let frame = self.tape().no_grad(|| {
            let inside = self.tape().constant(inside);
            Ok((1.0 - self.tape().builtin(Scatter { slice, shape }, &[inside])?) * value)
        });
        placed.try_add(frame?)
    }

    /// The inputs one after the other along an axis.
    ///
    /// # Panics
    /// When there are none, or their other sizes differ.
    #[track_caller]
    pub fn concat(parts: &[Var<'t>], axis: isize) -> Var<'t> {
        expect(Var::try_concat(parts, axis))
    }

    /// [`concat`](Var::concat) with an error in place of a panic.
    ///
    /// # Errors
    /// [`Error::Empty`] when there are none, [`Error::Shape`] when their other sizes differ.
    #[track_caller]
    pub fn try_concat(parts: &[Var<'t>], axis: isize) -> Result<Var<'t>> {
        let Some(first) = parts.first() else {
            return Err(Error::Empty { what: "the list of parts to concat".into(), need: "give at least one" });
        };
        let axis = first.axis("concat", axis)?;
        first.tape().builtin(Concat(axis), parts)
    }

    /// The inputs, of equal shape, along a new axis.
    ///
    /// # Panics
    /// When there are none, or their shapes differ.
    #[track_caller]
    pub fn stack(parts: &[Var<'t>], axis: usize) -> Var<'t> {
        expect(Var::try_stack(parts, axis))
    }

    /// [`stack`](Var::stack) with an error in place of a panic.
    ///
    /// # Errors
    /// [`Error::Empty`] when there are none, [`Error::Shape`] when their shapes differ, [`Error::Axis`] when `axis` is
    /// larger than the number of axes.
    #[track_caller]
    pub fn try_stack(parts: &[Var<'t>], axis: usize) -> Result<Var<'t>> {
        let Some(first) = parts.first() else {
            return Err(Error::Empty { what: "the list of parts to stack".into(), need: "give at least one" });
        };
        let shapes: Vec<Shape> = parts.iter().map(|part| part.shape()).collect();
        if shapes.iter().any(|shape| *shape != shapes[0]) {
            let error = Error::shape("stack", &shapes.iter().collect::<Vec<_>>(), "all shapes must be equal");
            return Err(first.tape().locate(error));
        }
        if axis > first.rank() {
            first.axis("stack", axis as isize)?;
        }
        let widened = parts.iter().map(|part| part.try_unsqueeze(axis)).collect::<Result<Vec<_>>>()?;
        Var::try_concat(&widened, axis as isize)
    }

    /// A new axis of size 1 at position `axis`.
    ///
    /// # Panics
    /// When `axis` is larger than the number of axes.
    #[track_caller]
    pub fn unsqueeze(self, axis: usize) -> Var<'t> {
        expect(self.try_unsqueeze(axis))
    }

    /// [`unsqueeze`](Var::unsqueeze) with an error in place of a panic.
    ///
    /// # Errors
    /// [`Error::Axis`] when `axis` is larger than the number of axes.
    #[track_caller]
    pub fn try_unsqueeze(self, axis: usize) -> Result<Var<'t>> {
        let shape = self.shape();
        if axis > shape.rank() {
            self.axis("unsqueeze", axis as isize)?;
        }
        self.try_reshape(&shape[..axis].iter().copied().chain([1]).chain(shape[axis..].iter().copied()).collect())
    }
}

impl Slice {
    /// The slice that takes all of `shape`.
    fn whole(shape: &Shape) -> Self {
        Slice {
            start: SmallVec::from_elem(0, shape.rank()),
            step: SmallVec::from_elem(1, shape.rank()),
            shape: shape.clone(),
        }
    }
}
