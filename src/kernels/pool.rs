//! Pooling: every window of a plane is reduced to its maximum or its mean. A tensor `[n, c, h, w]` is n·c planes here.
//!
//! Max pooling also returns *where* each maximum was (its position in the plane), since its gradient flows only there:
//! dx[index] += dy. The first of equal maxima wins, and NaN wins over every number, as in PyTorch. Padding counts as
//! −∞, so it never wins. Average pooling is linear; its gradient gives every input of a window the same share of dy.

use super::{Real, parallel, scratch::with_scratch, simd, window::Window};
use std::ops::Range;

impl Window {
    /// The maximum of every window and its position in the plane: `out` and `indices` are `[planes, out_h, out_w]`.
    ///
    /// Every window must contain an input; padding of at most half the kernel ensures that if the taps are not dilated.
    pub fn max_pool<T: Real>(&self, x: &[T], out: &mut [T], indices: &mut [u32]) {
        let (area, positions) = (self.area(), self.positions());
        let planes = parallel::rows_per_chunk(out.len() / positions.max(1), positions.saturating_mul(self.taps()));
        let (taps, work) = (Taps::new(self), out.len().saturating_mul(self.taps()));
        debug_assert!(taps.ys.iter().chain(&taps.xs).all(|taps| !taps.is_empty()), "{self:?}");
        let size = planes * positions;
        parallel::each_chunk_of_two((out, indices), (size, size), work, |chunk, out, indices| {
            let x = x[chunk * planes * area..].chunks_exact(area);
            let outs = out.chunks_exact_mut(positions).zip(indices.chunks_exact_mut(positions));
            simd(
                #[inline(always)]
                || {
                    for (x, (out, indices)) in x.zip(outs) {
                        match self.stride[1] {
                            1 => self.max_plane::<T, 1>(&taps, x, out, indices),
                            2 => self.max_plane::<T, 2>(&taps, x, out, indices),
                            _ => self.max_plane::<T, 0>(&taps, x, out, indices),
                        }
                    }
                },
            );
        });
    }

    /// The maxima of one plane, whose windows are S apart (0: too far for blocks of them).
    #[inline(always)]
    fn max_plane<T: Real, const S: usize>(&self, taps: &Taps, x: &[T], out: &mut [T], indices: &mut [u32]) {
        let out_w = taps.out_w;
        for (oy, (out, indices)) in out.chunks_exact_mut(out_w).zip(indices.chunks_exact_mut(out_w)).enumerate() {
            taps.each_block(
                S > 0,
                #[inline(always)]
                |ox, wide| {
                    if wide {
                        let (best, index) = self.max_block::<T, WIDE, S>(taps, x, (oy, ox));
                        out[ox..ox + WIDE].copy_from_slice(&best);
                        indices[ox..ox + WIDE].copy_from_slice(&index);
                    } else {
                        let (best, index) = self.max_block::<T, 1, S>(taps, x, (oy, ox));
                        (out[ox], indices[ox]) = (best[0], index[0]);
                    }
                },
            );
        }
    }

    /// The maxima of N neighboring windows, S apart, which all see an input through the same taps.
    #[inline(always)]
    fn max_block<T: Real, const N: usize, const S: usize>(
        &self,
        taps: &Taps,
        x: &[T],
        at: (usize, usize),
    ) -> ([T; N], [u32; N]) {
        // The first input of a window holds the place until another wins, even if all of them are −∞.
        let (mut best, mut index) = ([-T::INFINITY; N], [0; N]);
        let (ky, kx) = (taps.ys[at.0].start, taps.xs[at.1].start);
        let start = self.input(0, at.0, ky) * self.size[1] + self.input(1, at.1, kx);
        index.iter_mut().enumerate().for_each(|(l, index)| *index = (start + l * S) as u32);
        taps.each_input(
            self,
            at,
            #[inline(always)]
            |first| {
                let mut seen = [T::ZERO; N];
                let x = &x[first..first + (N - 1) * S + 1];
                for l in 0..N {
                    seen[l] = x[l * S];
                }
                for l in 0..N {
                    // NaN wins over every number and stays; without branches the lanes run as one vector.
                    let wins = (seen[l] > best[l]) | (T::is_nan_impl(&seen[l]) & !T::is_nan_impl(&best[l]));
                    best[l] = T::pick(wins, seen[l], best[l]);
                    index[l] = if wins { (first + l * S) as u32 } else { index[l] };
                }
            },
        );
        (best, index)
    }

