//! The program `elu_digits` as users run it: what it prints and writes, that both rules and any number of threads learn
//! the same, that a run resumes from where it stopped, and the figures that a whole run must reach.
#![cfg(all(feature = "train", feature = "plot"))]

mod program;

use std::{fs, ops::RangeInclusive, path::Path, process::Stdio, thread, time::Duration};

use serde_json::Value;
use wengert::io::{self, Checkpoint};

const PICTURES: [&str; 6] = ["activations", "alphas", "confusion", "digits", "images", "training"];

/// Runs the program to its end and returns what it printed.
fn run(out: &Path, arguments: &[&str]) -> String {
    let output = program::command(out, arguments).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?} failed: {errors}");
    assert_eq!(errors, "", "a run that went well says nothing on standard error");
    String::from_utf8(output.stdout).unwrap()
}

fn metrics(out: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(out.join("metrics.json")).unwrap()).unwrap()
}

fn series(metrics: &Value, key: &str) -> Vec<f64> {
    let list = metrics[key].as_array().unwrap_or_else(|| panic!("`{key}` is no list"));
    list.iter().map(|x| x.as_f64().unwrap_or_else(|| panic!("`{key}` holds {x}"))).collect()
}

fn model(out: &Path) -> Vec<u8> {
    fs::read(out.join("model.safetensors")).unwrap()
}

/// All bits of the losses. (Decimals read back from JSON may be off in the last one.)
fn losses(out: &Path) -> Vec<f64> {
    Checkpoint::load(out.join("checkpoint.safetensors")).unwrap().losses
}

/// The numbers of a run in single precision, which hides an error in the last bit of a double.
fn single(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|&x| x as f32).collect()
}

fn within(what: &str, value: f64, band: RangeInclusive<f64>) {
    println!("{what}: {value:.4} (to be from {} to {})", band.start(), band.end());
    assert!(band.contains(&value), "{what} is {value}, outside {band:?}");
}

#[test]
fn a_quick_run_prints_the_table_and_writes_every_file() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new/folder");
    let text = run(&out, &["--quick"]);

    let class = wengert::data::digits(0).train.label(1009);
    let head = format!(
        "\
5000 training images, 5000 test images, 115790 learned numbers
Training image 1010: {class}
|=========================================================================================|
|     Epoch    |   Iteration  | Time Elapsed |  Mini-batch  |  Mini-batch  | Base Learning|
|              |              |  (seconds)   |     Loss     |   Accuracy   |     Rate     |
|=========================================================================================|
"
    );
    assert!(text.starts_with(&head), "{text}");
    let page = include_str!("../tutorials/03_elu_digits/README.md");
    assert!(page.contains(&head), "the tutorial shows another table than {head}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let rows: Vec<Vec<String>> = text.lines().skip(6).take_while(|line| !line.contains('=')).map(cells).collect();
    let places: Vec<[&str; 3]> = rows.iter().map(|row| [row[1].as_str(), &row[2], &row[6]]).collect();
    assert_eq!(places, [["1", "1", "0.0100"], ["2", "50", "0.0100"], ["2", "78", "0.0100"]]);

    let mut files: Vec<String> =
        fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let mut expected = ["checkpoint.safetensors", "metrics.json", "model.safetensors"].map(String::from).to_vec();
    expected.extend(PICTURES.iter().flat_map(|name| [format!("{name}.svg"), format!("{name}.png")]));
    files.sort();
    expected.sort();
    assert_eq!(files, expected);

    let metrics = metrics(&out);
    assert_eq!([&metrics["data"], &metrics["rule"], &metrics["dtype"]], ["digits", "manual", "f32"]);
    assert_eq!((metrics["seed"].as_u64(), metrics["iterations"].as_u64()), (Some(0), Some(78)));
    assert!(metrics["seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(single(&series(&metrics, "losses")), single(&losses(&out)));
    let shares = series(&metrics, "batch_accuracies");
    assert!(shares.len() == 78 && shares.iter().all(|share| (share * 128.0).fract() == 0.0));
    let right = metrics["accuracy"].as_f64().unwrap() * 5000.0;
    let line = format!("Accuracy on the test images: {:.4} ({right:.0} of 5000)", right / 5000.0);
    assert!(text.lines().any(|l| l == line), "{line:?} is not in {text}");
    assert!(text.lines().any(|line| line.starts_with("Test image 1500: ") && line.contains("(predicted ")), "{text}");
    let first = format!("{:>12} | {:>12} |", format!("{:.4}", losses(&out)[0]), format!("{:.2}%", 100.0 * shares[0]));
    assert!(text.lines().nth(6).unwrap().contains(&first), "{first:?} is not in {text}");

    let tensors = io::load_tensors(out.join("model.safetensors")).unwrap();
    let shapes: Vec<(&str, &[usize])> = tensors.iter().map(|(name, t)| (name.as_str(), t.shape().dims())).collect();
    let expected: [(&str, &[usize]); 10] = [
        ("centre.mean", &[1, 28, 28]),
        ("conv.bias", &[20]),
        ("conv.weight", &[20, 1, 5, 5]),
        ("elu.alpha", &[20]),
        ("fc.bias", &[10]),
        ("fc.weight", &[10, 11520]),
        ("norm.bias", &[20]),
        ("norm.running_mean", &[20]),
        ("norm.running_var", &[20]),
        ("norm.weight", &[20]),
    ];
    assert_eq!(shapes, expected);
    assert_eq!(single(&tensors[3].1.to_vec()), single(&series(&metrics, "alphas")));
}

#[test]
fn every_picture_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    run(out, &["--epochs", "1", "--seed", "3"]);
    for name in PICTURES {
        let svg = fs::read_to_string(out.join(format!("{name}.svg"))).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{name}.svg is cut");
        let picture = image::open(out.join(format!("{name}.png"))).unwrap().into_rgb8();
        let (width, height) = picture.dimensions();
        assert!(width >= 600 && height >= 600, "{name}.png has {width} x {height} pixels");
        let paper = *picture.get_pixel(0, 0);
        let ink = picture.pixels().filter(|&&pixel| pixel != paper).count();
        assert!(ink > 1000, "{name}.png shows almost nothing: {ink} pixels");
    }
}

#[test]
fn both_rules_learn_the_same_in_double_precision() {
    let folder = tempfile::tempdir().unwrap();
    let losses = |rule: &str| {
        let out = folder.path().join(rule);
        run(&out, &["--epochs", "2", "--dtype", "f64", "--rule", rule]);
        assert_eq!([&metrics(&out)["rule"], &metrics(&out)["dtype"]], [rule, "f64"]);
        losses(&out)
    };
    let (manual, tape) = (losses("manual"), losses("tape"));
    assert_eq!((manual.len(), tape.len()), (78, 78));
    let apart = manual.iter().zip(&tape).take(60).map(|(a, b)| (a - b).abs() / b.abs()).fold(0.0, f64::max);
    println!("losses of the two rules: at most {apart:.1e} apart, relatively, over 60 steps");
    assert!(apart <= 1e-12, "{apart:e}");
    assert_ne!(manual[0], manual[59], "nothing was learned");
}

#[test]
fn one_and_two_threads_give_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let learned = |threads: &str| {
        let out = folder.path().join(threads);
        let output = program::command(&out, &["--quick"]).env("RAYON_NUM_THREADS", threads).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (losses(&out), model(&out))
    };
    let (one, two) = (learned("1"), learned("2"));
    assert_eq!(one.0, two.0);
    assert!(one.1 == two.1, "the models differ");
}

