//! Sliding windows over planes `[h, w]`: the geometry that convolutions and pools share, and *unfolding* (im2col),
//! which writes every window as a column, so that a convolution becomes a matrix product. *Folding*, its adjoint, adds
//! every column back to where it came from.
//!
//! Output (oy, ox) sees, through tap (ky, kx), the input (oy·stride − padding + ky·dilation, the same in x).

use super::{Real, parallel};
use std::ops::Range;

/// A window of `kernel` taps that slides over planes of `size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Height and width of a plane.
    pub size: [usize; 2],
    /// Taps in y and x.
    pub kernel: [usize; 2],
    /// Steps between two windows.
    pub stride: [usize; 2],
    /// Rows and columns of padding around the plane, on each side.
    pub padding: [usize; 2],
    /// Distance between two taps.
    pub dilation: [usize; 2],
}

impl Window {
    /// Whether the stride is not 0, and the window fits into a padded plane whose size can be counted. All other
    /// methods rely on it.
    pub fn fits(&self) -> bool {
        (0..2).all(|axis| {
            let reach = (self.kernel[axis].checked_sub(1)).and_then(|steps| steps.checked_mul(self.dilation[axis]));
            self.stride[axis] > 0 && reach.zip(self.padded(axis)).is_some_and(|(reach, padded)| reach < padded)
        })
    }

    /// The size of a padded plane, unless it is too large to be counted.
    pub fn padded(&self, axis: usize) -> Option<usize> {
        let padded = self.padding[axis].checked_mul(2)?.checked_add(self.size[axis])?;
        (padded <= isize::MAX as usize).then_some(padded)
    }

    /// Positions of the window along axis 0 (y) or 1 (x), or 0 where the window does not fit: ⌊(size + 2·padding −
    /// dilation·(kernel − 1) − 1) / stride⌋ + 1.
    pub fn outputs(&self, axis: usize) -> usize {
        let reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1;
        (self.size[axis] + 2 * self.padding[axis]).checked_sub(reach).map_or(0, |room| room / self.stride[axis] + 1)
    }

    /// Inputs of one plane.
    pub fn area(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Outputs of one plane.
    pub fn positions(&self) -> usize {
        self.outputs(0) * self.outputs(1)
    }

    /// Taps of the window, at most `usize::MAX`: those of a pool take no memory.
    pub fn taps(&self) -> usize {
        self.kernel[0].saturating_mul(self.kernel[1])
    }

    /// The outputs that see a real input, not padding, through `tap` along `axis`.
    #[inline(always)]
    pub fn inside(&self, axis: usize, tap: usize) -> Range<usize> {
        let (reach, stride) = (tap * self.dilation[axis], self.stride[axis]);
        let (size, padding) = (self.size[axis], self.padding[axis]);
        let first = padding.saturating_sub(reach).div_ceil(stride);
        let end = (size + padding).checked_sub(reach + 1).map_or(0, |room| room / stride + 1).min(self.outputs(axis));
        first.min(end)..end
    }

    /// The input that `output` sees through `tap` along `axis`; the output must be [`inside`](Self::inside).
    #[inline(always)]
    pub fn input(&self, axis: usize, output: usize, tap: usize) -> usize {
        output * self.stride[axis] + tap * self.dilation[axis] - self.padding[axis]
    }

    /// Whether every window is a single input in its own place, so that unfolding would be a copy.
    pub(super) fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.padding == [0, 0]
    }

    /// Unfolds the output rows `rows` of the planes `x` (`[channels, h, w]`) into `columns`
    /// (`[channels, taps, rows, out_w]`); taps that see padding give 0.
    pub(super) fn unfold_rows<T: Real>(&self, x: &[T], rows: Range<usize>, columns: &mut [T]) {
        if self.area() == 0 {
            return columns.fill(T::ZERO);
        }
        let (width, out_w) = (self.size[1], self.outputs(1));
        let mut columns = columns.chunks_exact_mut((rows.len() * out_w).max(1));
        for plane in x.chunks_exact(self.area()) {
            for ky in 0..self.kernel[0] {
                let ys = self.inside(0, ky);
                for (kx, column) in (0..self.kernel[1]).zip(&mut columns) {
                    let xs = self.inside(1, kx);
                    for (oy, out) in rows.clone().zip(column.chunks_exact_mut(out_w)) {
                        if !ys.contains(&oy) || xs.is_empty() {
                            out.fill(T::ZERO);
                            continue;
                        }
                        out[..xs.start].fill(T::ZERO);
                        out[xs.end..].fill(T::ZERO);
                        let row = &plane[self.input(0, oy, ky) * width..][..width];
                        let seen = &row[self.input(1, xs.start, kx)..];
                        let out = &mut out[xs.clone()];
                        if self.stride[1] == 1 {
                            out.copy_from_slice(&seen[..out.len()]);
                        } else {
                            out.iter_mut().zip(seen.iter().step_by(self.stride[1])).for_each(|(o, &x)| *o = x);
                        }
                    }
                }
            }
        }
    }

    /// Adds `columns`, laid out as by [`unfold_rows`](Self::unfold_rows), back to the inputs `x` that they came from.
    #[inline(always)]
    pub(super) fn fold_rows<T: Real>(&self, columns: &[T], rows: Range<usize>, x: &mut [T]) {
        let (width, out_w) = (self.size[1], self.outputs(1));
        let mut columns = columns.chunks_exact((rows.len() * out_w).max(1));
        for plane in x.chunks_exact_mut(self.area()) {
            for ky in 0..self.kernel[0] {
                let ys = self.inside(0, ky);
                for (kx, column) in (0..self.kernel[1]).zip(&mut columns) {
                    let xs = self.inside(1, kx);
                    for (oy, column) in rows.clone().zip(column.chunks_exact(out_w)) {
                        if !ys.contains(&oy) || xs.is_empty() {
                            continue;
                        }
                        let row = &mut plane[self.input(0, oy, ky) * width..][..width];
                        let seen = &mut row[self.input(1, xs.start, kx)..];
                        let column = &column[xs.clone()];
                        if self.stride[1] == 1 {
                            seen.iter_mut().zip(column).for_each(|(s, &c)| *s += c);
                        } else {
                            seen.iter_mut().step_by(self.stride[1]).zip(column).for_each(|(s, &c)| *s += c);
                        }
                    }
                }
            }
        }
    }

    /// im2col: `x` is `[n, channels, h, w]`, `out` becomes `[n, channels * taps, positions]`.
    pub fn unfold<T: Real>(&self, x: &[T], n: usize, out: &mut [T]) {
        let image = x.len() / n.max(1);
        parallel::each_chunk(out, out.len() / n.max(1), out.len(), |i, columns| {
            self.unfold_rows(&x[i * image..][..image], 0..self.outputs(0), columns);
        });
    }

    /// The adjoint of [`unfold`](Self::unfold): every input receives the sum of the entries that were copied from it.
    pub fn fold<T: Real>(&self, columns: &[T], n: usize, x: &mut [T]) {
        let part = columns.len() / n.max(1);
        parallel::each_chunk(x, x.len() / n.max(1), columns.len(), |i, image| {
            image.fill(T::ZERO);
            self.fold_rows(&columns[i * part..][..part], 0..self.outputs(0), image);
        });
    }
}
