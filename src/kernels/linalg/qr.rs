//! QR factors by Householder reflections, with the signs that make them unique.

use faer::{MatRef, traits::RealField};

use super::{Outcome, each};
use crate::kernels::Real;

/// A = Q R of every `[m, n]`, m ≥ n, where the diagonal of the upper triangular R is not negative: `out` is `[m + n,
/// n]` for each, Q, then R. Fails for numbers that are not finite, and where a 0 on the diagonal leaves Q open.
pub fn qr<T: Real + RealField>(a: &[T], m: usize, n: usize, out: &mut [T]) -> Outcome {
    each(out, (m + n) * n, m, |i, out| {
        let a = &a[i * m * n..][..m * n];
        if !a.iter().all(|x| x.finite()) {
            return false;
        }
        let qr = MatRef::from_row_major_slice(a, m, n).qr();
        let (factor, upper) = (qr.compute_thin_Q(), qr.thin_R());
        if (0..n).any(|k| upper[(k, k)] == <T as Real>::ZERO) {
            return false;
        }
        let (q, r) = out.split_at_mut(m * n);
        let sign = |k: usize| if upper[(k, k)] < <T as Real>::ZERO { -<T as Real>::ONE } else { <T as Real>::ONE };
        q.iter_mut().enumerate().for_each(|(at, q)| *q = factor[(at / n, at % n)] * sign(at % n));
        let entry =
            |row: usize, column: usize| if row > column { <T as Real>::ZERO } else { upper[(row, column)] * sign(row) };
        r.iter_mut().enumerate().for_each(|(at, r)| *r = entry(at / n, at % n));
        true
    })
}
