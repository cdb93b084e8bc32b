//! The pictures of the run.

use std::path::Path;

use wengert::{
    Result, Rule, Tape, Tensor, Var,
    data::Dataset,
    plot::{BarChart, Confusion, Curve, Figure, ImageGrid, curves, loss_and_accuracy, places},
    train::History,
};

use crate::elu::Elu;

/// What there is to show.
pub struct Shown<'a> {
    pub history: &'a History,
    pub per_epoch: usize,
    pub train: &'a Dataset,
    pub test: &'a Dataset,
    pub predicted: &'a [usize],
    /// The training image and the test image that are shown large.
    pub shown: [usize; 2],
    pub counts: &'a [usize],
    /// The alphas before and after training.
    pub alphas: [&'a [f64]; 2],
}

/// Draws all pictures into the folder `out`.
pub fn draw(out: &Path, run: &Shown<'_>) -> Result<()> {
    activations()?.save(out.join("activations"))?;
    let (losses, accuracies) = (&run.history.losses, run.history.metric("accuracy"));
    loss_and_accuracy(losses, accuracies, run.per_epoch).save(out.join("training"))?;
    let names = run.test.names();
    Figure::new(620, 560).panel(Confusion::new(run.counts, names).title("Test images")).save(out.join("confusion"))?;
    let channels: Vec<String> = (0..run.alphas[1].len()).map(|c| c.to_string()).collect();
    let bars = |title: &str, alphas: &[f64]| BarChart::new(channels.clone(), alphas).title(title).x_label("channel");
    Figure::new(900, 320)
        .columns(2)
        .panel(bars("alpha before training", run.alphas[0]))
        .panel(bars("alpha after training", run.alphas[1]))
        .save(out.join("alphas"))?;
    digits(run).save(out.join("digits"))?;
    large(run).save(out.join("images"))?;
    Ok(())
}

/// ELU, leaky ReLU and ReLU with their derivatives, by hand and by the tape.
fn activations() -> Result<Figure> {
    let x = places(-10.0, 3.0);
    let column = Tensor::from(x.clone());
    // ELU with alpha = 1: the very function of the layer, once with each rule.
    let derivative = |rule| -> Result<(Vec<f64>, Vec<f64>)> {
        let tape = Tape::f64();
        tape.set_rule(rule);
        let x = tape.leaf(&column);
        let z = tape.apply(Elu, &[x, tape.leaf(1.0)])?[0];
        let dx = z.vjp(&Tensor::ones([x.numel()], x.dtype()))?;
        Ok((z.value().to_vec(), dx.wrt(x)?.to_vec()))
    };
    let (values, manual) = derivative(Rule::Manual)?;
    let (_, taped) = derivative(Rule::Tape)?;
    let elu = Curve::new("ELU", x.clone(), values).manual_values(manual).tape_values(taped);
    let leaky = Curve::sample("Leaky ReLU", -10.0, 3.0, |x| if x > 0.0 { x } else { 0.1 * x })?;
    let relu = Curve::sample("ReLU", -10.0, 3.0, |x| x.max(0.0))?;
    let tape_slope = |f: fn(Var<'_>) -> Var<'_>| -> Result<Vec<f64>> {
        let tape = Tape::f64();
        let x = tape.leaf(&column);
        Ok(f(x).vjp(&Tensor::ones([x.numel()], x.dtype()))?.wrt(x)?.to_vec())
    };
    let leaky = leaky.manual(|x| if x > 0.0 { 1.0 } else { 0.1 }).tape_values(tape_slope(|x| x.leaky_relu(0.1))?);
    let relu = relu.manual(|x| if x > 0.0 { 1.0 } else { 0.0 }).tape_values(tape_slope(|x| x.relu())?);
    Ok(curves("Activation functions and their derivatives", &[elu, leaky, relu]))
}

fn pixels(set: &Dataset, i: usize) -> Vec<f64> {
    set.image(i).iter().map(|&p| f64::from(p)).collect()
}

/// The first test images with their predictions; mistakes are marked.
fn digits(run: &Shown<'_>) -> Figure {
    let [_, height, width] = run.test.shape();
    let names = run.test.names();
    let mut grid = ImageGrid::new(height, width).columns(10).range(0.0, 1.0).title("Test images and predictions");
    let wrong = (0..run.predicted.len()).filter(|&i| run.predicted[i] != run.test.label(i)).take(10);
    for i in (0..30.min(run.test.len())).chain(wrong) {
        let (truth, predicted) = (run.test.label(i), run.predicted[i]);
        let caption = &names[predicted];
        grid = match truth == predicted {
            true => grid.image(pixels(run.test, i), caption),
            false => grid.wrong(pixels(run.test, i), format!("{caption}, not {}", names[truth])),
        };
    }
    Figure::new(980, 480).panel(grid)
}

/// A training image with its class and a test image with its prediction, large.
fn large(run: &Shown<'_>) -> Figure {
    let [_, height, width] = run.test.shape();
    let (names, [i, k]) = (run.test.names(), run.shown);
    let learned = format!("training image {}: labeled {}", i + 1, names[run.train.label(i)]);
    let tested = format!("test image {}: predicted {}", k + 1, names[run.predicted[k]]);
    let grid = ImageGrid::new(height, width)
        .columns(2)
        .range(0.0, 1.0)
        .image(pixels(run.train, i), learned)
        .image(pixels(run.test, k), tested);
    Figure::new(640, 340).panel(grid)
}
