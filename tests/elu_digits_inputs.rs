//! How the program `elu_digits` responds to bad inputs: with a sentence on standard error that names the cause and a
//! nonzero exit code, and without writing or changing a file.
#![cfg(all(feature = "train", feature = "plot"))]

mod program;

use std::{collections::BTreeMap, fs, io::Write, path::Path, process::Stdio};

use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use wengert::io::Checkpoint;
use wengert::nn::{Layer, Linear};
use wengert::optim::{Optimizer, Sgd};

/// The files of a folder with their contents; none for a folder that does not exist.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

/// What the program prints to standard error; it must exit with this code and leave the folder `out` as it was.
fn refusal(code: i32, out: &Path, arguments: &[&str]) -> String {
    let before = contents(out);
    let output = program::command(out, arguments).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    assert!(contents(out) == before, "{arguments:?} changed the files in {}", out.display());
    message
}

/// Like [`refusal`], for errors of the program itself: one line, without its `error: `.
fn failure(out: &Path, arguments: &[&str]) -> String {
    let message = refusal(1, out, arguments);
    let line = message.strip_prefix("error: ").and_then(|rest| rest.strip_suffix('\n'));
    line.unwrap_or_else(|| panic!("{message:?} is not one line behind `error: `")).to_owned()
}

#[test]
fn bad_flags_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let check = |arguments: &[&str], expected: &str| {
        let message = refusal(2, &out, arguments);
        assert_eq!(message, format!("error: {expected}\n\nFor more information, try '--help'.\n"));
        assert!(!out.exists());
    };
    for data in ["cifar", "mnist", "mnist:", "digits:x", ""] {
        let expected =
            format!("invalid value '{data}' for '--data <DATA>': `{data}` is neither `digits` nor `mnist:DIR`");
        check(&[&format!("--data={data}")], &expected);
    }
    check(&["--epochs", "x"], "invalid value 'x' for '--epochs <EPOCHS>': invalid digit found in string");
    let expected = "invalid value 'x' for '--rule <RULE>': gradient: rule = x, but it must be manual or tape";
    check(&["--rule", "x"], expected);
    let expected = "invalid value 'x' for '--dtype <DTYPE>': precision: dtype = x, but it must be f32 or f64";
    check(&["--dtype", "x"], expected);
}

#[test]
fn no_epochs_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let expected = "trainer: epochs = 0, but it must be at least 1";
    assert_eq!(failure(folder.path(), &["--epochs", "0"]), expected);
    assert_eq!(failure(folder.path(), &["--epochs", "0", "--quick"]), expected);
}

