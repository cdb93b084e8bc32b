//! Digits as pen strokes, and the pen that draws them.
//!
//! A digit is a list of strokes, a stroke a list of points that the pen passes: along straight lines, or along the
//! uniform Catmull-Rom spline, whose piece from `p1` to `p2` between the neighbors `p0` and `p3` is
//!
//! ```text
//! p(t) = p1 + t/2 (p2 - p0) + t² (p0 - 5/2 p1 + 2 p2 - p3/2) + t³ (3/2 (p1 - p2) + (p3 - p0)/2),   0 <= t <= 1
//! ```
//!
//! (E. Catmull and R. Rom, "A class of local interpolating splines", 1974). The pen has a round tip: a pixel whose
//! center lies at distance `d` from the stroke is covered by `clamp(radius - d + 1/2, 0, 1)`, which is the area of the
//! pixel inside a straight edge, so that edges come out antialiased.
//!
//! The outlines are drawn for this crate. Their unit is half the height of a digit: `y` runs from -1 (top) to 1
//! (bottom), `x` from about -0.6 to 0.6.

/// A point in the plane, x to the right and y down.
pub(crate) type Point = [f32; 2];

/// How the pen moves between the points of a stroke.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stroke {
    /// Straight from point to point.
    Line(&'static [Point]),
    /// Smoothly through the points.
    Smooth(&'static [Point]),
}

use Stroke::{Line, Smooth};

/// The number of straight pieces for one piece of a spline: at the size of an image, the chord is then within a
/// twentieth of a pixel of the curve.
const PIECES: usize = 5;

impl Stroke {
    /// The points that the pen passes.
    pub(crate) fn points(&self) -> &'static [Point] {
        match self {
            Line(points) | Smooth(points) => points,
        }
    }

    /// Calls `visit` with both ends of every straight piece of the stroke, once its points have been moved to
    /// `placed` (as many as [`Stroke::points`]).
    pub(crate) fn pieces(&self, placed: &[Point], mut visit: impl FnMut(Point, Point)) {
        match self {
            Line(_) => placed.windows(2).for_each(|w| visit(w[0], w[1])),
            Smooth(_) => {
                for i in 0..placed.len() - 1 {
                    let knots =
                        [placed[i.saturating_sub(1)], placed[i], placed[i + 1], placed[(i + 2).min(placed.len() - 1)]];
                    let mut from = placed[i];
                    for k in 1..=PIECES {
                        let to = spline(&knots, k as f32 / PIECES as f32);
                        visit(from, to);
                        from = to;
                    }
                }
            }
        }
    }
}

/// The point at `t` of the Catmull-Rom piece between the two inner knots.
fn spline(knots: &[Point; 4], t: f32) -> Point {
    std::array::from_fn(|axis| {
        let [p0, p1, p2, p3] = knots.map(|p| p[axis]);
        let slope = 0.5 * (p2 - p0);
        let square = p0 - 2.5 * p1 + 2.0 * p2 - 0.5 * p3;
        let cube = 1.5 * (p1 - p2) + 0.5 * (p3 - p0);
        p1 + t * (slope + t * (square + t * cube))
    })
}

/// A square sheet on which every pixel knows its squared distance from the nearest stroke.
pub(crate) struct Sheet {
    side: usize,
    reach: f32,
    distance2: Vec<f32>,
}

impl Sheet {
    /// An empty sheet of `side` by `side` pixels for pens of at most the given radius (in pixels).
    pub(crate) fn new(side: usize, radius: f32) -> Self {
        Sheet { side, reach: radius + 0.5, distance2: vec![f32::INFINITY; side * side] }
    }

