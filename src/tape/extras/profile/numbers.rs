//! Names and lines by number, under which what is measured is counted.
//!
//! They are looked up several times for each operation, however small it is. So a line is first looked for by where the
//! compiler keeps it, and its text is compared once for each such place; and nothing is guarded against keys that are chosen
//! to collide, as a hash of the standard library is.

use std::panic::Location;

/// A map whose keys nobody chooses to collide.
pub(super) use rustc_hash::FxHashMap as Map;

/// A line of the user's program.
pub(super) type Line = &'static Location<'static>;

/// Names by number; no name is 0.
pub(super) struct Names {
    all: Vec<String>,
    numbers: Map<String, u32>,
}

impl Default for Names {
    fn default() -> Self {
        Names { all: vec![String::new()], numbers: Map::default() }
    }
}

impl Names {
    pub fn number(&mut self, name: &str) -> u32 {
        // Most operations have no layer, and a profile showed comparisons of empty names to take a third of the measuring.
        if name.is_empty() {
            return 0;
        }
        match self.numbers.get(name) {
            Some(&number) => number,
            None => {
                let number = self.all.len() as u32;
                self.all.push(name.to_owned());
                self.numbers.insert(name.to_owned(), number);
                number
            }
        }
    }

    pub fn name(&self, number: u32) -> String {
        self.all[number as usize].clone()
    }
}

/// Lines by number; the compiler may keep one and the same in several places.
#[derive(Default)]
pub(super) struct Lines {
    all: Vec<Line>,
    by_place: Map<usize, u32>,
    by_text: Map<Line, u32>,
}

impl Lines {
    pub fn number(&mut self, line: Line) -> u32 {
        let place = std::ptr::from_ref(line).addr();
        if let Some(&number) = self.by_place.get(&place) {
            return number;
        }
        let number = *self.by_text.entry(line).or_insert_with(|| {
            self.all.push(line);
            self.all.len() as u32 - 1
        });
        self.by_place.insert(place, number);
        number
    }

    pub fn line(&self, number: u32) -> Line {
        self.all[number as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_one_number_wherever_it_is_kept() {
        let here = Location::caller();
        // The same text at another place, as another unit of the compiler would keep it.
        let twin: Line = Box::leak(Box::new(*here));
        let mut lines = Lines::default();
        let numbers = [here, twin, Location::caller(), here].map(|line| lines.number(line));
        assert_eq!(numbers, [0, 0, 1, 0]);
        assert_eq!(lines.line(0), here);
    }

    #[test]
    fn names_have_numbers_and_none_is_the_first() {
        let mut names = Names::default();
        let numbers = ["sin", "", "tanh", "sin", ""].map(|name| names.number(name));
        assert_eq!(numbers, [1, 0, 2, 1, 0]);
        assert_eq!(numbers.map(|number| names.name(number)), ["sin", "", "tanh", "sin", ""]);
    }
}
