//! What a program prints that ends with an error: the sentence, with its causes.
//!
//! `main` and `unwrap` print an error by its `Debug`. The fields of a variant would tell a reader less than its
//! sentence does.

use std::{error::Error as _, fmt};

use super::Error;

/// The sentence, then a line `caused by: ..` for each [`source`](std::error::Error::source) that it does not contain.
///
/// ```
/// use wengert::{Param, Tape, Tensor};
/// let unused = Param::new("w", Tensor::from(1.0));
/// let error = Tape::f64().leaf(1.0).backward().unwrap().wrt(&unused).unwrap_err();
/// assert_eq!(format!("{error:?}"), "no gradient for parameter `w`: the parameter was not used in this recording");
/// ```
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.to_string();
        for cause in std::iter::successors(self.source(), |&cause| cause.source()) {
            let cause = cause.to_string();
            if !text.contains(&cause) {
                text = text + "\ncaused by: " + &cause;
            }
        }
        f.write_str(&text)
    }
}
