//! Ready-made figures: functions with their derivatives, a training run, classified digits.

use super::{
    color::Color, figure::Figure, image::ImageGrid, legend::Legend, line::LineChart, series::Series, stroke::Dash,
};
use crate::{Error, Result};

/// A function of one variable at a number of places, and its derivative there: by hand, by the tape, or both.
///
/// ```
/// use wengert::plot::Curve;
/// let elu = Curve::sample("ELU", -10.0, 3.0, |x| if x > 0.0 { x } else { x.exp_m1() })
///     .manual(|x| if x > 0.0 { 1.0 } else { x.exp() });
/// assert_eq!(elu.x().len(), 521);
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
    pub fn sample(label: impl Into<String>, low: f64, high: f64, f: impl Fn(f64) -> f64) -> Curve {
        let x = places(low, high);
        let y: Vec<f64> = x.iter().map(|&x| f(x)).collect();
        Curve::new(label, x, y)
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
}

/// 521 equally spaced numbers from `low` to `high`, both included. With 520 steps, whole numbers are among them for the
/// usual ranges, so that a kink at zero is shown.
pub fn places(low: f64, high: f64) -> Vec<f64> {
    (0..=520).map(|i| (low * f64::from(520 - i) + high * f64::from(i)) / 520.0).collect()
}

