//! A scene as PNG, with two pixels of the file for each pixel of the figure each way, so that text is sharp on fine
//! screens.
//!
//! A line of width $w$ covers a pixel at distance $d$ from it by $\min(1, \max(0, w/2 + 1/2 - d))$. The coverage of a
//! whole path is the *largest* over its segments, and is blended once; drawing the segments one after the other would
//! darken every joint.

use std::io;

use plotters::backend::{BitMapBackend, DrawingBackend};
use plotters::style::{Color as _, RGBColor};

use super::{
    color::Color,
    font,
    scene::{EDGE, Mark, Point, Rect, Scene, Text},
};

/// Pixels of the file per pixel of the figure.
pub(super) const SCALE: f64 = 2.0;

/// The scene as the bytes of a PNG file, [`SCALE`] times as wide and as high.
pub(super) fn write(scene: &Scene) -> io::Result<Vec<u8>> {
    let size = (scene.width * SCALE as u32, scene.height * SCALE as u32);
    let mut pixels = vec![255; size.0 as usize * size.1 as usize * 3];
    let mut canvas = Canvas { backend: BitMapBackend::with_buffer(&mut pixels, size), size };
    let (images, others): (Vec<_>, Vec<_>) = scene.marks.iter().partition(|m| matches!(m, Mark::Image { .. }));
    for mark in images.into_iter().chain(others) {
        canvas.draw(mark)?;
    }
    canvas.backend.present().map_err(io::Error::other)?;
    drop(canvas);
    encode(size.0, size.1, &pixels)
}

/// Rows of red, green and blue bytes as a PNG file.
pub(super) fn encode(width: u32, height: u32, rgb: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(rgb)?;
    writer.finish()?;
    Ok(bytes)
}

struct Canvas<'a> {
    backend: BitMapBackend<'a>,
    size: (u32, u32),
}

