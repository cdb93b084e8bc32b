//! From numbers to pixels: the range of an axis and the map from data to the figure.

use super::ticks::{self, Tick};
use crate::{Error, Result};

/// Numbers beyond this size are not drawn, so that differences and products of what is drawn stay finite.
const LARGEST: f64 = 1e100;
/// A narrower range is widened, so that powers of ten of its size stay normal numbers.
const NARROWEST: f64 = 1e-100;

/// Whether a number has a place on an axis; one that has none is a gap in its line.
pub(super) fn drawable(v: f64, log: bool) -> bool {
    v.abs() <= LARGEST && (!log || v >= NARROWEST)
}

/// The range of an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub low: f64,
    pub high: f64,
    pub log: bool,
}

impl Range {
    /// The range of the drawable numbers, or `None` without any. A single number has some space around it.
    pub(super) fn of(values: impl Iterator<Item = f64>, log: bool) -> Option<Range> {
        let (low, high) = values
            .filter(|&v| drawable(v, log))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        (low <= high).then(|| Range { low, high, log }.widened())
    }

    /// The range of limits that a user has set.
    ///
    /// # Errors
    /// [`Error::Setting`] when they are not two drawable numbers, the smaller first.
    pub(super) fn given(of: &str, name: &'static str, (low, high): (f64, f64), log: bool) -> Result<Range> {
        if drawable(low, log) && drawable(high, log) && low < high {
            Ok(Range { low, high, log }.widened())
        } else {
            let must = if log {
                "two positive finite numbers, the smaller first (the axis is logarithmic)"
            } else {
                "two finite numbers, the smaller first"
            };
            Err(Error::setting(of, name, format!("({low}, {high})"), must))
        }
    }

    /// Widened to at least a billionth of the size of the numbers, so that the labels of the ends differ.
    fn widened(self) -> Range {
        let Range { low, high, log } = self;
        let size = low.abs().max(high.abs());
        if high - low > 1e-9 * size && high - low > NARROWEST {
            self
        } else if log {
            Range { low: low / 2.0, high: high * 2.0, log }
        } else {
            let room = if size > NARROWEST { 0.1 * size } else { 1.0 };
            Range { low: low - room, high: high + room, log }
        }
    }

    /// The range, extended at both ends by the fraction `room` of its length.
    pub(super) fn padded(self, room: f64) -> Range {
        let Range { low, high, log } = self;
        if log {
            let factor = (high / low).powf(room);
            Range { low: low / factor, high: high * factor, log }
        } else {
            Range { low: low - room * (high - low), high: high + room * (high - low), log }
        }
    }

    /// The range, extended if necessary to include `v`.
    pub(super) fn including(self, v: f64) -> Range {
        Range { low: self.low.min(v), high: self.high.max(v), ..self }
    }
}

/// An axis laid out: a range mapped to an interval of pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub range: Range,
    /// The pixel of the lower end of the range; for a vertical axis it is the larger of the two.
    pub from: f64,
    /// The pixel of the upper end.
    pub to: f64,
}

impl Axis {
    /// The pixel of a number; outside of the range it lies outside of the interval.
    pub(super) fn at(&self, v: f64) -> f64 {
        let Range { low, high, log } = self.range;
        let t = if log { (v / low).ln() / (high / low).ln() } else { (v - low) / (high - low) };
        self.from + t * (self.to - self.from)
    }

    /// Ticks whose labels are at least `gap` pixels apart; `size` gives the extent of a label along the axis.
    pub(super) fn ticks(&self, spacing: f64, gap: f64, size: impl Fn(&str) -> f64) -> Vec<Tick> {
        let most = ((self.to - self.from).abs() / spacing).floor().max(1.0) as usize;
        let clear = |ticks: &[Tick]| {
            ticks.windows(2).all(|w| {
                let room = (self.at(w[1].value) - self.at(w[0].value)).abs();
                room >= (size(&w[0].label) + size(&w[1].label)) / 2.0 + gap
            })
        };
        let Range { low, high, log } = self.range;
        if log { ticks::logarithmic(low, high, most, clear) } else { ticks::linear(low, high, most, clear) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_skip_what_cannot_be_drawn() {
        let values = [f64::NAN, 2.0, f64::INFINITY, -1.0, 1e300];
        assert_eq!(Range::of(values.into_iter(), false), Some(Range { low: -1.0, high: 2.0, log: false }));
        assert_eq!(Range::of([0.0, -1.0, 0.5, 8.0].into_iter(), true), Some(Range { low: 0.5, high: 8.0, log: true }));
        assert_eq!(Range::of([f64::NAN].into_iter(), false), None);
        assert_eq!(Range::of([0.0, -3.0].into_iter(), true), None);
    }

    #[test]
    fn a_single_value_gets_room() {
        let one = Range::of([5.0].into_iter(), false).unwrap();
        assert!(one.low < 5.0 && one.high > 5.0);
        let zero = Range::of([0.0, 0.0].into_iter(), false).unwrap();
        assert_eq!((zero.low, zero.high), (-1.0, 1.0));
        let log = Range::of([3.0].into_iter(), true).unwrap();
        assert_eq!((log.low, log.high), (1.5, 6.0));
    }

    #[test]
    fn axes_map_linearly_and_by_ratio() {
        let axis = |low, high, log| Axis { range: Range { low, high, log }, from: 100.0, to: 0.0 };
        assert_eq!(axis(-1.0, 3.0, false).at(0.0), 75.0);
        assert!((axis(0.01, 100.0, true).at(1.0) - 50.0).abs() < 1e-9);
    }

    #[test]
    fn limits_must_be_in_order() {
        let message = Range::given("line chart `loss`", "y_limits", (3.0, 1.0), false).unwrap_err().to_string();
        assert_eq!(
            message,
            "line chart `loss`: y_limits = (3, 1), but it must be two finite numbers, the smaller first"
        );
        let message = Range::given("line chart `loss`", "y_limits", (0.0, 1.0), true).unwrap_err().to_string();
        assert!(message.ends_with("two positive finite numbers, the smaller first (the axis is logarithmic)"));
    }
}
