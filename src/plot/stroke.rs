//! Lines: gaps where data is missing, clipping at the edge of the plot, and dashes.

use super::scene::{Point, Rect};

/// The dash of a line, which tells series apart without color.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dash {
    /// An unbroken line.
    #[default]
    Solid,
    /// Long strokes.
    Dashed,
    /// Round dots.
    Dotted,
    /// Strokes and dots in turn.
    DashDot,
}

impl Dash {
    /// The dash of the `index`-th series of a chart; there are four, which repeat.
    pub fn nth(index: usize) -> Dash {
        [Dash::Solid, Dash::Dashed, Dash::DashDot, Dash::Dotted][index % 4]
    }

    /// Lengths of strokes and gaps in turn, in pixels, for a line of this width; a stroke of length 0 is a dot.
    fn pattern(self, width: f64) -> &'static [f64] {
        let broad = width > 2.5;
        match (self, broad) {
            (Dash::Solid, _) => &[],
            (Dash::Dashed, false) => &[8.0, 6.0],
            (Dash::Dashed, true) => &[10.0, 9.0],
            (Dash::Dotted, false) => &[0.0, 5.0],
            (Dash::Dotted, true) => &[0.0, 8.0],
            (Dash::DashDot, false) => &[9.0, 5.0, 0.0, 5.0],
            (Dash::DashDot, true) => &[11.0, 8.0, 0.0, 8.0],
        }
    }
}

/// The parts of a line that lie in the box; a point that is `None` is a gap. A part may be a single point.
pub(super) fn visible(points: impl Iterator<Item = Option<Point>>, area: &Rect) -> Vec<Vec<Point>> {
    let mut parts: Vec<Vec<Point>> = Vec::new();
    let mut part: Vec<Point> = Vec::new();
    let mut previous: Option<Point> = None;
    for point in points.chain([None]) {
        match (previous, point) {
            (None, Some(p)) if area.contains(p) => part.push(p),
            (Some(a), Some(b)) => {
                if let Some((from, to)) = clip(a, b, area) {
                    if part.last() != Some(&from) {
                        parts.extend((!part.is_empty()).then(|| std::mem::take(&mut part)));
                        part.push(from);
                    }
                    part.push(to);
                }
            }
            (_, None) => parts.extend((!part.is_empty()).then(|| std::mem::take(&mut part))),
            (None, Some(_)) => {}
        }
        previous = point;
    }
    parts
}

/// The part of a segment inside the box, by the parametric method of Liang and Barsky (1984).
fn clip(a: Point, b: Point, area: &Rect) -> Option<(Point, Point)> {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let (mut enter, mut leave) = (0.0f64, 1.0f64);
    let edges = [(-dx, a.0 - area.left), (dx, area.right - a.0), (-dy, a.1 - area.top), (dy, area.bottom - a.1)];
    for (towards, room) in edges {
        if towards == 0.0 {
            if room < 0.0 {
                return None;
            }
        } else if towards < 0.0 {
            enter = enter.max(room / towards);
        } else {
            leave = leave.min(room / towards);
        }
    }
    let along = |t: f64| {
        if t == 0.0 {
            a
        } else if t == 1.0 {
            b
        } else {
            (a.0 + t * dx, a.1 + t * dy)
        }
    };
    (enter <= leave).then(|| (along(enter), along(leave)))
}

/// A line cut into the strokes of its dash.
pub(super) fn dashes(line: &[Point], dash: Dash, width: f64) -> Vec<Vec<Point>> {
    let pattern = dash.pattern(width);
    if pattern.is_empty() || line.len() < 2 {
        return vec![line.to_vec()];
    }
    let mut strokes = Vec::new();
    let (mut index, mut left) = (0, pattern[0]);
    let mut stroke = vec![line[0]];
    for w in line.windows(2) {
        let (mut from, to) = (w[0], w[1]);
        let mut length = (to.0 - from.0).hypot(to.1 - from.1);
        while length > left {
            let t = left / length;
            from = (from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1));
            length -= left;
            if index % 2 == 0 {
                if pattern[index] > 0.0 {
                    stroke.push(from);
                }
                strokes.push(std::mem::take(&mut stroke));
            } else {
                stroke = vec![from];
            }
            index = (index + 1) % pattern.len();
            left = pattern[index];
        }
        left -= length;
        if index % 2 == 0 {
            stroke.push(to);
        }
    }
    if index % 2 == 0 && stroke.len() > 1 {
        strokes.push(stroke);
    }
    strokes
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLOT: Rect = Rect { left: 0.0, top: 0.0, right: 10.0, bottom: 10.0 };

    fn parts(points: &[Option<Point>]) -> Vec<Vec<Point>> {
        visible(points.iter().copied(), &PLOT)
    }

    #[test]
    fn gaps_split_a_line() {
        let line = [
            Some((1.0, 1.0)),
            Some((2.0, 2.0)),
            None,
            Some((3.0, 3.0)),
            None,
            None,
            Some((4.0, 4.0)),
            Some((5.0, 4.0)),
        ];
        assert_eq!(parts(&line), vec![vec![(1.0, 1.0), (2.0, 2.0)], vec![(3.0, 3.0)], vec![(4.0, 4.0), (5.0, 4.0)]]);
        assert!(parts(&[None, None]).is_empty());
    }

    #[test]
    fn lines_are_cut_at_the_edge() {
        assert_eq!(
            parts(&[Some((-5.0, 5.0)), Some((5.0, 5.0)), Some((5.0, 25.0))]),
            vec![vec![(0.0, 5.0), (5.0, 5.0), (5.0, 10.0)]]
        );
        // In, out, and in again: two parts.
        let line = [Some((2.0, 5.0)), Some((2.0, -5.0)), Some((6.0, -5.0)), Some((6.0, 5.0))];
        assert_eq!(parts(&line), vec![vec![(2.0, 5.0), (2.0, 0.0)], vec![(6.0, 0.0), (6.0, 5.0)]]);
        // Both ends outside, the middle inside; and wholly outside.
        assert_eq!(parts(&[Some((-10.0, 5.0)), Some((20.0, 5.0))]), vec![vec![(0.0, 5.0), (10.0, 5.0)]]);
        assert!(parts(&[Some((-1.0, 20.0)), Some((20.0, 20.0))]).is_empty());
    }

    #[test]
    fn dashes_have_the_patterns_lengths_whatever_the_sampling() {
        let coarse = dashes(&[(0.0, 0.0), (100.0, 0.0)], Dash::Dashed, 2.0);
        let fine: Vec<Point> = (0..=400).map(|i| (f64::from(i) / 4.0, 0.0)).collect();
        let fine = dashes(&fine, Dash::Dashed, 2.0);
        assert_eq!((coarse.len(), fine.len()), (8, 8));
        for (i, stroke) in coarse.iter().enumerate() {
            let (from, to) = (14.0 * i as f64, (14.0 * i as f64 + 8.0).min(100.0));
            assert!((stroke[0].0 - from).abs() < 1e-9 && (stroke[1].0 - to).abs() < 1e-9);
            assert!((fine[i][0].0 - from).abs() < 1e-9 && (fine[i].last().unwrap().0 - to).abs() < 1e-9);
        }
    }

    #[test]
    fn dots_are_single_points() {
        let dots = dashes(&[(0.0, 0.0), (21.0, 0.0)], Dash::Dotted, 2.0);
        assert_eq!(
            dots,
            vec![vec![(0.0, 0.0)], vec![(5.0, 0.0)], vec![(10.0, 0.0)], vec![(15.0, 0.0)], vec![(20.0, 0.0)]]
        );
    }
}
