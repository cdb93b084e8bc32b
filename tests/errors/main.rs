//! Every error of the core and of the layers: its whole sentence, the caller's line, the layer, and that the tape is usable afterward.

mod debug;
mod layers;
mod non_finite;
mod operations;
mod rules;
mod tape;
mod twins;

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, Location, catch_unwind},
    sync::Once,
};

use wengert::{DType, Result, Shape, Tape, Tensor, Var};

thread_local! {
    /// Where this thread's last panic was raised, while one is expected.
    static PLACE: RefCell<Option<Option<(String, u32)>>> = const { RefCell::new(None) };
}

/// Runs `f`, which must panic with `message`, raised within the three lines from the caller's on.
#[track_caller]
pub fn panics(message: &str, f: impl FnOnce()) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let place = info.location().map(|at| (at.file().to_owned(), at.line()));
            let expected = PLACE.with_borrow_mut(|expected| expected.as_mut().map(|slot| *slot = place).is_some());
            if !expected {
                before(info);
            }
        }));
    });
    PLACE.set(Some(None));
    let payload = catch_unwind(AssertUnwindSafe(f));
    let (file, line) = PLACE.take().flatten().unwrap_or_default();
    let payload = payload.expect_err("a panic was expected");
    let text = payload.downcast_ref::<String>().cloned();
    let text = text.or_else(|| payload.downcast_ref::<&str>().map(|&s| s.to_owned())).expect("a panic has a message");
    assert_eq!(text, message);
    let here = Location::caller();
    assert_eq!(file, here.file(), "the place of: {message}");
    assert!(
        (here.line()..here.line() + 3).contains(&line),
        "raised in line {line}, called in {}: {message}",
        here.line()
    );
}

/// Asserts that `result` is an error with `message`.
#[track_caller]
pub fn fails<T>(message: &str, result: Result<T>) {
    match result {
        Ok(_) => panic!("an error was expected: {message}"),
        Err(error) => assert_eq!(error.to_string(), message),
    }
}

/// A leaf of zeros.
#[track_caller]
pub fn zeros<'t>(tape: &'t Tape, shape: impl Into<Shape>) -> Var<'t> {
    tape.leaf(Tensor::zeros(shape, DType::F64))
}

/// Records, differentiates and checks something on a tape after errors.
pub fn assert_usable(tape: &Tape) {
    let x = tape.leaf([1.0, 2.0]);
    assert_eq!((x * x).sum().backward().unwrap().wrt(x).unwrap().to_vec(), [2.0, 4.0]);
}
