//! Numeric derivatives, with an estimate of their own error.
//!
//! The central difference D(h) = (φ(h) − φ(−h)) / 2h of a smooth φ is φ′(0) + c h² + O(h⁴), so two of them, at h and
//! h/4, give R = (16 D(h/4) − D(h)) / 15 with an error of order h⁴ (Richardson). Rounding adds about ε |φ| / h. These
//! two errors compete: as h decreases, their sum first falls, then rises. [`slope`] walks down a ladder of steps and
//! keeps the rung where two neighbors agree best; their disagreement is the estimate of the error.
//!
//! The second difference tells where φ has no derivative at 0: φ(h) − 2φ(0) + φ(−h) falls as h² for a smooth φ, as h at
//! a kink, and not at all at a jump. The central difference alone would not notice: at the kink of |x| it is 0.
//!
//! A φ that is computed with few digits is a staircase: below the width of a step its differences are 0, whatever φ′
//! is. The height of a step then takes the place of ε |φ|.

/// What the differences say about φ at 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Slope {
    /// A single slope.
    Smooth {
        /// φ′(0).
        value: f64,
        /// The estimate of its error.
        error: f64,
        /// The smaller of the steps it was found with.
        step: f64,
    },
    /// Two slopes.
    Kink {
        /// The slope from the left.
        left: f64,
        /// The slope from the right.
        right: f64,
    },
    /// φ(+0) − φ(−0) is not 0.
    Jump {
        /// The height.
        height: f64,
    },
    /// φ is finite on one side only, or on neither.
    Border,
}

/// The largest step of the ladder, relative to the scale of the argument; every rung is a quarter of the one above.
const LARGEST: f64 = 1.0 / 32.0;
const RUNGS: usize = 12;
/// The rung to begin with: for most functions it is good enough.
const FIRST: usize = 2;
/// A change of the argument, relative to its scale, that changes any value in double precision, but hardly any in
/// single.
const TINY: f64 = 1e-9;

/// What one rung measures.
#[derive(Clone, Copy)]
struct Rung {
    h: f64,
    plus: f64,
    minus: f64,
}

impl Rung {
    fn central(self) -> f64 {
        (self.plus - self.minus) / (2.0 * self.h)
    }

    fn flat(self, here: f64) -> bool {
        self.plus == here && self.minus == here
    }

    fn finite(self) -> bool {
        self.plus.is_finite() && self.minus.is_finite()
    }
}

/// The slope of `phi` at 0, where its value is `here`. `scale` is the size of changes that are small for it; `wanted`
/// is a sufficiently small error.
pub(super) fn slope(mut phi: impl FnMut(f64) -> f64, here: f64, scale: f64, wanted: f64) -> Slope {
    if !here.is_finite() {
        return Slope::Border;
    }
    let mut rungs: [Option<Rung>; RUNGS] = [None; RUNGS];
    let mut rung = |phi: &mut dyn FnMut(f64) -> f64, j: usize| {
        *rungs[j].get_or_insert_with(|| {
            let h = scale * LARGEST * 0.25f64.powi(j as i32);
            Rung { h, plus: phi(h), minus: phi(-h) }
        })
    };
    let (a, b) = (rung(&mut phi, FIRST), rung(&mut phi, FIRST + 1));
    if a.finite() && b.finite() && !bends(a, b, here) {
        let (value, error) = richardson(a, b, here);
        // On a staircase the two may agree by chance.
        if error <= wanted && (a.flat(here) && b.flat(here) || phi(TINY * scale) != here) {
            return Slope::Smooth { value, error, step: b.h };
        }
    }
    let all: Vec<Rung> = (0..RUNGS).map(|j| rung(&mut phi, j)).collect();
    match grain(&mut phi, scale) {
        Some(grain) => best(&all, here, grain),
        None => special(&all, here).unwrap_or_else(|| best(&all, here, 0.0)),
    }
}

