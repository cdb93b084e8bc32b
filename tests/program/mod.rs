//! The example `elu_digits` as a process of its own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The program with these arguments, which writes into the folder `out`.
pub fn command(out: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(path());
    command.arg("--out").arg(out).args(arguments).stdin(Stdio::null());
    command
}

/// Where cargo has built it: next to the folder of the test programs.
fn path() -> PathBuf {
    let test = std::env::current_exe().expect("a test program knows where it is");
    let folder = test.ancestors().nth(2).expect("a test program lies in `deps`, which lies in the profile's folder");
    let path = folder.join("examples").join(format!("elu_digits{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.is_file(),
        "{} is missing: build it with `cargo build --release --example elu_digits`",
        path.display()
    );
    path
}
