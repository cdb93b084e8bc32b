//! The gradient with respect to one input or parameter: heat maps of its three forms and their differences, and the
//! V-curve.
//!
//! The three gradients share one color scale, and the differences share another. Its full color is the largest
//! difference, but never less than what the check allows: rounding must not look like a fault.

use super::{
    layout::Layout,
    text::{exact, note, rich, short},
};
use crate::{
    Result, Tensor,
    check::{Comparison, Special, StepCurve},
    plot::{Color, Dash, Figure, LineChart, Series},
};

/// Relative to the largest gradient: a difference below it is rounding.
const ROUNDING: f64 = 1e-9;
/// Relative errors are drawn from here on: a difference quotient cannot be trusted to more digits.
const FLOOR: f64 = 1e-17;

/// The section for a comparison, with a word on what is `missing`. It is collapsed unless `open`, or unless its
/// gradients differ.
pub(super) fn section(
    comparison: &Comparison,
    curve: Option<&StepCurve>,
    missing: &[&str],
    open: bool,
) -> Result<String> {
    let Comparison { of, at, manual, tape, numeric, numeric_error, special, .. } = comparison;
    let fits = |t: &Option<Tensor>| t.clone().filter(|t| t.shape() == at.shape());
    let forms = [("manual", fits(manual)), ("tape", fits(tape)), ("numeric", fits(numeric))];
    let [manual, tape, numeric] = forms.each_ref().map(|form| form.1.as_ref());
    // Where the function has no single slope, there is no numeric gradient to compare with.
    let odd = &special[..];
    let pairs = match tape {
        Some(_) => vec![("manual − tape", manual, tape, &[][..]), ("tape − numeric", tape, numeric, odd)],
        None => vec![("manual − numeric", manual, numeric, odd)],
    };
    let differences: Vec<(&str, Tensor)> =
        pairs.into_iter().filter_map(|(name, a, b, odd)| Some((name, minus(a?, b?, odd)))).collect();
    let gradients: Vec<(&str, &Tensor)> = forms.iter().filter_map(|(name, t)| Some((*name, t.as_ref()?))).collect();

    let scale = positive(gradients.iter().map(|(_, t)| largest(t).1).fold(0.0, f64::max));
    let allowed = numeric_error.as_ref().map_or(0.0, |e| 10.0 * largest(e).1).max(ROUNDING * scale);
    let most = differences.iter().map(|(_, t)| largest(t).1).fold(0.0, f64::max);
    let off: Vec<Vec<f64>> = differences.iter().map(|(_, t)| t.to_vec()).collect();
    let layout = Layout::new(at.shape(), |i| off.iter().map(|numbers| numbers[i].abs()).fold(0.0, f64::max));
    let map = |(name, t): &(&str, &Tensor), scale: f64| {
        let label = format!("{name}, gradient by {of}");
        format!("<figure>{}{}</figure>\n", caption(name, scale), layout.draw(&label, t, scale, special))
    };
    let mut maps: String = gradients.iter().map(|g| map(g, scale)).collect();
    maps.extend(differences.iter().map(|(name, t)| map(&(*name, t), most.max(allowed))));
    if let Some(curve) = curve {
        maps.push_str(&steps(curve)?);
    }
    let open = if open || most > allowed { " open" } else { "" };
    let wide = if layout.wide { " class=\"wide\"" } else { "" };
    Ok(format!(
        "<details{open}{wide}>\n<summary><b>{}</b> <span>{}</span> {}</summary>\n{}<div class=\"maps\">\n{maps}</div>\n</details>\n",
        rich(of),
        at.shape(),
        summary(&differences, &layout, scale),
        note(&notes(comparison, missing, &layout)),
    ))
}

