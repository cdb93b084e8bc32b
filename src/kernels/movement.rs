//! Moving numbers without computing: permuting, slicing and picking by index, and those adjoints that are not themselves one
//! of these. Tensors are row-major slices, with their shapes passed alongside.
//!
//! Whatever moves along several axes is a [`Walk`]; whatever moves along *one* axis sees the tensor as
//! `[outer, len, inner]`. Additions are made in the order of the elements, so repeated indices give the same bits every
//! time.

use super::{
    Real, parallel,
    transpose::{MOST, ROWS, transpose},
    walk::{Walk, strides},
};
use smallvec::SmallVec;

/// Sizes or steps of a tensor's axes.
type Axes<I> = SmallVec<[I; 6]>;

/// `out`'s axis i is axis `axes[i]` of `x`.
pub fn permute<T: Real>(x: &[T], shape: &[usize], axes: &[usize], out: &mut [T]) {
    if let (&[.., rows, columns], &[ref first @ .., i, j]) = (shape, axes)
        && [i, j] == [axes.len() - 1, axes.len() - 2]
        && first.is_sorted()
        && rows.min(columns) >= ROWS
        && rows * columns <= MOST
    {
        let size = rows * columns;
        return parallel::each_chunk(out, size, x.len(), |q, out| {
            transpose(&x[q * size..][..size], [rows, columns], out)
        });
    }
    let steps = strides(shape);
    let sizes: Axes<usize> = axes.iter().map(|&axis| shape[axis]).collect();
    let steps: Axes<isize> = axes.iter().map(|&axis| steps[axis]).collect();
    Walk::new(&sizes, &steps, 0).gather(x, out);
}

/// Element i of each axis of `out` is element `start + i * step` of `x`; a negative step walks backwards.
pub fn slice<T: Real>(x: &[T], shape: &[usize], start: &[usize], step: &[isize], out_shape: &[usize], out: &mut [T]) {
    if !out.is_empty() {
        sliced(shape, start, step, out_shape).gather(x, out);
    }
}

/// The walk of a slice of a tensor of sizes `shape`.
pub(super) fn sliced(shape: &[usize], start: &[usize], step: &[isize], out_shape: &[usize]) -> Walk {
    let own = strides(shape);
    let first = own.iter().zip(start).map(|(&own, &start)| own as usize * start).sum();
    let steps: Axes<isize> = own.iter().zip(step).map(|(own, step)| own * step).collect();
    Walk::new(out_shape, &steps, first)
}

/// `out[:, i, :] = x[:, indices[i], :]` for `x [outer, len, inner]`.
pub fn index_select<T: Real>(x: &[T], [outer, len, inner]: [usize; 3], indices: &[usize], out: &mut [T]) {
    debug_assert!(out.len() == outer * indices.len() * inner && indices.iter().all(|&i| i < len));
    let rows = parallel::rows_per_chunk(outer * indices.len(), inner);
    let numbers = out.len();
    parallel::each_chunk(out, rows * inner, numbers, |chunk, mut out| {
        let (mut slice, mut at) = (chunk * rows / indices.len(), chunk * rows % indices.len());
        while !out.is_empty() {
            let indices = &indices[at..][..(out.len() / inner).min(indices.len() - at)];
            let (run, rest) = out.split_at_mut(indices.len() * inner);
            pick(&x[slice * len * inner..][..len * inner], inner, indices, run);
            (slice, at, out) = (slice + 1, 0, rest);
        }
    });
}

/// Entries of `inner` numbers, by index.
fn pick<T: Real>(x: &[T], inner: usize, indices: &[usize], out: &mut [T]) {
    if inner == 1 {
        for (out, &i) in out.iter_mut().zip(indices) {
            *out = x[i];
        }
    } else {
        for (out, &i) in out.chunks_exact_mut(inner).zip(indices) {
            out.copy_from_slice(&x[i * inner..][..inner]);
        }
    }
}

