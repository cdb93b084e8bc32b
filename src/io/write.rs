//! Whole files: any bytes, and JSON.

use std::{
    io::{self, Write},
    path::Path,
};

use crate::{Result, atomic};

/// Writes a whole file through `write`, making its folder first.
///
/// The bytes go to a temporary file in the same folder, which takes the final name when they are all on the disk: a
/// program that is killed at any moment leaves the old file or the new one. A new file is as readable as the process's
/// umask allows. A link stays, and the file that it leads to is replaced. A device or pipe (`/dev/null`) has no old
/// contents to protect and is written to as it is.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("runs/1/note.txt");
/// wengert::io::atomic_write(&path, |file| writeln!(file, "done"))?;
/// assert_eq!(std::fs::read_to_string(&path).unwrap(), "done\n");
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// [`Error::File`](crate::Error::File) when the folder cannot be made, or the file not be written; what was there before
/// is still there.
pub fn atomic_write(path: impl AsRef<Path>, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    atomic::write(path.as_ref(), write)
}

/// Writes a value as indented JSON. A NaN or an infinity becomes `null`, since JSON has no word for it.
///
/// # Errors
/// As [`atomic_write`].
pub fn write_json(path: impl AsRef<Path>, value: &impl serde::Serialize) -> Result<()> {
    atomic_write(path, |file| {
        serde_json::to_writer_pretty(&mut *file, value)?;
        writeln!(file)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_and_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.json");
        write_json(&path, &std::collections::BTreeMap::from([("loss", vec![0.5, f64::NAN])])).unwrap();
        let expected = "{\n  \"loss\": [\n    0.5,\n    null\n  ]\n}\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    }
}
