//! The index space of a broadcast loop, folded to as few axes as possible.
//!
//! Along each axis of the result, every operand of a broadcast loop has either its own stride or stride 0. Adjacent
//! axes are one axis to the loop if *no* operand changes between the two: a bias `[20, 1, 1]` added to
//! `[128, 20, 24, 24]` is a loop over 128 × 20 runs of 576 elements, in which the bias is one number.

use std::ops::Range;

use smallvec::SmallVec;

/// Elements of a block, in which chains are computed: a register of `f32` takes 4 kB.
pub const BLOCK: usize = 1024;

/// A run shorter than this is not worth its own call; the loop then expands its operands instead.
const SHORT: usize = 96;

/// The stride of an operand along each folded axis, 0 where it is broadcast.
pub type Strides = SmallVec<[usize; 4]>;

/// The place of a run along the axes before it.
pub type Place = SmallVec<[usize; 4]>;

/// The folded index space of a broadcast loop.
pub struct Space {
    /// The folded sizes, outermost first; the last is the run.
    pub dims: SmallVec<[usize; 4]>,
    /// The strides of each operand.
    pub strides: SmallVec<[Strides; 4]>,
    /// The elements of as many of the inner axes as a block has room for: what is broadcast over the others repeats itself
    /// with this period.
    pub period: usize,
}

