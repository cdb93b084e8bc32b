//! Factorizations of batches of small row-major matrices, one call per matrix, matrices shared out over the threads:
//! symmetric eigenvectors by our own [`eigen`], the others by `faer`. A function that fails returns the index of the first
//! matrix of the batch at which it failed.
//!
//! Of symmetric matrices [`eigh`] reads the symmetric part, (A + Aᵀ)/2, and [`cholesky`] the lower triangle.

mod eigen;
mod qr;
mod symmetric;

pub use eigen::eigh;
pub use qr::qr;
use symmetric::symmetric_part;
pub use symmetric::{eigh_grad, lyapunov, symmetric_sqrt};

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::{Real, parallel};
use faer::{
    MatMut, MatRef, Side,
    linalg::solvers::{DenseSolveCore, PartialPivLu, Solve},
    traits::RealField,
};

/// The index of the first matrix that could not be processed.
type Outcome = Result<(), usize>;

/// Writes one run of `size` numbers for each matrix; `body` returns `false` where it fails. `n` is the larger size of
/// the matrices.
fn each<T: Real>(out: &mut [T], size: usize, n: usize, body: impl Fn(usize, &mut [T]) -> bool + Sync) -> Outcome {
    let failed = AtomicUsize::new(usize::MAX);
    let work = out.len() / size.max(1) * n * n * n;
    parallel::each_chunk(out, size, work, |i, out| {
        if !body(i, out) {
            failed.fetch_min(i, Relaxed);
        }
    });
    match failed.into_inner() {
        usize::MAX => Ok(()),
        first => Err(first),
    }
}

/// The factors P A = L U of the i-th matrix `[n, n]`.
fn factors<T: Real + RealField>(a: &[T], n: usize, i: usize) -> PartialPivLu<T> {
    PartialPivLu::new(MatRef::from_row_major_slice(&a[i * n * n..][..n * n], n, n))
}

/// The pivots, and whether the number of row exchanges is odd.
fn pivots<T: Real + RealField>(lu: &PartialPivLu<T>) -> (impl Iterator<Item = T> + '_, bool) {
    let (rows, _) = lu.P().arrays();
    let mut seen = vec![false; rows.len()];
    let mut odd = false;
    for start in 0..rows.len() {
        let mut row = start;
        // A cycle of k rows takes k − 1 exchanges.
        while !std::mem::replace(&mut seen[row], true) {
            row = rows[row];
            odd ^= row != start;
        }
    }
    ((0..rows.len()).map(|k| lu.U()[(k, k)]), odd)
}

fn singular<T: Real + RealField>(lu: &PartialPivLu<T>) -> bool {
    pivots(lu).0.any(|pivot| pivot == <T as Real>::ZERO)
}

/// A⁻¹ of every `[n, n]`. Fails for a singular matrix.
pub fn inverse<T: Real + RealField>(a: &[T], n: usize, out: &mut [T]) -> Outcome {
    each(out, n * n, n, |i, out| {
        let lu = factors(a, n, i);
        if singular(&lu) {
            return false;
        }
        MatMut::from_row_major_slice_mut(out, n, n).copy_from(lu.inverse());
        true
    })
}

/// A⁻¹ B of every `[n, n]` and `[n, columns]`, or A⁻ᵀ B if `transposed`. Fails for a singular matrix.
pub fn solve<T: Real + RealField>(
    a: &[T],
    b: &[T],
    n: usize,
    columns: usize,
    transposed: bool,
    out: &mut [T],
) -> Outcome {
    out.copy_from_slice(b);
    each(out, n * columns, n, |i, out| {
        let lu = factors(a, n, i);
        if singular(&lu) {
            return false;
        }
        let out = MatMut::from_row_major_slice_mut(out, n, columns);
        if transposed {
            lu.solve_transpose_in_place(out)
        } else {
            lu.solve_in_place(out)
        }
        true
    })
}

