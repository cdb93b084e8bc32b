//! Colors: a palette that color-blind readers can tell apart, and shades mixed from it.
//!
//! The palette is that of M. Okabe and K. Ito, "Color Universal Design" (2008): eight colors that remain distinct
//! under protanopia, deuteranopia and tritanopia. Lines differ by their dash as well, so that
//! they can be told apart in a gray print.

/// A color as red, green and blue, 0 to 255 each (sRGB).
///
/// ```
/// use wengert::plot::Color;
/// assert_eq!(Color::BLACK.towards(Color::WHITE, 0.5), Color(128, 128, 128));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Color(pub u8, pub u8, pub u8);

impl Color {
    /// Blue, the first of the palette.
    pub const BLUE: Color = Color(0, 114, 178);
    /// Vermillion: also the color of mistakes.
    pub const VERMILLION: Color = Color(213, 94, 0);
    /// Bluish green.
    pub const GREEN: Color = Color(0, 158, 115);
    /// Reddish purple.
    pub const PURPLE: Color = Color(204, 121, 167);
    /// Orange.
    pub const ORANGE: Color = Color(230, 159, 0);
    /// Sky blue.
    pub const SKY: Color = Color(86, 180, 233);
    /// Black.
    pub const BLACK: Color = Color(0, 0, 0);
    /// White, the paper.
    pub const WHITE: Color = Color(255, 255, 255);

    /// Text and axes: nearly black.
    pub(super) const INK: Color = Color(38, 38, 38);
    /// Secondary text.
    pub(super) const GRAY: Color = Color(96, 96, 96);
    /// Grid lines.
    pub(super) const GRID: Color = Color(225, 225, 225);
    /// Shaded bands behind the data.
    pub(super) const BAND: Color = Color(242, 242, 242);

    /// The color of the `index`-th series of a chart; there are seven, which repeat.
    pub fn nth(index: usize) -> Color {
        const CYCLE: [Color; 7] =
            [Color::BLUE, Color::VERMILLION, Color::GREEN, Color::PURPLE, Color::ORANGE, Color::SKY, Color::BLACK];
        CYCLE[index % CYCLE.len()]
    }

    /// The mixture that lies the fraction `t` (0 to 1) of the way to another color.
    pub fn towards(self, other: Color, t: f64) -> Color {
        let t = if t.is_nan() { 0.0 } else { t.clamp(0.0, 1.0) };
        let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * t).round() as u8;
        Color(mix(self.0, other.0), mix(self.1, other.1), mix(self.2, other.2))
    }

    /// Perceived lightness, 0 (black) to 1 (white): the luma of ITU-R BT.601.
    pub(super) fn lightness(self) -> f64 {
        (0.299 * f64::from(self.0) + 0.587 * f64::from(self.1) + 0.114 * f64::from(self.2)) / 255.0
    }

    /// Black or white, whichever is easier to read on this color.
    pub(super) fn readable_text(self) -> Color {
        if self.lightness() > 0.55 { Color::INK } else { Color::WHITE }
    }

    /// A gray level, 0 (black) to 1 (white); NaN is shown as black.
    pub(super) fn gray(level: f64) -> Color {
        Color::BLACK.towards(Color::WHITE, level)
    }
}

/// A color for a number from 0 to 1, interpolated between equally spaced stops.
fn ramp(stops: &[Color], t: f64) -> Color {
    let last = stops.len() - 1;
    let position = t.clamp(0.0, 1.0) * last as f64;
    let lower = (position as usize).min(last - 1);
    stops[lower].towards(stops[lower + 1], position - lower as f64)
}

/// White to dark blue: for amounts. Lightness falls evenly, so it prints in gray.
pub(super) fn sequential(t: f64) -> Color {
    ramp(&[Color::WHITE, Color(198, 219, 239), Color(107, 174, 214), Color(33, 113, 181), Color(8, 48, 107)], t)
}

/// Blue through white to vermillion: for signed numbers, with zero at one half.
pub(super) fn diverging(t: f64) -> Color {
    ramp(&[Color(8, 66, 120), Color(96, 166, 214), Color::WHITE, Color(236, 152, 92), Color(160, 62, 0)], t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ramps_meet_their_ends_and_fall_in_lightness() {
        assert_eq!(sequential(0.0), Color::WHITE);
        assert_eq!(sequential(1.0), Color(8, 48, 107));
        assert_eq!(diverging(0.5), Color::WHITE);
        let shades: Vec<f64> = (0..=20).map(|i| sequential(f64::from(i) / 20.0).lightness()).collect();
        assert!(shades.windows(2).all(|w| w[1] < w[0]));
    }

    #[test]
    fn text_on_a_shade_is_readable() {
        assert_eq!(Color::WHITE.readable_text(), Color::INK);
        assert_eq!(sequential(1.0).readable_text(), Color::WHITE);
        for i in 0..=100 {
            let shade = sequential(f64::from(i) / 100.0);
            assert!((shade.lightness() - shade.readable_text().lightness()).abs() > 0.38);
        }
    }
}