    /// Draws the straight line between two points, in pixels; the center of the first pixel is (0.5, 0.5).
    pub(crate) fn line(&mut self, from: Point, to: Point) {
        let span = |axis: usize| {
            let (low, high) = (from[axis].min(to[axis]) - self.reach, from[axis].max(to[axis]) + self.reach);
            // A cast from f32 saturates, so a stroke outside of the sheet gives an empty range.
            (low.floor() as usize)..(high.ceil().max(0.0) as usize).min(self.side)
        };
        let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
        let inverse = 1.0 / (dx * dx + dy * dy).max(f32::MIN_POSITIVE);
        let (columns, rows) = (span(0), span(1));
        for row in rows {
            for column in columns.clone() {
                let (px, py) = (column as f32 + 0.5 - from[0], row as f32 + 0.5 - from[1]);
                let t = ((px * dx + py * dy) * inverse).clamp(0.0, 1.0);
                let (ex, ey) = (px - t * dx, py - t * dy);
                let nearest = &mut self.distance2[row * self.side + column];
                *nearest = nearest.min(ex * ex + ey * ey);
            }
        }
    }

    /// How much of each pixel a pen of this radius (in pixels) covers, from 0 to 1, row by row.
    pub(crate) fn coverage(&self, radius: f32) -> impl Iterator<Item = f32> {
        self.distance2.iter().map(move |d2| (radius - d2.sqrt() + 0.5).clamp(0.0, 1.0))
    }
}

