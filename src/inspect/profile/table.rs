//! A profile as a table: its rows add up to the time that has passed.

use std::fmt;

use super::{Profile, Row, Rows};
use crate::tape::BOOKKEEPING;

/// Rows beyond these are summed up in one.
const MOST: usize = 40;
/// Names longer than this are cut.
const WIDEST: usize = 56;
/// The texts of a line behind its pass.
const OPERATION: usize = 1;
const LAYER: usize = 2;
const LINES: usize = 3;

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
            texts: [pass, row.operation.clone(), row.layer.clone(), row.lines.clone()],
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
        // Where operations are not told apart, what is none of them needs no column of its own.
        if self.iter().all(|row| row.operation.is_empty() || row.operation == BOOKKEEPING) {
            let column = if lines.iter().any(|line| !line.texts[LINES].is_empty()) { LINES } else { LAYER };
            let unnamed = lines.iter_mut().filter(|line| !line.texts[OPERATION].is_empty());
            unnamed.for_each(|line| line.texts.swap(OPERATION, column));
        }
        cut_names(&mut lines);
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

/// Cuts the names in the columns of a table, but where two that differ would read the same.
fn cut_names(lines: &mut [Line]) {
    for column in [OPERATION, LAYER, LINES] {
        let names: Vec<String> = lines.iter().map(|line| line.texts[column].clone()).collect();
        let cuts: Vec<String> = names.iter().map(|name| cut(name)).collect();
        for (line, (name, short)) in lines.iter_mut().zip(names.iter().zip(&cuts)) {
            let alike = names.iter().zip(&cuts).any(|(other, cut)| other != name && cut == short);
            if !alike {
                line.texts[column] = short.clone();
            }
        }
    }
}

/// A long name without its middle: paths of layers begin alike, and often end alike.
fn cut(name: &str) -> String {
    let count = name.chars().count();
    if count <= WIDEST {
        return name.to_owned();
    }
    let kept = WIDEST - 1;
    let (front, back) = (kept / 2, kept - kept / 2);
    name.chars().take(front).chain(['…']).chain(name.chars().skip(count - back)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_lose_their_middle_unless_others_would_read_the_same() {
        let [begin, end] = ["encoder.".repeat(6), ".weight".repeat(6)];
        let names =
            [format!("{begin}a{end}"), format!("{begin}b{end}"), format!("decoder.{begin}a{end}"), "short".into()];
        let in_layer = |layer: &String| {
            let mut line = Line::named(String::new(), 0.0);
            line.texts[LAYER].clone_from(layer);
            line
        };
        let mut lines: Vec<Line> = names.iter().map(in_layer).collect();
        cut_names(&mut lines);
        let cut = format!("decoder.{}…{}", &begin[..19], &end[end.len() - 28..]);
        assert_eq!(cut.chars().count(), WIDEST);
        let printed: Vec<&str> = lines.iter().map(|line| line.texts[LAYER].as_str()).collect();
        assert_eq!(printed, [&names[0], &names[1], &cut, "short"]);
    }
}
