//! Heat maps: a matrix of numbers as colors, with a scale beside it.
//!
//! Numbers of one sign run from white to dark blue. If both signs occur, the scale is symmetric about zero, from blue
//! (negative) to vermillion (positive), so that white is zero. A number that is not finite is gray.

use super::{
    axes::Titles,
    color::{Color, diverging, sequential},
    font::{self, CAP, SMALL},
    range::{Axis, Range},
    scene::{Anchor, Mark, Rect, Scene, Text, crisp},
    setters::setters,
    ticks::{Tick, whole_numbers},
};
use crate::{Error, Result};

/// Width of the color scale.
const BAR: f64 = 14.0;
/// The color of numbers that are not finite.
const MISSING: Color = Color(170, 170, 170);

/// A matrix shown in colors.
///
/// ```
/// use wengert::plot::{Figure, HeatMap};
/// # fn main() -> Result<(), wengert::Error> {
/// let map = HeatMap::new(2, 3, [0.0, 0.5, -1.0, 2.0, 0.1, 0.0]).title("Gradient error").x_label("column").y_label("row");
/// # let folder = tempfile::tempdir().unwrap();
/// Figure::new(420, 300).panel(map).save(folder.path().join("error"))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct HeatMap {
    titles: Titles,
    rows: usize,
    columns: usize,
    values: Vec<f64>,
    range: Option<(f64, f64)>,
}

setters!(HeatMap, "heat map": title = titles.title, x_label = titles.x_label, y_label = titles.y_label);

impl HeatMap {
    /// A map of `rows * columns` numbers, row by row; the first row is on top.
    pub fn new(rows: usize, columns: usize, values: impl Into<Vec<f64>>) -> HeatMap {
        HeatMap { titles: Titles::default(), rows, columns, values: values.into(), range: None }
    }

    /// Sets the ends of the color scale; numbers beyond an end have its color.
    pub fn range(mut self, low: f64, high: f64) -> HeatMap {
        self.range = Some((low, high));
        self
    }

    /// # Errors
    /// [`Error::Shape`] for a wrong number of values, [`Error::Empty`] without cells or when none is finite,
    /// [`Error::Setting`] for a range that cannot be used.
    pub(super) fn check(&self) -> Result<()> {
        if self.values.len() != self.rows * self.columns {
            let (need, got) = ([self.rows, self.columns].into(), [self.values.len()].into());
            return Err(Error::shape(&self.name(), &[&need, &got], "it must have a number per cell"));
        }
        if self.values.is_empty() {
            return Err(Error::Empty { what: self.name(), need: "it takes at least one row and one column" });
        }
        self.scale().map(drop)
    }

    /// The range of the colors.
    fn scale(&self) -> Result<Range> {
        if let Some(limits) = self.range {
            return Range::given(&self.name(), "range", limits, false);
        }
        let need = "it takes at least one finite number";
        let data = Range::of(self.values.iter().copied(), false).ok_or(Error::Empty { what: self.name(), need })?;
        let largest = data.low.abs().max(data.high.abs());
        Ok(match data.low < 0.0 && data.high > 0.0 {
            true => Range { low: -largest, high: largest, log: false },
            false => data,
        })
    }

