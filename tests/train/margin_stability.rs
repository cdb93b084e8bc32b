//! The margin losses where formulas lose their digits: directions that agree or oppose, embeddings of length zero, NaN.

use std::f64::consts::PI;

use wengert::{
    DType, Tape, Tensor,
    nn::{Layer, MarginLoss},
};

use crate::margin::{head, losses};

/// Embeddings at an angle to the centers of their classes, and those centers: `n` of each, in 16 dimensions.
fn at_angle(angle: f64, n: usize) -> (Tensor, Tensor) {
    let unit = |i: usize, seed: f64| -> Vec<f64> {
        let v: Vec<f64> = (0..16).map(|k| ((i * 16 + k) as f64 * 1.618 + seed).sin()).collect();
        let length = v.iter().map(|v| v * v).sum::<f64>().sqrt();
        v.iter().map(|v| v / length).collect()
    };
    let (mut x, mut w) = (Vec::new(), Vec::new());
    for i in 0..n {
        let (a, b) = (unit(i, 0.0), unit(i, 5.0));
        let dot: f64 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
        let across: Vec<f64> = a.iter().zip(&b).map(|(a, b)| b - dot * a).collect();
        let length = across.iter().map(|v| v * v).sum::<f64>().sqrt();
        x.extend(a.iter().zip(&across).map(|(a, c)| 2.0 * (angle.cos() * a + angle.sin() * c / length)));
        w.extend(a);
    }
    (Tensor::from_vec(x, [n, 16]).unwrap(), Tensor::from_vec(w, [n, 16]).unwrap())
}

/// The error of dx in single precision relative to the stable form in double precision: the worst of 200 observations
/// for the stable form, the median for the one with a root.
fn single_precision_error(angle: f64, stable: bool) -> f64 {
    let (x, w) = at_angle(angle, 200);
    // Both precisions see the same numbers.
    let (x, head) = (x.cast(DType::F32), head(&w.cast(DType::F32)));
    let labels: Vec<usize> = (0..200).collect();
    let gradient = |tape: Tape, stable: bool| {
        let x = tape.leaf(&x);
        // The sum of the own logits alone: what the margin touches.
        let loss = MarginLoss::default().scale(1.0).unwrap();
        let logits = match stable {
            true => loss.stable_logits(&head, x, &labels),
            false => loss.logits(head.forward(x), &labels),
        };
        logits.unwrap().gather(1, &labels, [200, 1]).sum().backward().unwrap().wrt(x).unwrap().to_vec()
    };
    let (got, want) = (gradient(Tape::new(), stable), gradient(Tape::f64(), true));
    let length = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
    let mut errors: Vec<f64> = (0..200)
        .map(|i| {
            let (got, want) = (&got[16 * i..][..16], &want[16 * i..][..16]);
            let difference: Vec<f64> = got.iter().zip(want).map(|(g, w)| g - w).collect();
            let error = length(&difference) / length(want);
            if error.is_finite() { error } else { f64::INFINITY }
        })
        .collect();
    errors.sort_by(f64::total_cmp);
    if stable { errors[199] } else { errors[100] }
}

#[test]
fn the_stable_form_keeps_its_digits_where_the_root_loses_them() {
    for angle in [1.0, 0.1, 1e-2, 1e-3, PI - 1e-3] {
        let worst = single_precision_error(angle, true);
        assert!(worst < 1e-3, "θ = {angle}: the worst error of the stable form is {worst:e}");
    }
    let median = single_precision_error(1e-3, false);
    assert!(median > 0.03, "the median error of the form with a root is {median:e} at θ = 0.001");
}

#[test]
fn gradients_are_finite_where_directions_agree_and_oppose() {
    // Each observation is parallel or opposed to its own class, or to another one, exactly and by a few digits.
    let x = Tensor::from([[3.0, 0.0], [-3.0, 0.0], [0.1, 0.7], [-0.1, -0.7], [3.0, 1e-7]]);
    let centers = Tensor::from([[1.0, 0.0], [-0.2, -1.4], [-5.0, 0.0]]);
    for (loss, ..) in losses() {
        for (label, tape) in (0..3).flat_map(|label| [(label, Tape::new()), (label, Tape::f64())]) {
            let (labels, head) = ([label; 5], head(&centers));
            let x = tape.leaf(&x);
            for value in [loss.stable_loss(&head, x, &labels), loss.loss(head.forward(x), &labels)] {
                let gradients = value.unwrap().backward().unwrap();
                let (dx, dw) = (gradients.wrt(x).unwrap(), gradients.wrt(&head.weight).unwrap());
                assert_eq!((dx.first_non_finite(), dw.first_non_finite()), (None, None), "{loss:?}, label {label}");
            }
        }
    }
}

