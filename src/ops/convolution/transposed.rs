//! The transposed convolution: the adjoint of a convolution with respect to its input, as a layer uses it.

use super::{Conv2dInput, ConvSpec, missing_axes};
use crate::{error::Error, ops::twins::twin, tape::Var, tensor::Shape};

impl<'t> Var<'t> {
    twin!(
        /// Transposed convolution, the adjoint of [`conv2d`](Var::conv2d), of `[n, c_in, h, w]` with kernels
        /// `[c_in, c_out/groups, kh, kw]`. The result has (h − 1) · stride − 2 · padding + dilation · (kh − 1) + 1 +
        /// `output_padding` rows, and columns likewise.
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
            let Some(((height, width), c_out)) = all else {
                return fault(format!(
                    "stride {stride:?}, dilation {dilation:?}, output padding {output_padding:?} and groups {groups} must \
                     give an image that is small enough to be counted"
                ));
            };
            let inner = |axis: usize, full: usize| full.checked_sub(padding[axis].checked_mul(2)?);
            let Some((height, width)) = inner(0, height).zip(inner(1, width)) else {
                return fault("the padding must be smaller than the output".into());
            };
            let shape = Shape::from([n, c_out, height, width]);
            shape.countable("conv_transpose2d", &[&x, &w]).map_err(|error| self.tape().locate(error))?;
            let y = self.tape().builtin(Conv2dInput { spec, shape }, &[weight, self])?;
            match bias {
                Some(bias) => y.try_add(bias.try_reshape([c_out, 1, 1])?),
                None => Ok(y),
            }
        }
    );
}
