//! Rules on plain numbers, in loops over slices as people write them, each wrong in one way.

mod scans;
mod statistics;
mod sums;
mod values;
mod windows;

use wengert::{
    DType, Result, Saved, Shape, Tensor,
    check::{self, Report},
    ops::{Grads, Op, Vjp},
};

type Slices<'a> = [&'a [f64]];

/// What adds to gradients, from inputs, output and upstream gradient.
type Rule = fn(&Slices<'_>, &[f64], &[f64], &mut [Vec<f64>]);

/// An operation of functions on slices: the shape, the value, and the gradients, which begin as zeros.
#[derive(Clone, Copy)]
struct Plain {
    name: &'static str,
    shape: fn(&[&Shape]) -> Shape,
    value: fn(&Slices<'_>, &mut [f64]),
    rule: Rule,
}

impl Op for Plain {
    fn name(&self) -> &str {
        self.name
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok((self.shape)(x))
    }
    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let dtype = x[0].dtype();
        let x: Vec<Vec<f64>> = x.iter().map(|x| x.to_vec()).collect();
        let x: Vec<&[f64]> = x.iter().map(Vec::as_slice).collect();
        let mut z = vec![0.0; shape.numel()];
        (self.value)(&x, &mut z);
        Ok(Tensor::from_fn(shape, dtype, |i| z[i]))
    }
    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let rule = |x: &[Tensor], z: &Tensor, of: &Tensor| {
            let shapes: Vec<Shape> = x.iter().map(|x| x.shape().clone()).collect();
            let x: Vec<Vec<f64>> = x.iter().map(|x| x.to_vec()).collect();
            let mut dx: Vec<Vec<f64>> = x.iter().map(|x| vec![0.0; x.len()]).collect();
            let x: Vec<&[f64]> = x.iter().map(Vec::as_slice).collect();
            (self.rule)(&x, &z.to_vec(), &of.to_vec(), &mut dx);
            let tensor = |(dx, shape): (Vec<f64>, Shape)| Some(Tensor::from_fn(shape, of.dtype(), |i| dx[i]));
            Ok(dx.into_iter().zip(shapes).map(tensor).collect())
        };
        at.once(self.name, rule)
    }
}

fn wave(shape: impl Into<Shape>, seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| 1.7 * ((i as f64 + 1.0) * 2.39 + seed).sin())
}

fn report(op: Plain, inputs: &[Tensor]) -> Report {
    check::gradcheck(|x| (x[0].tape().record(op, x).unwrap() * 1.5).sin(), inputs).unwrap()
}

/// Checks that the right rule passes, and what the first verdict says on the wrong one.
#[track_caller]
fn says(right: Plain, rule: Rule, inputs: &[Tensor], wanted: &str) {
    let passed = report(right, inputs);
    assert!(passed.passed() && passed.verdicts.is_empty(), "{passed}");
    let failed = report(Plain { rule, ..right }, inputs);
    assert!(!failed.passed(), "{failed}");
    let said = failed.verdict().unwrap_or_else(|| panic!("no verdict:\n{failed}"));
    assert_eq!(said.fault.to_string(), wanted, "{failed}");
    assert_eq!(said.rule.as_deref(), Some(right.name));
}

fn same(x: &[&Shape]) -> Shape {
    x[0].clone()
}
