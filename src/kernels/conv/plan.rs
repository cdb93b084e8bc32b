//! How the work of a convolution is divided, and what a pass does with one piece.
//!
//! Images are divided into chunks for the threads, an image into its groups of channels, and the output rows of a group
//! into blocks whose unfolded columns stay in the cache. Where the stride is 1 and the kernels are of 3 x 3, or sums have few
//! terms, a piece is one image of one group, and [`Sums`] need no columns.

use std::ops::Range;

use super::Conv2d;
use crate::kernels::{
    Real,
    matrix::MatRef,
    parallel,
    scratch::with_scratch,
    shifted::{Adjoint, Shifted},
    squares::Outputs,
    window::Window,
};

/// Bytes of unfolded image processed at once: they should stay in a core's own cache.
const BLOCK: usize = 1 << 18;
/// Outputs of a plane found at once, at least: the product for each block reads all kernels, or all sums of their gradient.
const TOGETHER: usize = 128;

/// The sizes that follow from a [`Conv2d`], each used several times.
pub(super) struct Plan {
    /// The geometry of one plane.
    pub window: Window,
    /// Groups of channels.
    pub groups: usize,
    /// Output channels of a group.
    pub filters: usize,
    /// Terms of the sum for one output: channels of a group times taps.
    pub terms: usize,
    /// Width of the output.
    pub out_w: usize,
    /// Outputs of a plane.
    pub positions: usize,
    /// Numbers of an input image that belong to one group.
    pub part: usize,
    /// Numbers of an input image.
    pub image: usize,
    /// Numbers of an output image.
    pub output: usize,
    /// Output rows unfolded at once.
    pub rows: usize,
    /// Images per chunk of work.
    pub images: usize,
    /// Multiply-adds / 8 in all.
    pub work: usize,
}

impl Conv2d {
    /// The sizes for numbers of type `T`.
    pub(super) fn plan<T>(&self) -> Plan {
        let window = self.window();
        let (out_w, positions) = (window.outputs(1), window.positions());
        let (channels, filters) = (self.c_in / self.groups, self.c_out / self.groups);
        let terms = channels * window.taps();
        // With no image or no kernels nothing is computed, however large the rest would be.
        let per_image = (self.c_out * positions).saturating_mul(terms) / 8;
        let row = terms.saturating_mul(out_w).saturating_mul(size_of::<T>()).max(1);
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
            rows: (BLOCK / row).max(TOGETHER.div_ceil(out_w.max(1))).clamp(1, window.outputs(0).max(1)),
            images: parallel::rows_per_chunk(self.n, per_image),
            work: self.n.saturating_mul(per_image),
        }
    }

    /// How this convolution is found without unfolding, if that pays off.
    pub(super) fn sums<T: Real>(&self, plan: &Plan) -> Option<Sums> {
        let (window, channels) = (plan.window, self.c_in / self.groups);
        let squares = Outputs::new::<T>(window, channels, plan.filters).map(Sums::Squares);
        squares.or_else(|| Shifted::of_convolution::<T>(window, channels, plan.filters).map(Sums::Shifted))
    }
}

/// How outputs are found without unfolding.
pub(super) enum Sums {
    Squares(Outputs),
    Shifted(Shifted),
    /// dx of a convolution with strides.
    Parts(Adjoint),
}

impl Sums {
    /// Hands the kernels `w` to `body` as [`Plan::images_summed`] takes them.
    pub fn with_weights<T: Real, R>(&self, w: &[T], body: impl FnOnce(&[T]) -> R) -> R {
        match self {
            Sums::Squares(squares) => squares.with_weights(w, body),
            Sums::Shifted(shifted) => shifted.with_weights(w, body),
            Sums::Parts(parts) => parts.with_weights(w, body),
        }
    }

    /// Numbers of scratch for an image.
    fn scratch(&self) -> usize {
        match self {
            Sums::Squares(squares) => squares.scratch(),
            Sums::Shifted(shifted) => shifted.image() + shifted.tile(),
            Sums::Parts(parts) => parts.scratch(),
        }
    }

