//! The frame of a chart: its title, its axes with their ticks and labels, and the space that these take.
//!
//! From the top: title, an optional row for band numbers, plot, tick labels, the label of the horizontal axis. From the
//! left: the label of the vertical axis, tick labels, plot. The left margin is computed first (`left_margin`), so that
//! the plots of a column line up.

use super::{
    color::Color,
    font::{self, CAP, HEADING, LABEL, SMALL},
    range::{Axis, Range},
    scene::{Anchor, Point, Rect, Scene, Text, crisp},
    ticks::Tick,
};

/// Pixels between a tick label and the axis.
const LABEL_GAP: f64 = 8.0;
/// Height of one line of a label that has several.
const LINE: f64 = 15.0;
/// Pixels between two neighboring labels of the horizontal axis.
const BETWEEN: f64 = 10.0;

/// Pixels that the label of the horizontal axis may take at the end of an axis through zero.
const ORIGIN_NAME: f64 = 72.0;

/// The texts around a chart.
#[derive(Clone, Debug, Default)]
pub(super) struct Titles {
    pub title: String,
    pub x_label: String,
    pub y_label: String,
    /// The number of lines of the labels below the plot, less one.
    pub more_lines: usize,
}

/// A chart laid out: where its plot is, and its two axes in pixels.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub plot: Rect,
    pub x: Axis,
    pub y: Axis,
    /// The box of the whole panel.
    area: Rect,
    /// The part of it where the numbers of axes through zero may stand: not over the label of the vertical axis.
    free: Rect,
}

impl Titles {
    fn above(&self) -> f64 {
        if self.title.is_empty() { 8.0 } else { HEADING + 12.0 }
    }

    fn below(&self) -> f64 {
        let labels = SMALL + LABEL_GAP + 4.0 + self.more_lines as f64 * LINE;
        labels + if self.x_label.is_empty() { 0.0 } else { LABEL + 7.0 }
    }

    /// The pixels left of the plot that the vertical axis needs for its ticks and its label in a panel of this size.
    pub(super) fn left_margin(&self, area: Rect, y: Range, head: f64) -> f64 {
        // The vertical axis does not depend on where the plot starts, so its labels are the same with any left margin.
        let ticks = self.frame(area, y, y, 0.0, head).y_ticks();
        let labels = ticks.iter().map(|t| font::width(&t.label, SMALL, false)).fold(0.0, f64::max);
        (self.name_width() + labels + LABEL_GAP).ceil() + 1.0
    }

    fn name_width(&self) -> f64 {
        if self.y_label.is_empty() { 0.0 } else { LABEL + 10.0 }
    }

    /// Divides a panel whose plot starts `left` pixels from its left edge; `head` pixels above the plot stay free.
    pub(super) fn frame(&self, area: Rect, x: Range, y: Range, left: f64, head: f64) -> Frame {
        let plot = Rect::new(
            (area.left + left).round(),
            (area.top + self.above() + head).round(),
            (area.right - 12.0).round().max(area.left + left + 10.0),
            (area.bottom - self.below()).round().max(area.top + self.above() + head + 10.0),
        );
        Frame {
            plot,
            x: Axis { range: x, from: plot.left, to: plot.right },
            y: Axis { range: y, from: plot.bottom, to: plot.top },
            area,
            free: Rect { left: area.left + self.name_width(), ..area },
        }
    }

    /// As [`frame`](Titles::frame), for axes through zero: the label of the horizontal axis stands at its right end.
    pub(super) fn origin_frame(&self, area: Rect, x: Range, y: Range, left: f64, head: f64) -> Frame {
        let name = font::width(&self.x_label, LABEL, false).min(ORIGIN_NAME);
        let inner = Rect { right: area.right - name, ..area };
        let frame = Titles { x_label: String::new(), ..self.clone() }.frame(inner, x, y, left, head);
        Frame { area, free: Rect { right: area.right, ..frame.free }, ..frame }
    }

    /// Pixels left of the plot where the axes run through zero.
    pub(super) fn origin_left_margin(&self) -> f64 {
        16.0 + self.name_width()
    }

    /// Draws the title and the labels of the axes.
    pub(super) fn draw(&self, scene: &mut Scene, frame: &Frame) {
        let Frame { plot, area, .. } = frame;
        let title = font::fit(&self.title, HEADING, true, area.right - plot.left);
        scene.text(Text::new(title, (plot.left, area.top + HEADING), Anchor::Start, HEADING).bold());
        let name = font::fit(&self.x_label, LABEL, false, plot.width());
        scene.text(Text::new(name, (plot.center().0, area.bottom - 4.0), Anchor::Middle, LABEL));
        let name = font::fit(&self.y_label, LABEL, false, area.height());
        let half = font::width(&name, LABEL, false) / 2.0;
        let middle = plot.center().1.clamp(area.top + half, (area.bottom - half).max(area.top + half));
        scene.text(Text::new(name, (area.left + LABEL * CAP, middle), Anchor::Middle, LABEL).upwards());
    }
}

