//! Two-dimensional convolution (cross-correlation, as every deep-learning library has it), images `[n, c, h, w]`:
//!
//! y[o, p] = Σ over channels c and taps t of w[o, c, t] · x[c, input of position p through tap t]
//!
//! Unfolding an image (see [`window`](super::window)) turns this into a product `w [c_out, c·taps] × columns
//! [c·taps, positions]`, done image by image in a block of rows that stays in the cache:
//!
//! - forward: y = w · unfold(x);
//! - gradient of the input: dx = fold(wᵀ · dy);
//! - gradient of the weight: dw = Σ over images of dy · unfold(x)ᵀ, in fixed groups of images added in order.
//!
//! With `groups` the channels fall into that many groups, each convolved by itself.

use super::{Real, matmul::product, parallel, scratch::with_scratch, shifted::Shifted, simd, window::Window};
use faer::{MatMut, MatRef};
use std::ops::Range;

/// Bytes of unfolded image worked on at once: they should stay in a core's own cache.
const BLOCK: usize = 1 << 18;
/// Bytes of partial weight gradients at most.
const PARTIALS: usize = 1 << 23;

/// Images whose weight gradient is summed in registers before it is added up.
const TOGETHER: usize = 4;

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
    /// Groups of channels that do not see each other.
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
            // Of images without a channel or a pixel nothing is left but the bias.
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

    /// `dw [c_out, c_in / groups, kh, kw]` from `x` and the upstream gradient `dy`.
    pub fn grad_weight<T: Real>(&self, x: &[T], dy: &[T], dw: &mut [T]) {
        let plan = self.plan::<T>();
        debug_assert!(dy.len() == self.n * plan.output && dw.len() == self.c_out * plan.terms, "{self:?}");
        if plan.image == 0 {
            return dw.fill(T::ZERO);
        }
        let weights = dw.len();
        // As many groups of images as threads could want and their partial gradients have room for.
        let pieces = (PARTIALS / size_of_val(dw).max(1)).clamp(2, 16);
        let images = self.n.div_ceil(pieces).max(1);
        let pieces = self.n.div_ceil(images);
        let shifted = Shifted::new(plan.window, self.c_in / self.groups);
        with_scratch(pieces * weights, |partials: &mut [T]| {
            parallel::each_chunk(partials, weights, plan.work, |piece, dw| {
                dw.fill(T::ZERO);
                if let Some(shifted) = &shifted {
                    let range = piece * images..self.n.min((piece + 1) * images);
                    let x = &x[range.start * plan.image..range.end * plan.image];
                    let dy = &dy[range.start * plan.output..range.end * plan.output];
                    return plan.grad_weight_shifted(shifted, x, dy, dw);
                }
                for i in piece * images..self.n.min((piece + 1) * images) {
                    let (x, dy) = (&x[i * plan.image..][..plan.image], &dy[i * plan.output..][..plan.output]);
                    plan.each_block(|group, rows, columns| {
                        let x = &x[group * plan.part..][..plan.part];
                        let dw = &mut dw[group * plan.filters * plan.terms..][..plan.filters * plan.terms];
                        let dw = MatMut::from_row_major_slice_mut(dw, plan.filters, plan.terms);
                        let dy = plan.upstream(dy, group, &rows);
                        product(dw, true, dy, plan.unfolded(x, rows, columns).transpose());
                    });
                }
            });
            dw.fill(T::ZERO);
            for partial in partials.chunks_exact(weights.max(1)) {
                dw.iter_mut().zip(partial).for_each(|(sum, &p)| *sum += p);
            }
        });
    }

    fn plan<T>(&self) -> Plan {
        let window = self.window();
        let (out_w, positions) = (window.outputs(1), window.positions());
        let (channels, filters) = (self.c_in / self.groups, self.c_out / self.groups);
        let terms = channels * window.taps();
        let per_image = self.c_out * positions * terms / 8;
        let row = (terms * out_w * size_of::<T>()).max(1);
        Plan {
            window,
            groups: self.groups,
            filters,
            terms,
            out_w,
            positions,
            part: channels * window.area(),
            image: self.c_in * window.area(),
            output: self.c_out * positions,
            rows: (BLOCK / row).clamp(1, window.outputs(0).max(1)),
            images: parallel::rows_per_chunk(self.n, per_image),
            work: self.n * per_image,
        }
    }
}

/// The sizes that follow from a [`Conv2d`], each used several times.
struct Plan {
    window: Window,
    groups: usize,
    /// Output channels of a group.
    filters: usize,
    /// Terms of the sum behind one output: channels of a group times taps.
    terms: usize,
    out_w: usize,
    /// Outputs of a plane.
    positions: usize,
    /// Numbers of an input image that belong to one group.
    part: usize,
    /// Numbers of an input image.
    image: usize,
    /// Numbers of an output image.
    output: usize,
    /// Output rows unfolded at once.
    rows: usize,
    /// Images of a chunk of work.
    images: usize,
    /// Multiply-adds / 8 of the whole.
    work: usize,
}

