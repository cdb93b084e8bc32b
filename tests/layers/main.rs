//! Layers around one operation, layers around other layers, and the summary of a network.

mod around;
mod bilinear;
mod graph;
mod location;
mod matrix_sqrt;
mod normalization;
mod single;
mod summary;

use std::panic::{AssertUnwindSafe, catch_unwind};

use wengert::{DType, Mode, Param, Tape, Tensor, nn::Layer};

fn numbers(shape: &[usize], seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| 2.0 * ((i as f64 + 1.0) * 0.7 + seed).sin())
}

/// Numbers from −1 to 1 that no short formula ties together, as sines are: matrices of them have full rank.
fn scattered(shape: &[usize], seed: u64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| {
        let mut x = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(seed << 32);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x >> 11) as f64 / (1u64 << 52) as f64) - 1.0
    })
}

/// Asserts that the layer computes `want`, in double precision, in training and in evaluation.
#[track_caller]
fn assert_computes(layer: &dyn Layer, x: &Tensor, shape: &[usize], want: &[f64]) {
    for mode in [Mode::Train, Mode::Eval] {
        let tape = Tape::f64();
        tape.set_mode(mode);
        let y = layer.forward(tape.constant(x)).value();
        assert_eq!(y.shape().dims(), shape, "{mode:?}");
        assert_eq!(y.numel(), want.len());
        for (i, (got, want)) in y.to_vec().iter().zip(want).enumerate() {
            let error = (got - want).abs() / want.abs().max(1.0);
            assert!(error < 1e-12, "{} in {mode:?}: element {i} is {got}, naively {want}", layer.type_name());
        }
    }
}

fn names(params: &[Param]) -> Vec<String> {
    params.iter().map(|param| param.name().to_owned()).collect()
}

/// The message of a panic.
fn message(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("a panic was expected");
    *payload.downcast::<String>().expect("the message is formatted")
}
