//! Numbers as a person writes them: 0.5, 1/3, √2, 1/√(2π).

use std::f64::consts::PI;

/// Denominators that are looked for.
const LARGEST: usize = 64;
/// The same beside π.
const LARGEST_BY_PI: usize = 12;

/// The number in a person's notation, if it has a short one.
pub(in crate::check) fn written(number: f64) -> Option<String> {
    let sign = if number < 0.0 { "−" } else { "" };
    let size = number.abs();
    if size <= 1e-9 {
        return Some("0".to_owned());
    }
    // Decimals of up to two digits read better than fractions.
    for scale in [1.0, 10.0, 100.0] {
        let whole = (size * scale).round();
        if whole > 0.0 && whole <= 10_000.0 && near(size, whole / scale) {
            return Some(format!("{sign}{}", whole / scale));
        }
    }
    let fraction = (2..=LARGEST).find_map(|below| {
        let above = (size * below as f64).round();
        ((1.0..=200.0).contains(&above) && near(size, above / below as f64)).then(|| format!("{sign}{above}/{below}"))
    });
    let root = || {
        let whole = (size * size).round();
        (whole <= 1000.0 && near(size * size, whole)).then(|| format!("{sign}√{whole}"))
    };
    let one_over_root = || {
        let whole = (size * size).recip().round();
        (whole <= 1000.0 && near((size * size).recip(), whole)).then(|| format!("{sign}1/√{whole}"))
    };
    let with_pi = || with_pi(size).map(|text| format!("{sign}{text}"));
    fraction.or_else(root).or_else(one_over_root).or_else(with_pi)
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-7 * b.abs().max(1e-12)
}

/// A positive number as a small multiple or fraction of π, 1/π, √π or 1/√π.
fn with_pi(size: f64) -> Option<String> {
    let ratio = |number: f64| {
        (1..=LARGEST_BY_PI).find_map(|below| {
            let above = (number * below as f64).round();
            let fits = (1.0..=LARGEST_BY_PI as f64).contains(&above) && near(number * below as f64, above);
            fits.then_some((above as usize, below))
        })
    };
    let times_pi = |n: usize| if n == 1 { "π".to_owned() } else { format!("{n}π") };
    let over = |above: String, below: usize| if below == 1 { above } else { format!("{above}/{below}") };
    let bracket = |n: usize| if n == 1 { "π".to_owned() } else { format!("({n}π)") };
    if let Some((above, below)) = ratio(size / PI) {
        return Some(over(times_pi(above), below));
    }
    if let Some((above, below)) = ratio(size * PI) {
        return Some(format!("{above}/{}", bracket(below)));
    }
    if let Some((above, below)) = ratio(size * size / PI) {
        let under = over(times_pi(above), below);
        return Some(if under == "π" { "√π".to_owned() } else { format!("√({under})") });
    }
    let (above, below) = ratio(size * size * PI)?;
    // √(4/π) is 2/√π.
    let root = (above as f64).sqrt();
    Some(match root.fract() == 0.0 {
        true => format!("{root}/√{}", bracket(below)),
        false if below == 1 => format!("√({above}/π)"),
        false => format!("√({above}/{})", bracket(below)),
    })
}

/// The number in a person's notation, or with six digits.
pub(super) fn text(number: f64) -> String {
    written(number).unwrap_or_else(|| format!("{number:.6}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_a_person_writes_them() {
        let written = [
            (0.5, "0.5"),
            (-1.0 / 3.0, "−1/3"),
            (8f64.sqrt(), "√8"),
            (PI / 2.0, "π/2"),
            (2.0 / PI, "2/π"),
            (1.0 / (2.0 * PI), "1/(2π)"),
            (PI.sqrt(), "√π"),
            ((2.0 * PI).sqrt().recip(), "1/√(2π)"),
            (-2.0 / PI.sqrt(), "−2/√π"),
            ((2.0 / PI).sqrt(), "√(2/π)"),
            (1.2345678, "1.234568"),
        ];
        for (number, wanted) in written {
            assert_eq!(text(number), wanted);
        }
    }
}
