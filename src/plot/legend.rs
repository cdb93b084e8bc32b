//! The legend of a line chart: a sample of each line with its name.

use super::{
    axes::crosses,
    color::Color,
    font::{self, CAP, SMALL},
    scene::{Anchor, Point, Rect, Scene, Text, crisp},
    stroke::{Dash, dashes},
};

/// Where the legend of a chart stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Legend {
    /// In the first corner of the plot where it hides nothing; if there is none, to the right of the plot; if the panel
    /// has no space for that, in a row above the plot.
    #[default]
    Auto,
    /// In the upper left corner of the plot.
    TopLeft,
    /// In the upper right corner of the plot.
    TopRight,
    /// In the lower left corner of the plot.
    BottomLeft,
    /// In the lower right corner of the plot.
    BottomRight,
    /// To the right of the plot, where it hides nothing.
    Right,
    /// In a row above the plot, where it hides nothing.
    Above,
    /// Not at all.
    Hidden,
}

/// One line of a legend.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub label: String,
    pub color: Color,
    pub dash: Dash,
    pub width: f64,
}

/// Length of the sample of a line.
const SAMPLE: f64 = 34.0;
/// Pixels between a sample and its name.
const GAP: f64 = 8.0;
/// Height of a row.
const ROW: f64 = 18.0;
/// Pixels around the rows.
const MARGIN: f64 = 7.0;
/// Pixels between entries that stand in one row, and between the plot and a legend to its right.
const BESIDE: f64 = 20.0;
/// Pixels around a legend in a corner that are kept free of lines.
const CLEAR: f64 = 4.0;

fn entry_width(entry: &Entry) -> f64 {
    SAMPLE + GAP + font::width(&entry.label, SMALL, false)
}

/// The entries in rows that fit into a width.
fn rows(entries: &[Entry], width: f64) -> Vec<Vec<&Entry>> {
    let mut rows: Vec<(f64, Vec<&Entry>)> = Vec::new();
    for entry in entries {
        let needed = entry_width(entry) + BESIDE;
        match rows.last_mut() {
            Some((used, row)) if *used + needed <= width + BESIDE => {
                *used += needed;
                row.push(entry);
            }
            _ => rows.push((needed, vec![entry])),
        }
    }
    rows.into_iter().map(|(_, row)| row).collect()
}

/// The height that [`Legend::Above`] takes in a panel of this width.
pub(super) fn row_height(entries: &[Entry], width: f64) -> f64 {
    if entries.is_empty() { 0.0 } else { rows(entries, row_width(width)).len() as f64 * ROW + 6.0 }
}

/// The width of the rows above the plot: that of the panel, less a usual left margin.
fn row_width(panel: f64) -> f64 {
    (panel - 100.0).max(80.0)
}

/// Width and height of the box of a legend whose entries stand below each other.
fn size(entries: &[Entry]) -> (f64, f64) {
    let width = entries.iter().map(entry_width).fold(0.0, f64::max);
    (width + 2.0 * MARGIN, entries.len() as f64 * ROW + 2.0 * MARGIN - 4.0)
}

/// The width that [`Legend::Right`] takes in a panel of this width; longer names are cut.
pub(super) fn column_width(entries: &[Entry], panel: f64) -> f64 {
    if entries.is_empty() { 0.0 } else { (size(entries).0 + BESIDE + 1.0).min(panel / 2.0).ceil() }
}

/// Whether [`Legend::Right`] leaves enough of the panel for the plot.
pub(super) fn fits_right(entries: &[Entry], plot: &Rect, panel: f64) -> bool {
    column_width(entries, panel) <= 0.4 * panel && size(entries).1 <= plot.height()
}

/// The box of a legend in a corner of the plot, or in the strip to its right.
fn position(entries: &[Entry], place: Legend, plot: &Rect, strip: &Rect) -> Rect {
    let (width, height) = size(entries);
    if place == Legend::Right {
        let left = strip.left + BESIDE;
        return Rect::new(left, plot.top, (left + width).min(strip.right - 1.0), plot.top + height);
    }
    let width = width.min(plot.width() - 2.0 * MARGIN);
    let (left, top) = (plot.left + 10.0, plot.top + 4.0);
    let (right, bottom) = (plot.right - 4.0 - width, plot.bottom - 8.0 - height);
    let (x, y) = match place {
        Legend::TopRight => (right, top),
        Legend::BottomLeft => (left, bottom),
        Legend::BottomRight => (right, bottom),
        _ => (left, top),
    };
    Rect::new(x, y, x + width, y + height)
}

