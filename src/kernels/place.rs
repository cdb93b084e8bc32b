//! Pieces at their places: the adjoints of slicing and of picking by index, into zeros or into a sum.
//!
//! A gradient that comes in pieces is a sum that each piece adds to at its own places. The rest is not touched, so n pieces
//! of a value take as long as the value is large, and not n times as long.

use smallvec::SmallVec;

use super::{
    PARALLEL, Real, elementwise, movement::sliced, parallel, scratch::with_scratch, simd, sparse::Sparse, walk::strides,
};

/// A slice of a tensor of sizes `shape`: element i of each axis is element `start + i * step` there. No step is 0, so each
/// element has a place of its own.
#[derive(Clone, Copy)]
pub struct Places<'a> {
    /// The sizes of the whole.
    pub shape: &'a [usize],
    /// The first element along each axis.
    pub start: &'a [usize],
    /// From one element to the next; a negative step walks backwards.
    pub step: &'a [isize],
    /// The sizes of the slice.
    pub part: &'a [usize],
}

impl Places<'_> {
    /// `dx = dy` at these places, and 0 elsewhere.
    pub fn write<T: Real>(self, dy: &[T], dx: &mut [T]) {
        if dy.len() < dx.len() {
            elementwise::clear(dx);
        }
        self.each(
            dy,
            dx,
            #[inline(always)]
            |d, g| *d = g,
        );
    }

    /// `sum += dy` at these places.
    pub fn add<T: Real>(self, dy: &[T], sum: &mut [T]) {
        self.each(
            dy,
            sum,
            #[inline(always)]
            |d, g| *d += g,
        );
    }

    /// Hands each place to `put`, with what belongs there. The first axis of more than one element is shared between threads.
    fn each<T: Real>(self, dy: &[T], dx: &mut [T], put: impl Fn(&mut T, T) + Sync) {
        if dy.is_empty() {
            return;
        }
        let axis = match self.part.iter().position(|&size| size > 1) {
            Some(axis) if parallel::worthwhile(dy.len()) => axis,
            _ => {
                return simd(
                    #[inline(always)]
                    || self.walk(dy, dx, &put),
                );
            }
        };
        let own = strides(self.shape);
        let before: usize = (0..axis).map(|i| self.start[i] * own[i] as usize).sum();
        let (count, row) = (self.part[axis], own[axis] as usize);
        let (step, of_row) = (self.step[axis].unsigned_abs(), dy.len() / count);
        let backwards = self.step[axis] < 0;
        let lowest = self.start[axis] - if backwards { (count - 1) * step } else { 0 };
        let region = &mut dx[before + lowest * row..][..((count - 1) * step + 1) * row];
        let rows = parallel::rows_per_chunk(count, of_row);
        parallel::each_chunk(region, rows * step * row, dy.len(), |chunk, dx| {
            let here = rows.min(count - chunk * rows);
            let first = if backwards { count - chunk * rows - here } else { chunk * rows };
            let with = |first: usize, rest: &[usize]| -> SmallVec<[usize; 6]> {
                std::iter::once(first).chain(rest[axis + 1..].iter().copied()).collect()
            };
            let start = with(if backwards { (here - 1) * step } else { 0 }, self.start);
            let (shape, part) = (with(dx.len() / row, self.shape), with(here, self.part));
            let piece = Places { shape: &shape, start: &start, step: &self.step[axis..], part: &part };
            let dy = &dy[first * of_row..][..here * of_row];
            simd(
                #[inline(always)]
                || piece.walk(dy, dx, &put),
            );
        });
    }

    #[inline(always)]
    fn walk<T: Real>(self, dy: &[T], dx: &mut [T], put: &impl Fn(&mut T, T)) {
        sliced(self.shape, self.start, self.step, self.part).put(dy, dx, put);
    }
}

/// `sum[:, indices[i], :] += dy[:, i, :]` for `sum [outer, len, inner]`, in the order of i. Threads share the slices: to look
/// for the entries of a part in all indices takes longer than to add them.
pub fn index_add<T: Real>(dy: &[T], [outer, len, inner]: [usize; 3], indices: &[usize], sum: &mut [T]) {
    debug_assert!(sum.len() == outer * len * inner && indices.iter().all(|&i| i < len));
    let (slice, of_slice, work) = (len * inner, indices.len() * inner, sum.len().max(dy.len()));
    let slices = parallel::rows_per_chunk(outer, slice.max(of_slice));
    parallel::each_chunk(sum, slices * slice, work, |chunk, sum| {
        for (i, sum) in sum.chunks_exact_mut(slice).enumerate() {
            let dy = &dy[(chunk * slices + i) * of_slice..][..of_slice];
            if inner == 1 {
                indices.iter().zip(dy).for_each(|(&i, &g)| sum[i] += g);
                continue;
            }
            for (&i, dy) in indices.iter().zip(dy.chunks_exact(inner)) {
                sum[i * inner..][..inner].iter_mut().zip(dy).for_each(|(d, &g)| *d += g);
            }
        }
    });
}

/// The adjoint of `index_select`: [`index_add`] into zeros.
pub fn index_select_grad<T: Real>(dy: &[T], sizes: [usize; 3], indices: &[usize], dx: &mut [T]) {
    elementwise::clear(dx);
    index_add(dy, sizes, indices, dx);
}

/// Entries of at least so many numbers are worth a list of what is added to each.
const LONG: usize = 16;

