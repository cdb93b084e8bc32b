//! Losses with their options, differentiated with respect to the targets too where they have a gradient.

use proptest::prelude::*;

use crate::{
    array::Array,
    check::{Bound, agree},
    draw::{below, filled, numbers, some},
    each_case,
};

const BOUND: Bound = Bound::Size(400.0);

/// x − ln Σ eˣ of each row.
fn log_softmax(x: &Array) -> Array {
    x.zip(&x.map(f64::exp).sum(&[1], true), |x, total| x - total.ln())
}

fn labels(n: usize, classes: usize, seed: u64) -> Vec<usize> {
    (0..n).map(|i| below(seed, 500 + i as u64, classes)).collect()
}

/// The mean of the entries that the labels name.
fn mean_of_own(x: &Array, labels: &[usize]) -> f64 {
    labels.iter().enumerate().map(|(i, &label)| x.at(&[i, label])).sum::<f64>() / labels.len() as f64
}

/// Multiples of 1/16: their distances from the lattice stay clear of 0 and of other multiples.
fn targets(dims: &[usize], seed: u64) -> Array {
    numbers(dims, seed, (-2.0, 2.0)).map(|x| x - 1.0 / 32.0)
}

#[test]
fn cross_entropies() {
    each_case(
        300,
        ([some(), some()], prop_oneof![Just(0.0), Just(0.125)], any::<u64>()),
        |([n, classes], smoothing, seed)| {
            let x = [numbers(&[n, classes], seed, (-3.0, 3.0))];
            let labels = labels(n, classes, seed);
            agree(
                "cross_entropy",
                &x,
                BOUND,
                |x| x[0].cross_entropy(&labels),
                |x| Array::scalar(-mean_of_own(&log_softmax(&x[0]), &labels)),
            )?;
            agree(
                "cross_entropy_smoothed",
                &x,
                BOUND,
                |x| x[0].cross_entropy_smoothed(&labels, smoothing),
                |x| {
                    let logs = log_softmax(&x[0]);
                    let spread = logs.mean(&[], false).data[0];
                    Array::scalar(-(1.0 - smoothing) * mean_of_own(&logs, &labels) - smoothing * spread)
                },
            )?;
            agree("nll_loss", &x, BOUND, |x| x[0].nll_loss(&labels), |x| Array::scalar(-mean_of_own(&x[0], &labels)))?;
            Ok(())
        },
    );
}

#[test]
fn distances() {
    each_case(300, (filled(0..=4), prop_oneof![Just(0.5), Just(1.0)], any::<u64>()), |(dims, beta, seed)| {
        let x = [numbers(&dims, seed, (-2.0, 2.0)), targets(&dims, seed ^ 1)];
        agree(
            "mse_loss",
            &x,
            BOUND,
            |x| x[0].mse_loss(x[1]),
            |x| x[0].zip(&x[1], |x, t| (x - t) * (x - t)).mean(&[], false),
        )?;
        agree(
            "l1_loss",
            &x,
            BOUND,
            |x| x[0].l1_loss(x[1]),
            |x| x[0].zip(&x[1], |x, t| (x - t).abs()).mean(&[], false),
        )?;
        agree(
            "smooth_l1_loss",
            &x,
            BOUND,
            |x| x[0].smooth_l1_loss(x[1], beta),
            |x| {
                let each = |d: f64| if d < beta { 0.5 * d * d / beta } else { d - 0.5 * beta };
                x[0].zip(&x[1], |x, t| each((x - t).abs())).mean(&[], false)
            },
        )?;
        agree(
            "huber_loss",
            &x,
            BOUND,
            |x| x[0].huber_loss(x[1], beta),
            |x| {
                let each = |d: f64| if d < beta { 0.5 * d * d } else { beta * (d - 0.5 * beta) };
                x[0].zip(&x[1], |x, t| each((x - t).abs())).mean(&[], false)
            },
        )?;
        Ok(())
    });
}

