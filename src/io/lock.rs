//! One writer at a time: the lock that a run holds on the path of its checkpoint.

use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use crate::{Error, Result, regular};

/// Keeps other processes, and other runs in this one, from the same path for as long as it lives.
///
/// It is a lock of the operating system on a file of the same name with `.lock` behind it, which ends with the process
/// however that ends: after a kill the file is still there and keeps nobody out. Dropping the lock removes the file.
/// Reading the path and writing it without a lock stay possible. A character device, and a path on a file system
/// without locks, are not locked.
///
/// ```
/// use wengert::io::Lock;
/// # let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("checkpoint.safetensors");
/// let lock = Lock::new(&path)?;
/// assert!(Lock::new(&path).is_err());
/// drop(lock);
/// assert!(Lock::new(&path).is_ok());
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Debug)]
pub struct Lock(Option<(File, PathBuf)>);

impl Lock {
    /// Takes the lock of a path, making its folder first.
    ///
    /// # Errors
    /// [`Error::File`] when somebody else holds it, when the folder cannot be written, and for a path that
    /// [`atomic_write`](super::atomic_write) refuses.
    pub fn new(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let locked = regular::target(path).and_then(|target| target.as_deref().map(take).transpose());
        locked.map(Lock).map_err(|source| Error::File { action: "lock", path: path.to_owned(), source })
    }
}

fn take(target: &Path) -> io::Result<(File, PathBuf)> {
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut path = target.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    loop {
        let file = File::options().write(true).create(true).truncate(false).open(&path)?;
        match file.try_lock() {
            Ok(()) if !is_at(&file, &path)? => {} // Its holder has removed it in the meantime.
            Ok(()) => return Ok((file, path)),
            Err(TryLockError::WouldBlock) => {
                let why = "another run writes it at the moment; wait until that has ended, or choose another path";
                return Err(io::Error::new(ErrorKind::ResourceBusy, why));
            }
            Err(TryLockError::Error(problem)) if problem.kind() == ErrorKind::Unsupported => return Ok((file, path)),
            Err(TryLockError::Error(problem)) => return Err(problem),
        }
    }
}

/// Whether the path still leads to this file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let here = file.metadata()?;
    Ok(fs::metadata(path).is_ok_and(|there| (here.dev(), here.ino()) == (there.dev(), there.ino())))
}

/// Elsewhere the file is not removed.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some((file, path)) = &self.0 {
            if cfg!(unix) {
                let _ = fs::remove_file(path);
            }
            // Closing it is not enough while a program that is being started has a copy of it.
            let _ = file.unlock();
        }
    }
}
