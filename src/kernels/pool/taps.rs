//! Which taps of a window see an input, and which outputs see one through all of them: those are processed side by
//! side.

use std::ops::Range;

use crate::kernels::window::Window;

/// Outputs processed side by side.
pub(super) const WIDE: usize = 8;

/// The taps that see an input, for each output row and column: looked up once, since finding them takes divisions.
pub(super) struct Taps {
    /// For every output row, the taps in y.
    pub ys: Vec<Range<usize>>,
    /// For every output column, the taps in x.
    pub xs: Vec<Range<usize>>,
    /// The output columns that see an input through every tap.
    inner: Range<usize>,
    /// Output columns.
    pub out_w: usize,
}

impl Taps {
    pub fn new(window: &Window) -> Self {
        let [ys, xs] = [0, 1].map(|axis| {
            let (size, padding) = (window.size[axis], window.padding[axis]);
            let (dilation, kernel) = (window.dilation[axis], window.kernel[axis]);
            // Found by division, not by trying every tap: nearly all of them may be in the padding.
            let taps = |output: usize| {
                let start = output * window.stride[axis];
                let [first, end] = [padding, padding + size].map(|edge| edge.saturating_sub(start).div_ceil(dilation));
                first.min(kernel)..end.min(kernel)
            };
            (0..window.outputs(axis)).map(taps).collect::<Vec<_>>()
        });
        let all = |taps: &Range<usize>| taps.len() == window.kernel[1];
        let first = xs.iter().position(all).unwrap_or(0);
        let inner = first..first + xs[first.min(xs.len())..].iter().take_while(|taps| all(taps)).count();
        Taps { out_w: xs.len().max(1), ys, xs, inner }
    }

    /// Covers the outputs of a row: `body(ox, true)` for [`WIDE`] of them starting at `ox` (only if `blocks`),
    /// `body(ox, false)` for one.
    #[inline(always)]
    pub fn each_block(&self, blocks: bool, mut body: impl FnMut(usize, bool)) {
        let inner = if !blocks || self.inner.len() < WIDE { 0..0 } else { self.inner.clone() };
        (0..inner.start).chain(inner.end..self.xs.len()).for_each(|ox| body(ox, false));
        for ox in inner.clone().step_by(WIDE) {
            // The last block overlaps the one before it and computes some of its outputs again.
            body(ox.min(inner.end - WIDE), true);
        }
    }

    /// Calls `body` with the place in the plane of each input that an output sees, in order.
    #[inline(always)]
    pub fn each_input(&self, window: &Window, (oy, ox): (usize, usize), mut body: impl FnMut(usize)) {
        for ky in self.ys[oy].clone() {
            let row = window.input(0, oy, ky) * window.size[1];
            for kx in self.xs[ox].clone() {
                body(row + window.input(1, ox, kx));
            }
        }
    }

    /// The divisor of the mean of an output.
    #[inline(always)]
    pub fn count(&self, window: &Window, (oy, ox): (usize, usize), count_padding: bool) -> f64 {
        let [rows, columns] = if count_padding { window.kernel } else { [self.ys[oy].len(), self.xs[ox].len()] };
        rows as f64 * columns as f64
    }
}
