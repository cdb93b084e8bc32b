//! The differences from PyTorch that are meant, each with its reason, and the row of `src/guide/kinks.md` that says so.

/// Why this part (`value`, `first`, `second`) of this operator differs; none if it should not.
pub fn reason(op: &str, part: &str) -> Option<&'static str> {
    let row = DOCUMENTED.iter().find(|(names, parts, _)| names.contains(&op) && parts.contains(&part));
    row.map(|(_, _, reason)| *reason)
}

type Row = (&'static [&'static str], &'static [&'static str], &'static str);

const DOCUMENTED: &[Row] = &[];
