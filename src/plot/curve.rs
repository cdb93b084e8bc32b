//! Functions of one variable, drawn with their derivatives.

use super::{color::Color, figure::Figure, line::LineChart, range::Range, series::Series, stroke::Dash};
use crate::Result;

/// A function of one variable at a number of places, and its derivative there: by hand, by the tape, or both.
///
/// ```
/// use wengert::plot::Curve;
/// let elu = Curve::sample("ELU", -10.0, 3.0, |x| if x > 0.0 { x } else { x.exp_m1() })?;
/// let elu = elu.manual(|x| if x > 0.0 { 1.0 } else { x.exp() });
/// assert_eq!(elu.x().len(), 521);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Curve {
    label: String,
    x: Vec<f64>,
    y: Vec<f64>,
    manual: Option<Vec<f64>>,
    tape: Option<Vec<f64>>,
}

impl Curve {
    /// A function, given by its values `y[i]` at the places `x[i]`.
    pub fn new(label: impl Into<String>, x: impl Into<Vec<f64>>, y: impl Into<Vec<f64>>) -> Curve {
        Curve { label: label.into(), x: x.into(), y: y.into(), manual: None, tape: None }
    }

    /// A function at 521 equally spaced places from `low` to `high`, both included.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) unless `low < high` and both are finite.
    pub fn sample(label: impl Into<String>, low: f64, high: f64, f: impl Fn(f64) -> f64) -> Result<Curve> {
        let (label, x) = sampled(label, low, high)?;
        let y: Vec<f64> = x.iter().map(|&x| f(x)).collect();
        Ok(Curve::new(label, x, y))
    }

    /// The places at which the function is known.
    pub fn x(&self) -> &[f64] {
        &self.x
    }

    /// Adds the derivative by hand, drawn solid.
    pub fn manual(mut self, derivative: impl Fn(f64) -> f64) -> Curve {
        self.manual = Some(self.x.iter().map(|&x| derivative(x)).collect());
        self
    }

    /// As [`manual`](Curve::manual), given by its values at the places.
    pub fn manual_values(mut self, derivative: impl Into<Vec<f64>>) -> Curve {
        self.manual = Some(derivative.into());
        self
    }

    /// Adds the tape's derivative, given by its values at the places, drawn dotted on top.
    pub fn tape_values(mut self, derivative: impl Into<Vec<f64>>) -> Curve {
        self.tape = Some(derivative.into());
        self
    }

    /// A derivative with gaps where the function has no finite value: a formula such as 1/x goes on where ln x does not.
    /// (Lists of other lengths are kept, so that the series reports them.)
    fn where_finite(&self, derivative: &[f64]) -> Vec<f64> {
        if derivative.len() != self.y.len() {
            return derivative.to_vec();
        }
        derivative.iter().zip(&self.y).map(|(&d, y)| if y.is_finite() { d } else { f64::NAN }).collect()
    }
}

/// From the first to the last place at which one of the functions is sampled, so that both panels show the same places
/// wherever the values are finite; `None` for places that are no range.
fn sampled_range(functions: &[Curve]) -> Option<(f64, f64)> {
    let places = || functions.iter().flat_map(|curve| &curve.x).copied();
    let (low, high) = (places().fold(f64::INFINITY, f64::min), places().fold(f64::NEG_INFINITY, f64::max));
    Range::given("", "range", (low, high), false).is_ok().then_some((low, high))
}

/// 521 equally spaced numbers from `low` to `high`, both included. With 520 steps, whole numbers are among them for the
/// usual ranges, so that a kink at zero is shown.
pub fn places(low: f64, high: f64) -> Vec<f64> {
    (0..=520).map(|i| (low * f64::from(520 - i) + high * f64::from(i)) / 520.0).collect()
}

/// The label of a function and the places at which it is sampled.
pub(super) fn sampled(label: impl Into<String>, low: f64, high: f64) -> Result<(String, Vec<f64>)> {
    let label = label.into();
    Range::given(&format!("function `{label}`"), "range", (low, high), false)?;
    Ok((label, places(low, high)))
}

