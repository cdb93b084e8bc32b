//! A series: a line through points, with gaps where a point cannot be drawn.

use super::{
    axes::Frame,
    color::Color,
    legend::Entry,
    range::drawable,
    scene::{Point, Scene},
    stroke::{Dash, dashes, visible},
};
use crate::{Error, Result};

/// A line through points. Unless they are set, color and dash follow from its position in the chart.
///
/// ```
/// use wengert::plot::{Color, Dash, Series};
/// let x = [0.0, 1.0, 2.0];
/// let line = Series::new("train", x, x.map(|x| x * x)).color(Color::BLACK).dash(Dash::Dotted).width(1.0);
/// ```
#[derive(Clone, Debug)]
pub struct Series {
    label: String,
    x: Vec<f64>,
    y: Vec<f64>,
    color: Option<Color>,
    dash: Option<Dash>,
    width: f64,
    dots: bool,
    window: usize,
    listed: bool,
}

impl Series {
    /// A line through `(x[i], y[i])`, two slices of equal length; an empty label keeps it out of the legend.
    pub fn new(label: impl Into<String>, x: impl Into<Vec<f64>>, y: impl Into<Vec<f64>>) -> Series {
        Series {
            label: label.into(),
            x: x.into(),
            y: y.into(),
            color: None,
            dash: None,
            width: 2.0,
            dots: false,
            window: 0,
            listed: true,
        }
    }

    /// A line through `(i, y[i])` with `i` counted from 1, as iterations and epochs are.
    pub fn counted(label: impl Into<String>, y: impl Into<Vec<f64>>) -> Series {
        let y = y.into();
        let x: Vec<f64> = (1..=y.len()).map(|i| i as f64).collect();
        Series::new(label, x, y)
    }

    /// Keeps the line out of the legend; its label still names it in errors.
    pub fn unlisted(mut self) -> Series {
        self.listed = false;
        self
    }

    /// Sets the color.
    pub fn color(mut self, color: Color) -> Series {
        self.color = Some(color);
        self
    }

    /// Sets the dash of the line.
    pub fn dash(mut self, dash: Dash) -> Series {
        self.dash = Some(dash);
        self
    }

    /// Sets the width in pixels (2 by default).
    pub fn width(mut self, width: f64) -> Series {
        self.width = width;
        self
    }

    /// Marks each point with a round dot, besides the line.
    pub fn dots(mut self) -> Series {
        self.dots = true;
        self
    }

    /// Draws the data thin and light, and over them the mean of the `window` points around each; the legend names both.
    ///
    /// $\bar y_i$, counted from 0, is the mean of the finite $y_j$ with $|j - i| \le \min(\lfloor w/2 \rfloor, i)$:
    /// where the data start, so does the mean. At their end it is a mean of the points before.
    pub fn smoothed(mut self, window: usize) -> Series {
        self.window = window;
        self
    }