/// Adds [`index_select_grad`] to `sum`, with the same bits as if it had been written out: what belongs to one entry is added
/// up before.
pub fn add_index_select_grad<T: Real>(dy: &[T], sizes: [usize; 3], indices: &[usize], sum: &mut [T]) {
    let [_, len, inner] = sizes;
    if indices.is_sorted_by(|i, j| i < j) {
        index_add(dy, sizes, indices, sum);
    } else if inner >= LONG {
        Sparse::picking(indices, len).transposed().add(dy, inner, sum);
    } else {
        with_scratch(sum.len(), |dx: &mut [T]| {
            index_select_grad(dy, sizes, indices, dx);
            elementwise::add_assign(sum, dx);
        });
    }
}

/// Whether −0 is among these numbers.
pub fn has_negative_zero<T: Real>(x: &[T]) -> bool {
    let in_block = |x: &[T]| {
        simd(
            #[inline(always)]
            || x.iter().fold(false, |any, x| any | x.negative_zero()),
        )
    };
    x.chunks(PARALLEL / 8).any(in_block)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{movement, testing::numbers};

    fn inner_product(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn a_piece_written_or_added_is_the_adjoint_of_the_slice() {
        type Case<'a> = (&'a [usize], &'a [usize], &'a [isize], &'a [usize]);
        let cases: [Case; 13] = [
            (&[], &[], &[], &[]),
            (&[9], &[1], &[3], &[3]),
            (&[9], &[4], &[1], &[1]),
            (&[6, 7], &[5, 0], &[-2, 1], &[3, 7]),
            (&[6, 7], &[0, 6], &[1, -1], &[6, 7]),
            (&[4, 5, 6], &[1, 1, 2], &[1, 2, 1], &[2, 2, 3]),
            (&[4, 5], &[2, 0], &[1, 1], &[0, 5]),
            (&[3, 5, 6], &[2, 4, 0], &[1, -1, 1], &[1, 5, 6]),
            (&[300, 200], &[1, 3], &[1, 1], &[290, 190]),
            (&[700, 211], &[699, 200], &[-3, -1], &[233, 190]),
            (&[700, 211], &[1, 2], &[3, 2], &[233, 100]),
            (&[2, 90000], &[1, 89998], &[1, -2], &[1, 45000]),
            (&[50, 64, 256], &[7, 0, 0], &[1, 1, 1], &[1, 64, 256]),
        ];
        for (shape, start, step, part) in cases {
            let places = Places { shape, start, step, part };
            let x = numbers::<f64>(shape.iter().product(), 1);
            let dy = numbers::<f64>(part.iter().product(), 2);
            let mut out = vec![f64::NAN; dy.len()];
            movement::slice(&x, shape, start, step, part, &mut out);
            let mut dx = vec![f64::NAN; x.len()];
            places.write(&dy, &mut dx);
            assert!((inner_product(&dx, &x) - inner_product(&dy, &out)).abs() < 1e-9, "{shape:?}");
            assert_eq!(dx.iter().filter(|d| **d != 0.0).count(), dy.len(), "{shape:?}");
            let mut sum = x.clone();
            places.add(&dy, &mut sum);
            assert!(sum.iter().zip(&x).zip(&dx).all(|((sum, x), d)| *sum == x + d), "{shape:?}");
        }
    }

    #[test]
    fn rows_are_added_by_index() {
        let x = numbers::<f64>(12, 1);
        let (dy, mut dx, mut out) = (numbers::<f64>(16, 2), [f64::NAN; 12], [0.0; 16]);
        movement::index_select(&x, [2, 3, 2], &[2, 0, 2, 1], &mut out);
        index_select_grad(&dy, [2, 3, 2], &[2, 0, 2, 1], &mut dx);
        assert!((inner_product(&dx, &x) - inner_product(&dy, &out)).abs() < 1e-12);
        index_select_grad::<f64>(&[], [2, 3, 2], &[], &mut dx);
        assert_eq!(dx, [0.0; 12]);
    }

    /// Both ways to add up what is added to an entry, in full and to a sum, by the definition.
    #[test]
    fn rows_that_repeat_are_added_up_before_they_are_added() {
        for [outer, len, inner, count] in
            [[3, 20, 1, 31], [2, 50, 9, 70], [1, 300, 40, 1000], [70, 40, 20, 60], [1, 9, 16, 0]]
        {
            let indices: Vec<usize> = (0..count).map(|i| i * i / 2 % len).collect();
            for indices in [&indices[..], &(0..len.min(count)).collect::<Vec<_>>()] {
                let dy = numbers::<f32>(outer * indices.len() * inner, 1);
                let mut want = vec![0.0; outer * len * inner];
                for (i, &g) in dy.iter().enumerate() {
                    let (row, at) = (i / inner, i % inner);
                    want[(row / indices.len() * len + indices[row % indices.len()]) * inner + at] += g;
                }
                let mut dx = vec![f32::NAN; want.len()];
                index_select_grad(&dy, [outer, len, inner], indices, &mut dx);
                assert!(dx == want, "{outer} {len} {inner}");
                let before = numbers::<f32>(want.len(), 2);
                let mut sum = before.clone();
                add_index_select_grad(&dy, [outer, len, inner], indices, &mut sum);
                assert!(sum.iter().zip(&before).zip(&want).all(|((sum, x), d)| *sum == x + d), "{outer} {len} {inner}");
            }
        }
    }

    #[test]
    fn only_the_zero_with_a_sign_is_found() {
        let mut x = numbers::<f32>(10_000, 1);
        x[5000] = 0.0;
        assert!(!has_negative_zero(&x) && !has_negative_zero::<f32>(&[]));
        x[9999] = -0.0;
        assert!(has_negative_zero(&x));
        assert!(!has_negative_zero(&[f64::NAN, -f64::INFINITY, -1e-300, 0.0]));
    }
}
