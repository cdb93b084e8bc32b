//! Files that are written whole or not at all. `io`, `data`, `plot` and `check` write all their files through this one
//! function, which knows nothing of what it writes; users find it as `io::atomic_write`.
//!
//! A process that is killed while it writes leaves its temporary file behind, and the next one that writes into the
//! same folder removes it. A file still in use is told from it by a lock of the system, which ends with the process:
//! every writer holds that of its temporary file, so a file whose lock is free belongs to nobody.

use std::{
    fs,
    io::{self, BufWriter, Write},
    path::Path,
};

use tempfile::NamedTempFile;

use crate::{Error, Result, regular};

/// How the name of a temporary file begins, and how many letters and digits follow.
const TEMPORARY: (&str, usize) = (".wengert-", 6);

/// Writes a whole file through `write`, making its folder first.
///
/// The bytes go to a temporary file in the same folder, which takes the final name when they are all on the disk: a
/// program that is killed at any moment leaves the old file or the new one, never half of one. A new file is as
/// readable as the process's umask allows. A link stays, and the file that it leads to is replaced. A character device
/// (`/dev/null`) has no old contents to protect and is written to as it is. What a killed program left of its temporary
/// files is removed by the next that writes into the folder.
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
/// [`Error::File`] when the folder or the file cannot be written, and when the path leads to a folder, a pipe, a block
/// device, or nowhere (a link to a missing file); what was there before is still there.
pub fn write(path: impl AsRef<Path>, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let path = path.as_ref();
    let file_error = |action, path: &Path, source| Error::File { action, path: path.to_owned(), source };
    let Some(target) = regular::target(path).map_err(|source| file_error("write", path, source))? else {
        return through(path, write).map_err(|source| file_error("write", path, source));
    };
    let folder = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|source| file_error("create the folder", folder, source))?;
    replace(folder, &target, write).map_err(|source| file_error("write", path, source))
}

/// Writes a device.
fn through(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::new(fs::OpenOptions::new().write(true).open(path)?);
    write(&mut file)?;
    file.flush()
}

fn replace(folder: &Path, target: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    remove_abandoned(folder);
    let mut file = BufWriter::new(temporary(folder)?);
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

/// A new temporary file, with its lock.
fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY.0).rand_bytes(TEMPORARY.1);
    // A temporary file is private by default; a finished one should be as readable as any other new file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    loop {
        let file = builder.tempfile_in(folder)?;
        // Where the file system has no locks, nothing is removed either.
        let _ = file.as_file().lock();
        // Another writer may have found it before it was locked.
        if file.path().exists() {
            return Ok(file);
        }
    }
}

/// Removes the temporary files of dead processes. Not being able to is no error of who writes now.
fn remove_abandoned(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let random = name.to_str().and_then(|name| name.strip_prefix(TEMPORARY.0)).unwrap_or_default();
        let ours = random.len() == TEMPORARY.1 && random.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !ours || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let path = entry.path();
        let Ok(file) = fs::File::options().write(true).open(&path) else { continue };
        if file.try_lock().is_ok() {
            let _ = fs::remove_file(path);
        }
    }
}
