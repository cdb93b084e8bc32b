//! An entry of the gallery, and the row that results from checking it.

use serde_json::{Value, json};
use wengert::{DType, Result, Shape, Tensor, check::Report};

/// A published mistake, as it was made and as it is fixed.
pub struct Entry {
    /// What it is, in a few words.
    pub name: &'static str,
    /// Where it was published.
    pub source: &'static str,
    /// The name of the verdict that it deserves.
    pub expected: &'static str,
    /// What is worth knowing about it, in one sentence.
    pub lesson: &'static str,
    /// The check of the mistake.
    pub wrong: fn() -> Result<Report>,
    /// The check of the fixed program.
    pub mended: fn() -> Result<Report>,
}

/// A row of the table: an entry, with the reports on the mistake and on the fixed program.
pub struct Row {
    pub entry: Entry,
    pub wrong: Report,
    pub mended: Report,
}

/// Verdicts about the function or the measurement, which fail no test.
const REMARKS: [&str; 3] = ["kink", "jump", "step-size artifact"];

impl Entry {
    /// Checks both programs.
    pub fn check(self) -> Result<Row> {
        let (wrong, mended) = ((self.wrong)()?, (self.mended)()?);
        Ok(Row { entry: self, wrong, mended })
    }

    /// The name in letters and digits, with underscores in between.
    pub fn file_name(&self) -> String {
        let words = self.name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("_").to_lowercase()
    }
}

impl Row {
    /// The name of the first verdict.
    pub fn given(&self) -> &'static str {
        self.wrong.verdict().map_or("none", |verdict| verdict.fault.name())
    }

    /// The line of source that the first verdict names, without its folder.
    pub fn line(&self) -> String {
        let line = self.wrong.verdict().and_then(|verdict| verdict.line.as_ref());
        line.map_or("–".to_owned(), |at| format!("{}:{}", at.file.rsplit(['/', '\\']).next().unwrap_or(""), at.line))
    }

    /// The expected verdict was given, with a failed test unless it is only a remark, and the fixed program passes
    /// without a fault.
    pub fn is_right(&self) -> bool {
        let fails = !REMARKS.contains(&self.entry.expected);
        self.given() == self.entry.expected && self.wrong.passed() != fails && self.mended_passes()
    }

    /// No test of the fixed program fails, and there are no verdicts but remarks.
    pub fn mended_passes(&self) -> bool {
        self.mended.passed() && self.mended.verdicts.iter().all(|verdict| verdict.fault.is_remark())
    }

    /// The row as data.
    pub fn json(&self) -> Value {
        json!({
            "name": self.entry.name,
            "source": self.entry.source,
            "lesson": self.entry.lesson,
            "expected": self.entry.expected,
            "given": self.given(),
            "verdict": self.wrong.verdict().map(|verdict| verdict.fault.to_string()),
            "line": self.line(),
            "check_passed": self.wrong.passed(),
            "mended_passes": self.mended_passes(),
            "mended_remarks": self.mended.verdicts.iter().map(|v| v.fault.name()).collect::<Vec<_>>(),
            "right": self.is_right(),
            "seconds": self.wrong.seconds + self.mended.seconds,
        })
    }
}

/// Numbers between `low` and `high` with no pattern, the same in every run.
pub fn numbers(shape: impl Into<Shape>, low: f64, high: f64) -> Tensor {
    // Multiples of the golden ratio, modulo 1, are spread evenly and are never equal.
    let ratio = 0.618_033_988_749_894_9;
    Tensor::from_fn(shape, DType::F64, |i| low + (high - low) * ((i as f64 + 0.7) * ratio).fract())
}
