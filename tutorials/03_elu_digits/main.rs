//! Trains a small network with an exponential linear unit whose alphas are learned, on 5000 images of digits, and shows
//! the result. See README.md in this folder.
//!
//! `cargo run --release --example elu_digits [-- --data digits|mnist:DIR --rule manual|tape --epochs N --seed N
//! --dtype f32|f64 --out DIR --quick --resume FILE]`

mod elu;
mod net;
mod pictures;

use std::{
    cell::Cell,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::Parser;
use serde_json::json;
use wengert::{
    DType, Error, Result, Rule,
    data::{self, Batches, Dataset, Shuffle, mnist},
    io,
    nn::{Flatten, Init, Layer, Linear, Sequential},
    optim::{Adam, Decay, Sgd},
    train::{Trainer, accuracy, confusion, finalize_statistics, predict},
};

/// Trains the ELU network on digits.
#[derive(Parser)]
struct Options {
    /// What to learn: `digits` (drawn by the program) or `mnist:DIR` (a folder of MNIST or Fashion-MNIST).
    #[arg(long, default_value = "digits")]
    data: Source,
    /// Which gradient the ELU gets: the hand-written one or the tape's.
    #[arg(long, default_value = "manual")]
    rule: Rule,
    /// Passes over the training set.
    #[arg(long, default_value_t = 30)]
    epochs: usize,
    /// The seed of weights, shuffling and, for `digits`, of the images.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The precision: f32 or f64.
    #[arg(long, default_value = "f32")]
    dtype: DType,
    /// Where pictures, metrics and weights go.
    #[arg(long, default_value = "target/tutorials/03_elu_digits")]
    out: PathBuf,
    /// Two epochs only, for a first look.
    #[arg(long)]
    quick: bool,
    /// Resumes a run from its checkpoint.
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
}

/// Where the images come from.
#[derive(Clone)]
enum Source {
    Digits,
    Mnist(PathBuf),
}

impl std::str::FromStr for Source {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "digits" => Ok(Source::Digits),
            Some(("mnist", folder)) if !folder.is_empty() => Ok(Source::Mnist(folder.into())),
            _ => Err(format!("`{text}` is neither `digits` nor `mnist:DIR`")),
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Digits => write!(f, "digits"),
            Source::Mnist(folder) => write!(f, "mnist:{}", folder.display()),
        }
    }
}

