//! Sums of what was measured, by whatever it is to be told apart by.

use std::{collections::BTreeMap, ops::Deref, panic::Location};

use super::Profile;
use crate::tape::{Rule, Spent};

/// Time, work and traffic of what a row of a table stands for.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Row {
    /// The path of the layer; empty outside every layer, and where layers are not told apart.
    pub layer: String,
    /// The operation, the hand-written function, or the chain of operations; empty where they are not told apart.
    pub operation: String,
    /// Where it was recorded, such as `src/net.rs:12`, several lines for a chain; empty where lines are not told apart.
    pub lines: String,
    /// Whether it ran during a backward walk.
    pub backward: bool,
    /// Backward, inside of a hand-written function: its rule by hand, or the tape's own.
    pub rule: Option<Rule>,
    /// How often it ran in all steps.
    pub calls: u64,
    /// Seconds in all steps.
    pub seconds: f64,
    /// Floating-point operations in all steps; none where a part of them is unknown.
    pub flops: Option<u64>,
    /// Bytes of operands and results in all steps.
    pub bytes: u64,
}

impl Row {
    /// What is summed up; nothing told apart but forward and backward.
    pub(super) fn of(spent: &Spent) -> Row {
        Row {
            backward: spent.backward,
            calls: if spent.counts { spent.calls } else { 0 },
            seconds: spent.seconds,
            flops: spent.flops,
            bytes: spent.bytes,
            ..Row::default()
        }
    }

    fn add(&mut self, other: &Row) {
        self.calls += other.calls;
        self.seconds += other.seconds;
        self.flops = self.flops.zip(other.flops).map(|(a, b)| a + b);
        self.bytes += other.bytes;
    }
}

/// The rows of a table, the longest first; it prints as that table, of which a row of what is outside of the tape is the
/// last but one.
#[derive(Clone, Debug)]
pub struct Rows<'p> {
    pub(super) profile: &'p Profile,
    rows: Vec<Row>,
}

impl<'p> Rows<'p> {
    pub(super) fn new(profile: &'p Profile, row: impl Fn(&Spent) -> Row) -> Rows<'p> {
        let mut sums: BTreeMap<_, Row> = BTreeMap::new();
        for row in profile.spent.iter().map(row) {
            let key = (row.layer.clone(), row.operation.clone(), row.lines.clone(), row.backward, row.rule);
            match sums.get_mut(&key) {
                Some(sum) => sum.add(&row),
                None => _ = sums.insert(key, row),
            }
        }
        let mut rows: Vec<Row> = sums.into_values().collect();
        rows.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        Rows { profile, rows }
    }
}

impl Deref for Rows<'_> {
    type Target = [Row];

    fn deref(&self) -> &[Row] {
        &self.rows
    }
}

/// A line with the end of its path.
pub(super) fn place(line: &Location<'_>) -> String {
    let file = line.file();
    let short = file.rmatch_indices(['/', '\\']).nth(1).map_or(file, |(slash, _)| &file[slash + 1..]);
    format!("{short}:{}", line.line())
}

/// Several lines: those of one file share its name.
pub(super) fn places(lines: &[&Location<'_>]) -> String {
    let mut text = String::new();
    for (k, line) in lines.iter().enumerate() {
        match k.checked_sub(1).map(|before| lines[before].file() == line.file()) {
            None => text.push_str(&place(line)),
            Some(true) => text.push_str(&format!(",{}", line.line())),
            Some(false) => text.push_str(&format!(" {}", place(line))),
        }
    }
    text
}
