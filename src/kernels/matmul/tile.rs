//! Small products in registers: up to [`ROWS`] rows and a vector of columns of `out` are summed at a time, so that every
//! vector of `b` that is loaded serves all of these rows, and no sum touches memory before it is complete.
//!
//! A term waits for the one before it, and those of 8 rows are under way at a time. The order of each sum is that of its terms,
//! however many rows there are, so that a batch in parts has the bits of the whole.

use super::Product;
use crate::kernels::{
    Real,
    scratch::with_scratch,
    transpose::turn_lines,
    vector::{Vector, Vectors},
};
use pulp::{Simd, WithSimd};
use std::ops::Range;

/// Rows of a tile.
const ROWS: usize = 8;

/// What a product is added to.
#[derive(Clone, Copy)]
pub(super) enum Before<'a, T> {
    Nothing,
    /// What is in `out`.
    Out,
    /// The same row for all rows; not for a product of one column.
    Row(&'a [T]),
}

/// `out = before + scale · a b`, on the machine that it is dispatched to.
pub(super) struct Small<'a, T> {
    pub product: Product,
    pub out: &'a mut [T],
    pub before: Before<'a, T>,
    pub a: &'a [T],
    pub b: &'a [T],
}

impl<T: Real> WithSimd for Small<'_, T> {
    type Output = ();

    /// With few columns and many rows, (A B)ᵀ = Bᵀ Aᵀ fills the vectors better.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let vectors = Vectors::<T, S>::new(simd);
        let lanes = Vectors::<T, S>::LANES;
        let Product { m, n, ta, tb, .. } = self.product;
        if m * n == 0 {
            return;
        }
        if n > 1 && (n >= lanes || m < lanes || !ta) {
            return self.panels(vectors);
        }
        let Small { product, out, before, a, b } = self;
        let product = Product { m: n, n: m, ta: !tb, tb: !ta, ..product };
        if n == 1 {
            return Small { product, out, before, a: b, b: a }.panels(vectors);
        }
        with_scratch(
            m * n,
            #[inline(always)]
            |columns: &mut [T]| {
                Small { product, out: columns, before: Before::Nothing, a: b, b: a }.panels(vectors);
                for (j, column) in columns.chunks_exact(m).enumerate() {
                    for (i, &x) in column.iter().enumerate() {
                        let out = &mut out[i * n + j];
                        *out = match before {
                            Before::Nothing => x,
                            Before::Out => *out + x,
                            Before::Row(row) => row[j] + x,
                        };
                    }
                }
            },
        );
    }
}

