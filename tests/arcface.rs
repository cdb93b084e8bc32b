//! The tutorial on ArcFace: the checker names the fault of each of the two heads and passes those of the library, and the
//! program answers bad input with a sentence.
#![cfg(all(feature = "check", feature = "train", feature = "plot"))]

mod program;

#[allow(dead_code, reason = "the program prints them, too")]
#[path = "../tutorials/06_arcface/faults.rs"]
mod faults;
#[path = "../tutorials/06_arcface/heads.rs"]
mod heads;
#[path = "../tutorials/05_custom_layers/posted.rs"]
mod posted;

use std::{fs, path::Path, process::Command};

use heads::Join;
use wengert::check::{Fault, Report};

/// The faults that are no remarks, in words.
fn verdicts(report: &Report) -> Vec<String> {
    report.verdicts.iter().filter(|v| !v.fault.is_remark()).map(|v| v.fault.to_string()).collect()
}

fn remarks(report: &Report) -> Vec<&Fault> {
    report.verdicts.iter().map(|v| &v.fault).filter(|fault| fault.is_remark()).collect()
}

#[test]
fn the_head_of_the_first_post_takes_rows_for_columns() {
    let report = faults::first_as_posted().unwrap();
    let verdict = report.verdict().unwrap();
    assert!(matches!(verdict.fault, Fault::Failed), "{report}");
    let axes = "3 observations were laid along axis 1, in an input of shape [10, 3]; laid along axis 0, in shape \
                [3, 512], it runs: the layer reads axis 0 as the observations";
    assert!(verdict.evidence.iter().any(|sentence| sentence == axes), "{report}");
}

#[test]
fn a_margin_on_every_class_is_that_of_a_selection_taken_for_the_identity() {
    let report = faults::first_on_every_class().unwrap();
    assert_eq!(
        verdicts(&report)[0],
        "straight-through: `select` hands on its gradient as if it were the identity",
        "{report}"
    );
}

#[test]
fn the_head_of_the_second_post_has_an_infinite_slope_at_a_center() {
    assert!(faults::second_as_posted(true).unwrap().passed());
    for label in 0..2 {
        let report = faults::second_at_a_center(label, Join::Masks).unwrap();
        assert_eq!(verdicts(&report), ["not finite: the derivative of `sqrt` is the first"], "label {label}: {report}");
    }
    // Of another class, only the way of joining makes 0 · ∞ of it.
    assert!(faults::second_at_a_center(1, Join::Select).unwrap().passed());
}

#[test]
fn the_head_of_the_second_post_jumps_where_its_formulas_meet() {
    let report = faults::second_at_the_threshold().unwrap();
    assert!(report.passed(), "{report}");
    assert_eq!(remarks(&report), [&Fault::Jump], "{report}");
}

#[test]
fn the_heads_and_losses_of_the_library_pass() {
    for report in [faults::head(), faults::loss(false), faults::loss(true)] {
        let report = report.unwrap();
        assert!(report.passed() && report.verdicts.is_empty(), "{report}");
    }
    for label in 0..2 {
        let report = faults::loss_at_a_center(label).unwrap();
        assert!(report.passed() && verdicts(&report).is_empty(), "label {label}: {report}");
    }
}

#[test]
fn the_lengths_of_the_kernel_are_1() {
    let kernel = wengert::Tape::f64().constant(heads::kernel(20, 5, 3).value()).norm_axes(&[0], false).value();
    assert!(kernel.to_vec().iter().all(|length| (length - 1.0).abs() < 1e-6), "{kernel}");
}

/// What the program prints to standard error; it must fail.
fn refusal(out: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(program::program("arcface"));
    let output = command.arg("--quick").arg("--out").arg(out).args(arguments).output().unwrap();
    assert!(!output.status.success(), "{arguments:?}");
    assert!(!out.join("metrics.json").exists());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn bad_arguments_and_files_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let (out, data) = (folder.path().join("out"), folder.path().join("data"));
    let says = |arguments: &[&str], expected: &str| {
        let message = refusal(&out, arguments).replace(data.to_str().unwrap(), "DIR");
        assert_eq!(message.lines().next(), Some(expected), "{arguments:?}: {message}");
    };
    let kinds = "`cifar` is none of `digits`, `mnist:DIR`, `faces:DIR` and `omniglot:DIR`";
    says(&["--data", "cifar"], &format!("error: invalid value 'cifar' for '--data <DATA>': {kinds}"));
    says(&["--dim", "0"], "error: invalid value '0' for '--dim <DIM>': it must be at least 1");
    says(&["--m", "4"], "Error: margin loss: m2 = 4, but it must be an angle from 0 to π, in radians");
    says(&["--s", "nan"], "Error: margin loss: scale = NaN, but it must be positive and finite");
    let must = "0, or at least 2 classes with at least 2 left, so that there are pairs of different ones";
    for count in ["1", "9", "11"] {
        says(&["--held-out", count], &format!("Error: digits: held out = {count} of 10, but it must be {must}"));
    }
    let faces = format!("faces:{}", data.display());
    let images = "olivetti-images-idx3-ubyte";
    says(&["--data", &faces], &format!("Error: cannot read DIR/{images}.gz: No such file or directory (os error 2)"));
    fs::create_dir(&data).unwrap();
    fs::write(data.join(images), [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 5, 6]).unwrap();
    fs::write(data.join("olivetti-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 1, 0]).unwrap();
    says(&["--data", &faces], "Error: olivetti: labels = 1 of them for 2 images, but it must be one for each image");
}