/// The largest of each difference, and where.
fn summary(differences: &[(&str, Tensor)], layout: &Layout, scale: f64) -> String {
    let of = |(name, t): &(&str, Tensor)| {
        let (index, most) = largest(t);
        if most == 0.0 {
            return format!("<em>{name}: 0 everywhere</em>");
        }
        let place = if t.numel() > 1 { format!(" at {}", layout.index(index)) } else { String::new() };
        format!("<em>{name}: at most {}, relative {}{place}</em>", short(most), short(most / scale))
    };
    differences.iter().map(of).collect::<Vec<_>>().join(" ")
}

/// The forms that a comparison lacks, a sentence for each.
pub(super) fn missing(comparison: &Comparison) -> Vec<&'static str> {
    let reasons = [
        (comparison.manual.is_none(), "No hand-written rule takes part, or it failed: there is no manual gradient."),
        (comparison.tape.is_none(), "The tape has no gradient here."),
        (
            comparison.numeric.is_none(),
            "Gradients and function were compared along random directions alone: there is no map of the numeric one.",
        ),
    ];
    reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, sentence)| sentence).collect()
}

fn notes(comparison: &Comparison, missing: &[&str], layout: &Layout) -> String {
    let mut notes: Vec<String> = missing.iter().map(|&m| m.to_owned()).collect();
    if !comparison.special.is_empty() {
        notes.push(format!(
            "{} of {} elements are at a kink, a jump or the border of the domain: a corner marks their cells.",
            comparison.special.len(),
            comparison.at.numel()
        ));
    }
    notes.extend(layout.notes());
    notes.join(" ")
}

/// The name of a map, and its color bar.
fn caption(name: &str, scale: f64) -> String {
    let end = short(scale);
    format!(
        "<figcaption><b>{name}</b><span class=\"bar\" title=\"colors from −{0} to {0}\">−{end}<i></i>{end}</span></figcaption>",
        exact(scale)
    )
}

/// The error of a central difference against its step.
fn steps(curve: &StepCurve) -> Result<String> {
    let errors: Vec<f64> = curve.errors.iter().map(|e| if e.is_finite() { e.max(FLOOR) } else { *e }).collect();
    let drawn = || errors.iter().copied().filter(|e| e.is_finite());
    if drawn().next().is_none() {
        return Ok(String::new());
    }
    let (low, high) = (0.3 * drawn().fold(f64::MAX, f64::min), 3.0 * drawn().fold(FLOOR, f64::max));
    let chart = LineChart::new()
        .x_label("step h")
        .y_label("relative error")
        .log_x()
        .log_y()
        .y_limits(low, high)
        .series(Series::new("", [curve.chosen; 2], [low, high]).color(Color::VERMILLION).dash(Dash::Dashed).width(1.5))
        .series(Series::new("", curve.steps.clone(), errors).color(Color::BLUE).dash(Dash::Solid).dots());
    let svg = Figure::new(350, 250).panel(chart).svg()?;
    let chosen = format!("step of the check: {}", short(curve.chosen));
    Ok(format!(
        "<figure class=\"chart\"><figcaption><b>error against step</b><span class=\"bar\"><u></u>{chosen}</span>\
         </figcaption>{svg}<p class=\"note\">Of a central difference along a random direction. Large steps suffer from \
         curvature, as h²; small ones from rounding, as 1/h.</p></figure>\n"
    ))
}

/// The place and size of the largest finite element in magnitude.
fn largest(t: &Tensor) -> (usize, f64) {
    let finite = t.to_vec().into_iter().map(f64::abs).enumerate().filter(|(_, v)| v.is_finite());
    finite.fold((0, 0.0), |best, next| if next.1 > best.1 { next } else { best })
}

fn positive(v: f64) -> f64 {
    if v > 0.0 { v } else { 1.0 }
}

/// a − b, and NaN at the elements that are `odd`.
fn minus(a: &Tensor, b: &Tensor, odd: &[Special]) -> Tensor {
    let mut numbers: Vec<f64> = a.to_vec().iter().zip(b.to_vec()).map(|(a, b)| a - b).collect();
    odd.iter().for_each(|s| numbers[s.index] = f64::NAN);
    Tensor::from_fn(a.shape().clone(), a.dtype(), |i| numbers[i])
}
