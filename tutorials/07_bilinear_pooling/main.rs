//! The program of tutorial 7: a program for improved bilinear pooling that did not learn, each of its mistakes by itself,
//! and improved bilinear pooling that learns. See README.md in this folder.

#[macro_use]
#[path = "../print.rs"]
mod print;

mod network;
mod pictures;
mod roots;
mod seed;
mod source;
mod training;

use std::{fs, path::PathBuf, sync::Arc};

use clap::Parser;
use serde_json::{Map, Value, json};
use wengert::{
    Error, Result, check,
    data::Dataset,
    io,
    nn::{Layer, MatrixSqrt},
    optim::Sgd,
    train::Trainer,
};

use network::Pool;
use seed::Mistakes;
use source::Source;
use training::Trained;

/// Why a program for improved bilinear pooling did not learn, and one that does.
#[derive(Parser)]
struct Options {
    /// What the networks learn: `textures` (drawn by the program), `kth:DIR` (the idx files of KTH-TIPS), or a folder
    /// with a folder of images for each class.
    #[arg(long, default_value = "textures")]
    data: Source,
    /// The matrix square root of the improved network: eigh, lyapunov, newton:K or newton-trace:K.
    #[arg(long, default_value = "lyapunov")]
    sqrt: MatrixSqrt,
    /// Only the program as it was written: what is wrong with it, and what it reaches.
    #[arg(long)]
    as_seed: bool,
    /// Random splits into training and test images; for `textures`, sets of images.
    #[arg(long, default_value_t = 1)]
    splits: u64,
    /// The number of the first split.
    #[arg(long, default_value_t = 0)]
    first_split: u64,
    /// Passes of each network over the training images; 6 for `textures` and 100 for others unless given.
    #[arg(long)]
    epochs: Option<usize>,
    /// Two epochs only, for a first look.
    #[arg(long)]
    quick: bool,
    /// Where pictures and metrics go.
    #[arg(long, default_value = "target/tutorials/07_bilinear_pooling")]
    out: PathBuf,
}

fn run(options: &Options) -> Result<()> {
    // A folder that cannot be made or written to is reported before the work.
    let failed = |action| move |source| Error::File { action, path: options.out.clone(), source };
    fs::create_dir_all(&options.out).map_err(failed("create the folder"))?;
    tempfile::tempfile_in(&options.out).map_err(failed("write into the folder"))?;
    let _lock = io::Lock::new(options.out.join("metrics.json"))?;
    let all = options.data.load()?;

    let features = seed::features(0)?;
    let majority = seed::majority(&features[1]);
    found(&features)?;
    if options.as_seed {
        let ablation = as_written(&features, majority, if options.quick { 2 } else { 10 })?;
        return written(options, json!({ "ablation": ablation, "majority_share": majority, "data": "textures" }));
    }
    let ablation = ablation(&features, majority, if options.quick { 2 } else { 10 })?;
    pictures::ablation(&ablation, majority).save(options.out.join("ablation"))?;
    let (condition, distance) = (roots::by_condition(0)?, roots::by_distance(0)?);
    show_roots(&condition, &distance);
    pictures::roots(&condition, &distance).save(options.out.join("roots"))?;
    let accuracy = compare(options, all.as_ref())?;
    let metrics = json!({
        "accuracy": accuracy, "ablation": ablation, "majority_share": majority, "data": options.data.to_string(),
        "sqrt": options.sqrt.to_string(), "roots": { "condition": condition, "distance": distance },
    });
    written(options, metrics)
}

/// What the checker and the diagnosis before training say about the program as it was written.
fn found(features: &[Arc<Dataset>; 2]) -> Result<()> {
    println!("== The program as it was written, before training");
    let report = check::layer(&seed::Descriptor(Mistakes::ALL), &[[3, 3, 3]]).run()?;
    println!("{}", report.verdict().map_or("nothing found".to_owned(), |verdict| verdict.to_string()));
    let net = seed::net(Mistakes::ALL);
    let mut sgd = Sgd::new(&net.params(), seed::rate(Mistakes::ALL))?;
    let diagnosis = Trainer::new(&net, &mut sgd).epochs(10).diagnose(&mut seed::batches(&features[0])?)?;
    println!("{diagnosis}\n");
    Ok(())
}

/// The program as it was written alone.
fn as_written(features: &[Arc<Dataset>; 2], majority: f64, epochs: usize) -> Result<Map<String, Value>> {
    let score = seed::run(Mistakes::ALL, seed::rate(Mistakes::ALL), epochs, features)?;
    println!("Accuracy after {epochs} epochs: {:.3}; it predicts {} of 7 classes", score.accuracy, score.predicted);
    println!("The most frequent class has a share of {majority:.3}");
    Ok([(Mistakes::ALL.name(), score.accuracy.into())].into_iter().collect())
}

