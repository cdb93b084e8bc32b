//! The output of a run: the table, and a progress bar while it lasts.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use super::{History, Iteration, Scores, Table, chart::chart};
use crate::{Error, Result};

/// The table on a writer and the bar on standard error. Where both are the same terminal, rows appear above the bar.
pub(super) struct Report<'a> {
    table: Option<Table<Box<dyn Write + 'a>>>,
    bar: ProgressBar,
    /// When the chart was drawn last, if there is one.
    drawn: Option<Instant>,
}

/// How long a chart stays as it is.
const REDRAWN: Duration = Duration::from_millis(200);

impl<'a> Report<'a> {
    /// A report to `output` with the values of `metric`, and those of validations if there are any; and with a bar of
    /// `total` iterations, `done` of them made. Where standard error is not a terminal, the bar is hidden.
    pub fn new(
        output: Option<Box<dyn Write + 'a>>,
        (metric, validated): (Option<String>, bool),
        (total, done): (Option<u64>, u64),
    ) -> Self {
        let bar = match total {
            None => ProgressBar::hidden(),
            Some(total) => {
                let style = ProgressStyle::with_template("{msg}{wide_bar} {pos}/{len} iterations, {eta} left");
                let style = style.expect("the template is well formed");
                let bar = ProgressBar::new(total).with_style(style).with_position(done);
                bar.reset_eta();
                bar.enable_steady_tick(Duration::from_millis(200));
                bar
            }
        };
        let table = |output| Table::new(output).metric(metric.as_deref().unwrap_or(""));
        let table = output.map(table).map(|table| if validated { table.validated() } else { table });
        Report { table, bar, drawn: None }
    }

    /// Draws the loss above the bar, where it is shown.
    pub fn chart(mut self, chart: bool) -> Self {
        self.drawn = (chart && !self.bar.is_hidden()).then(Instant::now);
        self
    }

    /// One more iteration is done.
    pub fn advance(&mut self, history: &History) {
        if let Some(drawn) = self.drawn.as_mut().filter(|drawn| drawn.elapsed() >= REDRAWN) {
            let metric = history.metrics.first().map(|(name, values)| (&**name, &**values));
            self.bar.set_message(chart(&history.losses, metric));
            *drawn = Instant::now();
        }
        self.bar.inc(1);
    }

    /// The head of the table.
    pub fn begin(&mut self) -> Result<()> {
        self.write(|table| table.begin())
    }

    /// A row of the table, with the validation after it, if there was one.
    pub fn row(&mut self, iteration: &Iteration, scores: Option<&Scores>) -> Result<()> {
        self.write(|table| match scores {
            Some(scores) => table.validated_row(iteration, scores),
            None => table.row(iteration),
        })
    }

    /// The end of the table and of the bar, and a sentence below the table.
    pub fn end(&mut self, note: Option<String>) -> Result<()> {
        self.bar.finish_and_clear();
        self.write(|table| {
            table.end()?;
            note.map_or(Ok(()), |note| table.note(&note))
        })
    }

    fn write(&mut self, lines: impl FnOnce(&mut Table<Box<dyn Write + 'a>>) -> io::Result<()>) -> Result<()> {
        let Some(table) = &mut self.table else { return Ok(()) };
        let path = "the table of losses".into();
        self.bar.suspend(|| lines(table)).map_err(|source| Error::File { action: "write", path, source })
    }
}

/// A run that ends early leaves no bar on the screen.
impl Drop for Report<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
