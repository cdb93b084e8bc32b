//! What a report says about a planted mistake.

use wengert::check::Report;

use crate::planted::Mistake;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    Developed,
    HeldOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// By the first verdict, or by the first verdict of each gradient concerned.
    First,
    AmongThree,
    /// A region whose contents are not described.
    Vague,
    /// "No single known fault explains it", or no verdict.
    Nothing,
    /// By another name.
    Otherwise,
}

#[derive(Clone, Debug)]
pub struct Judged {
    pub half: Half,
    pub kind: &'static str,
    pub named: Named,
    /// Whether the first verdict points at a line where a mistake was made.
    pub line: bool,
}

impl Judged {
    pub fn new(half: Half, mistake: &Mistake, report: &Report, lines: &[u32]) -> Judged {
        let faults: Vec<_> = report.verdicts.iter().filter(|v| !v.fault.is_remark()).collect();
        let said = |count: usize| faults.iter().take(count).any(|v| mistake.is_said_by(&v.fault.to_string()));
        let named = match faults.first() {
            _ if said(1) => Named::First,
            _ if said(3) => Named::AmongThree,
            None => Named::Nothing,
            Some(first) if first.fault.name() == "no known fault" => Named::Nothing,
            Some(first) if first.fault.to_string().contains("off by") => Named::Vague,
            Some(_) => Named::Otherwise,
        };
        let line = faults.first().and_then(|v| v.line.as_ref()).is_some_and(|line| lines.contains(&line.line));
        Judged { half, kind: mistake.kind, named, line }
    }
}
