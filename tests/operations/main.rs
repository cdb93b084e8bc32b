//! Operations at the edges of their domains, against naive references.

mod edges;
mod einsum;
mod far;
mod operands;
mod shapes;

use wengert::{DType, Tensor, Var};

fn numbers(shape: &[usize], seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| ((i as f64 + 1.0) * 0.91 + seed).sin())
}

fn close(got: Var<'_>, want: &[f64], what: &str) {
    let got = got.value().to_vec();
    assert_eq!(got.len(), want.len(), "{what}");
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() <= 1e-12 * w.abs().max(1.0), "{what}: {got:?} is not {want:?}");
    }
}

fn says(error: Result<impl Sized, wengert::Error>, want: &str) {
    match error {
        Ok(_) => panic!("an error was expected: {want}"),
        Err(error) => assert_eq!(error.to_string(), want),
    }
}
