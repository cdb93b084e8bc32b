//! Regular files: the only ones that are read, and, besides character devices, the only ones that are written.
//!
//! Opening a pipe waits until somebody opens its other end, a device such as `/dev/zero` never ends, and a link that
//! leads nowhere would be taken for a missing file, or replaced. All of them are errors that say what was found.

use std::{
    fs::{self, FileType},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// Opens a file for reading.
///
/// # Errors
/// [`Error::File`](crate::Error::File) when it cannot be opened, and when the path leads to anything but a regular
/// file.
#[cfg(any(feature = "io", feature = "data"))]
pub fn open(path: &Path) -> crate::Result<fs::File> {
    let opened = check(path).and_then(|found| match found {
        Some(kind) if !kind.is_file() => Err(refused(kind)),
        _ => fs::File::open(path),
    });
    opened.map_err(|source| crate::Error::File { action: "read", path: path.to_owned(), source })
}

/// The file that is written under this path: behind all links, whether it exists or not; none for a character device,
/// which has no old contents and no temporary file beside it.
pub fn target(path: &Path) -> io::Result<Option<PathBuf>> {
    match check(path)? {
        None => Ok(Some(path.to_owned())),
        Some(kind) if kind.is_file() => fs::canonicalize(path).map(Some),
        Some(kind) if is_character_device(kind) => Ok(None),
        Some(kind) => Err(refused(kind)),
    }
}

/// What the path leads to; none if nothing is there, and an error for a link that leads nowhere.
fn check(path: &Path) -> io::Result<Option<FileType>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found.file_type())),
        Err(_) => match fs::read_link(path) {
            Ok(to) => {
                let why = format!("it is a link to {}, where no file can be found", to.display());
                Err(io::Error::new(ErrorKind::NotFound, why))
            }
            Err(_) => Ok(None),
        },
    }
}

fn refused(kind: FileType) -> io::Error {
    let what = if kind.is_dir() { "a folder" } else { special(kind) };
    io::Error::new(ErrorKind::InvalidInput, format!("it is {what}, but a regular file is needed"))
}

#[cfg(unix)]
fn is_character_device(kind: FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_char_device(&kind)
}

#[cfg(not(unix))]
fn is_character_device(_: FileType) -> bool {
    false
}

#[cfg(unix)]
fn special(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn special(_: FileType) -> &'static str {
    "something else"
}
