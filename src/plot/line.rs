//! Line charts: one or several series over a common horizontal axis.
//!
//! A point with a coordinate that is not finite (or not positive on a logarithmic axis) is a gap in its line.

use super::{
    axes::{Frame, Titles},
    colour::Colour,
    font::{self, SMALL},
    legend::{self, Entry, Legend},
    range::{Range, drawable},
    scene::{Anchor, Point, Rect, Scene, Text},
    series::Series,
    stroke::Dash,
    ticks::strides,
};
use crate::error::{Error, Result};

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

impl LineChart {
    /// A chart without series.
    pub fn new() -> LineChart {
        LineChart::default()
    }

    /// Sets the title.
    pub fn title(mut self, title: impl Into<String>) -> LineChart {
        self.titles.title = title.into();
        self
    }

    /// Names the horizontal axis.
    pub fn x_label(mut self, label: impl Into<String>) -> LineChart {
        self.titles.x_label = label.into();
        self
    }

    /// Names the vertical axis.
    pub fn y_label(mut self, label: impl Into<String>) -> LineChart {
        self.titles.y_label = label.into();
        self
    }

    /// Adds a line; later ones lie on top.
    pub fn series(mut self, series: Series) -> LineChart {
        self.series.push(series);
        self
    }

    /// Adds a line to the legend that stands for no single series, to explain a manner of drawing.
    pub fn key(mut self, label: impl Into<String>, colour: Colour, dash: Dash, width: f64) -> LineChart {
        self.keys.push(Entry { label: label.into(), colour, dash, width });
        self
    }

    /// Sets where the legend stands (unless set, in a corner of the plot that is free, or above it).
    pub fn legend(mut self, legend: Legend) -> LineChart {
        self.legend = legend;
        self
    }

    /// Sets the ends of the horizontal axis; what lies beyond is cut off.
    pub fn x_limits(mut self, low: f64, high: f64) -> LineChart {
        self.x_limits = Some((low, high));
        self
    }

    /// Sets the ends of the vertical axis; what lies beyond is cut off.
    pub fn y_limits(mut self, low: f64, high: f64) -> LineChart {
        self.y_limits = Some((low, high));
        self
    }

    /// Makes the horizontal axis logarithmic; points whose x is not positive become gaps.
    pub fn log_x(mut self) -> LineChart {
        self.log_x = true;
        self
    }

    /// Makes the vertical axis logarithmic; points that are not positive become gaps.
    pub fn log_y(mut self) -> LineChart {
        self.log_y = true;
        self
    }

    /// Draws the axes through the origin instead of along the edges, as in a textbook. Ranges are stretched to hold
    /// zero. A logarithmic chart has no origin and keeps its axes at the edges.
    pub fn axes_through_origin(mut self) -> LineChart {
        self.origin = true;
        self
    }

    /// Divides the horizontal axis at these places, shades every second part and numbers the parts from 1 above the
    /// plot, as epochs over iterations.
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

    fn name(&self) -> String {
        if self.titles.title.is_empty() {
            "line chart".to_owned()
        } else {
            format!("line chart `{}`", self.titles.title)
        }
    }

    /// The ranges of the two axes.
    ///
    /// # Errors
    /// [`Error::Empty`] without series or drawable points, [`Error::Setting`] for limits that cannot be used.
    fn ranges(&self) -> Result<(Range, Range)> {
        if self.series.is_empty() {
            return Err(Error::Empty { what: self.name(), need: "a chart takes at least one series" });
        }
        self.series.iter().try_for_each(|s| s.check(self.logs()))?;
        let named = self.named_entries().len();
        if named > 24 {
            return Err(Error::setting(
                &self.name(),
                "lines in the legend",
                named,
                "at most 24; give the others no label",
            ));
        }
        let points = || self.series.iter().flat_map(|s| s.drawn_points(self.logs()));
        let nothing = || Error::Empty { what: self.name(), need: "none of its points can be drawn" };
        let through_zero = self.through_zero();
        let x = match self.x_limits {
            Some(limits) => Range::given(&self.name(), "x_limits", limits, self.log_x)?,
            None => Range::of(points().map(|p| p.0), self.log_x).ok_or_else(nothing)?,
        };
        let y = match self.y_limits {
            Some(limits) => Range::given(&self.name(), "y_limits", limits, self.log_y)?,
            None => {
                let y = Range::of(points().map(|p| p.1), self.log_y).ok_or_else(nothing)?;
                if through_zero { y.including(0.0).padded(0.05) } else { y.padded(0.04) }
            }
        };
        Ok(if through_zero { (x.including(0.0), y.including(0.0)) } else { (x, y) })
    }

