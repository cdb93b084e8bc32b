//! Grids of gray images with a caption each, such as digits and the classes that the network predicted.

use super::{
    color::Color,
    font::{self, CAP, HEADING, SMALL},
    scene::{Anchor, Mark, Rect, Scene, Text},
    setters::setters,
};
use crate::{Error, Result};

/// Pixels between an image and its caption.
const GAP: f64 = 6.0;
/// Height of a line of a caption.
const LINE: f64 = 15.0;
/// Least distance between two images.
const BETWEEN: f64 = 14.0;

#[derive(Clone, Debug)]
struct Picture {
    pixels: Vec<f64>,
    caption: String,
    wrong: bool,
}

/// A grid of gray images of one size, each with a caption below.
///
/// ```
/// use wengert::plot::{Figure, ImageGrid};
/// # fn main() -> Result<(), wengert::Error> {
/// let grid = ImageGrid::new(2, 3)
///     .image([0.0, 0.5, 1.0, 1.0, 0.5, 0.0], "2 (predicted 2)")
///     .wrong([1.0, 0.5, 0.0, 0.0, 0.5, 1.0], "7 (predicted 1)");
/// # let folder = tempfile::tempdir().unwrap();
/// Figure::new(400, 200).panel(grid).save(folder.path().join("digits"))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ImageGrid {
    title: String,
    height: usize,
    width: usize,
    range: (f64, f64),
    columns: Option<usize>,
    pictures: Vec<Picture>,
}

setters!(ImageGrid, "image grid": title = title);

impl ImageGrid {
    /// A grid for images of `height` rows of `width` pixels.
    pub fn new(height: usize, width: usize) -> ImageGrid {
        ImageGrid { title: String::new(), height, width, range: (0.0, 1.0), columns: None, pictures: Vec::new() }
    }

    /// Sets the numbers that are black and white (0 and 1 by default); numbers beyond are black or white, too.
    pub fn range(mut self, black: f64, white: f64) -> ImageGrid {
        self.range = (black, white);
        self
    }

    /// Sets the number of columns (by default, the one that makes the images largest).
    pub fn columns(mut self, columns: usize) -> ImageGrid {
        self.columns = Some(columns);
        self
    }

    /// Adds an image: `height * width` numbers, row by row.
    pub fn image(self, pixels: impl Into<Vec<f64>>, caption: impl Into<String>) -> ImageGrid {
        self.with(pixels.into(), caption.into(), false)
    }

    /// Adds an image that was classified wrongly: it has a colored frame and a bold caption with a cross.
    pub fn wrong(self, pixels: impl Into<Vec<f64>>, caption: impl Into<String>) -> ImageGrid {
        self.with(pixels.into(), format!("✗ {}", caption.into()), true)
    }

    fn with(mut self, pixels: Vec<f64>, caption: String, wrong: bool) -> ImageGrid {
        self.pictures.push(Picture { pixels, caption, wrong });
        self
    }

    /// # Errors
    /// [`Error::Empty`] without images, [`Error::Shape`] for a wrong number of pixels, [`Error::NonFinite`] for an
    /// image that holds NaN, [`Error::Setting`] for a range or a number of columns that cannot be used.
    pub(super) fn check(&self) -> Result<()> {
        let of = self.name();
        if self.pictures.is_empty() {
            return Err(Error::Empty { what: of, need: "it takes at least one image" });
        }
        if self.height == 0 || self.width == 0 {
            let size = format!("[{}, {}]", self.height, self.width);
            return Err(Error::setting(&of, "image size", size, "at least one pixel high and wide"));
        }
        let (black, white) = self.range;
        if !(black.is_finite() && white.is_finite() && black != white) {
            return Err(Error::setting(&of, "range", format!("({black}, {white})"), "two different finite numbers"));
        }
        if self.columns == Some(0) {
            return Err(Error::setting(&of, "columns", 0, "at least 1"));
        }
        for (i, picture) in self.pictures.iter().enumerate() {
            if picture.pixels.len() != self.height * self.width {
                let (need, got) = ([self.height, self.width].into(), [picture.pixels.len()].into());
                return Err(Error::shape(
                    &format!("{of}, image {i}"),
                    &[&need, &got],
                    "it must have a number per pixel",
                ));
            }
            if let Some(index) = picture.pixels.iter().position(|v| !v.is_finite()) {
                let what = format!("image {i} of the {of}");
                return Err(Error::non_finite(what, index, picture.pixels[index]));
            }
        }
        Ok(())
    }

