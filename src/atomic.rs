//! Files that are written whole or not at all. `io`, `plot` and `check` write all their files through this one
//! function, which knows nothing of what it writes; users find it as `io::atomic_write`.

use std::{
    fs,
    io::{self, BufWriter, Write},
    path::Path,
};

use crate::{Error, Result};

/// Writes a whole file through `write`, making its folder first.
///
/// The bytes go to a temporary file in the same folder, which takes the final name when they are all on the disk: a
/// program that is killed at any moment leaves the old file or the new one, never half of one. A new file is as
/// readable as the process's umask allows. A link stays, and the file that it leads to is replaced. A device or pipe
/// (`/dev/null`) has no old contents to protect and is written to as it is.
///
#[cfg_attr(feature = "io", doc = "```")]
#[cfg_attr(not(feature = "io"), doc = "```ignore")]
/// # let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("runs/1/note.txt");
/// wengert::io::atomic_write(&path, |file| writeln!(file, "done"))?;
/// assert_eq!(std::fs::read_to_string(&path).unwrap(), "done\n");
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// [`Error::File`] when the folder or the file cannot be written; what was there before is still there.
pub fn write(path: impl AsRef<Path>, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let path = path.as_ref();
    let file_error = |action, path: &Path, source| Error::File { action, path: path.to_owned(), source };
    if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return through(path, write).map_err(|source| file_error("write", path, source));
    }
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|source| file_error("create the folder", folder, source))?;
    replace(folder, &target, write).map_err(|source| file_error("write", path, source))
}

/// Writes a device or pipe.
fn through(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::new(fs::OpenOptions::new().write(true).open(path)?);
    write(&mut file)?;
    file.flush()
}

fn replace(folder: &Path, target: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".wengert-");
    // A temporary file is private by default; a finished one should be as readable as any other new file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = BufWriter::new(builder.tempfile_in(folder)?);
    write(&mut file)?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist(target)?;
    // The new name is in the folder, which has to reach the disk too. Not every file system can be asked to.
    #[cfg(unix)]
    if let Ok(folder) = fs::File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}
