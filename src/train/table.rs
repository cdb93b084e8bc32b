//! The table that a run prints: one row for its first iteration, every so many, and the last.

use std::io::{self, Write};

use super::Iteration;

/// Writes the table of a training run, in the form that MATLAB's `trainNetwork` gave it.
///
/// ```
/// use wengert::train::{Iteration, Table};
/// let row = Iteration { epoch: 1, number: 1, seconds: 0.034, loss: 2.5173, metrics: vec![7.0 / 128.0], learning_rate: 0.01 };
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
    metric: String,
}

const RULE: &str = "|=========================================================================================|";

impl<W: Write> Table<W> {
    /// A table that is written to `out`, line by line, with a column for the accuracy.
    pub fn new(out: W) -> Self {
        Table { out, metric: "accuracy".into() }
    }

    /// Sets the name of the first metric, which has a column; "" leaves it empty. The accuracy is written in percent.
    pub fn metric(self, name: &str) -> Self {
        Table { metric: name.to_owned(), ..self }
    }

    /// Writes the head.
    ///
    /// # Errors
    /// Those of the writer, here as everywhere.
    pub fn begin(&mut self) -> io::Result<()> {
        let mut letters = self.metric.chars();
        let name: String = letters.next().map_or(' ', |c| c.to_ascii_uppercase()).to_string() + letters.as_str();
        let name: String = name.chars().take(14).collect();
        let batch = if self.metric.is_empty() { "" } else { "Mini-batch" };
        writeln!(self.out, "{RULE}")?;
        writeln!(self.out, "|     Epoch    |   Iteration  | Time Elapsed |  Mini-batch  |{batch:^14}| Base Learning|")?;
        writeln!(self.out, "|              |              |  (seconds)   |     Loss     |{name:^14}|     Rate     |")?;
        writeln!(self.out, "{RULE}")
    }

    /// Writes a row.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn row(&mut self, iteration: &Iteration) -> io::Result<()> {
        let Iteration { epoch, number, seconds, loss, ref metrics, learning_rate: rate } = *iteration;
        let rate = if rate < 1e-3 && rate > 0.0 { format!("{rate:.4e}") } else { format!("{rate:.4}") };
        let metric = match metrics.first() {
            Some(share) if self.metric == "accuracy" => format!("{:.2}%", 100.0 * share),
            Some(value) => format!("{value:.4}"),
            None => String::new(),
        };
        writeln!(
            self.out,
            "| {epoch:>12} | {number:>12} | {seconds:>12.2} | {loss:>12.4} | {metric:>12} | {rate:>12} |"
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
        let row = Iteration {
            epoch: 30,
            number: 1170,
            seconds: 13.8,
            loss: 0.00432,
            metrics: vec![1.0],
            learning_rate: 2.5e-5,
        };
        Table::new(&mut text).row(&row).unwrap();
        let expected = "|           30 |         1170 |        13.80 |       0.0043 |      100.00% |    2.5000e-5 |\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}
