//! Factorizations of batches of small row-major matrices, one call per matrix, matrices shared out over the threads. A
//! function that fails returns the index of the first matrix of the batch at which it failed.
//!
//! | | |
//! |---|---|
//! | [`lu`] | P A = L U: inverses, linear systems |
//! | [`determinant`] | determinants and cofactors |
//! | [`cholesky`](mod@cholesky) | A = L Lᵀ |
//! | [`qr`](mod@qr) | A = Q R |
//! | [`svd`](mod@svd) | A = U diag(s) Vᵀ |
//! | [`eigen`] | A = V diag(λ) Vᵀ, and what follows from it in [`symmetric`] |
//!
//! Of symmetric matrices [`eigh`] reads the symmetric part, (A + Aᵀ)/2, and [`cholesky`](fn@cholesky) the lower triangle.

#[cfg(test)]
mod accuracy;
mod cholesky;
mod determinant;
mod eigen;
mod jacobi;
mod lu;
mod qr;
mod rows;
mod svd;
mod symmetric;
mod triangular;

pub use determinant::{cofactors, det, slogdet};
pub use eigen::eigh;
pub use qr::qr;
pub use svd::svd;
use symmetric::symmetric_part;
pub use symmetric::{eigh_grad, lyapunov, symmetric_sqrt};

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::{Real, parallel};
use lu::with_factors;

/// The index of the first matrix that could not be processed.
type Outcome = Result<(), usize>;

/// Writes one run of `size` numbers for each matrix. `n` is the larger size of the matrices.
fn all<T: Real>(out: &mut [T], size: usize, n: usize, body: impl Fn(usize, &mut [T]) + Sync) {
    let work = out.len() / size.max(1) * n * n * n;
    parallel::each_chunk(out, size, work, body);
}

/// The same where `body` may fail, and returns `false` then.
fn each<T: Real>(out: &mut [T], size: usize, n: usize, body: impl Fn(usize, &mut [T]) -> bool + Sync) -> Outcome {
    let failed = AtomicUsize::new(usize::MAX);
    all(out, size, n, |i, out| {
        if !body(i, out) {
            failed.fetch_min(i, Relaxed);
        }
    });
    match failed.into_inner() {
        usize::MAX => Ok(()),
        first => Err(first),
    }
}

/// A⁻¹ of every `[n, n]`. Fails for a singular matrix.
pub fn inverse<T: Real>(a: &[T], n: usize, out: &mut [T]) -> Outcome {
    out.fill(T::ZERO);
    out.chunks_mut((n * n).max(1)).for_each(|out| out.iter_mut().step_by(n + 1).for_each(|x| *x = T::ONE));
    solve_in_place(a, n, n, false, out)
}

/// A⁻¹ B of every `[n, n]` and `[n, columns]`, or A⁻ᵀ B if `transposed`. Fails for a singular matrix.
pub fn solve<T: Real>(a: &[T], b: &[T], n: usize, columns: usize, transposed: bool, out: &mut [T]) -> Outcome {
    out.copy_from_slice(b);
    solve_in_place(a, n, columns, transposed, out)
}

fn solve_in_place<T: Real>(a: &[T], n: usize, columns: usize, transposed: bool, b: &mut [T]) -> Outcome {
    each(b, n * columns, n, |i, b| {
        with_factors(&a[i * n * n..][..n * n], n, |lu| {
            let regular = !lu.singular();
            if regular {
                lu.solve(transposed, b, columns);
            }
            regular
        })
    })
}

/// The lower triangular L with A = L Lᵀ of every symmetric `[n, n]`. Fails where A is not positive definite.
pub fn cholesky<T: Real>(a: &[T], n: usize, out: &mut [T]) -> Outcome {
    each(out, n * n, n, |i, out| cholesky::lower_factor(&a[i * n * n..][..n * n], n, out))
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
