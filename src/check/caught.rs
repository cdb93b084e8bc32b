//! Panics in user code, as failures with a message and a line.

use std::{
    cell::{Cell, RefCell},
    panic::AssertUnwindSafe,
    sync::Once,
};

use super::Line;
use crate::{Error, error::panic};

/// A run that failed.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub sentence: String,
    pub line: Option<Line>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let line = match &error {
            Error::Rule { at, .. } => Some(Line::from(*at)),
            _ => None,
        };
        Failure { sentence: error.to_string(), line }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.sentence)?;
        match &self.line {
            Some(line) if !self.sentence.contains(&line.to_string()) => write!(f, " ({line})"),
            _ => Ok(()),
        }
    }
}

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static WHERE: RefCell<Option<Line>> = const { RefCell::new(None) };
}

/// Runs user code; a panic becomes a failure with its message and line, and prints nothing.
pub(super) fn caught<R>(run: impl FnOnce() -> R) -> Result<R, Failure> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| match CATCHING.get() {
            true => WHERE.set(info.location().map(Line::from)),
            false => before(info),
        }));
    });
    let outer = CATCHING.replace(true);
    let result = std::panic::catch_unwind(AssertUnwindSafe(run));
    CATCHING.set(outer);
    result.map_err(|panic| Failure { sentence: panic::message(&*panic), line: WHERE.take() })
}
