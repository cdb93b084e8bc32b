//! Ready-made figures: a training run, classified digits.

use super::{color::Color, figure::Figure, image::ImageGrid, legend::Legend, line::LineChart, series::Series};
use crate::{Error, Result};

/// A training run: accuracy above, loss below, both over iterations counted from 1, with every second epoch shaded. The
/// data are thin and light; their [moving average](Series::smoothed) over a third of an epoch is bold, as the legend
/// says.
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
            .legend(if window > 1 { Legend::Auto } else { Legend::Hidden })
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

    #[test]
    fn a_run_may_diverge_or_be_empty() {
        loss_and_accuracy(&[2.5, f64::NAN, f64::INFINITY, 1e200], &[0.1, 0.2, 0.1, 0.1], 2).svg().unwrap();
        loss_and_accuracy(&[2.5], &[0.1], 0).svg().unwrap();
        let message = loss_and_accuracy(&[], &[], 39).svg().unwrap_err().to_string();
        assert_eq!(message, "series `accuracy` is empty: a line takes at least one point");
    }

    #[test]
    fn the_legend_says_what_is_light_and_what_is_bold() {
        let run = [0.1, 0.3, 0.4, 0.6, 0.7, 0.8, 0.8, 0.9, 0.9, 0.9, 0.9, 0.9];
        let svg = loss_and_accuracy(&run, &run, 9).svg().unwrap();
        for text in ["accuracy", "accuracy, mean of 3 points", "loss", "loss, mean of 3 points"] {
            assert_eq!(svg.matches(&format!(">\n{text}\n<")).count(), 1, "{text}");
        }
        // Without a moving average there is a single line, which the title names.
        assert!(!loss_and_accuracy(&run, &run, 2).svg().unwrap().contains(">\nloss\n<"));
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
