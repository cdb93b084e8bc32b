//! Two-dimensional convolution (cross-correlation, as in every deep-learning library) of images `[n, c, h, w]`:
//!
//! y[o, p] = Σ over channels c and taps t of w[o, c, t] · x[c, input of position p through tap t]
//!
//! Unfolding an image (see [`window`](super::window)) turns this into a product `w [c_out, c·taps] × columns
//! [c·taps, positions]`, done image by image in a block of rows that stays in the cache:
//!
//! - forward: y = w · unfold(x);
//! - gradient with respect to the input: dx = fold(wᵀ · dy), or where [`shifted`](super::shifted) applies, a convolution
//!   of dy with the kernels turned around;
//! - gradient with respect to the weight: dw = Σ over images of dy · unfold(x)ᵀ, in fixed groups of images added in
//!   order.
//!
//! With `groups` the channels are divided into that many groups, each convolved by itself. [`plan`] divides the work.

mod plan;
#[cfg(test)]
mod tests;

use faer::{MatMut, MatRef};

use super::{
    Real, elementwise::Total, matmul::product, parallel, scratch::with_scratch, shifted::Shifted, simd, window::Window,
};

/// At most this many bytes of partial weight gradients.
const PARTIALS: usize = 1 << 23;

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
    pub fn forward<T: Real>(&self, x: &[T], w: &[T], bias: Option<&[T]>, out: &mut [T]) {
        let plan = self.plan::<T>();
        debug_assert!(x.len() == self.n * plan.image && w.len() == self.c_out * plan.terms, "{self:?}");
        debug_assert_eq!(out.len(), self.n * plan.output, "{self:?}");
        if plan.image == 0 {
            // Images without a channel or a pixel leave nothing but the bias.
            for (i, plane) in out.chunks_exact_mut(plan.positions).enumerate() {
                plane.fill(bias.map_or(T::ZERO, |bias| bias[i % self.c_out]));
            }
            return;
        }
        if let Some(shifted) = Shifted::new(plan.window, self.c_in / self.groups) {
            return plan.forward_shifted(&shifted, x, w, bias, out);
        }
        parallel::each_chunk(out, plan.images * plan.output, plan.work, |chunk, out| {
            let images = x[chunk * plan.images * plan.image..].chunks(plan.image.max(1));
            for (x, out) in images.zip(out.chunks_mut(plan.output)) {
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
            }
        });
    }

    /// `dx [n, c_in, h, w]` from `w` and the upstream gradient `dy [n, c_out, out_h, out_w]`.
    pub fn grad_input<T: Real>(&self, w: &[T], dy: &[T], dx: &mut [T]) {
        let plan = self.plan::<T>();
        debug_assert!(dy.len() == self.n * plan.output && dx.len() == self.n * plan.image, "{self:?}");
        if let Some(adjoint) = self.adjoint().filter(|_| plan.image > 0 && plan.output > 0) {
            let plan = adjoint.plan::<T>();
            if let Some(shifted) = Shifted::new(plan.window, plan.terms / plan.window.taps()) {
                return with_scratch(w.len(), |turned: &mut [T]| {
                    adjoint.turn(w, turned);
                    plan.forward_shifted(&shifted, dy, turned, None, dx);
                });
            }
        }
        parallel::each_chunk(dx, plan.images * plan.image, plan.work, |chunk, dx| {
            let upstream = dy[(chunk * plan.images * plan.output).min(dy.len())..].chunks(plan.output.max(1));
            dx.fill(T::ZERO);
            for (dy, dx) in upstream.zip(dx.chunks_mut(plan.image)) {
                plan.each_block(|group, rows, columns| {
                    let dx = &mut dx[group * plan.part..][..plan.part];
                    let w = &w[group * plan.filters * plan.terms..][..plan.filters * plan.terms];
                    let w = MatRef::from_row_major_slice(w, plan.filters, plan.terms).transpose();
                    let dy = plan.upstream(dy, group, &rows);
                    let seen = rows.len() * plan.out_w;
                    if plan.window.is_pointwise() {
                        let dx = MatMut::from_row_major_slice_mut(dx, plan.terms, plan.positions);
                        return product(dx.subcols_mut(rows.start * plan.out_w, seen), false, w, dy);
                    }
                    let columns = &mut columns[..plan.terms * seen];
                    product(MatMut::from_row_major_slice_mut(columns, plan.terms, seen), false, w, dy);
                    simd(
                        #[inline(always)]
                        || plan.window.fold_rows(columns, rows, dx),
                    );
                });
            }
        });
    }

    /// The convolution of dy with turned kernels that gives dx: a stride of 1 has one, if the padding is less than the
    /// kernel's reach.
    fn adjoint(&self) -> Option<Conv2d> {
        let reach = [(self.kh - 1) * self.dilation[0], (self.kw - 1) * self.dilation[1]];
        let fits = self.stride == [1, 1] && (0..2).all(|axis| self.padding[axis] <= reach[axis]);
        fits.then(|| Conv2d {
            c_in: self.c_out,
            c_out: self.c_in,
            h: self.out_h(),
            w: self.out_w(),
            padding: [reach[0] - self.padding[0], reach[1] - self.padding[1]],
            ..*self
        })
    }

    /// The kernels of this adjoint `[c_out, c_in / groups, kh, kw]` from those of the convolution `[c_in, c_out /
    /// groups, kh, kw]`: input and output channels of a group exchanged, taps in the opposite order.
    fn turn<T: Real>(&self, w: &[T], turned: &mut [T]) {
        let (ours, theirs, taps) = (self.c_out / self.groups, self.c_in / self.groups, self.kh * self.kw);
        for (i, kernel) in turned.chunks_exact_mut(taps).enumerate() {
            let (filter, channel) = (i / theirs, i % theirs);
            let from = (filter / ours * theirs + channel) * ours + filter % ours;
            kernel.iter_mut().zip(w[from * taps..][..taps].iter().rev()).for_each(|(t, &w)| *t = w);
        }
    }

    /// `dw [c_out, c_in / groups, kh, kw]` from `x` and the upstream gradient `dy`, and that of a bias `[c_out]`: the sum
    /// of dy, whose images are in the cache.
    pub fn grad_weight<T: Real>(&self, x: &[T], dy: &[T], dw: &mut [T], db: Option<&mut [T]>) {
        let plan = self.plan::<T>();
        debug_assert!(dy.len() == self.n * plan.output && dw.len() == self.c_out * plan.terms, "{self:?}");
        if plan.image == 0 {
            dw.fill(T::ZERO);
            return db.into_iter().for_each(|db| sum_planes(dy, plan.positions, db));
        }
        let (weights, biases) = (dw.len(), db.as_ref().map_or(0, |db| db.len()));
        let all = weights + biases;
        // As many groups of images as threads could use, if there is room for their partial gradients.
        let pieces = (PARTIALS / size_of_val(dw).max(1)).clamp(2, 16);
        let images = self.n.div_ceil(pieces).max(1);
        let pieces = self.n.div_ceil(images);
        let shifted = Shifted::new(plan.window, self.c_in / self.groups);
        with_scratch(pieces * all, |partials: &mut [T]| {
            parallel::each_chunk(partials, all, plan.work, |piece, partial| {
                let range = piece * images..self.n.min((piece + 1) * images);
                let x = &x[range.start * plan.image..range.end * plan.image];
                let dy = &dy[range.start * plan.output..range.end * plan.output];
                partial.fill(T::ZERO);
                let (dw, db) = partial.split_at_mut(weights);
                sum_planes(dy, plan.positions, db);
                if let Some(shifted) = &shifted {
                    return plan.grad_weight_shifted(shifted, x, dy, dw);
                }
                for (x, dy) in x.chunks_exact(plan.image).zip(dy.chunks_exact(plan.output.max(1))) {
                    plan.each_block(|group, rows, columns| {
                        let x = &x[group * plan.part..][..plan.part];
                        let dw = &mut dw[group * plan.filters * plan.terms..][..plan.filters * plan.terms];
                        let dw = MatMut::from_row_major_slice_mut(dw, plan.filters, plan.terms);
                        let dy = plan.upstream(dy, group, &rows);
                        product(dw, true, dy, plan.unfolded(x, rows, columns).transpose());
                    });
                }
            });
            let add_up = |total: &mut [T], first: usize| {
                total.fill(T::ZERO);
                for partial in partials.chunks_exact(all.max(1)) {
                    total.iter_mut().zip(&partial[first..]).for_each(|(sum, &p)| *sum += p);
                }
            };
            add_up(dw, 0);
            db.into_iter().for_each(|db| add_up(db, weights));
        });
    }
}

/// Adds up the planes of `dy [n, sums, positions]`, if there are any sums.
fn sum_planes<T: Real>(dy: &[T], positions: usize, sums: &mut [T]) {
    if sums.is_empty() {
        return;
    }
    sums.fill(T::ZERO);
    for dy in dy.chunks_exact(sums.len() * positions) {
        let planes = sums.iter_mut().zip(dy.chunks_exact(positions));
        planes.for_each(|(sum, plane)| *sum += Total::Sum.of(plane));
    }
}
