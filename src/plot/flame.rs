//! Flame charts: shares of a whole, and shares of those, as boxes that lie below one another (B. Gregg, "The flame graph",
//! 2016; upside down).
//!
//! The width of a box is its amount; below it lie its parts, the largest first. What is left free below a box is its own.

use super::{
    color::Color,
    font::{self, CAP, SMALL, TITLE},
    scene::{Anchor, Rect, Scene, Text},
    setters::setters,
};
use crate::{Error, Result};

/// Amounts by path, such as seconds by layer and operation.
///
/// ```
/// use wengert::plot::{Figure, FlameChart};
/// let chart = FlameChart::new("ms").add(&["step", "forward"], 2.0).add(&["step", "backward", "conv"], 3.5);
/// # let folder = tempfile::tempdir().unwrap();
/// Figure::new(640, 200).panel(chart.title("A step")).save(folder.path().join("flame"))?;
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FlameChart {
    title: String,
    unit: String,
    whole: Part,
}

setters!(FlameChart, "flame chart": title = title);

/// A box: its amount with those of its parts.
#[derive(Clone, Debug, Default)]
struct Part {
    name: String,
    amount: f64,
    parts: Vec<Part>,
}

/// Pixels below which a box is not drawn, and its parts neither.
const THINNEST: f64 = 0.5;
/// Pixels of the highest box.
const HIGHEST: f64 = 34.0;

impl Part {
    fn add(&mut self, path: &[&str], amount: f64) {
        self.amount += amount;
        let Some((first, rest)) = path.split_first() else { return };
        let place = self.parts.iter().position(|part| part.name == *first).unwrap_or_else(|| {
            self.parts.push(Part { name: (*first).to_owned(), ..Part::default() });
            self.parts.len() - 1
        });
        self.parts[place].add(rest, amount);
    }

    fn depth(&self) -> usize {
        self.parts.iter().map(|part| 1 + part.depth()).max().unwrap_or(0)
    }

    fn is_sound(&self) -> bool {
        self.amount.is_finite() && self.amount >= 0.0 && self.parts.iter().all(Part::is_sound)
    }
}

impl FlameChart {
    /// An empty chart of amounts in this unit.
    pub fn new(unit: impl Into<String>) -> FlameChart {
        FlameChart { title: String::new(), unit: unit.into(), whole: Part::default() }
    }

    /// Adds an amount (not negative) to the box at the end of a path and to all those above it.
    pub fn add(mut self, path: &[&str], amount: f64) -> FlameChart {
        self.whole.add(path, amount);
        self
    }

    /// How many rows of boxes there are.
    pub(super) fn depth(&self) -> usize {
        self.whole.depth()
    }

    pub(super) fn check(&self) -> Result<()> {
        match self.whole.is_sound() && self.whole.amount > 0.0 {
            true => Ok(()),
            false => {
                let need = "it takes amounts that are finite and not negative, and one that is positive";
                Err(Error::Empty { what: self.name(), need })
            }
        }
    }

    pub(super) fn draw(&self, scene: &mut Scene, mut area: Rect) {
        if !self.title.is_empty() {
            let at = (area.center().0, area.top + TITLE * CAP);
            scene.text(Text::new(font::fit(&self.title, TITLE, true, area.width()), at, Anchor::Middle, TITLE).bold());
            area.top += TITLE + 10.0;
        }
        let row = (area.height() / self.whole.depth().max(1) as f64).min(HIGHEST);
        let scale = area.width() / self.whole.amount;
        let mut names = Vec::new();
        self.draw_parts(scene, &self.whole, (area.left, area.top), (scale, row), (0, Color::GRID), &mut names);
    }

