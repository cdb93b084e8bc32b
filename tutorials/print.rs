//! `print!` and `println!` for programs whose output may be cut off (`| head`) or has no room on its disk. The standard
//! ones panic then; these end the program with a sentence and exit code 1.

use std::{
    fmt::Arguments,
    io::{self, Write},
    process,
};

/// Prints to standard output, or ends the program.
pub fn print(text: Arguments<'_>) {
    if let Err(problem) = io::stdout().write_fmt(text) {
        // Standard error may be gone as well.
        let _ = writeln!(io::stderr(), "error: cannot write to standard output: {problem}");
        process::exit(1);
    }
}

macro_rules! print {
    ($($text:tt)*) => { $crate::print::print(format_args!($($text)*)) };
}

macro_rules! println {
    () => { print!("\n") };
    ($($text:tt)*) => { print!("{}\n", format_args!($($text)*)) };
}
