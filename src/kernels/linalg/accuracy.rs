//! Matrices that are known to be hard, in both precisions: what the factors multiply to, and how orthogonal they are, in units
//! of ε n |A|. LAPACK's own tests accept 15 of them for factors and 25 for singular values (30 and 50, in units of half of our
//! ε; *Installation Guide for LAPACK*, LAPACK Working Note 41).

use super::*;
use crate::kernels::testing::numbers;

/// A matrix in double precision.
#[derive(Clone)]
struct Matrix {
    rows: usize,
    columns: usize,
    numbers: Vec<f64>,
}

impl Matrix {
    fn by(rows: usize, columns: usize, f: impl Fn(usize, usize) -> f64) -> Self {
        let numbers = (0..rows * columns).map(|at| f(at / columns, at % columns)).collect();
        Matrix { rows, columns, numbers }
    }

    fn of<T: Real>(rows: usize, columns: usize, numbers: &[T]) -> Self {
        Matrix { rows, columns, numbers: numbers.iter().map(|x| x.to_f64()).collect() }
    }

    fn at(&self, i: usize, j: usize) -> f64 {
        self.numbers[i * self.columns + j]
    }

    fn turned(&self) -> Self {
        Matrix::by(self.columns, self.rows, |i, j| self.at(j, i))
    }

    fn times(&self, other: &Matrix) -> Self {
        let turned = other.turned();
        let row = |x: &Matrix, i: usize| i * x.columns..(i + 1) * x.columns;
        Matrix::by(self.rows, other.columns, |i, j| {
            self.numbers[row(self, i)].iter().zip(&turned.numbers[row(&turned, j)]).map(|(a, b)| a * b).sum()
        })
    }

    fn minus(&self, other: &Matrix) -> Self {
        Matrix::by(self.rows, self.columns, |i, j| self.at(i, j) - other.at(i, j))
    }

    fn scaled(&self, by: f64) -> Self {
        Matrix::by(self.rows, self.columns, |i, j| self.at(i, j) * by)
    }

    /// Frobenius', infinite for NaN.
    fn norm(&self) -> f64 {
        let sum: f64 = self.numbers.iter().map(|x| x * x).sum();
        if sum.is_nan() { f64::INFINITY } else { sum.sqrt() }
    }

    fn rounded<T: Real>(&self) -> Vec<T> {
        self.numbers.iter().map(|&x| T::of(x)).collect()
    }

    /// |XᵀX − I|.
    fn orthogonality(&self) -> f64 {
        self.turned().times(self).minus(&Matrix::by(self.columns, self.columns, |i, j| f64::from(i == j))).norm()
    }
}