    fn entries(&self) -> Vec<Entry> {
        self.series.iter().enumerate().map(|(i, series)| series.entry(i)).collect()
    }

    fn named_entries(&self) -> Vec<Entry> {
        let named = self.entries().into_iter().filter(|entry| !entry.label.is_empty());
        named.chain(self.keys.iter().cloned()).collect()
    }

    /// Pixels above the plot that the numbers of the bands and a legend outside of the plot take.
    fn head(&self, area: Rect, legend: Legend) -> f64 {
        let bands = if self.bands.is_some() { SMALL + 6.0 } else { 0.0 };
        bands + if legend == Legend::Above { legend::row_height(&self.named_entries(), area.width()) } else { 0.0 }
    }

    /// Where the legend goes: [`Legend::Auto`] becomes the corner that is free, or the row above when none is.
    fn legend_place(&self, area: Rect) -> Result<Legend> {
        if self.legend != Legend::Auto {
            return Ok(self.legend);
        }
        let left = self.left_margin_with(area, Legend::Hidden)?;
        let mut trial = Scene::new(0, 0);
        let (plot, lines) = self.draw_chart(&mut trial, area, left, Legend::Hidden)?;
        Ok(legend::free_corner(&self.named_entries(), &plot, &lines, &trial.text_boxes()).unwrap_or(Legend::Above))
    }

    fn left_margin_with(&self, area: Rect, legend: Legend) -> Result<f64> {
        if self.through_zero() {
            return Ok(self.titles.origin_left_margin());
        }
        let name = self.bands.as_ref().map_or(0.0, |(name, _)| font::width(name, SMALL, false) + 8.0);
        Ok(self.titles.left_margin(area, self.ranges()?.1, self.head(area, legend)).max(name))
    }

    pub(super) fn check(&self) -> Result<()> {
        self.ranges().map(drop)
    }

    pub(super) fn left_margin(&self, area: Rect) -> Result<f64> {
        self.left_margin_with(area, self.legend_place(area)?)
    }

    pub(super) fn draw(&self, scene: &mut Scene, area: Rect, left: f64) -> Result<()> {
        let legend = self.legend_place(area)?;
        let (plot, _) = self.draw_chart(scene, area, left, legend)?;
        legend::draw(scene, &self.named_entries(), legend, &plot, area, self.head(area, legend));
        Ok(())
    }

    /// Draws everything but the legend; returns the plot and the lines in it.
    fn draw_chart(&self, scene: &mut Scene, area: Rect, left: f64, legend: Legend) -> Result<(Rect, Vec<Vec<Point>>)> {
        let (x, y) = self.ranges()?;
        let head = self.head(area, legend);
        let through_zero = self.through_zero();
        let frame;
        if through_zero {
            frame = self.titles.origin_frame(area, x, y, left, head);
            Titles { x_label: String::new(), ..self.titles.clone() }.draw(scene, &frame);
            self.draw_bands(scene, &frame);
            frame.draw_origin_axes(scene, &self.titles.x_label);
        } else {
            frame = self.titles.frame(area, x, y, left, head);
            self.titles.draw(scene, &frame);
            self.draw_bands(scene, &frame);
            frame.draw_grid(scene);
            frame.draw_axes(scene, &frame.x_ticks(), true);
        }
        let series = self.series.iter().zip(self.entries());
        let lines: Vec<Vec<Point>> = series.flat_map(|(series, style)| series.draw(scene, &frame, &style)).collect();
        if through_zero {
            frame.draw_origin_labels(scene, &lines);
        }
        Ok((frame.plot, lines))
    }

