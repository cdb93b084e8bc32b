//! A task in which the meaning of a pattern depends on its position, for convolutions that know where they are and for
//! one that does not.
//!
//! An image of 12x12 pixels shows a bar of three pixels, upright or lying, in its left or in its right half. The class is
//! *upright XOR right*. Neither the bar nor its place tells it alone. A convolution without padding, followed by layers
//! that treat all positions alike and a mean over them, returns the same numbers wherever the bar is, for it stays two
//! pixels away from the border: every window that touches it lies inside. So this network cannot do better than
//! chance, however long it trains.

use std::{path::Path, thread};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, Normal};
use serde_json::{Value, json};
use wengert::{
    DType, Result, Tape, Tensor,
    data::{Batches, Dataset, Shuffle},
    nn::{
        Conv2d, CoordConv, DynamicLocalFilter2d, GlobalAvgPool2d, Layer, Linear, LocallyConnected2d,
        LowRankLocallyConnected2d, Relu, ScaleMapConv2d, Sequential,
    },
    optim::Adam,
    plot::{Color, Dash, Figure, HeatMap, ImageGrid, Legend, LineChart, Series},
    train::{Trainer, Validation},
};

/// Rows and columns of an image.
const SIZE: usize = 12;
/// Output channels of the layer in question, and of the one behind it.
const CHANNELS: usize = 8;
/// Runs of each network.
const SEEDS: u64 = 5;
const EPOCHS: usize = 30;

/// A member of the family: its name in metrics.json, its name on the page, and the network around it.
type Member = (&'static str, &'static str, fn(u64) -> Sequential);

const MEMBERS: [Member; 6] = [
    ("plain", "convolution", |seed| around(Conv2d::new(1, CHANNELS, 3, seed), seed)),
    ("coord_conv", "CoordConv", |seed| around(CoordConv::new(1, CHANNELS, 3, seed), seed)),
    ("scale_map", "scale map", |seed| {
        around(ScaleMapConv2d::new(1, CHANNELS, 3, CoordConv::new(1, 1, 3, seed + 1), seed), seed)
    }),
    ("low_rank", "low rank, R = 2", |seed| {
        around(LowRankLocallyConnected2d::new(1, CHANNELS, 3, 2, CoordConv::new(1, 2, 3, seed + 1), seed), seed)
    }),
    ("dynamic", "dynamic filters", |seed| {
        around(DynamicLocalFilter2d::new(1, CHANNELS, 3, CoordConv::new(1, CHANNELS * 9, 3, seed + 1)), seed)
    }),
    ("untied", "untied", |seed| around(LocallyConnected2d::new(1, CHANNELS, 3, [SIZE; 2], seed), seed)),
];

/// The network around the layer in question, the same for all: nothing else in it knows the position.
fn around(local: impl Layer + Send + Sync + 'static, seed: u64) -> Sequential {
    Sequential::new()
        .named("local", local)
        .then(Relu)
        .then(Conv2d::new(CHANNELS, CHANNELS, 1, seed + 2))
        .then(Relu)
        .then(GlobalAvgPool2d)
        .then(Linear::new(CHANNELS, 2, seed + 3))
}

/// `count` images with bars, in noise.
fn images(count: usize, seed: u64) -> Result<Dataset> {
    let mut rng = StdRng::seed_from_u64(seed);
    let noise = Normal::new(0.0, 0.1).expect("the deviation is positive");
    let (mut pixels, mut labels) = (Vec::with_capacity(count * SIZE * SIZE), Vec::with_capacity(count));
    for _ in 0..count {
        let (upright, right): (bool, bool) = (rng.random(), rng.random());
        // The middle of the bar.
        let row = rng.random_range(3..=8);
        let column = if right { rng.random_range(7..=8) } else { rng.random_range(3..=4) };
        let mut image: Vec<f32> = (0..SIZE * SIZE).map(|_| noise.sample(&mut rng)).collect();
        for k in [-1, 0, 1] {
            let (r, c) = if upright { (row + k, column) } else { (row, column + k) };
            image[r as usize * SIZE + c as usize] += 1.0;
        }
        pixels.extend(image);
        labels.push(usize::from(upright != right));
    }
    Dataset::new(pixels, labels, [1, SIZE, SIZE], ["A", "B"].map(String::from).to_vec())
}

/// The accuracy on the test images after each epoch, and the trained network.
fn train(build: fn(u64) -> Sequential, seed: u64, epochs: usize) -> Result<(Vec<f64>, Sequential)> {
    let net = build(10 * seed);
    let mut batches = Batches::new(images(1000, 2 * seed)?, 50)?.shuffle(Shuffle::EveryEpoch, seed);
    let mut test = Batches::new(images(500, 2 * seed + 1)?, 500)?.shuffle(Shuffle::Never, 0);
    let mut adam = Adam::new(&net.params(), 0.01)?;
    let history =
        Trainer::new(&net, &mut adam).epochs(epochs).validate(Validation::new(&mut test)).fit(&mut batches)?;
    Ok((history.validations.iter().map(|scores| scores.metrics[0]).collect(), net))
}

