//! A scene: the finished layout of a figure as a list of marks, whatever kind of file it is written to.
//!
//! Lengths are in pixels of the figure (fractions allowed), x to the right and y *downwards* from the top left corner.
//! A figure is laid out once; the writers of SVG and PNG draw the same list, and the tests measure it.

use super::{color::Color, font};

/// A place in pixels: x to the right, y downwards.
pub(super) type Point = (f64, f64);

/// A box in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rect {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Rect {
    pub(super) fn new(left: f64, top: f64, right: f64, bottom: f64) -> Rect {
        Rect { left, top, right, bottom }
    }

    pub(super) fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(super) fn height(&self) -> f64 {
        self.bottom - self.top
    }

    pub(super) fn center(&self) -> Point {
        ((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0)
    }

    /// The box with every side moved outwards by `margin` (inwards where it is negative).
    pub(super) fn grown(&self, margin: f64) -> Rect {
        Rect::new(self.left - margin, self.top - margin, self.right + margin, self.bottom + margin)
    }

    /// Whether two boxes share more than an edge.
    pub(super) fn overlaps(&self, other: &Rect) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    /// Whether the point lies in the box or on its edge.
    pub(super) fn contains(&self, (x, y): Point) -> bool {
        (self.left..=self.right).contains(&x) && (self.top..=self.bottom).contains(&y)
    }
}

/// The part of a text that stands at the given place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A line of text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text {
    pub text: String,
    /// The place of the anchor, on the baseline.
    pub at: Point,
    pub anchor: Anchor,
    /// Pixels per em.
    pub size: f64,
    pub bold: bool,
    pub color: Color,
    /// Whether it reads upwards, as the label of a vertical axis.
    pub upwards: bool,
    /// Whether it has a white edge, so that it can be read where it lies on lines.
    pub edged: bool,
}

/// Pixels by which the white edge of a text reaches beyond its letters: enough that no line is seen between two of them.
pub(super) const EDGE: f64 = 3.0;

impl Text {
    /// Plain text of the given size whose anchor is at `at`, on the baseline.
    pub(super) fn new(text: impl Into<String>, at: Point, anchor: Anchor, size: f64) -> Text {
        // Control characters are not allowed in XML and have no shape.
        let text = text.into().replace(char::is_control, " ");
        Text { text, at, anchor, size, bold: false, color: Color::INK, upwards: false, edged: false }
    }

    pub(super) fn bold(mut self) -> Text {
        self.bold = true;
        self
    }

    pub(super) fn color(mut self, color: Color) -> Text {
        self.color = color;
        self
    }

    pub(super) fn upwards(mut self) -> Text {
        self.upwards = true;
        self
    }

    pub(super) fn edged(mut self) -> Text {
        self.edged = true;
        self
    }

    /// Where the baseline starts.
    pub(super) fn start(&self) -> Point {
        let back = match self.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => 0.5,
            Anchor::End => 1.0,
        } * font::width(&self.text, self.size, self.bold);
        if self.upwards { (self.at.0, self.at.1 + back) } else { (self.at.0 - back, self.at.1) }
    }

    /// The box that the text fills, from the top of its capitals to the bottom of its descenders.
    pub(super) fn bounds(&self) -> Rect {
        let ((x, y), length) = (self.start(), font::width(&self.text, self.size, self.bold));
        let (above, below) = (font::CAP * self.size, font::DESCENT * self.size);
        if self.upwards {
            Rect::new(x - above, y - length, x + below, y)
        } else {
            Rect::new(x, y - above, x + length, y + below)
        }
    }
}

/// One thing to draw.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mark {
    /// A line through the points, with round joints; a single point is a round dot.
    Path { points: Vec<Point>, width: f64, color: Color },
    /// A filled box.
    Fill { area: Rect, color: Color },
    /// A picture of square pixels, row by row, stretched over the box.
    Image { area: Rect, columns: usize, pixels: Vec<Color> },
    /// A line of text.
    Text(Text),
    /// What a viewer of SVG shows while the pointer is in a box; nothing in a picture.
    Hint { area: Rect, text: String },
}

/// The marks of a figure, in drawing order, on white paper. Images lie below everything else.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scene {
    pub width: u32,
    pub height: u32,
    pub marks: Vec<Mark>,
}

impl Scene {
    pub(super) fn new(width: u32, height: u32) -> Scene {
        Scene { width, height, marks: Vec::new() }
    }

    pub(super) fn path(&mut self, points: Vec<Point>, width: f64, color: Color) {
        self.marks.push(Mark::Path { points, width, color });
    }

    pub(super) fn fill(&mut self, area: Rect, color: Color) {
        self.marks.push(Mark::Fill { area, color });
    }

    /// The outline of a box.
    pub(super) fn outline(&mut self, area: Rect, width: f64, color: Color) {
        let Rect { left, top, right, bottom } = area;
        self.path(vec![(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], width, color);
    }

    pub(super) fn text(&mut self, text: Text) {
        if !text.text.trim().is_empty() {
            self.marks.push(Mark::Text(text));
        }
    }

    /// What a box says while the pointer is in it.
    pub(super) fn hint(&mut self, area: Rect, text: &str) {
        self.marks.push(Mark::Hint { area, text: text.replace(char::is_control, " ") });
    }

    /// The boxes that the texts fill.
    pub(super) fn text_boxes(&self) -> Vec<Rect> {
        self.marks.iter().filter_map(|m| if let Mark::Text(t) = m { Some(t.bounds()) } else { None }).collect()
    }

    /// The texts, for tests that look for overlaps.
    #[cfg(test)]
    pub(super) fn texts(&self) -> Vec<&Text> {
        self.marks.iter().filter_map(|m| if let Mark::Text(t) = m { Some(t) } else { None }).collect()
    }
}

/// The middle of the pixel that holds this coordinate: a line one pixel wide is sharp there.
pub(super) fn crisp(v: f64) -> f64 {
    v.floor() + 0.5
}
