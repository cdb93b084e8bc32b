//! A sparse matrix of constants, applied along one axis: each output is a weighted sum of the few entries that it sees.
//!
//! A tensor `[outer, size, inner]` has entries that are runs of `inner` numbers, so that a sum of entries is a loop over
//! numbers side by side. Along the last axis an entry is a single number: there a few lines are transposed, in the cache,
//! and what was the axis of lines is the inner one.

use super::{
    Real, parallel,
    scratch::with_scratch,
    simd,
    transpose::{MOST, transpose},
};

/// Lines that are transposed together, and numbers that are summed side by side.
const LINES: usize = 32;

/// A matrix in compressed rows: of row r, the entries from `ends[r - 1]` (0 for the first row) to `ends[r]`.
#[derive(Debug)]
pub struct Sparse {
    columns: usize,
    ends: Vec<usize>,
    places: Vec<usize>,
    weights: Vec<f64>,
}

impl Sparse {
    /// The matrix whose rows have these entries: columns below `columns`, and weights.
    pub fn new(columns: usize, rows: &[Vec<(usize, f64)>]) -> Self {
        let entries = || rows.iter().flatten();
        debug_assert!(entries().all(|&(column, _)| column < columns));
        let ends = rows.iter().scan(0, |end, row| {
            *end += row.len();
            Some(*end)
        });
        let (places, weights) = entries().copied().unzip();
        Sparse { columns, ends: ends.collect(), places, weights }
    }

    /// The matrix whose rows have a 1 each, in these columns.
    pub fn picking(indices: &[usize], columns: usize) -> Self {
        let ends = (1..=indices.len()).collect();
        Sparse { columns, ends, places: indices.to_vec(), weights: vec![1.0; indices.len()] }
    }

    /// The transposed matrix; the entries of each of its rows are in the order of the rows here.
    pub fn transposed(&self) -> Self {
        let mut ends = vec![0; self.columns];
        for &place in &self.places {
            ends[place] += 1;
        }
        // Where each row begins, which becomes where it ends as it is filled.
        let mut start = 0;
        for end in &mut ends {
            (*end, start) = (start, start + *end);
        }
        let (mut places, mut weights) = (vec![0; start], vec![0.0; start]);
        for row in 0..self.rows() {
            for entry in self.row(row) {
                let end = &mut ends[self.places[entry]];
                (places[*end], weights[*end]) = (row, self.weights[entry]);
                *end += 1;
            }
        }
        Sparse { columns: self.rows(), ends, places, weights }
    }

    /// The number of rows: of outputs.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// The number of columns: the size of the axis that it is applied to.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The number of entries.
    pub fn entries(&self) -> usize {
        self.places.len()
    }

    fn row(&self, row: usize) -> std::ops::Range<usize> {
        row.checked_sub(1).map_or(0, |before| self.ends[before])..self.ends[row]
    }

    /// `out[:, r, :] = Σ over c of self[r, c] · x[:, c, :]` for `x [outer, columns, inner]`, in the order of the entries.
    pub fn apply<T: Real>(&self, x: &[T], inner: usize, out: &mut [T]) {
        if inner == 1 && out.len() > self.rows() {
            self.each_line(x, out);
        } else {
            self.each_run::<T, false>(x, inner, out);
        }
    }

    /// Adds to `out` what [`apply`](Self::apply) would write.
    pub fn add<T: Real>(&self, x: &[T], inner: usize, out: &mut [T]) {
        self.each_run::<T, true>(x, inner, out);
    }

    /// The weights as numbers of this type.
    fn with_weights<T: Real>(&self, body: impl FnOnce(&[T])) {
        with_scratch(self.entries(), |weights: &mut [T]| {
            weights.iter_mut().zip(&self.weights).for_each(|(to, &weight)| *to = T::of(weight));
            body(weights);
        });
    }

    fn each_run<T: Real, const ADD: bool>(&self, x: &[T], inner: usize, out: &mut [T]) {
        if out.is_empty() {
            return;
        }
        let (line, taps) = (self.columns * inner, self.entries().div_ceil(self.rows()).max(1));
        let rows = parallel::rows_per_chunk(out.len() / inner, inner * taps);
        let work = x.len().max(out.len());
        self.with_weights(|weights: &[T]| {
            parallel::each_chunk(out, rows * inner, work, |chunk, out| {
                simd(
                    #[inline(always)]
                    || {
                        let (mut slice, mut row) = (chunk * rows / self.rows(), chunk * rows % self.rows());
                        for out in out.chunks_exact_mut(inner) {
                            self.sum::<T, ADD>(&x[slice * line..][..line], weights, row, out);
                            row += 1;
                            if row == self.rows() {
                                (slice, row) = (slice + 1, 0);
                            }
                        }
                    },
                );
            });
        });
    }

    /// Lines of single numbers.
    fn each_line<T: Real>(&self, x: &[T], out: &mut [T]) {
        let (line, sums, work) = (self.columns, self.rows(), x.len().max(out.len()));
        // As many together as stay in the cache.
        let together = (MOST / (line + sums).max(1)).clamp(1, LINES);
        let lines = parallel::rows_per_chunk(out.len() / sums.max(1), line.max(sums)).next_multiple_of(together);
        self.with_weights(|weights: &[T]| {
            parallel::each_chunk(out, lines * sums, work, |chunk, out| {
                for (i, out) in out.chunks_mut(together * sums).enumerate() {
                    let first = chunk * lines + i * together;
                    self.turned(&x[first * line..][..out.len() / sums * line], weights, out);
                }
            });
        });
    }