/// The first corner whose legend would hide none of the lines and texts.
pub(super) fn free_corner(entries: &[Entry], plot: &Rect, lines: &[Vec<Point>], texts: &[Rect]) -> Option<Legend> {
    [Legend::TopRight, Legend::TopLeft, Legend::BottomRight, Legend::BottomLeft].into_iter().find(|&place| {
        let area = position(entries, place, plot, plot).grown(CLEAR);
        area.height() < plot.height()
            && !texts.iter().any(|t| t.overlaps(&area))
            && !lines.iter().any(|line| crosses(line, &area))
    })
}

/// Draws the legend of a chart with this plot in the panel `area`, of which `head` pixels above the plot and `side`
/// pixels at the right are free. [`Legend::Auto`] must have been resolved before.
pub(super) fn draw(
    scene: &mut Scene,
    entries: &[Entry],
    place: Legend,
    plot: &Rect,
    area: Rect,
    [head, side]: [f64; 2],
) {
    if entries.is_empty() || place == Legend::Hidden {
        return;
    }
    if place == Legend::Above {
        for (i, row) in rows(entries, row_width(area.width())).into_iter().enumerate() {
            let (mut x, y) = (plot.left, plot.top - head + (i as f64 + 0.5) * ROW);
            for entry in row {
                draw_entry(scene, entry, (x, y), area.right - x);
                x += entry_width(entry) + BESIDE;
            }
        }
        return;
    }
    let area = position(entries, place, plot, &Rect { left: area.right - side, ..area });
    scene.fill(area, Color::WHITE);
    scene.outline(
        Rect::new(crisp(area.left), crisp(area.top), crisp(area.right), crisp(area.bottom)),
        1.0,
        Color::GRID,
    );
    for (i, entry) in entries.iter().enumerate() {
        let y = area.top + MARGIN - 2.0 + (i as f64 + 0.5) * ROW;
        draw_entry(scene, entry, (area.left + MARGIN, y), area.width() - 2.0 * MARGIN);
    }
}

/// One entry whose sample starts at this place, in at most `room` pixels.
fn draw_entry(scene: &mut Scene, entry: &Entry, (x, y): Point, room: f64) {
    for stroke in dashes(&[(x, y), (x + SAMPLE, y)], entry.dash, entry.width) {
        scene.path(stroke, entry.width, entry.color);
    }
    let label = font::fit(&entry.label, SMALL, false, room - SAMPLE - GAP + 0.5);
    scene.text(Text::new(label, (x + SAMPLE + GAP, y + SMALL * CAP / 2.0), Anchor::Start, SMALL));
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLOT: Rect = Rect { left: 50.0, top: 20.0, right: 550.0, bottom: 320.0 };

    fn entries() -> Vec<Entry> {
        let entry = |label: &str| Entry { label: label.into(), color: Color::BLUE, dash: Dash::Solid, width: 2.0 };
        vec![entry("ELU"), entry("leaky ReLU")]
    }

    fn label_places(place: Legend) -> Vec<Point> {
        let mut scene = Scene::new(600, 400);
        draw(&mut scene, &entries(), place, &PLOT, Rect { right: 700.0, ..PLOT.grown(20.0) }, [24.0, 150.0]);
        scene.texts().iter().map(|t| t.at).collect()
    }

    #[test]
    fn each_corner_is_where_its_name_says() {
        let center = PLOT.center();
        for (place, right, below) in [
            (Legend::TopLeft, false, false),
            (Legend::TopRight, true, false),
            (Legend::BottomLeft, false, true),
            (Legend::BottomRight, true, true),
        ] {
            let places = label_places(place);
            assert_eq!(places.len(), 2);
            assert!(places.iter().all(|p| (p.0 > center.0, p.1 > center.1) == (right, below) && PLOT.contains(*p)));
        }
        assert!(label_places(Legend::Right).iter().all(|p| p.0 > PLOT.right && p.1 > PLOT.top));
        assert!(label_places(Legend::Above).iter().all(|p| p.1 < PLOT.top));
        assert!(label_places(Legend::Hidden).is_empty());
    }

    #[test]
    fn the_automatic_corner_avoids_the_lines() {
        let free = |lines: &[Vec<Point>]| free_corner(&entries(), &PLOT, lines, &[]);
        let falling = vec![(60.0, 25.0), (120.0, 300.0), (540.0, 315.0)];
        assert_eq!(free(&[falling]), Some(Legend::TopRight));
        let above = vec![(50.0, 30.0), (550.0, 30.0)];
        let below_right = vec![(500.0, 300.0), (549.0, 290.0)];
        assert_eq!(free(&[above.clone(), below_right.clone()]), Some(Legend::BottomLeft));
        assert_eq!(free(&[above, below_right, vec![(50.0, 300.0), (100.0, 300.0)]]), None);
    }
}
