//! Line charts laid out and drawn.
//!
//! From the outside in: margins for the labels, a row above the plot for the numbers of the bands, perhaps a row above
//! or a column to the right for the legend, and the rest for the plot. The place of the legend depends on the lines: the
//! chart is drawn once as a trial, and the legend goes into a corner that no line, axis or label enters. Where there is
//! none, it goes to the right, as it does where a neighbor in the column of panels has left that space free.

use super::LineChart;
use crate::{
    Result,
    plot::{
        axes::{Frame, Titles},
        color::Color,
        font::{self, SMALL},
        legend::{self, Entry, Legend},
        range::drawable,
        scene::{Anchor, Point, Rect, Scene, Text},
        ticks::strides,
    },
};

impl LineChart {
    /// Pixels left of the plot.
    pub(in crate::plot) fn left_margin(&self, area: Rect) -> Result<f64> {
        let places = if self.legend == Legend::Auto { [Legend::Hidden, Legend::Above] } else { [self.legend; 2] };
        let [a, b] = places.map(|legend| self.left_margin_with(area, legend));
        Ok(a?.max(b?))
    }

    /// Pixels that the legend takes to the right of the plot.
    pub(in crate::plot) fn right_margin(&self, area: Rect, left: f64) -> Result<f64> {
        let right = self.legend_place(area, left, 0.0)? == Legend::Right;
        Ok(if right { legend::column_width(&self.named_entries(), area.width()) } else { 0.0 })
    }

    pub(in crate::plot) fn draw(&self, scene: &mut Scene, area: Rect, left: f64, right: f64) -> Result<()> {
        let legend = self.legend_place(area, left, right)?;
        let (plot, _) = self.draw_chart(scene, without(area, right), left, legend)?;
        legend::draw(scene, &self.named_entries(), legend, &plot, area, [self.head(area, legend), right]);
        Ok(())
    }

    fn entries(&self) -> Vec<Entry> {
        self.series.iter().enumerate().map(|(i, series)| series.entry(i)).collect()
    }

    pub(super) fn named_entries(&self) -> Vec<Entry> {
        let named = self.series.iter().zip(self.entries()).flat_map(|(series, style)| series.keys(style));
        named.chain(self.keys.iter().cloned()).collect()
    }

    /// Pixels above the plot that the numbers of the bands and a legend outside of the plot take.
    fn head(&self, area: Rect, legend: Legend) -> f64 {
        let bands = if self.bands.is_some() { SMALL + 6.0 } else { 0.0 };
        bands + if legend == Legend::Above { legend::row_height(&self.named_entries(), area.width()) } else { 0.0 }
    }

    /// The place of the legend in a panel whose plot has these margins; never [`Legend::Auto`].
    fn legend_place(&self, area: Rect, left: f64, right: f64) -> Result<Legend> {
        let entries = self.named_entries();
        if self.legend != Legend::Auto || entries.is_empty() {
            return Ok(if entries.is_empty() { Legend::Hidden } else { self.legend });
        }
        if right >= legend::column_width(&entries, area.width()) {
            return Ok(Legend::Right);
        }
        let mut trial = Scene::new(0, 0);
        let (plot, lines) = self.draw_chart(&mut trial, without(area, right), left, Legend::Hidden)?;
        let corner = legend::free_corner(&entries, &plot, &lines, &trial.text_boxes());
        let beside = right == 0.0 && legend::fits_right(&entries, &plot, area.width());
        Ok(corner.unwrap_or(if beside { Legend::Right } else { Legend::Above }))
    }

    fn left_margin_with(&self, area: Rect, legend: Legend) -> Result<f64> {
        if self.through_zero() {
            return Ok(self.titles.origin_left_margin());
        }
        let name = self.bands.as_ref().map_or(0.0, |(name, _)| font::width(name, SMALL, false) + 8.0);
        Ok(self.titles.left_margin(area, self.ranges()?.1, self.head(area, legend)).max(name))
    }

