//! The loss so far, drawn with the characters of a terminal.

/// The eighths of a character cell, from empty to full.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The columns and rows of the chart of the loss.
const SIZE: (usize, usize) = (60, 6);

/// The means of equal pieces of a series; the series itself if it is no longer than that.
fn means(values: &[f64], pieces: usize) -> Vec<f64> {
    let pieces = pieces.min(values.len());
    let piece = |k: usize| &values[k * values.len() / pieces..(k + 1) * values.len() / pieces];
    (0..pieces).map(|k| piece(k).iter().sum::<f64>() / piece(k).len() as f64).collect()
}

/// Bars of the finite values, from the smallest to the largest, `rows` characters high.
fn bars(values: &[f64], rows: usize) -> Vec<String> {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    let height = |value: f64| match high > low {
        true if value.is_finite() => 1 + ((value - low) / (high - low) * (8 * rows - 1) as f64).round() as usize,
        true => 0,
        false => 4 * rows,
    };
    let cell = |value: f64, row: usize| EIGHTHS[height(value).saturating_sub(8 * row).min(8)];
    (0..rows).rev().map(|row| values.iter().map(|&value| cell(value, row)).collect()).collect()
}

/// The chart of the losses, and a line for the metric of this name, each line ended.
pub(super) fn chart(losses: &[f64], metric: Option<(&str, &[f64])>) -> String {
    let Some(last) = losses.last() else { return String::new() };
    let loss = means(losses, SIZE.0);
    let (low, high) =
        loss.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)));
    let mut text = String::new();
    for (row, line) in bars(&loss, SIZE.1).into_iter().enumerate() {
        let label = match row {
            0 => format!("{high:.4}"),
            _ if row + 1 == SIZE.1 => format!("{low:.4}   loss {last:.4}"),
            _ => String::new(),
        };
        text += &format!("{line:width$} {label}\n", width = SIZE.0);
    }
    if let Some((name, values)) = metric
        && let Some(last) = values.last()
    {
        let line = bars(&means(values, SIZE.0), 1).concat();
        text += &format!("{line:width$} {name} {last:.4}\n", width = SIZE.0);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_reach_from_the_smallest_to_the_largest_value() {
        assert_eq!(bars(&[0.0, 1.0, 2.0, f64::NAN], 1), ["▁▅█ "]);
        assert_eq!(bars(&[15.0, 8.0, 7.0, 0.0], 2), ["█▁  ", "███▁"]);
        assert_eq!(bars(&[3.0, 3.0], 1), ["▄▄"]);
    }

    #[test]
    fn a_long_series_is_drawn_by_its_means() {
        assert_eq!(means(&[1.0, 3.0, 5.0, 7.0], 2), [2.0, 6.0]);
        assert_eq!(means(&[1.0, 3.0], 5), [1.0, 3.0]);
    }

    #[test]
    fn a_chart_has_its_scale_beside_it() {
        let losses: Vec<f64> = (0..640).map(|k| 6.4 - k as f64 / 100.0).collect();
        let text = chart(&losses, Some(("accuracy", &[0.5, 0.75])));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), SIZE.1 + 1);
        assert!(lines[0].starts_with("█▇▆") && lines[0].ends_with(" 6.3550"), "{text}");
        assert!(lines[5].ends_with("▁ 0.0600   loss 0.0100"), "{text}");
        assert_eq!(lines[6], format!("▁█{} accuracy 0.7500", " ".repeat(SIZE.0 - 2)));
        assert_eq!(chart(&[], None), "");
    }
}
