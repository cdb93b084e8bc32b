//! A profile as a table: its rows add up to the time that has passed.

use std::fmt;

use super::{Profile, Row, Rows};

/// Rows beyond these are summed up in one.
const MOST: usize = 40;
/// Names longer than this are cut.
const WIDEST: usize = 56;

/// A line of the table: what all have, and the texts at its end.
struct Line {
    seconds: f64,
    numbers: [String; 4],
    texts: [String; 4],
}

impl Line {
    fn new(row: &Row, steps: f64) -> Line {
        let rate = |amount: u64| match amount {
            0 => "–".to_owned(),
            amount => short(amount as f64 * 1e-9 / row.seconds),
        };
        let calls = row.calls as f64 / steps;
        let each = if row.calls == 0 { "–".to_owned() } else { short(row.seconds * 1e6 / row.calls as f64) };
        let calls = if row.calls == 0 { "–".to_owned() } else { format!("{}", (calls * 10.0).round() / 10.0) };
        let pass = match (row.backward, row.rule) {
            (false, _) => "forward".to_owned(),
            (true, None) => "backward".to_owned(),
            (true, Some(rule)) => format!("backward, {rule}"),
        };
        Line {
            seconds: row.seconds,
            numbers: [calls, each, row.flops.map_or("unknown".to_owned(), rate), rate(row.bytes)],
            texts: [pass, cut(&row.operation), cut(&row.layer), cut(&row.lines)],
        }
    }

    fn named(name: String, seconds: f64) -> Line {
        let texts = [name, String::new(), String::new(), String::new()];
        Line { seconds, numbers: Default::default(), texts }
    }
}

impl fmt::Display for Rows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let profile = self.profile;
        if profile.is_empty() {
            return f.write_str(
                "nothing was measured on the tape: call `Tape::set_profiling(true)` before the operations to be measured",
            );
        }
        let (total, steps) = (profile.seconds, profile.steps.max(1) as f64);
        let steps_text = if profile.steps == 1 { "1 step".to_owned() } else { format!("{} steps", profile.steps) };
        writeln!(f, "{steps_text} of {} ms", short(total * 1e3 / steps))?;
        let mut lines: Vec<Line> = self.iter().take(MOST).map(|row| Line::new(row, steps)).collect();
        if self.len() > MOST {
            let seconds = self[MOST..].iter().map(|row| row.seconds).sum();
            lines.push(Line::named(format!("{} more rows", self.len() - MOST), seconds));
        }
        lines.push(Line::named("outside the tape".to_owned(), profile.outside));
        lines.push(Line::named("measuring".to_owned(), profile.measuring));
        let heads = ["calls", "us each", "GFLOP/s", "GB/s"];
        let texts = ["pass", "operation", "layer", "line"];
        // A column without a text is left out.
        let used: Vec<usize> =
            (0..4).filter(|&k| k == 0 || lines.iter().any(|line| !line.texts[k].is_empty())).collect();
        let wide = |k: usize| lines.iter().map(|line| line.texts[k].chars().count()).chain([texts[k].len()]).max();
        let number = |k: usize| lines.iter().map(|line| line.numbers[k].chars().count()).chain([heads[k].len()]).max();
        let widths: [usize; 4] = std::array::from_fn(|k| wide(k).unwrap_or(0));
        let numbers: [usize; 4] = std::array::from_fn(|k| number(k).unwrap_or(0));
        let mut write = |front: String, middle: &[&str; 4], end: &[&str; 4]| {
            let mut text = front;
            (0..4).for_each(|k| text.push_str(&format!("  {:>1$}", middle[k], numbers[k])));
            used.iter().for_each(|&k| text.push_str(&format!("  {:<1$}", end[k], widths[k])));
            writeln!(f, "{}", text.trim_end())
        };
        write(format!("{:>7}  {:>8}", "share", "ms/step"), &heads, &texts)?;
        for line in &lines {
            let front = format!("{:>5.1} %  {:>8}", 100.0 * line.seconds / total, short(line.seconds * 1e3 / steps));
            write(front, &line.numbers.each_ref().map(|s| s.as_str()), &line.texts.each_ref().map(|s| s.as_str()))?;
        }
        Ok(())
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.operations().fmt(f)
    }
}

/// A number in about three digits.
fn short(x: f64) -> String {
    match x.abs() {
        x if x >= 99.95 => format!("{x:.0}"),
        x if x >= 9.995 => format!("{x:.1}"),
        x if x >= 0.9995 => format!("{x:.2}"),
        x => format!("{x:.3}"),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(WIDEST) {
        None => text.to_owned(),
        Some(_) => text.chars().take(WIDEST - 1).chain(['…']).collect(),
    }
}
