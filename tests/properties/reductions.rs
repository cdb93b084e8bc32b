//! Reductions along random axes, counted from either end, with and without `keepdim`.

use proptest::prelude::*;
use wengert::{DType, Tape, Tensor};

use crate::{
    array::{Array, each_index},
    check::{Bound, agree},
    draw::{distinct, filled, keep, numbers, pick_axes, shape},
    each_case,
};

/// Shapes whose axes are drawn with them.
fn shape_and_axes() -> impl Strategy<Value = (Vec<usize>, Vec<isize>)> {
    (shape(0..=4), any::<u64>()).prop_map(|(dims, seed)| {
        let axes = pick_axes(dims.len(), seed);
        (dims, axes)
    })
}

fn filled_and_axes() -> impl Strategy<Value = (Vec<usize>, Vec<isize>)> {
    (filled(0..=4), any::<u64>()).prop_map(|(dims, seed)| {
        let axes = pick_axes(dims.len(), seed);
        (dims, axes)
    })
}

#[test]
fn sums_and_means() {
    each_case(300, (shape_and_axes(), any::<bool>(), any::<u64>()), |((dims, axes), keepdim, seed)| {
        let x = [numbers(&dims, seed, (-2.0, 2.0))];
        let terms = Bound::Terms(x[0].numel() + 1);
        agree("sum", &x, terms, |x| x[0].sum_axes(&axes, keepdim), |x| x[0].sum(&axes, keepdim))?;
        // The mean of nothing is refused, and has a test of its message.
        if x[0].count(&axes) > 0.0 {
            agree("mean", &x, terms, |x| x[0].mean_axes(&axes, keepdim), |x| x[0].mean(&axes, keepdim))?;
        }
        agree("sum of all", &x, terms, |x| x[0].sum(), |x| x[0].sum(&[], false))?;
        if x[0].numel() > 0 {
            agree("mean of all", &x, terms, |x| x[0].mean(), |x| x[0].mean(&[], false))?;
        }
        Ok(())
    });
}

#[test]
fn sums_of_chains() {
    each_case(300, (shape_and_axes(), any::<bool>(), keep(), any::<u64>()), |((dims, axes), keepdim, keep, seed)| {
        let x = [numbers(&dims, seed, (-2.0, 2.0)), numbers(&keep.of(&dims), seed ^ 1, (-2.0, 2.0))];
        agree(
            "Σ sin(a b) + b",
            &x,
            Bound::Size(400.0),
            |x| ((x[0] * x[1]).sin() + x[1]).sum_axes(&axes, keepdim),
            |x| x[0].zip(&x[1], |a, b| (a * b).sin() + b).sum(&axes, keepdim),
        )?;
        Ok(())
    });
}

#[test]
fn extremes() {
    each_case(300, (filled_and_axes(), any::<bool>(), any::<u64>()), |((dims, axes), keepdim, seed)| {
        let x = [distinct(&dims, seed)];
        // Nothing is rounded, but |x| has its extremes elsewhere, so the bound is one on the size.
        agree(
            "amax",
            &x,
            Bound::Size(4.0),
            |x| x[0].amax_axes(&axes, keepdim),
            |x| x[0].fold(&axes, keepdim, f64::NEG_INFINITY, f64::max),
        )?;
        agree(
            "amin",
            &x,
            Bound::Size(4.0),
            |x| x[0].amin_axes(&axes, keepdim),
            |x| x[0].fold(&axes, keepdim, f64::INFINITY, f64::min),
        )?;
        Ok(())
    });
}

#[test]
fn extremes_of_nothing_are_refused() {
    each_case(300, (shape_and_axes(), any::<bool>(), any::<u64>()), |((dims, axes), keepdim, seed)| {
        let tape = Tape::f64();
        let x = numbers(&dims, seed, (-2.0, 2.0));
        let got = tape.leaf(x.tensor()).try_amax_axes(&axes, keepdim);
        match x.count(&axes) == 0.0 {
            true => prop_assert!(
                got.err()
                    .unwrap()
                    .to_string()
                    .starts_with("amax: an extreme needs at least one number along every reduced axis, but got [")
            ),
            false => {
                prop_assert_eq!(Array::of(&got.unwrap().value()), x.fold(&axes, keepdim, f64::NEG_INFINITY, f64::max))
            }
        }
        Ok(())
    });
}