/// Functions in one panel, with axes through the origin, and their derivatives, if there are any, in a second panel
/// below. Where a function has a derivative by hand and one by the tape, the first is a broad solid line and the second
/// lies on it as dark dots: where they differ, one of them is wrong.
///
/// ```
/// use wengert::plot::{Curve, curves};
/// # fn main() -> Result<(), wengert::Error> {
/// let relu = Curve::sample("ReLU", -10.0, 3.0, |x| x.max(0.0)).manual(|x| if x > 0.0 { 1.0 } else { 0.0 });
/// # let folder = tempfile::tempdir().unwrap();
/// curves("Activations", &[relu]).save(folder.path().join("activations"))?;
/// # Ok(())
/// # }
/// ```
pub fn curves(title: &str, functions: &[Curve]) -> Figure {
    let mut above = LineChart::new().title("f(x)").x_label("x").axes_through_origin().legend(Legend::TopLeft);
    let mut below = LineChart::new().title("f′(x)").x_label("x").axes_through_origin().legend(Legend::TopLeft);
    for (i, curve) in functions.iter().enumerate() {
        let (color, dash) = (Color::nth(i), Dash::nth(i));
        let styled = |y: &Vec<f64>| {
            let (x, y) = without_jumps(&curve.x, y);
            Series::new(&curve.label, x, y).color(color)
        };
        above = above.series(styled(&curve.y).dash(dash).width(2.4));
        below = match (&curve.manual, &curve.tape) {
            (Some(manual), Some(_)) => below.series(styled(manual).dash(Dash::Solid).width(4.5)),
            (Some(only), None) | (None, Some(only)) => below.series(styled(only).dash(dash).width(2.4)),
            (None, None) => below,
        };
    }
    let both = functions.iter().filter(|c| c.manual.is_some() && c.tape.is_some());
    // The dots are drawn after all solid lines, so that none is hidden.
    for curve in both.clone() {
        let tape = curve.tape.as_deref().unwrap_or_default();
        let (x, y) = without_jumps(&curve.x, tape);
        let name = format!("the tape's derivative of {}", curve.label);
        below = below.series(Series::new(name, x, y).unlisted().color(Color::BLACK).dash(Dash::Dotted).width(2.0));
    }
    if both.count() > 0 {
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

/// A training run: accuracy above, loss below, both over iterations counted from 1, with every second epoch shaded. The
/// data are thin and light; their moving average over a third of an epoch is bold.
///
/// `accuracies` are those of mini-batches, from 0 to 1, and are shown in percent; `iterations_per_epoch` is at least 1.
///
/// ```
/// use wengert::plot::loss_and_accuracy;
/// # fn main() -> Result<(), wengert::Error> {
/// # let folder = tempfile::tempdir().unwrap();
/// loss_and_accuracy(&[2.5, 1.4, 0.9, 0.7], &[0.05, 0.4, 0.7, 0.8], 2).save(folder.path().join("training"))?;
/// # Ok(())
/// # }
/// ```
pub fn loss_and_accuracy(losses: &[f64], accuracies: &[f64], iterations_per_epoch: usize) -> Figure {
    let per_epoch = iterations_per_epoch.max(1);
    let count = losses.len().max(accuracies.len());
    let last = count.max(1) as f64;
    let edges: Vec<f64> = (0..=count.div_ceil(per_epoch)).map(|e| (e * per_epoch) as f64).collect();
    let window = (per_epoch / 3).clamp(1, 101) | 1;
    let per_cent: Vec<f64> = accuracies.iter().map(|a| 100.0 * a).collect();
    let chart = |label: &str, color: Color, values: &[f64], top: f64| {
        let series = Series::counted(label, values).color(color).smoothed(window).width(2.2);
        LineChart::new()
            .series(series)
            .legend(Legend::Hidden)
            .x_limits(0.0, last)
            .y_limits(0.0, top)
            .bands("Epoch", edges.as_slice())
            .x_label("Iteration")
    };
    let highest = losses.iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max);
    let top = if highest > 0.0 && highest < 1e90 { 1.05 * highest } else { 1.0 };
    Figure::new(860, 640)
        .panel(chart("accuracy", Color::BLUE, &per_cent, 102.0).title("Mini-batch accuracy").y_label("Accuracy (%)"))
        .panel(chart("loss", Color::VERMILLION, losses, top).title("Mini-batch loss").y_label("Loss"))
}

/// Images with their true and their predicted class; mistakes are marked.
///
/// `images` are of `height * width` gray levels from 0 (black) to 1 (white); `truth` and `predicted` index `names`.
///
/// # Errors
/// [`Error::Shape`] when there are not as many classes as images, [`Error::Label`] for a class without a name.
///
/// ```
/// use wengert::plot::{Figure, digits};
/// # fn main() -> Result<(), wengert::Error> {
/// let names: Vec<String> = (0..10).map(|i| i.to_string()).collect();
/// let images = [vec![0.0; 4], vec![1.0; 4]];
/// let grid = digits((2, 2), &images, &[2, 7], &[2, 1], &names)?.title("Test images");
/// # let folder = tempfile::tempdir().unwrap();
/// Figure::new(400, 220).panel(grid).save(folder.path().join("digits"))?;
/// # Ok(())
/// # }
/// ```
pub fn digits(
    (height, width): (usize, usize),
    images: &[Vec<f64>],
    truth: &[usize],
    predicted: &[usize],
    names: &[impl AsRef<str>],
) -> Result<ImageGrid> {
    if truth.len() != images.len() || predicted.len() != images.len() {
        let shapes = [images.len(), truth.len(), predicted.len()].map(|n| [n].into());
        let need = "images, true and predicted classes must be equally many";
        return Err(Error::shape("digits", &[&shapes[0], &shapes[1], &shapes[2]], need));
    }
    let name = |index: usize, label: usize| {
        let missing = || Error::Label { op: "digits".to_owned(), label, index, classes: names.len() };
        names.get(label).map(AsRef::as_ref).ok_or_else(missing)
    };
    let mut grid = ImageGrid::new(height, width);
    for (i, image) in images.iter().enumerate() {
        let caption = format!("{} (predicted {})", name(i, truth[i])?, name(i, predicted[i])?);
        let add = if truth[i] == predicted[i] { ImageGrid::image } else { ImageGrid::wrong };
        grid = add(grid, image.as_slice().to_vec(), caption);
    }
    Ok(grid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relu() -> Curve {
        Curve::sample("ReLU", -10.0, 3.0, |x| x.max(0.0)).manual(|x| if x > 0.0 { 1.0 } else { 0.0 })
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
    fn a_run_may_diverge_or_be_empty() {
        loss_and_accuracy(&[2.5, f64::NAN, f64::INFINITY, 1e200], &[0.1, 0.2, 0.1, 0.1], 2).svg().unwrap();
        loss_and_accuracy(&[2.5], &[0.1], 0).svg().unwrap();
        let message = loss_and_accuracy(&[], &[], 39).svg().unwrap_err().to_string();
        assert_eq!(message, "series `accuracy` is empty: a line takes at least one point");
    }

    #[test]
    fn digits_name_what_does_not_fit() {
        let names = ["zero", "one"];
        let images = [vec![0.0; 4], vec![0.5; 4]];
        let message = digits((2, 2), &images, &[0], &[0, 1], &names).unwrap_err().to_string();
        assert_eq!(
            message,
            "digits: images, true and predicted classes must be equally many, but got [2] and [1] and [2]"
        );
        let message = digits((2, 2), &images, &[0, 1], &[0, 7], &names).unwrap_err().to_string();
        assert_eq!(
            message,
            "digits: label 7 of observation 1 is out of range for 2 classes (0 to 1); labels count from 0, so subtract 1 if these count from 1, or provide 8 classes"
        );
        let svg =
            Figure::new(500, 200).panel(digits((2, 2), &images, &[0, 1], &[0, 0], &names).unwrap()).svg().unwrap();
        assert!(svg.contains("zero (predicted zero)") && svg.contains("✗ one (predicted zero)"));
    }
}
