//! The reference's tensors, and the differences of a case from them.

use std::path::Path;

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use wengert::{DType, Tape, Tensor, Var};

use crate::operations::{Call, Input, run};

/// The reference tensors of a folder.
pub struct Reference<'a>(SafeTensors<'a>);

impl Reference<'_> {
    fn numbers(&self, name: &str) -> Tensor {
        let view = self.0.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(view.dtype(), Dtype::F64, "{name}");
        let numbers = view.data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().expect("eight bytes")));
        Tensor::from_vec(numbers.collect::<Vec<_>>(), view.shape()).expect("the shape fits the numbers")
    }

    /// An input as a leaf, a constant or a list of indices.
    fn input<'t>(&self, tape: &'t Tape, name: &str, leaf: bool) -> Input<'t> {
        let view = self.0.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        match view.dtype() {
            Dtype::I64 => {
                let bytes = view.data().chunks_exact(8);
                let whole = bytes.map(|b| i64::from_le_bytes(b.try_into().expect("eight bytes")));
                Input::Indices(
                    whole.map(|i| usize::try_from(i).expect("no index is negative")).collect(),
                    view.shape().into(),
                )
            }
            _ if leaf => Input::Numbers(tape.leaf(self.numbers(name))),
            _ => Input::Numbers(tape.constant(self.numbers(name))),
        }
    }
}

/// The difference of two tensors relative to the largest number of `want`; infinite for different shapes or a NaN.
fn difference(got: &Tensor, want: &Tensor) -> f64 {
    if got.shape() != want.shape() {
        return f64::INFINITY;
    }
    let (got, want) = (got.to_vec(), want.to_vec());
    let scale = want.iter().fold(1e-3f64, |m, v| m.max(v.abs()));
    let largest = got.iter().zip(&want).map(|(g, w)| (g - w).abs() / scale);
    largest.fold(0.0, |m, d| if d.is_nan() { f64::INFINITY } else { m.max(d) })
}

/// The derivative of order `order` of `celu` in the reference, without PyTorch's rounding. Its backward rounds α to
/// a = f32(α): for x ≤ 0 the first derivative comes out as exp(x/a) α/a and the second as exp(x/a) α/a², some 1e-8 off
/// exp(x/α) and exp(x/α)/α. Where α needs no rounding, or a reference was made without it, nothing is removed.
fn unrounded(want: &Tensor, x: &Tensor, alpha: f64, order: i32) -> Tensor {
    let rounded = f64::from(alpha as f32);
    let (want, x) = (want.to_vec(), x.to_vec());
    Tensor::from_fn([want.len()], DType::F64, |i| match x[i] > 0.0 {
        true => want[i],
        false => want[i] * (x[i] / alpha - x[i] / rounded).exp() * (rounded / alpha).powi(order),
    })
}

/// The differences of one case: value, first order, second order.
pub fn compare(reference: &Reference<'_>, case: &Value) -> Result<[f64; 3], String> {
    let text = |key: &str| case[key].as_str().unwrap_or_else(|| panic!("a case has no `{key}`"));
    let (name, op) = (text("name"), text("op"));
    let differentiable: Vec<usize> = case["differentiable"]
        .as_array()
        .map(|list| list.iter().map(|k| k.as_u64().expect("an input") as usize).collect())
        .unwrap_or_default();
    let tape = Tape::f64();
    let count = case["inputs"].as_u64().expect("a case says how many inputs it has") as usize;
    let inputs: Vec<Input<'_>> =
        (0..count).map(|k| reference.input(&tape, &format!("{name}/x{k}"), differentiable.contains(&k))).collect();
    let call = Call { inputs: &inputs, attributes: &case["attrs"] };
    let y = run(op, &call).ok_or_else(|| format!("no operation `{op}`"))?;
    let tensor = |what: String| reference.numbers(&format!("{name}/{what}"));
    let x: Vec<Var<'_>> = differentiable.iter().map(|&k| call.x(k)).collect();

    // The difference from a derivative in the reference.
    let derivative = |got: &Tensor, want: &Tensor, order: i32| {
        let plain = difference(got, want);
        if op != "celu" {
            return plain;
        }
        let want = unrounded(want, &call.x(0).value(), call.number("alpha"), order);
        plain.min(difference(&got.reshape([got.numel()]).expect("a row of all numbers"), &want))
    };
    let value = difference(&y.value(), &tensor("y".into()));
    let g = tensor("g".into());
    let gradients = y.vjp(&g).map_err(|error| error.to_string())?;
    let dx = tape.grad_with(y, &x, tape.constant(&g)).map_err(|error| error.to_string())?;
    let mut first = 0.0f64;
    for (&k, (&x, dx)) in differentiable.iter().zip(x.iter().zip(&dx)) {
        let want = tensor(format!("dx{k}"));
        let got = gradients.wrt(x).map_err(|error| error.to_string())?;
        first = first.max(derivative(got, &want, 1)).max(derivative(&dx.value(), &want, 1));
    }
    let mut second = 0.0f64;
    if case["order2"] == true {
        let directions = differentiable.iter().map(|k| tape.constant(tensor(format!("v{k}"))));
        let slope = dx.iter().zip(directions).map(|(&dx, v)| (dx * v).sum()).reduce(|a, b| a + b);
        let slope = slope.ok_or("nothing to differentiate by")?;
        let gradients = slope.needs_grad().then(|| slope.backward()).transpose().map_err(|error| error.to_string())?;
        for (&k, &x) in differentiable.iter().zip(&x) {
            let zero = Tensor::zeros(x.shape(), DType::F64);
            let got = gradients.as_ref().and_then(|g| g.wrt(x).ok()).unwrap_or(&zero);
            second = second.max(derivative(got, &tensor(format!("h{k}")), 2));
        }
    }
    Ok([value, first, second])
}

/// Calls `f` with the reference and its cases, if there is one.
pub fn with_reference(f: impl FnOnce(&Reference<'_>, &[Value])) {
    let Ok(folder) = std::env::var("WENGERT_SHARED") else {
        eprintln!("skipped: set WENGERT_SHARED to the folder that holds golden/ops.json and golden/ops.safetensors");
        return;
    };
    let read = |name: &str| {
        let path = Path::new(&folder).join("golden").join(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let list: Value = serde_json::from_slice(&read("ops.json")).expect("ops.json is JSON");
    let bytes = read("ops.safetensors");
    let reference = Reference(SafeTensors::deserialize(&bytes).expect("ops.safetensors is a safetensors file"));
    let cases = list["cases"].as_array().expect("ops.json has a list of cases");
    assert!(!cases.is_empty(), "ops.json lists no case");
    f(&reference, cases);
}
