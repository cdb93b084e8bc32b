//! Bars from zero: one for each named amount, or one for each class of a histogram.

use super::{
    axes::{Frame, Titles},
    colour::Colour,
    font::{self, SMALL},
    range::{Range, drawable},
    scene::{Rect, Scene},
    ticks::{Tick, strides},
};
use crate::error::{Error, Result};

/// One bar for each of a list of named amounts, such as the parameter that each channel has learned.
///
/// ```
/// use wengert::plot::{BarChart, Figure};
/// # fn main() -> Result<(), wengert::Error> {
/// let chart = BarChart::new(["0", "1", "2"], [0.41, 0.93, 0.12]).x_label("channel").y_label("alpha");
/// # let folder = tempfile::tempdir().unwrap();
/// Figure::new(480, 300).panel(chart).save(folder.path().join("alphas"))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct BarChart {
    titles: Titles,
    names: Vec<String>,
    values: Vec<f64>,
    colour: Colour,
}

impl BarChart {
    /// A bar for each name and value; a value that is not finite leaves its place empty.
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>, values: impl Into<Vec<f64>>) -> BarChart {
        let names = names.into_iter().map(Into::into).collect();
        BarChart { titles: Titles::default(), names, values: values.into(), colour: Colour::BLUE }
    }

    /// Bars named by their index, from 0.
    pub fn indexed(values: impl Into<Vec<f64>>) -> BarChart {
        let values = values.into();
        BarChart::new((0..values.len()).map(|i| i.to_string()), values)
    }

    /// Sets the title.
    pub fn title(mut self, title: impl Into<String>) -> BarChart {
        self.titles.title = title.into();
        self
    }

    /// Names the horizontal axis.
    pub fn x_label(mut self, label: impl Into<String>) -> BarChart {
        self.titles.x_label = label.into();
        self
    }

    /// Names the vertical axis.
    pub fn y_label(mut self, label: impl Into<String>) -> BarChart {
        self.titles.y_label = label.into();
        self
    }

    /// Sets the colour of the bars.
    pub fn colour(mut self, colour: Colour) -> BarChart {
        self.colour = colour;
        self
    }

    /// The ranges of the two axes; bar `i` is centred at `i`.
    ///
    /// # Errors
    /// [`Error::Shape`] when names and values differ in number, [`Error::Empty`] without a finite value.
    fn ranges(&self) -> Result<(Range, Range)> {
        let of = named("bar chart", &self.titles.title);
        if self.names.len() != self.values.len() {
            let (names, values) = ([self.names.len()].into(), [self.values.len()].into());
            return Err(Error::shape(&of, &[&names, &values], "there must be a name for each value"));
        }
        let need = "it takes at least one finite value";
        let y = Range::of(self.values.iter().copied().chain([0.0]), false)
            .filter(|_| self.values.iter().any(|&v| drawable(v, false)))
            .ok_or(Error::Empty { what: of, need })?;
        let x = Range { low: -0.6, high: self.values.len() as f64 - 0.4, log: false };
        Ok((x, from_zero(y)))
    }

    pub(super) fn check(&self) -> Result<()> {
        self.ranges().map(drop)
    }

    pub(super) fn left_margin(&self, area: Rect) -> Result<f64> {
        Ok(self.titles(area).left_margin(area, self.ranges()?.1, 0.0))
    }

    pub(super) fn draw(&self, scene: &mut Scene, area: Rect, left: f64) -> Result<()> {
        let (x, y) = self.ranges()?;
        let titles = self.titles(area);
        let frame = titles.frame(area, x, y, left, 0.0);
        titles.draw(scene, &frame);
        frame.draw_grid(scene);
        let bars = self.values.iter().enumerate().map(|(i, &v)| (i as f64 - 0.36, i as f64 + 0.36, v));
        draw_bars(scene, &frame, bars, self.colour);
        frame.draw_axes(scene, &self.ticks(&frame, titles.more_lines > 0), false);
        Ok(())
    }

    fn widest_name(&self) -> f64 {
        self.names.iter().map(|name| font::width(name, SMALL, false)).fold(0.0, f64::max)
    }

    /// The titles, with a second line below the bars where names are too long for one and have room for two.
    fn titles(&self, area: Rect) -> Titles {
        // A careful guess at the room of a bar; the left margin, which depends on the answer, is not known yet.
        let room = (area.width() - 100.0) / self.names.len().max(1) as f64;
        let two = self.widest_name() + 6.0 > room && room >= 44.0;
        Titles { more_lines: usize::from(two), ..self.titles.clone() }
    }

    /// The names below the bars, in two lines or, where bars are too narrow for that, every second, fifth, tenth ...
    fn ticks(&self, frame: &Frame, wrapped: bool) -> Vec<Tick> {
        let room = frame.x.at(1.0) - frame.x.at(0.0);
        let widest = self.widest_name().min(160.0);
        let stride =
            strides().find(|&s| wrapped || s as f64 * room >= widest + 6.0 || s >= self.names.len()).unwrap_or(1);
        let width = if wrapped { room - 6.0 } else { 160.0 };
        let label = |name: &str| match wrapped {
            true => font::wrap(name, false, width).join("\n"),
            false => font::fit(name, SMALL, false, width),
        };
        let tick = |(i, name): (usize, &String)| Tick { value: i as f64, label: label(name) };
        self.names.iter().enumerate().step_by(stride).map(tick).collect()
    }
}

