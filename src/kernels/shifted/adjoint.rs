//! The adjoint of a convolution with strides: dx, and what a transposed convolution computes.
//!
//! Input i sees output q through tap k where i + padding = q · stride + k. So the inputs fall into *parts* by the remainder r of
//! i + padding, which are seen through the taps r, r + stride, .. alone:
//!
//! dx[r + stride · q − padding] = Σ over m of dy[q − m] w[r + stride · m],
//!
//! and each part is a convolution of dy without a stride. All of them read one padded dy; at the end they are put together,
//! line by line.

use super::{LANES, PADDED, Shifted, TERMS, forward};
use crate::kernels::{Real, scratch::with_scratch, simd, window::Window};

/// With fewer planes of dx than this, tiles are too small.
const FEW: usize = 8;

/// The inputs of one remainder along one axis.
#[derive(Clone, Copy)]
struct Side {
    /// The remainder, which is the first tap.
    tap: usize,
    /// How many taps there are.
    taps: usize,
    /// The place in the padded dy that the first input sees through the first tap.
    place: usize,
    /// The first input.
    input: usize,
    /// How many inputs there are.
    inputs: usize,
}

/// The sizes of such an adjoint.
pub(in crate::kernels) struct Adjoint {
    window: Window,
    /// Planes of dx.
    filters: usize,
    /// How dy is padded.
    image: Shifted,
    /// The parts, by remainders in y and, for each of them, in x.
    parts: Vec<([Side; 2], Shifted)>,
}

impl Adjoint {
    /// The adjoint of `window`, from so many planes of dy to as many of dx, if this method pays off.
    pub fn new(window: Window, channels: usize, filters: usize) -> Option<Self> {
        let Window { size, kernel, stride, padding, dilation } = window;
        let strided = stride != [1, 1] && (0..2).all(|axis| stride[axis] <= kernel[axis]);
        let [rows, columns] = [0, 1].map(|axis| size[axis] / stride[axis]);
        if !strided || dilation != [1, 1] || filters < FEW || rows * columns < 4 * LANES {
            return None;
        }
        // Zeros before dy, as many as the taps of a part reach back, and the places up to the last that an input sees.
        let before = [0, 1].map(|axis| (kernel[axis] - 1) / stride[axis]);
        let last = [0, 1].map(|axis| (size[axis] - 1 + padding[axis]) / stride[axis]);
        let [height, width] = [0, 1].map(|axis| before[axis] + window.outputs(axis).max(last[axis] + 1));
        let area = height.saturating_mul(width);
        let taps = (before[0] + 1) * (before[1] + 1);
        // Windows side by side have parts of one tap, and nothing to add up where columns are folded.
        let alone = taps == 1;
        if alone || channels.saturating_mul(area) > PADDED || channels * taps > TERMS || 2 * width > 3 * columns {
            return None;
        }
        let sums = |size, padding, shifts, places| {
            let window = Window { size, kernel: [1, 1], stride: [1, 1], padding, dilation: [1, 1] };
            Shifted { window, channels, width, area, together: 1, shifts, places }
        };
        let side = |axis: usize, tap: usize| {
            let (size, stride, padding) = (size[axis], stride[axis], padding[axis]);
            let [start, end] = [padding, padding + size].map(|edge| edge.saturating_sub(tap).div_ceil(stride));
            let taps = (kernel[axis] - tap).div_ceil(stride);
            Side { tap, taps, place: before[axis] + start, input: start * stride + tap - padding, inputs: end - start }
        };
        let part = |y: Side, x: Side| {
            let shift = move |c: usize, m: usize| (c * height + y.place - m / x.taps) * width + x.place - m % x.taps;
            let shifts = (0..channels).flat_map(|c| (0..y.taps * x.taps).map(move |m| shift(c, m))).collect();
            let places = ((y.inputs - 1) * width + x.inputs).next_multiple_of(LANES);
            ([y, x], sums([y.inputs, x.inputs], [0, 0], shifts, places))
        };
        let remainders = (0..stride[0]).flat_map(|y| (0..stride[1]).map(move |x| (y, x)));
        let parts = remainders.map(|(y, x)| part(side(0, y), side(1, x))).collect();
        let image = sums([0, 1].map(|axis| window.outputs(axis)), before, Vec::new(), 0);
        Some(Adjoint { window, filters, image, parts })
    }

    /// Hands the kernels of all parts to `body`, from those of the convolution that are turned, `[filters, channels, taps]` of
    /// one group after the other.
    pub fn with_weights<T: Real, R>(&self, turned: &[T], body: impl FnOnce(&[T]) -> R) -> R {
        let (channels, [kh, kw], stride) = (self.image.channels, self.window.kernel, self.window.stride);
        with_scratch(turned.len(), |weights: &mut [T]| {
            let mut to = weights.iter_mut();
            for group in turned.chunks_exact(self.filters * channels * kh * kw) {
                for ([y, x], _) in &self.parts {
                    for kernel in group.chunks_exact(kh * kw) {
                        for m in 0..y.taps * x.taps {
                            let [ky, kx] = [y.tap + m / x.taps * stride[0], x.tap + m % x.taps * stride[1]];
                            to.next().into_iter().for_each(|to| *to = kernel[(kh - 1 - ky) * kw + kw - 1 - kx]);
                        }
                    }
                }
            }
            body(weights)
        })
    }