impl Source {
    /// 5000 images to learn from and 5000 to test on.
    fn load(&self, seed: u64) -> Result<(Dataset, Dataset)> {
        match self {
            Source::Digits => Ok(data::digits(seed)).map(|digits| (digits.train, digits.test)),
            Source::Mnist(folder) => mnist::load_first(folder, 5000, 5000),
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let epochs = if options.quick { options.epochs.min(2) } else { options.epochs };
    let settings = json!({
        "data": options.data.to_string(), "rule": options.rule.to_string(),
        "dtype": options.dtype.to_string(), "seed": options.seed,
    });
    // A folder that cannot be written to is reported before the work, not after it.
    probe(&options.out)?;
    // So is another run that writes into the same folder.
    let _lock = io::Lock::new(options.out.join("metrics.json"))?;

    let (train, test) = options.data.load(options.seed)?;
    let (train, test) = (Arc::new(train), Arc::new(test));
    let (net, alpha) = net::build(&train, options.seed, options.dtype)?;
    let before = alpha.value().to_vec();
    say(format_args!(
        "{} training images, {} test images, {} learned numbers",
        train.len(),
        test.len(),
        net.param_count()
    ))?;
    // The images that the original shows, counted from 1: training image 1010 and test image 1500.
    let shown = [1009.min(train.len() - 1), 1499.min(test.len() - 1)];
    let names = test.names();
    say(format_args!("Training image {}: {}", shown[0] + 1, names[train.label(shown[0])]))?;

    let mut batches = Batches::new(train.clone(), 128)?.shuffle(Shuffle::Once, options.seed);
    let mut sgdm = Sgd::new(&net.params(), 0.01)?.momentum(0.9)?.decay(Decay::Weights(1e-4))?;
    let trained = Cell::new(false);
    let mut trainer = Trainer::new(&net, &mut sgdm)
        .epochs(epochs)
        .rule(options.rule)
        .dtype(options.dtype)
        .settings(options.seed, settings.clone())
        .save_checkpoints(options.out.join("checkpoint.safetensors"), 1)
        .output(std::io::stdout())
        .progress(true)
        .on_iteration(|_| {
            trained.set(true);
            Ok(())
        });
    if let Some(checkpoint) = &options.resume {
        trainer = trainer.resume_from(checkpoint);
    }
    let history = trainer.fit(&mut batches)?;
    let per_epoch = batches.per_epoch();
    if let (false, Some(checkpoint)) = (trained.get(), &options.resume) {
        let done = history.losses.len() / per_epoch;
        let path = checkpoint.display();
        say(format_args!("Nothing is left to do: {path} holds a run of {done} epochs, and {epochs} are asked for"))?;
    }

    finalize_statistics(&net, &train.tensor(), 128)?;
    let predicted = predict(&net, &test.tensor(), 500)?;
    let right = predicted.iter().zip(test.labels()).filter(|(p, t)| p == t).count();
    let share = right as f64 / test.len() as f64;
    let linear = linear_baseline(&train, &test, options.seed)?;
    say(format_args!("Accuracy on the test images: {share:.4} ({right} of {})", test.len()))?;
    say(format_args!("A linear classifier on the same images: {linear:.4}"))?;
    let [_, k] = shown;
    say(format_args!("Test image {}: {} (predicted {})", k + 1, names[test.label(k)], names[predicted[k]]))?;
    let alphas = alpha.value().to_vec();
    let list: Vec<String> = alphas.iter().map(|a| format!("{a:.3}")).collect();
    say(format_args!("Learned alphas: {}", list.join(" ")))?;

    let counts = confusion(test.labels(), &predicted, test.classes())?;
    say(format_args!("Confusion matrix (row: class, column: prediction):\n{}", matrix(&counts, names)))?;
    pictures::draw(
        &options.out,
        &pictures::Shown {
            history: &history,
            per_epoch,
            train: &train,
            test: &test,
            predicted: &predicted,
            shown,
            counts: &counts,
            alphas: [&before, &alphas],
        },
    )?;
    io::save(options.out.join("model.safetensors"), &net.tensors())?;
    io::write_json(
        options.out.join("metrics.json"),
        &json!({
            "accuracy": share, "linear_accuracy": linear, "iterations": history.losses.len(),
            "seconds": history.seconds, "losses": history.losses, "batch_accuracies": history.metric("accuracy"),
            "alphas": alphas, "data": settings["data"], "rule": settings["rule"], "dtype": settings["dtype"],
            "seed": options.seed,
        }),
    )?;
    say(format_args!("Pictures, metrics.json and model.safetensors: {}", options.out.display()))?;
    Ok(())
}

/// The counts as a table, with a row for each class; cells with 0 are empty.
fn matrix(counts: &[usize], names: &[String]) -> String {
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(4) + 1;
    let cell = |text: &str| format!("{text:>width$}");
    let head = names.iter().fold(cell(""), |line, name| line + &cell(name));
    let rows = names.iter().zip(counts.chunks(names.len())).map(|(name, row)| {
        let row = row.iter().map(|&n| if n == 0 { String::new() } else { n.to_string() });
        row.fold(cell(name), |line, n| line + &cell(&n)).trim_end().to_owned()
    });
    std::iter::once(head).chain(rows).collect::<Vec<_>>().join("\n")
}

/// Creates the folder and tries to write into it; nothing is left behind.
fn probe(folder: &Path) -> Result<()> {
    let failed = |source| Error::File { action: "write into the folder", path: folder.to_owned(), source };
    fs::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder)).map(drop).map_err(failed)
}

/// Prints a line; a full disk or a closed pipe on standard output is an error like any other.
fn say(line: std::fmt::Arguments<'_>) -> Result<()> {
    let failed = |source| Error::File { action: "write to", path: "standard output".into(), source };
    writeln!(std::io::stdout(), "{line}").map_err(failed)
}

/// The test accuracy of softmax regression on the pixels: what is possible without the network.
fn linear_baseline(train: &Arc<Dataset>, test: &Dataset, seed: u64) -> Result<f64> {
    let pixels = train.image_len();
    let net =
        Sequential::new().then(Flatten).then(Linear::with_init(pixels, train.classes(), Init::Normal(0.01), seed));
    let mut adam = Adam::new(&net.params(), 1e-3)?;
    let mut batches = Batches::new(train.clone(), 128)?.shuffle(Shuffle::EveryEpoch, seed);
    Trainer::new(&net, &mut adam).epochs(30).fit(&mut batches)?;
    accuracy(&net, &test.tensor(), test.labels(), 500)
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            if let Error::NonFinite { .. } = error {
                eprintln!("The last checkpoint is whole; a smaller learning rate or --dtype f64 may help.");
            }
            ExitCode::FAILURE
        }
    }
}
