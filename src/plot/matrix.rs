//! Confusion matrices: how often each class was predicted as each other.
//!
//! Row $i$, column $j$ holds the number of observations of class $i$ that were predicted as class $j$. A cell is shaded
//! by its share of its *row*, so that the diagonal shows each class's recall, $n_{ii} / \sum_j n_{ij}$, whatever the
//! sizes of the classes; the recall is printed beside the row.

use super::{
    color::{Color, sequential},
    font::{self, CAP, HEADING, LABEL, SMALL},
    scene::{Anchor, Rect, Scene, Text},
    setters::setters,
};
use crate::{Error, Result};

/// A square matrix of counts with the names of the classes.
///
/// ```
/// use wengert::plot::{Confusion, Figure};
/// # fn main() -> Result<(), wengert::Error> {
/// let counts = [48, 2, 5, 45];
/// # let folder = tempfile::tempdir().unwrap();
/// Figure::new(420, 400).panel(Confusion::new(counts, ["cat", "dog"])).save(folder.path().join("confusion"))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Confusion {
    title: String,
    counts: Vec<usize>,
    names: Vec<String>,
}

setters!(Confusion, "confusion matrix": title = title);

impl Confusion {
    /// The matrix of `k * k` counts, row by row (a row per true class), for `k` class names.
    pub fn new<N: Into<String>>(counts: impl Into<Vec<usize>>, names: impl IntoIterator<Item = N>) -> Confusion {
        let names = names.into_iter().map(Into::into).collect();
        Confusion { title: String::new(), counts: counts.into(), names }
    }

    /// # Errors
    /// [`Error::Empty`] without classes, [`Error::Shape`] when the number of counts is not the square of that of names.
    pub(super) fn check(&self) -> Result<()> {
        let of = self.name();
        let k = self.names.len();
        if k == 0 {
            return Err(Error::Empty { what: of, need: "it takes at least one class" });
        }
        if self.counts.len() != k * k {
            let (need, got) = ([k, k].into(), [self.counts.len()].into());
            return Err(Error::shape(&of, &[&need, &got], format!("{k} class names need {k} x {k} counts")));
        }
        Ok(())
    }

    pub(super) fn draw(&self, scene: &mut Scene, area: Rect) {
        let k = self.names.len();
        let recalls: Vec<String> = self.counts.chunks(k).enumerate().map(|(i, row)| recall(row, i)).collect();
        let width = |s: &String| font::width(s, SMALL, false);
        let widest_name = self.names.iter().map(width).fold(0.0, f64::max).min(110.0);
        let left = LABEL + 12.0 + widest_name + 8.0;
        let right = recalls.iter().map(width).fold(font::width("recall", SMALL, false), f64::max) + 12.0;
        let above = if self.title.is_empty() { SMALL + 8.0 } else { HEADING + SMALL + 16.0 };
        let room = area.width() - left - right;
        let sideways = widest_name > room / k as f64 - 4.0;
        let below = LABEL + 14.0 + if sideways { widest_name + 6.0 } else { SMALL + 6.0 };
        let cell = (room.min(area.height() - above - below) / k as f64).max(1.0);
        let side = cell * k as f64;
        let corner = ((area.left + left + (room - side) / 2.0).round(), (area.top + above).round());
        let at = |i: usize| (i as f64 * cell).round();
        let grid = Rect::new(corner.0, corner.1, corner.0 + at(k), corner.1 + at(k));

        for (index, &count) in self.counts.iter().enumerate() {
            let (i, j) = (index / k, index % k);
            let place = Rect::new(grid.left + at(j), grid.top + at(i), grid.left + at(j + 1), grid.top + at(i + 1));
            let total: usize = self.counts[i * k..(i + 1) * k].iter().sum();
            let share = count as f64 / total.max(1) as f64;
            let shade = sequential(0.92 * share);
            scene.fill(place, shade);
            let number = count.to_string();
            if count > 0 && cell >= SMALL + 4.0 && font::width(&number, SMALL, i == j) <= cell - 4.0 {
                let baseline = (place.center().0, place.center().1 + SMALL * CAP / 2.0);
                let text = Text::new(number, baseline, Anchor::Middle, SMALL).color(shade.readable_text());
                scene.text(if i == j { text.bold() } else { text });
            }
        }
        if cell >= 8.0 {
            for i in 1..k {
                let (x, y) = (grid.left + at(i), grid.top + at(i));
                scene.path(vec![(x, grid.top), (x, grid.bottom)], 1.0, Color::WHITE.towards(Color::GRID, 0.6));
                scene.path(vec![(grid.left, y), (grid.right, y)], 1.0, Color::WHITE.towards(Color::GRID, 0.6));
            }
        }
        scene.outline(grid, 1.0, Color::GRAY);
        self.draw_names(scene, area, grid, cell, sideways, &recalls);
    }

