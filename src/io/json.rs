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
