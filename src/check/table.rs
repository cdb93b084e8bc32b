//! A report as text for the terminal: the verdicts, then the table of tests.

use std::fmt;

use super::{Outcome, Report};

/// Whether the check passed, the verdicts, and the table of tests, in lines of at most 100 characters.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [passed, failed, not_applicable] = self.counts();
        writeln!(f, "{}: {}", self.subject, if self.passed() { "passed" } else { "failed" })?;
        for (k, verdict) in self.verdicts.iter().enumerate() {
            let kind = if verdict.fault.is_remark() { "remark" } else { "verdict" };
            let number = if self.verdicts.len() > 1 { format!(" {}", k + 1) } else { String::new() };
            for (k, line) in format!("{kind}{number}: {verdict}").lines().enumerate() {
                let (indent, hang) = if k == 0 { ("", 4) } else { ("    ", 6) };
                writeln!(f, "{}", wrapped(indent, line.trim_start(), hang))?;
            }
        }
        let width = self.tests.iter().map(|t| t.name.chars().count()).max().unwrap_or(0);
        let mut reason = "";
        for test in &self.tests {
            let (mark, word, detail) = match &test.outcome {
                Outcome::Passed(detail) => ("✓", "passed", detail.as_str()),
                Outcome::Failed(detail) => ("✗", "FAILED", detail.as_str()),
                Outcome::NotApplicable(why) if why == reason => ("–", "n/a", "the same"),
                Outcome::NotApplicable(why) => ("–", "n/a", why.as_str()),
            };
            reason = match &test.outcome {
                Outcome::NotApplicable(why) => why,
                _ => "",
            };
            let pad = " ".repeat(width - test.name.chars().count());
            let head = format!("  {mark} {}{pad}  {word:<6}  ", test.name);
            writeln!(f, "{}", wrapped(&head, detail, width + 14).trim_end())?;
        }
        write!(f, "{passed} passed, {failed} failed, {not_applicable} not applicable, in {:.2} s", self.seconds)
    }
}

/// The most characters in a printed line, unless a single word is longer.
const LINE: usize = 100;

/// `head` and then `text`, broken between words; the lines after the first are indented by `hang`.
fn wrapped(head: &str, text: &str, hang: usize) -> String {
    let (mut all, mut column) = (head.to_owned(), head.chars().count());
    let mut first = true;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if !first && column + 1 + length > LINE {
            all.push('\n');
            all.push_str(&" ".repeat(hang));
            column = hang;
        } else if !first {
            all.push(' ');
            column += 1;
        }
        all.push_str(word);
        column += length;
        first = false;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::report::tests::report;

    #[test]
    fn long_details_hang_below_their_own_column() {
        let text = report().to_string();
        assert!(text.lines().all(|line| line.chars().count() <= LINE && line.trim_end() == line), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert!(text.starts_with("layer: failed\nverdict: input 0: the sign is flipped\n    a sentence"), "{text}");
        assert!(
            text.contains("\n    short\n  ✓ runs           passed\n  ✗ manual = tape  FAILED  a sentence"),
            "{text}"
        );
        let first = lines.iter().position(|line| line.contains("FAILED")).unwrap();
        let column = lines[first].split("a sentence").next().unwrap().chars().count();
        let next = lines[first + 1];
        assert!(next.starts_with(&" ".repeat(column)) && !next.starts_with(&" ".repeat(column + 1)), "{text}");
        assert!(text.ends_with("\n1 passed, 1 failed, 1 not applicable, in 0.25 s"), "{text}");
        let words = |s: &str| s.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let Outcome::Failed(detail) = &report().tests[1].outcome else { unreachable!() };
        assert!(words(&text).join(" ").contains(&words(detail).join(" ")), "no word is lost");
    }

    #[test]
    fn a_word_that_is_too_long_is_left_whole() {
        let path = "x".repeat(150);
        assert_eq!(wrapped("  ", &format!("at {path} there"), 4), format!("  at\n    {path}\n    there"));
        assert_eq!(wrapped("  ", &path, 4), format!("  {path}"));
    }
}
