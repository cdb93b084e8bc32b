//! Products of all sizes, storages and batches against the definition.

use super::*;
use crate::kernels::testing::{close, numbers};

/// The definition, in f64.
fn naive<T: Real>(p: Product, a: &[T], b: &[T]) -> Vec<f64> {
    let Product { m, n, k, ta, tb, scale } = p;
    let a_at = |i: usize, q: usize| if ta { a[q * m + i] } else { a[i * k + q] }.to_f64();
    let b_at = |q: usize, j: usize| if tb { b[j * k + q] } else { b[q * n + j] }.to_f64();
    let mut out = Vec::new();
    for i in 0..m {
        for j in 0..n {
            out.push(scale * (0..k).map(|q| a_at(i, q) * b_at(q, j)).sum::<f64>());
        }
    }
    out
}

fn all_ways<T: Real>(tolerance: f64) {
    let sizes = [
        (1, 1, 1),
        (3, 5, 7),
        (32, 16, 16),
        (17, 33, 9),
        (6, 10, 0),
        (0, 3, 4),
        (4, 0, 3),
        (1, 40, 40),
        (40, 1, 70),
        (130, 70, 65),
        (300, 33, 129),
        (33, 300, 129),
        (20, 25, 4000),
        (5, 3, 100_000),
    ];
    for (m, n, k) in sizes {
        for (ta, tb) in [(false, false), (false, true), (true, false), (true, true)] {
            let p = Product { m, n, k, ta, tb, scale: -1.5 };
            let (a, b) = (numbers::<T>(m * k, 1), numbers::<T>(k * n, 2));
            let want = naive(p, &a, &b);
            let mut out = vec![T::of(f64::NAN); m * n];
            p.gemm(&mut out, false, &a, &b);
            close(&out, &want, tolerance * (k as f64).sqrt().max(1.0));
            p.gemm(&mut out, true, &a, &b);
            close(&out, &want.iter().map(|x| 2.0 * x).collect::<Vec<_>>(), tolerance * (k as f64).sqrt().max(1.0));
        }
    }
}

#[test]
fn products_of_all_sizes_and_transpositions() {
    all_ways::<f32>(1e-5);
    all_ways::<f64>(1e-13);
}

#[test]
fn batches_broadcast_each_operand() {
    for (m, n, k) in [(2, 3, 4), (40, 50, 60), (120, 130, 140)] {
        let (a, b, c) = (numbers::<f64>(3 * m * k, 1), numbers::<f64>(3 * k * n, 2), numbers::<f64>(3 * m * n, 3));
        for offsets in [
            vec![],
            vec![[0, 0, 0], [m * k, k * n, m * n], [2 * m * k, 2 * k * n, 2 * m * n]],
            vec![[0, 0, 0], [m * k, 0, m * n], [2 * m * k, 0, 2 * m * n]],
            vec![[0, 0, 0], [m * k, 0, 0], [2 * m * k, 0, 0]],
            vec![[0, 0, 0], [0, k * n, 0], [m * k, 0, m * n], [m * k, k * n, m * n]],
            vec![[0, k * n, 0]; 9],
        ] {
            for (ta, tb) in [(false, false), (true, true)] {
                let p = Product { m, n, k, ta, tb, scale: 0.5 };
                let product = |&[i, j, _]: &[usize; 3]| naive(p, &a[i..i + m * k], &b[j..j + k * n]);
                let mut out = vec![f64::NAN; offsets.len() * m * n];
                p.batched(&mut out, None, &a, &b, &offsets);
                close(&out, &offsets.iter().flat_map(product).collect::<Vec<_>>(), 1e-12);

                let added = |o: &[usize; 3]| {
                    let c = &c[o[2]..];
                    product(o).into_iter().zip(c).map(|(x, c)| x + c).collect::<Vec<_>>()
                };
                out.fill(f64::NAN);
                p.batched(&mut out, Some(&c), &a, &b, &offsets);
                close(&out, &offsets.iter().flat_map(added).collect::<Vec<_>>(), 1e-12);
            }
        }
    }
}

#[test]
fn linear_adds_the_bias_to_every_row() {
    let (x, w, bias) = (numbers::<f32>(7 * 5, 1), numbers::<f32>(3 * 5, 2), [10.0f32, 20.0, 30.0]);
    let mut out = vec![f32::NAN; 7 * 3];
    linear(&mut out, &x, &w, Some(&bias), (7, 5, 3));
    let p = Product { m: 7, n: 3, k: 5, ta: false, tb: true, scale: 1.0 };
    let want: Vec<f64> = naive(p, &x, &w).iter().enumerate().map(|(i, v)| v + f64::from(bias[i % 3])).collect();
    close(&out, &want, 1e-5);
    linear(&mut out, &x, &w, None, (7, 5, 3));
    close(&out, &naive(p, &x, &w), 1e-5);
}
