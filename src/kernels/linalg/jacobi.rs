//! Rows made orthogonal to each other by rotating two at a time: W X has orthogonal rows, with W orthogonal (one-sided
//! Jacobi: Hestenes, *Inversion of Matrices by Biorthogonalization and Related Results*, J. SIAM 6, 1958).
//!
//! For rows x and y with a = x · x, b = y · y and d = x · y, the rotation
//!
//! ```text
//! x ← c x − s y,    ζ = (b − a) / 2d,    t = sign ζ / (|ζ| + √(1 + ζ²)),
//! y ← s x + c y,    c = 1 / √(1 + t²),    s = c t
//! ```
//!
//! makes them orthogonal. A sweep does so for each pair, the longest row that is left first (de Rijk, *A One-Sided Jacobi
//! Algorithm for Computing the Singular Value Decomposition on a Vector Computer*, SIAM J. Sci. Stat. Comput. 10, 1989),
//! until a sweep finds every cosine negligible. So also short rows are orthogonal to the others as far as their own length
//! lets one see (Demmel and Veselić, *Jacobi's Method Is More Accurate than QR*, SIAM J. Matrix Anal. Appl. 13, 1992).

use super::rows::dot;
use crate::kernels::{Real, arch, vector::Vectors};
use pulp::{Simd, WithSimd};

/// Sweeps after which the rows count as orthogonal whatever is left; five to ten are usual.
const MOST: usize = 40;

/// Rows of `pitch` numbers, of which the first `length` make up x and the others take part: with an identity there at the
/// beginning, W is there in the end.
pub(super) struct Rows<'a, T> {
    pub numbers: &'a mut [T],
    pub pitch: usize,
    pub length: usize,
    /// Room for |x|² of every row.
    pub squares: &'a mut [f64],
}

impl<T: Real> Rows<'_, T> {
    /// Makes the rows orthogonal; `false` if that has no end.
    pub fn orthogonalize(self) -> bool {
        let Rows { numbers, pitch, length, squares } = self;
        (0..MOST).any(|_| !arch().dispatch(Rows { numbers, pitch, length, squares }))
    }
}

/// A sweep: whether a pair was rotated.
impl<T: Real> WithSimd for Rows<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> bool {
        let (Rows { numbers, pitch, length, squares }, ops) = (self, Vectors::new(simd));
        let mut longest = 0.0f64;
        for (row, square) in numbers.chunks_exact(pitch).zip(&mut *squares) {
            *square = square_of(ops, &row[..length]);
            longest = longest.max(*square);
        }
        let epsilon = T::EPSILON.to_f64();
        let (negligible, nothing) = (epsilon * epsilon, longest * epsilon.powi(8));
        let mut rotated = false;
        for i in 0..squares.len() {
            longest_first(numbers, pitch, squares, i);
            let (above, below) = numbers.split_at_mut((i + 1) * pitch);
            let x = &mut above[i * pitch..];
            for (j, y) in (i + 1..).zip(below.chunks_exact_mut(pitch)) {
                let (a, b) = (squares[i], squares[j]);
                let d = dot(ops, &x[..length], &y[..length]).to_f64();
                if b <= nothing || d * d <= negligible * a * b {
                    continue;
                }
                rotated = true;
                let zeta = (b - a) / (2.0 * d);
                let t = (1.0 / (zeta.abs() + (1.0 + zeta * zeta).sqrt())).copysign(zeta);
                let c = 1.0 / (1.0 + t * t).sqrt();
                rotate(ops, x, y, [T::of(c), T::of(c * t)]);
                // Where little of a difference is left, it is not accurate.
                let update = |before: f64, after: f64, row: &[T]| {
                    if after < 0.01 * before { square_of(ops, &row[..length]) } else { after }
                };
                squares[i] = update(a, a - t * d, x);
                squares[j] = update(b, b + t * d, y);
            }
        }
        rotated
    }
}

#[inline(always)]
fn square_of<T: Real, S: Simd>(ops: Vectors<T, S>, x: &[T]) -> f64 {
    dot(ops, x, x).to_f64()
}

/// Exchanges row i and the longest from there on.
fn longest_first<T: Real>(rows: &mut [T], pitch: usize, squares: &mut [f64], i: usize) {
    let longer = |best, j| if squares[j] > squares[best] { j } else { best };
    let best = (i + 1..squares.len()).fold(i, longer);
    if best != i {
        squares.swap(i, best);
        let (above, below) = rows.split_at_mut(best * pitch);
        above[i * pitch..][..pitch].swap_with_slice(&mut below[..pitch]);
    }
}

#[inline(always)]
fn rotate<T: Real, S: Simd>(ops: Vectors<T, S>, x: &mut [T], y: &mut [T], [c, s]: [T; 2]) {
    let (zero, c, s, minus) = (ops.splat(T::ZERO), ops.splat(c), ops.splat(s), ops.splat(-s));
    for (x, y) in ops.cut_mut(x).iter_mut().zip(ops.cut_mut(y)) {
        let (before, other) = (*x, *y);
        *x = ops.mul_add(c, before, ops.mul_add(minus, other, zero));
        *y = ops.mul_add(c, other, ops.mul_add(s, before, zero));
    }
}
