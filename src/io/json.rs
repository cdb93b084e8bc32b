//! A value as a JSON file.

use std::path::Path;

use super::atomic_write;
use crate::Result;

/// Writes a value as indented JSON. A NaN or an infinity becomes `null`, since JSON cannot express it.
///
/// # Errors
/// As [`atomic_write`].
pub fn write_json(path: impl AsRef<Path>, value: &impl serde::Serialize) -> Result<()> {
    atomic_write(path, |file| {
        serde_json::to_writer_pretty(&mut *file, value)?;
        writeln!(file)
    })
}