/// `out[i, j, …] = x[i, …, index[i, j, …], …]`, with the index at `axis`. `out` and `index` have sizes `index_shape`,
/// which along the other axes may be smaller than `shape`, as in `torch.gather`.
pub fn gather<T: Real>(x: &[T], shape: &[usize], axis: usize, index: &[usize], index_shape: &[usize], out: &mut [T]) {
    let (walk, step) = indexed(shape, axis, index_shape);
    walk.in_parts(out, |first, walk, out| {
        let index = &index[first..][..out.len()];
        walk.each_run(|place, along, run| {
            let (x, runs) = (&x[place..], out[run.clone()].iter_mut().zip(&index[run]));
            match (along, step) {
                (0, 1) => runs.for_each(|(out, &index)| *out = x[index]),
                _ => runs.enumerate().for_each(|(j, (out, &index))| *out = x[j * along as usize + index * step]),
            }
        });
    });
}

/// The adjoint of [`gather`]: `dx[i, …, index[i, j, …], …] += dy[i, j, …]`, from 0; `dx` has sizes `shape`.
///
/// Numbers that meet are in the same slice of the first axis, so threads share these slices; unless that is the axis with the
/// index. Then they are in the same column.
pub fn scatter_add<T: Real>(
    dy: &[T],
    shape: &[usize],
    axis: usize,
    index: &[usize],
    index_shape: &[usize],
    dx: &mut [T],
) {
    let (slice, of_slice) = (dx.len() / shape[0].max(1), dy.len() / index_shape[0].max(1));
    let slices = if axis == 0 { shape[0] } else { parallel::rows_per_chunk(shape[0], slice + of_slice) };
    let work = dx.len() + dy.len();
    if axis == 0 && shape[1..] == index_shape[1..] && parallel::worthwhile_by_columns(slice, work) {
        return parallel::each_run_of_columns(dx, slice, work, |first, dx| {
            dx.iter_mut().for_each(|dx| dx.fill(T::ZERO));
            let run = first..first + dx.first().map_or(0, |dx| dx.len());
            for (dy, index) in dy.chunks_exact(slice).zip(index.chunks_exact(slice)) {
                let picked = dy[run.clone()].iter().zip(&index[run.clone()]);
                picked.enumerate().for_each(|(j, (&dy, &index))| dx[index][j] += dy);
            }
        });
    }
    parallel::each_chunk(dx, slices * slice, work, |chunk, dx| {
        dx.fill(T::ZERO);
        let first = (chunk * slices).min(index_shape[0]);
        let mut part: Axes<usize> = index_shape.into();
        part[0] = if axis == 0 { part[0] } else { slices.min(part[0] - first) };
        let (walk, step) = indexed(shape, axis, &part);
        let (dy, index) = (&dy[first * of_slice..], &index[first * of_slice..]);
        walk.each_run(|place, along, run| {
            let (dx, runs) = (&mut dx[place..], dy[run.clone()].iter().zip(&index[run]));
            match (along, step) {
                (0, 1) => runs.for_each(|(&dy, &index)| dx[index] += dy),
                _ => runs.enumerate().for_each(|(j, (&dy, &index))| dx[j * along as usize + index * step] += dy),
            }
        });
    });
}

