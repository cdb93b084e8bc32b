//! The table that a run prints: one row for its first iteration, every so many, and the last.

use std::io::{self, Write};

use super::Iteration;

/// Writes the table of a training run, in the form that MATLAB's `trainNetwork` gave it.
///
/// ```
/// use wengert::train::{Iteration, Table};
/// let row = Iteration { epoch: 1, number: 1, seconds: 0.034, loss: 2.5173, accuracy: 7.0 / 128.0, learning_rate: 0.01 };
/// let mut text = Vec::new();
/// let mut table = Table::new(&mut text);
/// table.begin().unwrap();
/// table.row(&row).unwrap();
/// table.end().unwrap();
/// let expected = "\
/// |=========================================================================================|
/// |     Epoch    |   Iteration  | Time Elapsed |  Mini-batch  |  Mini-batch  | Base Learning|
/// |              |              |  (seconds)   |     Loss     |   Accuracy   |     Rate     |
/// |=========================================================================================|
/// |            1 |            1 |         0.03 |       2.5173 |        5.47% |       0.0100 |
/// |=========================================================================================|
/// ";
/// assert_eq!(String::from_utf8(text).unwrap(), expected);
/// ```
pub struct Table<W> {
    out: W,
}

const RULE: &str = "|=========================================================================================|";
const HEAD: [&str; 4] = [
    RULE,
    "|     Epoch    |   Iteration  | Time Elapsed |  Mini-batch  |  Mini-batch  | Base Learning|",
    "|              |              |  (seconds)   |     Loss     |   Accuracy   |     Rate     |",
    RULE,
];

impl<W: Write> Table<W> {
    /// A table that is written to `out`, line by line.
    pub fn new(out: W) -> Self {
        Table { out }
    }

    /// Writes the head.
    ///
    /// # Errors
    /// Those of the writer, here as everywhere.
    pub fn begin(&mut self) -> io::Result<()> {
        HEAD.iter().try_for_each(|line| writeln!(self.out, "{line}"))
    }

    /// Writes a row.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn row(&mut self, iteration: &Iteration) -> io::Result<()> {
        let Iteration { epoch, number, seconds, loss, accuracy, learning_rate: rate } = *iteration;
        let rate = if rate < 1e-3 && rate > 0.0 { format!("{rate:.4e}") } else { format!("{rate:.4}") };
        let percent = format!("{:.2}%", 100.0 * accuracy);
        writeln!(
            self.out,
            "| {epoch:>12} | {number:>12} | {seconds:>12.2} | {loss:>12.4} | {percent:>12} | {rate:>12} |"
        )?;
        self.out.flush()
    }

    /// Closes the table.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn end(&mut self) -> io::Result<()> {
        writeln!(self.out, "{RULE}")?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_rates_keep_their_digits() {
        let mut text = Vec::new();
        let row =
            Iteration { epoch: 30, number: 1170, seconds: 13.8, loss: 0.00432, accuracy: 1.0, learning_rate: 2.5e-5 };
        Table::new(&mut text).row(&row).unwrap();
        let expected = "|           30 |         1170 |        13.80 |       0.0043 |      100.00% |    2.5000e-5 |\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}
