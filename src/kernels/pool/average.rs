//! Average pooling: the mean of every window. It is linear; its gradient gives every input of a window the same share
//! of dy.

use std::ops::Range;

use super::taps::{Taps, WIDE};
use crate::kernels::{Real, parallel, scratch::with_scratch, simd, window::Window};

impl Window {
    /// The mean of every window. The divisor is the number of taps or, unless padding counts (`count_padding`), the
    /// number of taps on a real input.
    pub fn avg_pool<T: Real>(&self, x: &[T], count_padding: bool, out: &mut [T]) {
        // The windows of no image may be more than memory holds.
        if out.is_empty() {
            return;
        }
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
        // The windows of no image may be more than memory holds.
        if dx.is_empty() {
            return;
        }
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
