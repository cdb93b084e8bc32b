//! A few cases of sizes at which work is deferred, split into blocks and shared by threads.
//!
//! Elementwise results are deferred from 4096 numbers on; loops run in blocks of 1024 and runs of up to 4096, and use
//! several threads from 131 072 numbers, or 8 times as many multiply-adds, on.

use proptest::prelude::*;
use wengert::ops::{ConvSpec, Window};

use crate::{
    array::{Array, each_index},
    check::{Bound, agree_to_first_order},
    draw::{below, distinct, keep, numbers, pick_axes},
    each_case,
};

/// About 140 000 numbers in one to four axes, of sizes around those at which work is split.
fn shape() -> impl Strategy<Value = Vec<usize>> {
    prop::sample::select(vec![
        vec![131_073],
        vec![1025, 131],
        vec![3, 45_001],
        vec![70_000, 2],
        vec![33, 97, 43],
        vec![7, 5, 4001],
        vec![2, 8191, 9],
        vec![3, 17, 60, 47],
    ])
}

#[test]
fn chains_and_their_means() {
    each_case(8, (shape(), keep(), any::<u64>()), |(full, keep, seed)| {
        let axes = pick_axes(full.len(), seed);
        let x = [numbers(&full, seed, (-2.0, 2.0)), numbers(&keep.of(&full), seed ^ 1, (-2.0, 2.0))];
        let naive = |x: &[Array]| x[0].zip(&x[1], |a, b| (a * b).tanh() * 0.5 + b);
        agree_to_first_order("a chain", &x, Bound::Size(4000.0), |x| (x[0] * x[1]).tanh() * 0.5 + x[1], naive)?;
        agree_to_first_order(
            "the mean of a chain",
            &x,
            Bound::Size(4000.0),
            |x| ((x[0] * x[1]).tanh() * 0.5 + x[1]).mean_axes(&axes, true),
            |x| naive(x).mean(&axes, true),
        )?;
        Ok(())
    });
}

#[test]
fn reductions() {
    each_case(8, (shape(), any::<u64>()), |(full, seed)| {
        let axes = pick_axes(full.len(), seed);
        let x = [numbers(&full, seed, (-2.0, 2.0))];
        agree_to_first_order(
            "mean",
            &x,
            Bound::Terms(x[0].numel()),
            |x| x[0].mean_axes(&axes, false),
            |x| x[0].mean(&axes, false),
        )?;
        let x = [distinct(&full, seed)];
        agree_to_first_order(
            "amax",
            &x,
            Bound::Size(4.0),
            |x| x[0].amax_axes(&axes, true),
            |x| x[0].fold(&axes, true, f64::NEG_INFINITY, f64::max),
        )?;
        Ok(())
    });
}

#[test]
fn normalization() {
    each_case(8, (shape(), any::<u64>()), |(full, seed)| {
        let rank = full.len();
        let along = [below(seed, 0, rank) as isize];
        let x = [numbers(&full, seed, (-3.0, 3.0))];
        agree_to_first_order(
            "softmax",
            &x,
            Bound::Size(4000.0),
            |x| x[0].softmax(along[0]),
            |x| {
                let total = x[0].map(f64::exp).sum(&along, true);
                x[0].zip(&total, |x, total| x.exp() / total)
            },
        )?;
        if rank > 1 {
            let scale = [1, 2].map(|k| numbers(&full[1..2], seed ^ k, (-2.0, 2.0)));
            let x = [&x[..], &scale].concat();
            let over: Vec<isize> = (0..rank as isize).filter(|&i| i != 1).collect();
            agree_to_first_order(
                "batch_norm",
                &x,
                Bound::Size(40_000.0),
                |x| x[0].batch_norm(x[1], x[2], 0.5),
                |x| {
                    let distance = x[0].zip(&x[0].mean(&over, true), |x, mean| x - mean);
                    let var = distance.map(|d| d * d).mean(&over, true);
                    let normal = distance.zip(&var, |d, var| d / (var + 0.5).sqrt());
                    Array::from_fn(&full, |i| normal.at(i) * x[1].at(&i[1..2]) + x[2].at(&i[1..2]))
                },
            )?;
        }
        Ok(())
    });
}

#[test]
fn matrix_products() {
    each_case(
        8,
        (
            prop::sample::select(vec![[129, 65, 127], [1, 700, 190], [300, 3, 150], [67, 1500, 2], [16, 257, 64]]),
            1usize..=3,
            any::<bool>(),
            any::<u64>(),
        ),
        |([m, k, n], batch, shared, seed)| {
            let right = if shared { vec![k, n] } else { vec![batch, k, n] };
            let x = [numbers(&[batch, m, k], seed, (-2.0, 2.0)), numbers(&right, seed ^ 1, (-2.0, 2.0))];
            agree_to_first_order(
                "matmul",
                &x,
                Bound::Terms(k + 1),
                |x| x[0].matmul(x[1]),
                |x| {
                    let mut y = Array::zeros(&[batch, m, n]);
                    let (a, b) = (&x[0].data, &x[1].data);
                    each_index(&[batch, m, k], |i| {
                        let row = (if shared { 0 } else { i[0] * k } + i[2]) * n;
                        let out = (i[0] * m + i[1]) * n;
                        let factor = a[(i[0] * m + i[1]) * k + i[2]];
                        (0..n).for_each(|j| y.data[out + j] += factor * b[row + j]);
                    });
                    y
                },
            )?;
            Ok(())
        },
    );
}

#[test]
fn images() {
    each_case(
        8,
        ([1usize..=5, 1usize..=5], prop::sample::select(vec![1usize, 3, 5]), 1usize..=2, 0usize..=2, any::<u64>()),
        |([c, k], kernel, stride, padding, seed)| {
            let (n, h, w) = (5, 23, 26);
            let spec = ConvSpec::default().stride(stride).padding(padding);
            let x =
                [numbers(&[n, c, h, w], seed, (-2.0, 2.0)), numbers(&[k, c, kernel, kernel], seed ^ 1, (-2.0, 2.0))];
            let output = |size: usize| (size + 2 * padding - kernel) / stride + 1;
            agree_to_first_order(
                "conv2d",
                &x,
                Bound::Terms(c * kernel * kernel + 1),
                |x| x[0].conv2d(x[1], None, spec),
                |x| {
                    Array::from_fn(&[n, k, output(h), output(w)], |at| {
                        let mut sum = 0.0;
                        each_index(&[c, kernel, kernel], |t| {
                            let (y, z) = (at[2] * stride + t[1], at[3] * stride + t[2]);
                            if y >= padding && y < h + padding && z >= padding && z < w + padding {
                                sum += x[0].at(&[at[0], t[0], y - padding, z - padding])
                                    * x[1].at(&[at[1], t[0], t[1], t[2]]);
                            }
                        });
                        sum
                    })
                },
            )?;
            let x = [distinct(&[n, 12, 52, 50], seed)];
            agree_to_first_order(
                "max_pool2d",
                &x,
                Bound::Size(4.0),
                |x| x[0].max_pool2d(Window::square(2)),
                |x| {
                    Array::from_fn(&[n, 12, 26, 25], |at| {
                        [[0, 0], [0, 1], [1, 0], [1, 1]]
                            .map(|[i, j]| x[0].at(&[at[0], at[1], 2 * at[2] + i, 2 * at[3] + j]))
                            .into_iter()
                            .fold(f64::NEG_INFINITY, f64::max)
                    })
                },
            )?;
            Ok(())
        },
    );
}
