//! The output of a run: the table, and a progress bar while it lasts.

use std::{
    io::{self, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use super::{Iteration, Table};
use crate::{Error, Result};

/// The table on a writer and the bar on standard error. Where both are the same terminal, rows appear above the bar.
pub(super) struct Report<'a> {
    table: Option<Table<Box<dyn Write + 'a>>>,
    bar: ProgressBar,
}

impl<'a> Report<'a> {
    /// A report to `output` with the values of `metric`, and with a bar of `total` iterations, `done` of them made. Where
    /// standard error is not a terminal, the bar is hidden.
    pub fn new(output: Option<Box<dyn Write + 'a>>, metric: Option<String>, total: Option<u64>, done: u64) -> Self {
        let bar = match total {
            None => ProgressBar::hidden(),
            Some(total) => {
                let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} iterations, {eta} left");
                let style = style.expect("the template is well formed");
                let bar = ProgressBar::new(total).with_style(style).with_position(done);
                bar.reset_eta();
                bar.enable_steady_tick(Duration::from_millis(200));
                bar
            }
        };
        Report { table: output.map(|output| Table::new(output).metric(metric.as_deref().unwrap_or(""))), bar }
    }

    /// One more iteration is done.
    pub fn advance(&self) {
        self.bar.inc(1);
    }

    /// The head of the table.
    pub fn begin(&mut self) -> Result<()> {
        self.write(|table| table.begin())
    }

    /// A row of the table.
    pub fn row(&mut self, iteration: &Iteration) -> Result<()> {
        self.write(|table| table.row(iteration))
    }

    /// The end of the table and of the bar.
    pub fn end(&mut self) -> Result<()> {
        self.bar.finish_and_clear();
        self.write(|table| table.end())
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
