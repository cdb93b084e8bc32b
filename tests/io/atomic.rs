//! Files that are written whole or not at all.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use wengert::io::atomic_write as write;

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
    let expected = format!("cannot write {}: it is a folder, but a regular file is needed", path.display());
    assert_eq!((message, count(folder.path())), (expected, 1));
}

#[test]
fn what_a_killed_program_left_is_removed_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in [".wengert-a1B2c3", ".wengert-Held99", ".wengert-notes", ".wengert-a1B2c3.txt", "wengert-a1B2c3"] {
        fs::write(path(name), "half").unwrap();
    }
    fs::create_dir(path(".wengert-Folder")).unwrap();
    // As a writer does that is still at work, here or in another process.
    let held = fs::File::open(path(".wengert-Held99")).unwrap();
    held.lock().unwrap();
    write(path("file"), text("new")).unwrap();
    let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    let expected =
        [".wengert-Folder", ".wengert-Held99", ".wengert-a1B2c3.txt", ".wengert-notes", "file", "wengert-a1B2c3"];
    assert_eq!(left, expected);
    drop(held);
    write(path("file"), text("newer")).unwrap();
    assert!(!path(".wengert-Held99").exists());
}

#[test]
fn writers_into_one_folder_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for k in 0..4 {
            let path = folder.path().join(k.to_string());
            scope.spawn(move || (0..50).for_each(|_| write(&path, text("whole")).unwrap()));
        }
    });
    assert_eq!(count(folder.path()), 4);
    // A write in the middle of another one.
    let (outer, inner) = (folder.path().join("outer"), folder.path().join("inner"));
    write(&outer, |file| {
        file.write_all(b"whole")?;
        write(&inner, text("whole")).map_err(io::Error::other)
    })
    .unwrap();
    assert_eq!(fs::read_to_string(&outer).unwrap(), "whole");
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
