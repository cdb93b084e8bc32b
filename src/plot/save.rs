//! Files: a finished picture under its final name, or nothing at all.
//!
//! The bytes go to a temporary file in the same folder, which is then renamed, so that an interrupted program never
//! leaves half a picture.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::error::{Error, Result};

/// The path with `.extension` behind it; a dot that it already has stays.
pub(super) fn with_suffix(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

/// Writes a whole file, making its folder first.
///
/// # Errors
/// [`Error::File`] when the folder cannot be made or the file not be written.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|source| Error::File {
        action: "create the folder",
        path: folder.to_owned(),
        source,
    })?;
    replace(folder, path, bytes).map_err(|source| Error::File { action: "write", path: path.to_owned(), source })
}

fn replace(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".wengert-");
    // A temporary file is private by default; a picture should be as readable as any other new file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_and_old_files_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/picture.svg");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("taken");
        std::fs::write(&file, "").unwrap();
        let message = write(&file.join("picture.svg"), b"x").unwrap_err().to_string();
        assert!(message.starts_with(&format!("cannot create the folder {}: ", file.display())), "{message}");
    }

    #[test]
    fn a_folder_in_the_place_of_the_file_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture.svg");
        std::fs::create_dir(&path).unwrap();
        let message = write(&path, b"x").unwrap_err().to_string();
        assert!(message.starts_with(&format!("cannot write {}: ", path.display())), "{message}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn the_extension_follows_the_whole_name() {
        assert_eq!(with_suffix(Path::new("out/run.1"), "svg"), Path::new("out/run.1.svg"));
    }
}