/// The accuracy for each combination of mistakes, and with a larger learning rate for the decisive one.
fn ablation(features: &[Arc<Dataset>; 2], majority: f64, epochs: usize) -> Result<Map<String, Value>> {
    println!("== The mistakes, alone and together ({epochs} epochs; the most frequent class: {majority:.3})");
    println!("{:<28} accuracy  classes predicted", "mistakes that are left");
    let mut all = Map::new();
    let mut add = |name: String, score: seed::Score| {
        println!("{name:<28} {:8.3}  {:>17}", score.accuracy, score.predicted);
        all.insert(name, score.accuracy.into());
    };
    for mistakes in Mistakes::combinations() {
        add(mistakes.name(), seed::run(mistakes, seed::rate(mistakes), epochs, features)?);
    }
    let outer = Mistakes { outer: true, norm: false, rate: false, root: false };
    add("outer, learning rate 10".into(), seed::run(outer, 10.0, epochs, features)?);
    println!();
    Ok(all)
}

fn show_roots(condition: &[roots::Row], distance: &[roots::Row]) {
    println!("== The gradient of A^½ in single precision: relative error, median of 8 matrices 16x16");
    let head = roots::ROOTS.map(|name| format!("{name:>10}")).join("");
    for (rows, what) in [(condition, "condition number"), (distance, "distance of eigenvalues")] {
        println!("{what:<24}{head}");
        for row in rows.iter().skip(1).step_by(2) {
            let errors =
                row.errors.map(|e| if e.is_finite() { format!("{e:>10.0e}") } else { format!("{:>10}", "NaN") });
            println!("{:<24.0e}{}", row.at, errors.join(""));
        }
    }
    println!();
}

/// Trains the three networks on each split; the accuracies by name.
fn compare(options: &Options, all: Option<&Dataset>) -> Result<Value> {
    let mut budget = options.data.budget();
    budget.epochs = options.epochs.unwrap_or(budget.epochs);
    if options.quick {
        budget.epochs = budget.epochs.min(2);
    }
    let pools = [Pool::Average, Pool::Plain, Pool::Improved(options.sqrt)];
    let mut accuracy = [const { Vec::new() }; 3];
    println!(
        "== Three networks, the same but for the pooling ({}, {} epochs, {})",
        options.data, budget.epochs, options.sqrt
    );
    println!("split   average    plain  improved");
    for k in options.first_split..options.first_split + options.splits {
        let split = options.data.split(all, k)?;
        let mut trained: Vec<Trained> = Vec::new();
        for (pool, accuracy) in pools.into_iter().zip(&mut accuracy) {
            let network = training::train(pool, &split.data, budget, k)?;
            accuracy.push(network.accuracy);
            trained.push(network);
        }
        let shares: Vec<String> = trained.iter().map(|t| format!("{:.4}", t.accuracy)).collect();
        let seconds: Vec<String> = trained.iter().map(|t| format!("{:.0}", t.history.seconds)).collect();
        println!("{k:>5}    {}   {}    {}   ({} s)", shares[0], shares[1], shares[2], seconds.join(", "));
        if k == options.first_split {
            draw(options, &split, &pools, &trained, split.data[0].len() / budget.batch)?;
        }
    }
    for (pool, all) in pools.into_iter().zip(&accuracy) {
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / (all.len() as f64 - 1.0).max(1.0);
        match all.len() {
            1 => println!("{:<9} {mean:.4}", pool.name()),
            _ => println!("{:<9} {mean:.4} ± {:.4} (standard deviation)", pool.name(), variance.sqrt()),
        }
    }
    println!();
    Ok(pools
        .into_iter()
        .zip(accuracy)
        .map(|(pool, all)| (pool.name().to_owned(), json!(all)))
        .collect::<Map<_, _>>()
        .into())
}

/// The pictures of a split.
fn draw(options: &Options, split: &source::Split, pools: &[Pool], trained: &[Trained], per_epoch: usize) -> Result<()> {
    let networks: Vec<(&str, &Trained)> = pools.iter().map(|pool| pool.name()).zip(trained).collect();
    let (improved, test) = (&trained[2], &split.data[1]);
    let figures = [
        ("textures", pictures::textures(&split.shown)),
        ("training", pictures::training(&networks, per_epoch)),
        ("descriptors", pictures::descriptors(improved, test)?),
        ("spectra", pictures::spectra(improved, test)?),
    ];
    figures.into_iter().try_for_each(|(name, figure)| figure.save(options.out.join(name)).map(drop))
}

fn written(options: &Options, metrics: Value) -> Result<()> {
    io::write_json(options.out.join("metrics.json"), &metrics)?;
    println!("Pictures and metrics.json: {}", options.out.display());
    Ok(())
}

fn main() -> Result<()> {
    run(&Options::parse())
}
