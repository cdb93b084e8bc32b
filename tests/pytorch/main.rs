//! What PyTorch has: options of losses, order, selection, pieces and the like, against plain loops and against values
//! of PyTorch 2.15 in double precision. What may go wrong is tested with the whole message.

mod images;
mod linear_algebra;
mod losses;
mod pieces;
mod ranking;
mod selection;
mod special;
mod volumes;

use wengert::{Result, Var};

/// Asserts that the numbers are those of `want`, up to rounding.
#[track_caller]
fn close(got: Var<'_>, want: &[f64]) {
    let got = got.value().to_vec();
    assert_eq!(got.len(), want.len(), "{got:?} is not {want:?}");
    for (g, w) in got.iter().zip(want) {
        let same = g == w || (g.is_nan() && w.is_nan());
        assert!(same || (g - w).abs() <= 1e-13 * w.abs().max(1.0), "{got:?} is not {want:?}");
    }
}

/// Asserts that `result` is an error with `message`.
#[track_caller]
fn fails<T>(message: &str, result: Result<T>) {
    match result {
        Ok(_) => panic!("an error was expected: {message}"),
        Err(error) => assert_eq!(error.to_string(), message),
    }
}

/// Asserts that `run` panics with `message`, at its own line of this test.
#[track_caller]
fn panics<T>(message: &str, run: impl FnOnce() -> T) {
    let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).err().expect("a panic was expected");
    assert_eq!(payload.downcast_ref::<String>().map(String::as_str), Some(message));
}
