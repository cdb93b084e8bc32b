//! What a report says about a planted mistake.

use wengert::check::Report;

use crate::planted::Mistake;

/// Whether the checker was developed with a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
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
    pub part: Part,
    pub kind: &'static str,
    pub named: Named,
    /// Whether the first verdict points at a line where a mistake was made.
    pub line: bool,
    /// Whether a mistake left an operation on its line.
    pub recorded: bool,
}

impl Judged {
    /// Judges a report on one mistake, or on several of the mistakes `all`.
    pub fn new(
        part: Part,
        mistake: &Mistake,
        all: &[Mistake],
        report: &Report,
        (lines, recorded): (&[u32], bool),
    ) -> Judged {
        let faults: Vec<_> = report.verdicts.iter().filter(|v| !v.fault.is_remark()).collect();
        // Of several mistakes each must be named, in one verdict or in the first ones of different gradients.
        let parts: Vec<&Mistake> = match mistake.slips {
            [_] => vec![mistake],
            several => several.iter().filter_map(|n| all.iter().find(|one| one.slips == [*n])).collect(),
        };
        let said = |count: usize| {
            let text: Vec<String> = faults.iter().take(count).map(|v| v.fault.to_string()).collect();
            let several = parts.len() == 1 || text.iter().any(|t| t.contains("mistakes: ")) || text.len() > 1;
            several && parts.iter().all(|part| text.iter().any(|text| part.is_said_by(text)))
        };
        let mut apart: Vec<&String> = Vec::new();
        for verdict in &faults {
            match verdict.of.iter().any(|of| apart.contains(&of)) {
                true => break,
                false => apart.extend(&verdict.of),
            }
        }
        let firsts = faults.iter().take_while(|v| v.of.iter().all(|of| apart.contains(&of))).count();
        let named = match faults.first() {
            _ if said(if parts.len() == 1 { 1 } else { firsts.clamp(1, parts.len()) }) => Named::First,
            _ if said(3) => Named::AmongThree,
            None => Named::Nothing,
            Some(first) if first.fault.name() == "no known fault" => Named::Nothing,
            Some(first) if first.fault.to_string().contains("off by") => Named::Vague,
            Some(_) => Named::Otherwise,
        };
        let line = faults.first().and_then(|v| v.line.as_ref()).is_some_and(|line| lines.contains(&line.line));
        Judged { part, kind: mistake.kind, named, line, recorded }
    }
}