    /// Draws everything but the legend; returns the plot, and the lines and axes in it.
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
        let mut lines: Vec<Vec<Point>> =
            series.flat_map(|(series, style)| series.draw(scene, &frame, &style)).collect();
        if through_zero {
            frame.draw_origin_labels(scene, &lines);
            lines.extend(frame.origin_axes());
        }
        Ok((frame.plot, lines))
    }

    fn draw_bands(&self, scene: &mut Scene, frame: &Frame) {
        let Some((name, edges)) = &self.bands else { return };
        let Rect { left, right, top, bottom } = frame.plot;
        let pixels: Vec<f64> =
            edges.iter().filter(|e| drawable(**e, self.log_x)).map(|&e| frame.x.at(e).clamp(left, right)).collect();
        for band in pixels.windows(2).skip(1).step_by(2) {
            scene.fill(Rect::new(band[0], top, band[1], bottom), Color::BAND);
        }
        let label = |i: usize| {
            let place = ((pixels[i] + pixels[i + 1]) / 2.0, top - 6.0);
            Text::new((i + 1).to_string(), place, Anchor::Middle, SMALL).color(Color::GRAY)
        };
        let count = pixels.len().saturating_sub(1);
        let every = |stride: usize| -> Vec<Text> { (0..count).filter(|i| (i + 1) % stride == 0).map(label).collect() };
        let clear = |texts: &Vec<Text>| texts.windows(2).all(|w| w[0].bounds().right + 6.0 < w[1].bounds().left);
        strides().map(every).find(clear).into_iter().flatten().for_each(|text| scene.text(text));
        let place = (left - 8.0, top - 6.0);
        scene.text(Text::new(name, place, Anchor::End, SMALL).color(Color::GRAY));
    }
}

/// The panel without a strip at its right.
fn without(area: Rect, right: f64) -> Rect {
    Rect { right: area.right - right, ..area }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Dash, Series, scene::Mark};

    const AREA: Rect = Rect { left: 0.0, top: 0.0, right: 600.0, bottom: 400.0 };

    fn draw(chart: &LineChart) -> Scene {
        let mut scene = Scene::new(600, 400);
        let left = chart.left_margin(AREA).unwrap();
        chart.draw(&mut scene, AREA, left, chart.right_margin(AREA, left).unwrap()).unwrap();
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
    fn non_finite_points_are_gaps() {
        let y = [1.0, 2.0, f64::NAN, 3.0, f64::INFINITY, 2.0, 1.0];
        let scene = draw(&LineChart::new().series(Series::counted("", y).color(Color::VERMILLION)));
        let parts = scene.marks.iter().filter(|m| matches!(m, Mark::Path { color, .. } if *color == Color::VERMILLION));
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
        let chart = chart.series(Series::new("", x, y).color(Color::PURPLE).dash(Dash::Solid));
        let scene = draw(&chart);
        let lines: Vec<_> = scene
            .marks
            .iter()
            .filter_map(|mark| match mark {
                Mark::Path { points, color: Color::PURPLE, .. } => Some(points),
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

    /// Where the legend of a chart stands that is alone in a column of panels of this width.
    fn place(chart: &LineChart, width: f64) -> Legend {
        let area = Rect { right: width, ..AREA };
        chart.legend_place(area, chart.left_margin(area).unwrap(), 0.0).unwrap()
    }

    #[test]
    fn a_legend_that_finds_no_corner_goes_out_of_the_plot() {
        let noise: Vec<f64> = (0..400).map(|i| if i % 2 == 0 { 0.0 } else { 1.0 }).collect();
        let chart = LineChart::new().title("T").series(Series::counted("noise", noise));
        assert_eq!((place(&chart, 600.0), place(&chart, 200.0)), (Legend::Right, Legend::Above));
        assert_texts_are_clear(&draw(&chart));
        assert_texts_are_clear(&draw(&chart.clone().bands("Epoch", [0.0, 200.0, 400.0])));
        let falling = LineChart::new().series(Series::counted("loss", [3.0, 1.0, 0.5, 0.2, 0.1]));
        assert_eq!(place(&falling, 600.0), Legend::TopRight);
        assert_eq!(place(&falling.legend(Legend::BottomLeft), 600.0), Legend::BottomLeft);
    }

    #[test]
    fn a_legend_beside_the_plot_hides_nothing_and_is_not_cut() {
        let waves = (0..6).fold(LineChart::new().axes_through_origin().x_label("x"), |chart, k| {
            let x: Vec<f64> = (-200..=200).map(|i| f64::from(i) / 20.0).collect();
            let y: Vec<f64> = x.iter().map(|x| (x + f64::from(k)).sin()).collect();
            chart.series(Series::new(format!("wave number {k}"), x, y))
        });
        assert_eq!(place(&waves, 600.0), Legend::Right);
        let scene = draw(&waves);
        assert_texts_are_clear(&scene);
        let names: Vec<Rect> =
            scene.texts().iter().filter(|t| t.text.starts_with("wave number")).map(|t| t.bounds()).collect();
        assert_eq!(names.len(), 6);
        let lines = scene.marks.iter().filter_map(|mark| match mark {
            Mark::Path { points, .. } if points.len() > 100 => Some(points),
            _ => None,
        });
        let end = lines.flatten().map(|p| p.0).fold(0.0, f64::max);
        assert!(end > 400.0 && names.iter().all(|name| name.left > end + 50.0), "{end} and {names:?}");
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