    pub(super) fn draw(&self, scene: &mut Scene, area: Rect) -> Result<()> {
        let scale = self.scale()?;
        let color = |v: f64| {
            let t = (v - scale.low) / (scale.high - scale.low);
            match scale.low < 0.0 {
                _ if !v.is_finite() => MISSING,
                true if scale.high > 0.0 => diverging(t),
                // All negative: the darkest color is the farthest from zero.
                true => sequential(1.0 - t),
                false => sequential(t),
            }
        };
        let vertical = Range { low: -0.5, high: self.rows as f64 - 0.5, log: false };
        let horizontal = Range { low: -0.5, high: self.columns as f64 - 0.5, log: false };
        let widest_row = font::width(&(self.rows - 1).to_string(), SMALL, false);
        let name = if self.titles.y_label.is_empty() { 0.0 } else { 24.0 };

        let bar_axis = |plot: &Rect| Axis { range: scale, from: plot.bottom, to: plot.top };
        let bar_ticks = |plot: &Rect| bar_axis(plot).ticks(30.0, 6.0, |_| SMALL);
        let trial = self.titles.frame(area, horizontal, vertical, name + widest_row + 12.0, 0.0);
        let widest = bar_ticks(&trial.plot).iter().map(|t| font::width(&t.label, SMALL, false)).fold(0.0, f64::max);
        let inner = Rect { right: area.right - BAR - 24.0 - widest, ..area };
        let frame = self.titles.frame(inner, horizontal, vertical, name + widest_row + 12.0, 0.0);
        let plot = frame.plot;

        self.titles.draw(scene, &frame);
        let pixels = self.values.iter().map(|&v| color(v)).collect();
        scene.marks.push(Mark::Image { area: plot, columns: self.columns, pixels });
        scene.outline(
            Rect::new(crisp(plot.left), crisp(plot.top), crisp(plot.right), crisp(plot.bottom)),
            1.0,
            Color::GRAY,
        );
        let (wide, high) = (plot.width() / self.columns as f64, plot.height() / self.rows as f64);
        for Tick { value, label } in whole_numbers(self.columns, |label| font::width(label, SMALL, false) + 10.0, wide)
        {
            let place = (plot.left + (value + 0.5) * wide, plot.bottom + 8.0 + SMALL * CAP);
            scene.text(Text::new(label, place, Anchor::Middle, SMALL));
        }
        for Tick { value, label } in whole_numbers(self.rows, |_| SMALL + 6.0, high) {
            let place = (plot.left - 8.0, plot.top + (value + 0.5) * high + SMALL * CAP / 2.0);
            scene.text(Text::new(label, place, Anchor::End, SMALL));
        }

        let bar = Rect::new(plot.right + 14.0, plot.top, plot.right + 14.0 + BAR, plot.bottom);
        let shades = (0..256).map(|i| color(scale.high + (scale.low - scale.high) * f64::from(i) / 255.0)).collect();
        scene.marks.push(Mark::Image { area: bar, columns: 1, pixels: shades });
        scene.outline(
            Rect::new(crisp(bar.left), crisp(bar.top), crisp(bar.right), crisp(bar.bottom)),
            1.0,
            Color::GRAY,
        );
        for tick in bar_ticks(&plot) {
            let y = crisp(bar_axis(&plot).at(tick.value));
            scene.path(vec![(bar.right + 1.0, y), (bar.right + 4.0, y)], 1.0, Color::INK);
            scene.text(Text::new(tick.label, (bar.right + 8.0, y + SMALL * CAP / 2.0), Anchor::Start, SMALL));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(map: &HeatMap) -> Scene {
        let mut scene = Scene::new(420, 300);
        map.check().unwrap();
        map.draw(&mut scene, Rect::new(0.0, 0.0, 420.0, 300.0)).unwrap();
        scene
    }

    fn shades(scene: &Scene) -> &[Color] {
        scene.marks.iter().find_map(|m| if let Mark::Image { pixels, .. } = m { Some(pixels) } else { None }).unwrap()
    }

    #[test]
    fn what_cannot_be_drawn_is_named() {
        let message = HeatMap::new(2, 3, [1.0; 5]).title("error").check().unwrap_err().to_string();
        assert_eq!(message, "heat map `error`: it must have a number per cell, but got [2, 3] and [5]");
        let message = HeatMap::new(1, 2, [f64::NAN; 2]).check().unwrap_err().to_string();
        assert_eq!(message, "heat map is empty: it takes at least one finite number");
        let message = HeatMap::new(0, 0, []).range(0.0, 1.0).check().unwrap_err().to_string();
        assert_eq!(message, "heat map is empty: it takes at least one row and one column");
        let message = HeatMap::new(1, 1, [0.0]).range(1.0, 0.0).check().unwrap_err().to_string();
        assert_eq!(message, "heat map: range = (1, 0), but it must be two finite numbers, the smaller first");
    }

    #[test]
    fn colors_follow_the_signs() {
        let scene = draw(&HeatMap::new(1, 4, [-2.0, 0.0, 1.0, f64::NAN]));
        assert_eq!(shades(&scene), [diverging(0.0), Color::WHITE, diverging(0.75), MISSING]);
        let scene = draw(&HeatMap::new(1, 2, [1.0, 3.0]));
        assert_eq!(shades(&scene), [sequential(0.0), sequential(1.0)]);
        let scene = draw(&HeatMap::new(1, 2, [-1.0, -3.0]));
        assert_eq!(shades(&scene), [sequential(0.0), sequential(1.0)]);
    }

    #[test]
    fn texts_keep_clear() {
        for (rows, columns) in [(1, 1), (3, 4), (784, 100), (5, 1000)] {
            let values: Vec<f64> = (0..rows * columns).map(|i| (i as f64 - 3.0) * 1e-7).collect();
            let scene = draw(&HeatMap::new(rows, columns, values).title("T").x_label("column").y_label("row"));
            let boxes = scene.text_boxes();
            for (i, a) in boxes.iter().enumerate() {
                assert!(
                    a.left >= 0.0 && a.right <= 420.0 && a.top >= 0.0 && a.bottom <= 300.0,
                    "{rows}x{columns} {a:?}"
                );
                assert!(boxes[i + 1..].iter().all(|b| !a.overlaps(b)), "{rows}x{columns}");
            }
        }
    }
}