#[test]
fn a_folder_that_takes_no_files_is_refused_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    let check = |out: &Path, why: &str| {
        let output = program::command(out, &[]).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(message, format!("error: cannot write into the folder {}: {why}\n", out.display()));
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    };
    if cfg!(target_os = "linux") {
        check(&file, "File exists (os error 17)");
        check(&file.join("out"), "Not a directory (os error 20)");
        check(Path::new("/dev/full"), "File exists (os error 17)");
        check(Path::new("/proc/none/out"), "No such file or directory (os error 2)");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_is_full_or_closed_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = program::command(&folder.path().join("full"), &["--quick"]);
    program.stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let message = String::from_utf8(program.output().unwrap().stderr).unwrap();
    assert_eq!(message, "error: cannot write to standard output: No space left on device (os error 28)\n");

    let mut program = program::command(&folder.path().join("closed"), &["--quick"]);
    let mut child = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(message, "error: cannot write to standard output: Broken pipe (os error 32)\n");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn two_runs_into_one_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut first = program::command(&out, &["--epochs", "1000"]).stdout(Stdio::null()).spawn().unwrap();
    let checkpoint = out.join("checkpoint.safetensors");
    while !checkpoint.exists() {
        assert!(first.try_wait().unwrap().is_none(), "the first run ended without a checkpoint");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let second = program::command(&out, &["--quick"]).output().unwrap();
    let elsewhere = folder.path().join("elsewhere");
    let mut same_checkpoint = program::command(&elsewhere, &["--quick"]);
    fs::create_dir(&elsewhere).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&checkpoint, elsewhere.join("checkpoint.safetensors")).unwrap();
    let same_checkpoint = same_checkpoint.output().unwrap();
    first.kill().unwrap();
    first.wait().unwrap();
    let busy = "another run writes it at the moment; wait until that has ended, or choose another path";
    let told = |output: std::process::Output| (output.status.code(), String::from_utf8(output.stderr).unwrap());
    let expected = |path: &Path| (Some(1), format!("error: cannot lock {}: {busy}\n", path.display()));
    assert_eq!(told(second), expected(&out.join("metrics.json")));
    #[cfg(unix)]
    assert_eq!(told(same_checkpoint), expected(&elsewhere.join("checkpoint.safetensors")));
    // A killed run keeps nobody out, and the next one removes what it left.
    let next = ["--epochs", "1", "--resume", checkpoint.to_str().unwrap()];
    assert!(program::command(&out, &next).output().unwrap().status.success());
    let left: Vec<String> = contents(&out).into_keys().filter(|name| name.ends_with(".lock")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_folder_without_the_data_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    let flag = format!("mnist:{}", data.display());
    let message = || failure(&out, &["--data", &flag]).replace(data.to_str().unwrap(), "DIR");
    assert_eq!(message(), "cannot read DIR: No such file or directory (os error 2)");
    fs::create_dir(&data).unwrap();
    let names = |name: &str| format!("{name}, {}", name.replace("-idx", ".idx"));
    let tried = |name: &str| format!("{}, {}", names(name), names(name).replace("ubyte", "ubyte.gz"));
    assert_eq!(message(), format!("DIR: it has none of the files {}", tried("train-images-idx3-ubyte")));
    for name in ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"] {
        fs::write(data.join(name), "").unwrap();
    }
    assert_eq!(message(), format!("DIR: it has none of the files {}", tried("t10k-labels-idx1-ubyte")));
    fs::write(data.join("t10k-labels-idx1-ubyte"), "").unwrap();

    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(b"\0\0\x08\x03\0\0\xea\x60\0\0\0\x1c\0\0\0\x1c").unwrap();
    packed.write_all(&(0..20_000u32).map(|i| (i * i % 251) as u8).collect::<Vec<_>>()).unwrap();
    let packed = packed.finish().unwrap();
    fs::write(data.join("train-images-idx3-ubyte.gz"), &packed[..packed.len() / 2]).unwrap();
    let expected = "its gzip stream is cut short or damaged (incomplete deflate stream)";
    assert_eq!(message(), format!("DIR/train-images-idx3-ubyte.gz: {expected}"));
    fs::write(data.join("train-images-idx3-ubyte.gz"), &packed).unwrap();
    let expected = "its header promises 47040016 bytes, but it holds 20016";
    assert_eq!(message(), format!("DIR/train-images-idx3-ubyte.gz: {expected}"));
    fs::write(data.join("train-images-idx3-ubyte.gz"), "plain text").unwrap();
    let expected = "its gzip stream is cut short or damaged (invalid gzip header)";
    assert_eq!(message(), format!("DIR/train-images-idx3-ubyte.gz: {expected}"));
    fs::write(data.join("train-images-idx3-ubyte"), b"\0\0\x08\x01\0\0\0\x02\x01\x02").unwrap();
    let expected = "it starts with 0x00000801 instead of 0x00000803, so it is another kind of file";
    assert_eq!(message(), format!("DIR/train-images-idx3-ubyte: {expected}"));
    assert!(contents(&out).is_empty());
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    assert!(program::command(&out, &["--epochs", "1"]).output().unwrap().status.success());
    let path = out.join("checkpoint.safetensors");
    // Into the folder of the first run, whose files must stay as they are.
    let message = |path: &Path, more: &[&str]| {
        let arguments = [&["--epochs", "2", "--resume", path.to_str().unwrap()], more].concat();
        failure(&out, &arguments).replace(path.to_str().unwrap(), "FILE")
    };
    let started = "but it must be what it was when the run was started";
    assert_eq!(message(&path, &["--seed", "1"]), format!("resuming from FILE: seed = 1 (it was 0), {started}"));
    let settings = |rule, dtype| json!({ "data": "digits", "rule": rule, "dtype": dtype, "seed": 0 });
    for (flags, changed) in
        [(["--rule", "tape"], settings("tape", "f32")), (["--dtype", "f64"], settings("manual", "f64"))]
    {
        let expected = format!("settings = {changed} (they were {}), {started}", settings("manual", "f32"));
        assert_eq!(message(&path, &flags), format!("resuming from FILE: {expected}"));
    }
    assert_eq!(message(&folder.path().join("none"), &[]), "cannot read FILE: No such file or directory (os error 2)");
    let model = out.join("model.safetensors");
    assert_eq!(message(&model, &[]), "FILE: it holds tensors, but no checkpoint of a run");

    let bad = folder.path().join("bad");
    let whole = fs::read(&path).unwrap();
    let size = whole.len();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap());
    for (length, expected) in [
        (0, "it holds 0 bytes, too few for a safetensors file, which starts with 8".to_owned()),
        (100, format!("its header promises {header} bytes, but it holds 100")),
        (size - 1, "incomplete metadata, file not fully covered".to_owned()),
    ] {
        fs::write(&bad, &whole[..length]).unwrap();
        assert_eq!(message(&bad, &[]), format!("FILE: {expected}"));
    }
    let other = Linear::new(784, 10, 0);
    let mut checkpoint = Checkpoint::new(&other.tensors(), Sgd::new(&other.params(), 0.01).unwrap().state());
    checkpoint.config = settings("manual", "f32");
    checkpoint.save(&bad).unwrap();
    assert_eq!(message(&bad, &[]), "FILE: it has an entry `net.bias` that is not known here");
}