/// The walk over all axes except `axis`, and the step along that one.
fn indexed(shape: &[usize], axis: usize, index_shape: &[usize]) -> (Walk, usize) {
    let mut steps = strides(shape);
    let step = std::mem::replace(&mut steps[axis], 0);
    (Walk::new(index_shape, &steps, 0), step as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::numbers;

    /// Every index of a shape, in row-major order.
    fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
        shape.iter().fold(vec![vec![]], |all, &size| {
            all.iter().flat_map(|head| (0..size).map(|i| [&head[..], &[i]].concat())).collect()
        })
    }

    /// The element of `x` at an index.
    fn at(x: &[f64], shape: &[usize], index: &[usize]) -> f64 {
        x[index.iter().zip(strides(shape)).map(|(&i, s)| i * s as usize).sum::<usize>()]
    }

    #[test]
    fn permute_by_the_definition() {
        let cases: [(&[usize], &[usize]); 12] = [
            (&[], &[]),
            (&[5], &[0]),
            (&[3, 4], &[1, 0]),
            (&[3, 4], &[0, 1]),
            (&[70, 45], &[1, 0]),
            (&[2, 3, 4], &[2, 1, 0]),
            (&[40, 33, 50], &[2, 1, 0]),
            (&[2, 3, 4, 5], &[0, 2, 3, 1]),
            (&[2, 3, 4, 5], &[0, 3, 1, 2]),
            (&[2, 1, 4, 5], &[2, 0, 1, 3]),
            (&[2, 0, 4], &[1, 2, 0]),
            (&[200, 3, 90], &[1, 2, 0]),
        ];
        for (shape, axes) in cases {
            let x = numbers::<f64>(shape.iter().product(), 1);
            let mut out = vec![f64::NAN; x.len()];
            permute(&x, shape, axes, &mut out);
            let sizes: Vec<usize> = axes.iter().map(|&a| shape[a]).collect();
            for (value, index) in out.iter().zip(indices(&sizes)) {
                let mut own = vec![0; shape.len()];
                axes.iter().zip(&index).for_each(|(&axis, &i)| own[axis] = i);
                assert_eq!(*value, at(&x, shape, &own), "{shape:?} {axes:?} at {index:?}");
            }
        }
    }

    #[test]
    fn slice_by_the_definition() {
        type Case<'a> = (&'a [usize], &'a [usize], &'a [isize], &'a [usize]);
        let cases: [Case; 6] = [
            (&[9], &[1], &[3], &[3]),
            (&[6, 7], &[5, 0], &[-2, 1], &[3, 7]),
            (&[6, 7], &[0, 6], &[1, -1], &[6, 7]),
            (&[4, 5, 6], &[1, 1, 2], &[1, 2, 1], &[2, 2, 3]),
            (&[4, 5], &[2, 0], &[1, 1], &[0, 5]),
            (&[300, 200], &[1, 3], &[1, 1], &[290, 190]),
        ];
        for (shape, start, step, out_shape) in cases {
            let x = numbers::<f64>(shape.iter().product(), 1);
            let mut out = vec![f64::NAN; out_shape.iter().product()];
            slice(&x, shape, start, step, out_shape, &mut out);
            for (value, index) in out.iter().zip(indices(out_shape)) {
                let own: Vec<usize> =
                    (0..shape.len()).map(|a| (start[a] as isize + index[a] as isize * step[a]) as usize).collect();
                assert_eq!(*value, at(&x, shape, &own), "{shape:?} at {index:?}");
            }
        }
    }

    #[test]
    fn index_and_gather() {
        let x = numbers::<f64>(2 * 3 * 2, 1);
        let mut out = [0.0; 16];
        index_select(&x, [2, 3, 2], &[2, 0, 2, 1], &mut out);
        assert_eq!(out[..6], [x[4], x[5], x[0], x[1], x[4], x[5]]);
        assert_eq!(out[8..10], x[10..12]);
        index_select::<f64>(&x, [2, 3, 2], &[], &mut []);

        for (shape, axis, index_shape) in [
            ([2, 3, 2], 1, [2, 3, 1]),
            ([2, 3, 2], 1, [1, 6, 1]),
            ([2, 3, 2], 1, [2, 2, 1]),
            ([3, 2, 2], 0, [5, 2, 1]),
            ([4, 0, 3], 2, [4, 0, 5]),
            ([300, 20, 9], 1, [290, 31, 9]),
            ([300, 20, 9], 2, [300, 20, 11]),
            ([30, 50, 41], 0, [70, 50, 40]),
            ([30, 50, 41], 0, [70, 50, 41]),
        ] {
            let [count, size] = [&index_shape, &shape].map(|shape| shape.iter().product());
            let index: Vec<usize> = (0..count).map(|i: usize| i * i / 3 % shape[axis]).collect();
            let (x, dy, mut out) = (numbers::<f64>(size, 1), numbers::<f64>(count, 2), vec![f64::NAN; count]);
            gather(&x, &shape, axis, &index, &index_shape, &mut out);
            let (mut dx, mut want) = (vec![f64::NAN; size], vec![0.0; size]);
            scatter_add(&dy, &shape, axis, &index, &index_shape, &mut dx);
            for (i, mut place) in indices(&index_shape).into_iter().enumerate() {
                place[axis] = index[i];
                let place: usize = place.iter().zip(strides(&shape)).map(|(&i, s)| i * s as usize).sum();
                assert_eq!(out[i], x[place], "{shape:?} {axis} {index_shape:?}");
                want[place] += dy[i];
            }
            assert!(dx == want, "{shape:?} {axis} {index_shape:?}");
        }
    }
}
