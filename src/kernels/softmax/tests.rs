//! Softmax, its relatives and the cross-entropy against the definition, and at infinite entries.

use super::*;
use crate::kernels::testing::{close, numbers};

const SIZES: [(usize, usize, usize); 8] =
    [(3, 10, 1), (1, 1, 1), (700, 10, 1), (2, 5000, 1), (4, 3, 7), (50, 9, 130), (0, 4, 2), (3, 0, 1)];

/// ln Σ eˣ of every line by the definition, in f64, in the layout of the whole tensor.
fn log_sums(x: &[f64], (outer, k, inner): (usize, usize, usize)) -> Vec<f64> {
    let mut sums = vec![];
    for (o, i) in (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))) {
        sums.push((0..k).map(|j| x[(o * k + j) * inner + i].exp()).sum::<f64>().ln());
    }
    sums
}

fn against_definition<T: Real>(tolerance: f64) {
    for sizes in SIZES {
        let (outer, k, inner) = sizes;
        let lines = Lines { outer, k, inner };
        let x: Vec<T> = numbers::<T>(outer * k * inner, 1).iter().map(|&x| x * T::of(8.0)).collect();
        let wide: Vec<f64> = x.iter().map(|x| x.to_f64()).collect();
        let sums = log_sums(&wide, sizes);
        let logs: Vec<f64> = (0..x.len()).map(|i| wide[i] - sums[i / (k * inner) * inner + i % inner]).collect();
        let mut out = vec![T::of(f64::NAN); x.len()];
        lines.log_softmax(&x, &mut out);
        close(&out, &logs, tolerance);
        lines.softmax(&x, &mut out);
        close(&out, &logs.iter().map(|l| l.exp()).collect::<Vec<_>>(), tolerance);
        let mut out = vec![T::of(f64::NAN); outer * inner];
        lines.logsumexp(&x, &mut out);
        close(&out, &sums, tolerance);

        if inner == 1 && k > 0 {
            let labels: Vec<usize> = (0..outer).map(|i| i * 7 % k).collect();
            let scale = T::of(0.3);
            let mut losses = vec![T::of(f64::NAN); outer];
            cross_entropy(&x, &labels, &mut losses);
            close(&losses, &labels.iter().enumerate().map(|(i, l)| -logs[i * k + l]).collect::<Vec<_>>(), tolerance);
            let mut dx = vec![T::of(f64::NAN); x.len()];
            cross_entropy_grad(&x, &labels, scale, &mut dx);
            let want = |i: usize| (logs[i].exp() - if labels[i / k] == i % k { 1.0 } else { 0.0 }) * scale.to_f64();
            close(&dx, &(0..x.len()).map(want).collect::<Vec<_>>(), tolerance);
        }
    }
    cross_entropy::<T>(&[], &[], &mut []);
    cross_entropy_grad::<T>(&[], &[], T::ONE, &mut []);
}

#[test]
fn softmax_and_relatives_by_the_definition() {
    against_definition::<f32>(1e-5);
    against_definition::<f64>(1e-13);
}

#[test]
fn large_and_infinite_entries() {
    let inf = f64::INFINITY;
    let x = [1000.0, 1000.0, -inf, 0.0, -inf, -inf, inf, 0.0, f64::NAN, 0.0];
    let (mut out, mut sums) = ([0.0; 10], [0.0; 5]);
    let lines = Lines::rows(5, 2);
    let nan = f64::NAN;
    lines.softmax(&x, &mut out);
    close(&out, &[0.5, 0.5, 0.0, 1.0, nan, nan, nan, nan, nan, nan], 1e-15);
    lines.log_softmax(&x, &mut out);
    let ln2 = std::f64::consts::LN_2;
    close(&out, &[-ln2, -ln2, -inf, 0.0, nan, nan, nan, nan, nan, nan], 1e-15);
    lines.logsumexp(&x, &mut sums);
    close(&sums, &[1000.0 + ln2, 0.0, -inf, inf, nan], 1e-15);
    cross_entropy(&x, &[0, 0, 0, 1, 1], &mut sums);
    close(&sums, &[ln2, inf, nan, nan, nan], 1e-15);
}
