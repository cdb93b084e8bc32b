//! What is wrong with two ArcFace heads, and one that works, trained beside a softmax classifier. See README.md in this
//! folder.
//!
//! `cargo run --release --example arcface [-- --data digits|mnist:DIR|faces:DIR|omniglot:DIR
//! --loss softmax|arcface|cosface|sphereface --dim N --s S --m M --epochs N --held-out N --seed N --seeds K --compare
//! --quick --out DIR]`

#[macro_use]
#[path = "../print.rs"]
mod print;

mod data;
mod embeddings;
mod faults;
mod heads;
mod metrics;
mod net;
mod options;
mod pictures;
#[path = "../05_custom_layers/posted.rs"]
mod posted;
mod precision;
mod training;

use clap::Parser;
use serde_json::{Value, json};
use wengert::{Error, Result, Tape, io, plot::Figure};

use metrics::Figures;
use options::{Kind, Options, Recipe};
use training::Outcome;

fn main() -> Result<()> {
    let options = Options::parse();
    let recipe = Recipe::new(&options);
    let metrics = options.out.join("metrics.json");
    // A folder that cannot be made, or that another run writes to, is reported before the work.
    let failed = |source| Error::File { action: "create the folder", path: options.out.clone(), source };
    std::fs::create_dir_all(&options.out).map_err(failed)?;
    let _lock = io::Lock::new(&metrics)?;

    let checks = faults::part()?;
    let precision = precision::part()?;
    let cross_entropy = cross_entropy();
    let figures = [("logits", pictures::logits(&recipe)?), ("precision", pictures::precision(&precision))];
    save(&options, figures)?;

    let all = train(&options, &recipe)?;
    let mut report = metrics::as_json(&all);
    report.extend([
        ("checks".to_owned(), checks),
        ("precision".to_owned(), json!(precision)),
        ("cross_entropy".to_owned(), cross_entropy),
        ("settings".to_owned(), settings(&options, &recipe)),
    ]);
    io::write_json(&metrics, &report)?;
    println!("written: {}", metrics.display());
    Ok(())
}

/// Cross-entropy, and log-softmax followed by the negative log-likelihood of the labels.
fn cross_entropy() -> Value {
    println!("\n== 6. Cross-entropy ==");
    let tape = Tape::f64();
    let (logits, labels) = (tape.leaf([[2.0, -1.0, 0.5], [0.1, 0.2, 0.3]]), [0, 2]);
    let whole = logits.cross_entropy(&labels);
    let parts = -logits.log_softmax(1).gather(1, &labels, [2, 1]).mean();
    println!("cross-entropy {:.12}, NLL of log-softmax {:.12}", whole.item(), parts.item());
    json!({ "cross_entropy": whole.item(), "nll_of_log_softmax": parts.item() })
}

/// Trains each loss with each seed; draws the networks of the first seed.
fn train(options: &Options, recipe: &Recipe) -> Result<Vec<(Kind, Vec<Figures>)>> {
    println!("\n== 7. Trained ==");
    let kinds = match (options.compare, options.loss) {
        (true, _) => Kind::ALL.to_vec(),
        (false, Kind::Softmax) => vec![Kind::Softmax],
        (false, loss) => vec![Kind::Softmax, loss],
    };
    let mut all: Vec<(Kind, Vec<Figures>)> = kinds.iter().map(|&kind| (kind, Vec::new())).collect();
    for seed in options.seed..options.seed.saturating_add(options.seeds) {
        let split = data::load(&options.data, recipe.held_out, seed)?;
        let first = seed == options.seed;
        if first {
            warnings(&kinds, recipe, split.train.classes())?;
        }
        println!("seed {seed}: {split}");
        println!("{}", metrics::head());
        let mut outcomes = Vec::new();
        for (kind, runs) in &mut all {
            let outcome = training::train(&split, recipe, *kind, seed)?;
            println!("{}", metrics::row(*kind, &outcome.figures));
            runs.push(outcome.figures.clone());
            outcomes.extend(first.then_some((*kind, outcome)));
        }
        if first {
            let shown: Vec<(Kind, &Outcome)> = outcomes.iter().map(|(kind, outcome)| (*kind, outcome)).collect();
            println!(
                "{} pairs of the same class, {} of different ones",
                shown[0].1.verification.genuine(),
                shown[0].1.verification.impostors()
            );
            let [losses, roc, pairs] = [pictures::losses(&shown), pictures::roc(&shown), pictures::pairs(&shown)];
            save(options, [("losses", losses), ("roc", roc), ("pairs", pairs)])?;
            save(options, embeddings::embeddings(&shown, split.train.names()).map(|figure| ("embeddings", figure)))?;
        }
    }
    if options.seeds > 1 {
        println!("{}", metrics::summary(&all));
    }
    Ok(all)
}

/// What speaks against the settings.
fn warnings(kinds: &[Kind], recipe: &Recipe, classes: usize) -> Result<()> {
    for &kind in kinds {
        // Lengths may grow as large as the loss needs them, so there only the margin can be wrong.
        let margin = kind.margin(recipe.s.unwrap_or(1e3), recipe.margin_of(kind))?;
        if let Some(reason) = margin.and_then(|margin| margin.warning(classes, recipe.dim)) {
            println!("warning: {kind}: {reason}");
        }
    }
    Ok(())
}

/// Draws pictures into the folder.
fn save(options: &Options, figures: impl IntoIterator<Item = (&'static str, Figure)>) -> Result<()> {
    for (name, figure) in figures {
        let [svg, png] = figure.save(options.out.join(name))?;
        println!("written: {}, {}", svg.display(), png.display());
    }
    Ok(())
}

/// The settings of the run, for `metrics.json`.
fn settings(options: &Options, recipe: &Recipe) -> Value {
    json!({
        "data": options.data.to_string(), "seed": options.seed, "seeds": options.seeds, "dim": recipe.dim,
        "epochs": recipe.epochs, "batch": recipe.batch, "learning_rate": recipe.learning_rate, "shift": recipe.shift,
        "held_out": recipe.held_out, "s": recipe.s,
        "m": { "arcface": recipe.m[0], "cosface": recipe.m[1], "sphereface": recipe.m[2] },
    })
}
