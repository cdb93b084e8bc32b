//! The ticks of an axis: their places, and their numbers as text.
//!
//! On a linear axis the ticks are at multiples of 1, 2 or 5 times a power of ten, with the smallest step whose labels
//! do not touch. On a logarithmic axis they are at the powers of ten and, if these are few, at 2 and 5 times them.

/// A tick of an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    /// In the units of the data.
    pub value: f64,
    /// The number as text.
    pub label: String,
}

/// Ticks of a linear axis from `low` to `high`, at most `most` of them; `clear` says whether their labels are apart.
pub(super) fn linear(low: f64, high: f64, most: usize, clear: impl Fn(&[Tick]) -> bool) -> Vec<Tick> {
    let magnitude = low.abs().max(high.abs());
    let finest = (high - low) / most.max(1) as f64;
    let mut ticks = Vec::new();
    for step in steps_from(finest).take(12) {
        // The indices of the multiples; a thousandth of a step absorbs the rounding of limits such as 0.3 / 0.1.
        let (first, last) = ((low / step - 1e-3).ceil() as i64, (high / step + 1e-3).floor() as i64);
        let coarser: Vec<Tick> = (first..=last)
            .map(|i| i as f64 * step)
            .map(|value| Tick { value, label: format(value, step, magnitude) })
            .collect();
        if coarser.len() < 2 && !ticks.is_empty() {
            break;
        }
        ticks = coarser;
        if clear(&ticks) {
            break;
        }
    }
    ticks
}

/// 1, 2 and 5 times the powers of ten, from the first that is not below `least`.
fn steps_from(least: f64) -> impl Iterator<Item = f64> {
    let exponent = least.log10().floor() as i32;
    (exponent..)
        .flat_map(|e| [1.0, 2.0, 5.0].map(|m| if e < 0 { m / 10f64.powi(-e) } else { m * 10f64.powi(e) }))
        .skip_while(move |step| *step < least * (1.0 - 1e-9))
}

/// A multiple of `step` as text, on an axis whose largest number is `magnitude`.
///
/// Plain decimals from a thousandth to a million, powers of ten beyond; a true minus sign; never "-0".
pub(super) fn format(value: f64, step: f64, magnitude: f64) -> String {
    let digit = |v: f64| (v.log10() + 1e-9).floor() as i32;
    if value.abs() < step / 2.0 {
        return "0".to_owned();
    }
    let sign = if value < 0.0 { "−" } else { "" };
    let top = digit(magnitude);
    if (-3..6).contains(&top) {
        let decimals = (-digit(step)).max(0) as usize;
        return format!("{sign}{:.decimals$}", value.abs());
    }
    let decimals = (top - digit(step)).max(0) as usize;
    let mantissa = format!("{:.decimals$}", value.abs() / 10f64.powi(top));
    if mantissa == "1" {
        format!("{sign}{}", power_of_ten(top))
    } else {
        format!("{sign}{mantissa}×{}", power_of_ten(top))
    }
}

/// A power of ten such as "10⁻³".
fn power_of_ten(exponent: i32) -> String {
    let digits = exponent.to_string();
    let raised = digits.chars().map(|c| match c {
        '-' => '⁻',
        _ => ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][c.to_digit(10).unwrap_or(0) as usize],
    });
    "10".chars().chain(raised).collect()
}

/// The whole numbers from 0 to `count - 1` with a stride of 1, 2 or 5 times a power of ten: the smallest stride whose
/// labels, of the given `size` in pixels, fit if successive numbers are `room` pixels apart.
pub(super) fn whole_numbers(count: usize, size: impl Fn(&str) -> f64, room: f64) -> Vec<Tick> {
    let widest = size(&count.saturating_sub(1).to_string());
    let stride = strides().find(|&s| s as f64 * room >= widest || s >= count).unwrap_or(1);
    (0..count).step_by(stride).map(|i| Tick { value: i as f64, label: i.to_string() }).collect()
}

/// 1, 2, 5, 10, 20, 50 and so on.
pub(super) fn strides() -> impl Iterator<Item = usize> {
    (0..18).flat_map(|e| [1, 2, 5].map(|m| m * 10usize.pow(e)))
}

