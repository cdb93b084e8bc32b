//! Padded images for strides of more than 1, apart by *phases*.
//!
//! Along an axis, output o sees through tap k the place o · stride + k · dilation of the padded image. A phase is every
//! stride-th place, and taps whose distances are a multiple of the stride share one. In the phase of tap k, which begins at k ·
//! dilation, neighboring outputs see neighboring places: so with the phases as planes, whatever is seen is a shifted copy again.

use super::{LANES, Shifted};
use crate::kernels::{
    Real,
    matmul::ahead::{fetch, lines},
    simd,
    window::Window,
};
use std::ops::Range;

/// The phases along one axis.
pub(super) struct Axis {
    /// Taps so far apart share a phase.
    period: usize,
    /// The distance of their places in it.
    step: usize,
    /// How many phases there are.
    pub phases: usize,
    /// Places of a phase that some output sees.
    pub places: usize,
}

impl Axis {
    pub fn new(window: &Window, axis: usize) -> Self {
        let (stride, dilation, kernel) = (window.stride[axis], window.dilation[axis], window.kernel[axis]);
        let common = divisor(stride, dilation);
        let (period, step) = (stride / common, dilation / common);
        let places = window.outputs(axis) + (kernel - 1) / period * step;
        Axis { period, step, phases: period.min(kernel), places }
    }

    /// The phase of a tap, and the place there that the first output sees.
    pub fn of(&self, tap: usize) -> [usize; 2] {
        [tap % self.period, tap / self.period * self.step]
    }

    /// Which places of a phase are in the image, not in the padding, and where the first of them is.
    fn inside(&self, window: &Window, axis: usize, phase: usize) -> (Range<usize>, usize) {
        let (stride, padding, at) = (window.stride[axis], window.padding[axis], phase * window.dilation[axis]);
        let [start, end] = [padding, padding + window.size[axis]]
            .map(|edge| edge.saturating_sub(at).div_ceil(stride).min(self.places));
        (start..end, if start < end { at + start * stride - padding } else { 0 })
    }
}

/// The greatest common divisor.
fn divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { divisor(b, a % b) }
}

impl Shifted {
    /// Copies the planes `x` into `padded`, phase by phase, with zeros around.
    pub(super) fn pad_phases<T: Real>(&self, x: &[T], padded: &mut [T]) {
        simd(
            #[inline(always)]
            || match self.window.stride[1] {
                1 => self.phases_of::<T, 1>(x, padded),
                2 => self.phases_of::<T, 2>(x, padded),
                _ => self.phases_of::<T, 0>(x, padded),
            },
        );
    }

    /// S is the stride in x, or 0.
    #[inline(always)]
    fn phases_of<T: Real, const S: usize>(&self, x: &[T], padded: &mut [T]) {
        let (window, width, area) = (&self.window, self.width, self.window.area());
        let axes = [0, 1].map(|axis| Axis::new(window, axis));
        let [down, across] = [0, 1].map(|axis| {
            let inside = |phase| axes[axis].inside(window, axis, phase);
            (0..axes[axis].phases).map(inside).collect::<Vec<_>>()
        });
        let (lines_of, columns, [y_stride, stride]) = (axes[0].places, window.size[1], window.stride);
        let mut at = 0;
        for c in 0..self.channels {
            for (ys, top) in &down {
                for (p, (xs, left)) in across.iter().enumerate() {
                    for line in 0..lines_of {
                        if !ys.contains(&line) {
                            zeros(&mut padded[at..], width);
                        } else {
                            let first = c * area + (top + (line - ys.start) * y_stride) * columns;
                            if p == 0 {
                                // The next plane comes from memory meanwhile.
                                let next = x.get(first + area..first + area + columns).unwrap_or_default();
                                lines(next).for_each(fetch);
                            }
                            zeros(&mut padded[at..], xs.start);
                            copy::<T, S>(&x[first + left..], stride, &mut padded[at + xs.start..], xs.len());
                            zeros(&mut padded[at + xs.end..], width - xs.end);
                        }
                        at += width;
                    }
                }
            }
        }
        padded[at..].fill(T::ZERO);
    }
}

/// Copies `len` numbers that are `stride` (S, unless that is 0) apart, in whole vectors where there is room: what is written
/// past the end is written over later.
#[inline(always)]
fn copy<T: Real, const S: usize>(from: &[T], stride: usize, to: &mut [T], len: usize) {
    for at in (0..len).step_by(LANES) {
        if S > 0
            && let (Some(from), Some(to)) = (from.get(at * S..(at + LANES) * S), to.get_mut(at..at + LANES))
        {
            for l in 0..LANES {
                to[l] = from[l * S];
            }
        } else {
            for l in at..len.min(at + LANES) {
                to[l] = from[l * stride];
            }
        }
    }
}

/// Writes `len` zeros or a few more, which are written over later.
#[inline(always)]
fn zeros<T: Real>(to: &mut [T], len: usize) {
    for at in (0..len).step_by(LANES) {
        match to[at..].first_chunk_mut::<LANES>() {
            Some(to) => *to = [T::ZERO; LANES],
            None => to[at..len].fill(T::ZERO),
        }
    }
}
