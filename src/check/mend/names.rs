//! What a line of source calls its value: the `x` of `let x = ..;` or `x = ..;`, where the line says so beyond doubt.

use std::{cell::RefCell, collections::HashMap, panic::Location};

use super::places::readers;
use crate::{
    check::script::{Script, Source},
    page,
};

/// A statement is no longer than this, in lines.
const STATEMENT: usize = 6;

/// Lines of source, read when they are asked for.
#[derive(Default)]
pub(super) struct Names {
    files: RefCell<HashMap<String, Vec<String>>>,
}

impl Names {
    fn lines<R>(&self, at: &Location<'_>, then: impl FnOnce(&[String]) -> R) -> R {
        let mut files = self.files.borrow_mut();
        let lines = files.entry(at.file().to_owned()).or_insert_with(|| {
            let text = page::source(at.file()).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        });
        then(lines.get(at.line() as usize - 1..).unwrap_or_default())
    }

    /// The name that the line `at` gives to its value.
    pub fn of(&self, at: &Location<'_>) -> Option<String> {
        self.lines(at, |lines| bound(lines.first()?))
    }

    /// How often the statement that begins at a line writes an operation; as often as one likes if it does not, since
    /// then another operation is made of it, or if the source cannot be read.
    fn written(&self, at: &Location<'_>, name: &str) -> usize {
        let token = match name {
            "add" => " + ".to_owned(),
            "sub" => " - ".to_owned(),
            "mul" => " * ".to_owned(),
            "div" => " / ".to_owned(),
            name => format!(".{name}("),
        };
        let count = self.lines(at, |lines| {
            let ends = lines.iter().take(STATEMENT).position(|line| line.contains(';')).map_or(1, |end| end + 1);
            lines.iter().take(ends).map(|line| line.matches(&token).count()).sum()
        });
        if count == 0 { usize::MAX } else { count }
    }
}

/// The name that a line binds to one value, if it calls nothing but methods.
fn bound(line: &str) -> Option<String> {
    let line = line.split("//").next()?.trim();
    let statement = line.strip_suffix(';')?;
    let statement = statement.strip_prefix("let ").map_or(statement, str::trim_start);
    let statement = statement.strip_prefix("mut ").unwrap_or(statement);
    let end = statement.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    let (name, rest) = statement.split_at(end);
    let value = rest.trim_start().strip_prefix('=')?.trim();
    let plain = !value.contains([';', '|', '{', '"', '!']) && !value.starts_with(['=', '[', '(', '&']);
    // A call of a function may record its values elsewhere.
    let calls = value.match_indices('(').any(|(i, _)| {
        let before = &value[..i];
        let callee = before.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        callee.len() < before.len() && !callee.ends_with('.')
    });
    (plain && !calls && !name.is_empty() && !name.starts_with(|c: char| c.is_numeric())).then(|| name.to_owned())
}

fn same_line(script: &Script, a: usize, b: usize) -> bool {
    let (a, b) = (script.steps[a].at, script.steps[b].at);
    (a.file(), a.line()) == (b.file(), b.line())
}

/// Whether a step is one more of an operation than the source writes there, and so of another iteration of a loop.
pub(super) fn is_of_a_loop(names: &Names, script: &Script, before: &[usize], step: usize) -> bool {
    let one = &script.steps[step];
    let same = |&&k: &&usize| {
        let other = &script.steps[k];
        k != step && other.at == one.at && other.name() == one.name() && other.inputs.len() == one.inputs.len()
    };
    let count = before.iter().filter(same).count();
    count > 0 && count >= names.written(one.at, one.name())
}

/// The step that makes the value of the line of a step.
pub(super) fn end_of_line(names: &Names, script: &Script, step: usize) -> usize {
    let mut seen = vec![step];
    let mut next = 0;
    while let Some(&k) = seen.get(next) {
        for source in &script.steps[k].inputs {
            if let Source::Step(read) = *source
                && same_line(script, read, k)
                && !seen.contains(&read)
                && !is_of_a_loop(names, script, &seen, read)
            {
                seen.push(read);
            }
        }
        next += 1;
    }
    let mut end = step;
    loop {
        let reader = readers(script, end)
            .map(|(reader, _)| reader)
            .find(|&reader| same_line(script, reader, end) && !is_of_a_loop(names, script, &seen, reader));
        match reader {
            Some(reader) => {
                seen.push(reader);
                end = reader;
            }
            None => return end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_its_value_only_beyond_doubt() {
        let named = [
            ("let s = x[0].sigmoid();", "s"),
            ("    let mut carried = dz[0] * 0.0; // none yet", "carried"),
            ("carried = da * x[1];", "carried"),
            ("let y1 = x[0] * (1.0 - z[0]);", "y1"),
        ];
        for (line, name) in named {
            assert_eq!(bound(line).as_deref(), Some(name), "{line}");
        }
        let unnamed = [
            "let (a, b) = (x[0].exp(), x[1]);",
            "let s = sigmoid(x[0]);",
            "let s = Self::sigmoid(x[0]);",
            "let all = vec![x[0].exp()];",
            "let all = [x[0].exp(), x[1]];",
            "let f = |x| x.exp();",
            "let g = if positive { x[0].exp() } else { x[0] };",
            "vec![Some(dz[0] * x[0])]",
            "carried += da;",
            "let s = x[0]",
            "s == t;",
        ];
        for line in unnamed {
            assert_eq!(bound(line), None, "{line}");
        }
    }
}
