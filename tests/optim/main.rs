//! Optimizers against naive references in scalar arithmetic, and every message.
#![cfg(feature = "nn")]

mod schedule;

use wengert::optim::{Adam, AdamW, Decay, Momentum, Optimizer, RmsProp, Schedule, Sgd, clip_norm, clip_value};
use wengert::{DType, Error, FormatProblem, Gradients, NoGradient, Param, Result, Tape, Tensor};

/// A weight of four numbers and a bias of two, in double precision.
fn params() -> Vec<Param> {
    let weight = Tensor::from([0.5, -1.5, 2.0, 0.1]);
    vec![Param::new("0.weight", weight), Param::bias("0.bias", Tensor::from([0.3, -0.7]))]
}

/// The gradients `3 w + sin(t + i)` of a loss that is a function of the parameters, as a recording of step t.
fn gradients(params: &[Param], dtype: DType, t: usize) -> Gradients {
    let tape = Tape::with_dtype(dtype);
    let mut loss = tape.constant(0.0);
    for param in params {
        let w = tape.watch(param);
        let slope = Tensor::from_fn(param.shape(), dtype, |i| ((t + i) as f64).sin());
        loss = loss + (w * w * 1.5 + w * tape.constant(slope)).sum();
    }
    loss.backward().unwrap()
}

fn numbers(params: &[Param]) -> Vec<f64> {
    params.iter().flat_map(|p| p.value().to_vec()).collect()
}

/// Steps an optimizer ten times, with the learning rate changed after the fifth, and compares with `reference`, which
/// gets (w, g, decays, learning rate, t, state of this number) and returns the new w.
fn agrees(
    make: impl Fn(&[Param]) -> Result<Box<dyn Optimizer>>,
    mut reference: impl FnMut(f64, f64, bool, f64, i32, &mut [f64; 3]) -> f64,
) {
    let learned = params();
    let mut optimizer = make(&learned).unwrap();
    let mut w = numbers(&learned);
    let mut memory = [[0.0; 3]; 6];
    let single: Vec<Param> = params().into_iter().inspect(|p| p.cast(DType::F32)).collect();
    let mut in_single = make(&single).unwrap();
    for t in 0..10 {
        let rate = if t < 5 { 0.02 } else { 0.005 };
        optimizer.set_learning_rate(rate).unwrap();
        in_single.set_learning_rate(rate).unwrap();
        optimizer.step(&gradients(&learned, DType::F64, t)).unwrap();
        in_single.step(&gradients(&single, DType::F32, t)).unwrap();
        for (i, w) in w.iter_mut().enumerate() {
            let position = if i < 4 { i } else { i - 4 };
            let g = 3.0 * *w + ((t + position) as f64).sin();
            *w = reference(*w, g, i < 4, rate, t as i32 + 1, &mut memory[i]);
        }
        for ((got, in_single), expected) in numbers(&learned).iter().zip(numbers(&single)).zip(&w) {
            assert!((got - expected).abs() < 1e-14, "step {t}: {got} instead of {expected}");
            assert!((in_single - expected).abs() < 2e-5, "step {t} in f32: {in_single} instead of {expected}");
        }
    }
    assert_eq!((optimizer.steps(), optimizer.learning_rate()), (10, 0.005));
}

fn boxed<O: Optimizer + 'static>(optimizer: Result<O>) -> Result<Box<dyn Optimizer>> {
    optimizer.map(|optimizer| Box::new(optimizer) as Box<dyn Optimizer>)
}

#[test]
fn plain_descent() {
    agrees(|p| boxed(Sgd::new(p, 1.0)), |w, g, _, rate, _, _| w - rate * g);
}

#[test]
fn the_runs_own_form_with_decay_on_everything_but_biases() {
    let make = |p: &[Param]| boxed(Sgd::new(p, 0.01)?.momentum(0.9)?.decay(Decay::Weights(1e-2)));
    agrees(make, |w, g, decays, rate, _, m| {
        m[0] = 0.9 * m[0] - rate * (g + if decays { 1e-2 * w } else { 0.0 });
        w + m[0]
    });
}

#[test]
fn pytorch_momentum_with_decay_on_everything() {
    let make = |p: &[Param]| {
        boxed(Sgd::new(p, 0.01)?.momentum(0.9)?.decay(Decay::Everything(1e-2)).map(|s| s.form(Momentum::PyTorch)))
    };
    agrees(make, |w, g, _, rate, _, m| {
        m[0] = 0.9 * m[0] + (g + 1e-2 * w);
        w - rate * m[0]
    });
}