    /// A few lines, side by side in the meantime.
    fn turned<T: Real>(&self, x: &[T], weights: &[T], out: &mut [T]) {
        let lines = out.len() / self.rows();
        with_scratch(x.len() + out.len(), |turned: &mut [T]| {
            let (turned, sums) = turned.split_at_mut(x.len());
            transpose(x, [lines, self.columns], turned);
            simd(
                #[inline(always)]
                || {
                    for (row, sum) in sums.chunks_exact_mut(lines).enumerate() {
                        self.sum::<T, false>(turned, weights, row, sum);
                    }
                },
            );
            transpose(sums, [self.rows(), lines], out);
        });
    }

    /// One row times the entries of `x`, each as long as `out`: written, or added.
    #[inline(always)]
    fn sum<T: Real, const ADD: bool>(&self, x: &[T], weights: &[T], row: usize, out: &mut [T]) {
        let (places, weights) = (&self.places[self.row(row)], &weights[self.row(row)]);
        if let (Some((first, places)), Some((factor, weights))) = (places.split_first(), weights.split_first()) {
            let all = ((*first, *factor), (places, weights));
            let at = blocks::<T, LINES, ADD>(x, all, 0, out);
            let at = blocks::<T, 8, ADD>(x, all, at, out);
            blocks::<T, 1, ADD>(x, all, at, out);
        } else if !ADD {
            out.fill(T::ZERO);
        }
    }
}

/// A first entry with its weight, and the others.
type Terms<'a, T> = ((usize, T), (&'a [usize], &'a [T]));

/// Sums of terms from number `at` of `out` on, N side by side, and where that ends. Each entry of `x` is as long as `out`.
#[inline(always)]
fn blocks<T: Real, const N: usize, const ADD: bool>(
    x: &[T],
    ((first, factor), (places, weights)): Terms<'_, T>,
    at: usize,
    out: &mut [T],
) -> usize {
    let inner = out.len();
    let end = at + (inner - at) / N * N;
    for at in (at..end).step_by(N) {
        let run = |place: usize| -> &[T; N] { x[place * inner + at..].first_chunk().expect("a run is that long") };
        // The first product begins the sum: the zero with a sign is kept.
        let (mut sums, seen) = ([T::ZERO; N], run(first));
        for l in 0..N {
            sums[l] = factor * seen[l];
        }
        for (&place, &weight) in places.iter().zip(weights) {
            let seen = run(place);
            for l in 0..N {
                sums[l] += weight * seen[l];
            }
        }
        let out: &mut [T; N] = out[at..].first_chunk_mut().expect("the block is inside");
        for l in 0..N {
            out[l] = if ADD { out[l] + sums[l] } else { sums[l] };
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::numbers;

    /// A matrix of so many rows, whose rows have 0 to 4 entries, some in the same column.
    fn matrix(rows: usize, columns: usize) -> Sparse {
        let row =
            |r: usize| (0..r * 3 % 5).map(|k| ((r * 7 + k * k * 3) % columns, (r + k) as f64 * 0.3 - 1.0)).collect();
        Sparse::new(columns, &(0..rows).map(row).collect::<Vec<_>>())
    }

    fn check<T: Real>(tolerance: f64) {
        for [outer, columns, rows, inner] in [
            [1, 1, 1, 1],
            [3, 7, 5, 1],
            [1, 7, 5, 1],
            [70, 9, 23, 1],
            [2, 6, 9, 5],
            [2, 6, 9, 13],
            [3, 8, 4, 77],
            [900, 40, 30, 1],
            [7, 30_000, 20, 1],
            [90, 40, 30, 24],
            [4, 5, 0, 3],
            [0, 5, 4, 1],
            [4, 0, 1, 3],
        ] {
            let matrix = matrix(rows, columns.max(1));
            let matrix = if columns == 0 { Sparse::new(0, &vec![vec![]; rows]) } else { matrix };
            let x = numbers::<T>(outer * columns * inner, 1);
            let mut want = vec![0.0; outer * rows * inner];
            for i in 0..outer {
                for r in 0..rows {
                    for entry in matrix.row(r) {
                        for j in 0..inner {
                            want[(i * rows + r) * inner + j] +=
                                matrix.weights[entry] * x[(i * columns + matrix.places[entry]) * inner + j].to_f64();
                        }
                    }
                }
            }
            let mut out = vec![T::of(f64::NAN); want.len()];
            matrix.apply(&x, inner, &mut out);
            let far = out.iter().zip(&want).find(|(out, want)| (out.to_f64() - **want).abs() > tolerance);
            assert!(far.is_none(), "{outer} {columns} {rows} {inner}: {far:?}");

            let (back, dy) = (matrix.transposed(), numbers::<T>(want.len(), 2));
            let mut dx = vec![T::of(f64::NAN); x.len()];
            back.apply(&dy, inner, &mut dx);
            let product = |a: &[T], b: &[T]| a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum::<f64>();
            let (one, two) = (product(&dx, &x), product(&dy, &out));
            assert!(
                (one - two).abs() <= tolerance * (1 + x.len()) as f64,
                "{outer} {columns} {rows} {inner}: {one} {two}"
            );
        }
    }

    #[test]
    fn weighted_sums_and_their_adjoints_by_the_definition() {
        check::<f64>(1e-12);
        check::<f32>(1e-5);
    }

    #[test]
    fn what_is_not_seen_does_not_matter_and_zeros_keep_their_signs() {
        let matrix = Sparse::new(3, &[vec![(1, 1.0)], vec![], vec![(0, 0.5), (1, 0.5)]]);
        for lines in [1, 2, 40] {
            let x: Vec<f64> = [2.0, -0.0, f64::INFINITY].repeat(lines);
            let mut out = vec![f64::NAN; x.len()];
            matrix.apply(&x, 1, &mut out);
            for line in out.chunks(3) {
                assert_eq!(line.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), [-0.0f64, 0.0, 1.0].map(f64::to_bits));
            }
        }
    }
}