impl Canvas<'_> {
    fn draw(&mut self, mark: &Mark) -> io::Result<()> {
        match mark {
            Mark::Path { points, width, color } => self.path(points, *width, *color),
            Mark::Fill { area, color } => self.fill(*area, *color),
            Mark::Text(text) => self.text(text),
            Mark::Hint { .. } => Ok(()),
            Mark::Image { area, columns, pixels } => {
                let rows = pixels.len() / columns;
                // Both neighbors compute their common edge in the same way, so that there is no gap between them.
                let x = |column: usize| area.left + area.width() * column as f64 / *columns as f64;
                let y = |row: usize| area.top + area.height() * row as f64 / rows as f64;
                for (i, &color) in pixels.iter().enumerate() {
                    let (column, row) = (i % columns, i / columns);
                    self.fill(Rect::new(x(column), y(row), x(column + 1), y(row + 1)), color)?;
                }
                Ok(())
            }
        }
    }

    fn pixel(&mut self, x: i32, y: i32, color: Color, coverage: f64) -> io::Result<()> {
        self.backend.draw_pixel((x, y), rgb(color).mix(coverage).to_backend_color()).map_err(io::Error::other)
    }

    fn fill(&mut self, area: Rect, color: Color) -> io::Result<()> {
        let at = |v: f64| (v * SCALE).round() as i32;
        let (left, top, right, bottom) = (at(area.left), at(area.top), at(area.right), at(area.bottom));
        if left >= right || top >= bottom {
            return Ok(());
        }
        // The backend excludes the last row and column, as a range does.
        self.backend.draw_rect((left, top), (right, bottom), &rgb(color), true).map_err(io::Error::other)
    }

    fn text(&mut self, text: &Text) -> io::Result<()> {
        let (x, y) = text.start();
        let (x, y) = ((x * SCALE).round() as i32, (y * SCALE).round() as i32);
        let mut covered = Vec::new();
        font::rasterise(&text.text, text.size * SCALE, text.bold, |along, down, coverage| {
            covered.push((if text.upwards { (x + down, y - 1 - along) } else { (x + along, y + down) }, coverage));
        });
        if text.edged {
            self.edge(&covered)?;
        }
        covered.into_iter().try_for_each(|((x, y), coverage)| self.pixel(x, y, text.color, coverage))
    }

    /// White around letters: each pixel as much as the one within [`EDGE`] that they cover most.
    fn edge(&mut self, letters: &[((i32, i32), f64)]) -> io::Result<()> {
        let reach = (EDGE * SCALE) as i32;
        let mut white = std::collections::BTreeMap::new();
        for &((x, y), coverage) in letters {
            let disc = (-reach..=reach).flat_map(|dx| (-reach..=reach).map(move |dy| (dx, dy)));
            for (dx, dy) in disc.filter(|(dx, dy)| dx * dx + dy * dy <= reach * reach) {
                let most = white.entry((x + dx, y + dy)).or_insert(0.0);
                *most = coverage.max(*most);
            }
        }
        white.into_iter().try_for_each(|((x, y), coverage)| self.pixel(x, y, Color::WHITE, coverage))
    }

    fn path(&mut self, points: &[Point], width: f64, color: Color) -> io::Result<()> {
        let points: Vec<Point> = points.iter().map(|&(x, y)| (x * SCALE, y * SCALE)).collect();
        let reach = width * SCALE / 2.0 + 0.5;
        let whole = self.pixels_within(&points, reach);
        let (columns, rows) = (whole.columns.len(), whole.rows.len());
        let mut coverage = vec![0.0f32; columns * rows];
        let segments: Vec<[Point; 2]> = match points[..] {
            [dot] => vec![[dot, dot]],
            _ => points.windows(2).map(|w| [w[0], w[1]]).collect(),
        };
        for segment in segments {
            let part = self.pixels_within(&segment, reach);
            for y in part.rows {
                for x in part.columns.clone() {
                    let covered = reach - distance((x as f64 + 0.5, y as f64 + 0.5), segment);
                    let index = (y - whole.rows.start) * columns + x - whole.columns.start;
                    coverage[index] = coverage[index].max(covered.clamp(0.0, 1.0) as f32);
                }
            }
        }
        for (i, &covered) in coverage.iter().enumerate().filter(|(_, covered)| **covered > 0.0) {
            let (x, y) = (whole.columns.start + i % columns, whole.rows.start + i / columns);
            self.pixel(x as i32, y as i32, color, f64::from(covered))?;
        }
        Ok(())
    }

    /// The pixels of the canvas in the smallest box that holds everything within `reach` of the points.
    fn pixels_within(&self, points: &[Point], reach: f64) -> Pixels {
        let span = |values: &mut dyn Iterator<Item = f64>, end: u32| {
            let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
            let start = (low - reach).floor().clamp(0.0, f64::from(end)) as usize;
            start..((high + reach).ceil().clamp(0.0, f64::from(end)) as usize).max(start)
        };
        Pixels {
            columns: span(&mut points.iter().map(|p| p.0), self.size.0),
            rows: span(&mut points.iter().map(|p| p.1), self.size.1),
        }
    }
}

struct Pixels {
    columns: std::ops::Range<usize>,
    rows: std::ops::Range<usize>,
}

/// The distance from a point to a segment.
fn distance((x, y): Point, [a, b]: [Point; 2]) -> f64 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length_squared = dx * dx + dy * dy;
    let t =
        if length_squared > 0.0 { (((x - a.0) * dx + (y - a.1) * dy) / length_squared).clamp(0.0, 1.0) } else { 0.0 };
    (x - a.0 - t * dx).hypot(y - a.1 - t * dy)
}

