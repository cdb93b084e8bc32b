//! Line charts: one or several series over a common horizontal axis.
//!
//! A point with a coordinate that is not finite (or not positive on a logarithmic axis) is a gap in its line.
//! This file holds the settings of a chart; `ranges` computes the ranges of its axes, `draw` draws it.

mod draw;
mod ranges;

use super::{
    axes::Titles,
    color::Color,
    legend::{Entry, Legend},
    series::Series,
    setters::setters,
    stroke::Dash,
};

/// A chart of one or several [`Series`].
///
/// ```
/// use wengert::plot::{Figure, LineChart, Series};
/// # fn main() -> Result<(), wengert::Error> {
/// let chart = LineChart::new()
///     .x_label("iteration")
///     .y_label("loss")
///     .log_y()
///     .series(Series::counted("ELU", [2.5, 0.45, 0.15, 0.095]))
///     .series(Series::counted("ReLU", [2.5, 0.52, 0.20, 0.11]));
/// # let folder = tempfile::tempdir().unwrap();
/// Figure::new(640, 400).panel(chart).save(folder.path().join("loss"))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct LineChart {
    titles: Titles,
    series: Vec<Series>,
    keys: Vec<Entry>,
    legend: Legend,
    x_limits: Option<(f64, f64)>,
    y_limits: Option<(f64, f64)>,
    log_x: bool,
    log_y: bool,
    origin: bool,
    bands: Option<(String, Vec<f64>)>,
}

setters!(LineChart, "line chart": title = titles.title, x_label = titles.x_label, y_label = titles.y_label);

impl LineChart {
    /// A chart without series.
    pub fn new() -> LineChart {
        LineChart::default()
    }

    /// Adds a line; later ones lie on top.
    pub fn series(mut self, series: Series) -> LineChart {
        self.series.push(series);
        self
    }

    /// Adds a line to the legend that belongs to no series, to explain a style.
    pub fn key(mut self, label: impl Into<String>, color: Color, dash: Dash, width: f64) -> LineChart {
        self.keys.push(Entry { label: label.into(), color, dash, width });
        self
    }

    /// Sets the place of the legend (by default, a free corner of the plot, or above it).
    pub fn legend(mut self, legend: Legend) -> LineChart {
        self.legend = legend;
        self
    }

    /// Sets the ends of the horizontal axis; lines are cut off there.
    pub fn x_limits(mut self, low: f64, high: f64) -> LineChart {
        self.x_limits = Some((low, high));
        self
    }

    /// Sets the ends of the vertical axis; lines are cut off there.
    pub fn y_limits(mut self, low: f64, high: f64) -> LineChart {
        self.y_limits = Some((low, high));
        self
    }

    /// Makes the horizontal axis logarithmic; points whose x is not positive become gaps.
    pub fn log_x(mut self) -> LineChart {
        self.log_x = true;
        self
    }

    /// Makes the vertical axis logarithmic; points whose y is not positive become gaps.
    pub fn log_y(mut self) -> LineChart {
        self.log_y = true;
        self
    }

    /// Draws the axes through the origin instead of along the edges, as in a textbook. Ranges are extended to include
    /// zero. A logarithmic chart has no origin and keeps its axes at the edges.
    pub fn axes_through_origin(mut self) -> LineChart {
        self.origin = true;
        self
    }

    /// Divides the horizontal axis at these places, shades every second part, and numbers the parts from 1 above the
    /// plot: for example, epochs over iterations.
    pub fn bands(mut self, name: impl Into<String>, edges: impl Into<Vec<f64>>) -> LineChart {
        self.bands = Some((name.into(), edges.into()));
        self
    }

    /// Which axes, x and y, are logarithmic.
    fn logs(&self) -> [bool; 2] {
        [self.log_x, self.log_y]
    }

    /// Whether the axes run through the origin: a logarithmic axis has none.
    fn through_zero(&self) -> bool {
        self.origin && self.logs() == [false, false]
    }
}
