//! The works that are timed in several engines end where the others end: the checks that `examples/peers` prints.

mod program;

use std::process::Command;

use program::program;

/// What stands behind "check" in each line of a work.
fn checks(work: &str) -> Vec<String> {
    let output = Command::new(program("peers")).args([work, "--quick"]).output().expect("the program starts");
    assert!(output.status.success(), "{work}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("the program prints text");
    let check = |line: &str| line.split_once("  check ").expect("a line ends with its check").1.to_owned();
    text.lines().map(check).collect()
}

#[test]
fn losses_are_those_of_pytorch_and_jax() {
    assert_eq!(checks("elu"), ["loss 0.760370"; 2]);
    assert_eq!(checks("mlp"), ["loss 0.065834"]);
    assert_eq!(checks("arcface"), ["loss 40.6730"; 2]);
    assert_eq!(checks("cnn"), ["loss 1.7246"]);
}

#[test]
fn square_roots_have_the_losses_and_gradients_of_pytorch_and_jax() {
    // By eigenvectors twice, by five Newton-Schulz steps twice; residual, loss, length of the gradient.
    let small = [[0.0, -25.01, 120.758], [7.2e-3, -25.02, 124.399]];
    let large = [[0.0, -85.22, 479.216], [5.5e-2, -82.59, 547.196]];
    let expected = [small[0], small[0], small[1], small[1], large[0], large[0], large[1], large[1]];
    let checks = checks("linalg");
    assert_eq!(checks.len(), expected.len());
    for (check, [residual, loss, length]) in checks.iter().zip(expected) {
        let words: Vec<&str> = check.split(' ').collect();
        let number = |word: usize| words[word].parse::<f64>().unwrap_or_else(|_| panic!("{check:?}"));
        assert!((number(1) - residual).abs() < 1e-5, "{check}");
        assert!((number(3) - loss).abs() < 0.011 && (number(5) - length).abs() < 1e-5 * length, "{check}");
    }
}