fn rgb(color: Color) -> RGBColor {
    RGBColor(color.0, color.1, color.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size and pixels of a PNG file.
    fn decode(bytes: &[u8]) -> (u32, u32, Vec<[u8; 3]>) {
        let mut reader = png::Decoder::new(io::Cursor::new(bytes)).read_info().unwrap();
        let mut buffer = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut buffer).unwrap();
        (info.width, info.height, buffer.as_chunks::<3>().0.to_vec())
    }

    #[test]
    fn a_box_fills_its_pixels_and_no_others() {
        let mut scene = Scene::new(10, 6);
        scene.fill(Rect::new(2.0, 1.0, 5.0, 3.0), Color::BLUE);
        let (width, height, pixels) = decode(&write(&scene).unwrap());
        assert_eq!((width, height), (20, 12));
        for (i, pixel) in pixels.iter().enumerate() {
            let inside = (4..10).contains(&(i % 20)) && (2..6).contains(&(i / 20));
            assert_eq!(*pixel, if inside { [0, 114, 178] } else { [255; 3] }, "pixel {i}");
        }
    }

    #[test]
    fn the_pixels_of_an_image_leave_no_gaps() {
        let mut scene = Scene::new(110, 110);
        let area = Rect::new(3.0, 3.0, 104.0, 102.0);
        scene.marks.push(Mark::Image { area, columns: 29, pixels: vec![Color::BLUE; 29 * 31] });
        let (_, _, pixels) = decode(&write(&scene).unwrap());
        assert_eq!(pixels.iter().filter(|p| **p == [0, 114, 178]).count(), 202 * 198);
    }

    #[test]
    fn a_crisp_line_has_no_gray_edge() {
        let mut scene = Scene::new(10, 6);
        scene.path(vec![(0.0, 2.5), (10.0, 2.5)], 1.0, Color::BLACK);
        let (_, _, pixels) = decode(&write(&scene).unwrap());
        for row in 0..12 {
            let expected = if row == 4 || row == 5 { [0; 3] } else { [255; 3] };
            assert_eq!(pixels[row * 20 + 10], expected, "row {row}");
        }
    }

    #[test]
    fn a_slanted_line_covers_its_area() {
        // The darkness of an antialiased line adds up to length x width (its round ends included).
        let mut scene = Scene::new(60, 60);
        scene.path(vec![(10.0, 13.0), (50.0, 41.0)], 3.0, Color::BLACK);
        let (_, _, pixels) = decode(&write(&scene).unwrap());
        let dark: f64 = pixels.iter().map(|p| 1.0 - f64::from(p[0]) / 255.0).sum::<f64>() / (SCALE * SCALE);
        let expected = 40f64.hypot(28.0) * 3.0 + std::f64::consts::PI * 1.5 * 1.5;
        assert!((dark - expected).abs() < 0.01 * expected, "{dark} instead of {expected}");
    }

    #[test]
    fn a_white_edge_keeps_a_line_from_the_letters() {
        let row = |edged: bool| {
            let text = Text::new("I", (20.0, 20.0), super::super::scene::Anchor::Middle, 24.0).bold();
            let mut scene = Scene::new(40, 30);
            scene.path(vec![(0.0, 15.0), (40.0, 15.0)], 6.0, Color::BLUE);
            scene.text(if edged { text.edged() } else { text });
            decode(&write(&scene).unwrap()).2[30 * 80..31 * 80].to_vec()
        };
        let white = |row: &[[u8; 3]]| row.iter().filter(|pixel| **pixel == [255; 3]).count();
        let (plain, edged) = (row(false), row(true));
        assert_eq!((plain[40], edged[40], white(&plain)), ([38; 3], [38; 3], 0));
        assert_eq!((plain[20], edged[20], edged[60]), ([0, 114, 178], [0, 114, 178], [0, 114, 178]));
        // Six pixels of the file on either side of the letter, one of which its soft edge may darken.
        assert!((10..=12).contains(&white(&edged)), "{edged:?}");
    }

    #[test]
    fn text_lands_in_its_bounds() {
        for upwards in [false, true] {
            let mut text = Text::new("Quality 0.5", (60.0, 70.0), super::super::scene::Anchor::Middle, 13.0);
            text.upwards = upwards;
            let bounds = text.bounds().grown(1.0);
            let mut scene = Scene::new(120, 140);
            scene.text(text);
            let (width, _, pixels) = decode(&write(&scene).unwrap());
            let dark: Vec<Point> = (0..pixels.len())
                .filter(|&i| pixels[i][0] < 128)
                .map(|i| ((i as u32 % width) as f64 / SCALE, (i as u32 / width) as f64 / SCALE))
                .collect();
            assert!(dark.len() > 200);
            assert!(dark.iter().all(|&p| bounds.contains(p)));
        }
    }
}
