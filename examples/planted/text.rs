//! The source of the rules as somebody would have written them who made these mistakes.
//!
//! The checker reads the source of a rule. Here a line with [`slip!`] has two expressions, of which one runs. So each
//! check runs in a folder where the files of `cases` have that one alone; blanks stand for all else, so that lines and
//! columns remain.

use std::{
    collections::HashMap,
    env, fs,
    io::Result,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    path::{Path, PathBuf},
    sync::Arc,
};

use wengert::{Tape, Tensor, Var};

use crate::planted::Wrong;

const CASES: &str = "examples/planted/cases";

/// The files of `cases` in a folder of their own; none if they are not to be found from the current folder.
pub struct Texts {
    folder: PathBuf,
    files: Vec<(PathBuf, String)>,
    /// What stands in the folder.
    written: HashMap<PathBuf, String>,
}

impl Texts {
    /// Reads the files, and makes `folder` the current one if there are any.
    pub fn new(folder: &Path) -> Result<Texts> {
        let mut files = Vec::new();
        read(Path::new(CASES), &mut files);
        if !files.is_empty() {
            fs::create_dir_all(folder)?;
            env::set_current_dir(folder)?;
        }
        Ok(Texts { folder: folder.to_owned(), files, written: HashMap::new() })
    }

    /// Writes them with the mistakes `on` that are made on some lines.
    pub fn write(&mut self, on: &[u32], lines: &[u32]) -> Result<()> {
        for (name, text) in &self.files {
            let text = as_written(text, on, lines);
            if self.written.get(name) != Some(&text) {
                let path = self.folder.join(name);
                path.parent().map_or(Ok(()), fs::create_dir_all)?;
                fs::write(&path, &text)?;
                self.written.insert(name.clone(), text);
            }
        }
        Ok(())
    }
}

fn read(folder: &Path, files: &mut Vec<(PathBuf, String)>) {
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        match fs::read_to_string(&path) {
            Ok(text) => files.push((path, text)),
            Err(_) if path.is_dir() => read(&path, files),
            Err(_) => {}
        }
    }
}

/// A text with one expression left of each `slip!(s 3: right => wrong)`.
fn as_written(text: &str, on: &[u32], lines: &[u32]) -> String {
    let mut left = text.to_owned();
    for (start, _) in text.match_indices("slip!(") {
        let inner = start + "slip!(".len();
        let Some(end) = at_depth(text, inner, ")") else { continue };
        let (Some(colon), Some(arrow)) = (at_depth(text, inner, ":"), at_depth(text, inner, "=>")) else { continue };
        let number: Option<u32> = text[inner..colon].split(' ').nth(1).and_then(|n| n.parse().ok());
        let line = text[..start].matches('\n').count() as u32 + 1;
        let made = number.is_some_and(|n| on.contains(&n)) && lines.contains(&line);
        let kept = if made { arrow + 2..end } else { colon + 1..arrow };
        let blank = |part: &str| part.replace(|c: char| c.is_ascii() && c != '\n', " ");
        for part in [start..kept.start, kept.end..end + 1] {
            left.replace_range(part.clone(), &blank(&text[part]));
        }
    }
    left
}

/// Where a sign stands next outside of brackets.
fn at_depth(text: &str, from: usize, sign: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text[from..].char_indices() {
        if depth == 0 && text[from + at..].starts_with(sign) {
            return Some(from + at);
        }
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The lines on which mistakes are made at these inputs.
pub fn lines_of(wrong: &Arc<Wrong>, inputs: &[Tensor]) -> wengert::Result<Vec<u32>> {
    let tape = Tape::f64();
    let x: Vec<Var<'_>> = inputs.iter().map(|x| tape.leaf(x)).collect();
    let terms = tape.apply(wrong.clone(), &x)?.into_iter().map(Var::sum);
    // A mistake may end in a panic.
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let _ = terms.reduce(|a, b| a + b).map(|sum| catch_unwind(AssertUnwindSafe(|| sum.backward().map(drop))));
    set_hook(hook);
    Ok(wrong.lines().0)
}