impl<T: Real> Small<'_, T> {
    /// The product, a vector of columns at a time. Columns that do not fill a vector, or are not contiguous, are packed.
    #[inline(always)]
    fn panels<S: Simd>(mut self, vectors: Vectors<T, S>) {
        let Product { n, k, tb, .. } = self.product;
        let lanes = Vectors::<T, S>::LANES;
        if k == 0 {
            return match self.before {
                Before::Nothing => self.out.fill(T::ZERO),
                Before::Out => {}
                Before::Row(row) => self.out.chunks_exact_mut(n).for_each(|out| out.copy_from_slice(row)),
            };
        }
        let in_place = if tb { 0 } else { n - n % lanes };
        for j in (0..in_place).step_by(lanes) {
            let b = self.b;
            self.panel(vectors, j..j + lanes, &b[j..], n);
        }
        if in_place == n {
            return;
        }
        with_scratch(
            k * lanes,
            #[inline(always)]
            |panel: &mut [T]| {
                for j in (in_place..n).step_by(lanes) {
                    let columns = j..n.min(j + lanes);
                    self.pack(panel, columns.clone(), lanes);
                    self.panel(vectors, columns, panel, lanes);
                }
            },
        );
    }

    /// The rows of b in these columns, one after the other; lanes without a column hold numbers that count for nothing.
    #[inline(always)]
    fn pack(&self, panel: &mut [T], columns: Range<usize>, lanes: usize) {
        let Product { n, k, tb, .. } = self.product;
        if tb {
            return turn_lines(&self.b[columns.start * k..columns.end * k], k, panel, lanes);
        }
        for (row, b) in panel.chunks_exact_mut(lanes).zip(self.b.chunks_exact(n)) {
            let (row, rest) = row.split_at_mut(columns.len());
            row.copy_from_slice(&b[columns.clone()]);
            rest.fill(T::ZERO);
        }
    }

    /// Some columns of the product, at most a vector of them, whose rows in b are `pitch` apart.
    #[inline(always)]
    fn panel<S: Simd>(&mut self, vectors: Vectors<T, S>, columns: Range<usize>, b: &[T], pitch: usize) {
        let m = self.product.m;
        let mut i = 0;
        while i < m {
            let columns = columns.clone();
            i += match m - i {
                ROWS.. => self.tile::<S, ROWS>(vectors, i, columns, b, pitch),
                4.. => self.tile::<S, 4>(vectors, i, columns, b, pitch),
                2.. => self.tile::<S, 2>(vectors, i, columns, b, pitch),
                _ => self.tile::<S, 1>(vectors, i, columns, b, pitch),
            };
        }
    }

    /// R rows of a panel, summed in registers; returns R.
    #[inline(always)]
    fn tile<S: Simd, const R: usize>(
        &mut self,
        vectors: Vectors<T, S>,
        i: usize,
        columns: Range<usize>,
        b: &[T],
        pitch: usize,
    ) -> usize {
        let Product { m, n, k, ta, scale, .. } = self.product;
        let sums = if ta {
            Terms::<_, R> { a: &self.a[i..], apart: [1, m], b, pitch, count: k }.sums(vectors)
        } else {
            Terms::<_, R> { a: &self.a[i * k..], apart: [k, 1], b, pitch, count: k }.sums(vectors)
        };
        let scale = vectors.splat(T::of(scale));
        for (r, sum) in sums.into_iter().enumerate() {
            let out = &mut self.out[(i + r) * n..][columns.clone()];
            let whole = out.len() == Vectors::<T, S>::LANES;
            let before = match self.before {
                Before::Nothing => None,
                Before::Out => Some(&*out),
                Before::Row(row) => Some(&row[columns.clone()]),
            };
            let before = match before {
                None => vectors.splat(T::ZERO),
                Some(before) if whole => vectors.load(before, 0),
                Some(before) => vectors.part(before),
            };
            let sum = vectors.mul_add(scale, sum, before);
            if whole { vectors.store(out, 0, sum) } else { vectors.store_part(out, sum) }
        }
        R
    }
}

/// What a tile is summed from.
struct Terms<'a, T, const R: usize> {
    a: &'a [T],
    /// From a number of `a` to that of the next row, and to that of the next term.
    apart: [usize; 2],
    b: &'a [T],
    /// From a term of b to the next.
    pitch: usize,
    count: usize,
}

impl<T: Real, const R: usize> Terms<'_, T, R> {
    /// `Σ over p of a[r, p] · b[p, lane]` for R rows.
    #[inline(always)]
    fn sums<S: Simd>(self, vectors: Vectors<T, S>) -> [Vector<T, S>; R] {
        let ([down, along], last) = (self.apart, self.count - 1);
        assert!(self.a.len() > (R - 1) * down + last * along);
        assert!(self.b.len() >= last * self.pitch + Vectors::<T, S>::LANES);
        let mut sums = [vectors.splat(T::ZERO); R];
        for p in 0..self.count {
            // SAFETY: the assertions are what `add` asks for.
            unsafe { self.add(vectors, p, &mut sums) };
        }
        sums
    }

    /// Adds term p to the sums.
    ///
    /// # Safety
    /// p is less than `count`; all rows of `a`, and all terms of `b`, each as long as a vector, are there.
    #[inline(always)]
    unsafe fn add<S: Simd>(&self, vectors: Vectors<T, S>, p: usize, sums: &mut [Vector<T, S>; R]) {
        let at = p * self.pitch;
        // SAFETY: the caller's promise. Checked here, for every term, the bounds take as long as the products.
        let b = vectors.load(unsafe { self.b.get_unchecked(at..at + Vectors::<T, S>::LANES) }, 0);
        for (r, sum) in sums.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            let a = unsafe { *self.a.get_unchecked(r * self.apart[0] + p * self.apart[1]) };
            *sum = vectors.mul_add(vectors.splat(a), b, *sum);
        }
    }
}