/// The height of the steps of a staircase; `None` if φ is not one. On a staircase the smallest change of the argument
/// changes nothing, and the smallest change that does affect φ affects it by much more than rounding.
fn grain(mut phi: impl FnMut(f64) -> f64, scale: f64) -> Option<f64> {
    const PLACES: [f64; 6] = [-0.97, -0.61, -0.23, 0.19, 0.57, 0.93];
    let mut smallest = f64::INFINITY;
    for place in PLACES {
        let t = place * LARGEST * scale;
        let value = phi(t);
        let smallest_step = 4.0 * f64::EPSILON * scale;
        let steps = (0..16).map(|j| smallest_step * 8f64.powi(j)).take_while(|step| *step < LARGEST * scale);
        let mut changes = steps.map(|step| (phi(t + step) - value).abs()).enumerate();
        let (first, change) = changes.find(|(_, change)| *change != 0.0)?;
        let rounding = f64::EPSILON * value.abs();
        if first == 0 || !change.is_finite() || change < 1e4 * rounding {
            return None;
        }
        smallest = smallest.min(change);
    }
    Some(smallest)
}

/// Richardson's value, and a cautious estimate of its error: a thousandth of the error of the better of the two
/// differences.
fn richardson(a: Rung, b: Rung, here: f64) -> (f64, f64) {
    let value = (16.0 * b.central() - a.central()) / 15.0;
    let truncation = (value - b.central()).abs() * 1e-2;
    (value, truncation + rounding(b, here))
}

fn rounding(rung: Rung, here: f64) -> f64 {
    4.0 * f64::EPSILON * here.abs().max(rung.plus.abs()) / rung.h
}

/// Whether the second difference falls more slowly than h², beyond rounding.
fn bends(a: Rung, b: Rung, here: f64) -> bool {
    let second = |r: Rung| (r.plus - here) + (r.minus - here);
    let noise = 64.0 * f64::EPSILON * here.abs().max(b.plus.abs()).max(b.minus.abs());
    second(b).abs() > noise && second(a).abs() < 9.0 * second(b).abs()
}

/// A kink, a jump or a border of the domain exactly at 0, which every step sees, however small.
fn special(rungs: &[Rung], here: f64) -> Option<Slope> {
    // Below this rung, rounding would hide a change of slope of a thousandth.
    let near = &rungs[3..9];
    if near.iter().all(|r| !r.finite()) {
        return Some(Slope::Border);
    }
    let near: Vec<Rung> = near.iter().copied().filter(|r| r.finite()).collect();
    let (first, last) = (near.first()?, near.last()?);
    let noise = 64.0 * f64::EPSILON * here.abs().max(first.plus.abs());
    let gap = |r: &Rung| (r.plus - here).abs().max((r.minus - here).abs());
    let (wide, narrow) = (gap(first), gap(last));
    if narrow > 16.0 * noise && narrow > 0.25 * wide && near.len() > 2 {
        return Some(Slope::Jump { height: last.plus - last.minus });
    }
    let turn = |r: &Rung| ((r.plus - here) + (r.minus - here)) / r.h;
    let (wide, narrow) = (turn(first), turn(last));
    let size = last.central().abs().max(((last.plus - here) / last.h).abs());
    let visible = narrow.abs() > 1e-6 * size + 4.0 * noise / last.h;
    if visible && narrow.abs() > 0.5 * wide.abs() && narrow.signum() == wide.signum() {
        // The sharpest estimate for each side that rounding allows.
        let side = |to: f64| (to - here) / last.h;
        return Some(Slope::Kink { left: -side(last.minus), right: side(last.plus) });
    }
    None
}

/// The rung where the values of two neighbors agree best, for values known to within `grain`.
fn best(rungs: &[Rung], here: f64, grain: f64) -> Slope {
    let values: Vec<(f64, Rung)> = rungs
        .windows(2)
        .filter(|pair| pair[0].finite() && pair[1].finite())
        .map(|pair| ((16.0 * pair[1].central() - pair[0].central()) / 15.0, pair[1]))
        .collect();
    let candidates = values.windows(2).map(|pair| {
        let error = (pair[1].0 - pair[0].0).abs() + rounding(pair[1].1, here) + grain / pair[1].1.h;
        Slope::Smooth { value: pair[1].0, error, step: pair[1].1.h }
    });
    let error = |s: &Slope| if let Slope::Smooth { error, .. } = s { *error } else { f64::INFINITY };
    candidates.min_by(|a, b| error(a).total_cmp(&error(b))).unwrap_or(Slope::Border)
}

