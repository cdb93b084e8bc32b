//! The table that a run prints: one row for its first iteration, every so many, and the last.

use std::io::{self, Write};

use super::{Iteration, Scores};

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
    validated: bool,
}

impl<W: Write> Table<W> {
    /// A table that is written to `out`, line by line, with a column for the accuracy.
    pub fn new(out: W) -> Self {
        Table { out, metric: "accuracy".into(), validated: false }
    }

    /// Sets the name of the first metric, which has a column; "" leaves it empty. The accuracy is written in percent.
    pub fn metric(self, name: &str) -> Self {
        Table { metric: name.to_owned(), ..self }
    }

    /// Adds columns for the loss and the first metric of validations; see [`validated_row`](Table::validated_row).
    pub fn validated(self) -> Self {
        Table { validated: true, ..self }
    }

    /// Writes the head.
    ///
    /// # Errors
    /// Those of the writer, here as everywhere.
    pub fn begin(&mut self) -> io::Result<()> {
        let mut letters = self.metric.chars();
        let name: String = letters.next().map_or(' ', |c| c.to_ascii_uppercase()).to_string() + letters.as_str();
        let name: String = name.chars().take(14).collect();
        let above = |what: &'static str| if self.metric.is_empty() { "" } else { what };
        let heads = [
            ["     Epoch    ", ""],
            ["   Iteration  ", ""],
            ["Time Elapsed", "(seconds)"],
            ["Mini-batch", "Loss"],
            ["Validation", "Loss"],
            [above("Mini-batch"), &name],
            [above("Validation"), &name],
            [" Base Learning", "Rate"],
        ];
        let lines = [0, 1].map(|k| self.line(&heads.map(|head| format!("{:^14}", head[k])), "|"));
        self.rule()?;
        lines.into_iter().try_for_each(|line| writeln!(self.out, "{line}"))?;
        self.rule()
    }

    /// Writes a row.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn row(&mut self, iteration: &Iteration) -> io::Result<()> {
        self.write_row(iteration, None)
    }

    /// Writes the row of an iteration after which the network was validated.
    ///
    /// ```
    /// use wengert::train::{Iteration, Scores, Table};
    /// let row = Iteration { epoch: 1, number: 39, seconds: 1.2, loss: 0.4517, metrics: vec![0.875], learning_rate: 0.01 };
    /// let mut text = Vec::new();
    /// let mut table = Table::new(&mut text).validated();
    /// table.begin().unwrap();
    /// table.validated_row(&row, &Scores { epoch: 1, loss: 0.5, metrics: vec![0.84] }).unwrap();
    /// table.end().unwrap();
    /// let expected = "\
    /// |=======================================================================================================================|
    /// |     Epoch    |   Iteration  | Time Elapsed |  Mini-batch  |  Validation  |  Mini-batch  |  Validation  | Base Learning|
    /// |              |              |  (seconds)   |     Loss     |     Loss     |   Accuracy   |   Accuracy   |     Rate     |
    /// |=======================================================================================================================|
    /// |            1 |           39 |         1.20 |       0.4517 |       0.5000 |       87.50% |       84.00% |       0.0100 |
    /// |=======================================================================================================================|
    /// ";
    /// assert_eq!(String::from_utf8(text).unwrap(), expected);
    /// ```
    ///
    /// # Errors
    /// Those of the writer.
    pub fn validated_row(&mut self, iteration: &Iteration, scores: &Scores) -> io::Result<()> {
        self.write_row(iteration, Some(scores))
    }

    fn write_row(&mut self, iteration: &Iteration, scores: Option<&Scores>) -> io::Result<()> {
        let Iteration { epoch, number, seconds, loss, ref metrics, learning_rate: rate } = *iteration;
        let rate = if rate < 1e-3 && rate > 0.0 { format!("{rate:.4e}") } else { format!("{rate:.4}") };
        let cells = [
            epoch.to_string(),
            number.to_string(),
            format!("{seconds:.2}"),
            format!("{loss:.4}"),
            scores.map(|scores| format!("{:.4}", scores.loss)).unwrap_or_default(),
            self.first(metrics),
            scores.map(|scores| self.first(&scores.metrics)).unwrap_or_default(),
            rate,
        ];
        let line = self.line(&cells.map(|cell| format!(" {cell:>12} ")), "|");
        writeln!(self.out, "{line}")?;
        self.out.flush()
    }

    /// The first metric as text.
    fn first(&self, metrics: &[f64]) -> String {
        match metrics.first() {
            Some(share) if self.metric == "accuracy" => format!("{:.2}%", 100.0 * share),
            Some(value) => format!("{value:.4}"),
            None => String::new(),
        }
    }

    /// Closes the table.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn end(&mut self) -> io::Result<()> {
        self.rule()?;
        self.out.flush()
    }

    /// Writes a sentence below the table.
    pub(super) fn note(&mut self, sentence: &str) -> io::Result<()> {
        writeln!(self.out, "{sentence}")?;
        self.out.flush()
    }

    fn rule(&mut self) -> io::Result<()> {
        let line = self.line(&std::array::from_fn(|_| "=".repeat(14)), "=");
        writeln!(self.out, "{line}")
    }

    /// The cells of a line that the table has, those of validations only where there are any.
    fn line(&self, cells: &[String; 8], between: &str) -> String {
        let shown = |k: usize| match k {
            4 => self.validated,
            6 => self.validated && !self.metric.is_empty(),
            _ => true,
        };
        let cells: Vec<&str> = (0..8).filter(|&k| shown(k)).map(|k| &*cells[k]).collect();
        format!("|{}|", cells.join(between))
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