impl Plan {
    /// [`Conv2d::forward`] without unfolding.
    fn forward_shifted<T: Real>(&self, shifted: &Shifted, x: &[T], w: &[T], bias: Option<&[T]>, out: &mut [T]) {
        parallel::each_chunk(out, self.images * self.output, self.work, |chunk, out| {
            let (image, wide) = (shifted.image(), shifted.outputs(self.filters));
            with_scratch(image + wide, |scratch: &mut [T]| {
                let (padded, wide) = scratch.split_at_mut(image);
                let parts = x[chunk * self.images * self.part * self.groups..].chunks_exact(self.part);
                let outs = out.chunks_exact_mut(self.filters * self.positions);
                for (i, (x, out)) in parts.zip(outs).enumerate() {
                    let filters = i % self.groups * self.filters..(i % self.groups + 1) * self.filters;
                    shifted.pad(x, padded);
                    let w = &w[filters.start * self.terms..filters.end * self.terms];
                    shifted.forward(padded, w, bias.map(|bias| &bias[filters]), wide, out);
                }
            });
        });
    }

    /// Adds the weight gradient of some images without unfolding.
    fn grad_weight_shifted<T: Real>(&self, shifted: &Shifted, x: &[T], dy: &[T], dw: &mut [T]) {
        let (image, wide) = (shifted.image(), shifted.outputs(self.filters));
        with_scratch(TOGETHER * (image + wide), |scratch: &mut [T]| {
            let (padded, spread) = scratch.split_at_mut(TOGETHER * image);
            for (x, dy) in x.chunks(TOGETHER * self.image).zip(dy.chunks(TOGETHER * self.output)) {
                for (group, dw) in dw.chunks_exact_mut(self.filters * self.terms).enumerate() {
                    let images = x.chunks_exact(self.image).zip(dy.chunks_exact(self.output));
                    let places = padded.chunks_exact_mut(image).zip(spread.chunks_exact_mut(wide));
                    for ((x, dy), (padded, spread)) in images.zip(places) {
                        shifted.pad(&x[group * self.part..][..self.part], padded);
                        let planes = self.filters * self.positions;
                        shifted.spread(&dy[group * planes..][..planes], spread);
                    }
                    let images = x.len() / self.image;
                    shifted.grad_weight(&padded[..images * image], &spread[..images * wide], dw);
                }
            }
        });
    }

    /// Calls `body(group, rows, columns)` for each block of output rows of each group, with scratch for its columns.
    fn each_block<T: Real>(&self, mut body: impl FnMut(usize, Range<usize>, &mut [T])) {
        let needed = if self.window.is_pointwise() { 0 } else { self.terms * self.rows * self.out_w };
        with_scratch(needed, |columns: &mut [T]| {
            for group in 0..self.groups {
                for start in (0..self.window.outputs(0)).step_by(self.rows) {
                    body(group, start..(start + self.rows).min(self.window.outputs(0)), columns);
                }
            }
        });
    }

    /// The matrix `[terms, rows * out_w]` of the windows of `rows`, unfolded into `columns` unless it lies in `x` already.
    fn unfolded<'a, T: Real>(&self, x: &'a [T], rows: Range<usize>, columns: &'a mut [T]) -> MatRef<'a, T> {
        let seen = rows.len() * self.out_w;
        if self.window.is_pointwise() {
            return MatRef::from_row_major_slice(x, self.terms, self.positions).subcols(rows.start * self.out_w, seen);
        }
        let columns = &mut columns[..self.terms * seen];
        self.window.unfold_rows(x, rows, columns);
        MatRef::from_row_major_slice(columns, self.terms, seen)
    }