    /// `dx[planes, h, w]`: every upstream number added where its maximum was found.
    pub fn max_pool_grad<T: Real>(&self, dy: &[T], indices: &[u32], dx: &mut [T]) {
        let (area, positions) = (self.area(), self.positions());
        let planes = parallel::rows_per_chunk(dx.len() / area.max(1), area + positions);
        let work = dx.len() + dy.len();
        parallel::each_chunk(dx, planes * area, work, |chunk, dx| {
            dx.fill(T::ZERO);
            let start = chunk * planes * positions;
            let upstream =
                dy[start..].chunks_exact(positions.max(1)).zip(indices[start..].chunks_exact(positions.max(1)));
            for (dx, (dy, indices)) in dx.chunks_exact_mut(area).zip(upstream) {
                dy.iter().zip(indices).for_each(|(&dy, &i)| dx[i as usize] += dy);
            }
        });
    }

    /// The numbers of `x [planes, h, w]` at `indices [planes, out_h, out_w]`: the adjoint of
    /// [`max_pool_grad`](Self::max_pool_grad), which second derivatives need.
    pub fn max_pool_gather<T: Real>(&self, x: &[T], indices: &[u32], out: &mut [T]) {
        let (area, positions) = (self.area(), self.positions());
        let planes = parallel::rows_per_chunk(out.len() / positions.max(1), positions);
        let numbers = out.len();
        parallel::each_chunk(out, planes * positions, numbers, |chunk, out| {
            let start = chunk * planes;
            let inputs = x[start * area..].chunks_exact(area).zip(indices[start * positions..].chunks_exact(positions));
            for (out, (x, indices)) in out.chunks_exact_mut(positions).zip(inputs) {
                out.iter_mut().zip(indices).for_each(|(o, &i)| *o = x[i as usize]);
            }
        });
    }

    /// The mean of every window. The divisor is the number of taps or, unless padding counts (`count_padding`), the
    /// number of taps on a real input.
    pub fn avg_pool<T: Real>(&self, x: &[T], count_padding: bool, out: &mut [T]) {
        let (area, positions) = (self.area(), self.positions());
        let planes = parallel::rows_per_chunk(out.len() / positions.max(1), positions.saturating_mul(self.taps()));
        let (taps, work) = (Taps::new(self), out.len().saturating_mul(self.taps()));
        parallel::each_chunk(out, planes * positions, work, |chunk, out| {
            let x = x[chunk * planes * area..].chunks_exact(area);
            simd(
                #[inline(always)]
                || {
                    for (x, out) in x.zip(out.chunks_exact_mut(positions)) {
                        match self.stride[1] {
                            1 => self.mean_plane::<T, 1>(&taps, x, count_padding, out),
                            2 => self.mean_plane::<T, 2>(&taps, x, count_padding, out),
                            _ => self.mean_plane::<T, 0>(&taps, x, count_padding, out),
                        }
                    }
                },
            );
        });
    }

    /// The means of one plane, whose windows are S apart (0: too far for blocks of them).
    #[inline(always)]
    fn mean_plane<T: Real, const S: usize>(&self, taps: &Taps, x: &[T], count_padding: bool, out: &mut [T]) {
        for (oy, out) in out.chunks_exact_mut(taps.out_w).enumerate() {
            taps.each_block(
                S > 0,
                #[inline(always)]
                |ox, wide| {
                    let count = T::of(taps.count(self, (oy, ox), count_padding));
                    if wide {
                        let sums = self.sum_block::<T, WIDE, S>(taps, x, (oy, ox));
                        out[ox..ox + WIDE].copy_from_slice(&sums.map(|sum| sum / count));
                    } else {
                        out[ox] = self.sum_block::<T, 1, S>(taps, x, (oy, ox))[0] / count;
                    }
                },
            );
        }
    }

    /// The sums of N neighboring windows, S apart, which all see an input through the same taps.
    #[inline(always)]
    fn sum_block<T: Real, const N: usize, const S: usize>(&self, taps: &Taps, x: &[T], at: (usize, usize)) -> [T; N] {
        let mut sums = [T::ZERO; N];
        taps.each_input(
            self,
            at,
            #[inline(always)]
            |first| {
                let x = &x[first..first + (N - 1) * S + 1];
                for l in 0..N {
                    sums[l] += x[l * S];
                }
            },
        );
        sums
    }