#[test]
fn an_embedding_of_length_zero_is_perpendicular_and_has_no_gradient() {
    let centers = Tensor::from([[1.0, 0.0], [0.0, 0.0]]);
    let (head, loss) = (head(&centers), MarginLoss::arcface(0.5).unwrap().scale(2.0).unwrap());
    for tape in [Tape::new(), Tape::f64()] {
        let x = tape.leaf([[0.0, 0.0], [1.0, 1.0]]);
        let cosines = head.forward(x);
        assert_eq!(cosines.value().to_vec()[..2], [0.0, 0.0]);
        assert_eq!(cosines.value().at(&[1, 1]), 0.0);
        for logits in [loss.stable_logits(&head, x, &[0, 1]), loss.logits(cosines, &[0, 1])] {
            let logits = logits.unwrap();
            for (i, own) in [(0, [0, 0]), (1, [1, 1])] {
                assert!((logits.value().at(&own) + 2.0 * 0.5f64.sin()).abs() < 1e-6, "observation {i}");
            }
            let gradients = logits.sum().backward().unwrap();
            assert_eq!(gradients.wrt(x).unwrap().to_vec()[..2], [0.0, 0.0]);
            assert_eq!(gradients.wrt(&head.weight).unwrap().to_vec()[2..], [0.0, 0.0]);
        }
    }
}

#[test]
fn a_margin_of_pi_turns_the_own_class_around_and_stays_finite() {
    let head = head(&Tensor::from([[1.0, 0.0], [0.0, 1.0]]));
    let loss = MarginLoss::arcface(PI).unwrap().scale(2.0).unwrap();
    let tape = Tape::f64();
    let x = tape.leaf([[1.0, 0.0], [0.6, 0.8]]);
    for logits in [loss.stable_logits(&head, x, &[0, 0]), loss.logits(head.forward(x), &[0, 0])] {
        let logits = logits.unwrap();
        for (i, cosine) in [1.0, 0.6].into_iter().enumerate() {
            assert!((logits.value().at(&[i, 0]) + 2.0 * cosine).abs() < 1e-4, "{}", logits.value());
        }
        assert_eq!(logits.sum().backward().unwrap().wrt(x).unwrap().first_non_finite(), None);
    }
}

#[test]
fn an_infinite_embedding_is_no_number_and_a_huge_one_is() {
    let head = head(&Tensor::from([[1.0, 0.0], [0.0, 1.0]]));
    let tape = Tape::f64();
    let cosines = head.forward(tape.constant([[f64::INFINITY, 1.0], [3e100, 4e100]])).value().to_vec();
    assert!(cosines[0].is_nan(), "{cosines:?}");
    assert!((cosines[2] - 0.6).abs() < 1e-12 && (cosines[3] - 0.8).abs() < 1e-12, "{cosines:?}");
}

#[test]
fn a_nan_stays_one() {
    let centers = Tensor::from([[1.0, 0.0], [0.0, 1.0]]);
    let loss = MarginLoss::default();
    let tape = Tape::f64();
    let x = tape.leaf([[f64::NAN, 1.0], [1.0, 0.0]]);
    assert!(loss.loss(head(&centers).forward(x), &[0, 0]).unwrap().item().is_nan());
    assert!(loss.stable_loss(&head(&centers), x, &[0, 0]).unwrap().item().is_nan());
    let broken = head(&Tensor::from([[f64::NAN, 0.0], [0.0, 1.0]]));
    let x = tape.leaf([[0.5, 1.0]]);
    let logits = loss.stable_logits(&broken, x, &[0]).unwrap().value().to_vec();
    assert!(logits[0].is_nan() && logits[1].is_finite(), "{logits:?}");
}