impl Frame {
    /// The ticks of the horizontal axis.
    pub(super) fn x_ticks(&self) -> Vec<Tick> {
        self.x.ticks(48.0, BETWEEN, |label| font::width(label, SMALL, false))
    }

    /// The ticks of the vertical axis.
    pub(super) fn y_ticks(&self) -> Vec<Tick> {
        self.y.ticks(30.0, 6.0, |_| SMALL)
    }

    /// Light horizontal lines behind the data.
    pub(super) fn draw_grid(&self, scene: &mut Scene) {
        for tick in self.y_ticks() {
            let y = crisp(self.y.at(tick.value));
            scene.path(vec![(self.plot.left, y), (self.plot.right, y)], 1.0, Color::GRID);
        }
    }

    /// The axes along the left and the lower edge, with the given ticks on the lower one; `notches` draws their
    /// strokes.
    pub(super) fn draw_axes(&self, scene: &mut Scene, x_ticks: &[Tick], notches: bool) {
        let Rect { left, right, top, bottom } = self.plot;
        scene.path(vec![(crisp(left), top), (crisp(left), crisp(bottom)), (right, crisp(bottom))], 1.0, Color::INK);
        for tick in self.y_ticks() {
            let y = crisp(self.y.at(tick.value));
            scene.path(vec![(left - 4.0, y), (crisp(left), y)], 1.0, Color::INK);
            let place = (left - LABEL_GAP, y + SMALL * CAP / 2.0);
            scene.text(Text::new(tick.label, place, Anchor::End, SMALL));
        }
        for tick in x_ticks {
            let x = crisp(self.x.at(tick.value));
            if notches {
                scene.path(vec![(x, crisp(bottom)), (x, bottom + 4.0)], 1.0, Color::INK);
            }
            for (i, line) in tick.label.lines().enumerate() {
                // A label at the end of the axis moves inwards rather than out of the panel.
                let half = font::width(line, SMALL, false) / 2.0;
                let place = (x.min(self.area.right - half), bottom + LABEL_GAP + SMALL * CAP + i as f64 * LINE);
                scene.text(Text::new(line, place, Anchor::Middle, SMALL));
            }
        }
    }

    /// The two axes through zero.
    pub(super) fn origin_axes(&self) -> [Vec<Point>; 2] {
        let Rect { left, right, top, bottom } = self.plot;
        let (x0, y0) = self.origin();
        [vec![(left, y0), (right, y0)], vec![(x0, top), (x0, bottom)]]
    }

    /// The axes through zero with their ticks, and the label of the horizontal one at its end.
    pub(super) fn draw_origin_axes(&self, scene: &mut Scene, x_label: &str) {
        let (x0, y0) = self.origin();
        self.origin_axes().into_iter().for_each(|axis| scene.path(axis, 1.0, Color::INK));
        for tick in self.x_ticks().iter().filter(|t| t.value != 0.0) {
            let x = crisp(self.x.at(tick.value));
            scene.path(vec![(x, y0 - 3.0), (x, y0 + 3.0)], 1.0, Color::INK);
        }
        for tick in self.y_ticks().iter().filter(|t| t.value != 0.0) {
            let y = crisp(self.y.at(tick.value));
            scene.path(vec![(x0 - 3.0, y), (x0 + 3.0, y)], 1.0, Color::INK);
        }
        let name = font::fit(x_label, LABEL, false, ORIGIN_NAME);
        scene.text(Text::new(name, (self.plot.right + 6.0, y0 + LABEL * 0.3), Anchor::Start, LABEL));
    }