#[test]
fn probabilities() {
    each_case(300, (filled(1..=3), prop_oneof![Just(0.0), Just(1.0)], any::<u64>()), |(dims, smooth, seed)| {
        let x = [numbers(&dims, seed, (-3.0, 3.0)), numbers(&dims, seed ^ 1, (0.0, 1.0))];
        agree(
            "bce_with_logits",
            &x,
            BOUND,
            |x| x[0].bce_with_logits(x[1]),
            |x| {
                let each = |x: f64, t: f64| x.max(0.0) - x * t + (-x.abs()).exp().ln_1p();
                x[0].zip(&x[1], each).mean(&[], false)
            },
        )?;
        let x = [numbers(&dims, seed, (0.0625, 1.0)), numbers(&dims, seed ^ 1, (0.0625, 1.0))];
        let total = |x: &Array| x.sum(&[], false).data[0];
        agree(
            "dice_loss",
            &x,
            BOUND,
            |x| x[0].dice_loss(x[1], smooth),
            |x| {
                let shared = total(&x[0].zip(&x[1], |p, g| p * g));
                Array::scalar(1.0 - (2.0 * shared + smooth) / (total(&x[0]) + total(&x[1]) + smooth))
            },
        )?;
        agree(
            "dice_loss_squared",
            &x,
            BOUND,
            |x| x[0].dice_loss_squared(x[1]),
            |x| {
                let product = |a: &Array, b: &Array| total(&a.zip(b, |a, b| a * b));
                Array::scalar(1.0 - 2.0 * product(&x[0], &x[1]) / (product(&x[0], &x[0]) + product(&x[1], &x[1])))
            },
        )?;
        agree(
            "euclidean_loss",
            &x,
            BOUND,
            |x| x[0].euclidean_loss(x[1]),
            |x| Array::scalar(total(&x[0].zip(&x[1], |x, t| (x - t) * (x - t))) / (2 * dims[0]) as f64),
        )?;
        let x = x.map(|x| x.map(|x| x / 2.0 + 0.5));
        agree(
            "kl_div",
            &x,
            BOUND,
            |x| x[0].ln().kl_div(x[1]),
            |x| Array::scalar(total(&x[0].zip(&x[1], |x, t| t * (t.ln() - x.ln()))) / dims[0] as f64),
        )?;
        Ok(())
    });
}

#[test]
fn angular_margins() {
    each_case(
        300,
        ([some(), some()], 2usize..=5, prop_oneof![Just(0.0), Just(0.25)], any::<u64>()),
        |([n, classes], d, margin, seed)| {
            let x = [numbers(&[n, d], seed, (-2.0, 2.0)), numbers(&[classes, d], seed ^ 1, (-2.0, 2.0))];
            let labels = labels(n, classes, seed);
            let cosine = |x: &[Array], i: usize, k: usize| {
                let inner = |a: &Array, i: usize, b: &Array, k: usize| {
                    (0..d).map(|j| a.at(&[i, j]) * b.at(&[k, j])).sum::<f64>()
                };
                inner(&x[0], i, &x[1], k) / (inner(&x[0], i, &x[0], i) * inner(&x[1], k, &x[1], k)).sqrt()
            };
            // Neither vanishing vectors nor vanishing angles, near which slopes turn quickly.
            prop_assume!(
                [&x[0], &x[1]].iter().all(|x| x.map(|x| x * x).sum(&[1], false).data.iter().all(|&s| s > 0.25))
            );
            prop_assume!(labels.iter().enumerate().all(|(i, &k)| cosine(&x, i, k).abs() < 0.95));
            agree(
                "arcface_loss",
                &x,
                Bound::Size(2000.0),
                |x| x[0].arcface_loss(x[1], &labels, 4.0, margin),
                |x| {
                    let logits = Array::from_fn(&[n, classes], |at| {
                        let cosine = cosine(x, at[0], at[1]);
                        4.0 * if labels[at[0]] == at[1] { (cosine.acos() + margin).cos() } else { cosine }
                    });
                    Array::scalar(-mean_of_own(&log_softmax(&logits), &labels))
                },
            )?;
            Ok(())
        },
    );
}
