//! How the programs end when their output is cut off or cannot be written: with one sentence and exit code 1.
#![cfg(target_os = "linux")]

mod program;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use program::program;

/// All that print without the trainer's table, and arguments that keep them short.
const PROGRAMS: [(&str, &[&str]); 13] = [
    ("first_tape", &["--quick"]),
    ("activations", &["--quick"]),
    ("higher_order", &["--quick"]),
    ("custom_layers", &["--quick"]),
    ("arcface", &["--quick"]),
    ("bilinear_pooling", &["--quick"]),
    ("caffe_questions", &["--quick"]),
    ("see_the_tape", &["--quick"]),
    ("gallery", &["--quick"]),
    ("mutations", &["--quick"]),
    ("protocols", &[]),
    ("caffe_solver", &[]),
    ("peers", &["mlp"]),
];

/// The program with these arguments, in a folder of its own.
fn command(name: &str, arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(program(name));
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stderr(Stdio::piped());
    command
}

/// The exit code and what was printed to standard error.
fn end(child: std::process::Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_full_disk_behind_the_output_is_told_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    for (name, arguments) in PROGRAMS {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let child = command(name, arguments, folder.path()).stdout(full).spawn().unwrap();
        let expected = "error: cannot write to standard output: No space left on device (os error 28)\n";
        assert_eq!(end(child), (Some(1), expected.to_owned()), "{name}");
    }
}

#[test]
fn a_reader_that_has_gone_is_told_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    for (name, arguments) in PROGRAMS {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = command(name, arguments, folder.path()).stdout(writer).spawn().unwrap();
        let expected = "error: cannot write to standard output: Broken pipe (os error 32)\n";
        assert_eq!(end(child), (Some(1), expected.to_owned()), "{name}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_told_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for (name, quick) in &PROGRAMS[..9] {
        let arguments = [quick, &["--out", "file/out"][..]].concat();
        let child = command(name, &arguments, folder.path()).stdout(Stdio::null()).spawn().unwrap();
        let expected = "Error: cannot create the folder file/out: Not a directory (os error 20)\n";
        assert_eq!(end(child), (Some(1), expected.to_owned()), "{name}");
    }
}
