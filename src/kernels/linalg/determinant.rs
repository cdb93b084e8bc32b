//! Determinants, and their gradients: the matrices of cofactors C, where c_ij is (−1)^(i+j) times the determinant of what is
//! left of A without row i and column j.
//!
//! ```text
//! C = det A · A⁻ᵀ                                        A invertible
//! C = det U det V · U diag(p) Vᵀ,   p_i = ∏_{j≠i} s_j      A = U diag(s) Vᵀ, always
//! ```
//!
//! The second is the first written with singular values, none of which it divides by: so it holds for singular matrices too
//! (C is then of rank one, or 0).

use super::{all, lu::with_factors, svd};
use crate::kernels::{Real, matmul::Product, scratch::with_scratch};

/// The determinant of every `[n, n]`.
pub fn det<T: Real>(a: &[T], n: usize, out: &mut [T]) {
    all(out, 1, n, |i, out| out[0] = with_factors(&a[i * n * n..][..n * n], n, |lu| lu.determinant()));
}

/// The sign (−1, 0 or 1) of the determinant of every `[n, n]`, and ln |det|: `out` is `[2]` for each.
pub fn slogdet<T: Real>(a: &[T], n: usize, out: &mut [T]) {
    all(out, 2, n, |i, out| {
        let (sign, log) = with_factors(&a[i * n * n..][..n * n], n, |lu| {
            lu.pivots().fold((lu.sign(), T::ZERO), |(sign, log), p| (sign * p.sign(), log + p.magnitude().ln_()))
        });
        out.copy_from_slice(&[sign, log]);
    });
}

/// The cofactors of every `[n, n]`.
pub fn cofactors<T: Real>(a: &[T], n: usize, out: &mut [T]) {
    all(out, n * n, n, |i, out| {
        let a = &a[i * n * n..][..n * n];
        with_factors(a, n, |lu| {
            if lu.singular() {
                return of_singular(a, n, out);
            }
            let det = lu.determinant();
            out.fill(T::ZERO);
            out.iter_mut().step_by(n + 1).for_each(|x| *x = det);
            lu.solve(true, out, n);
        });
    });
}

/// By singular values; NaN where there are none, of numbers that are not finite.
fn of_singular<T: Real>(a: &[T], n: usize, out: &mut [T]) {
    with_scratch(n * (2 * n + 1), |packed: &mut [T]| {
        if svd(a, n, n, packed).is_err() {
            return out.fill(T::of(f64::NAN));
        }
        let (u, rest) = packed.split_at_mut(n * n);
        let (s, v) = rest.split_at_mut(n);
        let orientation = |q: &[T]| with_factors(q, n, |lu| lu.determinant().sign());
        let sign = orientation(u) * orientation(v);
        let others = |i: usize| s[..i].iter().chain(&s[i + 1..]).fold(sign, |product, &s| product * s);
        u.iter_mut().enumerate().for_each(|(at, u)| *u *= others(at % n));
        Product { m: n, n, k: n, ta: false, tb: true, scale: 1.0 }.gemm(out, false, u, v);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::numbers;

    /// Each cofactor as the determinant that defines it.
    fn expanded(a: &[f64], n: usize) -> Vec<f64> {
        let minor = |i: usize, j: usize| {
            let kept = |at: &usize| at / n != i && at % n != j;
            let left: Vec<f64> = (0..n * n).filter(kept).map(|at| a[at]).collect();
            let mut value = [f64::NAN];
            det(&left, n - 1, &mut value);
            if (i + j).is_multiple_of(2) { value[0] } else { -value[0] }
        };
        (0..n * n).map(|at| minor(at / n, at % n)).collect()
    }

    #[test]
    fn cofactors_of_every_rank() {
        for n in [1, 2, 3, 5, 17] {
            let regular = numbers::<f64>(n * n, n as u64);
            for rank in [0, 1, n.saturating_sub(2), n - 1, n] {
                // Whole rows of zeros, so that rounding leaves no doubt of the rank.
                let mut a = regular.clone();
                a[rank.min(n) * n..].fill(0.0);
                let mut out = vec![f64::NAN; n * n];
                cofactors(&a, n, &mut out);
                let wanted = expanded(&a, n);
                let size = wanted.iter().fold(1.0f64, |size, x| size.max(x.abs()));
                let close = out.iter().zip(&wanted).all(|(a, b)| (a - b).abs() <= 1e-13 * size);
                assert!(close, "{n}x{n} of rank {rank}: {out:?}, not {wanted:?}");
            }
        }
    }

    #[test]
    fn cofactors_of_singular_matrices_without_zeros() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
        let mut out = [f64::NAN; 9];
        cofactors(&a, 3, &mut out);
        let wanted = [-3.0, 6.0, -3.0, 6.0, -12.0, 6.0, -3.0, 6.0, -3.0];
        assert!(out.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-12), "{out:?}");
        let mut out = [0.0; 8];
        cofactors(&[1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, f64::NAN], 2, &mut out);
        assert!(out[..4] == [1.0, 0.0, 0.0, 1.0] && out[4..].iter().all(|x| x.is_nan()), "{out:?}");
        cofactors::<f32>(&[], 0, &mut []);
    }
}
