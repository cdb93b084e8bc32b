//! Statistics and batch normalization against the definition, in double precision.

use super::*;
use crate::kernels::testing::{close, numbers};

const SIZES: [(usize, usize, usize); 8] =
    [(4, 3, 5), (1, 1, 1), (200, 7, 1), (64, 130, 1), (3, 20, 576), (130, 6, 77), (2, 2, 10_000), (5, 0, 3)];

/// The numbers of each channel in f64.
fn channels<T: Real>(x: &[T], sizes: &Channels) -> Vec<Vec<f64>> {
    let mut channels = vec![vec![]; sizes.c];
    x.iter().enumerate().for_each(|(i, x)| channels[i / sizes.s % sizes.c].push(x.to_f64()));
    channels
}

fn against_definition<T: Real>(offset: f64, tolerance: f64) {
    for (n, c, s) in SIZES {
        let sizes = Channels { n, c, s };
        let x: Vec<T> = numbers::<T>(n * c * s, 1).iter().map(|&x| x + T::of(offset)).collect();
        let (dy, gamma) = (numbers::<T>(n * c * s, 2), numbers::<T>(c, 3));
        let xs = channels(&x, &sizes);
        let m = (n * s) as f64;
        let means: Vec<f64> = xs.iter().map(|x| x.iter().sum::<f64>() / m).collect();
        let vars: Vec<f64> =
            xs.iter().zip(&means).map(|(x, mean)| x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / m).collect();
        let blank = || vec![T::of(f64::NAN); c];
        let (mut mean, mut shift, mut var) = (blank(), blank(), blank());
        sizes.moments(&x, m, [&mut mean, &mut shift, &mut var]);
        close(&mean, &means, tolerance);
        close(&var, &vars, tolerance);

        let rstd: Vec<T> = vars.iter().map(|v| T::of(1.0 / (v + 1e-3).sqrt())).collect();
        let mut out = vec![T::of(f64::NAN); x.len()];
        sizes.normalize(&x, [&mean, &gamma, &rstd], &mut out);
        let by_channel = |i: usize| i / s % c;
        let want: Vec<f64> = (0..x.len())
            .map(|i| {
                let [x, m, a, b] =
                    [x[i], mean[by_channel(i)], gamma[by_channel(i)], rstd[by_channel(i)]].map(T::to_f64);
                (x - m) * a + b
            })
            .collect();
        close(&out, &want, tolerance);

        let (mut dgamma, mut dbeta) = (blank(), blank());
        let dims = sizes.dims();
        let upstream = Program::of(&dy, &dims);
        let upstream = upstream.pieces(&dims);
        sizes.backward(&x, &upstream, [&mean, &shift, &rstd, &gamma], &mut out, [&mut dgamma, &mut dbeta]);
        let hat = |i: usize| (x[i].to_f64() - mean[by_channel(i)].to_f64()) * rstd[by_channel(i)].to_f64();
        let (mut products, mut sums) = (vec![0.0; c], vec![0.0; c]);
        for (i, d) in dy.iter().enumerate() {
            products[by_channel(i)] += d.to_f64() * hat(i);
            sums[by_channel(i)] += d.to_f64();
        }
        close(&dgamma, &products, tolerance);
        close(&dbeta, &sums, tolerance);
        let (mut kept, mut again) = (vec![T::of(f64::NAN); x.len()], [blank(), blank()]);
        sizes.grad_sums(&x, &upstream, &mut kept, [&mean, &shift, &rstd], again.each_mut().map(|x| &mut x[..]));
        assert!(kept == dy && again == [dgamma, dbeta]);
        let want: Vec<f64> = (0..x.len())
            .map(|i| {
                let c = by_channel(i);
                let inner = dy[i].to_f64() - (sums[c] + hat(i) * products[c]) / m;
                gamma[c].to_f64() * rstd[c].to_f64() * inner
            })
            .collect();
        close(&out, &want, 10.0 * tolerance);
    }
}

#[test]
fn statistics_and_gradients_by_the_definition() {
    against_definition::<f32>(0.0, 1e-5);
    against_definition::<f64>(0.0, 1e-13);
}

/// Mean and variance of the numbers of x that `of` picks, in double precision.
fn in_double(x: &[f32], of: impl Fn(usize) -> bool) -> (f64, f64) {
    let picked: Vec<f64> = (0..x.len()).filter(|&i| of(i)).map(|i| f64::from(x[i])).collect();
    let count = picked.len() as f64;
    let mean = picked.iter().sum::<f64>() / count;
    (mean, picked.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count)
}

#[test]
fn a_large_mean_costs_no_digits_of_the_variance() {
    let sizes = [
        [1, 500, 2, 300],
        [1, 75_000, 2, 1],
        [1, 7, 40, 1],
        [1, 64, 3, 1],
        [300, 1, 1, 500],
        [50, 3, 1, 1],
        [20, 40, 6, 1],
        [5, 30, 2, 7],
        [300, 8, 4, 1],
        [7, 128, 21, 1],
        [3, 129, 21, 1],
        [2, 9, 1000, 1],
    ];
    for [outer, n, c, s] in sizes {
        for offset in [1e3, 1e5, -3e6] {
            let x: Vec<f32> = numbers::<f32>(outer * n * c * s, 1).iter().map(|x| offset + x).collect();
            let mut found = [(); 3].map(|()| vec![0.0; outer * c]);
            moments([outer, n, c, s], &x, (n * s) as f64, found.each_mut().map(|found| &mut found[..]));
            for k in 0..outer * c {
                let [center, shift, var] = found.each_ref().map(|found| f64::from(found[k]));
                let (want_mean, want) = in_double(&x, |i| i / (n * c * s) == k / c && i / s % c == k % c);
                let lacks = (center + shift - want_mean).abs() / want.sqrt();
                assert!(lacks < 1e-6, "{outer} {n} {c} {s} around {offset}: the mean lacks {lacks:.1e}");
                let error = (var - want).abs() / want;
                assert!(error < 5e-7, "{outer} {n} {c} {s} around {offset}: {var}, not {want}, {error:.1e}");
            }
        }
    }
    against_definition::<f64>(1e4, 1e-9);
}