    fn draw_bands(&self, scene: &mut Scene, frame: &Frame) {
        let Some((name, edges)) = &self.bands else { return };
        let Rect { left, right, top, bottom } = frame.plot;
        let pixels: Vec<f64> =
            edges.iter().filter(|e| drawable(**e, self.log_x)).map(|&e| frame.x.at(e).clamp(left, right)).collect();
        for band in pixels.windows(2).skip(1).step_by(2) {
            scene.fill(Rect::new(band[0], top, band[1], bottom), Colour::BAND);
        }
        let label = |i: usize| {
            let place = ((pixels[i] + pixels[i + 1]) / 2.0, top - 6.0);
            Text::new((i + 1).to_string(), place, Anchor::Middle, SMALL).colour(Colour::GREY)
        };
        let count = pixels.len().saturating_sub(1);
        let every = |stride: usize| -> Vec<Text> { (0..count).filter(|i| (i + 1) % stride == 0).map(label).collect() };
        let clear = |texts: &Vec<Text>| texts.windows(2).all(|w| w[0].bounds().right + 6.0 < w[1].bounds().left);
        strides().map(every).find(clear).into_iter().flatten().for_each(|text| scene.text(text));
        let place = (left - 8.0, top - 6.0);
        scene.text(Text::new(name, place, Anchor::End, SMALL).colour(Colour::GREY));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: Rect = Rect { left: 0.0, top: 0.0, right: 600.0, bottom: 400.0 };

    fn message(chart: LineChart) -> String {
        chart.check().unwrap_err().to_string()
    }

    fn draw(chart: &LineChart) -> Scene {
        let mut scene = Scene::new(600, 400);
        chart.draw(&mut scene, AREA, chart.left_margin(AREA).unwrap()).unwrap();
        scene
    }

    /// No two texts may touch, and none may leave the panel.
    fn assert_texts_are_clear(scene: &Scene) {
        let texts = scene.texts();
        for (i, a) in texts.iter().enumerate() {
            let bounds = a.bounds();
            assert!(AREA.contains((bounds.left, bounds.top)) && AREA.contains((bounds.right, bounds.bottom)), "{a:?}");
            for b in &texts[i + 1..] {
                assert!(!bounds.overlaps(&b.bounds()), "{:?} lies on {:?}", a.text, b.text);
            }
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_named() {
        let two = || LineChart::new().title("training").series(Series::new("loss", [1.0, 2.0], [1.0, 2.0]));
        assert_eq!(message(LineChart::new()), "line chart is empty: a chart takes at least one series");
        assert_eq!(
            message(LineChart::new().series(Series::new("loss", [1.0, 2.0, 3.0], [1.0]))),
            "series `loss`: x and y must be equally long, but got [3] and [1]"
        );
        assert_eq!(
            message(LineChart::new().series(Series::new("loss", [], []))),
            "series `loss` is empty: a line takes at least one point"
        );
        assert_eq!(
            message(LineChart::new().series(Series::counted("", [f64::NAN, f64::INFINITY]))),
            "a series is empty: none of its points is finite, so there is nothing to draw"
        );
        assert_eq!(
            message(LineChart::new().log_y().series(Series::counted("loss", [0.0, -1.0]))),
            "series `loss` is empty: none of its points is finite with a positive y, as a logarithmic axis needs"
        );
        assert_eq!(
            message(LineChart::new().log_x().series(Series::new("error", [0.0, -1.0], [1.0, 2.0]))),
            "series `error` is empty: none of its points is finite with a positive x, as a logarithmic axis needs"
        );
        assert_eq!(
            message(LineChart::new().log_x().log_y().series(Series::new("error", [0.0, 1.0], [1.0, -2.0]))),
            "series `error` is empty: none of its points is finite with a positive x and y, as logarithmic axes need"
        );
        assert_eq!(
            message(two().log_x().x_limits(0.0, 1.0)),
            "line chart `training`: x_limits = (0, 1), but it must be two positive finite numbers, the smaller first \
             (the axis is logarithmic)"
        );
        assert_eq!(
            message(two().x_limits(f64::NAN, 1.0)),
            "line chart `training`: x_limits = (NaN, 1), but it must be two finite numbers, the smaller first"
        );
        let many = (0..25).fold(LineChart::new(), |chart, i| chart.series(Series::counted(format!("s{i}"), [1.0])));
        assert_eq!(
            message(many),
            "line chart: lines in the legend = 25, but it must be at most 24; give the others no label"
        );
        assert_eq!(
            message(LineChart::new().series(Series::counted("loss", [1.0]).width(f64::NAN))),
            "series `loss`: width = NaN, but it must be a number of pixels above 0 and up to 100"
        );
    }

    #[test]
    fn non_finite_points_are_gaps() {
        let y = [1.0, 2.0, f64::NAN, 3.0, f64::INFINITY, 2.0, 1.0];
        let scene = draw(&LineChart::new().series(Series::counted("", y).colour(Colour::VERMILLION)));
        let parts = scene
            .marks
            .iter()
            .filter(|m| matches!(m, super::super::scene::Mark::Path { colour, .. } if *colour == Colour::VERMILLION));
        assert_eq!(parts.count(), 3);
    }

    #[test]
    fn labels_never_overlap() {
        let ranges = [(0.0, 1.0), (-1e-7, 2e-7), (0.0, 123_456_789.0), (-3.0, 0.001), (1e6, 1e6 + 1e-2), (5.0, 5.0)];
        for (low, high) in ranges {
            let line = || Series::new("a series", [low, high], [low, high]);
            let chart = || LineChart::new().title("Title").x_label("x").y_label("y").series(line());
            for chart in
                [chart(), chart().axes_through_origin(), chart().bands("Epoch", [low, (low + high) / 2.0, high])]
            {
                assert_texts_are_clear(&draw(&chart));
            }
            if low > 0.0 {
                assert_texts_are_clear(&draw(&chart().log_y()));
                assert_texts_are_clear(&draw(&chart().log_x()));
                assert_texts_are_clear(&draw(&chart().log_x().log_y()));
            }
        }
    }

    #[test]
    fn extreme_numbers_do_not_panic() {
        let y = [f64::MAX, f64::MIN, f64::MIN_POSITIVE, 0.0, -0.0, 1e100, -1e100, 5e-324];
        for chart in [LineChart::new(), LineChart::new().log_y(), LineChart::new().axes_through_origin()] {
            draw(&chart.clone().series(Series::counted("s", y)));
            draw(&chart.series(Series::new("s", y, y)).x_limits(0.0, 1e-90).y_limits(1e-95, 1e-90));
        }
    }

    #[test]
    fn on_two_logarithmic_axes_a_power_is_a_straight_line() {
        let x: Vec<f64> = (-8..=0).map(|e| 10f64.powi(e)).chain([0.0]).collect();
        let y: Vec<f64> = x.iter().map(|x| 3.0 * x * x).collect();
        let chart = LineChart::new().log_x().log_y().axes_through_origin();
        let chart = chart.series(Series::new("", x, y).colour(Colour::PURPLE).dash(Dash::Solid));
        let scene = draw(&chart);
        let lines: Vec<_> = scene
            .marks
            .iter()
            .filter_map(|mark| match mark {
                super::super::scene::Mark::Path { points, colour: Colour::PURPLE, .. } => Some(points),
                _ => None,
            })
            .collect();
        let [line] = lines[..] else { panic!("one line, and the point at zero left out: {lines:?}") };
        assert_eq!(line.len(), 9);
        let step = |w: &[Point]| (w[1].0 - w[0].0, w[1].1 - w[0].1);
        let first = step(line);
        assert!(first.0 > 10.0 && first.1 < -10.0);
        for (dx, dy) in line.windows(2).map(step) {
            assert!((dx - first.0).abs() < 1e-6 && (dy - first.1).abs() < 1e-6);
        }
        let labels: Vec<&str> = scene.texts().iter().map(|t| t.text.as_str()).collect();
        assert!(labels.contains(&"10⁻⁶") && labels.contains(&"10⁻¹²"), "{labels:?}");
    }

    #[test]
    fn a_legend_that_finds_no_corner_goes_above_the_plot() {
        let noise: Vec<f64> = (0..400).map(|i| if i % 2 == 0 { 0.0 } else { 1.0 }).collect();
        let chart = LineChart::new().title("T").series(Series::counted("noise", noise));
        assert_eq!(chart.legend_place(AREA).unwrap(), Legend::Above);
        assert_texts_are_clear(&draw(&chart));
        assert_texts_are_clear(&draw(&chart.clone().bands("Epoch", [0.0, 200.0, 400.0])));
        let falling = LineChart::new().series(Series::counted("loss", [3.0, 1.0, 0.5, 0.2, 0.1]));
        assert_eq!(falling.legend_place(AREA).unwrap(), Legend::TopRight);
    }

    #[test]
    fn many_bands_are_thinned() {
        let edges: Vec<f64> = (0..=300).map(f64::from).collect();
        let chart = LineChart::new().bands("Epoch", edges).series(Series::new("", [0.0, 300.0], [0.0, 1.0]));
        let scene = draw(&chart);
        assert_texts_are_clear(&scene);
        assert!(scene.texts().iter().filter(|t| t.text == "300").count() == 2);
    }
}