#[test]
fn nesterov_in_both_forms() {
    for form in [Momentum::Caffe, Momentum::PyTorch] {
        let make = move |p: &[Param]| boxed(Ok(Sgd::new(p, 0.01)?.momentum(0.8)?.nesterov(true).form(form)));
        agrees(make, |w, g, _, rate, _, m| match form {
            // Caffe writes the step as (1 + μ) v − μ v of the previous step.
            Momentum::Caffe => {
                let before = m[0];
                m[0] = 0.8 * before - rate * g;
                w + 1.8 * m[0] - 0.8 * before
            }
            Momentum::PyTorch => {
                m[0] = 0.8 * m[0] + g;
                w - rate * (g + 0.8 * m[0])
            }
        });
    }
}

#[test]
fn adam_and_adamw() {
    fn moments(g: f64, t: i32, m: &mut [f64; 3], betas: (f64, f64)) -> f64 {
        m[0] = betas.0 * m[0] + (1.0 - betas.0) * g;
        m[1] = betas.1 * m[1] + (1.0 - betas.1) * g * g;
        let (first, second) = (m[0] / (1.0 - betas.0.powi(t)), m[1] / (1.0 - betas.1.powi(t)));
        first / (second.sqrt() + 1e-6)
    }
    let adam = |p: &[Param]| boxed(Adam::new(p, 0.1)?.betas(0.8, 0.95)?.epsilon(1e-6)?.decay(Decay::Everything(0.1)));
    agrees(adam, |w, g, _, rate, t, m| w - rate * moments(g + 0.1 * w, t, m, (0.8, 0.95)));
    let adamw = |p: &[Param]| boxed(AdamW::new(p, 0.1)?.epsilon(1e-6));
    agrees(adamw, |w, g, decays, rate, t, m| {
        let shrunk = if decays { w * (1.0 - rate * 0.01) } else { w };
        shrunk - rate * moments(g, t, m, (0.9, 0.999))
    });
}

#[test]
fn rms_prop_with_and_without_momentum_and_centring() {
    for (momentum, centered) in [(0.0, false), (0.9, false), (0.0, true), (0.9, true)] {
        let make = move |p: &[Param]| {
            let rms = RmsProp::new(p, 0.1)?.alpha(0.9)?.epsilon(1e-6)?.momentum(momentum)?.centered(centered);
            boxed(rms.decay(Decay::Weights(0.1)))
        };
        agrees(make, |w, g, decays, rate, _, m| {
            let g = if decays { g + 0.1 * w } else { g };
            m[0] = 0.9 * m[0] + 0.1 * g * g;
            m[1] = 0.9 * m[1] + 0.1 * g;
            let scale = if centered { m[0] - m[1] * m[1] } else { m[0] };
            m[2] = momentum * m[2] + g / (scale.sqrt() + 1e-6);
            w - rate * m[2]
        });
    }
}

/// The trajectory of 8 steps with a learning rate for each.
fn trajectory(form: Momentum, rate: impl Fn(usize) -> f64) -> Vec<f64> {
    let learned = params();
    let mut sgd = Sgd::new(&learned, 0.1).unwrap().momentum(0.9).unwrap().form(form);
    for t in 0..8 {
        sgd.set_learning_rate(rate(t)).unwrap();
        sgd.step(&gradients(&learned, DType::F64, t)).unwrap();
    }
    numbers(&learned)
}

