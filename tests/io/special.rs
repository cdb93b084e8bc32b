//! Paths that lead to something else than a file, and two writers of one path.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use wengert::io::{self, Checkpoint, Lock};
use wengert::{Param, Tensor};

fn params() -> [Param; 1] {
    [Param::new("w", Tensor::from([1.0]))]
}

/// A named pipe in the folder. (The standard library does not make any.)
fn pipe(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

#[test]
fn what_is_no_file_is_neither_read_nor_written() {
    let folder = tempfile::tempdir().unwrap();
    let (nowhere, link) = (folder.path().join("nowhere"), folder.path().join("link"));
    symlink(&nowhere, &link).unwrap();
    let socket = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let needed = "but a regular file is needed";
    let check = |path: &Path, why: String, saved: bool| {
        let path_is = |action| format!("cannot {action} {}: {why}", path.display());
        assert_eq!(io::load(path, &params()).unwrap_err().to_string(), path_is("read"));
        assert_eq!(Checkpoint::load(path).unwrap_err().to_string(), path_is("read"));
        match saved {
            true => io::save(path, &params()).unwrap(),
            false => {
                assert_eq!(io::save(path, &params()).unwrap_err().to_string(), path_is("write"));
                assert_eq!(Lock::new(path).unwrap_err().to_string(), path_is("lock"));
            }
        }
    };
    check(folder.path(), format!("it is a folder, {needed}"), false);
    check(&pipe(folder.path()), format!("it is a pipe, {needed}"), false);
    check(&socket, format!("it is a socket, {needed}"), false);
    check(&link, format!("it is a link to {}, where no file can be found", nowhere.display()), false);
    check(Path::new("/dev/null"), format!("it is a device, {needed}"), true);
    assert!(!nowhere.exists() && fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn a_path_is_locked_under_all_its_names_until_the_lock_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("new/last.safetensors"), folder.path().join("link"));
    let lock = Lock::new(&path).unwrap();
    io::save(&path, &params()).unwrap();
    symlink(&path, &link).unwrap();
    for path in [&path, &link] {
        let expected = format!(
            "cannot lock {}: another run writes it at the moment; wait until that has ended, or choose another path",
            path.display()
        );
        assert_eq!(Lock::new(path).unwrap_err().to_string(), expected);
    }
    Lock::new(folder.path().join("new/other")).unwrap();
    assert_eq!(fs::read_dir(folder.path().join("new")).unwrap().count(), 2, "the file and its lock");
    drop(lock);
    assert_eq!(fs::read_dir(folder.path().join("new")).unwrap().count(), 1, "the lock is gone");
    // As after a kill: the file of the lock is there, and nobody holds it.
    fs::write(folder.path().join("new/last.safetensors.lock"), "").unwrap();
    Lock::new(&path).unwrap();
}

#[test]
fn of_many_who_take_a_lock_one_has_it_at_a_time() {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let (holders, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    let Ok(_lock) = Lock::new(&path) else { continue };
                    assert_eq!(holders.fetch_add(1, SeqCst), 0, "two hold the lock");
                    taken.fetch_add(1, SeqCst);
                    std::thread::yield_now();
                    holders.fetch_sub(1, SeqCst);
                }
            });
        }
    });
    assert!(taken.into_inner() > 0);
}
