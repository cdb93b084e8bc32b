//! Matrices that are known to be hard, in both precisions: what is left of A V − V Λ and of VᵀV − I, and the eigenvalues by
//! bisection as a second way.

use super::*;
use crate::kernels::testing::numbers;

/// The symmetric matrix of `f(row, column)` with row ≥ column.
fn symmetric_by<T: Real>(n: usize, f: impl Fn(usize, usize) -> f64) -> Vec<T> {
    (0..n * n).map(|i| T::of(f((i / n).max(i % n), (i / n).min(i % n)))).collect()
}

/// A name, and the numbers of a matrix `[n, n]`.
type Case<T> = (&'static str, Vec<T>);

fn cases<T: Real>(n: usize) -> Vec<Case<T>> {
    let x = numbers::<f64>(n * n, n as u64);
    let at = |i: usize, j: usize| x[i * n + j];
    let beside = |i: usize, j: usize| f64::from(i - j == 1);
    let (size, middle) = (n as f64, (n as f64 - 1.0) / 2.0);
    let power = |i: usize, j: usize, from: f64| 10f64.powf(from * (1.0 - (i + j) as f64 / size));
    let by = |f: &dyn Fn(usize, usize) -> f64| symmetric_by::<T>(n, f);
    let (tiny, huge) = if size_of::<T>() == 4 { (1e-36, 1e37) } else { (1e-300, 1e306) };
    vec![
        ("random", by(&at)),
        ("zero", by(&|_, _| 0.0)),
        ("identity", by(&|i, j| f64::from(i == j))),
        ("diagonal", by(&|i, j| if i == j { x[i] } else { 0.0 })),
        ("of ones", by(&|_, _| 1.0)),
        ("of rank one", by(&|i, j| x[i] * x[j])),
        ("of blocks", by(&|i, j| if i / 3 == j / 3 { at(i, j) } else { 0.0 })),
        ("almost the identity", by(&|i, j| f64::from(i == j) + 1e-7 * at(i, j))),
        ("second differences", by(&|i, j| 2.0 * f64::from(i == j) - beside(i, j))),
        ("Wilkinson's", by(&|i, j| if i == j { (i as f64 - middle).abs() } else { beside(i, j) })),
        (
            "Wilkinson's, glued",
            by(&|i, j| match i - j {
                0 => ((i % 21) as f64 - 10.0).abs(),
                1 => {
                    if i % 21 == 0 {
                        1e-6
                    } else {
                        1.0
                    }
                }
                _ => 0.0,
            }),
        ),
        ("Hilbert's", by(&|i, j| 1.0 / (i + j + 1) as f64)),
        ("an arrow", by(&|i, j| if i == j { i as f64 } else { f64::from(j == 0) })),
        ("graded, falling", by(&|i, j| power(i, j, 30.0) * at(i, j))),
        ("graded, rising", by(&|i, j| power(i, j, -30.0) * at(i, j))),
        ("tiny", by(&|i, j| tiny * at(i, j))),
        ("huge", by(&|i, j| huge / size * at(i, j))),
    ]
}

/// What is checked of a matrix whose largest number or eigenvalue is `size`.
struct Found {
    /// The matrix in double precision, divided by `size`.
    a: Vec<f64>,
    /// Eigenvalues, divided by `size`.
    values: Vec<f64>,
    /// The largest number of A V − V Λ, divided by `size`, and that of VᵀV − I.
    errors: [f64; 2],
    size: f64,
}

fn find<T: Real>(a: &[T], n: usize) -> Found {
    let mut packed = vec![T::of(f64::NAN); n * (n + 1)];
    eigh(a, n, &mut packed).expect("it has a decomposition");
    let packed: Vec<f64> = packed.iter().map(|x| x.to_f64()).collect();
    let (values, v) = packed.split_at(n);
    assert!(values.is_sorted(), "{values:?}");
    let a = a.iter().map(|x| x.to_f64());
    let size = a.clone().chain(values.iter().copied()).fold(1e-320, |m: f64, x| m.max(x.abs()));
    let a: Vec<f64> = a.map(|x| x / size).collect();
    let values: Vec<f64> = values.iter().map(|x| x / size).collect();
    let column = |j: usize| (0..n).map(move |i| v[i * n + j]);
    let mut errors = [0.0f64; 2];
    let note = |error: &mut f64, x: f64| *error = if x.is_nan() { f64::INFINITY } else { error.max(x.abs()) };
    for (j, value) in values.iter().enumerate() {
        let vj: Vec<f64> = column(j).collect();
        for i in 0..n {
            let product: f64 = a[i * n..][..n].iter().zip(&vj).map(|(a, v)| a * v).sum();
            note(&mut errors[0], product - vj[i] * value);
            let dot: f64 = column(i).zip(&vj).map(|(x, y)| x * y).sum();
            note(&mut errors[1], dot - f64::from(i == j));
        }
    }
    Found { a, values, errors, size }
}

/// The diagonal, and the squares of what is beside it, of a tridiagonal matrix with the eigenvalues of `a`: H A H for one
/// reflection H = I − 2 v vᵀ/(vᵀv) after the other.
fn tridiagonal_by_definition(mut a: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    for k in 1..n.saturating_sub(1) {
        let mut v: Vec<f64> = (0..n).map(|i| if i < k { 0.0 } else { a[i * n + k - 1] }).collect();
        v[k] += v.iter().map(|x| x * x).sum::<f64>().sqrt().copysign(v[k]);
        let square: f64 = v.iter().map(|x| x * x).sum();
        if square == 0.0 {
            continue;
        }
        for row in a.chunks_exact_mut(n) {
            let factor = 2.0 * row.iter().zip(&v).map(|(a, v)| a * v).sum::<f64>() / square;
            row.iter_mut().zip(&v).for_each(|(a, v)| *a -= factor * v);
        }
        let mut factors = vec![0.0; n];
        for (row, v) in a.chunks_exact(n).zip(&v) {
            factors.iter_mut().zip(row).for_each(|(f, a)| *f += 2.0 * v * a / square);
        }
        for (row, v) in a.chunks_exact_mut(n).zip(&v) {
            row.iter_mut().zip(&factors).for_each(|(a, f)| *a -= f * v);
        }
    }
    let beside = (1..n).map(|i| a[i * n + i - 1].powi(2));
    ((0..n).map(|i| a[i * n + i]).collect(), beside.collect())
}

/// How many eigenvalues of a tridiagonal matrix are less than x: as many as pivots of T − x I are negative (Sylvester).
fn less_than(x: f64, diagonal: &[f64], squares: &[f64]) -> usize {
    let mut pivot = f64::INFINITY;
    let squares = std::iter::once(&0.0).chain(squares);
    let negative = diagonal.iter().zip(squares).filter(|&(d, square)| {
        pivot = d - x - square / if pivot == 0.0 { 1e-300 } else { pivot };
        pivot < 0.0
    });
    negative.count()
}

fn check_all<T: Real>(n: usize) {
    let epsilon = T::EPSILON.to_f64();
    let limit = (10.0 + 4.0 * (n as f64).sqrt()) * epsilon;
    for (name, a) in cases::<T>(n) {
        let Found { a, values, errors, .. } = find(&a, n);
        assert!(errors.iter().all(|&e| e < limit), "{name} {n}x{n}: {:?} ε", errors.map(|e| e / epsilon));
        let (diagonal, squares) = tridiagonal_by_definition(a, n);
        let limit = limit + 4.0 * n as f64 * f64::EPSILON;
        for (i, value) in values.iter().enumerate() {
            let [below, above] = [value - limit, value + limit].map(|x| less_than(x, &diagonal, &squares));
            assert!(below <= i && i < above, "{name} {n}x{n}: eigenvalue {i} is not {value}: {below}, {above}");
        }
    }
}

#[test]
fn hard_matrices_are_decomposed_to_the_last_bits() {
    let sizes: &[usize] = if cfg!(miri) {
        &[1, 2, 3, 5, 17, 34]
    } else {
        &[1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 21, 31, 32, 33, 34, 47, 48, 63, 64, 65, 84, 97, 128, 129, 200]
    };
    for &n in sizes {
        check_all::<f32>(n);
        check_all::<f64>(n);
    }
}

#[test]
fn known_eigenvalues_are_found() {
    // Second differences: 2 − 2 cos(π k / (n + 1)).
    let n = if cfg!(miri) { 35 } else { 150 };
    let a = symmetric_by::<f64>(n, |i, j| if i == j { 2.0 } else { -f64::from(i - j == 1) });
    let found = find(&a, n);
    for (k, value) in (1..).zip(&found.values) {
        let known = 2.0 - 2.0 * (std::f64::consts::PI * k as f64 / (n + 1) as f64).cos();
        assert!((value * found.size - known).abs() < 1e-14, "{value} is not {known}");
    }
}

#[test]
fn a_matrix_of_the_smallest_numbers_keeps_its_vectors() {
    let n = 40;
    let a = symmetric_by::<f64>(n, |i, j| 5e-324 * (i * 7 % 11 + j) as f64);
    let Found { errors, .. } = find(&a, n);
    assert!(errors[1] < 1e-13, "{errors:?}");
}

#[test]
fn the_symmetric_part_is_read() {
    let n = 40;
    let a = symmetric_by::<f32>(n, |i, j| ((i * 31 + j * 17) % 23) as f64);
    let twist = |i: usize| ((i / n * 5 + i % n * 3) % 7) as f32 - ((i % n * 5 + i / n * 3) % 7) as f32;
    let twisted: Vec<f32> = a.iter().enumerate().map(|(i, &x)| x + twist(i)).collect();
    let mut found = [(); 2].map(|()| vec![f32::NAN; n * (n + 1)]);
    eigh(&a, n, &mut found[0]).unwrap();
    eigh(&twisted, n, &mut found[1]).unwrap();
    assert!(a != twisted && found[0] == found[1]);
    assert_eq!(eigh::<f32>(&[], 0, &mut []), Ok(()));
}
