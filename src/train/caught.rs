//! Panics of a network's layers, as values with a message and a place.
//!
//! The error that a panic becomes says all of it, so the panic itself prints nothing: the hook of the program is asked only
//! about other panics, and about this one where a backtrace is wanted (`RUST_BACKTRACE`), which no error holds.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    env,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
    thread,
};

/// A panic: its message, and its file, line and column ("" where that is a line of this crate, or not known).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Panic {
    pub message: String,
    pub at: String,
}

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What `run` returns, or its panic.
pub(super) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, Panic> {
    static HOOK: Once = Once::new();
    // A thread that is panicking cannot set a hook; then the panic is printed, and its place is not known.
    if !thread::panicking() {
        HOOK.call_once(|| {
            let before = take_hook();
            set_hook(Box::new(move |info| {
                let catching = CATCHING.get();
                if catching {
                    PLACE.set(info.location().map(|at| at.to_string()).unwrap_or_default());
                }
                if !catching || env::var_os("RUST_BACKTRACE").is_some_and(|wanted| wanted != "0") {
                    before(info);
                }
            }));
        });
    }
    let outer = CATCHING.replace(true);
    PLACE.take();
    let result = catch_unwind(AssertUnwindSafe(run));
    CATCHING.set(outer);
    let at = PLACE.take();
    let at = if is_own(&at) { String::new() } else { at };
    result.map_err(|panic| Panic { message: message(&*panic), at })
}

/// Whether a place in a source file is one of this crate, which tells a user nothing.
pub(super) fn is_own(place: &str) -> bool {
    let here = file!();
    here.len() > HERE.len() && place.starts_with(&here[..here.len() - HERE.len()])
}

/// This file, in the folder of sources.
const HERE: &str = "train/caught.rs";

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_this_crate_are_known() {
        assert!(is_own(file!()) && is_own(&file!().replace("train/caught.rs", "nn/layer.rs:12:3")));
        assert!(!is_own("examples/mine.rs:1:2") && !is_own("/elsewhere/main.rs:1:2") && !is_own(""));
    }

    #[test]
    fn a_panic_has_a_message_and_inner_ones_leave_no_place() {
        let panic = caught(|| -> () { panic!("{} and {}", 1, 2) }).unwrap_err();
        assert_eq!(panic, Panic { message: "1 and 2".into(), at: String::new() });
        assert_eq!(caught(|| caught(|| -> () { panic!("inner") }).is_err()), Ok(true));
        let panic = caught(|| std::panic::resume_unwind(Box::new(7))).unwrap_err();
        assert_eq!(panic, Panic { message: "it panicked without a message".into(), at: String::new() });
    }
}
