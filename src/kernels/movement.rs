//! Moving numbers without computing: permuting, slicing, joining and picking by index, and those adjoints that are not
//! themselves one of these. Tensors are row-major slices, with their shapes passed alongside.
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

/// Joins `parts` along an axis: each is `[outer, its length, inner]`, given with its length.
pub fn concat<T: Real>(parts: &[(&[T], usize)], outer: usize, inner: usize, out: &mut [T]) {
    let row = parts.iter().map(|(_, len)| len * inner).sum::<usize>();
    debug_assert_eq!(out.len(), outer * row);
    for (i, mut row) in out.chunks_exact_mut(row.max(1)).enumerate() {
        for &(part, len) in parts {
            let (target, rest) = row.split_at_mut(len * inner);
            target.copy_from_slice(&part[i * len * inner..][..len * inner]);
            row = rest;
        }
    }
}

/// `out[:, i, :] = x[:, indices[i], :]` for `x [outer, len, inner]`.
pub fn index_select<T: Real>(x: &[T], [outer, len, inner]: [usize; 3], indices: &[usize], out: &mut [T]) {
    debug_assert!(out.len() == outer * indices.len() * inner && indices.iter().all(|&i| i < len));
    let rows = parallel::rows_per_chunk(outer * indices.len(), inner);
    let numbers = out.len();
    parallel::each_chunk(out, rows * inner, numbers, |chunk, out| {
        for (i, out) in out.chunks_exact_mut(inner.max(1)).enumerate() {
            let row = chunk * rows + i;
            let place = row / indices.len() * len + indices[row % indices.len()];
            out.copy_from_slice(&x[place * inner..][..inner]);
        }
    });
}

/// `out[i, j, …] = x[i, …, index[i, j, …], …]`, with the index at `axis`. `out` and `index` have sizes `index_shape`,
/// which along the other axes may be smaller than `shape`, as in `torch.gather`.
pub fn gather<T: Real>(x: &[T], shape: &[usize], axis: usize, index: &[usize], index_shape: &[usize], out: &mut [T]) {
    let (walk, step) = indexed(shape, axis, index_shape);
    walk.each(|i, place| out[i] = x[place + index[i] * step]);
}

/// The adjoint of [`gather`]: `dx[i, …, index[i, j, …], …] += dy[i, j, …]`, from 0; `dx` has sizes `shape`.
pub fn scatter_add<T: Real>(
    dy: &[T],
    shape: &[usize],
    axis: usize,
    index: &[usize],
    index_shape: &[usize],
    dx: &mut [T],
) {
    dx.fill(T::ZERO);
    let (walk, step) = indexed(shape, axis, index_shape);
    walk.each(|i, place| dx[place + index[i] * step] += dy[i]);
}

/// The walk over all axes except `axis`, and the step along that one.
fn indexed(shape: &[usize], axis: usize, index_shape: &[usize]) -> (Walk, usize) {
    let mut steps = strides(shape);
    let step = std::mem::replace(&mut steps[axis], 0);
    (Walk::new(index_shape, &steps, 0), step as usize)
}

/// `out[:, i, :] = Σ over j ≤ i of x[:, j, :]`, or over j ≥ i if `reverse` (the adjoint), for `x [outer, len, inner]`.
pub fn cumsum<T: Real>(x: &[T], [outer, len, inner]: [usize; 3], reverse: bool, out: &mut [T]) {
    debug_assert!(x.len() == outer * len * inner && out.len() == x.len());
    out.copy_from_slice(x);
    let size = len * inner;
    let work = out.len();
    parallel::each_chunk(out, size, work, |_, out| {
        for i in 1..len {
            // Row `to` receives the running sum of row `from`, its neighbor toward the start of the sum.
            let (from, to) = if reverse { (len - i, len - i - 1) } else { (i - 1, i) };
            let (low, high) = out.split_at_mut(from.max(to) * inner);
            let (low, high) = (&mut low[from.min(to) * inner..], &mut high[..inner]);
            let (sum, row) = if reverse { (high, low) } else { (low, high) };
            row.iter_mut().zip(&*sum).for_each(|(r, &s)| *r += s);
        }
    });
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

    fn inner_product(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
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
    fn concat_index_gather_and_cumsum() {
        let mut out = [0.0; 10];
        concat(&[(&[1.0, 2.0, 3.0, 4.0], 2), (&[5.0, 6.0], 1), (&[7.0, 8.0, 9.0, 10.0], 2), (&[], 0)], 2, 1, &mut out);
        assert_eq!(out, [1.0, 2.0, 5.0, 7.0, 8.0, 3.0, 4.0, 6.0, 9.0, 10.0]);

        let x = numbers::<f64>(2 * 3 * 2, 1);
        let mut out = [0.0; 16];
        index_select(&x, [2, 3, 2], &[2, 0, 2, 1], &mut out);
        assert_eq!(out[..6], [x[4], x[5], x[0], x[1], x[4], x[5]]);
        assert_eq!(out[8..10], x[10..12]);
        let dy = numbers::<f64>(16, 2);
        index_select::<f64>(&x, [2, 3, 2], &[], &mut []);

        let index = [2, 0, 1, 1, 0, 0];
        for (axis, index_shape) in [(1, [2, 3, 1]), (1, [1, 6, 1]), (1, [2, 2, 1])] {
            let count = index_shape.iter().product();
            let (index, mut out) = (&index[..count], vec![f64::NAN; count]);
            gather(&x, &[2, 3, 2], axis, index, &index_shape, &mut out);
            for ((value, place), &at_axis) in out.iter().zip(indices(&index_shape)).zip(index) {
                assert_eq!(*value, at(&x, &[2, 3, 2], &[place[0], at_axis, place[2]]));
            }
            let mut dx = [f64::NAN; 12];
            scatter_add(&dy[..count], &[2, 3, 2], axis, index, &index_shape, &mut dx);
            assert!((inner_product(&dx, &x) - inner_product(&dy[..count], &out)).abs() < 1e-12);
        }

        let mut out = [0.0; 6];
        cumsum(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1, 3, 2], false, &mut out);
        assert_eq!(out, [1.0, 2.0, 4.0, 6.0, 9.0, 12.0]);
        cumsum(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3, 1], true, &mut out);
        assert_eq!(out, [6.0, 5.0, 3.0, 15.0, 11.0, 6.0]);
        cumsum::<f64>(&[], [2, 0, 1], false, &mut []);
    }
}