    /// The number of columns and the side of the square that an image may fill.
    fn arrange(&self, area: Rect, lines: usize) -> (usize, f64) {
        let count = self.pictures.len();
        let side = |columns: usize| {
            let rows = count.div_ceil(columns);
            let across = area.width() / columns as f64 - BETWEEN;
            let down = area.height() / rows as f64 - BETWEEN - GAP - lines as f64 * LINE;
            // In units of the longer side of an image.
            let longer = self.height.max(self.width) as f64;
            let (w, h) = (self.width as f64 / longer, self.height as f64 / longer);
            (across / w).min(down / h).max(1.0)
        };
        let all = match self.columns {
            Some(columns) => columns..=columns,
            None => 1..=count,
        };
        all.map(|c| (c, side(c))).fold((1, 0.0), |best, this| if this.1 > best.1 + 1e-9 { this } else { best })
    }

    pub(super) fn draw(&self, scene: &mut Scene, area: Rect) {
        let title = font::fit(&self.title, HEADING, true, area.width());
        scene.text(Text::new(title, (area.left, area.top + HEADING), Anchor::Start, HEADING).bold());
        let head = if self.title.is_empty() { 0.0 } else { HEADING + 12.0 };
        let area = Rect { top: area.top + head, ..area };
        // The lines of the captions depend on the columns, and the columns on the space that the captions leave: at
        // least half of it is for the images.
        let (columns, _) = self.arrange(area, 1);
        let room = area.width() / columns as f64 - 6.0;
        let most = (area.height() / self.pictures.len().div_ceil(columns) as f64 / 2.0 / LINE).max(1.0) as usize;
        let needed = |p: &Picture| font::wrap(&p.caption, p.wrong, room, most).len();
        let lines = self.pictures.iter().map(needed).max().unwrap_or(0);
        let (columns, side) = match lines {
            0 | 1 => self.arrange(area, lines),
            _ => ImageGrid { columns: Some(columns), ..self.clone() }.arrange(area, lines),
        };
        let longer = self.height.max(self.width) as f64;
        let (w, h) = (side * self.width as f64 / longer, side * self.height as f64 / longer);
        let cell = area.width() / columns as f64;
        let row_height = h + GAP + lines as f64 * LINE + BETWEEN;
        for (i, picture) in self.pictures.iter().enumerate() {
            let center = area.left + (i % columns) as f64 * cell + cell / 2.0;
            let top = area.top + BETWEEN / 2.0 + (i / columns) as f64 * row_height;
            let place =
                Rect::new((center - w / 2.0).round(), top.round(), (center + w / 2.0).round(), (top + h).round());
            self.draw_picture(scene, picture, place, (cell - 6.0, lines));
        }
    }