#[test]
fn variances() {
    each_case(
        300,
        (filled_and_axes(), any::<bool>(), 0usize..=1, any::<u64>()),
        |((dims, axes), keepdim, correction, seed)| {
            let x = [numbers(&dims, seed, (-2.0, 2.0))];
            prop_assume!(x[0].count(&axes) > correction as f64);
            agree(
                "var",
                &x,
                Bound::Size(2000.0),
                |x| x[0].var_axes(&axes, correction, keepdim),
                |x| {
                    let mean = x[0].mean(&axes, true);
                    let squares = x[0].zip(&mean, |x, mean| (x - mean) * (x - mean)).sum(&axes, keepdim);
                    squares.map(|sum| sum / (x[0].count(&axes) - correction as f64))
                },
            )?;
            Ok(())
        },
    );
}

#[test]
fn norms() {
    each_case(300, (shape_and_axes(), any::<bool>(), any::<u64>()), |((dims, axes), keepdim, seed)| {
        let x = [numbers(&dims, seed, (0.25, 2.0)).map(|x| if x * 16.0 % 2.0 > 1.0 { x } else { -x })];
        agree(
            "norm",
            &x,
            Bound::Size(400.0),
            |x| x[0].norm_axes(&axes, keepdim),
            |x| x[0].map(|x| x * x).sum(&axes, keepdim).map(f64::sqrt),
        )?;
        Ok(())
    });
}

#[test]
fn products() {
    each_case(300, (shape_and_axes(), any::<bool>(), any::<u64>()), |((dims, axes), keepdim, seed)| {
        // Factors around 1, and now and then a 0, which must not spoil the gradient.
        let x = numbers(&dims, seed, (-1.25, 1.25)).map(|x| if x.abs() < 0.05 { 0.0 } else { x });
        let naive = |x: &[Array]| x[0].fold(&axes, keepdim, 1.0, |product, x| product * x);
        agree(
            "prod",
            std::slice::from_ref(&x),
            Bound::Terms(2 * x.numel() + 2),
            |x| x[0].prod_axes(&axes, keepdim),
            naive,
        )?;
        Ok(())
    });
}

#[test]
fn sums_of_exponentials() {
    each_case(
        300,
        (filled_and_axes(), any::<bool>(), -3i32..=3, any::<u64>()),
        |((dims, axes), keepdim, shift, seed)| {
            // Shifted as far as e^x overflows in f32.
            let shift = f64::from(shift) * 50.0;
            let x = [numbers(&dims, seed, (-2.0, 2.0)).map(|x| x + shift)];
            agree(
                "logsumexp",
                &x,
                Bound::Size(200.0),
                |x| x[0].logsumexp_axes(&axes, keepdim),
                |x| x[0].map(f64::exp).sum(&axes, keepdim).map(f64::ln),
            )?;
            Ok(())
        },
    );
}

#[test]
fn broadcasting_and_summing_back() {
    each_case(300, (shape(0..=4), keep(), any::<u64>()), |(full, keep, seed)| {
        let part = keep.of(&full);
        let x = [numbers(&part, seed, (-2.0, 2.0))];
        agree(
            "broadcast_to",
            &x,
            Bound::Terms(1),
            |x| x[0].broadcast_to(&full[..]),
            |x| Array::from_fn(&full, |i| x[0].at(i)),
        )?;
        let x = [numbers(&full, seed, (-2.0, 2.0))];
        agree(
            "sum_to",
            &x,
            Bound::Terms(x[0].numel() + 1),
            |x| x[0].sum_to(&part.clone().into()),
            |x| {
                let mut sum = Array::zeros(&part);
                each_index(&full, |i| *sum.entry(i) += x[0].at(i));
                sum
            },
        )?;
        Ok(())
    });
}

#[test]
fn a_sum_of_exponentials_of_nothing_is_minus_infinity() {
    let tape = Tape::f64();
    let x = tape.leaf(Tensor::zeros([2, 0], DType::F64));
    assert_eq!(x.logsumexp_axes(&[1], false).value().to_vec(), [f64::NEG_INFINITY; 2]);
    assert_eq!(x.logsumexp_axes(&[0], false).shape().dims(), [0]);
    assert_eq!(x.logsumexp().item(), f64::NEG_INFINITY);
}