    fn draw_names(&self, scene: &mut Scene, area: Rect, grid: Rect, cell: f64, sideways: bool, recalls: &[String]) {
        let title = font::fit(&self.title, HEADING, true, area.width());
        scene.text(Text::new(title, (area.left, area.top + HEADING), Anchor::Start, HEADING).bold());
        let half_cap = SMALL * CAP / 2.0;
        // If the cells are lower than a line of text, only every n-th class is named.
        let stride = ((SMALL + 3.0) / cell).ceil().max(1.0) as usize;
        let mut below = 0.0f64;
        for (i, name) in self.names.iter().enumerate().step_by(stride) {
            let middle = (i as f64 + 0.5) * cell;
            let name = font::fit(name, SMALL, false, 110.0);
            let row = (grid.left - 8.0, grid.top + middle + half_cap);
            scene.text(Text::new(&name, row, Anchor::End, SMALL));
            let column = if sideways {
                let place = (grid.left + middle + half_cap, grid.bottom + 8.0);
                Text::new(name, place, Anchor::End, SMALL).upwards()
            } else {
                Text::new(name, (grid.left + middle, grid.bottom + 8.0 + SMALL * CAP), Anchor::Middle, SMALL)
            };
            below = below.max(column.bounds().bottom);
            scene.text(column);
            let place = (grid.right + 8.0, grid.top + middle + half_cap);
            scene.text(Text::new(&recalls[i], place, Anchor::Start, SMALL).color(Color::GRAY));
        }
        let place = (grid.right + 8.0, grid.top - 8.0);
        scene.text(Text::new("recall", place, Anchor::Start, SMALL).color(Color::GRAY));
        let place = (grid.center().0, below + 6.0 + LABEL * CAP);
        scene.text(Text::new("Predicted class", place, Anchor::Middle, LABEL));
        let names = self.names.iter().map(|n| font::width(n, SMALL, false)).fold(0.0, f64::max).min(110.0);
        let place = (grid.left - names - 20.0, grid.center().1);
        scene.text(Text::new("True class", place, Anchor::Middle, LABEL).upwards());
    }
}

/// The share of a row on the diagonal, in percent; a dash for a class without observations.
fn recall(row: &[usize], class: usize) -> String {
    match row.iter().sum::<usize>() {
        0 => "–".to_owned(),
        total => format!("{:.1}%", 100.0 * row[class] as f64 / total as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_drawn_is_named() {
        let none: [String; 0] = [];
        let message = Confusion::new([], none).check().unwrap_err().to_string();
        assert_eq!(message, "confusion matrix is empty: it takes at least one class");
        let message = Confusion::new([1, 2, 3], ["a", "b"]).title("test").check().unwrap_err().to_string();
        assert_eq!(message, "confusion matrix `test`: 2 class names need 2 x 2 counts, but got [2, 2] and [3]");
    }

    #[test]
    fn recall_is_the_share_of_the_row() {
        assert_eq!(recall(&[1, 3], 1), "75.0%");
        assert_eq!(recall(&[0, 0], 0), "–");
    }

    #[test]
    fn texts_keep_clear_at_every_size() {
        let area = Rect::new(0.0, 0.0, 560.0, 520.0);
        for (k, name) in [(1, ""), (2, "class "), (10, ""), (10, "a long class name "), (40, "class ")] {
            let names: Vec<String> = (0..k).map(|i| format!("{name}{i}")).collect();
            let matrix = Confusion::new(vec![123; k * k], names).title("Confusion");
            matrix.check().unwrap();
            let mut scene = Scene::new(560, 520);
            matrix.draw(&mut scene, area);
            let texts = scene.texts();
            for (i, a) in texts.iter().enumerate() {
                let bounds = a.bounds();
                assert!(
                    area.contains((bounds.left, bounds.top)) && area.contains((bounds.right, bounds.bottom)),
                    "{k} {a:?}"
                );
                for b in &texts[i + 1..] {
                    assert!(!bounds.overlaps(&b.bounds()), "{k}: {:?} lies on {:?}", a.text, b.text);
                }
            }
        }
    }
}
