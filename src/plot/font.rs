//! Text: its width, and its shape in pixels.
//!
//! DejaVu Sans is part of the program, so that a machine without fonts draws the same picture. Sizes are in
//! pixels per em, the unit of SVG's `font-size`; widths follow from the font's own advances and kerning.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};

/// The family that SVG files ask for; viewers that lack it fall back to their own sans-serif.
pub(super) const FAMILY: &str = "DejaVu Sans, sans-serif";

/// Ticks, captions and legends: the smallest size.
pub(super) const SMALL: f64 = 12.0;
/// The labels of axes.
pub(super) const LABEL: f64 = 13.0;
/// The title of a panel.
pub(super) const HEADING: f64 = 14.0;
/// The title of a figure.
pub(super) const TITLE: f64 = 17.0;

/// Height of a capital or digit above the baseline, in em.
pub(super) const CAP: f64 = 0.73;
/// How far a descender reaches below the baseline, in em.
pub(super) const DESCENT: f64 = 0.24;

static REGULAR: LazyLock<FontRef<'static>> = LazyLock::new(|| parse(dejavu::sans::regular()));
static BOLD: LazyLock<FontRef<'static>> = LazyLock::new(|| parse(dejavu::sans::bold()));

fn parse(bytes: &'static [u8]) -> FontRef<'static> {
    FontRef::try_from_slice(bytes).expect("the font inside the program is a valid TrueType font")
}

fn face(bold: bool) -> &'static FontRef<'static> {
    if bold { &BOLD } else { &REGULAR }
}

/// The glyphs of a line of text, placed along a baseline that starts at the origin, and its total advance.
fn line_up(text: &str, size: f64, bold: bool) -> (Vec<Glyph>, f64) {
    let font = face(bold);
    let units = font.units_per_em().expect("a TrueType font states its units per em");
    let scale = PxScale::from(size as f32 * font.height_unscaled() / units);
    let scaled = font.as_scaled(scale);
    let (mut at, mut previous) = (0.0f32, None);
    let glyphs = text
        .chars()
        .map(|c| {
            let id = scaled.glyph_id(c);
            at += previous.map_or(0.0, |p| scaled.kern(p, id));
            let glyph = id.with_scale_and_position(scale, point(at, 0.0));
            at += scaled.h_advance(id);
            previous = Some(id);
            glyph
        })
        .collect();
    (glyphs, f64::from(at))
}

/// The width of a line of text in pixels, at `size` pixels per em.
pub(super) fn width(text: &str, size: f64, bold: bool) -> f64 {
    line_up(text, size, bold).1
}

/// Calls `paint(x, y, coverage)` for each pixel that the text touches: x along the baseline from its start, y downwards
/// from the baseline, coverage from 0 to 1.
pub(super) fn rasterise(text: &str, size: f64, bold: bool, mut paint: impl FnMut(i32, i32, f64)) {
    for glyph in line_up(text, size, bold).0 {
        if let Some(outline) = face(bold).outline_glyph(glyph) {
            let corner = outline.px_bounds().min;
            let (left, top) = (corner.x as i32, corner.y as i32);
            outline.draw(|x, y, coverage| paint(left + x as i32, top + y as i32, f64::from(coverage)));
        }
    }
}

/// The text, cut short with an ellipsis if it is wider than `room` pixels.
pub(super) fn fit(text: &str, size: f64, bold: bool, room: f64) -> String {
    if width(text, size, bold) <= room {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let short = format!("{}…", kept.iter().collect::<String>().trim_end());
        if width(&short, size, bold) <= room {
            return short;
        }
    }
    String::new()
}

/// A small text in lines no wider than `room` pixels, about equally long and as few as possible. It is broken between
/// words, and within a word only if that word alone is too wide. What does not fit into `most` lines is cut.
pub(super) fn wrap(text: &str, bold: bool, room: f64, most: usize) -> Vec<String> {
    let lines = broken(text, bold, room);
    if lines.len() > most {
        let rest: usize = lines[..most - 1].iter().map(|line| line.len()).sum();
        let last = fit(text[rest..].trim(), SMALL, bold, room);
        return lines[..most - 1].iter().map(|line| line.trim().to_owned()).chain([last]).collect();
    }
    // The narrowest of some widths that takes no more lines; narrower than the widest word, it would break that word.
    let widest = text.split_ascii_whitespace().map(|word| width(word, SMALL, bold)).fold(0.0, f64::max).min(room);
    let mut narrower =
        (0..8).map(|i| widest + (room - widest) * f64::from(i) / 8.0).map(|room| broken(text, bold, room));
    let balanced = narrower.find(|narrow| narrow.len() == lines.len()).unwrap_or(lines);
    balanced.into_iter().map(|line| line.trim().to_owned()).collect()
}

/// The text in lines that hold as many words as fit, with the spaces around them.
fn broken(text: &str, bold: bool, room: f64) -> Vec<&str> {
    let (mut lines, mut rest) = (Vec::new(), text);
    while !rest.trim().is_empty() {
        let fits = |end: &usize| width(rest[..*end].trim(), SMALL, bold) <= room;
        let start = rest.len() - rest.trim_start().len();
        let space = |&(i, c): &(usize, char)| i > start && c.is_ascii_whitespace();
        let words = rest.char_indices().filter(space).map(|(i, _)| i).chain([rest.len()]);
        let letters = || rest.char_indices().map(|(i, c)| i + c.len_utf8()).filter(|end| *end > start);
        let end = words.take_while(fits).last().or_else(|| letters().take_while(fits).last());
        let (line, after) = rest.split_at(end.or_else(|| letters().next()).unwrap_or(rest.len()));
        lines.push(line);
        rest = after;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_the_fonts_own() {
        // The advance of a digit of DejaVu Sans is 1303 of 2048 units, that of an "M" 1767.
        assert!((width("0", 2048.0, false) - 1303.0).abs() < 0.5);
        assert!((width("M", 2048.0, false) - 1767.0).abs() < 0.5);
        assert!((width("1234", 12.0, false) - 4.0 * 12.0 * 1303.0 / 2048.0).abs() < 0.01);
        assert!(width("loss", 12.0, true) > width("loss", 12.0, false));
    }

    #[test]
    fn a_digit_stands_on_the_baseline() {
        let (mut top, mut bottom) = (i32::MAX, i32::MIN);
        rasterise("1", 100.0, false, |_, y, coverage| {
            if coverage > 0.5 {
                (top, bottom) = (top.min(y), bottom.max(y));
            }
        });
        assert!((-74..=-71).contains(&top), "{top}");
        assert_eq!(bottom, -1);
    }

    #[test]
    fn every_sign_that_the_figures_use_is_in_the_font() {
        for c in "−×⁰¹²³⁴⁵⁶⁷⁸⁹⁻…✗αβ′∂%".chars() {
            assert_ne!(face(false).glyph_id(c).0, 0, "{c}");
        }
    }

    #[test]
    fn text_is_wrapped_between_words_into_lines_of_similar_length() {
        assert_eq!(wrap("7 (predicted 1)", false, 200.0, 3), ["7 (predicted 1)"]);
        assert_eq!(wrap("7 (predicted 1)", false, 84.0, 3), ["7 (predicted", "1)"]);
        assert_eq!(wrap("7 (predicted 1)", false, 66.0, 3), ["7", "(predicted", "1)"]);
        assert_eq!(wrap("convolution weight", false, 80.0, 2), ["convolution", "weight"]);
        assert_eq!(wrap("one two three four five six", false, 80.0, 9), ["one two", "three four", "five six"]);
        assert_eq!(wrap("", false, 50.0, 2), [""; 0]);
    }

    #[test]
    fn a_word_is_broken_or_cut_only_if_it_does_not_fit() {
        assert_eq!(wrap("a convolution", false, 50.0, 3), ["a", "convolu", "tion"]);
        assert_eq!(wrap("a convolution", false, 50.0, 2), ["a", "convo…"]);
        assert_eq!(wrap("αβ", false, 1.0, 5), ["α", "β"]);
    }

    #[test]
    fn long_text_is_cut_to_its_room() {
        assert_eq!(fit("short", 12.0, false, 100.0), "short");
        let cut = fit("a label that is much too long for its place", 12.0, false, 100.0);
        assert!(cut.ends_with('…') && width(&cut, 12.0, false) <= 100.0);
        assert_eq!(fit("anything", 12.0, false, 1.0), "");
    }
}
