//! Softmax, normalization and directions.

use proptest::prelude::*;
use wengert::Var;

use crate::{
    array::{Array, broadcast},
    check::{Bound, agree},
    draw::{distinct, filled, keep, numbers, pick_axis, shape},
    each_case,
};

/// Added to variances: large enough for smooth slopes where all numbers are nearly equal.
const EPSILON: f64 = 0.5;

/// (x − mean) / √(var + ε) along `axes`.
fn standardized(x: &Array, axes: &[isize]) -> Array {
    let distance = x.zip(&x.mean(axes, true), |x, mean| x - mean);
    let var = distance.map(|d| d * d).mean(axes, true);
    distance.zip(&var, |d, var| d / (var + EPSILON).sqrt())
}

/// Numbers of either sign, none of them near 0.
fn away_from_zero(dims: &[usize], seed: u64) -> Array {
    numbers(dims, seed, (-2.0, 2.0)).map(|x| if x > 0.0 { x + 0.25 } else { x - 0.25 })
}

#[test]
fn softmax_and_its_logarithm() {
    each_case(300, (shape(1..=4), -3i32..=3, any::<u64>()), |(dims, shift, seed)| {
        // Shifted as far as e^x overflows in f32; the shift is a multiple of a power of two, so x stays exact.
        let along = [pick_axis(dims.len(), seed)];
        let x = [numbers(&dims, seed, (-3.0, 3.0)).map(|x| x + f64::from(shift) * 64.0)];
        let total = |x: &Array| x.map(f64::exp).sum(&along, true);
        agree(
            "softmax",
            &x,
            Bound::Size(100.0),
            |x| x[0].softmax(along[0]),
            |x| x[0].zip(&total(&x[0]), |x, total| x.exp() / total),
        )?;
        // The logarithm is a difference of numbers as large as the shift.
        agree(
            "log_softmax",
            &x,
            Bound::Size(400.0),
            |x| x[0].log_softmax(along[0]),
            |x| x[0].zip(&total(&x[0]), |x, total| x - total.ln()),
        )?;
        Ok(())
    });
}

#[test]
fn layer_norms() {
    each_case(300, (filled(1..=4), 1usize..=3, any::<u64>()), |(dims, inner, seed)| {
        let inner = inner.min(dims.len());
        let last = &dims[dims.len() - inner..];
        let axes: Vec<isize> = (-(inner as isize)..0).collect();
        let x = [distinct(&dims, seed), numbers(last, seed ^ 1, (-2.0, 2.0)), numbers(last, seed ^ 2, (-2.0, 2.0))];
        agree(
            "layer_norm",
            &x,
            Bound::Size(1000.0),
            |x| x[0].layer_norm(x[1], x[2], EPSILON),
            |x| standardized(&x[0], &axes).zip(&x[1], |x, gamma| x * gamma).zip(&x[2], |x, beta| x + beta),
        )?;
        Ok(())
    });
}

#[test]
fn group_norms() {
    each_case(
        300,
        ([1usize..=3, 1usize..=3, 1usize..=3], filled(0..=2), any::<u64>()),
        |([n, groups, each], rest, seed)| {
            let dims = [&[n, groups * each], &rest[..]].concat();
            let x = [
                distinct(&dims, seed),
                numbers(&dims[1..2], seed ^ 1, (-2.0, 2.0)),
                numbers(&dims[1..2], seed ^ 2, (-2.0, 2.0)),
            ];
            agree(
                "group_norm",
                &x,
                Bound::Size(1000.0),
                |x| x[0].group_norm(groups, x[1], x[2], EPSILON),
                |x| {
                    let normal =
                        standardized(&x[0].reshaped(&[n, groups, x[0].numel() / n / groups]), &[2]).reshaped(&dims);
                    Array::from_fn(&dims, |i| normal.at(i) * x[1].at(&i[1..2]) + x[2].at(&i[1..2]))
                },
            )?;
            Ok(())
        },
    );
}

#[test]
fn batch_norms() {
    each_case(300, (filled(2..=4), any::<u64>()), |(dims, seed)| {
        prop_assume!(dims.iter().product::<usize>() / dims[1] >= 2);
        let over: Vec<isize> = (0..dims.len() as isize).filter(|&i| i != 1).collect();
        let x = [
            distinct(&dims, seed),
            numbers(&dims[1..2], seed ^ 1, (-2.0, 2.0)),
            numbers(&dims[1..2], seed ^ 2, (-2.0, 2.0)),
        ];
        agree(
            "batch_norm",
            &x,
            Bound::Size(1000.0),
            |x| x[0].batch_norm(x[1], x[2], EPSILON),
            |x| {
                let normal = standardized(&x[0], &over);
                Array::from_fn(&dims, |i| normal.at(i) * x[1].at(&i[1..2]) + x[2].at(&i[1..2]))
            },
        )?;
        Ok(())
    });
}

#[test]
fn directions() {
    each_case(300, (shape(1..=4), any::<bool>(), any::<u64>()), |(dims, far, seed)| {
        // With the large epsilon the length of every line is below it.
        let epsilon = if far { 1024.0 } else { 1e-12 };
        let along = pick_axis(dims.len(), seed);
        let x = [away_from_zero(&dims, seed)];
        agree(
            "l2_normalize",
            &x,
            Bound::Size(200.0),
            |x| x[0].l2_normalize(along, epsilon),
            |x| {
                let length = x[0].map(|x| x * x).sum(&[along], true).map(|s| s.sqrt().max(epsilon));
                x[0].zip(&length, |x, length| x / length)
            },
        )?;
        Ok(())
    });
}

/// The cosines between lines along an axis of the shape `common`, to which both broadcast.
fn cosines(x: &[Array], common: &[usize], along: isize) -> Array {
    let [a, b] = [&x[0], &x[1]].map(|x| Array::from_fn(common, |i| x.at(i)));
    let length = |x: &Array| x.map(|x| x * x).sum(&[along], false).map(f64::sqrt);
    let inner = a.zip(&b, |a, b| a * b).sum(&[along], false);
    inner.zip(&length(&a), |s, a| s / a).zip(&length(&b), |s, b| s / b)
}

#[test]
fn cosines_and_angles() {
    each_case(300, (filled(1..=4), [keep(), keep()], any::<u64>()), |(full, [left, right], seed)| {
        // The axis is that of the shape to which both broadcast.
        let [a, b] = [left.of(&full), right.of(&full)];
        let common = broadcast(&a, &b);
        prop_assume!(!common.is_empty());
        let along = pick_axis(common.len(), seed);
        let x = [away_from_zero(&a, seed), away_from_zero(&b, seed ^ 1)];
        agree(
            "cosine_similarity",
            &x,
            Bound::Size(200.0),
            |x: &[Var]| x[0].cosine_similarity(x[1], along, 1e-12),
            |x| cosines(x, &common, along),
        )
    });
    each_case(100, (filled(1..=3), [keep(), keep()], any::<u64>()), |(full, [left, right], seed)| {
        let [a, b] = [left.of(&full), right.of(&full)];
        let common = broadcast(&a, &b);
        prop_assume!(!common.is_empty());
        let along = pick_axis(common.len(), seed);
        let x = [away_from_zero(&a, seed), away_from_zero(&b, seed ^ 1)];
        // Not near 0 and π, where the slope of an angle turns quickly.
        prop_assume!(cosines(&x, &common, along).data.iter().all(|cosine| cosine.abs() < 0.95));
        agree(
            "angle",
            &x,
            Bound::Size(2000.0),
            |x: &[Var]| x[0].angle(x[1], along),
            |x| cosines(x, &common, along).map(f64::acos),
        )
    });
}
