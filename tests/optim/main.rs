//! Optimizers against naive references in scalar arithmetic.
#![cfg(feature = "nn")]

mod refused;
mod schedule;
mod state;

use wengert::optim::{Adam, AdamW, Decay, Momentum, Optimizer, RmsProp, Schedule, Sgd};
use wengert::{DType, Gradients, Param, Result, Tape, Tensor};

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
