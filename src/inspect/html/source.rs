//! The source files of a recording, as far as they can be read.

use std::panic::Location;

use serde::Serialize;

use crate::page;

/// Files of more lines than this are shown around the lines that recorded something.
const WHOLE: usize = 1200;
/// So many lines before and after each.
const AROUND: usize = 40;

/// A file of source, as a page shows it.
#[derive(Serialize)]
pub(super) struct File {
    name: &'static str,
    /// The lines that are shown, each with its number; none if the file cannot be read.
    lines: Vec<(usize, String)>,
}

/// Files in the order in which they were first met.
#[derive(Default)]
pub(super) struct Files {
    met: Vec<(&'static str, Vec<usize>)>,
}

impl Files {
    /// The number of the file, and the line in it.
    pub fn place(&mut self, at: &'static Location<'static>) -> (usize, u32) {
        let known = self.met.iter().position(|met| met.0 == at.file());
        let file = known.unwrap_or_else(|| {
            self.met.push((at.file(), Vec::new()));
            self.met.len() - 1
        });
        self.met[file].1.push(at.line() as usize);
        (file, at.line())
    }

    pub fn read(self) -> Vec<File> {
        self.met.into_iter().map(|(name, lines)| File { name, lines: shown(name, lines) }).collect()
    }
}

fn shown(name: &str, mut wanted: Vec<usize>) -> Vec<(usize, String)> {
    let text = page::source(name).unwrap_or_default();
    let all = text.lines().enumerate().map(|(k, line)| (k + 1, line.to_owned()));
    if text.lines().count() <= WHOLE {
        return all.collect();
    }
    wanted.sort_unstable();
    let near = |line: usize| {
        let next = wanted.partition_point(|&w| w + AROUND < line);
        wanted.get(next).is_some_and(|&w| w <= line + AROUND)
    };
    all.filter(|(line, _)| near(*line)).collect()
}