/// Layer and group normalization against the definition, in double precision, of the same numbers.
fn rows_against_definition<T: Real>(offset: f64, tolerance: f64) {
    let sizes = [
        [5, 1, 4, 1],
        [33, 1, 16, 1],
        [40, 1, 21, 1],
        [700, 1, 64, 1],
        [3, 1, 127, 1],
        [300, 1, 200, 1],
        [9, 3, 5, 1],
        [4, 2, 3, 7],
        [6, 4, 2, 300],
        [2, 5, 1, 10_000],
        [1, 1, 1, 1],
        [0, 2, 3, 4],
    ];
    for [n, groups, c, s] in sizes {
        let rows = Rows { n, groups, c, s };
        let (count, length, channels) = (rows.count(), rows.length(), groups * c);
        let x: Vec<T> = numbers::<T>(count * length, 1).iter().map(|&x| x + T::of(offset)).collect();
        let dz = numbers::<T>(x.len(), 2);
        let (gamma, beta) = (numbers::<T>(channels, 3), numbers::<T>(channels, 4));
        let mut out = vec![T::of(f64::NAN); x.len()];
        let mut kept = vec![[T::of(f64::NAN); 3]; count];
        rows.normalize(&x, [&gamma, &beta], T::of(1e-3), &mut out, &mut kept);
        let dims = [x.len()];
        let upstream = Program::of(&dz, &dims);
        let mut dx = vec![T::of(f64::NAN); x.len()];
        let (mut dgamma, mut dbeta) = (vec![T::of(f64::NAN); channels], vec![T::of(f64::NAN); channels]);
        rows.backward(&x, &upstream.pieces(&dims), &gamma, &kept, &mut dx, [&mut dgamma, &mut dbeta]);

        let (mut z, mut by_x) = (vec![], vec![]);
        let (mut by_gamma, mut by_beta) = (vec![0.0; channels], vec![0.0; channels]);
        for (row, x) in x.chunks_exact(length).enumerate() {
            let m = length as f64;
            // Exact, so that the definition loses no digits.
            let x: Vec<f64> = x.iter().map(|x| x.to_f64() - offset).collect();
            let mean = x.iter().sum::<f64>() / m;
            let rstd = 1.0 / (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / m + 1e-3).sqrt();
            let channel = |j: usize| row % groups * c + j / s;
            let hat: Vec<f64> = x.iter().map(|x| (x - mean) * rstd).collect();
            let dz: Vec<f64> = dz[row * length..][..length].iter().map(|dz| dz.to_f64()).collect();
            let g: Vec<f64> = (0..length).map(|j| gamma[channel(j)].to_f64() * dz[j]).collect();
            let (sum, along) = (g.iter().sum::<f64>(), g.iter().zip(&hat).map(|(g, x)| g * x).sum::<f64>());
            for j in 0..length {
                z.push(hat[j] * gamma[channel(j)].to_f64() + beta[channel(j)].to_f64());
                by_x.push(rstd * (g[j] - (sum + hat[j] * along) / m));
                by_gamma[channel(j)] += dz[j] * hat[j];
                by_beta[channel(j)] += dz[j];
            }
        }
        close(&out, &z, tolerance);
        close(&dx, &by_x, 10.0 * tolerance);
        close(&dgamma, &by_gamma, tolerance);
        close(&dbeta, &by_beta, tolerance);
    }
}

#[test]
fn rows_are_normalized_by_the_definition_wherever_their_means_are() {
    for offset in [0.0, 1e3, -1e5] {
        rows_against_definition::<f32>(offset, 1e-5);
        rows_against_definition::<f64>(offset, 1e-12);
    }
}

#[test]
fn a_row_alone_has_the_bits_that_it_has_among_others() {
    for c in [5, 16, 64, 200] {
        let (x, one) = (numbers::<f32>(33 * c, 1), vec![1.0; c]);
        let (mut all, mut alone) = (vec![f32::NAN; x.len()], vec![f32::NAN; c]);
        let (mut kept, mut found) = ([[0.0; 3]; 33], [[0.0; 33]; 3]);
        Rows { n: 33, groups: 1, c, s: 1 }.normalize(&x, [&one, &one], 1e-5, &mut all, &mut kept);
        moments([33, 1, 1, c], &x, c as f64, found.each_mut().map(|found| &mut found[..]));
        for row in [0, 15, 32] {
            let x = &x[row * c..][..c];
            Rows { n: 1, groups: 1, c, s: 1 }.normalize(x, [&one, &one], 1e-5, &mut alone, &mut kept[..1]);
            assert_eq!(alone, all[row * c..][..c]);
            let mut one = [[0.0]; 3];
            moments([1, 1, 1, c], x, c as f64, one.each_mut().map(|one| &mut one[..]));
            assert_eq!(one.map(|one| one[0]), found.each_ref().map(|found| found[row]));
        }
    }
}

#[test]
fn nothing_to_average_is_not_a_number() {
    let mut found = [[0.0f32; 2]; 3];
    Channels { n: 0, c: 2, s: 3 }.moments(&[], 0.0, found.each_mut().map(|found| &mut found[..]));
    assert!(found.as_flattened().iter().all(|x| x.is_nan()));
}