impl Space {
    /// Folds the space `dims` in which each of `operands` (a shape aligned at the last axis) is broadcast.
    pub fn new<'a>(dims: &[usize], operands: impl IntoIterator<Item = &'a [usize]>) -> Self {
        // Axis by axis: does the operand move along it? No operand moves along axes of size 1, so they vanish.
        let moves: SmallVec<[SmallVec<[bool; 8]>; 4]> = operands
            .into_iter()
            .map(|shape| {
                let missing = dims.len() - shape.len();
                (0..dims.len()).map(|i| i >= missing && shape[i - missing] != 1).collect()
            })
            .collect();
        let mut folded: SmallVec<[usize; 4]> = SmallVec::new();
        let mut first_axes: SmallVec<[usize; 4]> = SmallVec::new();
        for (i, &n) in dims.iter().enumerate() {
            if n == 1 {
                continue;
            }
            match (folded.last_mut(), first_axes.last()) {
                (Some(last), Some(&j)) if moves.iter().all(|m| m[i] == m[j]) => *last *= n,
                _ => {
                    folded.push(n);
                    first_axes.push(i);
                }
            }
        }
        if folded.is_empty() {
            folded.push(1);
        }
        let strides = moves
            .iter()
            .map(|moves| {
                let mut strides = Strides::from_elem(0, folded.len());
                let mut step = 1;
                for (axis, &i) in first_axes.iter().enumerate().rev() {
                    if moves[i] {
                        strides[axis] = step;
                        step *= folded[axis];
                    }
                }
                strides
            })
            .collect();
        let inner = dims.iter().rev().scan(1usize, |inner, &n| {
            *inner = inner.saturating_mul(n);
            Some(*inner)
        });
        let period = inner.take_while(|inner| (1..=BLOCK).contains(inner)).last().unwrap_or(1);
        Space { dims: folded, strides, period }
    }

    /// The number of elements of the innermost axis.
    pub fn run(&self) -> usize {
        self.dims[self.dims.len() - 1]
    }

    /// Whether blocks should follow the runs (in which every operand is a slice or one number).
    pub fn by_rows(&self) -> bool {
        self.dims.len() > 1 && self.run() >= SHORT
    }

    /// Where run `row` stands along each axis but the last.
    #[inline]
    pub fn place(&self, mut row: usize) -> Place {
        let mut place = Place::from_elem(0, self.dims.len() - 1);
        for (at, &size) in place.iter_mut().zip(&self.dims).rev() {
            (row, *at) = (row / size, row % size);
        }
        place
    }

    /// Goes on to the place of the next run.
    #[inline]
    pub fn advance(&self, place: &mut Place) {
        for (at, &size) in place.iter_mut().zip(&self.dims).rev() {
            *at += 1;
            if *at < size {
                return;
            }
            *at = 0;
        }
    }

    /// The position of operand `k` at the start of the run at `place`.
    #[inline]
    pub fn offset(&self, k: usize, place: &Place) -> usize {
        place.iter().zip(&self.strides[k]).map(|(at, stride)| at * stride).sum()
    }

    /// Whether operand `k` covers the whole space in order.
    pub fn contiguous(&self, k: usize) -> bool {
        self.strides[k].iter().all(|&s| s != 0) || self.dims.iter().all(|&n| n == 1)
    }

    /// Whether operand `k` is one number throughout.
    pub fn constant(&self, k: usize) -> bool {
        self.strides[k].iter().all(|&s| s == 0)
    }

    /// Calls `f(elements, position)` for each stretch of the flat `range` within one run: its elements, counted from
    /// the start of the range, and the position of operand `k` at its beginning.
    #[inline(always)]
    pub fn stretches(&self, k: usize, range: Range<usize>, mut f: impl FnMut(Range<usize>, usize)) {
        if range.is_empty() {
            return;
        }
        let run = self.run();
        let stride = self.strides[k][self.dims.len() - 1];
        let (mut place, mut column) = (self.place(range.start / run), range.start % run);
        let mut at = range.start;
        while at < range.end {
            let stop = range.end.min(at + run - column);
            f(at - range.start..stop - range.start, self.offset(k, &place) + column * stride);
            at = stop;
            self.advance(&mut place);
            column = 0;
        }
    }

    /// Calls `f(runs, position, stride)` for each stretch of the `runs` along the axis before the last: which they are, counted
    /// from the first, and the position of operand `k` at the beginning of its first, and how far apart they begin.
    #[inline(always)]
    pub fn stretches_of_runs(&self, k: usize, runs: Range<usize>, mut f: impl FnMut(Range<usize>, usize, usize)) {
        let Some(axis) = self.dims.len().checked_sub(2) else { return f(0..runs.len(), 0, 0) };
        let (size, stride) = (self.dims[axis], self.strides[k][axis]);
        let (mut place, mut at) = (self.place(runs.start), runs.start);
        let (mut position, mut first) = (self.offset(k, &place), place[axis]);
        let (place, dims, strides) = (&mut place[..axis], &self.dims[..axis], &self.strides[k][..axis]);
        while at < runs.end {
            let stop = runs.end.min(at + size - first);
            f(at - runs.start..stop - runs.start, position, stride);
            // Where the next stretch begins is a step from here along one of the outer axes, after those that end here.
            position -= first * stride;
            (at, first) = (stop, 0);
            for ((at, &size), &stride) in place.iter_mut().zip(dims).zip(strides).rev() {
                (*at, position) = (*at + 1, position + stride);
                if *at < size {
                    break;
                }
                (*at, position) = (0, position - size * stride);
            }
        }
    }

    /// Whether operand `k` has the same numbers a period later.
    pub fn repeats(&self, k: usize) -> bool {
        let mut inner = 1;
        self.dims.iter().zip(&self.strides[k]).rev().all(|(size, &stride)| {
            inner *= size;
            stride == 0 || inner <= self.period
        })
    }

    /// Whether operand `k` moves along a run (by one element per step, if so).
    pub fn moves(&self, k: usize) -> bool {
        self.strides[k][self.dims.len() - 1] != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjacent_axes_fold_where_no_operand_changes() {
        let space = Space::new(&[128, 20, 24, 24], [&[128, 20, 24, 24][..], &[20, 1, 1], &[]]);
        assert_eq!(&space.dims[..], [128, 20, 576]);
        assert_eq!(&space.strides[0][..], [11520, 576, 1]);
        assert_eq!(&space.strides[1][..], [0, 1, 0]);
        assert!(space.constant(2) && space.contiguous(0) && space.by_rows());
    }

    #[test]
    fn stretches_agree_with_index_arithmetic() {
        let space = Space::new(&[2, 3, 4], [&[3, 1][..], &[2, 1, 4]]);
        let positions = |k| {
            let mut all = vec![usize::MAX; 17];
            space.stretches(k, 3..20, |part, at| {
                for (i, step) in part.zip(0..) {
                    all[i] = at + if space.moves(k) { step } else { 0 };
                }
            });
            all
        };
        let (a, b) = (positions(0), positions(1));
        let expected =
            |f: fn(usize, usize, usize) -> usize| (3..20).map(|i| f(i / 12, i / 4 % 3, i % 4)).collect::<Vec<_>>();
        assert_eq!(a, expected(|_, j, _| j));
        assert_eq!(b, expected(|i, _, k| i * 4 + k));
    }

    #[test]
    fn stretches_of_runs_agree_with_index_arithmetic() {
        let operands = [&[3, 1][..], &[2, 1, 4], &[5, 1, 1, 4], &[5, 1, 1, 1]];
        for dims in [&[5, 2, 3, 4][..], &[5, 1, 3, 4], &[1, 1, 1, 4]] {
            let operands = operands.map(|shape| match shape.len() > dims.len() || dims[0] == 1 {
                true => &[][..],
                false if dims[1] == 1 && shape[0] == 2 => &[],
                false => shape,
            });
            let space = Space::new(dims, operands);
            let runs = dims.iter().product::<usize>() / space.run();
            for (k, from) in (0..operands.len()).flat_map(|k| (0..runs).map(move |from| (k, from))) {
                let mut positions = Vec::new();
                space.stretches_of_runs(k, from..runs, |part, at, stride| {
                    assert_eq!(part.start, positions.len());
                    positions.extend((0..part.len()).map(|i| at + i * stride));
                });
                assert_eq!(positions, (from..runs).map(|run| space.offset(k, &space.place(run))).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn what_does_not_move_over_the_outer_axes_repeats_itself() {
        let space = Space::new(&[100, 20, 8], [&[20, 8][..], &[100, 1, 8], &[8], &[20, 1], &[1]]);
        assert_eq!((space.period, [0, 1, 2, 3, 4].map(|k| space.repeats(k))), (160, [true, false, true, true, true]));
        let space = Space::new(&[2, 700, 8], [&[700, 8][..], &[8]]);
        assert_eq!((space.period, [0, 1].map(|k| space.repeats(k))), (8, [false, true]));
        let space = Space::new(&[2, 3000], [&[3000][..], &[2, 1]]);
        assert_eq!((space.period, [0, 1].map(|k| space.repeats(k))), (1, [false, false]));
    }

    #[test]
    fn the_places_of_runs_follow_each_other() {
        let space = Space::new(&[3, 2, 4], [&[3, 1, 1][..], &[1, 2, 1], &[3, 2, 4]]);
        let mut place = space.place(0);
        for run in 0..6 {
            assert_eq!(place, space.place(run));
            assert_eq!([0, 1, 2].map(|k| space.offset(k, &place)), [run / 2, run % 2, 4 * run]);
            space.advance(&mut place);
        }
        assert_eq!(place, space.place(0));
    }

    #[test]
    fn one_element_and_empty_spaces() {
        let one = Space::new(&[1, 1], [&[1][..]]);
        assert_eq!((one.dims.len(), one.run()), (1, 1));
        assert_eq!(Space::new(&[0, 3], [&[0, 3][..]]).dims.iter().product::<usize>(), 0);
    }
}
