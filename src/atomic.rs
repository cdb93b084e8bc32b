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

#[cfg(test)]
mod tests {
    use super::*;

    fn text(contents: &'static str) -> impl FnOnce(&mut dyn Write) -> io::Result<()> {
        move |file| file.write_all(contents.as_bytes())
    }

    fn count(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn folders_are_made_and_old_files_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/file");
        write(&path, text("one")).unwrap();
        write(&path, text("two")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(count(path.parent().unwrap()), 1, "no temporary file is left");
    }

    #[test]
    fn a_failure_half_way_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, text("old")).unwrap();
        let result = write(&path, |file| {
            file.write_all(&[7; 100_000])?;
            Err(io::Error::new(io::ErrorKind::StorageFull, "no space left"))
        });
        let message = result.unwrap_err().to_string();
        assert_eq!(message, format!("cannot write {}: no space left", path.display()));
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), count(folder.path())), ("old", 1));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_reported() {
        use std::os::unix::fs::FileTypeExt;
        let device = Path::new("/dev/full");
        let message = write(device, text("more than fits")).unwrap_err().to_string();
        assert_eq!(message, "cannot write /dev/full: No space left on device (os error 28)");
        assert!(fs::metadata(device).unwrap().file_type().is_char_device(), "the device is still there");
        write(Path::new("/dev/null"), text("nothing")).unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_takes_no_files_is_reported() {
        let message = write(Path::new("/proc/self/file"), text("x")).unwrap_err().to_string();
        assert!(message.starts_with("cannot write /proc/self/file: "), "{message}");
        let message = write(Path::new("/proc/no/such/file"), text("x")).unwrap_err().to_string();
        assert!(message.starts_with("cannot create the folder /proc/no/such: "), "{message}");
    }

    #[test]
    fn a_file_in_the_place_of_a_folder_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        fs::write(&taken, "").unwrap();
        let message = write(taken.join("file"), text("x")).unwrap_err().to_string();
        assert!(message.starts_with(&format!("cannot create the folder {}: ", taken.display())), "{message}");
    }

    #[test]
    fn a_folder_in_the_place_of_the_file_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::create_dir(&path).unwrap();
        let message = write(&path, text("x")).unwrap_err().to_string();
        assert!(message.starts_with(&format!("cannot write {}: ", path.display())), "{message}");
        assert_eq!(count(folder.path()), 1, "no temporary file is left");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_permissions_are_those_of_a_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (real, link, plain) = (folder.path().join("real"), folder.path().join("link"), folder.path().join("plain"));
        fs::write(&real, "old").unwrap();
        fs::write(&plain, "").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write(&link, text("new")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&real), mode(&plain));
    }
}
