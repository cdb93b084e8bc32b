//! Pooling: every window of a plane is reduced to its maximum or its mean. A tensor `[n, c, h, w]` is n·c planes here.
//!
//! Max pooling also returns *where* each maximum was (its position in the plane), since its gradient flows only there:
//! dx[index] += dy. The first of equal maxima wins, and NaN wins over every number, as in PyTorch. Padding counts as
//! −∞, so it never wins. [`quads`] has the maxima of 2 x 2 numbers and their gradient, [`average`] the means.

mod average;
mod quads;
mod taps;
#[cfg(test)]
mod tests;

use super::{Real, parallel, program::Pieces, simd, window::Window};
use quads::QUADS;
use taps::{Taps, WIDE};

impl Window {
    /// The maximum of every window and its position in the plane: `out` and `indices` are `[planes, out_h, out_w]`.
    ///
    /// Every window must contain an input; padding of at most half the kernel ensures that if the taps are not dilated. Where
    /// x is a chain, it is computed a few planes at a time, and never written out.
    pub fn max_pool<T: Real>(&self, x: &Pieces<'_, T>, out: &mut [T], indices: &mut [u32]) {
        // The windows of no image may be more than memory holds.
        if out.is_empty() {
            return;
        }
        let (area, positions) = (self.area(), self.positions());
        let planes = parallel::rows_per_chunk(out.len() / positions.max(1), positions.saturating_mul(self.taps()));
        let (taps, work) = (Taps::new(self), out.len().saturating_mul(self.taps()));
        debug_assert!(taps.ys.iter().chain(&taps.xs).all(|taps| !taps.is_empty()), "{self:?}");
        let size = planes * positions;
        parallel::each_chunk_of_two((out, indices), (size, size), work, |chunk, out, indices| {
            let outs = out.chunks_exact_mut(positions).zip(indices.chunks_exact_mut(positions));
            let first = chunk * planes;
            x.with(first * area..(first + outs.len()) * area, |x| {
                simd(
                    #[inline(always)]
                    || {
                        for (x, (out, indices)) in x.chunks_exact(area).zip(outs) {
                            match self.stride[1] {
                                2 if self.is_quads() => self.max_quads(x, out, indices),
                                1 => self.max_plane::<T, 1>(&taps, x, out, indices),
                                2 => self.max_plane::<T, 2>(&taps, x, out, indices),
                                _ => self.max_plane::<T, 0>(&taps, x, out, indices),
                            }
                        }
                    },
                );
            });
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
                    let wins = (seen[l] > best[l]) | (seen[l].nan() & !best[l].nan());
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
            let start = chunk * planes * positions;
            let upstream =
                dy[start..].chunks_exact(positions.max(1)).zip(indices[start..].chunks_exact(positions.max(1)));
            let planes = dx.chunks_exact_mut(area).zip(upstream);
            if self.is_quads() && self.outputs(1) >= QUADS {
                return simd(
                    #[inline(always)]
                    || {
                        // Not `for_each`, which is a call, compiled without the vectors of this machine.
                        for (dx, (dy, indices)) in planes {
                            self.spread_quads(dy, indices, dx);
                        }
                    },
                );
            }
            for (dx, (dy, indices)) in planes {
                dx.fill(T::ZERO);
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
}