/// Functions in one panel, with axes through the origin, and their derivatives, if there are any, in a second panel
/// below. Where a function has a derivative by hand and one by the tape, the first is a broad solid line and the second
/// lies on it as dark dots: where they differ, one of them is wrong. Both panels show all places that were sampled; where
/// a function is NaN or infinite, it has no derivative.
///
/// The legends stand where they hide nothing; [`Figure::legend`] puts them elsewhere. A single function whose label is
/// the title is not repeated in a legend.
///
/// ```
/// use wengert::plot::{Curve, curves};
/// # fn main() -> Result<(), wengert::Error> {
/// let relu = Curve::sample("ReLU", -10.0, 3.0, |x| x.max(0.0))?.manual(|x| if x > 0.0 { 1.0 } else { 0.0 });
/// # let folder = tempfile::tempdir().unwrap();
/// curves("Activations", &[relu]).save(folder.path().join("activations"))?;
/// # Ok(())
/// # }
/// ```
pub fn curves(title: &str, functions: &[Curve]) -> Figure {
    let chart = |title: &str| {
        let chart = LineChart::new().title(title).x_label("x").axes_through_origin();
        sampled_range(functions).map_or(chart.clone(), |(low, high)| chart.x_limits(low, high))
    };
    let (mut above, mut below) = (chart("f(x)"), chart("f′(x)"));
    let alone = matches!(functions, [only] if only.label == title);
    for (i, curve) in functions.iter().enumerate() {
        let (color, dash) = (Color::nth(i), Dash::nth(i));
        let styled = |y: &Vec<f64>| {
            let (x, y) = without_jumps(&curve.x, y);
            let series = Series::new(&curve.label, x, y).color(color);
            if alone { series.unlisted() } else { series }
        };
        above = above.series(styled(&curve.y).dash(dash).width(2.4));
        below = match (&curve.manual, &curve.tape) {
            (Some(manual), Some(_)) => below.series(styled(&curve.where_finite(manual)).dash(Dash::Solid).width(4.5)),
            (Some(only), None) | (None, Some(only)) => {
                below.series(styled(&curve.where_finite(only)).dash(dash).width(2.4))
            }
            (None, None) => below,
        };
    }
    let both = functions.iter().filter(|c| c.manual.is_some() && c.tape.is_some());
    // The dots are drawn after all solid lines, so that none is hidden.
    for curve in both.clone() {
        let tape = curve.tape.as_deref().unwrap_or_default();
        let (x, y) = without_jumps(&curve.x, &curve.where_finite(tape));
        let name = format!("the tape's derivative of {}", curve.label);
        below = below.series(Series::new(name, x, y).unlisted().color(Color::BLACK).dash(Dash::Dotted).width(2.0));
    }
    if both.count() > 0 {
        if alone {
            below = below.key("by hand", Color::nth(0), Dash::Solid, 4.5);
        }
        below = below.key("from the tape", Color::BLACK, Dash::Dotted, 2.0);
    }
    let derivatives = functions.iter().any(|c| c.manual.is_some() || c.tape.is_some());
    let figure = Figure::new(640, if derivatives { 720 } else { 380 }).title(title).panel(above);
    if derivatives { figure.panel(below) } else { figure }
}

