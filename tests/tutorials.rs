//! The tutorials tell the truth: each program runs, and it prints every output that its page shows.

use std::{path::Path, process::Command};

/// A text without its line numbers, which move when a program or the library is edited.
fn without_lines(text: &str) -> String {
    let mut parts = text.split(".rs:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + ".rs:" + part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':'))
}

/// The blocks of a page marked as `text`.
fn outputs(page: &str) -> Vec<&str> {
    page.split("```text\n").skip(1).filter_map(|rest| rest.split_once("```")).map(|(block, _)| block).collect()
}

/// Runs a program, compares its page with it, and returns the metrics that it wrote; none if it is not built.
fn check(folder: &str, example: &str) -> Option<serde_json::Value> {
    let tests = std::env::current_exe().expect("a test knows where it is");
    let built = tests.parent().and_then(Path::parent).expect("tests lie in target/PROFILE/deps").join("examples");
    let program = built.join(format!("{example}{}", std::env::consts::EXE_SUFFIX));
    if !program.exists() {
        println!("SKIPPED: {} is not built; a plain `cargo test` builds it", program.display());
        return None;
    }
    let out = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let run = Command::new(program).arg("--out").arg(out.path()).current_dir(root).output().unwrap();
    assert!(run.status.success(), "{example} failed: {}", String::from_utf8_lossy(&run.stderr));
    let printed = without_lines(&String::from_utf8(run.stdout).unwrap());
    let page = std::fs::read_to_string(root.join("tutorials").join(folder).join("README.md")).unwrap();
    let blocks = outputs(&page);
    assert!(!blocks.is_empty(), "{folder} shows no output");
    for block in blocks {
        assert!(
            printed.contains(&without_lines(block)),
            "{folder} shows what its program does not print:\n{block}\n{printed}"
        );
    }
    let metrics = std::fs::read_to_string(out.path().join("metrics.json")).unwrap();
    let metrics: serde_json::Value = serde_json::from_str(&metrics).unwrap();
    assert!(metrics.is_object());
    let pictures = page.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    for word in pictures.filter(|target| target.ends_with(".svg")) {
        let (stored, drawn) = (root.join("tutorials").join(folder).join(word), out.path().join(word));
        assert!(stored.exists(), "{folder} shows {word}, which is not there");
        assert!(drawn.exists(), "{folder} shows {word}, which its program does not draw");
    }
    Some(metrics)
}

#[test]
fn first_tape() {
    check("01_first_tape", "first_tape");
}

#[test]
fn activations() {
    check("02_activations", "activations");
}

#[test]
fn higher_order() {
    let Some(metrics) = check("04_higher_order", "higher_order") else { return };
    let number = |path: &str| metrics.pointer(path).and_then(serde_json::Value::as_f64).unwrap();
    for size in metrics["products"].as_array().unwrap() {
        for way in size["ways"].as_array().unwrap() {
            let most = if way["way"] == "difference of gradients" { 1e-9 } else { 1e-14 };
            assert!(way["error"].as_f64().unwrap() < most, "{} of {}: {way}", way["way"], size["n"]);
        }
    }
    let plain: Vec<f64> = metrics["newton"]["plain"].as_array().unwrap().iter().filter_map(|e| e.as_f64()).collect();
    assert!(plain.windows(2).all(|e| e[1] < e[0] * e[0]), "{plain:?}");
    assert!(plain[6] < 1e-10);
    // Not the figures of the page: the training may differ in the last bits from one kind of processor to the next.
    assert!(number("/oscillator/error") < 1e-4, "the largest error is {}", number("/oscillator/error"));
    assert!(number("/residual_of_the_exact_solution") < 1e-14);
}

#[test]
fn arcface() {
    let Some(metrics) = check("06_arcface", "arcface") else { return };
    let number = |path: &str| metrics.pointer(path).and_then(serde_json::Value::as_f64).unwrap();
    // Training may differ in the last bits from one kind of processor to the next: bands, not figures.
    assert!(number("/softmax/accuracy/0") > 0.98 && number("/arcface/accuracy/0") > 0.98);
    assert!(number("/arcface/within_degrees/0") < number("/softmax/within_degrees/0"));
    assert!(number("/arcface/between_degrees/0") > number("/softmax/between_degrees/0"));
    assert!((number("/cross_entropy/cross_entropy") - number("/cross_entropy/nll_of_log_softmax")).abs() < 1e-15);
    for row in metrics["precision"].as_array().unwrap() {
        let of = |name: &str| row[name].as_f64().unwrap_or(f64::NAN);
        assert_eq!((of("stable_lost"), of("bounded_lost")), (0.0, 0.0), "{row}");
        if of("angle") >= 1e-3 && of("angle") < 3.0 {
            assert!(of("stable") < 1e-3, "{row}");
        }
        if of("angle") == 1e-3 {
            assert!(of("posted") > 0.03, "{row}");
        }
    }
    assert!(number("/precision/6/posted_lost") > 0.0 && number("/precision/7/posted_lost") > 0.0);
}

#[test]
fn custom_layers() {
    let Some(metrics) = check("05_custom_layers", "custom_layers") else { return };
    let number = |path: &str| metrics.pointer(path).and_then(serde_json::Value::as_f64).unwrap();
    assert!((number("/jump/size") - 7.5069).abs() < 5e-5);
    assert!((number("/margin_everywhere/own") - 30.34).abs() < 5e-3);
    assert!(number("/split/seconds") < 1.0, "the check of the head took {} s", number("/split/seconds"));
    // Single precision may differ from one kind of processor to the next: bands, not figures.
    assert!((30.0..400.0).contains(&number("/parallel/nan")), "{} of 1000 are NaN", number("/parallel/nan"));
    for row in metrics["precision"].as_array().unwrap() {
        let of = |name: &str| row[name].as_f64().unwrap();
        assert!(of("by_hand") < 1e-7 / of("angle") && of("by_angle") < 1e-7 / of("angle"), "{row}");
    }
    assert!(number("/precision/3/not_finite") > 0.0);
    assert!(number("/trained/1/own_degrees") < number("/trained/0/own_degrees"));
    assert!(number("/trained/0/right") > 950.0 && number("/trained/1/right") > 950.0);
}

#[test]
fn caffe_questions() {
    let Some(metrics) = check("08_caffe_questions", "caffe_questions") else { return };
    let task = metrics["position_task"].as_object().unwrap();
    for (member, accuracies) in task {
        let accuracies: Vec<f64> = accuracies.as_array().unwrap().iter().filter_map(|a| a.as_f64()).collect();
        assert_eq!(accuracies.len(), 5, "{member}");
        let mean = accuracies.iter().sum::<f64>() / 5.0;
        match &**member {
            "plain" => assert!((0.4..0.6).contains(&mean), "plain: {accuracies:?}"),
            _ => assert!(accuracies.iter().all(|&a| a > 0.95), "{member}: {accuracies:?}"),
        }
    }
    assert_eq!(task.len(), 6);
}

#[test]
fn bilinear_pooling() {
    let Some(metrics) = check("07_bilinear_pooling", "bilinear_pooling") else { return };
    let number = |path: &str| metrics.pointer(path).and_then(serde_json::Value::as_f64).unwrap();
    let (majority, of) = (number("/majority_share"), |name: &str| number(&format!("/ablation/{name}")));
    // With the product over the batch or the small step, the program can only learn which class is frequent.
    assert_eq!(of("outer+norm+rate+root"), majority);
    assert!(of("outer+norm+root") < majority + 0.1 && of("outer") < 0.5, "{}", metrics["ablation"]);
    assert!(of("norm+rate+root") < majority + 0.1 && of("rate+root") < majority + 0.1, "{}", metrics["ablation"]);
    assert!(of("norm+root") < of("root") && of("root") > 0.95 && of("none") > 0.95, "{}", metrics["ablation"]);
    for pool in ["average", "plain", "improved"] {
        assert!(number(&format!("/accuracy/{pool}/0")) > 0.9, "{pool}: {}", metrics["accuracy"]);
    }
    // The last row: eigenvalues 1e-8 apart; `eigh`, then `lyapunov`.
    assert!(number("/roots/distance/14/errors/0") > 0.1 && number("/roots/distance/14/errors/1") < 1e-5);
}

#[test]
fn see_the_tape() {
    let Some(metrics) = check("09_see_the_tape", "see_the_tape") else { return };
    let number = |path: &str| metrics.pointer(path).and_then(serde_json::Value::as_f64).unwrap();
    assert_eq!(number("/findings"), 3.0);
    assert!(number("/growth") > 1e4);
    // Each sigmoid passes on a quarter of its gradient at most, and weights of this size take away more.
    assert!(number("/sigmoids/0/1") < 1e-3 * number("/sigmoids/6/1"), "{}", metrics["sigmoids"]);
    let losses: Vec<f64> = metrics["losses"].as_array().unwrap().iter().filter_map(|loss| loss.as_f64()).collect();
    assert!(losses[losses.len() - 1] < 0.5 * losses[0]);
    assert_eq!(metrics["replayed"], serde_json::json!({ "iteration": 54, "op": "exp", "index": [4, 1] }));
}
