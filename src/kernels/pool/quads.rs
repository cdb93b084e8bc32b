//! Maxima of squares of two by two that tile a plane, the most common pool: without the general window's bookkeeping, which takes
//! longer than the comparisons.

use crate::kernels::{Real, window::Window};

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
                8.. => max_lines::<T, 8>(lines, first, out, indices),
                _ => max_lines::<T, 1>(lines, first, out, indices),
            }
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
