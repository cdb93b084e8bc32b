//! What a program prints that ends with an error.

use std::{
    env, fmt, io,
    process::{Command, Termination},
};

use wengert::{DType, Error, FormatProblem, Param, Result, Tape, Tensor};

/// The mistake of a first program: the gradient with respect to a parameter that was not used.
fn first_program() -> Result<()> {
    let (tape, unused) = (Tape::f64(), Param::new("w", Tensor::from(1.0)));
    let loss = tape.leaf(3.0).square();
    println!("{}", loss.backward()?.wrt(&unused)?);
    Ok(())
}

/// This test starts itself as a program: `report` is what the standard library does with the result of `main`.
#[test]
fn main_prints_the_sentence_of_its_error() {
    const PROGRAM: &str = "WENGERT_TEST_RUNS_AS_A_PROGRAM";
    if env::var_os(PROGRAM).is_some() {
        first_program().report();
        return;
    }
    let arguments = ["--exact", "debug::main_prints_the_sentence_of_its_error", "--nocapture"];
    let run = Command::new(env::current_exe().unwrap()).args(arguments).env(PROGRAM, "1").output().unwrap();
    let printed = String::from_utf8(run.stderr).unwrap();
    assert_eq!(printed, "Error: no gradient for parameter `w`: the parameter was not used in this recording\n");
}

#[test]
fn debug_shows_the_sentence_of_each_kind() {
    let tape = Tape::f64();
    let x = tape.leaf([1.0, 2.0]);
    let missing =
        Error::Format { path: "w.safetensors".into(), problem: FormatProblem::Missing { name: "0.weight".into() } };
    for error in [
        x.backward().unwrap_err(),
        x.try_add(tape.leaf([1.0, 2.0, 3.0])).unwrap_err(),
        x.try_softmax(3).unwrap_err(),
        Error::non_finite("the table", 3, f64::NAN).help("leave this row out"),
        Error::DType { op: "reading".into(), expected: DType::F32, got: DType::F64 },
        missing,
    ] {
        assert_eq!(format!("{error:?}"), error.to_string());
        assert_eq!(format!("{error:#?}"), error.to_string());
    }
}

/// An error with a cause of its own.
#[derive(Debug)]
struct Outer(io::Error);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server hung up")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn debug_adds_the_causes_that_the_sentence_does_not_contain() {
    let source = io::Error::other(Outer(io::Error::other("the cable is cut")));
    let error = Error::File { action: "read", path: "digits".into(), source };
    assert_eq!(error.to_string(), "cannot read digits: the server hung up");
    assert_eq!(format!("{error:?}"), "cannot read digits: the server hung up\ncaused by: the cable is cut");
}
