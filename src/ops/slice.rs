//! Slices with steps, and their adjoint.
//!
//! Along each axis z[i] = x[start + i · step]; a negative step runs backwards, so it flips. The adjoint, *scattering*,
//! writes its input into zeros at the places that the slice reads. Each is the gradient of the other. Padding with
//! zeros is scattering too.

use smallvec::SmallVec;

use super::{
    formula::Formula,
    op::{Grads, Mixes, Op, Vjp},
    placing::Placing,
    sample::{Sample, Sampled},
    twins::twin,
};
use crate::{
    error::Result,
    kernels::{movement, place::Places},
    tape::{Saved, Var},
    tensor::{Shape, Tensor, build},
};

/// The elements at `start + i · step` along each axis.
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

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"\operatorname{slice}(x)", [r"\operatorname{scatter}(\bar z)"]))
    }

    fn shape(&self, _: &[&Shape]) -> Result<Shape> {
        Ok(self.shape.clone())
    }

    fn flops(&self, _: &[&Shape], _: &Shape) -> Option<u64> {
        Some(0)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        Ok(build!(x[0].dtype(), shape, |T, out| {
            movement::slice(x[0].data::<T>(), x[0].shape(), &self.start, &self.step, &self.shape, out);
        }))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        at.placed(Scatter { slice: self.clone(), shape: at.x[0].shape() })
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

impl Slice {
    /// The slice that covers all of `shape`.
    fn whole(shape: &Shape) -> Self {
        Slice {
            start: SmallVec::from_elem(0, shape.rank()),
            step: SmallVec::from_elem(1, shape.rank()),
            shape: shape.clone(),
        }
    }
}

/// The adjoint of a slice: its input is written where the slice reads; the rest is 0.
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

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"\operatorname{scatter}(x)", [r"\operatorname{slice}(\bar z)"]))
    }

    fn shape(&self, _: &[&Shape]) -> Result<Shape> {
        Ok(self.shape.clone())
    }

    fn flops(&self, _: &[&Shape], _: &Shape) -> Option<u64> {
        Some(0)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        Ok(build!(x[0].dtype(), shape, |T, out| self.places().write(x[0].data::<T>(), out)))
    }

    fn placing(&self) -> Option<&dyn Placing> {
        Some(self)
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        Ok(Grads::from_iter([Some(at.tape().builtin(self.slice.clone(), &[at.dz])?)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Scatter {
    /// Where it writes.
    pub(super) fn places(&self) -> Places<'_> {
        let Slice { start, step, shape: part } = &self.slice;
        Places { shape: &self.shape, start, step, part }
    }
}

impl Sampled for Scatter {
    fn samples() -> Vec<Sample> {
        vec![Sample::unary("pad", [2, 3], |x| x.pad(&[(1, 0), (2, 1)], 0.5))]
    }
}

impl<'t> Var<'t> {
    twin!(
        /// The `len` entries from `start` on along an axis.
        #[or_panic(narrow)]
        /// [`Error::Axis`](crate::Error::Axis) or [`Error::Shape`](crate::Error::Shape) when they lie outside the axis.
        pub fn try_narrow(self, axis: isize, start: usize, len: usize) -> Result<Var<'t>> {
            self.try_slice(axis, start, start.saturating_add(len), 1).map_err(|error| error.called("narrow"))
        }
    );

    twin!(
        /// Every `step`-th entry along an axis, from `start` up to but not including `stop`.
        #[or_panic(slice)]
        /// [`Error::Axis`](crate::Error::Axis) or [`Error::Shape`](crate::Error::Shape) when they lie outside the axis,
        /// or for step 0.
        pub fn try_slice(self, axis: isize, start: usize, stop: usize, step: usize) -> Result<Var<'t>> {
            let shape = self.shape();
            let axis = self.axis("slice", axis)?;
            if start > stop || stop > shape[axis] || step == 0 {
                let need = format!("{start}..{stop} by {step} must lie within axis {axis}, of size {}", shape[axis]);
                return Err(self.shape_error("slice", &[&shape], need));
            }
            let mut slice = Slice::whole(&shape);
            slice.start[axis] = start;
            // A step that leads out of the axis takes a single entry, like any other step that does.
            slice.step[axis] = step.min(shape[axis].max(1)) as isize;
            slice.shape = shape
                .iter()
                .enumerate()
                .map(|(i, &n)| if i == axis { (stop - start).div_ceil(step) } else { n })
                .collect();
            self.tape().builtin(slice, &[self])
        }
    );

    twin!(
        /// The entries along `axes` in reverse order.
        #[or_panic(flip)]
        /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist.
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
    );

    twin!(
        /// Pads with `value`: `amounts` gives, for each axis, the number of entries before and after.
        #[or_panic(pad)]
        /// [`Error::Shape`](crate::Error::Shape) when `amounts` does not have one pair for each axis.
        pub fn try_pad(self, amounts: &[(usize, usize)], value: f64) -> Result<Var<'t>> {
            let part = self.shape();
            if amounts.len() != part.rank() {
                let need = format!("one pair of amounts for each axis is needed ({} were given)", amounts.len());
                return Err(self.shape_error("pad", &[&part], need));
            }
            let padded =
                |(n, &(before, after)): (&usize, &(usize, usize))| n.saturating_add(before).saturating_add(after);
            let shape: Shape = part.iter().zip(amounts).map(padded).collect();
            shape.countable("pad", &[&part]).map_err(|error| self.tape().locate(error))?;
            let slice = Slice { start: amounts.iter().map(|a| a.0).collect(), ..Slice::whole(&part) };
            let _line = self.tape().at_caller();
            let placed = self.tape().builtin(Scatter { slice: slice.clone(), shape: shape.clone() }, &[self])?;
            if value == 0.0 {
                return Ok(placed);
            }
            let inside = Tensor::ones(part, self.dtype());
            let mask = self.tape().no_grad(|| {
                let inside = self.tape().constant(inside);
                self.tape().builtin(Scatter { slice, shape }, &[inside])
            });
            mask?.try_select(placed, value)
        }
    );
}