/// Ticks of a logarithmic axis from `low` to `high` (both positive), at most `most` of them.
pub(super) fn logarithmic(low: f64, high: f64, most: usize, clear: impl Fn(&[Tick]) -> bool) -> Vec<Tick> {
    let (first, last) = ((low.log10() - 1e-9).floor() as i32, (high.log10() + 1e-9).ceil() as i32);
    let plain = low >= 0.000_999 && high <= 10_001.0;
    let tick = |m: f64, e: i32| {
        let value = m * 10f64.powi(e);
        let label = match (plain, m == 1.0) {
            (true, _) => format(value, 10f64.powi(e), value),
            (false, true) => power_of_ten(e),
            (false, false) => format!("{m}×{}", power_of_ten(e)),
        };
        Tick { value, label }
    };
    let within = |t: &Tick| t.value >= low * (1.0 - 1e-9) && t.value <= high * (1.0 + 1e-9);
    let every = |factors: &[f64], stride: i32| -> Vec<Tick> {
        (first..=last)
            .filter(|e| e.rem_euclid(stride) == 0)
            .flat_map(|e| factors.iter().map(move |&m| (m, e)))
            .map(|(m, e)| tick(m, e))
            .filter(within)
            .collect()
    };
    let good = |ticks: &Vec<Tick>| ticks.len() >= 2 && ticks.len() <= most.max(2) && clear(ticks);
    let decades = [1, 2, 3, 5, 10, 20, 50, 100].into_iter().map(|stride| every(&[1.0], stride)).find(good);
    let crowded = || [&[1.0, 2.0, 5.0][..], &[1.0, 3.0]].into_iter().map(|f| every(f, 1)).find(good);
    match decades {
        Some(ticks) if ticks.len() > 2 => ticks,
        few => crowded().or(few).unwrap_or_else(|| linear(low, high, most, clear)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|t| t.label.as_str()).collect()
    }

    #[test]
    fn linear_ticks_are_round_numbers() {
        assert_eq!(labels(&linear(-10.0, 3.0, 7, |_| true)), ["−10", "−8", "−6", "−4", "−2", "0", "2"]);
        assert_eq!(labels(&linear(0.0, 1.0, 5, |_| true)), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&linear(-0.3, 0.3, 6, |_| true)), ["−0.3", "−0.2", "−0.1", "0", "0.1", "0.2", "0.3"]);
    }

    #[test]
    fn a_crowded_axis_takes_a_larger_step() {
        let ticks = linear(0.0, 1170.0, 100, |t| t.len() <= 7);
        assert_eq!(labels(&ticks), ["0", "200", "400", "600", "800", "1000"]);
    }

    #[test]
    fn small_and_large_numbers_use_powers_of_ten() {
        assert_eq!(labels(&linear(0.0, 4e-6, 4, |_| true)), ["0", "10⁻⁶", "2×10⁻⁶", "3×10⁻⁶", "4×10⁻⁶"]);
        assert_eq!(labels(&linear(-2e7, 0.0, 4, |_| true)), ["−2.0×10⁷", "−1.5×10⁷", "−1.0×10⁷", "−0.5×10⁷", "0"]);
        assert_eq!(labels(&linear(0.0, 0.004, 4, |_| true)), ["0", "0.001", "0.002", "0.003", "0.004"]);
    }

    #[test]
    fn no_range_is_too_strange() {
        for (low, high) in [(1e99, 2e99), (-1e-90, 1e-90), (1e9, 1e9 + 2.0), (0.0, 1e100), (-7.0, -6.999_999)] {
            let ticks = linear(low, high, 5, |_| true);
            assert!((1..=7).contains(&ticks.len()), "{low} to {high}: {ticks:?}");
            assert!(ticks.iter().all(|t| !t.label.contains('-') && !t.label.contains("NaN")));
        }
    }

    #[test]
    fn logarithmic_ticks_are_powers_of_ten() {
        assert_eq!(labels(&logarithmic(0.004, 2.5, 8, |_| true)), ["0.01", "0.1", "1"]);
        assert_eq!(labels(&logarithmic(1e-12, 1.0, 5, |_| true)), ["10⁻¹²", "10⁻⁹", "10⁻⁶", "10⁻³", "10⁰"]);
        assert_eq!(labels(&logarithmic(0.3, 4.0, 8, |_| true)), ["0.5", "1", "2"]);
        assert_eq!(labels(&logarithmic(1e-5, 3e-4, 8, |_| true)).first(), Some(&"10⁻⁵"));
        assert!(logarithmic(3.1, 3.2, 5, |_| true).len() >= 2);
    }
}