    /// The adjoint of [`avg_pool`](Self::avg_pool): `dx[planes, h, w]` from `dy[planes, out_h, out_w]`.
    pub fn avg_pool_grad<T: Real>(&self, dy: &[T], count_padding: bool, dx: &mut [T]) {
        let (area, positions) = (self.area(), self.positions());
        let planes = parallel::rows_per_chunk(dx.len() / area.max(1), positions.saturating_mul(self.taps()));
        let (taps, work) = (Taps::new(self), dy.len().saturating_mul(self.taps()));
        let real = taps.xs.iter().map(|taps| taps.start).min().unwrap_or(0)..taps.xs.first().map_or(0, |taps| taps.end);
        let seen: Vec<(usize, Range<usize>)> = real.map(|kx| (kx, self.inside(1, kx))).collect();
        let (width, step) = (self.size[1], self.stride[1]);
        parallel::each_chunk(dx, planes * area, work, |chunk, dx| {
            dx.fill(T::ZERO);
            let start = (chunk * planes * positions).min(dy.len());
            with_scratch(taps.out_w, |shares: &mut [T]| {
                for (dx, dy) in dx.chunks_exact_mut(area).zip(dy[start..].chunks_exact(positions.max(1))) {
                    for (oy, dy) in dy.chunks_exact(taps.out_w).enumerate() {
                        for (ox, (share, &dy)) in shares.iter_mut().zip(dy).enumerate() {
                            *share = dy / T::of(taps.count(self, (oy, ox), count_padding));
                        }
                        for ky in taps.ys[oy].clone() {
                            let row = &mut dx[self.input(0, oy, ky) * width..][..width];
                            for (kx, outputs) in seen.iter().filter(|(_, outputs)| !outputs.is_empty()) {
                                let inputs = row[self.input(1, outputs.start, *kx)..].iter_mut().step_by(step);
                                inputs.zip(&shares[outputs.clone()]).for_each(|(d, &share)| *d += share);
                            }
                        }
                    }
                }
            });
        });
    }
}

/// Outputs processed side by side.
const WIDE: usize = 8;

/// The taps that see an input, for each output row and column: looked up once, since finding them takes divisions.
struct Taps {
    /// For every output row, the taps in y.
    ys: Vec<Range<usize>>,
    /// For every output column, the taps in x.
    xs: Vec<Range<usize>>,
    /// The output columns that see an input through every tap.
    inner: Range<usize>,
    /// Output columns.
    out_w: usize,
}

