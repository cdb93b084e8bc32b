//! Scans against loops over each line, and against their definitions.

use super::*;
use crate::kernels::testing::{close, numbers};

const SIZES: [[usize; 3]; 8] =
    [[1, 5, 1], [19, 7, 1], [3, 4, 5], [2, 1, 3], [2, 0, 1], [0, 3, 2], [3000, 12, 1], [40, 70, 33]];

/// The places of each line.
fn lines([outer, len, inner]: [usize; 3]) -> impl Iterator<Item = Vec<usize>> {
    (0..outer * inner)
        .map(move |line| (0..len).map(|j| (line / inner * len + j) * inner + line % inner).collect::<Vec<_>>())
}

#[test]
fn sums_and_products_have_the_bits_of_a_loop_over_each_line() {
    for sizes in SIZES {
        let x = numbers::<f32>(sizes.iter().product(), 1);
        let mut out = vec![f32::NAN; x.len()];
        for reverse in [false, true] {
            cumsum(&x, sizes, reverse, &mut out);
            for mut places in lines(sizes) {
                if reverse {
                    places.reverse();
                }
                let mut sum = -0.0;
                places.iter().for_each(|&i| {
                    sum += x[i];
                    assert_eq!(out[i].to_bits(), f32::to_bits(sum), "{sizes:?}");
                });
            }
        }
        cumprod(&x, sizes, &mut out);
        for places in lines(sizes) {
            let mut product = 1.0;
            places.iter().for_each(|&i| {
                product *= x[i];
                assert_eq!(out[i], product, "{sizes:?}");
            });
        }
    }
}

#[test]
fn logarithms_of_running_sums_by_the_definition_and_at_infinities() {
    for sizes in SIZES {
        let x: Vec<f64> = numbers::<f64>(sizes.iter().product(), 1).iter().map(|x| 300.0 * x).collect();
        let (mut out, mut want) = (vec![f64::NAN; x.len()], vec![0.0; x.len()]);
        logcumsumexp(&x, sizes, &mut out);
        for line in lines(sizes) {
            let mut sum = 0.0;
            line.iter().for_each(|&i| {
                sum += x[i].exp();
                want[i] = f64::ln(sum);
            });
        }
        close(&out, &want, 1e-14);
    }
    const INF: f64 = f64::INFINITY;
    let x = [-INF, -INF, -1000.0, -INF, 5.0, INF, 2.0, INF, -INF, f64::NAN, 1.0, INF];
    let mut out = [0.0; 12];
    logcumsumexp(&x, [1, 12, 1], &mut out);
    let nan = f64::NAN;
    close(&out, &[-INF, -INF, -1000.0, -1000.0, 5.0, INF, INF, INF, INF, nan, nan, nan], 0.0);
}

/// An entry of y is a sum over those of b, each times the a on its way.
#[test]
fn recurrences_in_both_directions_by_the_definition() {
    for sizes in SIZES {
        let count = sizes.iter().product();
        let (a, b) = (numbers::<f64>(count, 1), numbers::<f64>(count, 2));
        for reverse in [false, true] {
            let (mut y, mut want) = (vec![f64::NAN; count], vec![0.0; count]);
            recurrence(&a, &b, sizes, reverse, &mut y);
            for line in lines(sizes) {
                for (k, &i) in line.iter().enumerate() {
                    // From j to k, over the entries in between.
                    let path = |j: usize| match reverse {
                        false => line[j + 1..=k].iter().map(|&i| a[i]).product::<f64>(),
                        true => line[k + 1..=j].iter().map(|&i| a[i]).product::<f64>(),
                    };
                    let from = if reverse { k..line.len() } else { 0..k + 1 };
                    want[i] = from.map(|j| b[line[j]] * path(j)).sum();
                }
            }
            close(&y, &want, 1e-13);
        }
    }
}

#[test]
fn the_gradient_of_products_with_zeros_at_no_one_and_two_places() {
    for sizes in SIZES {
        let count = sizes.iter().product();
        for zeros in [vec![], vec![0], vec![2], vec![1, 2], vec![0, 3]] {
            let (mut x, dz) = (numbers::<f64>(count, 1), numbers::<f64>(count, 2));
            let (mut z, mut dx, mut want) = (vec![0.0; count], vec![f64::NAN; count], vec![0.0; count]);
            lines(sizes).for_each(|line| zeros.iter().filter_map(|&k| line.get(k)).for_each(|&i| x[i] = 0.0));
            cumprod(&x, sizes, &mut z);
            cumprod_grad(&x, &z, &dz, sizes, &mut dx);
            for line in lines(sizes) {
                for k in 0..line.len() {
                    let others = |i: usize| (0..=i).filter(|&j| j != k).map(|j| x[line[j]]).product::<f64>();
                    want[line[k]] = (k..line.len()).map(|i| dz[line[i]] * others(i)).sum();
                }
            }
            close(&dx, &want, 1e-13);
        }
    }
}