    /// Draws an image with its caption, which has room for lines of a width in pixels and for some number of them.
    fn draw_picture(&self, scene: &mut Scene, picture: &Picture, area: Rect, (room, lines): (f64, usize)) {
        let (black, white) = self.range;
        let pixels = picture.pixels.iter().map(|v| Color::gray((v - black) / (white - black))).collect();
        scene.marks.push(Mark::Image { area, columns: self.width, pixels });
        let (width, color) = if picture.wrong { (3.0, Color::VERMILLION) } else { (1.0, Color(170, 170, 170)) };
        scene.outline(area.grown(width / 2.0), width, color);
        for (i, line) in font::wrap(&picture.caption, picture.wrong, room, lines.max(1)).into_iter().enumerate() {
            let place = (area.center().0, area.bottom + GAP + SMALL * CAP + 2.0 + i as f64 * LINE);
            let text = Text::new(line, place, Anchor::Middle, SMALL);
            // A darker shade of the frame's color: thin strokes need the contrast.
            let dark = Color::VERMILLION.towards(Color::BLACK, 0.25);
            scene.text(if picture.wrong { text.bold().color(dark) } else { text });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(grid: &ImageGrid) -> String {
        grid.check().unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_drawn_is_named() {
        let grid = || ImageGrid::new(2, 2).title("test");
        assert_eq!(message(&grid()), "image grid `test` is empty: it takes at least one image");
        assert_eq!(
            message(&grid().image([0.0; 4], "").image([0.0; 3], "")),
            "image grid `test`, image 1: it must have a number per pixel, but got [2, 2] and [3]"
        );
        assert_eq!(
            message(&grid().image([0.0, 0.0, f64::NAN, 0.0], "")),
            "image 0 of the image grid `test` holds NaN at index 2; every number must be finite"
        );
        assert_eq!(
            message(&grid().image([0.0; 4], "").range(1.0, 1.0)),
            "image grid `test`: range = (1, 1), but it must be two different finite numbers"
        );
        assert_eq!(
            message(&grid().image([0.0; 4], "").columns(0)),
            "image grid `test`: columns = 0, but it must be at least 1"
        );
        assert_eq!(
            message(&ImageGrid::new(0, 2).image([], "")),
            "image grid: image size = [0, 2], but it must be at least one pixel high and wide"
        );
    }

    #[test]
    fn images_and_captions_keep_clear_of_each_other() {
        for (count, width, height) in [(1, 300, 300), (7, 640, 300), (25, 700, 760), (40, 400, 900)] {
            let area = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
            let mut grid = ImageGrid::new(28, 28).title("Digits");
            for i in 0..count {
                let caption = format!("{} (predicted {})", i % 10, i % 7);
                grid = if i % 3 == 0 { grid.wrong([0.5; 784], caption) } else { grid.image([0.5; 784], caption) };
            }
            grid.check().unwrap();
            let mut scene = Scene::new(width, height);
            grid.draw(&mut scene, area);
            let mut boxes = scene.text_boxes();
            boxes.extend(
                scene.marks.iter().filter_map(|m| if let Mark::Image { area, .. } = m { Some(*area) } else { None }),
            );
            assert_eq!(scene.marks.iter().filter(|m| matches!(m, Mark::Image { .. })).count(), count);
            for (i, a) in boxes.iter().enumerate() {
                assert!(area.contains((a.left, a.top)) && area.contains((a.right, a.bottom)), "{count}: {a:?}");
                assert!(boxes[i + 1..].iter().all(|b| !a.overlaps(b)), "{count} images");
            }
        }
    }

    #[test]
    fn captions_wrap_between_words() {
        let mut grid = ImageGrid::new(28, 28).columns(10);
        for _ in 0..10 {
            grid = grid.wrong([0.5; 784], "seven (predicted one)");
        }
        let mut scene = Scene::new(900, 200);
        grid.draw(&mut scene, Rect::new(0.0, 0.0, 900.0, 200.0));
        let lines: Vec<&str> = scene.texts().iter().take(3).map(|t| t.text.as_str()).collect();
        assert_eq!(lines, ["✗ seven", "(predicted", "one)"]);
        assert_eq!(scene.texts().len(), 30);
    }

    #[test]
    fn pixels_are_shaded_in_their_range() {
        let mut scene = Scene::new(100, 100);
        let grid = ImageGrid::new(1, 3).range(-1.0, 1.0).image([-2.0, 0.0, 1.0], "");
        grid.draw(&mut scene, Rect::new(0.0, 0.0, 100.0, 100.0));
        let Mark::Image { pixels, columns, .. } = &scene.marks[0] else { panic!("an image comes first") };
        assert_eq!((columns, pixels.as_slice()), (&3, &[Color::BLACK, Color(128, 128, 128), Color::WHITE][..]));
    }
}
