//! The verdict on a gradient: its fault, with the evidence and the line of source. It never claims more than was measured.

use std::{fmt, panic::Location, path::Path};

use serde::Serialize;

use super::{Fault, kind::Puts, numbers::enumerated};
use crate::caught::is_own;

/// A line of the user's program.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Line {
    /// The file, as the compiler names it.
    pub file: String,
    /// The line number, starting at 1.
    pub line: u32,
}

impl Line {
    /// Whether it is in the checker itself, where rules are broken on purpose.
    pub(crate) fn is_ours(&self) -> bool {
        Path::new(file!()).parent().is_some_and(|folder| Path::new(&self.file).starts_with(folder))
    }

    /// Whether it is in the library.
    pub(crate) fn is_library(&self) -> bool {
        is_own(&self.file)
    }
}

impl From<&std::panic::Location<'_>> for Line {
    fn from(at: &std::panic::Location<'_>) -> Self {
        Line { file: at.file().to_owned(), line: at.line() }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Where in a rule an edit lies, or a mistake: an operation as the source knows it.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    /// The line that a verdict names.
    pub line: Option<Line>,
    /// The operation itself; in a loop, each time it runs.
    pub own: Vec<&'static Location<'static>>,
    /// What it reads, and what reads it.
    pub beside: Vec<&'static Location<'static>>,
}

impl Spot {
    /// Whether they are one operation, or next to each other, on one line.
    pub fn meets(&self, other: &Spot) -> bool {
        let touches = |a: &Spot, b: &Spot| a.own.iter().any(|at| b.own.contains(at) || b.beside.contains(at));
        self.line.is_some() && self.line == other.line && (touches(self, other) || touches(other, self))
    }
}

/// How a line of the rule should read, in Rust's operators.
///
/// What the rule receives goes by the names of [`Backward`](crate::Backward): `x[0]`, `z[0]`, `dz[0]`, `saved[0]`; what it
/// computes on other lines by the name that a `let` gives it there, if the source can be read. Where the line is long, only
/// what surrounds the change is written, between two `…`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Mend {
    /// The line.
    pub line: Line,
    /// What it computes.
    pub stands: String,
    /// What it should compute.
    pub reads: String,
}

impl fmt::Display for Mend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` should read `{}`", self.stands, self.reads)
    }
}

/// A fault found in a gradient, with the evidence for it.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// What is wrong.
    pub fault: Fault,
    /// The function or layer that the rule belongs to, if known.
    pub rule: Option<String>,
    /// The gradients concerned: "input 0", "parameter `weight`".
    pub of: Vec<String>,
    /// What was measured, a sentence each.
    pub evidence: Vec<String>,
    /// The line of source to look at, if known.
    pub line: Option<Line>,
    /// How lines of the rule should read, if an edit of them makes it right.
    pub mends: Vec<Mend>,
    /// The relative difference that remains once the fault is accounted for: near 1e-12 for a sure verdict.
    pub residual: f64,
    /// Whether it only says where the gradient is wrong, not what it is there.
    #[serde(skip)]
    pub(crate) vague: bool,
    /// What it puts into the rule.
    #[serde(skip)]
    pub(super) puts: Puts,
    /// Where each of the edits lies that make the rule right, if that was verified at a point apart.
    #[serde(skip)]
    pub(super) spots: Vec<Spot>,
}

impl Verdict {
    pub(crate) fn new(fault: Fault, of: impl Into<String>, residual: f64) -> Self {
        let (of, evidence) = (vec![of.into()], Vec::new());
        Verdict {
            fault,
            rule: None,
            of,
            evidence,
            line: None,
            mends: Vec::new(),
            residual,
            vague: false,
            puts: Puts::Other,
            spots: Vec::new(),
        }
    }

    pub(crate) fn because(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    pub(crate) fn at(mut self, line: Option<Line>) -> Self {
        self.line = line;
        self
    }

    /// Takes in a verdict with the same fault on another gradient, and keeps where that was found if it was elsewhere.
    pub(super) fn join(&mut self, other: Verdict) {
        let of = other.whose();
        match (other.line.filter(|line| self.line.as_ref() != Some(line)), other.evidence.first()) {
            (Some(line), Some(why)) => self.evidence.push(format!("{of}, at {line}: {why}")),
            (Some(line), None) => self.evidence.push(format!("{of}, at {line}: the same")),
            (None, _) => {}
        }
        self.mend(&other.mends);
        self.of.extend(other.of);
        self.residual = self.residual.max(other.residual);
    }

    /// Adds mends that it does not have yet.
    pub(super) fn mend(&mut self, mends: &[Mend]) {
        for mend in mends {
            if !self.mends.contains(mend) {
                self.mends.push(mend.clone());
            }
        }
    }

    /// The gradients concerned: "input 0", "inputs 0, 1 and 2", "input 0 and parameter `weight`".
    pub(super) fn whose(&self) -> String {
        let inputs: Option<Vec<String>> =
            self.of.iter().map(|of| of.strip_prefix("input ").map(str::to_owned)).collect();
        match inputs {
            Some(inputs) if inputs.len() > 1 => format!("inputs {}", enumerated(&inputs)),
            _ => enumerated(&self.of),
        }
    }

    pub(super) fn putting(mut self, puts: Puts) -> Self {
        self.puts = puts;
        self
    }
}

/// One line for the fault, one for each piece of evidence, and one for each mend.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.whose())?;
        if let Some(rule) = &self.rule {
            write!(f, " of `{rule}`")?;
        }
        write!(f, ": {}", self.fault)?;
        if let Some(line) = &self.line {
            write!(f, " ({line})")?;
        }
        for evidence in &self.evidence {
            write!(f, "\n    {evidence}")?;
        }
        for mend in &self.mends {
            write!(f, "\n    {mend}")?;
            if self.line.as_ref() != Some(&mend.line) {
                write!(f, " ({})", mend.line)?;
            }
        }
        Ok(())
    }
}
