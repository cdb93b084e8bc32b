//! What an optimizer refuses or leaves out, and clipping.

use wengert::optim::{Adam, AdamW, Decay, Optimizer, RmsProp, Sgd, clip_norm, clip_value};
use wengert::{DType, Error, Gradients, NoGradient, Param, Result, Tape, Tensor};

use crate::{gradients, numbers, params};

#[test]
fn bad_settings_are_named() {
    let p = params();
    fn message<T>(result: Result<T>) -> String {
        result.err().unwrap().to_string()
    }
    for (rate, shown) in [(f64::NAN, "NaN"), (-0.1, "-0.1"), (f64::INFINITY, "inf")] {
        let end = format!("learning rate = {shown}, but it must be finite and not negative");
        assert_eq!(message(Sgd::new(&p, rate)), format!("sgd: {end}"));
        assert_eq!(message(Adam::new(&p, rate)), format!("adam: {end}"));
        assert_eq!(message(AdamW::new(&p, rate)), format!("adamw: {end}"));
        assert_eq!(message(RmsProp::new(&p, rate)), format!("rmsprop: {end}"));
        assert_eq!(message(Sgd::new(&p, 0.1).unwrap().set_learning_rate(rate)), format!("sgd: {end}"));
    }
    let sgd = || Sgd::new(&p, 0.1).unwrap();
    let adam = || Adam::new(&p, 0.1).unwrap();
    let rms = || RmsProp::new(&p, 0.1).unwrap();
    assert_eq!(message(sgd().momentum(1.0)), "sgd: momentum = 1, but it must be at least 0 and less than 1");
    assert_eq!(message(sgd().momentum(f64::NAN)), "sgd: momentum = NaN, but it must be at least 0 and less than 1");
    let negative = "must be finite and not negative";
    assert_eq!(message(sgd().decay(Decay::Weights(f64::NAN))), format!("sgd: weight decay = NaN, but it {negative}"));
    assert_eq!(message(adam().decay(Decay::Everything(-1.0))), format!("adam: weight decay = -1, but it {negative}"));
    assert_eq!(message(adam().betas(1.5, 0.9)), "adam: beta1 = 1.5, but it must be at least 0 and less than 1");
    assert_eq!(message(adam().betas(0.9, -0.5)), "adam: beta2 = -0.5, but it must be at least 0 and less than 1");
    assert_eq!(message(adam().epsilon(-1.0)), format!("adam: epsilon = -1, but it {negative}"));
    assert_eq!(message(rms().alpha(2.0)), "rmsprop: alpha = 2, but it must be at least 0 and less than 1");
    assert_eq!(message(rms().epsilon(f64::NAN)), format!("rmsprop: epsilon = NaN, but it {negative}"));
    assert_eq!(message(rms().momentum(-0.1)), "rmsprop: momentum = -0.1, but it must be at least 0 and less than 1");
    let none = "sgd: the list of parameters is empty: an optimizer needs at least one parameter to change";
    assert_eq!(message(Sgd::new(&[], 0.1)), none);
    let twins = [Param::new("w", Tensor::from([1.0])), Param::new("w", Tensor::from([1.0]))];
    let twice = "sgd: parameter name = `w` twice, but it must be different for each; keep layers apart in a `Sequential`, or parameters with `Param::under`";
    assert_eq!(message(Sgd::new(&twins, 0.1)), twice);
}

#[test]
fn a_nan_is_reported_before_anything_is_written() {
    let learned = params();
    let before = numbers(&learned);
    let mut sgd = Sgd::new(&learned, 0.1).unwrap().momentum(0.9).unwrap();
    let tape = Tape::f64();
    let poison = tape.constant([1.0, f64::NAN]);
    let loss = tape.watch(&learned[0]).sum() + (tape.watch(&learned[1]) * poison).sum();
    let bad = loss.backward().unwrap();
    let error = sgd.step(&bad).unwrap_err();
    let expected = "the gradient of parameter `0.bias` holds NaN at index 1; every number must be finite; `Tape::first_non_finite` names the operation in which it arose; check the inputs, lower the learning rate, or clip the gradients of the steps before (`optim::clip_norm`)";
    assert_eq!(error.to_string(), expected);
    assert_eq!((numbers(&learned), sgd.steps()), (before, 0));
    assert!(sgd.state().iter().all(|(_, kept)| kept.to_vec().iter().all(|&x| x == 0.0)));

    let mut careless = Sgd::new(&learned, 0.1).unwrap().check_finite(false);
    careless.step(&bad).unwrap();
    assert!(learned[1].value().to_vec()[1].is_nan());
}