type Case = (&'static str, Matrix);

fn cases(m: usize, n: usize) -> Vec<Case> {
    let x = Matrix::of(m, n, &numbers::<f64>(m * n, (m + n) as u64));
    let y = numbers::<f64>(m + n, 5);
    let by = |f: &dyn Fn(usize, usize) -> f64| Matrix::by(m, n, f);
    let grade = |at: usize, size: usize| 10f64.powf(-20.0 * at as f64 / size as f64);
    let mut packed = vec![0.0; (m + m) * m];
    qr(&numbers::<f64>(m * m, 3), m, m, &mut packed).expect("a random matrix has a basis");
    vec![
        ("random", x.clone()),
        ("zero", by(&|_, _| 0.0)),
        ("identity", by(&|i, j| f64::from(i == j))),
        ("diagonal, rising", by(&|i, j| if i == j { (i + 1) as f64 } else { 0.0 })),
        ("orthogonal", by(&|i, j| if j < m { packed[i * m + j] } else { 0.0 })),
        ("of ones", by(&|_, _| 1.0)),
        ("of rank one", by(&|i, j| y[i] * y[m + j])),
        ("of rank two", by(&|i, j| y[i] * y[m + j] + (i + 1) as f64)),
        ("with equal columns", by(&|i, j| x.at(i, j / 2))),
        ("Hilbert's", by(&|i, j| 1.0 / (i + j + 1) as f64)),
        ("with graded columns", by(&|i, j| x.at(i, j) * grade(j, n))),
        ("with graded rows", by(&|i, j| x.at(i, j) * grade(i, m))),
        ("graded, rising", by(&|i, j| x.at(i, j) * grade(n - 1 - j, n) * grade(m - 1 - i, m))),
        ("almost the identity", by(&|i, j| f64::from(i == j) + 1e-7 * x.at(i, j))),
        ("Kahan's", by(&|i, j| if i > j { 0.0 } else { 0.8f64.powi(i as i32) * if i == j { 1.0 } else { -0.6 } })),
    ]
}

/// The shapes that reach every path: one block, several, a preparation by eigenvectors or by reflections.
const SHAPES: [[usize; 2]; 18] = [
    [1, 1],
    [2, 2],
    [3, 3],
    [5, 5],
    [16, 16],
    [17, 17],
    [33, 33],
    [50, 50],
    [100, 100],
    [130, 130],
    [1, 4],
    [7, 1],
    [9, 6],
    [40, 30],
    [30, 40],
    [100, 20],
    [20, 100],
    [150, 64],
];

/// Each matrix as it is, and multiplied by very small and very large numbers; `check` returns errors in units of ε.
fn check_all<T: Real>(
    keep: impl Fn([usize; 2]) -> bool,
    limit: f64,
    check: impl Fn(&[T], usize, usize) -> Option<[f64; 2]>,
) {
    let scales = if size_of::<T>() == 4 { [1.0, 1e-30, 1e30] } else { [1.0, 1e-290, 1e290] };
    let shapes = if cfg!(miri) { &SHAPES[..5] } else { &SHAPES[..] };
    for &[m, n] in shapes.iter().filter(|&&shape| keep(shape)) {
        for (name, a) in cases(m, n) {
            for scale in scales {
                let Some(errors) = check(&a.scaled(scale).rounded(), m, n) else { continue };
                let errors = errors.map(|e| e / T::EPSILON.to_f64() / m.max(n) as f64);
                assert!(errors.iter().all(|&e| e < limit), "{name} {m}x{n}, times {scale:e}: {errors:?}");
            }
        }
    }
}

fn relative<T: Real>(a: &[T], m: usize, n: usize) -> (Matrix, f64) {
    let a = Matrix::of(m, n, a);
    let largest = a.numbers.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    let scale = if largest > 0.0 { 1.0 / largest } else { 1.0 };
    (a.scaled(scale), scale)
}

fn singular_values<T: Real>() {
    check_all::<T>(
        |_| true,
        4.0,
        |a, m, n| {
            let k = m.min(n);
            let mut packed = vec![T::of(f64::NAN); (m + 1 + n) * k];
            svd(a, m, n, &mut packed).expect("it has a decomposition");
            let (a, scale) = relative(a, m, n);
            let (u, s, v) = (&packed[..m * k], &packed[m * k..][..k], &packed[(m + 1) * k..]);
            assert!(s.is_sorted_by(|a, b| a >= b) && s.iter().all(|&s| s >= T::ZERO), "{s:?}");
            let (u, v) = (Matrix::of(m, k, u), Matrix::of(n, k, v));
            let scaled = Matrix::by(m, k, |i, j| u.at(i, j) * s[j].to_f64() * scale);
            let residual = scaled.times(&v.turned()).minus(&a).norm() / a.norm().max(1e-300);
            Some([residual, u.orthogonality().max(v.orthogonality())])
        },
    );
}

#[test]
fn singular_values_of_hard_matrices() {
    singular_values::<f32>();
    singular_values::<f64>();
}

fn reflections<T: Real>() {
    check_all::<T>(
        |[m, n]| m >= n,
        // Of a matrix of ones all vectors are almost parallel, and round alike.
        15.0,
        |a, m, n| {
            let mut packed = vec![T::of(f64::NAN); (m + n) * n];
            qr(a, m, n, &mut packed).ok()?;
            let (a, scale) = relative(a, m, n);
            let (q, r) = (Matrix::of(m, n, &packed[..m * n]), Matrix::of(n, n, &packed[m * n..]));
            assert!((0..n).all(|i| r.at(i, i) > 0.0 && (0..i).all(|j| r.at(i, j) == 0.0)));
            Some([q.times(&r.scaled(scale)).minus(&a).norm() / a.norm(), q.orthogonality()])
        },
    );
}

#[test]
fn orthogonal_and_triangular_factors_of_hard_matrices() {
    reflections::<f32>();
    reflections::<f64>();
}

/// A X against B, relative to |A| |X|, and the same for Aᵀ; A⁻¹ against the solution for the identity.
fn systems<T: Real>() {
    check_all::<T>(
        |[m, n]| m == n,
        4.0,
        |a, n, _| {
            let b = numbers::<T>(3 * n, 4);
            let mut x = [(); 2].map(|()| vec![T::of(f64::NAN); 3 * n]);
            solve(a, &b, n, 3, false, &mut x[0]).ok()?;
            solve(a, &b, n, 3, true, &mut x[1]).expect("it is as regular");
            let (a, scale) = relative(a, n, n);
            let b = Matrix::of(n, 3, &b);
            let error = |a: &Matrix, x: &[T]| {
                let x = Matrix::of(n, 3, x).scaled(1.0 / scale);
                a.times(&x).minus(&b).norm() / (a.norm() * x.norm())
            };
            let overflow = x.iter().flatten().any(|x| !x.finite());
            (!overflow).then(|| [error(&a, &x[0]), error(&a.turned(), &x[1])])
        },
    );
}

#[test]
fn linear_systems_of_hard_matrices() {
    systems::<f32>();
    systems::<f64>();
}

fn positive<T: Real>() {
    check_all::<T>(
        |[m, n]| m >= n && n > 1,
        4.0,
        |a, m, n| {
            let (a, _) = relative(a, m, n);
            // In full precision, so that the matrix is positive definite after rounding too.
            let gram = a.turned().times(&a);
            let gram = gram.minus(&Matrix::by(n, n, |i, j| -0.01 * (gram.norm() + 1.0) * f64::from(i == j)));
            let lower: Vec<T> = Matrix::by(n, n, |i, j| if i >= j { gram.at(i, j) } else { f64::NAN }).rounded();
            let mut l = vec![T::of(f64::NAN); n * n];
            cholesky(&lower, n, &mut l).expect("it is positive definite");
            let l = Matrix::of(n, n, &l);
            assert!((0..n).all(|i| l.at(i, i) > 0.0 && (i + 1..n).all(|j| l.at(i, j) == 0.0)));
            Some([l.times(&l.turned()).minus(&gram).norm() / gram.norm(), 0.0])
        },
    );
}

#[test]
fn cholesky_factors_of_hard_matrices() {
    positive::<f32>();
    positive::<f64>();
}

#[test]
fn determinants_of_permutations_and_of_blocks() {
    for n in [1, 2, 5, 16, 17, 40, 100] {
        // Rows in the order of a multiplication: as many inversions as pairs in the wrong order.
        let to = |i: usize| (i * 7 + 3) % n;
        let regular = (0..n).map(to).collect::<std::collections::BTreeSet<_>>().len() == n;
        let a: Vec<f64> = Matrix::by(n, n, |i, j| if to(i) == j { 2.0 } else { 0.0 }).numbers;
        let wrong: usize = (0..n).map(|i| (0..i).filter(|&p| to(p) > to(i)).count()).sum();
        let sign = if !regular { 0.0 } else { 1.0 - 2.0 * (wrong % 2) as f64 };
        let (mut value, mut parts) = ([f64::NAN], [f64::NAN; 2]);
        det(&a, n, &mut value);
        slogdet(&a, n, &mut parts);
        assert_eq!(value[0], sign * 2f64.powi(n as i32), "{n}x{n}");
        assert_eq!(parts[0], sign, "{n}x{n}");
    }
}

#[test]
fn what_cannot_be_factored_is_named_at_every_size() {
    for n in [2, 16, 20, 70] {
        let regular = Matrix::by(n, n, |i, j| f64::from(i == j)).numbers;
        let zero_column = Matrix::by(n, n, |i, j| f64::from(i == j && i + 1 != n)).numbers;
        let negative = Matrix::by(n, n, |i, j| if i != j { 0.0 } else { f64::from(i + 1 != n) - 0.5 }).numbers;
        let mut nan = regular.clone();
        nan[n * n - 1] = f64::NAN;
        let after = |last: &[f64]| [&regular[..], &regular, last].concat();
        let mut out = vec![0.0; 9 * n * n];
        assert_eq!(inverse(&after(&zero_column), n, &mut out[..3 * n * n]), Err(2));
        assert_eq!(cholesky(&after(&negative), n, &mut out[..3 * n * n]), Err(2));
        assert_eq!(cholesky(&after(&nan), n, &mut out[..3 * n * n]), Err(2));
        assert_eq!(qr(&after(&zero_column), n, n, &mut out[..6 * n * n]), Err(2));
        assert_eq!(qr(&after(&nan), n, n, &mut out[..6 * n * n]), Err(2));
        assert_eq!(svd(&after(&nan), n, n, &mut out[..3 * n * (2 * n + 1)]), Err(2));
    }
}

#[test]
fn matrices_without_numbers() {
    assert_eq!(inverse::<f32>(&[], 0, &mut []), Ok(()));
    assert_eq!(cholesky::<f32>(&[], 0, &mut []), Ok(()));
    assert_eq!(qr::<f32>(&[], 3, 0, &mut []), Ok(()));
    assert_eq!(svd::<f32>(&[], 0, 3, &mut []), Ok(()));
    let mut one = [f64::NAN; 2];
    det::<f64>(&[], 0, &mut one);
    assert_eq!(one, [1.0; 2]);
}