/// The plain central difference at each of a series of steps from 10⁻¹ to 10⁻¹², for the V-curve.
pub(super) fn central_differences(mut phi: impl FnMut(f64) -> f64, scale: f64) -> Vec<(f64, f64)> {
    (2..=24)
        .map(|k| {
            let h = scale * 10f64.powf(-0.5 * f64::from(k));
            (h, (phi(h) - phi(-h)) / (2.0 * h))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(f: impl Fn(f64) -> f64, x: f64) -> Slope {
        slope(|t| f(x + t), f(x), x.abs().max(1.0), 1e-9)
    }

    #[track_caller]
    fn assert_smooth(found: Slope, want: f64, within: f64) {
        let Slope::Smooth { value, error, .. } = found else { panic!("{found:?}") };
        assert!((value - want).abs() <= within * want.abs().max(1.0), "{value} is not {want}");
        assert!((value - want).abs() <= 10.0 * error + 1e-15, "{value} is {want} within 10 · {error}?");
    }

    #[test]
    fn smooth_functions_have_their_slope_and_an_honest_error() {
        assert_smooth(of(f64::exp, 1.3), 1.3f64.exp(), 1e-10);
        assert_smooth(of(|x| x * x * x, 2.0), 12.0, 1e-10);
        assert_smooth(of(|x| (50.0 * x).sin(), 0.3), 50.0 * 15f64.cos(), 1e-9);
        assert_smooth(of(|x| 1e6 + x, 0.0), 1.0, 1e-6);
        assert_smooth(of(f64::ln, 1e-3), 1e3, 1e-7);
        assert_smooth(of(|x| x * x, 0.0), 0.0, 1e-12);
        assert_smooth(of(|x| x.powi(4) + x * x, 0.0), 0.0, 1e-12);
        assert_smooth(of(|_| 3.0, 0.0), 0.0, 1e-15);
    }

    #[test]
    fn a_kink_beside_the_place_does_not_disturb() {
        assert_smooth(of(|x| (x - 1e-4).abs(), 0.0), -1.0, 1e-9);
        assert_smooth(of(|x| (x - 0.01).max(0.0) + x, 0.0), 1.0, 1e-9);
    }

    #[test]
    fn kinks_jumps_and_borders_are_told_apart() {
        let Slope::Kink { left, right } = of(f64::abs, 0.0) else { panic!() };
        assert!((left + 1.0).abs() < 1e-6 && (right - 1.0).abs() < 1e-6);
        let Slope::Kink { left, right } = of(|x| if x > 0.0 { 2.0 * x } else { x.exp_m1() }, 0.0) else { panic!() };
        assert!((left - 1.0).abs() < 1e-3 && (right - 2.0).abs() < 1e-3, "{left} {right}");
        assert!(matches!(of(|x| x + f64::from(x > 0.0), 0.0), Slope::Jump { .. }));
        assert!(matches!(of(|x| x + 0.117 * f64::from(x >= 1.0), 1.0), Slope::Jump { .. }));
        assert_eq!(of(f64::sqrt, 0.0), Slope::Border);
        assert_eq!(of(f64::ln, 0.0), Slope::Border);
    }

    #[test]
    fn a_function_in_single_precision_has_a_large_error_and_says_so() {
        let found = of(|x| f64::from((x as f32).sin()), 0.7);
        let Slope::Smooth { value, error, step } = found else { panic!("{found:?}") };
        assert!((value - 0.7f64.cos()).abs() < 1e-3, "{value}");
        assert!(error > 1e-8 && step > 1e-5, "{error} {step}");
    }

    #[test]
    fn a_staircase_has_the_slope_of_its_ramp_to_the_height_of_its_steps() {
        // Rounded to the 24 bits of single precision, and to 11.
        for (bits, within) in [(29, 1e-3), (42, 0.3)] {
            let few = |x: f64| {
                let shifted = x * ((1u64 << bits) + 1) as f64;
                shifted - (shifted - x)
            };
            for x in [0.31, 0.9, -1.7] {
                let Slope::Smooth { value, error, .. } = of(|x| few(few(x).sin()), x) else { panic!("at {x}") };
                assert!((value - x.cos()).abs() <= 10.0 * error, "{value} at {x}, with an error of {error}");
                assert!(error < within, "an error of {error} at {x}");
            }
        }
    }

    #[test]
    fn steep_flat_and_broken_functions_are_no_staircases() {
        let functions: [fn(f64) -> f64; 5] =
            [|x| (1e3 * x).sin(), |x| 1.0 + 1e-9 * x.sin(), |x| x.max(0.01), |x| x.abs(), |_| 3.0];
        for (k, f) in functions.into_iter().enumerate() {
            assert_eq!(grain(f, 1.0), None, "function {k}");
        }
    }
}
