//! The examples and tutorials as processes of their own.
#![allow(dead_code, reason = "not every test runs all of it")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The program `elu_digits` with these arguments, which writes into the folder `out`.
pub fn command(out: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program("elu_digits"));
    command.arg("--out").arg(out).args(arguments).stdin(Stdio::null());
    command
}

/// Where cargo has built a program: next to the folder of the test programs.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test program knows where it is");
    let folder = test.ancestors().nth(2).expect("a test program lies in `deps`, which lies in the profile's folder");
    let path = folder.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.is_file(), "{} is missing: build it with `cargo build --release --example {name}`", path.display());
    path
}
