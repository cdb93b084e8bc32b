//! Panics in user code, caught.
//!
//! [`caught`] leaves it to the program's hook to print the panic. After [`located`] an error or a report says all of it, so
//! the panic prints nothing, except where a backtrace is wanted, which neither holds: the hook of the program is asked only
//! about these, and about the panics that nobody catches here.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// What `run` returns, or the message of its panic.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| message(&*panic))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked without a message").to_owned()
}

/// Whether a source file is one of this crate, which tells a user nothing.
#[cfg(feature = "nn")]
pub(crate) fn is_own(file: &str) -> bool {
    const HERE: &str = "caught.rs";
    let sources = file!().strip_suffix(HERE).unwrap_or_default();
    !sources.is_empty() && file.starts_with(sources)
}

#[cfg(any(feature = "check", feature = "train"))]
pub(crate) use place::{Panic, Print, located};

#[cfg(any(feature = "check", feature = "train"))]
mod place {
    use std::{
        cell::{Cell, RefCell},
        env, fmt,
        panic::{set_hook, take_hook},
        sync::Once,
        thread,
    };

    use super::caught;

    /// A panic: its message, and its place in the source if that is known.
    #[derive(Debug, PartialEq, Eq)]
    pub(crate) struct Panic {
        pub message: String,
        pub at: Option<Place>,
    }

    /// A place in a source file.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Place {
        pub file: String,
        pub line: u32,
        pub column: u32,
    }

    impl fmt::Display for Place {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}:{}:{}", self.file, self.line, self.column)
        }
    }

    /// When a panic that is caught is printed all the same.
    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Print {
        #[cfg(any(test, feature = "check"))]
        Never,
        /// Where `RUST_BACKTRACE` asks for a backtrace.
        WithBacktrace,
    }

    thread_local! {
        static CATCHING: Cell<Option<Print>> = const { Cell::new(None) };
        static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
    }

    /// What `run` returns, or its panic.
    pub(crate) fn located<T>(print: Print, run: impl FnOnce() -> T) -> Result<T, Panic> {
        static HOOK: Once = Once::new();
        // A thread that is panicking cannot set a hook; then the panic is printed, and its place is not known.
        if !thread::panicking() {
            HOOK.call_once(|| {
                let before = take_hook();
                set_hook(Box::new(move |info| {
                    let catching = CATCHING.get();
                    if catching.is_some() {
                        PLACE.set(info.location().map(|at| Place {
                            file: at.file().to_owned(),
                            line: at.line(),
                            column: at.column(),
                        }));
                    }
                    let wanted = || env::var_os("RUST_BACKTRACE").is_some_and(|wanted| wanted != "0");
                    if catching.is_none() || (catching == Some(Print::WithBacktrace) && wanted()) {
                        before(info);
                    }
                }));
            });
        }
        let outer = CATCHING.replace(Some(print));
        PLACE.take();
        let result = caught(run);
        CATCHING.set(outer);
        let at = PLACE.take();
        result.map_err(|message| Panic { message, at })
    }

    #[cfg(test)]
    mod tests {
        use super::{super::is_own, *};

        #[test]
        fn files_of_this_crate_are_known() {
            assert!(is_own(file!()) && is_own(&file!().replace("caught.rs", "nn/layer.rs")));
            assert!(!is_own("examples/mine.rs") && !is_own("/elsewhere/main.rs") && !is_own(""));
        }

        #[test]
        fn a_panic_has_a_message_and_a_place_and_inner_ones_leave_none() {
            let quiet = Print::WithBacktrace;
            let line = line!() + 1;
            let panic = located(quiet, || -> () { panic!("{} and {}", 1, 2) }).unwrap_err();
            let at = panic.at.unwrap();
            assert_eq!((panic.message.as_str(), at.file.as_str(), at.line), ("1 and 2", file!(), line));
            assert_eq!(located(quiet, || located(Print::Never, || -> () { panic!("inner") }).is_err()), Ok(true));
            let panic = located(quiet, || std::panic::resume_unwind(Box::new(7))).unwrap_err();
            assert_eq!(panic, Panic { message: "it panicked without a message".into(), at: None });
        }
    }
}