    /// The numbers along axes through zero, all at the same distance from them, so that each is seen to belong to its
    /// tick. Each half of an axis has them on the side where fewer of them would lie on the `drawn` lines. A number that
    /// still does changes sides or, where both are taken, stands on the lines with a white edge. It is left out if it would
    /// lie on another text or on the other axis; its tick stays.
    pub(super) fn draw_origin_labels(&self, scene: &mut Scene, drawn: &[Vec<Point>]) {
        let (x0, y0) = self.origin();
        let below = |t: &Tick| {
            let half = font::width(&t.label, SMALL, false) / 2.0;
            let x = crisp(self.x.at(t.value)).max(self.free.left + half).min(self.free.right - half);
            let text = |y: f64| Text::new(&t.label, (x, y), Anchor::Middle, SMALL);
            [text(y0 + LABEL_GAP + SMALL * CAP), text(y0 - LABEL_GAP)]
        };
        let beside = |t: &Tick| {
            let y = crisp(self.y.at(t.value)) + SMALL * CAP / 2.0;
            let text = |x: f64, anchor: Anchor| Text::new(&t.label, (x, y), anchor, SMALL);
            [text(x0 - LABEL_GAP, Anchor::End), text(x0 + LABEL_GAP, Anchor::Start)]
        };
        let passes = |lines: &[Vec<Point>], bounds: &Rect| lines.iter().any(|line| crosses(line, &bounds.grown(3.0)));
        let axes = self.origin_axes();
        let possible = |text: &Text, scene: &Scene| {
            let bounds = text.bounds();
            let taken = || scene.text_boxes().iter().any(|other| other.overlaps(&bounds));
            inside(&bounds, &self.free) && !passes(&axes, &bounds) && !taken()
        };
        let free = |text: &Text, scene: &Scene| possible(text, scene) && !passes(drawn, &text.bounds());
        for negative in [false, true] {
            let half = |ticks: Vec<Tick>| {
                ticks.into_iter().filter(|t| t.value != 0.0 && (t.value < 0.0) == negative).collect::<Vec<_>>()
            };
            let along: Vec<_> = half(self.x_ticks()).iter().map(below).collect();
            let up: Vec<_> = half(self.y_ticks()).iter().map(beside).collect();
            for labels in [along, up] {
                let count = |side: usize| labels.iter().filter(|pair| free(&pair[side], scene)).count();
                let usual = usize::from(count(1) > count(0));
                for mut pair in labels {
                    pair.rotate_left(usual);
                    let clear = pair.iter().find(|text| free(text, scene)).cloned();
                    let edged = || pair.iter().find(|text| possible(text, scene)).map(|text| text.clone().edged());
                    if let Some(text) = clear.or_else(edged) {
                        scene.text(text);
                    }
                }
            }
        }
    }

    /// The pixel of zero on both axes, moved to where a line is sharp.
    fn origin(&self) -> (f64, f64) {
        (crisp(self.x.at(0.0)), crisp(self.y.at(0.0)))
    }
}

fn inside(small: &Rect, large: &Rect) -> bool {
    large.contains((small.left, small.top)) && large.contains((small.right, small.bottom))
}

/// Whether a line passes through a box. It is sampled at every two pixels, which is enough for text and legends.
pub(super) fn crosses(line: &[Point], area: &Rect) -> bool {
    let ends = line.first().is_some_and(|&p| area.contains(p));
    ends || line.windows(2).any(|w| {
        let (dx, dy) = (w[1].0 - w[0].0, w[1].1 - w[0].1);
        let bounds = Rect::new(w[0].0.min(w[1].0), w[0].1.min(w[1].1), w[0].0.max(w[1].0), w[0].1.max(w[1].1));
        let steps = (dx.hypot(dy) / 2.0).ceil().max(1.0) as usize;
        bounds.grown(1.0).overlaps(area)
            && (0..=steps).any(|i| {
                let t = i as f64 / steps as f64;
                area.contains((w[0].0 + t * dx, w[0].1 + t * dy))
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers on axes through zero from −4 to 4 and from −1 to 1, beside a line through these places.
    fn numbers(line: &[(f64, f64)]) -> (Frame, Vec<Text>) {
        let range = |end: f64| Range { low: -end, high: end, log: false };
        let frame =
            Titles::default().origin_frame(Rect::new(0.0, 0.0, 600.0, 400.0), range(4.0), range(1.0), 16.0, 0.0);
        let mut scene = Scene::new(600, 400);
        let line: Vec<Point> = line.iter().map(|&(x, y)| (frame.x.at(x), frame.y.at(y))).collect();
        frame.draw_origin_labels(&mut scene, &[line]);
        (frame, scene.texts().into_iter().cloned().collect())
    }

    #[test]
    fn a_number_stands_at_its_tick_whatever_the_lines_are() {
        let flat = [(-1.5, 0.2), (1.5, 0.2)]; // on the number 0.2 at both sides of the vertical axis
        let noise: Vec<(f64, f64)> =
            (-800..=800).map(|i| (f64::from(i) / 200.0, [-1.0, 1.0][(i & 1) as usize])).collect();
        for (line, edged) in [(&flat[..], 1), (&noise[..], 18), (&[], 0)] {
            let (frame, texts) = numbers(line);
            let (x0, y0) = frame.origin();
            for (tick, upright) in
                frame.x_ticks().iter().map(|t| (t, false)).chain(frame.y_ticks().iter().map(|t| (t, true)))
            {
                let Some(text) = texts.iter().find(|text| text.text == tick.label) else {
                    assert_eq!(tick.value, 0.0, "{} is missing", tick.label);
                    continue;
                };
                let Rect { left, right, top, .. } = text.bounds();
                let middle = ((left + right) / 2.0, text.at.1 - SMALL * CAP / 2.0);
                let (gap, aside) = match upright {
                    true => ((left - x0).max(x0 - right), middle.1 - frame.y.at(tick.value)),
                    false => ((top - y0).max(y0 - text.at.1), middle.0 - frame.x.at(tick.value)),
                };
                assert!((gap - LABEL_GAP).abs() < 1e-9 && aside.abs() <= 1.0, "{tick:?}: {gap}, {aside}");
            }
            assert_eq!(texts.iter().filter(|text| text.edged).count(), edged, "{texts:?}");
        }
    }
}