    /// The points that can be drawn; `log` says which of the axes, x and y, are logarithmic.
    pub(super) fn drawn_points(&self, log: [bool; 2]) -> impl Iterator<Item = Point> + '_ {
        self.points(&self.y, log).flatten()
    }

    /// The style of the line if it is the `index`-th of a chart.
    pub(super) fn entry(&self, index: usize) -> Entry {
        Entry {
            label: if self.listed { self.label.clone() } else { String::new() },
            color: self.color.unwrap_or(Color::nth(index)),
            dash: self.dash.unwrap_or(Dash::nth(index)),
            width: self.width,
        }
    }

    /// The lines of the legend for a series of this style: none without a label, two for data and their mean.
    pub(super) fn keys(&self, style: Entry) -> Vec<Entry> {
        match self.data_style(&style) {
            _ if style.label.is_empty() => Vec::new(),
            None => vec![style],
            Some(data) => {
                let label = format!("{}, mean of {} points", style.label, self.window / 2 * 2 + 1);
                vec![data, Entry { label, ..style }]
            }
        }
    }

    /// The style of the data below their moving average, if there is one.
    fn data_style(&self, style: &Entry) -> Option<Entry> {
        let color = style.color.towards(Color::WHITE, 0.65);
        let data = Entry { color, dash: Dash::Solid, width: (0.6 * style.width).min(1.2), ..style.clone() };
        (self.window > 1).then_some(data)
    }

    /// The points, `None` where one cannot be drawn.
    fn points<'a>(&'a self, y: &'a [f64], log: [bool; 2]) -> impl Iterator<Item = Option<Point>> + 'a {
        let whole = move |(&x, &y): (&f64, &f64)| (drawable(x, log[0]) && drawable(y, log[1])).then_some((x, y));
        self.x.iter().zip(y).map(whole)
    }

    /// # Errors
    /// [`Error::Shape`] when x and y differ in length, [`Error::Setting`] for an impossible width, [`Error::Empty`]
    /// when no point can be drawn.
    pub(super) fn check(&self, log: [bool; 2]) -> Result<()> {
        let what = if self.label.is_empty() { "a series".to_owned() } else { format!("series `{}`", self.label) };
        if self.x.len() != self.y.len() {
            let (x, y) = ([self.x.len()].into(), [self.y.len()].into());
            return Err(Error::shape(&what, &[&x, &y], "x and y must be equally long"));
        }
        if !(self.width > 0.0 && self.width <= 100.0) {
            return Err(Error::setting(&what, "width", self.width, "a number of pixels above 0 and up to 100"));
        }
        if self.points(&self.y, log).all(|p| p.is_none()) {
            let need = match (self.x.is_empty(), log) {
                (true, _) => "a line takes at least one point",
                (false, [false, true]) => "none of its points is finite with a positive y, as a logarithmic axis needs",
                (false, [true, false]) => "none of its points is finite with a positive x, as a logarithmic axis needs",
                (false, [true, true]) => {
                    "none of its points is finite with a positive x and y, as logarithmic axes need"
                }
                (false, [false, false]) => "none of its points is finite, so there is nothing to draw",
            };
            return Err(Error::Empty { what, need });
        }
        Ok(())
    }

    /// Adds the line, inside the plot, to the scene; returns the places that it passes.
    pub(super) fn draw(&self, scene: &mut Scene, frame: &Frame, style: &Entry) -> Vec<Vec<Point>> {
        let log = [frame.x.range.log, frame.y.range.log];
        let lines = |y: &[f64]| {
            let pixels = self.points(y, log).map(|p| p.map(|(x, y)| (frame.x.at(x), frame.y.at(y))));
            visible(pixels, &frame.plot)
        };
        let mut passed = lines(&self.y);
        let mut main = passed.clone();
        if let Some(data) = self.data_style(style) {
            passed.iter().for_each(|line| scene.path(line.clone(), data.width, data.color));
            main = lines(&moving_average(&self.y, self.window));
            passed.extend(main.iter().cloned());
        }
        for line in &main {
            for stroke in dashes(line, style.dash, style.width) {
                scene.path(stroke, style.width, style.color);
            }
        }
        if self.dots {
            for (x, y) in self.points(&self.y, log).flatten().map(|(x, y)| (frame.x.at(x), frame.y.at(y))) {
                if frame.plot.contains((x, y)) {
                    scene.path(vec![(x, y)], 2.5 * style.width, style.color);
                }
            }
        }
        passed
    }
}

/// The mean of the finite numbers at most `window / 2` places away from each, and no farther than the start is; NaN
/// where there is none.
fn moving_average(y: &[f64], window: usize) -> Vec<f64> {
    let half = window / 2;
    (0..y.len())
        .map(|i| {
            let reach = half.min(i);
            let near = &y[i - reach..(i + reach + 1).min(y.len())];
            let (sum, count) = near.iter().filter(|v| v.is_finite()).fold((0.0, 0), |(s, n), v| (s + v, n + 1));
            if y[i].is_finite() { sum / f64::from(count) } else { f64::NAN }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moving_average_skips_gaps() {
        let mean = moving_average(&[1.0, 3.0, f64::NAN, 5.0], 3);
        assert_eq!(mean[..2], [1.0, 2.0]);
        assert!(mean[2].is_nan());
        assert_eq!(mean[3], 5.0);
    }

    #[test]
    fn a_moving_average_starts_at_the_data() {
        // The accuracy of a run, in percent, over its first iterations.
        let y = [8.0, 26.0, 35.0, 50.0, 42.0, 55.0, 58.0];
        let mean = moving_average(&y, 5);
        assert_eq!(mean, [8.0, 23.0, 32.2, 41.6, 48.0, 205.0 / 4.0, 155.0 / 3.0]);
        // It follows a straight line from the start.
        let line: Vec<f64> = (0..20).map(f64::from).collect();
        assert_eq!(moving_average(&line, 9)[..15], line[..15]);
    }
}
