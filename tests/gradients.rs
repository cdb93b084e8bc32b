//! Every operation of the table against numeric derivatives, first and second order.

use wengert::{DType, Rule, Tape, Tensor, Var, functional, ops};

/// Fourth-order central differences: (−f(2h) + 8 f(h) − 8 f(−h) + f(−2h)) / 12h.
fn numeric(f: impl Fn(&[Tensor]) -> f64, at: &[Tensor], k: usize) -> Vec<f64> {
    let h = 1e-3;
    let x = at[k].to_vec();
    (0..x.len())
        .map(|i| {
            let shifted = |by: f64| {
                let mut all = at.to_vec();
                let moved = x.iter().enumerate().map(|(j, &v)| if i == j { v + by } else { v }).collect();
                all[k] = Tensor::from_vec::<f64>(moved, at[k].shape()).unwrap();
                f(&all)
            };
            (8.0 * (shifted(h) - shifted(-h)) - (shifted(2.0 * h) - shifted(-2.0 * h))) / (12.0 * h)
        })
        .collect()
}

/// Different weights for all elements, so that no mistake cancels out.
fn weights(shape: &wengert::Shape, seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| ((i as f64 + 1.0) * 0.7 + seed).sin() + 0.3)
}

fn weighted<'t>(y: Var<'t>, seed: f64) -> Var<'t> {
    (y * y.tape().constant(weights(&y.shape(), seed))).sum()
}

fn assert_close(what: &str, got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    let scale = want.iter().fold(1.0f64, |m, v| m.max(v.abs()));
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((g - w).abs() <= tolerance * scale, "{what}: element {i} is {g}, numerically {w}");
    }
}

#[test]
fn every_operation_has_its_numeric_gradient() {
    for sample in functional::table() {
        let tape = Tape::f64();
        let x = sample.leaves(&tape);
        let y = sample.run(&x);
        if !sample.differentiable {
            assert!(!y.needs_grad(), "{} declares no derivative", sample.name);
            continue;
        }
        let loss = weighted(y, 0.0);
        let gradients = loss.backward().unwrap();
        let recorded = tape.grad(loss, &x).unwrap();
        for k in 0..x.len() {
            let what = format!("{}, input {k}", sample.name);
            let f = |at: &[Tensor]| {
                let tape = Tape::f64();
                let x: Vec<_> = at.iter().map(|x| tape.leaf(x)).collect();
                weighted(sample.run(&x), 0.0).item()
            };
            let want = numeric(f, &sample.inputs, k);
            assert_close(&what, &gradients.wrt(x[k]).unwrap().to_vec(), &want, 1e-9);
            assert_close(&format!("{what}, recorded"), &recorded[k].value().to_vec(), &want, 1e-9);
        }
    }
}

#[test]
fn every_operation_has_its_numeric_second_gradient() {
    for sample in functional::table().iter().filter(|s| s.differentiable) {
        // s(x) = Σₖ ⟨vₖ, ∂L/∂xₖ⟩, whose gradient is the Hessian times v.
        fn slope<'t>(sample: &ops::Sample, x: &[Var<'t>]) -> Var<'t> {
            let tape = x[0].tape();
            let dx = tape.grad(weighted(sample.run(x), 0.0), x).unwrap();
            dx.iter().enumerate().map(|(k, &dx)| weighted(dx, k as f64 + 1.0)).reduce(|a, b| a + b).unwrap()
        }
        let tape = Tape::f64();
        let x = sample.leaves(&tape);
        let s = slope(sample, &x);
        let gradients = s.needs_grad().then(|| s.backward().unwrap());
        for k in 0..x.len() {
            let what = format!("{}, input {k}, second order", sample.name);
            let f = |at: &[Tensor]| {
                let tape = Tape::f64();
                let x: Vec<_> = at.iter().map(|x| tape.leaf(x)).collect();
                slope(sample, &x).item()
            };
            let want = numeric(f, &sample.inputs, k);
            let got = match gradients.as_ref().and_then(|g| g.wrt(x[k]).ok()) {
                Some(gradient) => gradient.to_vec(),
                None => vec![0.0; want.len()],
            };
            assert_close(&what, &got, &want, 1e-8);
        }
    }
}

/// The bits of all numbers of a tensor.
fn bits(x: &Tensor) -> Vec<u64> {
    x.to_vec().into_iter().map(f64::to_bits).collect()
}

/// The value, the gradients and the recorded gradients of a sample on a tape of its own.
fn run(sample: &ops::Sample, dtype: DType, setting: impl Fn(&Tape)) -> Vec<Tensor> {
    let tape = Tape::with_dtype(dtype);
    setting(&tape);
    let x = sample.leaves(&tape);
    let y = sample.run(&x);
    let mut all = vec![y.value()];
    if sample.differentiable {
        let loss = weighted(y, 0.0);
        let gradients = loss.backward().unwrap();
        all.extend(x.iter().map(|&x| gradients.wrt(x).unwrap().clone()));
        all.extend(tape.grad(loss, &x).unwrap().iter().map(|g| g.value()));
    }
    all
}

#[test]
fn every_operation_has_the_same_bits_when_it_is_deferred() {
    for sample in functional::table() {
        for dtype in [DType::F32, DType::F64] {
            let now = run(&sample, dtype, |tape| tape.set_lazy_from(usize::MAX));
            let later = run(&sample, dtype, |tape| tape.set_lazy_from(0));
            for (k, (now, later)) in now.iter().zip(&later).enumerate() {
                assert_eq!(now.shape(), later.shape(), "{} in {dtype}, quantity {k}", sample.name);
                assert_eq!(
                    bits(now),
                    bits(later),
                    "{} in {dtype}, quantity {k}: {now} and deferred {later}",
                    sample.name
                );
            }
        }
    }
}

#[test]
fn every_operation_is_the_same_under_either_rule() {
    for sample in functional::table() {
        let manual = run(&sample, DType::F64, |tape| tape.set_rule(Rule::Manual));
        let tape = run(&sample, DType::F64, |tape| tape.set_rule(Rule::Tape));
        assert_eq!(manual, tape, "{}: no built-in operation is a hand-written function", sample.name);
    }
}

#[test]
fn every_operation_in_single_precision_is_near_double_precision() {
    // The samples are small and well scaled: what is left is rounding, of a few operations each.
    const BUDGET: f64 = 64.0 * f32::EPSILON as f64;
    for sample in functional::table() {
        let (single, double) = (run(&sample, DType::F32, |_| ()), run(&sample, DType::F64, |_| ()));
        for (k, (single, double)) in single.iter().zip(&double).enumerate() {
            assert_eq!((single.dtype(), double.dtype()), (DType::F32, DType::F64));
            assert_close(&format!("{}, quantity {k}, f32", sample.name), &single.to_vec(), &double.to_vec(), BUDGET);
        }
    }
}

#[test]
fn no_operation_reads_what_an_earlier_tensor_left_in_its_buffer() {
    let poison = || {
        for dtype in [DType::F32, DType::F64] {
            for len in 0..130 {
                let many: Vec<Tensor> = (0..12).map(|_| Tensor::full([len], f64::NAN, dtype)).collect();
                drop(many);
            }
        }
    };
    for sample in functional::table() {
        for dtype in [DType::F32, DType::F64] {
            let first = run(&sample, dtype, |_| ());
            let second = run(&sample, dtype, |_| poison());
            let same = first.iter().zip(&second).all(|(a, b)| bits(a) == bits(b));
            assert!(same, "{} in {dtype}: {first:?} and with a poisoned pool {second:?}", sample.name);
        }
    }
}
