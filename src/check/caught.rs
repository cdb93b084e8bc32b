//! Panics in user code, as failures with a message and a line.

use super::Line;
use crate::{
    Error,
    caught::{Panic, Print, located},
};

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

/// Runs user code; a panic becomes a failure with its message and line, and prints nothing.
pub(super) fn caught<R>(run: impl FnOnce() -> R) -> Result<R, Failure> {
    located(Print::Never, run).map_err(|Panic { message, at }| Failure {
        sentence: message,
        line: at.map(|at| Line { file: at.file, line: at.line }),
    })
}