    /// The outputs of an image `x` before the image `next`.
    fn forward<T: Real>(&self, [x, next]: [&[T]; 2], w: &[T], bias: Option<&[T]>, scratch: &mut [T], out: &mut [T]) {
        match self {
            Sums::Squares(squares) => squares.forward([x, next], w, bias, scratch, out),
            Sums::Shifted(shifted) => {
                let (padded, wide) = scratch.split_at_mut(shifted.image());
                shifted.pad(x, padded);
                shifted.forward(padded, w, bias, wide, out);
            }
            Sums::Parts(parts) => parts.forward(x, w, scratch, out),
        }
    }
}

impl Plan {
    /// [`Conv2d::forward`] without unfolding, for images `x` one after the other, before the image `next`, and kernels as [`Sums`]
    /// takes them.
    pub fn images_summed<T: Real>(
        &self,
        sums: &Sums,
        [x, next]: [&[T]; 2],
        w: &[T],
        bias: Option<&[T]>,
        out: &mut [T],
    ) {
        with_scratch(sums.scratch(), |scratch: &mut [T]| {
            let outs = out.chunks_exact_mut(self.filters * self.positions);
            let nexts = x.chunks_exact(self.part).skip(1).chain([&next[..next.len().min(self.part)]]);
            for (i, ((x, next), out)) in x.chunks_exact(self.part).zip(nexts).zip(outs).enumerate() {
                let filters = i % self.groups * self.filters..(i % self.groups + 1) * self.filters;
                let w = &w[i % self.groups * (w.len() / self.groups)..][..w.len() / self.groups];
                sums.forward([x, next], w, bias.map(|bias| &bias[filters]), scratch, out);
            }
        });
    }

    /// Adds the weight gradient of some images without unfolding.
    pub fn grad_weight_shifted<T: Real>(&self, shifted: &Shifted, x: &[T], dy: &[T], dw: &mut [T]) {
        let (image, wide, together) = (shifted.image(), shifted.outputs(self.filters), shifted.images_together::<T>());
        with_scratch(together * (image + wide), |scratch: &mut [T]| {
            let (padded, spread) = scratch.split_at_mut(together * image);
            for (x, dy) in x.chunks(together * self.image).zip(dy.chunks(together * self.output)) {
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
    pub fn each_block<T: Real>(&self, mut body: impl FnMut(usize, Range<usize>, &mut [T])) {
        let needed = if self.window.is_pointwise() { 0 } else { self.terms * self.rows * self.out_w };
        with_scratch(needed, |columns: &mut [T]| {
            for group in 0..self.groups {
                for start in (0..self.window.outputs(0)).step_by(self.rows) {
                    body(group, start..(start + self.rows).min(self.window.outputs(0)), columns);
                }
            }
        });
    }

    /// The matrix `[terms, rows * out_w]` of the windows of `rows`, unfolded into `columns` unless `x` already contains
    /// it.
    pub fn unfolded<'a, T: Real>(&self, x: &'a [T], rows: Range<usize>, columns: &'a mut [T]) -> MatRef<'a, T> {
        let seen = rows.len() * self.out_w;
        if self.window.is_pointwise() {
            return MatRef::from_row_major_slice(x, self.terms, self.positions).subcols(rows.start * self.out_w, seen);
        }
        let columns = &mut columns[..self.terms * seen];
        self.window.unfold_rows(x, rows, columns);
        MatRef::from_row_major_slice(columns, self.terms, seen)
    }

    /// The upstream gradient `[filters, rows * out_w]` of a group.
    pub fn upstream<'a, T: Real>(&self, dy: &'a [T], group: usize, rows: &Range<usize>) -> MatRef<'a, T> {
        let dy = &dy[group * self.filters * self.positions..][..self.filters * self.positions];
        let dy = MatRef::from_row_major_slice(dy, self.filters, self.positions);
        dy.subcols(rows.start * self.out_w, rows.len() * self.out_w)
    }
}
