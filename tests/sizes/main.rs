//! Impossible sizes: each is a clean error, never a panic, a wrong number or an access out of bounds.
//!
//! The program's allocator grants no more than a gigabyte at a time, so that "too large for memory" means the same on
//! every machine, and memory taken without a check ends the test. With overflow checks on (`.ci/checked`) a product
//! that wraps ends it as well, and under AddressSanitizer (`.ci/sanitize`) a read out of bounds.

mod convolution;
#[path = "../fuzz/mod.rs"]
mod fuzz;
mod random;
mod shapes;
mod windows;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::RefCell,
    panic::{AssertUnwindSafe, Location, catch_unwind},
    ptr::null_mut,
    sync::Once,
};

use wengert::{Result, Tape, Tensor, Var};

/// The system's allocator, which grants nothing larger than a gigabyte.
struct Small;

// SAFETY: every call is passed to the system's allocator unchanged, or answered with null, which means no memory.
unsafe impl GlobalAlloc for Small {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the one that the system requires.
        if layout.size() > 1 << 30 { null_mut() } else { unsafe { System.alloc(layout) } }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        if layout.size() > 1 << 30 { null_mut() } else { unsafe { System.alloc_zeroed(layout) } }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Small = Small;

/// A leaf of ones.
fn ones<'t>(tape: &'t Tape, shape: &[usize]) -> Var<'t> {
    tape.leaf(Tensor::ones(shape, tape.dtype()))
}

/// Asserts that `result` is an error with `message`.
#[track_caller]
fn fails<T>(message: &str, result: Result<T>) {
    match result {
        Ok(_) => panic!("an error was expected: {message}"),
        Err(error) => assert_eq!(error.to_string(), message),
    }
}

/// Asserts that `run` panics with `message`, within five lines from the caller's on.
#[track_caller]
fn panics<T>(message: &str, run: impl FnOnce() -> T) {
    thread_local! {
        static PLACE: RefCell<(String, u32)> = RefCell::default();
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            before(info);
            let place = info.location().map(|at| (at.file().to_owned(), at.line()));
            PLACE.set(place.unwrap_or_default());
        }));
    });
    let payload = catch_unwind(AssertUnwindSafe(run)).err().expect("a panic was expected");
    let text = payload.downcast_ref::<String>().cloned();
    assert_eq!(text.or_else(|| payload.downcast_ref::<&str>().map(|&s| s.into())).as_deref(), Some(message));
    let (here, (file, line)) = (Location::caller(), PLACE.take());
    assert!(file == here.file() && (here.line()..here.line() + 5).contains(&line), "{file}:{line}: {message}");
}

/// Asserts that one form returns the error with `message`, and that the other panics with it here.
macro_rules! refused {
    ($message:expr, $fallible:expr, $plain:expr) => {{
        let message: String = $message.into();
        crate::fails(&message, $fallible);
        crate::panics(&message, || $plain);
    }};
}
use refused;