/// How often each of a number of equal intervals is met among some values.
///
/// ```
/// use wengert::plot::{Figure, Histogram};
/// # fn main() -> Result<(), wengert::Error> {
/// let chart = Histogram::new([0.1, 0.2, 0.2, 0.7], 10).title("Weights").x_label("weight");
/// # let folder = tempfile::tempdir().unwrap();
/// Figure::new(480, 300).panel(chart).save(folder.path().join("weights"))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Histogram {
    titles: Titles,
    values: Vec<f64>,
    bins: usize,
    colour: Colour,
}

impl Histogram {
    /// Counts the values in `bins` equal intervals from the smallest to the largest; values that are not finite are
    /// left out, and the name of the vertical axis says how many they are.
    pub fn new(values: impl Into<Vec<f64>>, bins: usize) -> Histogram {
        Histogram { titles: Titles::default(), values: values.into(), bins, colour: Colour::BLUE }
    }

    /// Sets the title.
    pub fn title(mut self, title: impl Into<String>) -> Histogram {
        self.titles.title = title.into();
        self
    }

    /// Names the horizontal axis.
    pub fn x_label(mut self, label: impl Into<String>) -> Histogram {
        self.titles.x_label = label.into();
        self
    }

    /// Sets the colour of the bars.
    pub fn colour(mut self, colour: Colour) -> Histogram {
        self.colour = colour;
        self
    }

    /// # Errors
    /// [`Error::Setting`] for a number of bins that cannot be used, [`Error::Empty`] without a finite value.
    pub(super) fn check(&self) -> Result<()> {
        let of = named("histogram", &self.titles.title);
        if !(1..=10_000).contains(&self.bins) {
            return Err(Error::setting(&of, "bins", self.bins, "from 1 to 10000"));
        }
        let need = "it takes at least one finite value";
        self.range().map(drop).ok_or(Error::Empty { what: of, need })
    }

    fn range(&self) -> Option<Range> {
        Range::of(self.values.iter().copied(), false)
    }

    /// The number of values in each interval of the range; the last interval holds its upper end.
    fn counts(&self, range: Range) -> Vec<usize> {
        let mut counts = vec![0; self.bins];
        for v in self.values.iter().filter(|&&v| drawable(v, false)) {
            let t = (v - range.low) / (range.high - range.low);
            counts[((t * self.bins as f64) as usize).min(self.bins - 1)] += 1;
        }
        counts
    }

    fn layout(&self) -> Option<(Range, Vec<usize>, Range, Titles)> {
        let x = self.range()?;
        let counts = self.counts(x);
        let most = counts.iter().copied().max().unwrap_or(0).max(1);
        let left_out = self.values.len() - counts.iter().sum::<usize>();
        let y_label = if left_out == 0 { "count".to_owned() } else { format!("count ({left_out} not finite)") };
        let y = from_zero(Range { low: 0.0, high: most as f64, log: false });
        Some((x, counts, y, Titles { y_label, ..self.titles.clone() }))
    }

    pub(super) fn left_margin(&self, area: Rect) -> f64 {
        self.layout().map_or(0.0, |(_, _, y, titles)| titles.left_margin(area, y, 0.0))
    }

    pub(super) fn draw(&self, scene: &mut Scene, area: Rect, left: f64) {
        let Some((x, counts, y, titles)) = self.layout() else { return };
        let frame = titles.frame(area, x, y, left, 0.0);
        titles.draw(scene, &frame);
        frame.draw_grid(scene);
        let width = (x.high - x.low) / self.bins as f64;
        let bars = counts.iter().enumerate().map(|(i, &count)| {
            let start = x.low + i as f64 * width;
            (start, start + width, count as f64)
        });
        draw_bars(scene, &frame, bars, self.colour);
        frame.draw_axes(scene, &frame.x_ticks(), true);
    }
}

/// What a chart is called in errors.
fn named(kind: &str, title: &str) -> String {
    if title.is_empty() { kind.to_owned() } else { format!("{kind} `{title}`") }
}

