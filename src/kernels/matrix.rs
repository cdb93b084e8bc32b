//! Matrices in slices: views of parts of them, and of transposed ones, without copies.
//!
//! A matrix is lines of numbers, each `pitch` numbers after the one before. Its lines are its rows or, if it is transposed,
//! its columns. A matrix to write to has rows.

#[cfg(test)]
mod tests;

use std::{marker::PhantomData, ops::Index, slice};

/// A matrix whose rows are contiguous.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a, T> {
    numbers: &'a [T],
    count: usize,
    length: usize,
    pitch: usize,
}

impl<'a, T: Copy> Rows<'a, T> {
    /// The number of rows.
    #[inline(always)]
    pub fn nrows(&self) -> usize {
        self.count
    }

    /// The length of each.
    #[inline(always)]
    pub fn ncols(&self) -> usize {
        self.length
    }

    /// Numbers from the beginning of a row to that of the next.
    #[inline(always)]
    pub fn pitch(&self) -> usize {
        self.pitch
    }

    /// Everything from the first number on.
    #[inline(always)]
    pub fn numbers(&self) -> &'a [T] {
        self.numbers
    }

    /// Row i.
    #[inline(always)]
    pub fn row(&self, i: usize) -> &'a [T] {
        assert!(i < self.count, "row {i} of {}", self.count);
        &self.numbers[i * self.pitch..][..self.length]
    }

    /// `count` rows from `start` on.
    #[inline(always)]
    pub fn subrows(self, start: usize, count: usize) -> Self {
        inside(start, count, self.count);
        Rows { numbers: self.from(start * self.pitch), count, ..self }
    }

    /// `length` columns from `start` on.
    #[inline(always)]
    pub fn subcols(self, start: usize, length: usize) -> Self {
        inside(start, length, self.length);
        Rows { numbers: self.from(start), length, ..self }
    }

    /// What follows `at`, which lies behind the numbers only where nothing is left of the matrix.
    #[inline(always)]
    fn from(&self, at: usize) -> &'a [T] {
        &self.numbers[at.min(self.numbers.len())..]
    }
}

/// A matrix, possibly transposed.
#[derive(Clone, Copy)]
pub(super) struct MatRef<'a, T> {
    lines: Rows<'a, T>,
    transposed: bool,
}

impl<'a, T: Copy> MatRef<'a, T> {
    /// The matrix `[rows, columns]` stored row after row.
    #[inline(always)]
    pub fn from_row_major_slice(numbers: &'a [T], rows: usize, columns: usize) -> Self {
        assert_eq!(numbers.len(), rows * columns, "the numbers of a matrix [{rows}, {columns}]");
        MatRef { lines: Rows { numbers, count: rows, length: columns, pitch: columns }, transposed: false }
    }

    /// The matrix `[rows, columns]` stored column after column.
    #[inline(always)]
    pub fn from_column_major_slice(numbers: &'a [T], rows: usize, columns: usize) -> Self {
        MatRef::from_row_major_slice(numbers, columns, rows).transpose()
    }

    /// The number of rows.
    #[inline(always)]
    pub fn nrows(&self) -> usize {
        if self.transposed { self.lines.length } else { self.lines.count }
    }

    /// The number of columns.
    #[inline(always)]
    pub fn ncols(&self) -> usize {
        if self.transposed { self.lines.count } else { self.lines.length }
    }

    /// The transposed matrix.
    #[inline(always)]
    pub fn transpose(self) -> Self {
        MatRef { transposed: !self.transposed, ..self }
    }

    /// The matrix if its rows are contiguous.
    #[inline(always)]
    pub fn try_as_row_major(&self) -> Option<Rows<'a, T>> {
        (!self.transposed).then_some(self.lines)
    }

    /// `count` rows from `start` on.
    #[inline(always)]
    pub fn subrows(self, start: usize, count: usize) -> Self {
        let MatRef { lines, transposed } = self;
        MatRef { lines: if transposed { lines.subcols(start, count) } else { lines.subrows(start, count) }, transposed }
    }

    /// `count` columns from `start` on.
    #[inline(always)]
    pub fn subcols(self, start: usize, count: usize) -> Self {
        self.transpose().subrows(start, count).transpose()
    }

    /// `rows` and `columns` from these on.
    #[inline(always)]
    pub fn submatrix(self, row: usize, column: usize, rows: usize, columns: usize) -> Self {
        self.subrows(row, rows).subcols(column, columns)
    }

    /// The rows before `at`, and the others.
    pub fn split_at_row(self, at: usize) -> (Self, Self) {
        (self.subrows(0, at), self.subrows(at, self.nrows() - at))
    }

    /// The columns before `at`, and the others.
    pub fn split_at_col(self, at: usize) -> (Self, Self) {
        (self.subcols(0, at), self.subcols(at, self.ncols() - at))
    }
}

