//! The list of all kinds of chart that a figure may hold.

use super::{
    bars::BarChart,
    flame::FlameChart,
    heat::HeatMap,
    histogram::Histogram,
    image::ImageGrid,
    line::LineChart,
    matrix::Confusion,
    scene::{Rect, Scene},
};
use crate::Result;

/// One of the charts of a figure; every kind of chart converts into it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Panel {
    /// Lines over a common horizontal axis.
    Line(LineChart),
    /// Gray images with captions.
    Images(ImageGrid),
    /// Counts of observations by true and predicted class.
    Confusion(Confusion),
    /// A matrix as colors.
    Heat(HeatMap),
    /// Named amounts.
    Bars(BarChart),
    /// Counts of values in intervals.
    Histogram(Histogram),
    /// Shares of shares.
    Flame(FlameChart),
}

macro_rules! panel_from {
    ($($kind:ident($chart:ty)),*) => {
        $(impl From<$chart> for Panel {
            fn from(chart: $chart) -> Panel {
                Panel::$kind(chart)
            }
        })*
    };
}
panel_from!(
    Line(LineChart),
    Images(ImageGrid),
    Confusion(Confusion),
    Heat(HeatMap),
    Bars(BarChart),
    Histogram(Histogram),
    Flame(FlameChart)
);

impl Panel {
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Panel::Line(chart) => chart.check(),
            Panel::Images(grid) => grid.check(),
            Panel::Confusion(matrix) => matrix.check(),
            Panel::Heat(map) => map.check(),
            Panel::Bars(chart) => chart.check(),
            Panel::Histogram(chart) => chart.check(),
            Panel::Flame(chart) => chart.check(),
        }
    }

    /// Pixels left of the plot, for panels that have axes.
    pub(super) fn left_margin(&self, area: Rect) -> Result<f64> {
        match self {
            Panel::Line(chart) => chart.left_margin(area),
            Panel::Bars(chart) => chart.left_margin(area),
            Panel::Histogram(chart) => Ok(chart.left_margin(area)),
            Panel::Images(_) | Panel::Confusion(_) | Panel::Heat(_) | Panel::Flame(_) => Ok(0.0),
        }
    }

    /// Pixels right of the plot, in a panel whose plot has this left margin.
    pub(super) fn right_margin(&self, area: Rect, left: f64) -> Result<f64> {
        match self {
            Panel::Line(chart) => chart.right_margin(area, left),
            _ => Ok(0.0),
        }
    }

    /// Draws the panel with these margins, for panels that have axes.
    pub(super) fn draw(&self, scene: &mut Scene, area: Rect, left: f64, right: f64) -> Result<()> {
        let inner = Rect { right: area.right - right, ..area };
        match self {
            Panel::Line(chart) => chart.draw(scene, area, left, right)?,
            Panel::Images(grid) => grid.draw(scene, area),
            Panel::Confusion(matrix) => matrix.draw(scene, area),
            Panel::Heat(map) => map.draw(scene, area)?,
            Panel::Bars(chart) => chart.draw(scene, inner, left)?,
            Panel::Histogram(chart) => chart.draw(scene, inner, left),
            Panel::Flame(chart) => chart.draw(scene, area),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{
        Figure, Series,
        scene::{Anchor, Text},
    };

    /// The boxes of the texts of an SVG file, read back from its attributes: left-aligned at `x` unless anchored.
    fn text_boxes(svg: &str) -> Vec<(String, Rect)> {
        let attribute = |tag: &str, name: &str| -> Option<String> {
            let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
            Some(tag[start..start + tag[start..].find('"')?].to_owned())
        };
        let number = |tag: &str, name: &str| attribute(tag, name).unwrap().parse::<f64>().unwrap() / 10.0;
        svg.split("<text")
            .skip(1)
            .map(|piece| {
                let (tag, rest) = piece.split_once(">\n").unwrap();
                let text = rest.split_once("\n</text>").unwrap().0.to_owned();
                let (x, y, size) = (number(tag, "x"), number(tag, "y"), number(tag, "font-size"));
                let turned = attribute(tag, "transform").is_some();
                let anchor = match attribute(tag, "text-anchor").as_deref() {
                    Some("middle") => Anchor::Middle,
                    Some("end") => Anchor::End,
                    _ => Anchor::Start,
                };
                assert_eq!(attribute(tag, "dy").as_deref(), Some("0.76em"));
                let at = if turned { (x + 0.76 * size, y) } else { (x, y + 0.76 * size) };
                let mut mark = Text::new(text.clone(), at, anchor, size);
                mark.bold = attribute(tag, "font-weight").is_some();
                mark.upwards = turned;
                (text, mark.bounds())
            })
            .collect()
    }

    #[test]
    fn no_text_of_the_file_overlaps_or_is_cut() {
        let bars = BarChart::indexed((0..20).map(|i| f64::from(i) / 20.0).collect::<Vec<_>>())
            .title("Alphas")
            .x_label("channel");
        let histogram =
            Histogram::new((0..500).map(|i| f64::from(i * i)).collect::<Vec<_>>(), 20).title("Squares").x_label("x");
        let map = HeatMap::new(8, 8, (0..64).map(|i| f64::from(i - 30) * 1e-9).collect::<Vec<_>>())
            .title("Error")
            .y_label("row");
        let matrix = Confusion::new([5; 9], ["cat", "dog", "bird"]).title("Classes");
        let line = LineChart::new().title("Loss").x_label("iteration").y_label("loss");
        let line = line.series(Series::counted("ELU", [2.5, 0.4, 0.1]));
        let figure = Figure::new(960, 900).columns(2).title("All");
        let figure = figure.panel(line.clone().log_y()).panel(line.axes_through_origin());
        let svg = figure.panel(bars).panel(histogram).panel(map).panel(matrix).svg().unwrap();
        let boxes = text_boxes(&svg);
        assert!(boxes.len() > 80, "{}", boxes.len());
        for (i, (text, a)) in boxes.iter().enumerate() {
            assert!(a.left >= 0.0 && a.top >= 0.0 && a.right <= 960.0 && a.bottom <= 900.0, "{text} is cut");
            for (other, b) in &boxes[i + 1..] {
                assert!(!a.overlaps(b), "{text} lies on {other}");
            }
        }
    }
}