/// The ways to write each digit, 0 to 9; each way is a list of strokes.
#[rustfmt::skip]
pub(crate) const DIGITS: [&[&[Stroke]]; 10] = [
    // 0: a round and a narrow oval, and one that does not quite close.
    &[
        &[Smooth(&[[0.0, -1.0], [-0.43, -0.72], [-0.58, 0.0], [-0.43, 0.72], [0.0, 1.0], [0.43, 0.72], [0.58, 0.0], [0.43, -0.72], [0.0, -1.0]])],
        &[Smooth(&[[0.0, -1.0], [-0.32, -0.7], [-0.42, 0.0], [-0.32, 0.7], [0.0, 1.0], [0.32, 0.7], [0.42, 0.0], [0.32, -0.7], [0.0, -1.0]])],
        &[Smooth(&[[0.12, -0.95], [-0.3, -0.85], [-0.55, -0.1], [-0.4, 0.7], [0.0, 1.0], [0.42, 0.7], [0.55, 0.0], [0.35, -0.75], [-0.05, -1.0]])],
    ],
    // 1: a bar, a bar with a flag, and one with a foot.
    &[
        &[Line(&[[0.0, -1.0], [0.0, 1.0]])],
        &[Line(&[[-0.32, -0.62], [0.08, -1.0], [0.08, 1.0]])],
        &[Line(&[[-0.32, -0.66], [0.04, -1.0], [0.04, 1.0]]), Line(&[[-0.34, 1.0], [0.42, 1.0]])],
    ],
    // 2: with a straight foot, with a loop, and with a wide neck.
    &[
        &[Smooth(&[[-0.5, -0.6], [-0.33, -0.9], [0.03, -1.0], [0.38, -0.86], [0.48, -0.5], [0.32, -0.1], [-0.1, 0.42], [-0.55, 1.0]]),
          Line(&[[-0.55, 1.0], [0.58, 1.0]])],
        &[Smooth(&[[-0.48, -0.62], [-0.2, -0.95], [0.2, -0.95], [0.46, -0.6], [0.3, -0.05], [-0.15, 0.6], [-0.42, 0.94], [-0.58, 0.76], [-0.38, 0.62], [0.0, 0.84], [0.32, 1.0], [0.6, 0.82]])],
        &[Smooth(&[[-0.55, -0.5], [-0.4, -0.9], [0.0, -1.0], [0.45, -0.8], [0.5, -0.35], [0.1, 0.2], [-0.5, 0.95]]),
          Line(&[[-0.5, 0.95], [0.55, 0.92]])],
    ],
    // 3: two bowls, and a flat top.
    &[
        &[Smooth(&[[-0.48, -0.74], [-0.1, -1.0], [0.33, -0.88], [0.44, -0.5], [0.24, -0.16], [-0.12, -0.05]]),
          Smooth(&[[-0.12, -0.05], [0.3, 0.06], [0.52, 0.42], [0.36, 0.84], [-0.05, 1.0], [-0.5, 0.74]])],
        &[Line(&[[-0.45, -1.0], [0.45, -1.0], [-0.06, -0.24]]),
          Smooth(&[[-0.06, -0.24], [0.34, -0.1], [0.53, 0.35], [0.36, 0.84], [-0.05, 1.0], [-0.5, 0.8]])],
    ],
    // 4: closed, open with corners, and open and round.
    &[
        &[Line(&[[0.22, 1.0], [0.22, -1.0], [-0.6, 0.36], [0.6, 0.36]])],
        &[Line(&[[-0.36, -1.0], [-0.5, 0.12], [0.56, 0.12]]), Line(&[[0.28, -0.6], [0.28, 1.0]])],
        &[Smooth(&[[-0.38, -1.0], [-0.52, -0.4], [-0.42, 0.04], [0.0, 0.1], [0.46, -0.02]]), Line(&[[0.42, -0.98], [0.28, 1.0]])],
    ],
    // 5: in one go, and with the bar drawn last.
    &[
        &[Line(&[[0.46, -1.0], [-0.36, -1.0], [-0.43, -0.14]]),
          Smooth(&[[-0.43, -0.14], [0.0, -0.3], [0.42, -0.06], [0.52, 0.38], [0.32, 0.84], [-0.1, 1.0], [-0.5, 0.8]])],
        &[Smooth(&[[-0.34, -1.0], [-0.42, -0.22], [0.0, -0.26], [0.4, 0.02], [0.46, 0.48], [0.2, 0.9], [-0.15, 1.0], [-0.5, 0.84]]),
          Line(&[[-0.34, -1.0], [0.52, -0.96]])],
    ],
    // 6: with a round and with a straight back.
    &[
        &[Smooth(&[[0.4, -0.95], [-0.05, -0.76], [-0.42, -0.2], [-0.52, 0.4], [-0.32, 0.86], [0.05, 1.0], [0.4, 0.8], [0.5, 0.4], [0.3, 0.06], [0.0, -0.04], [-0.34, 0.1], [-0.5, 0.45]])],
        &[Smooth(&[[0.18, -1.0], [-0.2, -0.45], [-0.46, 0.2], [-0.4, 0.74], [0.0, 1.0], [0.4, 0.74], [0.42, 0.32], [0.05, 0.08], [-0.3, 0.22], [-0.45, 0.5]])],
    ],
    // 7: plain, with a bar, and with a curved stem.
    &[
        &[Line(&[[-0.52, -1.0], [0.5, -1.0], [-0.15, 1.0]])],
        &[Line(&[[-0.52, -1.0], [0.5, -1.0], [-0.12, 1.0]]), Line(&[[-0.26, 0.0], [0.44, 0.0]])],
        &[Line(&[[-0.5, -0.96], [0.52, -0.96]]), Smooth(&[[0.52, -0.96], [0.2, -0.4], [0.0, 0.2], [-0.08, 1.0]])],
    ],
    // 8: two rings, and one crossing stroke.
    &[
        &[Smooth(&[[0.0, -0.02], [-0.29, -0.18], [-0.38, -0.5], [-0.28, -0.86], [0.0, -1.0], [0.28, -0.86], [0.38, -0.5], [0.29, -0.18], [0.0, -0.02]]),
          Smooth(&[[0.0, -0.02], [-0.36, 0.13], [-0.5, 0.5], [-0.36, 0.87], [0.0, 1.0], [0.36, 0.87], [0.5, 0.5], [0.36, 0.13], [0.0, -0.02]])],
        &[Smooth(&[[0.4, -0.76], [0.0, -1.0], [-0.4, -0.76], [-0.28, -0.3], [0.22, 0.12], [0.48, 0.58], [0.2, 0.97], [-0.2, 0.97], [-0.48, 0.58], [-0.22, 0.12], [0.28, -0.3], [0.4, -0.76]])],
    ],
    // 9: with a round and with a straight back.
    &[
        &[Smooth(&[[-0.4, 0.95], [0.05, 0.76], [0.42, 0.2], [0.52, -0.4], [0.32, -0.86], [-0.05, -1.0], [-0.4, -0.8], [-0.5, -0.4], [-0.3, -0.06], [0.0, 0.04], [0.34, -0.1], [0.5, -0.45]])],
        &[Smooth(&[[0.46, -0.5], [0.3, -0.88], [-0.04, -1.0], [-0.4, -0.82], [-0.5, -0.42], [-0.3, -0.04], [0.05, 0.0], [0.36, -0.2], [0.46, -0.5]]),
          Line(&[[0.46, -0.86], [0.4, 1.0]])],
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smooth_stroke_passes_its_points_and_keeps_straight_lines_straight() {
        let points = [[0.0, 0.0], [1.0, 2.0], [3.0, 1.0]];
        let mut corners = vec![points[0]];
        Smooth(&[[0.0, 0.0]; 3]).pieces(&points, |from, to| {
            assert_eq!(from, *corners.last().unwrap());
            corners.push(to);
        });
        assert_eq!(corners.len(), 1 + 2 * PIECES);
        assert_eq!((corners[PIECES], corners[2 * PIECES]), (points[1], points[2]));

        let even = [[0.0, 1.0], [1.0, 3.0], [2.0, 5.0], [3.0, 7.0]];
        let middle = spline(&even, 0.25);
        assert!((middle[0] - 1.25).abs() < 1e-6 && (middle[1] - 3.5).abs() < 1e-6, "{middle:?}");
    }

    #[test]
    fn the_pen_covers_what_the_distance_says() {
        let (from, to, radius) = ([1.2, 2.0], [6.3, 4.7], 1.3);
        let mut sheet = Sheet::new(8, radius);
        sheet.line(from, to);
        for (i, covered) in sheet.coverage(radius).enumerate() {
            let center = [(i % 8) as f32 + 0.5, (i / 8) as f32 + 0.5];
            // The nearest of many points on the line, without the projection.
            let distance = (0..=2000)
                .map(|k| k as f32 / 2000.0)
                .map(|t| {
                    (from[0] + t * (to[0] - from[0]) - center[0]).hypot(from[1] + t * (to[1] - from[1]) - center[1])
                })
                .fold(f32::INFINITY, f32::min);
            assert!((covered - (radius + 0.5 - distance).clamp(0.0, 1.0)).abs() < 1e-3, "pixel {i}: {covered}");
        }
    }

    #[test]
    fn a_stroke_may_leave_the_sheet_or_be_a_point() {
        let mut sheet = Sheet::new(4, 1.0);
        sheet.line([-9.0, -9.0], [-5.0, 20.0]);
        sheet.line([30.0, 1.0], [30.0, 2.0]);
        assert_eq!(sheet.coverage(1.0).sum::<f32>(), 0.0);
        sheet.line([1.5, 1.5], [1.5, 1.5]);
        let covered: Vec<f32> = sheet.coverage(1.0).collect();
        assert_eq!((covered[5], covered[6], covered[7]), (1.0, 0.5, 0.0));
    }

    #[test]
    fn every_outline_fills_its_box() {
        for (digit, ways) in DIGITS.iter().enumerate() {
            for way in *ways {
                let points: Vec<Point> = way.iter().flat_map(Stroke::points).copied().collect();
                let (top, bottom) = points.iter().fold((0.0_f32, 0.0_f32), |(t, b), p| (t.min(p[1]), b.max(p[1])));
                assert!((-1.0..-0.9).contains(&top) && (0.9..=1.0).contains(&bottom), "{digit}: {top} {bottom}");
                assert!(points.iter().all(|p| p[0].abs() <= 0.6), "{digit} is too wide");
            }
        }
    }
}
