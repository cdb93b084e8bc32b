//! Eigenvalues and eigenvectors of a small tridiagonal matrix by the implicit QL method (Dubrulle, Martin and Wilkinson,
//! *The Implicit QL Algorithm*, Numerische Mathematik 12, 1968).
//!
//! A step subtracts a shift near an eigenvalue, and takes the matrix through a sequence of plane rotations back to
//! tridiagonal form, with a smaller first number beside the diagonal. The numbers of the matrix are in double precision
//! whatever the precision of the vectors, which the rotations are applied to.

use crate::kernels::Real;

/// The largest matrix.
pub(super) const MOST: usize = 32;
/// Replaces `d` by the eigenvalues of the matrix with diagonal `d` and numbers `e` beside it, in any order, and multiplies
/// `rows`, one for each, by the transposed matrix of eigenvectors. The last number of `e`, of as many as `d`, is not read.
/// `false` if it does not converge.
#[inline(always)]
pub(super) fn by_rotations<T: Real, const WIDTH: usize>(d: &mut [f64], e: &mut [f64], rows: &mut [[T; WIDTH]]) -> bool {
    let n = d.len();
    // An eighth of the error that the vectors have anyway.
    let small = T::EPSILON.to_f64() / 8.0;
    let mut steps = 30 * n;
    for first in 0..n {
        loop {
            let negligible = |&i: &usize| e[i].abs() <= small * (d[i].abs() + d[i + 1].abs()) + 1e-280;
            let last = (first..n - 1).find(negligible).unwrap_or(n - 1);
            if last == first {
                break;
            }
            if steps == 0 {
                return false;
            }
            steps -= 1;
            step(d, e, rows, first, last);
        }
    }
    true
}

/// One step on the numbers `first..=last`.
#[inline(always)]
fn step<T: Real, const WIDTH: usize>(d: &mut [f64], e: &mut [f64], rows: &mut [[T; WIDTH]], first: usize, last: usize) {
    let half = (d[first + 1] - d[first]) / (2.0 * e[first]);
    let shift = e[first] / (half + (half * half + 1.0).sqrt().copysign(half));
    let mut g = d[last] - d[first] + shift;
    let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
    for i in (first..last).rev() {
        let (f, b) = (s * e[i], c * e[i]);
        let r = (f * f + g * g).sqrt();
        e[i + 1] = r;
        if r < 1e-150 {
            // The matrix falls apart here.
            d[i + 1] -= p;
            e[last] = 0.0;
            return;
        }
        let inverse = 1.0 / r;
        (s, c) = (f * inverse, g * inverse);
        g = d[i + 1] - p;
        let r = (d[i] - g) * s + 2.0 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        let (s, c) = (T::of(s), T::of(c));
        let [upper, lower] = rows[i..].first_chunk_mut().expect("there are two rows");
        for (x, y) in upper.iter_mut().zip(lower) {
            (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
        }
    }
    d[first] -= p;
    e[first] = g;
    e[last] = 0.0;
}