/// Trains all networks, prints their accuracies, draws the curves into the folder `out`, and returns for each the list
/// of its accuracies over the seeds.
pub fn run(out: &Path, quick: bool) -> Result<Value> {
    let (seeds, epochs) = if quick { (1, 3) } else { (SEEDS, EPOCHS) };
    println!("the same bar, another class in the other half: {epochs} epochs of 1000 images, {seeds} runs each");
    println!("{:<18}{:>9}   accuracy on 500 new images", "first layer", "learned");
    println!("{:<18}{:>9}   {:>7}{:>9}{:>9}", "", "numbers", "lowest", "mean", "highest");
    let (mut found, mut curves, mut trained) = (serde_json::Map::new(), Vec::new(), Vec::new());
    for (key, name, build) in MEMBERS {
        let runs = thread::scope(|scope| {
            let started: Vec<_> = (0..seeds).map(|seed| scope.spawn(move || train(build, seed, epochs))).collect();
            started.into_iter().map(|run| run.join().expect("a run does not panic")).collect::<Result<Vec<_>>>()
        })?;
        let last: Vec<f64> = runs.iter().map(|(curve, _)| curve[epochs - 1]).collect();
        let [low, mean, high] = spread(&last);
        let learned: usize = build(0).params_of("local")?.iter().map(|param| param.shape().numel()).sum();
        println!("{name:<18}{learned:>9}   {low:>7.2}{mean:>9.2}{high:>9.2}");
        found.insert(key.to_owned(), json!(last));
        let (of_runs, mut nets): (Vec<_>, Vec<_>) = runs.into_iter().unzip();
        curves.push((name, of_runs));
        trained.push(nets.swap_remove(0));
    }
    println!(
        "an upright bar that moves to the other half changes the output of the first network by {:.4}",
        moved(&trained[0])
    );
    task()?.save(out.join("position_task"))?;
    accuracies(&curves).save(out.join("position_accuracy"))?;
    let map = HeatMap::new(SIZE - 2, SIZE - 2, scale_map(&trained[2])?).title("the learned scale s(p)");
    Figure::new(420, 380).panel(map.x_label("column").y_label("row")).save(out.join("scale_map"))?;
    Ok(Value::Object(found))
}

/// The lowest, the mean and the highest.
fn spread(numbers: &[f64]) -> [f64; 3] {
    let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    [low, numbers.iter().sum::<f64>() / numbers.len() as f64, high]
}

/// How much the outputs of a network differ for an upright bar on the left and one on the right, without noise.
fn moved(net: &Sequential) -> f64 {
    let tape = Tape::new();
    let logits = |column: usize| {
        let bar = |at: usize| f64::from((4..=6).contains(&(at / SIZE)) && at % SIZE == column);
        net.forward(tape.constant(Tensor::from_fn([1, 1, SIZE, SIZE], DType::F32, bar)))
    };
    (logits(3) - logits(8)).abs().amax().item()
}

/// What the side network returns for an image without a bar.
fn scale_map(net: &Sequential) -> Result<Vec<f64>> {
    let tape = Tape::new();
    let blank = tape.constant(Tensor::zeros([1, 1, SIZE, SIZE], DType::F32));
    Ok(net.features(blank, &["local.side"])?[0].value().to_vec())
}

/// Some images with their classes.
fn task() -> Result<Figure> {
    let set = images(8, 0)?;
    let grid = (0..set.len()).fold(ImageGrid::new(SIZE, SIZE).columns(8).range(0.0, 1.0), |grid, i| {
        let pixels: Vec<f64> = set.image(i).iter().map(|&p| f64::from(p)).collect();
        grid.image(pixels, set.names()[set.label(i)].clone())
    });
    Ok(Figure::new(960, 170).panel(grid))
}

/// For each network the mean of its runs, and thin lines around it: the lowest and the highest.
fn accuracies(curves: &[(&str, Vec<Vec<f64>>)]) -> Figure {
    let mut chart = LineChart::new().legend(Legend::Right).x_label("epoch").y_label("accuracy on new images");
    for (k, (name, runs)) in curves.iter().enumerate() {
        let epochs = runs[0].len();
        let at: Vec<[f64; 3]> =
            (0..epochs).map(|e| spread(&runs.iter().map(|run| run[e]).collect::<Vec<_>>())).collect();
        let line = |which: usize| Series::counted(*name, at.iter().map(|s| s[which]).collect::<Vec<_>>());
        let color = Color::nth(k);
        let thin = |which| line(which).unlisted().color(color.towards(Color::WHITE, 0.5)).dash(Dash::Solid).width(0.8);
        chart = chart.series(thin(0)).series(thin(2)).series(line(1).color(color).dash(Dash::nth(k)));
    }
    Figure::new(820, 420).panel(chart)
}
