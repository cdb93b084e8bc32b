//! The ranges of the axes of a line chart, and the charts that cannot be drawn at all.
//!
//! An axis spans its limits if they are set; otherwise it spans all points that can be drawn, with some space above and
//! below. Axes through the origin are extended to include it.

use super::LineChart;
use crate::{Error, Result, plot::range::Range};

impl LineChart {
    pub(in crate::plot) fn check(&self) -> Result<()> {
        self.ranges().map(drop)
    }

    /// The ranges of the two axes.
    ///
    /// # Errors
    /// [`Error::Empty`] without series or drawable points, [`Error::Setting`] for limits that cannot be used.
    pub(super) fn ranges(&self) -> Result<(Range, Range)> {
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
}

#[cfg(test)]
mod tests {
    use crate::plot::{LineChart, Series};

    fn message(chart: LineChart) -> String {
        chart.check().unwrap_err().to_string()
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
}
