//! What is wrong inside a file or folder that could be opened.

use std::path::PathBuf;

use crate::tensor::shape::Shape;

/// What is wrong inside a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatProblem {
    /// The first bytes are not those of the format.
    Magic {
        /// What a valid file starts with.
        expected: u64,
        /// What this file starts with.
        found: u64,
    },
    /// The file ends too early, or has bytes left over.
    Size {
        /// The number of bytes (or items) its header promises.
        expected: u64,
        /// The number it holds.
        found: u64,
    },
    /// Two files that belong together hold different numbers of items.
    Count {
        /// The items in this file.
        here: u64,
        /// The items in the other file.
        there: u64,
        /// The other file.
        other: PathBuf,
    },
    /// A folder contains a file under none of the permitted names.
    NoFile {
        /// The names that were tried, in that order.
        tried: Vec<String>,
    },
    /// A named entry is missing.
    Missing {
        /// The entry.
        name: String,
    },
    /// A named entry is not known here.
    Unknown {
        /// The entry.
        name: String,
    },
    /// A named entry is left over when each tensor asked for has been found.
    LeftOver {
        /// The entry.
        name: String,
    },
    /// A named entry has a different shape than the tensor it is read into.
    Shape {
        /// The entry.
        name: String,
        /// The expected shape.
        expected: Box<Shape>,
        /// The shape found.
        found: Box<Shape>,
    },
    /// A named entry has a number that cannot stand there.
    Number {
        /// The entry.
        name: String,
        /// The flat index of the first such number.
        index: usize,
        /// The number, as text.
        value: String,
        /// What is allowed, as the rest of a sentence: "finite".
        must: &'static str,
    },
    /// Anything else, in the words of the library that reads the format.
    Other(String),
}

impl std::fmt::Display for FormatProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FormatProblem::Magic { expected, found } => {
                write!(f, "it starts with {found:#010x} instead of {expected:#010x}, so it is another kind of file")
            }
            FormatProblem::Size { expected, found } => {
                write!(f, "its header promises {expected} bytes, but it holds {found}")
            }
            FormatProblem::Count { here, there, other } => {
                write!(f, "it holds {here} items, but {} holds {there}", other.display())
            }
            FormatProblem::NoFile { tried } => write!(f, "it has none of the files {}", tried.join(", ")),
            FormatProblem::Missing { name } => write!(f, "it has no entry `{name}`"),
            FormatProblem::Unknown { name } => write!(f, "it has an entry `{name}` that is not known here"),
            FormatProblem::LeftOver { name } => {
                write!(
                    f,
                    "its entry `{name}` is left over; load it into the `tensors()` of the network that was saved, for `params()` leaves out running statistics"
                )
            }
            FormatProblem::Shape { name, expected, found } => {
                write!(f, "its entry `{name}` has shape {found}, but {expected} is needed")
            }
            FormatProblem::Number { name, index, value, must } => {
                write!(f, "its entry `{name}` holds {value} at index {index}, but every number of it must be {must}")
            }
            FormatProblem::Other(why) => f.write_str(why),
        }
    }
}