#[test]
fn frozen_parameters_are_skipped_and_unused_ones_reported() {
    let learned = params();
    let mut sgd = Sgd::new(&learned, 0.1).unwrap();
    let tape = Tape::f64();
    let only_weight = tape.watch(&learned[0]).sum().backward().unwrap();
    let before = numbers(&learned);
    let error = sgd.step(&only_weight).unwrap_err();
    assert!(matches!(error, Error::NoGradient { why: NoGradient::NotWatched, .. }));
    let expected = "no gradient for parameter `0.bias`: the parameter was not used in this recording";
    assert_eq!(error.to_string(), expected);
    assert_eq!(numbers(&learned), before);

    let mut lenient = Sgd::new(&learned, 0.1).unwrap().allow_unused(true);
    lenient.step(&only_weight).unwrap();
    assert_eq!(learned[1].value().to_vec(), before[4..]);
    assert_eq!(learned[0].value().to_vec()[0], before[0] - 0.1);

    learned[1].set_trainable(false);
    sgd.step(&only_weight).unwrap();
    assert_eq!(learned[1].value().to_vec(), before[4..]);
    assert_eq!(learned[0].value().to_vec()[0], before[0] - 0.1 - 0.1);
}

#[test]
fn a_parameter_listed_twice_is_changed_once() {
    let learned = params();
    let twice = [learned[0].clone(), learned[1].clone(), learned[0].under("again")];
    let mut sgd = Sgd::new(&twice, 0.1).unwrap();
    let (before, g) = (numbers(&learned), gradients(&learned, DType::F64, 0));
    sgd.step(&g).unwrap();
    assert_eq!(sgd.params().len(), 2);
    assert_eq!(numbers(&learned)[0], before[0] - 0.1 * g.wrt(&learned[0]).unwrap().to_vec()[0]);
}

#[test]
fn a_parameter_that_changes_its_shape_is_reported() {
    let learned = params();
    let mut sgd = Sgd::new(&learned, 0.1).unwrap();
    let old = gradients(&learned, DType::F64, 0);
    learned[0].update(|w| *w = Tensor::from([1.0, 2.0]));
    let message = sgd.step(&old).unwrap_err().to_string();
    assert_eq!(message, "sgd: `0.weight` must keep the shape that it had before, but got [2] and [4]");
}

#[test]
fn clipping_by_norm_counts_each_parameter_once_and_refuses_nan() {
    let learned = params();
    let mut g = gradients(&learned, DType::F64, 3);
    let flat = |g: &Gradients| learned.iter().flat_map(|p| g.wrt(p).unwrap().to_vec()).collect::<Vec<f64>>();
    let before = flat(&g);
    let norm = before.iter().map(|x| x * x).sum::<f64>().sqrt();
    let listed = [learned[0].clone(), learned[1].clone(), learned[0].clone()];
    assert!((clip_norm(&mut g, &listed, 2.0 * norm).unwrap() - norm).abs() < 1e-12);
    assert_eq!(flat(&g), before, "below the limit nothing changes");
    clip_norm(&mut g, &listed, 0.25 * norm).unwrap();
    for (after, before) in flat(&g).iter().zip(&before) {
        assert!((after - 0.25 * before).abs() < 1e-14);
    }
    let tape = Tape::f64();
    let loss = tape.watch(&learned[0]).sum() + (tape.watch(&learned[1]) * f64::INFINITY).sum();
    let message = clip_norm(&mut loss.backward().unwrap(), &learned, 1.0).unwrap_err().to_string();
    assert_eq!(
        message,
        "the gradient of parameter `0.bias` holds inf at index 0; every number must be finite; `Tape::first_non_finite` names the operation in which it arose; check the inputs, lower the learning rate, or clip the gradients of the steps before (`optim::clip_norm`)"
    );
    let mut huge = (tape.watch(&learned[0]) * 1e200).sum().backward().unwrap();
    let message = clip_norm(&mut huge, &learned, 1.0).unwrap_err().to_string();
    assert_eq!(
        message,
        "the norm of all gradients holds inf at index 0; every number must be finite; `Tape::first_non_finite` names the operation in which it arose; check the inputs, lower the learning rate, or clip the gradients of the steps before (`optim::clip_norm`)"
    );
}

#[test]
fn clipping_needs_a_positive_limit() {
    let learned = params();
    let mut g = gradients(&learned, DType::F64, 3);
    let message = clip_norm(&mut g, &learned, 0.0).unwrap_err().to_string();
    assert_eq!(message, "clip_norm: limit = 0, but it must be positive");
    let message = clip_value(&mut g, f64::NAN).unwrap_err().to_string();
    assert_eq!(message, "clip_value: limit = NaN, but it must be positive");
}
