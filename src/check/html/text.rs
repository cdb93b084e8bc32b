//! Numbers and words as HTML.

use crate::page::escape;

/// Escaped text, with whatever stands between backticks set as code.
pub(super) fn rich(text: &str) -> String {
    let parts: Vec<String> = text.split('`').map(escape).collect();
    let paired = parts.len() - (parts.len() + 1) % 2;
    let mut html = String::new();
    for (k, part) in parts.iter().enumerate() {
        match (k % 2, k < paired) {
            (1, true) => html.push_str(&format!("<code>{part}</code>")),
            (_, true) => html.push_str(part),
            (_, false) => html.push_str(&format!("`{part}")),
        }
    }
    html
}

/// A number in the six characters that fit into a cell.
pub(super) fn brief(v: f64) -> String {
    written(v, -3..5, |size, exponent| format!("{size:.*}", (2 - exponent).clamp(0, 3) as usize), 0)
}

/// A number with three significant digits.
pub(super) fn short(v: f64) -> String {
    written(v, -3..5, |size, exponent| format!("{size:.*}", (2 - exponent).clamp(0, 5) as usize), 1)
}

/// A number with nine decimals, or nine digits where it is large or tiny.
pub(super) fn exact(v: f64) -> String {
    written(v, -4..7, |size, _| format!("{size:.9}"), 8)
}

/// A number with a true minus sign: as `plain` formats it if its power of ten is in the range, else with an exponent.
fn written(v: f64, range: std::ops::Range<i32>, plain: impl Fn(f64, i32) -> String, digits: usize) -> String {
    let size = v.abs();
    let text = match size {
        _ if v.is_nan() => return "NaN".to_owned(),
        _ if size.is_infinite() => "∞".to_owned(),
        0.0 => return "0".to_owned(),
        _ => {
            let exponent = size.log10().floor() as i32;
            if range.contains(&exponent) { plain(size, exponent) } else { format!("{size:.digits$e}") }
        }
    };
    format!("{}{}", if v < 0.0 { "−" } else { "" }, text.replace('-', "−"))
}

/// A paragraph of small print, or nothing.
pub(super) fn note(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("<p class=\"note\">{}</p>\n", rich(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_html_is_escaped() {
        assert_eq!(escape("a < b && \"c\" > 'd'\0"), "a &lt; b &amp;&amp; &quot;c&quot; &gt; &#39;d&#39; ");
        assert_eq!(rich("input 0 of `a<b>`: x"), "input 0 of <code>a&lt;b&gt;</code>: x");
        assert_eq!(rich("`a` and `b`"), "<code>a</code> and <code>b</code>");
        assert_eq!(rich("one ` alone"), "one ` alone");
        assert_eq!(rich("`a` and ` alone"), "<code>a</code> and ` alone");
        assert_eq!(rich("plain"), "plain");
    }

    #[test]
    fn numbers_are_as_long_as_they_may_be() {
        let pairs = [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1.00"),
            (-0.123456, "−0.123"),
            (0.00123456, "0.00123"),
            (12.3456, "12.3"),
            (-12345.6, "−12346"),
            (1e-17, "1.0e−17"),
            (-2.5e8, "−2.5e8"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "−∞"),
        ];
        for (v, text) in pairs {
            assert_eq!(short(v), text);
        }
        let pairs =
            [(-1.3e-13, "−1e−13"), (-0.00949, "−0.009"), (-12345.6, "−12346"), (1.234, "1.23"), (-2.5e8, "−2e8")];
        for (v, text) in pairs {
            assert_eq!(brief(v), text);
        }
        assert_eq!(exact(-0.125), "−0.125000000");
        assert_eq!(exact(1.5e-17), "1.50000000e−17");
    }
}
