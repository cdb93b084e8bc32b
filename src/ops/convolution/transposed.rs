//! The transposed convolution: the adjoint of a convolution with respect to its input, as a layer uses it.

use super::{Conv2dInput, ConvSpec, missing_axes};
use crate::{
    error::{Error, Result},
    ops::twins::twin,
    tape::Var,
    tensor::Shape,
};

impl<'t> Var<'t> {
    twin!(
        /// Transposed convolution, the adjoint of [`conv2d`](Var::conv2d), of `[n, c_in, h, w]` with kernels
        /// `[c_in, c_out/groups, kh, kw]`. The result has (h − 1) · stride − 2 · padding + dilation · (kh − 1) + 1 +
        /// `output_padding` rows, and columns likewise. No pixel reaches the rows and columns that an output padding of
        /// the stride or more adds: they hold the bias alone.
        #[or_panic(conv_transpose2d)]
        /// [`Error::Shape`](crate::Error::Shape) when the shapes do not match.
        pub fn try_conv_transpose2d(
            self,
            weight: Var<'t>,
            bias: Option<Var<'t>>,
            spec: ConvSpec,
            output_padding: [usize; 2],
        ) -> Result<Var<'t>> {
            let (x, w) = (self.shape(), weight.shape());
            let fault = |need: String| Err(self.shape_error("conv_transpose2d", &[&x, &w], need));
            let (&[n, _, height, width], &[_, c_group, kh, kw]) = (x.dims(), w.dims()) else {
                let need = "images [n, c, h, w] and kernels [c_in, c_out/groups, kh, kw] are needed";
                let error = Error::shape("conv_transpose2d", &[&x, &w], need).help(missing_axes(x.rank() < 4));
                return Err(self.tape().locate(error));
            };
            let ConvSpec { stride, padding, dilation, groups } = spec;
            // The size before the padding is removed.
            let full = |axis: usize, n: usize, k: usize| {
                let steps = n.saturating_sub(1).checked_mul(stride[axis])?;
                let reach = k.saturating_sub(1).checked_mul(dilation[axis])?;
                steps.checked_add(reach)?.checked_add(output_padding[axis])?.checked_add(1)
            };
            let all = full(0, height, kh).zip(full(1, width, kw)).zip(c_group.checked_mul(groups));
            let Some((full, c_out)) = all else {
                return fault(format!(
                    "stride {stride:?}, dilation {dilation:?}, output padding {output_padding:?} and groups {groups} must \
                     give an image that is small enough to be counted"
                ));
            };
            let inner = |axis: usize, full: usize| full.checked_sub(padding[axis].checked_mul(2)?);
            let Some((height, width)) = inner(0, full.0).zip(inner(1, full.1)) else {
                return fault("the padding must be smaller than the output".into());
            };
            let shape = Shape::from([n, c_out, height, width]);
            shape.countable("conv_transpose2d", &[&x, &w]).map_err(|error| self.tape().locate(error))?;
            let y = if output_padding[0] < stride[0].max(1) && output_padding[1] < stride[1].max(1) {
                let y = self.tape().builtin(Conv2dInput { spec, shape }, &[weight, self]);
                y.map_err(|error| error.called("conv_transpose2d"))?
            } else {
                let whole = Shape::from([n, c_out, full.0, full.1]);
                let room = whole.countable("conv_transpose2d", &[&x, &w]);
                room.and_then(|()| whole.allocatable("conv_transpose2d", self.dtype(), &[&x, &w]))
                    .map_err(|error| self.tape().locate(error))?;
                self.padded_far(weight, spec, output_padding, &shape)?
            };
            match bias {
                Some(bias) => y.try_add(bias.try_reshape([c_out, 1, 1])?),
                None => Ok(y),
            }
        }
    );

    /// A transposed convolution, without its bias, whose output padding is not below the stride: no convolution of an image
    /// of that size has so few outputs. The image up to the last pixel that is reached, without padding removed, gets
    /// zeros behind, and the part `shape` is cut out of it.
    #[track_caller]
    fn padded_far(self, weight: Var<'t>, spec: ConvSpec, output_padding: [usize; 2], shape: &Shape) -> Result<Var<'t>> {
        let near = [0, 1].map(|axis| output_padding[axis].min(spec.stride[axis].saturating_sub(1)));
        let whole = ConvSpec { padding: [0, 0], ..spec };
        let mut y = self.try_conv_transpose2d(weight, None, whole, near)?;
        let behind = [0, 1].map(|axis| (0, output_padding[axis] - near[axis]));
        y = y.try_pad(&[(0, 0), (0, 0), behind[0], behind[1]], 0.0)?;
        for axis in [0, 1] {
            y = y.try_narrow(axis as isize + 2, spec.padding[axis], shape[axis + 2])?;
        }
        Ok(y)
    }
}
