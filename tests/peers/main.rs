//! PyTorch's own samples of its operators, evaluated here: values, first and second derivatives, in double precision.
//!
//! `tests/peers/torch_samples.py` has PyTorch make the samples, with its results; `table` writes its operators in our
//! notation. Without PyTorch nothing is compared, and a line says so. `cargo test --release --test torch_samples` runs
//! all of it, with the Python that `WENGERT_PYTHON` names or `python3`. Behind `--`, `--seed`, `--most` and `--only` are
//! passed to the script, and `--file FILE` reads what it wrote before.

mod call;
mod compare;
mod documented;
mod table;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::Command,
};

use compare::Outcome;
use serde_json::Value;

/// What the script ends with where there is no PyTorch.
const NO_TORCH: i32 = 77;
/// More samples than this must not be left that cannot be written here, of the 27 or fewer of each operator.
const MOST_MISSING: usize = 400;

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        return; // Asked by tools that look for tests of the standard harness.
    }
    let folder = tempfile::tempdir().unwrap();
    let file = match arguments.iter().position(|argument| argument == "--file") {
        Some(at) => PathBuf::from(arguments.drain(at..at + 2).nth(1).unwrap()),
        None => {
            let file = folder.path().join("samples");
            arguments.retain(|argument| argument != "--nocapture");
            if !made(&file, &arguments) {
                return;
            }
            file
        }
    };
    let whole = !arguments.iter().any(|argument| argument == "--only");
    let mut tally = Tally::default();
    // A refusal is a panic with a sentence, which is kept.
    std::panic::set_hook(Box::new(|_| {}));
    for line in BufReader::new(std::fs::File::open(file).unwrap()).lines() {
        let record: Value = serde_json::from_str(&line.unwrap()).unwrap();
        match record["op"].as_str() {
            Some(op) => tally.add(op, compare::compare(op, &record)),
            None => println!(
                "PyTorch {}: {} operators with autograd",
                record["torch"].as_str().unwrap(),
                record["operators"]
            ),
        }
    }
    drop(std::panic::take_hook());
    tally.print();
    let undocumented = tally.undocumented();
    assert!(undocumented == 0, "{undocumented} differences stand nowhere in the documentation");
    let missing = tally.missing();
    assert!(!whole || missing <= MOST_MISSING, "{missing} samples cannot be written, more than {MOST_MISSING}");
}

/// Has PyTorch make the samples; says so if it is not there.
fn made(file: &Path, arguments: &[String]) -> bool {
    let python = std::env::var("WENGERT_PYTHON").unwrap_or("python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/torch_samples.py");
    match Command::new(&python).arg(script).arg(file).args(arguments).status() {
        Ok(status) if status.success() => true,
        Ok(status) if status.code() != Some(NO_TORCH) => panic!("{python} ended with {status}"),
        _ => {
            println!("PyTorch's samples: skipped, for {python} has no PyTorch (WENGERT_PYTHON names another one)");
            false
        }
    }
}

/// How many samples came out how, by operator.
#[derive(Default)]
struct Tally {
    samples: usize,
    agree: [usize; 3],
    compared: [usize; 3],
    differ: BTreeMap<(String, &'static str), (usize, String)>,
    missing: BTreeMap<String, (usize, String)>,
}

impl Tally {
    fn add(&mut self, op: &str, outcome: Outcome) {
        self.samples += 1;
        match outcome {
            Outcome::Missing(why) => {
                let entry = self.missing.entry(op.to_owned()).or_insert((0, why));
                entry.0 += 1;
            }
            Outcome::Compared(parts) => {
                for (k, (name, difference)) in ["value", "first", "second"].into_iter().zip(parts).enumerate() {
                    let Some(difference) = difference else { continue };
                    self.compared[k] += 1;
                    match difference {
                        None => self.agree[k] += 1,
                        Some(text) => self.differ.entry((op.to_owned(), name)).or_insert((0, text)).0 += 1,
                    }
                }
            }
        }
    }

    fn missing(&self) -> usize {
        self.missing.values().map(|(count, _)| count).sum()
    }

    fn undocumented(&self) -> usize {
        let open = self.differ.iter().filter(|((op, part), _)| documented::reason(op, part).is_none());
        open.map(|(_, (count, _))| count).sum()
    }

    fn print(&self) {
        println!("{} samples, {} of them can be written here", self.samples, self.samples - self.missing());
        for (k, name) in ["values", "first derivatives", "second derivatives"].into_iter().enumerate() {
            println!("{} of {} {name} agree", self.agree[k], self.compared[k]);
        }
        println!("\nthese differ:");
        for ((op, part), (count, text)) in &self.differ {
            let reason = documented::reason(op, part).unwrap_or("NOT DOCUMENTED");
            println!("  {count:4} {op}, {part}: {text} ({reason})");
        }
        println!("\nthese cannot be written:");
        for (op, (count, why)) in &self.missing {
            println!("  {count:4} {op}: {why}");
        }
    }
}
