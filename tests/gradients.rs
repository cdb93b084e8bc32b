//! Every operation of the table against numeric derivatives, first and second order.

use wengert::{DType, Tape, Tensor, Var, ops};

/// Central differences of fourth order: (−f(2h) + 8 f(h) − 8 f(−h) + f(−2h)) / 12h.
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
    for sample in ops::table() {
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
    for sample in ops::table().iter().filter(|s| s.differentiable) {
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
            let got = match gradients.as_ref().and_then(|g| g.get(x[k])) {
                Some(gradient) => gradient.to_vec(),
                None => vec![0.0; want.len()],
            };
            assert_close(&what, &got, &want, 1e-8);
        }
    }
}
