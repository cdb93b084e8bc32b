//! Bar charts: a bar from zero for each named amount. The histogram draws its bars with the same functions.

use super::{
    axes::{Frame, Titles},
    color::Color,
    font::{self, SMALL},
    range::{Range, drawable},
    scene::{Rect, Scene},
    setters::setters,
    ticks::{Tick, strides},
};
use crate::{Error, Result};

/// One bar for each of a list of named amounts, such as the learned parameter of each channel.
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
    color: Color,
}

setters!(BarChart, "bar chart": title = titles.title, x_label = titles.x_label, y_label = titles.y_label);

impl BarChart {
    /// A bar for each name and value; a value that is not finite leaves its place empty.
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>, values: impl Into<Vec<f64>>) -> BarChart {
        let names = names.into_iter().map(Into::into).collect();
        BarChart { titles: Titles::default(), names, values: values.into(), color: Color::BLUE }
    }

    /// Bars named by their index, from 0.
    pub fn indexed(values: impl Into<Vec<f64>>) -> BarChart {
        let values = values.into();
        BarChart::new((0..values.len()).map(|i| i.to_string()), values)
    }

    /// Sets the color of the bars.
    pub fn color(mut self, color: Color) -> BarChart {
        self.color = color;
        self
    }

    /// The ranges of the two axes; bar `i` is centered at `i`.
    ///
    /// # Errors
    /// [`Error::Shape`] when names and values differ in number, [`Error::Empty`] without a finite value.
    fn ranges(&self) -> Result<(Range, Range)> {
        let of = self.name();
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
        draw_bars(scene, &frame, bars, self.color);
        frame.draw_axes(scene, &self.ticks(&frame, titles.more_lines > 0), false);
        Ok(())
    }

    fn widest_name(&self) -> f64 {
        self.names.iter().map(|name| font::width(name, SMALL, false)).fold(0.0, f64::max)
    }

    /// The titles, with a second line below the bars if names are too long for one line and there is space for two.
    fn titles(&self, area: Rect) -> Titles {
        // A cautious estimate of the space for a bar; the left margin, which depends on the answer, is not known yet.
        let room = (area.width() - 100.0) / self.names.len().max(1) as f64;
        let two = self.widest_name() + 6.0 > room && room >= 44.0;
        Titles { more_lines: usize::from(two), ..self.titles.clone() }
    }

    /// The names below the bars: in two lines or, if the bars are too narrow for that, every second, fifth, tenth ...
    fn ticks(&self, frame: &Frame, wrapped: bool) -> Vec<Tick> {
        let room = frame.x.at(1.0) - frame.x.at(0.0);
        let widest = self.widest_name().min(160.0);
        let stride =
            strides().find(|&s| wrapped || s as f64 * room >= widest + 6.0 || s >= self.names.len()).unwrap_or(1);
        let width = if wrapped { room - 6.0 } else { 160.0 };
        let label = |name: &str| match wrapped {
            true => font::wrap(name, false, width, 2).join("\n"),
            false => font::fit(name, SMALL, false, width),
        };
        let tick = |(i, name): (usize, &String)| Tick { value: i as f64, label: label(name) };
        self.names.iter().enumerate().step_by(stride).map(tick).collect()
    }
}

/// A range that holds zero, with some room at the end away from zero.
pub(super) fn from_zero(range: Range) -> Range {
    let Range { low, high, .. } = range.including(0.0).padded(0.06);
    Range { low: if range.low < 0.0 { low } else { 0.0 }, high: if range.high > 0.0 { high } else { 0.0 }, log: false }
}

/// Bars `(start, end, value)` between zero and their value, in the units of the axes.
pub(super) fn draw_bars(scene: &mut Scene, frame: &Frame, bars: impl Iterator<Item = (f64, f64, f64)>, color: Color) {
    let zero = frame.y.at(0.0);
    for (start, end, value) in bars.filter(|bar| drawable(bar.2, false) && bar.2 != 0.0) {
        let (left, right, y) = (frame.x.at(start), frame.x.at(end), frame.y.at(value));
        // A thin light edge separates neighbors if there is space for one.
        let edge = if right - left > 4.0 { 0.5 } else { 0.0 };
        scene.fill(Rect::new(left + edge, y.min(zero), right - edge, y.max(zero)), color);
    }
    if frame.y.range.low < 0.0 {
        let y = super::scene::crisp(zero);
        scene.path(vec![(frame.plot.left, y), (frame.plot.right, y)], 1.0, Color::INK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Histogram, scene::Mark};

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
