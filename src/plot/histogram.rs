//! Histograms: how many of some values lie in each of a number of equal intervals.

use super::{
    axes::Titles,
    bars::{draw_bars, from_zero},
    color::Color,
    range::{Range, drawable},
    scene::{Rect, Scene},
    setters::setters,
};
use crate::{Error, Result};

/// How many of the values lie in each of a number of equal intervals.
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
    color: Color,
}

setters!(Histogram, "histogram": title = titles.title, x_label = titles.x_label);

impl Histogram {
    /// Counts the values in `bins` equal intervals from the smallest to the largest. Values that are not finite are
    /// left out, and the label of the vertical axis says how many.
    pub fn new(values: impl Into<Vec<f64>>, bins: usize) -> Histogram {
        Histogram { titles: Titles::default(), values: values.into(), bins, color: Color::BLUE }
    }

    /// Sets the color of the bars.
    pub fn color(mut self, color: Color) -> Histogram {
        self.color = color;
        self
    }

    /// # Errors
    /// [`Error::Setting`] for a number of bins that cannot be used, [`Error::Empty`] without a finite value.
    pub(super) fn check(&self) -> Result<()> {
        let of = self.name();
        if !(1..=10_000).contains(&self.bins) {
            return Err(Error::setting(&of, "bins", self.bins, "from 1 to 10000"));
        }
        let need = "it takes at least one finite value";
        self.range().map(drop).ok_or(Error::Empty { what: of, need })
    }

    fn range(&self) -> Option<Range> {
        Range::of(self.values.iter().copied(), false)
    }

    /// The number of values in each interval of the range; the last interval includes its upper end.
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
        draw_bars(scene, &frame, bars, self.color);
        frame.draw_axes(scene, &frame.x_ticks(), true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_drawn_is_named() {
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
}