/// The determinant of every `[n, n]`.
pub fn det<T: Real + RealField>(a: &[T], n: usize, out: &mut [T]) {
    let outcome = each(out, 1, n, |i, out| {
        let lu = factors(a, n, i);
        let (pivots, odd) = pivots(&lu);
        let product = pivots.fold(<T as Real>::ONE, |product, pivot| product * pivot);
        out[0] = if odd { -product } else { product };
        true
    });
    debug_assert_eq!(outcome, Ok(()), "every matrix has a determinant");
}

/// The sign (−1, 0 or 1) of the determinant of every `[n, n]`, and ln |det|: `out` is `[2]` for each.
pub fn slogdet<T: Real + RealField>(a: &[T], n: usize, out: &mut [T]) {
    let outcome = each(out, 2, n, |i, out| {
        let lu = factors(a, n, i);
        let (pivots, odd) = pivots(&lu);
        let start = (if odd { -<T as Real>::ONE } else { <T as Real>::ONE }, <T as Real>::ZERO);
        let (sign, log) = pivots.fold(start, |(sign, log), p| (sign * p.sign(), log + p.magnitude().ln_()));
        out.copy_from_slice(&[sign, log]);
        true
    });
    debug_assert_eq!(outcome, Ok(()), "every matrix has a determinant");
}

/// The lower triangular L with A = L Lᵀ of every symmetric `[n, n]`. Fails where A is not positive definite.
pub fn cholesky<T: Real + RealField>(a: &[T], n: usize, out: &mut [T]) -> Outcome {
    each(out, n * n, n, |i, out| {
        let a = MatRef::from_row_major_slice(&a[i * n * n..][..n * n], n, n);
        a.llt(Side::Lower).map(|llt| MatMut::from_row_major_slice_mut(out, n, n).copy_from(llt.L())).is_ok()
    })
}