/// A range that holds zero, with some room at the end away from zero.
fn from_zero(range: Range) -> Range {
    let Range { low, high, .. } = range.including(0.0).padded(0.06);
    Range { low: if range.low < 0.0 { low } else { 0.0 }, high: if range.high > 0.0 { high } else { 0.0 }, log: false }
}

/// Bars `(start, end, value)` between zero and their value, in the units of the axes.
fn draw_bars(scene: &mut Scene, frame: &Frame, bars: impl Iterator<Item = (f64, f64, f64)>, colour: Colour) {
    let zero = frame.y.at(0.0);
    for (start, end, value) in bars.filter(|bar| drawable(bar.2, false) && bar.2 != 0.0) {
        let (left, right, y) = (frame.x.at(start), frame.x.at(end), frame.y.at(value));
        // A thin light edge keeps neighbours apart where there is room for one.
        let edge = if right - left > 4.0 { 0.5 } else { 0.0 };
        scene.fill(Rect::new(left + edge, y.min(zero), right - edge, y.max(zero)), colour);
    }
    if frame.y.range.low < 0.0 {
        let y = super::scene::crisp(zero);
        scene.path(vec![(frame.plot.left, y), (frame.plot.right, y)], 1.0, Colour::INK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::scene::Mark;

    const AREA: Rect = Rect { left: 0.0, top: 0.0, right: 480.0, bottom: 300.0 };

    fn fills(scene: &Scene) -> Vec<Rect> {
        scene.marks.iter().filter_map(|m| if let Mark::Fill { area, .. } = m { Some(*area) } else { None }).collect()
    }

    #[test]
    fn what_cannot_be_drawn_is_named() {
        let message = BarChart::new(["a"], [1.0, 2.0]).title("alphas").check().unwrap_err().to_string();
        assert_eq!(message, "bar chart `alphas`: there must be a name for each value, but got [1] and [2]");
        let message = BarChart::indexed([f64::NAN]).check().unwrap_err().to_string();
        assert_eq!(message, "bar chart is empty: it takes at least one finite value");
        let message = Histogram::new([], 5).title("weights").check().unwrap_err().to_string();
        assert_eq!(message, "histogram `weights` is empty: it takes at least one finite value");
        let message = Histogram::new([1.0], 0).check().unwrap_err().to_string();
        assert_eq!(message, "histogram: bins = 0, but it must be from 1 to 10000");
    }

    #[test]
    fn every_finite_value_is_counted_once() {
        let values: Vec<f64> = (0..100).map(|i| f64::from(i) / 99.0).chain([f64::NAN]).collect();
        let histogram = Histogram::new(values, 10);
        assert_eq!(histogram.counts(histogram.range().unwrap()), vec![10; 10]);
        assert_eq!(histogram.layout().unwrap().3.y_label, "count (1 not finite)");
    }

    #[test]
    fn bars_stand_on_zero_in_proportion() {
        let chart = BarChart::indexed([1.0, -0.5, f64::NAN, 2.0]);
        let mut scene = Scene::new(480, 300);
        chart.draw(&mut scene, AREA, chart.left_margin(AREA).unwrap()).unwrap();
        let bars = fills(&scene);
        assert_eq!(bars.len(), 3);
        assert!((bars[0].bottom - bars[1].top).abs() < 1e-9 && (bars[0].bottom - bars[2].bottom).abs() < 1e-9);
        assert!((bars[0].height() - 2.0 * bars[1].height()).abs() < 1e-9);
        assert!((bars[2].height() - 2.0 * bars[0].height()).abs() < 1e-9);
    }

    #[test]
    fn texts_keep_clear() {
        for (count, name) in [(1, "c "), (4, "convolution weight "), (9, "a channel "), (20, "channel "), (3000, "c")] {
            let values: Vec<f64> = (0..count).map(|i| f64::from(i) - 1.0).collect();
            let names = (0..count).map(|i| format!("{name}{i}"));
            let chart = BarChart::new(names, values.clone()).x_label("x").y_label("y");
            let histogram = Histogram::new(values, 30).title("T").x_label("x");
            let (mut one, mut two) = (Scene::new(480, 300), Scene::new(480, 300));
            chart.draw(&mut one, AREA, chart.left_margin(AREA).unwrap()).unwrap();
            histogram.draw(&mut two, AREA, histogram.left_margin(AREA));
            for scene in [one, two] {
                let boxes = scene.text_boxes();
                for (i, a) in boxes.iter().enumerate() {
                    assert!(a.left >= 0.0 && a.right <= 480.0 && a.top >= 0.0 && a.bottom <= 300.0, "{count} {a:?}");
                    assert!(boxes[i + 1..].iter().all(|b| !a.overlaps(b)), "{count}");
                }
            }
        }
    }
}
