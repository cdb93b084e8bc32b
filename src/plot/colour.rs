//! Colours: a palette that stays apart for colour-blind eyes, and the shades that are mixed from it.
//!
//! The palette is that of M. Okabe and K. Ito, "Color Universal Design" (2008): eight colours that remain distinct
//! under protanopia, deuteranopia and tritanopia. Lines differ by their dash as well, so a grey print keeps them apart.

/// A colour as red, green and blue, 0 to 255 each (sRGB).
///
/// ```
/// use wengert::plot::Colour;
/// assert_eq!(Colour::BLACK.towards(Colour::WHITE, 0.5), Colour(128, 128, 128));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Colour(pub u8, pub u8, pub u8);

impl Colour {
    /// Blue, the first of the palette.
    pub const BLUE: Colour = Colour(0, 114, 178);
    /// Vermillion: also what marks a mistake.
    pub const VERMILLION: Colour = Colour(213, 94, 0);
    /// Bluish green.
    pub const GREEN: Colour = Colour(0, 158, 115);
    /// Reddish purple.
    pub const PURPLE: Colour = Colour(204, 121, 167);
    /// Orange.
    pub const ORANGE: Colour = Colour(230, 159, 0);
    /// Sky blue.
    pub const SKY: Colour = Colour(86, 180, 233);
    /// Black.
    pub const BLACK: Colour = Colour(0, 0, 0);
    /// White, the paper.
    pub const WHITE: Colour = Colour(255, 255, 255);

    /// Text and axes: nearly black.
    pub(super) const INK: Colour = Colour(38, 38, 38);
    /// Secondary text.
    pub(super) const GREY: Colour = Colour(96, 96, 96);
    /// Grid lines.
    pub(super) const GRID: Colour = Colour(225, 225, 225);
    /// Shaded bands behind the data.
    pub(super) const BAND: Colour = Colour(242, 242, 242);

    /// The colour of the `index`-th series of a chart; seven, then from the start again.
    pub fn nth(index: usize) -> Colour {
        const CYCLE: [Colour; 7] = [
            Colour::BLUE,
            Colour::VERMILLION,
            Colour::GREEN,
            Colour::PURPLE,
            Colour::ORANGE,
            Colour::SKY,
            Colour::BLACK,
        ];
        CYCLE[index % CYCLE.len()]
    }

    /// The mixture that lies the fraction `t` (0 to 1) of the way to another colour.
    pub fn towards(self, other: Colour, t: f64) -> Colour {
        let t = if t.is_nan() { 0.0 } else { t.clamp(0.0, 1.0) };
        let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * t).round() as u8;
        Colour(mix(self.0, other.0), mix(self.1, other.1), mix(self.2, other.2))
    }

    /// Perceived lightness, 0 (black) to 1 (white): the luma of ITU-R BT.601.
    pub(super) fn lightness(self) -> f64 {
        (0.299 * f64::from(self.0) + 0.587 * f64::from(self.1) + 0.114 * f64::from(self.2)) / 255.0
    }

    /// Black or white, whichever reads better on this colour.
    pub(super) fn readable_text(self) -> Colour {
        if self.lightness() > 0.55 { Colour::INK } else { Colour::WHITE }
    }

    /// A grey level, 0 (black) to 1 (white); NaN is shown as black.
    pub(super) fn grey(level: f64) -> Colour {
        Colour::BLACK.towards(Colour::WHITE, level)
    }
}

/// A colour for a number in 0 to 1: through the listed stops at equal distances.
fn ramp(stops: &[Colour], t: f64) -> Colour {
    let last = stops.len() - 1;
    let position = t.clamp(0.0, 1.0) * last as f64;
    let lower = (position as usize).min(last - 1);
    stops[lower].towards(stops[lower + 1], position - lower as f64)
}

/// White to dark blue: for amounts. Lightness falls evenly, so it prints in grey.
pub(super) fn sequential(t: f64) -> Colour {
    ramp(&[Colour::WHITE, Colour(198, 219, 239), Colour(107, 174, 214), Colour(33, 113, 181), Colour(8, 48, 107)], t)
}

/// Blue through white to vermillion: for signed numbers, with zero at one half.
pub(super) fn diverging(t: f64) -> Colour {
    ramp(&[Colour(8, 66, 120), Colour(96, 166, 214), Colour::WHITE, Colour(236, 152, 92), Colour(160, 62, 0)], t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ramps_meet_their_ends_and_fall_in_lightness() {
        assert_eq!(sequential(0.0), Colour::WHITE);
        assert_eq!(sequential(1.0), Colour(8, 48, 107));
        assert_eq!(diverging(0.5), Colour::WHITE);
        let shades: Vec<f64> = (0..=20).map(|i| sequential(f64::from(i) / 20.0).lightness()).collect();
        assert!(shades.windows(2).all(|w| w[1] < w[0]));
    }

    #[test]
    fn text_on_a_shade_is_readable() {
        assert_eq!(Colour::WHITE.readable_text(), Colour::INK);
        assert_eq!(sequential(1.0).readable_text(), Colour::WHITE);
        for i in 0..=100 {
            let shade = sequential(f64::from(i) / 100.0);
            assert!((shade.lightness() - shade.readable_text().lightness()).abs() > 0.38);
        }
    }
}
