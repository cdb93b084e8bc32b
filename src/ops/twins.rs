//! What can fail comes as a pair: a method that panics at the caller's line, since `?` after each operation would hide
//! the mathematics, and its `try_` twin that returns the error.

use crate::error::Result;

/// The value, or a panic with the error's sentence at the caller's line.
#[track_caller]
pub(crate) fn expect<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}
