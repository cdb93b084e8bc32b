//! Convolution with kernels of their own at each position: no weight is shared between positions.
//!
//! Let the column x̂(·, p) be the window of the image at position p, as [`unfold`](Var::unfold) gives it, and k run over
//! channels and taps. Then
//!
//! ```text
//! y(o, p) = Σ_k W(p, o, k) x̂(k, p) + b(o, p)
//! ```
//!
//! One matrix product for each position, all of them in one batch. The gradients, with the upstream gradient G:
//! dW(p) = G(·, p) x̂(·, p)ᵀ, without the sum over p of a convolution; dx̂(·, p) = W(p)ᵀ G(·, p), folded back into the
//! image; db = G. They follow from those of the parts.

use super::composition::composition;
use crate::{
    error::{Error, Result},
    ops::{
        ConvSpec,
        convolution::missing_axes,
        sample::{Sample, numbers},
    },
    tape::Var,
    tensor::{Shape, Tensor},
};

composition!(
    /// Convolution of images `[n, c_in, h, w]` in which each of the oh · ow positions has kernels of its own, `[oh, ow,
    /// c_out, c_in, kh, kw]`, plus a bias `[c_out, oh, ow]`. With kernels `[n, oh, ow, c_out, c_in, kh, kw]` each image
    /// has its own as well. The groups of `spec` must be 1.
    ///
    /// Keras calls it a locally connected layer ([`nn::LocallyConnected2d`](crate::nn::LocallyConnected2d)); with kernels
    /// that a network computes, it is dynamic local filtering (De Brabandere et al., arXiv 1605.09673).
    ///
    /// ```
    /// use wengert::{Tape, ops::ConvSpec};
    /// let tape = Tape::f64();
    /// let row = tape.leaf([1.0, 10.0, 100.0]).reshape([1, 1, 1, 3]);
    /// let kernels = tape.leaf([[1.0, 2.0], [3.0, 4.0]]).reshape([1, 2, 1, 1, 1, 2]);      // two positions, two taps
    /// let y = row.local_conv2d(kernels, None, ConvSpec::default());
    /// assert_eq!(y.value().to_vec(), [1.0 + 2.0 * 10.0, 3.0 * 10.0 + 4.0 * 100.0]);
    /// ```
    #[or_panic(local_conv2d)]
    /// [`Error::Shape`] when the shapes do not match.
    pub fn try_local_conv2d(self, weight: Var<'t>, bias: Option<Var<'t>>, spec: ConvSpec) -> Result<Var<'t>> {
        let sizes = Sizes::new(&self.shape(), &weight.shape(), bias.map(|b| b.shape()), spec);
        let Sizes { n, c_out, out: [oh, ow], kernel, depth } = sizes.map_err(|error| self.tape().locate(error))?;
        let positions = oh * ow;
        let columns = self.try_unfold(kernel, spec)?;
        let y = if weight.rank() == 6 {
            // The images of the batch are the columns of one product.
            let kernels = weight.try_reshape([positions, c_out, depth])?;
            kernels.try_matmul(columns.try_permute(&[2, 1, 0])?)?.try_permute(&[2, 1, 0])?
        } else {
            let kernels = weight.try_reshape([n, positions, c_out, depth])?;
            let windows = columns.try_transpose(1, 2)?.try_unsqueeze(3)?;
            kernels.try_matmul(windows)?.try_reshape([n, positions, c_out])?.try_transpose(1, 2)?
        };
        let y = y.try_reshape([n, c_out, oh, ow])?;
        Ok(bias.map_or(y, |bias| y + bias))
    },
    [
        sample("local_conv2d", &[[2, 3, 2, 2, 3, 2].into(), [2, 2, 3].into()], ConvSpec::default()),
        sample(
            "local_conv2d, strided and padded",
            &[[2, 3, 1, 2, 3, 2].into()],
            ConvSpec::default().stride(2).padding(1)
        ),
        sample("local_conv2d of each image", &[[2, 2, 3, 2, 2, 3, 2].into()], ConvSpec::default()),
    ]
);

/// The sizes of one call.
struct Sizes {
    n: usize,
    c_out: usize,
    out: [usize; 2],
    kernel: [usize; 2],
    /// The numbers in one window: c_in · kh · kw.
    depth: usize,
}

impl Sizes {
    fn new(x: &Shape, w: &Shape, bias: Option<Shape>, spec: ConvSpec) -> Result<Sizes> {
        let fault = |need: String| Err(Error::shape("local_conv2d", &[x, w], need));
        let (&[n, ..], 4, 6 | 7) = (x.dims(), x.rank(), w.rank()) else {
            let need = "images [n, c, h, w] and kernels [oh, ow, c_out, c_in, kh, kw] or [n, oh, ow, c_out, c_in, kh, kw] \
                        are needed";
            return fault(need.into()).map_err(|error| error.help(missing_axes(x.rank() < 4)));
        };
        if spec.groups != 1 {
            return fault(format!("groups, here {}, must be 1", spec.groups));
        }
        let own = w.rank() - 6;
        let (given, kernels) = (&w[own..own + 2], Shape::from(&w[own + 2..]));
        let conv = spec.sizes("local_conv2d", x, &kernels)?;
        let out = [conv.window().outputs(0), conv.window().outputs(1)];
        if given != out {
            return fault(format!("kernels for {}x{} positions are needed", out[0], out[1]));
        }
        if own == 1 && w[0] != n {
            return fault(format!("kernels for each of {n} images are needed"));
        }
        if let Some(bias) = bias.filter(|b| b.dims() != [conv.c_out, out[0], out[1]]) {
            let need = "the bias needs one number for each kernel: [c_out, oh, ow]";
            return Err(Error::shape("local_conv2d", &[w, &bias], need));
        }
        Ok(Sizes { n, c_out: conv.c_out, out, kernel: [conv.kh, conv.kw], depth: conv.c_in * conv.kh * conv.kw })
    }
}

/// Images `[2, 2, 4, 4]` under kernels of this shape and, if there is a second one, a bias of that shape.
fn sample(name: &str, shapes: &[Shape], spec: ConvSpec) -> Sample {
    let images = numbers([2, 2, 4, 4], -1.0, 1.0, 1);
    let others = shapes.iter().enumerate().map(|(k, shape)| numbers(shape, -1.0, 1.0, k + 2));
    let inputs: Vec<Tensor> = std::iter::once(images).chain(others).collect();
    Sample::new(name, inputs, move |x| x[0].local_conv2d(x[1], x.get(2).copied(), spec))
}
