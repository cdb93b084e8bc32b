//! Products of all sizes, storages and batches against the definition.

use super::{dots::Dots, rows::Sums, *};
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
        (260, 131, 270),
        (20, 25, 4000),
        (5, 3, 100_000),
        (2, 300, 200),
        (300, 200, 3),
        (70, 600, 16),
        (11, 600, 40),
        (200, 10, 300),
        (64, 7, 70),
    ];
    each_way::<T>(&sizes, tolerance, |p, a, b, out, accumulate| p.gemm(out, accumulate, a, b));
}

/// Compares a product with the naive one for each size and each way in which operands are stored: once in place of what
/// was there, and once added to it.
fn each_way<T: Real>(
    sizes: &[(usize, usize, usize)],
    tolerance: f64,
    product: impl Fn(Product, &[T], &[T], &mut [T], bool),
) {
    for &(m, n, k) in sizes {
        for (ta, tb) in [(false, false), (false, true), (true, false), (true, true)] {
            let p = Product { m, n, k, ta, tb, scale: -1.5 };
            let (a, b) = (numbers::<T>(m * k, 1), numbers::<T>(k * n, 2));
            let want = naive(p, &a, &b);
            let tolerance = tolerance * (k as f64).sqrt().max(1.0);
            let mut out = vec![T::of(f64::NAN); m * n];
            product(p, &a, &b, &mut out, false);
            close(&out, &want, tolerance);
            product(p, &a, &b, &mut out, true);
            close(&out, &want.iter().map(|x| 2.0 * x).collect::<Vec<_>>(), tolerance);
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
            (0..9).map(|q| [q % 3 * m * k, (q + 1) % 3 * k * n, q / 3 * m * n]).collect(),
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
    for (rows, inputs, outputs) in [(7, 5, 3), (9, 4, 1), (20, 3, 17), (3, 0, 2), (0, 2, 3), (2, 3, 0), (200, 30, 18)] {
        let (x, w) = (numbers::<f32>(rows * inputs, 1), numbers::<f32>(outputs * inputs, 2));
        let bias: Vec<f32> = (1..=outputs).map(|i| 10.0 * i as f32).collect();
        let mut out = vec![f32::NAN; rows * outputs];
        linear(&mut out, &x, &w, Some(&bias), (rows, inputs, outputs));
        let p = Product { m: rows, n: outputs, k: inputs, ta: false, tb: true, scale: 1.0 };
        let (product, bias) = (naive(p, &x, &w), bias.iter().cycle());
        close(&out, &product.iter().zip(bias).map(|(v, &b)| v + f64::from(b)).collect::<Vec<_>>(), 1e-5);
        linear(&mut out, &x, &w, None, (rows, inputs, outputs));
        close(&out, &product, 1e-5);
    }
}

/// So a batch in parts has the bits of the whole.
#[test]
fn a_row_of_a_small_layer_does_not_depend_on_how_many_there_are() {
    for (inputs, outputs) in [(4, 3), (4, 1), (9, 16), (5, 33)] {
        let (x, w) = (numbers::<f32>(15 * inputs, 1), numbers::<f32>(outputs * inputs, 2));
        let bias = numbers::<f32>(outputs, 3);
        let layer = |rows: usize, x: &[f32]| {
            let mut out = vec![f32::NAN; rows * outputs];
            linear(&mut out, x, &w, Some(&bias), (rows, inputs, outputs));
            out
        };
        let whole = layer(15, &x);
        for rows in [1, 2, 3, 6, 7] {
            let parts = x.chunks(rows * inputs).flat_map(|x| layer(x.len() / inputs, x));
            assert!(parts.eq(whole.iter().copied()), "{inputs} to {outputs}, {rows} at a time");
        }
    }
}

/// The blocked product of a machine, or of a level of instructions that it has too: with and without fetching ahead, which
/// changes no bit.
fn blocked<T: Real, S: pulp::Simd>(simd: S, p: Product, accumulate: bool, out: &mut [T], a: &[T], b: &[T]) {
    fn once<'a, T: Real, S: pulp::Simd, const FETCH: bool>(
        simd: S,
        p: Product,
        accumulate: bool,
        out: &'a mut [T],
        [a, b]: [&'a [T]; 2],
    ) {
        let Product { m, n, k, ta, tb, scale } = p;
        let out = MatMut::from_row_major_slice_mut(out, m, n);
        let (a, b, next) = (view(a, m, k, ta), view(b, k, n, tb), Ahead::of([b, &[], a]));
        simd.vectorize(Blocked::<T, FETCH> { out, accumulate, scale: T::of(scale), lower: false, a, b, next });
    }
    let mut fetching = out.to_vec();
    once::<T, S, true>(simd, p, accumulate, &mut fetching, [a, b]);
    once::<T, S, false>(simd, p, accumulate, out, [a, b]);
    assert_eq!(fetching, out);
}

fn blocked_all_ways<T: Real, S: pulp::Simd>(simd: S, tolerance: f64) {
    // Around the edges of a tile, of a panel's depth, and of the rows that a panel serves.
    let sizes = [
        (1, 1, 1),
        (4, 16, 5),
        (5, 17, 16),
        (8, 48, 256),
        (9, 49, 257),
        (12, 64, 31),
        (13, 80, 17),
        (16, 95, 33),
        (7, 97, 1050),
        (513, 33, 40),
        (1030, 9, 8),
    ];
    each_way::<T>(&sizes, tolerance, |p, a, b, out, accumulate| blocked(simd, p, accumulate, out, a, b));
    // Around the edges of a small product's tiles, which are 8, 4, 2 or 1 rows, and of the lanes of a vector.
    let sizes =
        [(1, 1, 1), (1, 16, 9), (2, 17, 7), (3, 5, 4), (6, 10, 0), (7, 8, 33), (16, 2, 32), (33, 1, 18), (40, 20, 3)];
    let sizes = sizes.into_iter().chain([(0, 0, 3), (0, 1, 2), (0, 20, 2), (5, 0, 2)]).collect::<Vec<_>>();
    each_way::<T>(&sizes, tolerance, |product, a, b, out, accumulate| {
        let before = if accumulate { Before::Out } else { Before::Nothing };
        simd.vectorize(Small { product, out, before, a, b });
    });
    // Around the edges of a tile of dot products and of their parts, and of the rows that are added up together.
    let sizes = [(1, 1, 1), (1, 20, 100), (20, 1, 33), (2, 3, 16), (4, 5, 15), (9, 12, 40), (8, 33, 7), (3, 9, 1600)];
    each_way::<T>(&sizes, tolerance, |p, a, b, out, accumulate| {
        let Product { m, n, k, ta, tb, scale } = p;
        let (a, b, scale) = (view(a, m, k, ta), view(b, k, n, tb), T::of(scale));
        let matrix = MatMut::from_row_major_slice_mut(out, m, n);
        let lines = (a.try_as_row_major(), b.transpose().try_as_row_major());
        match (lines, b.try_as_row_major()) {
            (_, Some(b)) => simd.vectorize(Sums { out: matrix, accumulate, scale, a, b }),
            ((Some(a), Some(b)), _) => simd.vectorize(Dots { out: matrix, accumulate, scale, a, b }),
            _ => p.gemm(out, accumulate, &numbers::<T>(m * k, 1), &numbers::<T>(k * n, 2)),
        }
    });
}

#[test]
fn products_at_the_edges_of_blocks_at_every_level_of_instructions() {
    blocked_all_ways::<f32, _>(pulp::Scalar, 1e-5);
    blocked_all_ways::<f64, _>(pulp::Scalar, 1e-13);
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = pulp::x86::V3::try_new() {
        blocked_all_ways::<f32, _>(avx2, 1e-5);
        blocked_all_ways::<f64, _>(avx2, 1e-13);
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(avx512) = pulp::x86::V4::try_new() {
        blocked_all_ways::<f32, _>(avx512, 1e-5);
        blocked_all_ways::<f64, _>(avx512, 1e-13);
    }
}

#[test]
fn infinities_and_nan_stay_in_their_rows_and_columns() {
    let (m, n, k) = (45, 50, 70);
    let (mut a, mut b) = (vec![0.0f32; m * k], vec![1.0f32; k * n]);
    a[(m - 1) * k + 3] = f32::INFINITY;
    b[5 * n + n - 1] = f32::NAN;
    b[6 * n + 20] = f32::INFINITY;
    let p = Product { m, n, k, ta: false, tb: false, scale: 1.0 };
    let mut out = vec![7.0; m * n];
    p.gemm(&mut out, false, &a, &b);
    for (i, row) in out.chunks(n).enumerate() {
        for (j, &x) in row.iter().enumerate() {
            // 0 · NaN and 0 · ∞ are NaN.
            let want = if j == n - 1 || j == 20 {
                f32::NAN
            } else if i == m - 1 {
                f32::INFINITY
            } else {
                0.0
            };
            assert!(x == want || x.is_nan() && want.is_nan(), "element {i}, {j} is {x}, not {want}");
        }
    }
}

#[test]
fn a_product_without_terms_is_zero_and_adds_nothing() {
    let (a, b, mut out) = (view::<f32>(&[], 3, 0, false), view(&[], 0, 2, false), [7.0; 6]);
    product(MatMut::from_row_major_slice_mut(&mut out, 3, 2), true, a, b);
    assert_eq!(out, [7.0; 6]);
    product(MatMut::from_row_major_slice_mut(&mut out, 3, 2), false, a, b);
    assert_eq!(out, [0.0; 6]);
}

#[test]
fn a_part_of_a_matrix_is_multiplied_into_a_part_of_another() {
    let (a, b) = (numbers::<f64>(60 * 90, 1), numbers::<f64>(90 * 80, 2));
    let mut out = vec![0.0; 60 * 80];
    let a_part = view(&a, 60, 90, false).submatrix(3, 5, 50, 70);
    let b_part = view(&b, 90, 80, false).submatrix(7, 9, 70, 60);
    let part = MatMut::from_row_major_slice_mut(&mut out, 60, 80).subrows_mut(2, 50).subcols_mut(4, 60);
    product(part, false, a_part, b_part);
    let want: Vec<f64> = (0..60 * 80)
        .map(|at| match (at / 80, at % 80) {
            (i @ 2..52, j @ 4..64) => (0..70).map(|q| a_part[(i - 2, q)] * b_part[(q, j - 4)]).sum(),
            _ => 0.0,
        })
        .collect();
    close(&out, &want, 1e-12);
}