/// A = U diag(s) Vᵀ of every `[m, n]`, with k = min(m, n) singular values in descending order: `out` is
/// `[m + 1 + n, k]` for each, U, then s, then V. Fails for numbers that are not finite.
pub fn svd<T: Real + RealField>(a: &[T], m: usize, n: usize, out: &mut [T]) -> Outcome {
    let k = m.min(n);
    each(out, (m + 1 + n) * k, m.max(n), |i, out| {
        let a = &a[i * m * n..][..m * n];
        if !a.iter().all(|x| x.finite()) {
            return false;
        }
        let Ok(svd) = MatRef::from_row_major_slice(a, m, n).thin_svd() else { return false };
        let (u, rest) = out.split_at_mut(m * k);
        let (s, v) = rest.split_at_mut(k);
        MatMut::from_row_major_slice_mut(u, m, k).copy_from(svd.U());
        s.iter_mut().zip(svd.S().column_vector().iter()).for_each(|(out, &value)| *out = value);
        MatMut::from_row_major_slice_mut(v, n, k).copy_from(svd.V());
        true
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::numbers;

    /// A B of square matrices.
    fn product(a: &[f64], b: &[f64], n: usize) -> Vec<f64> {
        (0..n * n).map(|i| (0..n).map(|k| a[i / n * n + k] * b[k * n + i % n]).sum()).collect()
    }

    fn transposed(a: &[f64], n: usize) -> Vec<f64> {
        (0..n * n).map(|i| a[i % n * n + i / n]).collect()
    }

    fn close(a: &[f64], b: &[f64]) {
        assert!(a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-10), "{a:?} is not {b:?}");
    }

    #[test]
    fn factors_multiply_to_the_matrix() {
        for n in [1, 2, 3, 5, 17] {
            let a = numbers::<f64>(n * n, n as u64);
            let identity: Vec<f64> = (0..n * n).map(|i| f64::from(i / n == i % n)).collect();
            let mut out = vec![f64::NAN; n * n];
            inverse(&a, n, &mut out).unwrap();
            close(&product(&a, &out, n), &identity);
            solve(&a, &identity, n, n, true, &mut out).unwrap();
            close(&product(&transposed(&a, n), &out, n), &identity);

            let mut positive = product(&a, &transposed(&a, n), n);
            positive.iter_mut().zip(&identity).for_each(|(p, i)| *p += 0.1 * i);
            cholesky(&positive, n, &mut out).unwrap();
            close(&product(&out, &transposed(&out, n), n), &positive);
            let mut packed = vec![f64::NAN; n * (n + 1)];
            eigh(&positive, n, &mut packed).unwrap();
            symmetric_sqrt(&mut packed, n, &mut out).unwrap();
            close(&product(&out, &out, n), &positive);
            let mut x = vec![f64::NAN; n * n];
            lyapunov(&packed, &a, n, &mut x).unwrap();
            let sum: Vec<f64> = product(&out, &x, n).iter().zip(product(&x, &out, n)).map(|(a, b)| a + b).collect();
            let twice: Vec<f64> = sum.iter().map(|x| x * 2.0).collect();
            close(&twice, &a.iter().zip(transposed(&a, n)).map(|(a, b)| a + b).collect::<Vec<_>>());
            assert_eq!(x, transposed(&x, n));

            let mut packed = vec![f64::NAN; n * (n + 1)];
            eigh(&positive, n, &mut packed).unwrap();
            let (values, v) = packed.split_at(n);
            let scaled: Vec<f64> = v.iter().enumerate().map(|(i, v)| v * values[i % n]).collect();
            close(&product(&scaled, &transposed(v, n), n), &positive);
            let gradients = numbers::<f64>(n * (n + 1), 9);
            eigh_grad(&packed, &gradients, n, &mut x).unwrap();
            let (by_values, by_vectors) = gradients.split_at(n);
            let mut inner = product(&transposed(v, n), by_vectors, n);
            inner.iter_mut().enumerate().for_each(|(at, m)| match (at / n, at % n) {
                (i, j) if i == j => *m = by_values[i],
                (i, j) => *m /= values[j] - values[i],
            });
            let whole = product(&product(v, &inner, n), &transposed(v, n), n);
            let size = whole.iter().fold(1.0f64, |size, x| size.max(x.abs()));
            let wanted = whole.iter().zip(transposed(&whole, n)).map(|(a, b)| (a + b) / (2.0 * size));
            close(&x.iter().map(|x| x / size).collect::<Vec<_>>(), &wanted.collect::<Vec<_>>());
            let mut packed = vec![f64::NAN; n * (2 * n + 1)];
            svd(&a, n, n, &mut packed).unwrap();
            let (u, rest) = packed.split_at(n * n);
            let scaled: Vec<f64> = u.iter().enumerate().map(|(i, u)| u * rest[i % n]).collect();
            close(&product(&scaled, &transposed(&rest[n..], n), n), &a);
        }
    }

    #[test]
    fn determinants_with_their_signs() {
        let a = [0.0, 1.0, 1.0, 0.0, 2.0, 0.0, 0.0, 3.0, 1.0, 2.0, 2.0, 4.0];
        let mut out = [f64::NAN; 3];
        det(&a, 2, &mut out);
        assert_eq!(out, [-1.0, 6.0, 0.0]);
        let mut out = [f64::NAN; 6];
        slogdet(&a, 2, &mut out);
        close(&out[..4], &[-1.0, 0.0, 1.0, 6.0f64.ln()]);
        assert_eq!(out[4..], [0.0, f64::NEG_INFINITY]);
    }

    #[test]
    fn failures_name_the_first_matrix() {
        let a = [1.0, 0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 4.0, 0.0, 0.0, 0.0, -1.0];
        let mut out = [0.0; 12];
        assert_eq!(inverse(&a, 2, &mut out), Err(1));
        assert_eq!(solve(&a, &a, 2, 2, false, &mut out), Err(1));
        assert_eq!(cholesky(&a[4..], 2, &mut out[4..]), Err(0));
        let mut packed = [0.0; 18];
        eigh(&a, 2, &mut packed).unwrap();
        assert_eq!(symmetric_sqrt(&mut packed, 2, &mut out), Err(2));
        assert_eq!(eigh(&[1.0, f64::NAN, f64::NAN, 1.0], 2, &mut [0.0; 6]), Err(0));
        assert_eq!(svd(&[1.0, f64::INFINITY], 1, 2, &mut [0.0; 4]), Err(0));
    }
}