    /// The upstream gradient `[filters, rows * out_w]` of a group.
    fn upstream<'a, T: Real>(&self, dy: &'a [T], group: usize, rows: &Range<usize>) -> MatRef<'a, T> {
        let dy = &dy[group * self.filters * self.positions..][..self.filters * self.positions];
        let dy = MatRef::from_row_major_slice(dy, self.filters, self.positions);
        dy.subcols(rows.start * self.out_w, rows.len() * self.out_w)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{close, numbers};

    fn shapes() -> Vec<Conv2d> {
        let base = Conv2d {
            n: 3,
            c_in: 1,
            h: 9,
            w: 8,
            c_out: 5,
            kh: 3,
            kw: 3,
            stride: [1, 1],
            padding: [0, 0],
            dilation: [1, 1],
            groups: 1,
        };
        vec![
            base,
            Conv2d { n: 0, ..base },
            Conv2d { c_in: 0, ..base },
            Conv2d { c_out: 0, ..base },
            Conv2d { h: 0, padding: [2, 0], ..base },
            Conv2d { n: 40, h: 28, w: 28, c_out: 20, kh: 5, kw: 5, ..base },
            Conv2d { c_in: 4, c_out: 6, groups: 2, padding: [1, 2], ..base },
            Conv2d { c_in: 3, stride: [2, 3], padding: [1, 1], kh: 2, ..base },
            Conv2d { c_in: 2, dilation: [2, 3], padding: [3, 1], kw: 2, ..base },
            Conv2d { c_in: 6, c_out: 6, groups: 6, h: 1, kh: 1, kw: 5, padding: [0, 4], ..base },
            Conv2d { c_in: 7, kh: 1, kw: 1, ..base },
            Conv2d { c_in: 6, c_out: 4, groups: 2, kh: 1, kw: 1, stride: [2, 1], ..base },
            Conv2d { c_in: 16, h: 40, w: 70, c_out: 3, kh: 7, kw: 7, padding: [3, 3], ..base },
            Conv2d { h: 2, w: 2, kh: 3, kw: 1, padding: [1, 0], ..base },
        ]
    }

    /// Calls `body(x, w, y)` with the places of the two factors and the sum of every multiply-add, by the definition.
    fn each(conv: &Conv2d, mut body: impl FnMut(usize, usize, usize)) {
        let (oh, ow) = (conv.out_h(), conv.out_w());
        let (channels, filters) = (conv.c_in / conv.groups, conv.c_out / conv.groups);
        for i in 0..conv.n {
            for o in 0..conv.c_out {
                for c in 0..channels {
                    let channel = i * conv.c_in + o / filters * channels + c;
                    for (oy, ox) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
                        for (ky, kx) in (0..conv.kh).flat_map(|y| (0..conv.kw).map(move |x| (y, x))) {
                            let y = oy * conv.stride[0] + ky * conv.dilation[0];
                            let x = ox * conv.stride[1] + kx * conv.dilation[1];
                            let (Some(y), Some(x)) = (y.checked_sub(conv.padding[0]), x.checked_sub(conv.padding[1]))
                            else {
                                continue;
                            };
                            if y < conv.h && x < conv.w {
                                let tap = ((o * channels + c) * conv.kh + ky) * conv.kw + kx;
                                body(
                                    (channel * conv.h + y) * conv.w + x,
                                    tap,
                                    ((i * conv.c_out + o) * oh + oy) * ow + ox,
                                );
                            }
                        }
                    }
                }
            }
        }
    }

    fn against_definition<T: Real>(tolerance: f64) {
        for conv in shapes() {
            let x = numbers::<T>(conv.n * conv.c_in * conv.h * conv.w, 1);
            let w = numbers::<T>(conv.c_out * conv.c_in / conv.groups * conv.kh * conv.kw, 2);
            let dy = numbers::<T>(conv.n * conv.c_out * conv.out_h() * conv.out_w(), 3);
            let bias = numbers::<T>(conv.c_out, 4);
            let (mut y, mut dx, mut dw) = (vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
            each(&conv, |i, j, k| {
                y[k] += x[i].to_f64() * w[j].to_f64();
                dx[i] += dy[k].to_f64() * w[j].to_f64();
                dw[j] += x[i].to_f64() * dy[k].to_f64();
            });
            let mut got = vec![T::of(f64::NAN); y.len()];
            conv.forward(&x, &w, None, &mut got);
            close(&got, &y, tolerance);
            let positions = conv.out_h() * conv.out_w();
            y.iter_mut().enumerate().for_each(|(i, y)| *y += bias[i / positions % conv.c_out].to_f64());
            conv.forward(&x, &w, Some(&bias), &mut got);
            close(&got, &y, tolerance);
            let mut got = vec![T::of(f64::NAN); x.len()];
            conv.grad_input(&w, &dy, &mut got);
            close(&got, &dx, tolerance);
            let mut got = vec![T::of(f64::NAN); w.len()];
            conv.grad_weight(&x, &dy, &mut got);
            close(&got, &dw, tolerance);
        }
    }

    #[test]
    fn convolutions_and_their_gradients_by_the_definition() {
        against_definition::<f32>(1e-4);
        against_definition::<f64>(1e-12);
    }

    #[test]
    fn unfolded_columns_times_weights_are_the_convolution_and_fold_is_the_adjoint() {
        for conv in shapes().into_iter().filter(|conv| conv.groups == 1) {
            let (window, n) = (conv.window(), conv.n);
            let x = numbers::<f64>(n * conv.c_in * window.area(), 1);
            let w = numbers::<f64>(conv.c_out * conv.c_in * window.taps(), 2);
            let rows = conv.c_in * window.taps();
            let mut columns = vec![f64::NAN; n * rows * window.positions()];
            window.unfold(&x, n, &mut columns);
            let mut want = vec![0.0; n * conv.c_out * window.positions()];
            conv.forward(&x, &w, None, &mut want);
            let offsets: Vec<_> = (0..n).map(|i| (0, i * rows * window.positions())).collect();
            let product =
                crate::kernels::matmul::Product { m: conv.c_out, n: window.positions(), k: rows, ta: false, tb: false };
            let mut got = vec![f64::NAN; want.len()];
            product.batched(&mut got, &w, &columns, &offsets);
            close(&got, &want, 1e-13);

            let upstream = numbers::<f64>(columns.len(), 3);
            let mut folded = vec![f64::NAN; x.len()];
            window.fold(&upstream, n, &mut folded);
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            close(&[dot(&folded, &x)], &[dot(&upstream, &columns)], 1e-12);
        }
    }
}