/// The points, with a gap wherever the values jump: where a difference is at least a twentieth of the whole range, and
/// a hundred times the differences on both sides of it.
fn without_jumps(x: &[f64], y: &[f64]) -> (Vec<f64>, Vec<f64>) {
    if x.len() != y.len() {
        return (x.to_vec(), y.to_vec());
    }
    let finite = || y.iter().filter(|v| v.is_finite());
    let range = finite().fold(f64::MIN, |m, v| m.max(*v)) - finite().fold(f64::MAX, |m, v| m.min(*v));
    let step = |i: usize| y.get(i..i + 2).map_or(0.0, |w| (w[1] - w[0]).abs());
    let jump = |i: usize| {
        let around = step(i + 1).max(if i > 0 { step(i - 1) } else { 0.0 });
        step(i) >= 0.05 * range && step(i) > 100.0 * around
    };
    let (mut xs, mut ys) = (Vec::with_capacity(x.len()), Vec::with_capacity(y.len()));
    for i in 0..x.len() {
        xs.push(x[i]);
        ys.push(y[i]);
        if jump(i) {
            xs.push(f64::NAN);
            ys.push(f64::NAN);
        }
    }
    (xs, ys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::function;

    fn relu() -> Curve {
        Curve::sample("ReLU", -10.0, 3.0, |x| x.max(0.0)).unwrap().manual(|x| if x > 0.0 { 1.0 } else { 0.0 })
    }

    #[test]
    fn places_hit_both_ends_and_zero() {
        let x = places(-10.0, 3.0);
        assert_eq!((x[0], x[400], x[520], x.len()), (-10.0, 0.0, 3.0, 521));
    }

    #[test]
    fn a_jump_becomes_a_gap_and_a_steep_slope_does_not() {
        let x = places(-1.0, 1.0);
        let step: Vec<f64> = x.iter().map(|&x| if x > 0.0 { 1.0 } else { 0.1 }).collect();
        let (xs, ys) = without_jumps(&x, &step);
        assert_eq!((xs.len(), ys.len()), (522, 522));
        assert_eq!(ys.iter().filter(|v| v.is_nan()).count(), 1);
        let steep: Vec<f64> = x.iter().map(|&x| (50.0 * x).tanh()).collect();
        assert_eq!(without_jumps(&x, &steep).1, steep);
        let kink: Vec<f64> = x.iter().map(|&x| x.abs()).collect();
        assert_eq!(without_jumps(&x, &kink).1, kink);
        // Lengths that differ are kept, so that the series reports them.
        let (xs, ys) = without_jumps(&x, &[1.0, 2.0]);
        assert_eq!((xs.len(), ys.len()), (521, 2));
    }

    #[test]
    fn both_panels_show_the_sampled_range_and_no_derivative_without_a_value() {
        let ln = Curve::sample("ln", -4.0, 4.0, f64::ln).unwrap().manual(|x| 1.0 / x);
        let taped: Vec<f64> = ln.x.iter().map(|x| 1.0 / x).collect();
        assert_eq!(sampled_range(&[ln.clone(), relu()]), Some((-10.0, 4.0)));
        assert_eq!(sampled_range(&[Curve::new("", [1.0], [1.0])]), None);
        for curve in [ln.clone(), ln.clone().tape_values(taped)] {
            let derivative = curve.where_finite(curve.manual.as_ref().unwrap());
            assert!(derivative.iter().zip(&curve.x).all(|(d, &x)| d.is_finite() == (x > 0.0)));
            // Both horizontal axes have the number −4 at their left end, and −60 (of 1/x) is on no axis.
            let svg = curves("ln", &[curve]).svg().unwrap();
            let places = |text: &str| -> Vec<&str> {
                let shown = |element: &&str| element.contains(&format!(">\n{text}\n<"));
                let texts = svg.split("<text").skip(1).filter(shown);
                texts.map(|element| element.split_once(" x=\"").unwrap().1.split('"').next().unwrap()).collect()
            };
            let (ends, twos) = (places("4"), places("−2"));
            assert_eq!(ends.len(), 2);
            assert_eq!(ends[0], ends[1]);
            assert!(twos.len() >= 2 && places("−60").is_empty(), "{twos:?}");
        }
    }

    #[test]
    fn the_tapes_derivative_is_explained_when_both_are_there() {
        let both = relu().tape_values(relu().manual.unwrap());
        let svg = curves("Activations", &[both]).svg().unwrap();
        assert!(svg.contains("f′(x)") && svg.contains("from the tape") && svg.contains("ReLU"));
        let svg = curves("Activations", &[relu()]).svg().unwrap();
        assert!(svg.contains("f′(x)") && !svg.contains("from the tape"));
        let svg = curves("", &[Curve::new("f", [0.0, 1.0], [0.0, 1.0])]).svg().unwrap();
        assert!(!svg.contains("f′(x)"));
    }

    #[test]
    fn faults_of_a_curve_are_named() {
        let message = curves("", &[relu().tape_values([1.0])]).svg().unwrap_err().to_string();
        assert_eq!(
            message,
            "series `the tape's derivative of ReLU`: x and y must be equally long, but got [521] and [1]"
        );
        let message = curves("", &[]).svg().unwrap_err().to_string();
        assert_eq!(message, "line chart `f(x)` is empty: a chart takes at least one series");
    }

    #[test]
    fn a_function_alone_is_not_named_twice() {
        let count = |figure: Figure, text: &str| figure.svg().unwrap().matches(&format!(">\n{text}\n<")).count();
        assert_eq!(count(function("square", -3.0, 3.0, |x| x * x).unwrap(), "square"), 1);
        let both = || relu().tape_values(relu().manual.unwrap());
        assert_eq!(["ReLU", "by hand", "from the tape"].map(|text| count(curves("ReLU", &[both()]), text)), [1, 1, 1]);
        assert_eq!(["ReLU", "by hand"].map(|text| count(curves("A rectifier", &[both()]), text)), [2, 0]);
    }

    #[test]
    fn a_range_that_cannot_be_sampled_is_named() {
        for (low, high, range) in [
            (3.0, -3.0, "(3, -3)"),
            (1.0, 1.0, "(1, 1)"),
            (f64::NAN, 1.0, "(NaN, 1)"),
            (0.0, f64::INFINITY, "(0, inf)"),
        ] {
            let message =
                format!("function `f`: range = {range}, but it must be two finite numbers, the smaller first");
            assert_eq!(Curve::sample("f", low, high, |x| x).unwrap_err().to_string(), message);
            assert_eq!(Curve::of("f", low, high, |x| x).unwrap_err().to_string(), message);
            assert_eq!(function("f", low, high, |x| x).unwrap_err().to_string(), message);
        }
    }
}