#[test]
fn a_run_taken_up_or_killed_is_the_uninterrupted_one() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, halves, killed] = ["whole", "halves", "killed"].map(|name| folder.path().join(name));
    let (four, checkpoint) = (["--epochs", "4"], "checkpoint.safetensors");
    run(&whole, &four);
    let resume = |out: &Path| {
        let path = out.join(checkpoint);
        run(out, &["--epochs", "4", "--resume", path.to_str().unwrap()]);
        assert_eq!(losses(out), losses(&whole));
        assert_eq!(series(&metrics(out), "batch_accuracies"), series(&metrics(&whole), "batch_accuracies"));
        assert!(model(out) == model(&whole), "the models differ");
    };
    run(&halves, &["--epochs", "2"]);
    resume(&halves);
    // Less than there is already: told, and nothing is undone.
    let path = halves.join(checkpoint);
    let text = run(&halves, &["--epochs", "1", "--resume", path.to_str().unwrap()]);
    let expected = format!("Nothing is left to do: {} holds a run of 4 epochs, and 1 are asked for", path.display());
    assert!(text.lines().any(|line| line == expected), "{expected:?} is not in {text}");
    assert!(losses(&halves) == losses(&whole) && model(&halves) == model(&whole));

    let mut child = program::command(&killed, &four).stdout(Stdio::null()).spawn().unwrap();
    while !killed.join(checkpoint).exists() {
        assert!(child.try_wait().unwrap().is_none(), "the run ended without a checkpoint");
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let left = Checkpoint::load(killed.join(checkpoint)).unwrap();
    assert!((1..4).contains(&left.epoch) && left.iteration == 39 * left.epoch as u64, "epoch {}", left.epoch);
    assert!(!killed.join("metrics.json").exists());
    resume(&killed);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "a whole run takes minutes without --release")]
fn the_default_run_reaches_its_figures() {
    let folder = tempfile::tempdir().unwrap();
    print!("{}", run(folder.path(), &[]));
    let metrics = metrics(folder.path());
    let losses = series(&metrics, "losses");
    assert_eq!((losses.len(), metrics["iterations"].as_u64()), (1170, Some(1170)));
    within("accuracy", metrics["accuracy"].as_f64().unwrap(), 0.981..=0.993);
    within("loss of iteration 1", losses[0], 2.35..=2.75);
    within("loss of iteration 50", losses[49], 0.15..=0.9);
    within("loss of iteration 100", losses[99], 0.05..=0.32);
    within("loss of iteration 200", losses[199], 0.015..=0.15);
    within("loss of iteration 1170", losses[1169], 0.0..=0.01);
    within("accuracy of the linear classifier", metrics["linear_accuracy"].as_f64().unwrap(), 0.8..=0.93);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "a whole run takes minutes without --release")]
fn golden_run_on_mnist_reaches_its_figures() {
    let Some(shared) = std::env::var_os("WENGERT_SHARED") else {
        eprintln!("SKIPPED: WENGERT_SHARED does not name the folder with the reference data");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = format!("mnist:{}", Path::new(&shared).join("data/mnist").display());
    print!("{}", run(folder.path(), &["--data", &data]));
    let metrics = metrics(folder.path());
    assert_eq!(metrics["data"], data.as_str());
    let losses = series(&metrics, "losses");
    assert_eq!(losses.len(), 1170);
    within("accuracy", metrics["accuracy"].as_f64().unwrap(), 0.930..=0.955);
    within("loss of iteration 1", losses[0], 2.35..=2.65);
    within("loss of iteration 1170", losses[1169], 0.0..=0.01);
}
