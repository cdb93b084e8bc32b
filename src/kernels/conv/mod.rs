//! Two-dimensional convolution (cross-correlation, as in every deep-learning library) of images `[n, c, h, w]`:
//!
//! y[o, p] = Σ over channels c and taps t of w[o, c, t] · x[c, input of position p through tap t]
//!
//! Unfolding an image (see [`window`](super::window)) turns this into a product `w [c_out, c·taps] × columns
//! [c·taps, positions]`, done image by image in a block of rows that stays in the cache:
//!
//! - forward: y = w · unfold(x), or without unfolding from [`squares`](super::squares) of outputs, or
//!   [`shifted`](super::shifted) images;
//! - gradient with respect to the input: dx = fold(wᵀ · dy), or without unfolding, a convolution of dy with the kernels
//!   turned around, and with strides one for each remainder of a place ([`shifted`](super::shifted));
//! - gradient with respect to the weight: dw = Σ over images of dy · unfold(x)ᵀ, in fixed groups of images added in
//!   order; of many images and kernels of 3 x 3 from [`squares`](super::squares) of outputs.
//!
//! With `groups` the channels are divided into that many groups, each convolved by itself. [`plan`] divides the work,
//! [`gradients`] has the gradients.

mod gradients;
mod plan;
#[cfg(test)]
mod tests;

use super::{
    Real,
    matmul::product,
    matrix::{MatMut, MatRef},
    parallel,
    program::Pieces,
    window::Window,
};
use plan::Plan;

/// The sizes of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Images.
    pub n: usize,
    /// Channels of the input; a multiple of `groups`.
    pub c_in: usize,
    /// Height of the input.
    pub h: usize,
    /// Width of the input.
    pub w: usize,
    /// Channels of the output; a multiple of `groups`.
    pub c_out: usize,
    /// Height of the kernel.
    pub kh: usize,
    /// Width of the kernel.
    pub kw: usize,
    /// Steps between two windows, in y and x.
    pub stride: [usize; 2],
    /// Zeros around the image on each side, in y and x.
    pub padding: [usize; 2],
    /// Distance between two taps, in y and x.
    pub dilation: [usize; 2],
    /// Groups of channels, each convolved by itself.
    pub groups: usize,
}

impl Conv2d {
    /// Height of the output.
    pub fn out_h(&self) -> usize {
        self.window().outputs(0)
    }

    /// Width of the output.
    pub fn out_w(&self) -> usize {
        self.window().outputs(1)
    }

    /// The geometry of one plane.
    pub fn window(&self) -> Window {
        Window {
            size: [self.h, self.w],
            kernel: [self.kh, self.kw],
            stride: self.stride,
            padding: self.padding,
            dilation: self.dilation,
        }
    }

    /// `out [n, c_out, out_h, out_w]` from `x [n, c_in, h, w]`, `w [c_out, c_in / groups, kh, kw]` and `bias [c_out]`.
    /// Where x is a chain, it is computed image by image, and never written out.
    pub fn forward<T: Real>(&self, x: &Pieces<'_, T>, w: &[T], bias: Option<&[T]>, out: &mut [T]) {
        let plan = self.plan::<T>();
        debug_assert!(w.len() == self.c_out * plan.terms && out.len() == self.n * plan.output, "{self:?}");
        if plan.image == 0 {
            // Images without a channel or a pixel leave nothing but the bias.
            for (i, plane) in out.chunks_exact_mut(plan.positions).enumerate() {
                plane.fill(bias.map_or(T::ZERO, |bias| bias[i % self.c_out]));
            }
            return;
        }
        if let Some(sums) = self.sums::<T>(&plan) {
            return sums.with_weights(w, |w| {
                plan.each_image(x, out, |x, next, out| plan.images_summed(&sums, [x, next], w, bias, out));
            });
        }
        plan.each_image(x, out, |x, _, out| {
            if let Some(bias) = bias {
                out.chunks_exact_mut(plan.positions).zip(bias).for_each(|(plane, &b)| plane.fill(b));
            }
            plan.each_block(|group, rows, columns| {
                let x = &x[group * plan.part..][..plan.part];
                let w = &w[group * plan.filters * plan.terms..][..plan.filters * plan.terms];
                let out = &mut out[group * plan.filters * plan.positions..][..plan.filters * plan.positions];
                let w = MatRef::from_row_major_slice(w, plan.filters, plan.terms);
                let out = MatMut::from_row_major_slice_mut(out, plan.filters, plan.positions);
                let out = out.subcols_mut(rows.start * plan.out_w, rows.len() * plan.out_w);
                product(out, bias.is_some(), w, plan.unfolded(x, rows, columns));
            });
        });
    }
}

impl Plan {
    /// Calls `body` with each image, what is known of the next one, and the output.
    fn each_image<T: Real>(&self, x: &Pieces<'_, T>, out: &mut [T], body: impl Fn(&[T], &[T], &mut [T]) + Sync) {
        parallel::each_chunk(out, self.images * self.output, self.work, |chunk, out| {
            for (i, out) in out.chunks_mut(self.output).enumerate() {
                let start = (chunk * self.images + i) * self.image;
                let next = x.ready(start + self.image..start + 2 * self.image);
                x.with(start..start + self.image, |x| body(x, next, out));
            }
        });
    }
}