impl<T: Copy> Index<(usize, usize)> for MatRef<'_, T> {
    type Output = T;

    #[inline(always)]
    fn index(&self, (i, j): (usize, usize)) -> &T {
        if self.transposed { &self.lines.row(j)[i] } else { &self.lines.row(i)[j] }
    }
}

/// A matrix to write to, whose rows are contiguous. Others may write to what lies between two rows.
pub(super) struct MatMut<'a, T> {
    /// Rows begin `pitch` numbers after each other from here on; `length` numbers of each are borrowed for `'a`.
    start: *mut T,
    count: usize,
    length: usize,
    pitch: usize,
    borrowed: PhantomData<&'a mut [T]>,
}

// SAFETY: it is as good as mutable slices of its rows, which are `Send`.
unsafe impl<T: Send> Send for MatMut<'_, T> {}

impl<'a, T> MatMut<'a, T> {
    /// The matrix `[rows, columns]` stored row after row.
    #[inline(always)]
    pub fn from_row_major_slice_mut(numbers: &'a mut [T], rows: usize, columns: usize) -> Self {
        assert_eq!(numbers.len(), rows * columns, "the numbers of a matrix [{rows}, {columns}]");
        MatMut { start: numbers.as_mut_ptr(), count: rows, length: columns, pitch: columns, borrowed: PhantomData }
    }

    /// The number of rows.
    #[inline(always)]
    pub fn nrows(&self) -> usize {
        self.count
    }

    /// The number of columns.
    #[inline(always)]
    pub fn ncols(&self) -> usize {
        self.length
    }

    /// The same, borrowed for a shorter time.
    #[inline(always)]
    pub fn as_mut(&mut self) -> MatMut<'_, T> {
        MatMut { borrowed: PhantomData, ..*self }
    }

    /// Row i.
    #[inline(always)]
    pub fn row(&self, i: usize) -> &[T] {
        assert!(i < self.count, "row {i} of {}", self.count);
        // SAFETY: the assertion keeps to the rows of this matrix, whose numbers are initialized and borrowed for it alone;
        // as long as the result lives, it is borrowed, so nobody writes to them.
        unsafe { slice::from_raw_parts(self.start.wrapping_add(i * self.pitch), self.length) }
    }

    /// Row i, to write to.
    #[inline(always)]
    pub fn row_mut(&mut self, i: usize) -> &mut [T] {
        assert!(i < self.count, "row {i} of {}", self.count);
        // SAFETY: as in `row`; the matrix is borrowed mutably as long as the result lives.
        unsafe { slice::from_raw_parts_mut(self.start.wrapping_add(i * self.pitch), self.length) }
    }

    /// `count` rows from `start` on.
    #[inline(always)]
    pub fn subrows_mut(self, start: usize, count: usize) -> Self {
        inside(start, count, self.count);
        // Where no row is left, this may point behind the numbers.
        MatMut { start: self.start.wrapping_add(start * self.pitch), count, ..self }
    }

    /// `length` columns from `start` on.
    #[inline(always)]
    pub fn subcols_mut(self, start: usize, length: usize) -> Self {
        inside(start, length, self.length);
        MatMut { start: self.start.wrapping_add(start), length, ..self }
    }

    /// The rows before `at`, and the others.
    pub fn split_at_row_mut(mut self, at: usize) -> (Self, Self) {
        let (first, rest) = (self.again(), self.count.saturating_sub(at));
        (first.subrows_mut(0, at), self.subrows_mut(at, rest))
    }

    /// The columns before `at`, and the others.
    pub fn split_at_col_mut(mut self, at: usize) -> (Self, Self) {
        let (first, rest) = (self.again(), self.length.saturating_sub(at));
        (first.subcols_mut(0, at), self.subcols_mut(at, rest))
    }

    /// A second view of all numbers; what is done with the two must not overlap.
    fn again(&mut self) -> Self {
        MatMut { borrowed: PhantomData, ..*self }
    }
}

#[inline(always)]
fn inside(start: usize, count: usize, all: usize) {
    assert!(start <= all && count <= all - start, "{count} lines from {start} on, of {all}");
}