#[test]
fn the_momentum_forms_agree_until_the_rate_changes() {
    let distance = |rate: fn(usize) -> f64| {
        let (a, b) = (trajectory(Momentum::Caffe, rate), trajectory(Momentum::PyTorch, rate));
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    assert!(distance(|_| 0.02) < 1e-15);
    assert!(distance(|t| if t < 4 { 0.02 } else { 0.002 }) > 1e-3);
}

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
fn a_step_works_in_the_precision_of_the_parameter() {
    let learned = params();
    let mut sgd = Sgd::new(&learned, 0.1).unwrap().momentum(0.9).unwrap();
    sgd.step(&gradients(&learned, DType::F32, 0)).unwrap();
    assert_eq!(learned[0].dtype(), DType::F64);
    learned.iter().for_each(|p| p.cast(DType::F32));
    sgd.step(&gradients(&learned, DType::F64, 1)).unwrap();
    assert!(learned[0].dtype() == DType::F32 && sgd.state()[1].1.dtype() == DType::F32);
}

#[test]
fn values_held_by_a_tape_stay_as_they_were() {
    let learned = params();
    let mut sgd = Sgd::new(&learned, 0.1).unwrap();
    let tape = Tape::f64();
    let w = tape.watch(&learned[0]);
    let before = w.value().to_vec();
    let loss = w.sum() + tape.watch(&learned[1]).sum();
    sgd.step(&loss.backward().unwrap()).unwrap();
    assert_eq!(w.value().to_vec(), before);
    assert_ne!(learned[0].value().to_vec(), before);
}

/// Each optimizer with all of its state.
fn all_kinds(p: &[Param]) -> Vec<Box<dyn Optimizer>> {
    vec![
        boxed(Sgd::new(p, 0.05).unwrap().momentum(0.9)).unwrap(),
        boxed(Adam::new(p, 0.05)).unwrap(),
        boxed(AdamW::new(p, 0.05)).unwrap(),
        boxed(Ok(RmsProp::new(p, 0.05).unwrap().momentum(0.5).unwrap().centered(true))).unwrap(),
    ]
}

#[test]
fn saved_state_takes_a_run_up_exactly() {
    for kind in 0..4 {
        let (straight, resumed) = (params(), params());
        let mut one = all_kinds(&straight).remove(kind);
        let mut first = all_kinds(&resumed).remove(kind);
        for t in 0..9 {
            one.step(&gradients(&straight, DType::F64, t)).unwrap();
        }
        for t in 0..4 {
            first.step(&gradients(&resumed, DType::F64, t)).unwrap();
        }
        let saved = first.state();
        let mut second = all_kinds(&resumed).remove(kind);
        second.load_state(&saved).unwrap();
        assert_eq!(second.steps(), 4);
        for t in 4..9 {
            second.step(&gradients(&resumed, DType::F64, t)).unwrap();
        }
        assert_eq!(numbers(&straight), numbers(&resumed), "kind {kind}");
    }
}

#[test]
fn state_is_named_after_the_parameters_and_checked() {
    let learned = params();
    let mut sgd = Sgd::new(&learned, 0.1).unwrap().momentum(0.9).unwrap();
    sgd.step(&gradients(&learned, DType::F64, 0)).unwrap();
    let good = sgd.state();
    let names: Vec<&str> = good.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["steps", "velocity.0.weight", "velocity.0.bias"]);

    let velocity = || sgd_velocity(&good);
    let mut other = Sgd::new(&learned, 0.1).unwrap().momentum(0.9).unwrap();
    let problem = other.load_state(&good[..2]).unwrap_err();
    assert_eq!(problem, FormatProblem::Missing { name: "velocity.0.bias".into() });
    let mut long = good.clone();
    long.push(("velocity.1.weight".into(), velocity()));
    let problem = other.load_state(&long).unwrap_err();
    assert_eq!(problem, FormatProblem::Unknown { name: "velocity.1.weight".into() });
    let mut wrong = good.clone();
    wrong[2].1 = velocity();
    let problem = other.load_state(&wrong).unwrap_err();
    assert_eq!(problem.to_string(), "its entry `velocity.0.bias` has shape [4], but [2] is needed");
    for (steps, text) in [
        (1.5, "1.5"),
        (-1.0, "-1"),
        (9007199254740992.0, "9007199254740992"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "inf"),
    ] {
        let mut count = good.clone();
        count[0].1 = Tensor::from(steps);
        let problem = other.load_state(&count).unwrap_err();
        let expected = format!(
            "its entry `steps` holds {text} at index 0, but every number of it must be a whole number from 0 to 2^53 - 1"
        );
        assert_eq!(problem.to_string(), expected);
    }
    let mut infinite = good.clone();
    infinite[2].1 = Tensor::from([1.0, f64::NEG_INFINITY]);
    let problem = other.load_state(&infinite).unwrap_err();
    let expected = "its entry `velocity.0.bias` holds -inf at index 1, but every number of it must be finite";
    assert_eq!(problem.to_string(), expected);
    assert_eq!(other.steps(), 0);
    assert!(other.state()[1].1.to_vec().iter().all(|&v| v == 0.0));
}

fn sgd_velocity(state: &[(String, Tensor)]) -> Tensor {
    state[1].1.clone()
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

#[test]
fn a_schedule_drives_an_optimizer() {
    let learned = params();
    let mut sgd = Sgd::new(&learned, 0.4).unwrap();
    let schedule = Schedule::Step { step_size: 2, gamma: 0.5 };
    let mut seen = Vec::new();
    for t in 0..5 {
        sgd.set_learning_rate(schedule.learning_rate(0.4, sgd.steps())).unwrap();
        seen.push(sgd.learning_rate());
        sgd.step(&gradients(&learned, DType::F64, t)).unwrap();
    }
    assert_eq!(seen, [0.4, 0.4, 0.2, 0.2, 0.1]);
}
