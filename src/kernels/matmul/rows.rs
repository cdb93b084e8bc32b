//! Products of a few rows, or with few terms: rows of B times numbers, added up row by row of `out`.
//!
//! B is read from one end to the other, a few rows side by side, and `out` stays in the first-level cache meanwhile; or
//! where the sums are short, `out` is written so and B stays there.

use crate::kernels::{
    Real,
    matrix::{MatMut, MatRef, Rows},
    vector::Vectors,
};
use pulp::{Simd, WithSimd};

/// `out = scale · a b`, or added to `out`, for a `b` whose rows are contiguous.
pub(super) struct Sums<'a, T> {
    pub out: MatMut<'a, T>,
    pub accumulate: bool,
    pub scale: T,
    pub a: MatRef<'a, T>,
    pub b: Rows<'a, T>,
}

impl<T: Real> WithSimd for Sums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let k = self.b.nrows();
        for i in 0..self.out.nrows() {
            let mut p = 0;
            while p < k {
                p += match k - p {
                    8.. => self.add::<S, 8>(simd, i, p),
                    4.. => self.add::<S, 4>(simd, i, p),
                    2.. => self.add::<S, 2>(simd, i, p),
                    _ => self.add::<S, 1>(simd, i, p),
                };
            }
        }
    }
}

impl<T: Real> Sums<'_, T> {
    /// Adds P terms to row i of `out`, or begins it with them; returns P.
    #[inline(always)]
    fn add<S: Simd, const P: usize>(&mut self, simd: S, i: usize, p: usize) -> usize {
        let (mut factors, mut rows) = ([T::ZERO; P], [&[][..]; P]);
        for q in 0..P {
            (factors[q], rows[q]) = (self.scale * self.a[(i, p + q)], self.b.row(p + q));
        }
        simd.vectorize(Terms { out: self.out.row_mut(i), accumulate: self.accumulate || p > 0, factors, rows });
        P
    }
}

/// P rows times numbers, all as long as `out`.
struct Terms<'a, T, const P: usize> {
    out: &'a mut [T],
    accumulate: bool,
    factors: [T; P],
    rows: [&'a [T]; P],
}

impl<T: Real, const P: usize> WithSimd for Terms<'_, T, P> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Terms { out, accumulate, factors, rows } = self;
        let (vectors, lanes) = (Vectors::<T, S>::new(simd), Vectors::<T, S>::LANES);
        let whole = out.len() - out.len() % lanes;
        assert!(rows.iter().all(|row| row.len() == out.len()), "rows of one length");
        let mut x = [vectors.splat(T::ZERO); P];
        for (x, factor) in x.iter_mut().zip(factors) {
            *x = vectors.splat(factor);
        }
        for j in (0..whole).step_by(lanes) {
            let mut sum = if accumulate { vectors.load(out, j) } else { vectors.splat(T::ZERO) };
            for (&x, row) in x.iter().zip(rows) {
                // SAFETY: j + lanes ≤ whole ≤ the length of every row, which the assertion has checked. Checked here, the bounds
                // take as long as the products.
                let row = unsafe { row.get_unchecked(j..j + lanes) };
                sum = vectors.mul_add(x, vectors.load(row, 0), sum);
            }
            vectors.store(out, j, sum);
        }
        if whole < out.len() {
            let out = &mut out[whole..];
            let mut sum = if accumulate { vectors.part(out) } else { vectors.splat(T::ZERO) };
            for (&x, row) in x.iter().zip(rows) {
                sum = vectors.mul_add(x, vectors.part(&row[whole..]), sum);
            }
            vectors.store_part(out, sum);
        }
    }
}
