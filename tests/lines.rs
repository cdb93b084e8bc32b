//! What an operation records belongs to the line that calls it, however many operations it is composed of.

use std::{collections::BTreeSet, fs, path::Path};

use wengert::{Tape, functional, ops};

/// Whether a line of the crate's own source belongs to a sample, and so to a call of the public interface: above it, a
/// sample begins after the last function.
fn in_a_sample(file: &str, line: u32) -> bool {
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("a file of the crate");
    let above: Vec<&str> = source.lines().take(line as usize).collect();
    let place = |word: &str| above.iter().rposition(|text| text.contains(word));
    place("Sample::") > place("fn ")
}

#[test]
fn every_operation_is_recorded_at_the_line_of_its_call() {
    let mut elsewhere = BTreeSet::new();
    let samples: Vec<_> = ops::table().into_iter().chain(functional::table()).collect();
    assert!(samples.len() > 300, "{} samples", samples.len());
    for sample in &samples {
        let tape = Tape::f64();
        let x = sample.leaves(&tape);
        let before = tape.len();
        sample.run(&x);
        for node in tape.nodes().skip(before).filter(|node| !in_a_sample(node.line.file(), node.line.line())) {
            elsewhere.insert(format!("{}: {} at {}:{}", sample.name, node.op, node.line.file(), node.line.line()));
        }
    }
    let lines: Vec<String> = elsewhere.into_iter().collect();
    assert!(lines.is_empty(), "{} nodes at lines of the library:\n{}", lines.len(), lines.join("\n"));
}