    /// Draws the parts of a box below it, from the left; `depth` boxes lie above them. In the third row each name has a
    /// color, wherever it stands, which its parts have too, lighter.
    fn draw_parts<'c>(
        &self,
        scene: &mut Scene,
        of: &'c Part,
        (mut left, top): (f64, f64),
        (scale, row): (f64, f64),
        (depth, color): (usize, Color),
        names: &mut Vec<&'c str>,
    ) {
        let mut parts: Vec<&Part> = of.parts.iter().collect();
        parts.sort_by(|a, b| b.amount.total_cmp(&a.amount));
        for part in parts {
            let width = part.amount * scale;
            if width >= THINNEST {
                let color = match depth {
                    0 | 1 => color,
                    2 => {
                        let known = names.iter().position(|name| *name == part.name);
                        let place = known.unwrap_or_else(|| {
                            names.push(&part.name);
                            names.len() - 1
                        });
                        Color::nth(place).towards(Color::WHITE, 0.4)
                    }
                    _ => color.towards(Color::WHITE, 0.25),
                };
                let edge = if width > 3.0 { 0.5 } else { 0.0 };
                let area = Rect::new(left + edge, top + 0.5, left + width - edge, top + row - 0.5);
                scene.fill(area, color);
                self.label(scene, part, area, color);
                self.draw_parts(scene, part, (left, top + row), (scale, row), (depth + 1, color), names);
            }
            left += width;
        }
    }

    /// Name and amount in a box, or the name alone, or nothing, as there is room; under the pointer, both.
    fn label(&self, scene: &mut Scene, part: &Part, area: Rect, color: Color) {
        let whole = format!("{} {} {}", part.name, digits(part.amount), self.unit);
        scene.hint(area, &whole);
        let room = area.width() - 8.0;
        if room < 16.0 || area.height() < SMALL {
            return;
        }
        let text = match font::width(&whole, SMALL, false) <= room {
            true => whole,
            false => font::fit(&part.name, SMALL, false, room),
        };
        let at = (area.left + 4.0, area.center().1 + SMALL * CAP / 2.0);
        scene.text(Text::new(text, at, Anchor::Start, SMALL).color(color.readable_text()));
    }
}

fn digits(amount: f64) -> String {
    if amount >= 100.0 { format!("{amount:.0}") } else { format!("{amount:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::scene::Mark;

    const AREA: Rect = Rect { left: 0.0, top: 0.0, right: 600.0, bottom: 200.0 };

    fn drawn(chart: &FlameChart) -> (Scene, Vec<Rect>) {
        let mut scene = Scene::new(600, 200);
        chart.draw(&mut scene, AREA);
        let fills = scene.marks.iter().filter_map(|m| if let Mark::Fill { area, .. } = m { Some(*area) } else { None });
        let fills = fills.collect();
        (scene, fills)
    }

    #[test]
    fn widths_are_shares_and_parts_lie_below_their_whole() {
        let chart = FlameChart::new("ms").add(&["a"], 1.0).add(&["a", "b"], 2.0).add(&["c"], 2.0).add(&["a", "b"], 1.0);
        let boxes = drawn(&chart).1;
        let [a, b, c] = boxes[..] else { panic!("three boxes: {boxes:?}") };
        assert!((a.width() - 399.0).abs() < 1.5 && (b.width() - 299.0).abs() < 1.5 && (c.width() - 199.0).abs() < 1.5);
        assert!(b.top >= a.bottom && b.left >= a.left && b.right <= a.right && c.left >= a.right && c.top == a.top);
    }

    #[test]
    fn a_box_too_narrow_for_its_name_says_it_under_the_pointer() {
        let (scene, boxes) = drawn(&FlameChart::new("ms").add(&["wide"], 99.0).add(&["conv2d"], 1.0));
        let hint = Mark::Hint { area: boxes[1], text: "conv2d 1.00 ms".into() };
        assert!(boxes[1].width() < 16.0 && scene.marks.contains(&hint));
        assert!(scene.texts().iter().all(|text| !text.text.contains("conv2d")));
    }

    #[test]
    fn texts_stay_in_their_boxes_and_clear_of_each_other() {
        let mut chart = FlameChart::new("ms").title("A title that is long enough for nobody to want it");
        for k in 0..40 {
            let name = format!("operation {k} of a layer");
            chart = chart.add(&["step", "forward", "net", &name], f64::from(k * k)).add(&["step", "outside"], 3.0);
        }
        let boxes = drawn(&chart).0.text_boxes();
        assert!(boxes.len() > 8);
        for (i, a) in boxes.iter().enumerate() {
            assert!(a.left >= 0.0 && a.right <= 600.0 && a.bottom <= 200.0, "{a:?}");
            assert!(boxes[i + 1..].iter().all(|b| !a.overlaps(b)));
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_named() {
        let need = "it takes amounts that are finite and not negative, and one that is positive";
        for chart in [FlameChart::new("ms"), FlameChart::new("ms").add(&["a"], -1.0).add(&["b"], 2.0)] {
            let message = chart.title("steps").check().unwrap_err().to_string();
            assert_eq!(message, format!("flame chart `steps` is empty: {need}"));
        }
    }
}
