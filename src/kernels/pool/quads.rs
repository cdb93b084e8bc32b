//! Maxima of squares of two by two that tile a plane, the most common pool: without the general window's bookkeeping, which takes
//! longer than the comparisons.

use crate::kernels::{Real, window::Window};

/// Squares side by side.
pub(super) const QUADS: usize = 8;

impl Window {
    /// Whether windows are such squares.
    pub(super) fn is_quads(&self) -> bool {
        let Window { kernel, stride, padding, dilation, .. } = *self;
        (kernel, stride, padding, dilation) == ([2, 2], [2, 2], [0, 0], [1, 1])
    }

    /// The maxima of one plane and where they are.
    #[inline(always)]
    pub(super) fn max_quads<T: Real>(&self, x: &[T], out: &mut [T], indices: &mut [u32]) {
        let (width, columns) = (self.size[1], self.outputs(1));
        let outs = out.chunks_exact_mut(columns).zip(indices.chunks_exact_mut(columns));
        for (y, (lines, (out, indices))) in x.chunks_exact(2 * width).zip(outs).enumerate() {
            let first = 2 * y * width;
            match columns {
                QUADS.. => max_lines::<T, QUADS>(lines, first, out, indices),
                _ => max_lines::<T, 1>(lines, first, out, indices),
            }
        }
    }

    /// The gradient of one plane with at least [`QUADS`] squares side by side: each number of `dy` where the maximum of its
    /// square was found, and zeros.
    #[inline(always)]
    pub(super) fn spread_quads<T: Real>(&self, dy: &[T], indices: &[u32], dx: &mut [T]) {
        let (width, columns) = (self.size[1], self.outputs(1));
        let (lines, last) = dx.split_at_mut(2 * width * self.outputs(0));
        last.fill(T::ZERO);
        let upstream = dy.chunks_exact(columns).zip(indices.chunks_exact(columns));
        for (y, (lines, (dy, indices))) in lines.chunks_exact_mut(2 * width).zip(upstream).enumerate() {
            spread_lines(dy, indices, (2 * y * width) as u32, lines);
        }
    }
}

/// The maxima of two lines, the first number of which is number `first` of the plane, N side by side.
#[inline(always)]
fn max_lines<T: Real, const N: usize>(lines: &[T], first: usize, out: &mut [T], indices: &mut [u32]) {
    let width = lines.len() / 2;
    for at in (0..out.len()).step_by(N) {
        // The last block may overlap the one before it.
        let at = at.min(out.len() - N);
        let (mut best, mut index) = ([T::ZERO; N], [0; N]);
        let (upper, lower) = (&lines[2 * at..][..2 * N], &lines[width + 2 * at..][..2 * N]);
        for l in 0..N {
            (best[l], index[l]) = (upper[2 * l], (first + 2 * (at + l)) as u32);
        }
        for (seen, step) in [(&upper[1..], 1), (lower, width), (&lower[1..], width + 1)] {
            for l in 0..N {
                // As in `max_block`: NaN wins over every number and stays.
                let wins = (seen[2 * l] > best[l]) | (seen[2 * l].nan() & !best[l].nan());
                best[l] = T::pick(wins, seen[2 * l], best[l]);
                index[l] = if wins { (first + 2 * (at + l) + step) as u32 } else { index[l] };
            }
        }
        out[at..][..N].copy_from_slice(&best);
        indices[at..][..N].copy_from_slice(&index);
    }
}

/// Two lines of the gradient, the first number of which is number `first` of the plane.
#[inline(always)]
fn spread_lines<T: Real>(dy: &[T], indices: &[u32], first: u32, lines: &mut [T]) {
    let width = lines.len() / 2;
    let (upper, lower) = lines.split_at_mut(width);
    // No square sees the last number of a line of odd length.
    (upper[width - 1], lower[width - 1]) = (T::ZERO, T::ZERO);
    for at in (0..dy.len()).step_by(QUADS) {
        // The last block may overlap the one before it.
        let at = at.min(dy.len() - QUADS);
        let (dy, indices) = (&dy[at..][..QUADS], &indices[at..][..QUADS]);
        let (mut twice, mut steps) = ([T::ZERO; 2 * QUADS], [0; 2 * QUADS]);
        for l in 0..2 * QUADS {
            twice[l] = dy[l / 2];
            steps[l] = indices[l / 2].wrapping_sub(first + (2 * at + l) as u32);
        }
        for (line, step) in [(&mut *upper, 0), (&mut *lower, width as u32)] {
            let line = &mut line[2 * at..][..2 * QUADS];
            for l in 0..2 * QUADS {
                line[l] = T::pick(steps[l] == step, twice[l], T::ZERO);
            }
        }
    }
}