    /// Numbers of scratch for [`forward`](Self::forward).
    pub fn scratch(&self) -> usize {
        self.image.image() + self.tile() + self.filters * self.window.area()
    }

    /// Numbers of scratch for a tile of each part.
    fn tile(&self) -> usize {
        forward::FILTERS * self.parts.iter().map(|(_, sums)| sums.places).max().unwrap_or(0)
    }

    /// `dx [filters, h, w]` of an image, from its dy and the kernels of all parts.
    pub fn forward<T: Real>(&self, dy: &[T], mut w: &[T], scratch: &mut [T], dx: &mut [T]) {
        let (padded, rest) = scratch.split_at_mut(self.image.image());
        let (wide, apart) = rest.split_at_mut(self.tile());
        self.image.pad(dy, padded);
        let mut to = &mut apart[..];
        for (_, sums) in &self.parts {
            let (kernels, others) = w.split_at(self.filters * sums.shifts.len());
            let (out, rest) = to.split_at_mut(self.filters * sums.window.area());
            sums.forward(padded, kernels, None, wide, out);
            (w, to) = (others, rest);
        }
        simd(
            #[inline(always)]
            || match self.window.stride[1] {
                2 => self.put_together::<T, 2>(apart, dx),
                _ => self.put_together::<T, 0>(apart, dx),
            },
        );
    }

    /// Puts the parts together. S is the stride in x, or 0.
    #[inline(always)]
    fn put_together<T: Real, const S: usize>(&self, apart: &[T], dx: &mut [T]) {
        let ([height, width], [down, across]) = (self.window.size, self.window.stride);
        let mut starts = vec![0; self.parts.len()];
        let mut start = 0;
        for (first, (_, sums)) in starts.iter_mut().zip(&self.parts) {
            *first = start;
            start += self.filters * sums.window.area();
        }
        for plane in 0..self.filters {
            for row in 0..height {
                let r = (row + self.window.padding[0]) % down * across;
                let out = &mut dx[(plane * height + row) * width..];
                // The line of part i, from its first input on.
                let line = |i: usize| {
                    let ([y, x], _) = self.parts[r + i];
                    let at = plane * y.inputs + (row - y.input) / down;
                    (x, &apart[starts[r + i] + at * x.inputs..])
                };
                if S == 2 {
                    let [(x, first), (_, second)] = [line(0), line(1)];
                    let (even, odd) = if x.input == 0 { (first, second) } else { (second, first) };
                    alternate(even, odd, out, width);
                    continue;
                }
                for (x, from) in (0..across).map(line) {
                    for (q, &from) in from[..x.inputs].iter().enumerate() {
                        out[x.input + q * across] = from;
                    }
                }
            }
        }
    }
}

/// Writes `len` numbers, by turns from both. More numbers, which are written over later, may follow them.
#[inline(always)]
fn alternate<T: Real>(even: &[T], odd: &[T], out: &mut [T], len: usize) {
    for at in (0..len).step_by(2 * LANES) {
        let half = at / 2..at / 2 + LANES;
        match (even.get(half.clone()), odd.get(half), out.get_mut(at..at + 2 * LANES)) {
            (Some(even), Some(odd), Some(out)) => {
                for l in 0..2 * LANES {
                    out[l] = if l % 2 == 0 { even[l / 2] } else { odd[l / 2] };
                }
            }
            _ => (at..len.min(at + 2 * LANES)).for_each(|l| out[l] = if l % 2 == 0 { even[l / 2] } else { odd[l / 2] }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_and_kernels_larger_than_the_stride_are_apart_in_parts() {
        let window = Window { size: [28, 28], kernel: [4, 4], stride: [2, 2], padding: [1, 1], dilation: [1, 1] };
        let parts = |window, filters| Adjoint::new(window, 64, filters).map(|adjoint| adjoint.parts.len());
        assert_eq!(parts(window, 32), Some(4));
        assert_eq!(parts(Window { stride: [3, 1], kernel: [3, 3], ..window }, 32), Some(3));
        assert_eq!(parts(window, FEW - 1), None);
        assert_eq!(parts(Window { stride: [1, 1], ..window }, 32), None);
        assert_eq!(parts(Window { kernel: [1, 4], ..window }, 32), None);
        assert_eq!(parts(Window { kernel: [2, 2], ..window }, 32), None);
        assert_eq!(parts(Window { kernel: [2, 3], ..window }, 32), Some(4));
        assert_eq!(parts(Window { dilation: [2, 1], ..window }, 32), None);
        assert_eq!(parts(Window { size: [14, 14], ..window }, 32), None);
        assert_eq!(Adjoint::new(window, TERMS / 4 + 1, 32).map(|_| ()), None);
    }
}