impl Taps {
    fn new(window: &Window) -> Self {
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
    fn each_block(&self, blocks: bool, mut body: impl FnMut(usize, bool)) {
        let inner = if !blocks || self.inner.len() < WIDE { 0..0 } else { self.inner.clone() };
        (0..inner.start).chain(inner.end..self.xs.len()).for_each(|ox| body(ox, false));
        for ox in inner.clone().step_by(WIDE) {
            // The last block overlaps the one before it and computes some of its outputs again.
            body(ox.min(inner.end - WIDE), true);
        }
    }

    /// Calls `body` with the place in the plane of each input that an output sees, in order.
    #[inline(always)]
    fn each_input(&self, window: &Window, (oy, ox): (usize, usize), mut body: impl FnMut(usize)) {
        for ky in self.ys[oy].clone() {
            let row = window.input(0, oy, ky) * window.size[1];
            for kx in self.xs[ox].clone() {
                body(row + window.input(1, ox, kx));
            }
        }
    }

    /// The divisor of the mean of an output.
    #[inline(always)]
    fn count(&self, window: &Window, (oy, ox): (usize, usize), count_padding: bool) -> f64 {
        let [rows, columns] = if count_padding { window.kernel } else { [self.ys[oy].len(), self.xs[ox].len()] };
        rows as f64 * columns as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{close, numbers};

    fn windows() -> Vec<Window> {
        let base = Window { size: [7, 9], kernel: [2, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 1] };
        vec![
            base,
            Window { kernel: [3, 3], stride: [1, 2], padding: [1, 1], ..base },
            Window { kernel: [3, 2], stride: [3, 1], padding: [1, 0], dilation: [2, 3], ..base },
            Window { size: [30, 41], kernel: [4, 5], stride: [2, 3], padding: [2, 2], ..base },
            Window { kernel: [7, 9], ..base },
        ]
    }

    /// The inputs that output (oy, ox) sees, by the definition.
    fn seen(w: &Window, oy: usize, ox: usize) -> Vec<usize> {
        let mut inputs = Vec::new();
        for ky in 0..w.kernel[0] {
            for kx in 0..w.kernel[1] {
                let y = (oy * w.stride[0] + ky * w.dilation[0]) as isize - w.padding[0] as isize;
                let x = (ox * w.stride[1] + kx * w.dilation[1]) as isize - w.padding[1] as isize;
                if (0..w.size[0] as isize).contains(&y) && (0..w.size[1] as isize).contains(&x) {
                    inputs.push(y as usize * w.size[1] + x as usize);
                }
            }
        }
        inputs
    }

    /// Calls `body(plane, position, inputs)` for every window.
    fn each(w: &Window, planes: usize, mut body: impl FnMut(usize, usize, Vec<usize>)) {
        for plane in 0..planes {
            for oy in 0..w.outputs(0) {
                for ox in 0..w.outputs(1) {
                    body(plane, oy * w.outputs(1) + ox, seen(w, oy, ox));
                }
            }
        }
    }

    fn against_definition<T: Real>(tolerance: f64) {
        for w in windows() {
            for planes in [0, 1, 5, 70] {
                let (area, positions) = (w.area(), w.positions());
                let x = numbers::<T>(planes * area, 3);
                let dy = numbers::<T>(planes * positions, 4);
                let (mut out, mut indices) = (vec![T::of(f64::NAN); dy.len()], vec![7; dy.len()]);
                w.max_pool(&x, &mut out, &mut indices);
                let (mut maxima, mut places, mut dx) = (vec![], vec![], vec![0.0; x.len()]);
                each(&w, planes, |plane, position, inputs| {
                    let value = |i: &usize| x[plane * area + i].to_f64();
                    let best = inputs.iter().copied().reduce(|a, b| if value(&b) > value(&a) { b } else { a }).unwrap();
                    maxima.push(value(&best));
                    places.push(best as u32);
                    dx[plane * area + best] += dy[plane * positions + position].to_f64();
                });
                close(&out, &maxima, 0.0);
                assert_eq!(indices, places);
                let mut got = vec![T::of(f64::NAN); x.len()];
                w.max_pool_grad(&dy, &indices, &mut got);
                close(&got, &dx, tolerance);
                out.fill(T::ZERO);
                w.max_pool_gather(&x, &indices, &mut out);
                close(&out, &maxima, 0.0);

                for count_padding in [false, true] {
                    let (mut means, mut dx) = (vec![], vec![0.0; x.len()]);
                    each(&w, planes, |plane, position, inputs| {
                        let count = if count_padding { w.taps() } else { inputs.len() } as f64;
                        means.push(inputs.iter().map(|i| x[plane * area + i].to_f64()).sum::<f64>() / count);
                        for i in inputs {
                            dx[plane * area + i] += dy[plane * positions + position].to_f64() / count;
                        }
                    });
                    w.avg_pool(&x, count_padding, &mut out);
                    close(&out, &means, tolerance);
                    w.avg_pool_grad(&dy, count_padding, &mut got);
                    close(&got, &dx, tolerance);
                }
            }
        }
    }

    #[test]
    fn pools_and_their_gradients_by_the_definition() {
        against_definition::<f32>(1e-5);
        against_definition::<f64>(1e-13);
    }

    #[test]
    fn first_of_equals_wins_and_nan_wins_over_all() {
        let w = Window { size: [2, 4], kernel: [2, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 1] };
        let (mut out, mut indices) = ([0.0f32; 2], [0; 2]);
        w.max_pool(&[1.0, 2.0, 5.0, f32::NAN, 2.0, 0.0, 9.0, f32::NAN], &mut out, &mut indices);
        assert!(out[0] == 2.0 && out[1].is_nan());
        assert_eq!(indices, [1, 3]);
        w.max_pool(&[f32::NEG_INFINITY; 8], &mut out, &mut indices);
        assert_eq!((out, indices), ([f32::NEG_INFINITY; 2], [0, 2]));
    }
}
