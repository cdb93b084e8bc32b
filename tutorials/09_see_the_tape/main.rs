//! The program of tutorial 9: a tape that is printed, asked and measured, a training run that is watched, and an iteration
//! of it that is opened again.

#[macro_use]
#[path = "../print.rs"]
mod print;

#[path = "../03_elu_digits/elu.rs"]
mod elu;
#[path = "../03_elu_digits/net.rs"]
mod net;
mod numbers;
mod opened;
mod watched;

use std::path::PathBuf;

use clap::Parser;
use serde_json::json;
use wengert::{Result, io};

/// Shows what is on a tape, and what happens in a network that trains.
#[derive(Parser)]
struct Flags {
    /// The folder for pictures, the viewer's pages and metrics.json.
    #[arg(long, default_value = "target/tutorials/09_see_the_tape")]
    out: PathBuf,
    /// One epoch instead of five, and no pictures.
    #[arg(long)]
    quick: bool,
}

fn main() -> Result<()> {
    let flags = Flags::parse();
    numbers::printed()?;
    numbers::why()?;
    let findings = numbers::anomalies()?;
    let growth = numbers::accuracy()?;
    let sigmoids = watched::sigmoids()?;
    let elu = watched::digits(if flags.quick { 1 } else { 5 }, &flags.out.join("elu.html"))?;
    let replayed = opened::replay(&flags.out)?;
    println!();
    if !flags.quick {
        let figures = [
            ("sigmoids", sigmoids.gradients()),
            ("gradients", elu.watch.gradients()),
            ("activations", elu.watch.activations()),
            ("ratios", elu.watch.ratios()),
        ];
        for (name, figure) in figures {
            let [svg, png] = figure.save(flags.out.join(name))?;
            println!("written: {}, {}", svg.display(), png.display());
        }
    }
    for page in ["elu.html", "step.html"] {
        println!("written: {}", flags.out.join(page).display());
    }
    let metrics = flags.out.join("metrics.json");
    let report = json!({
        "findings": findings, "growth": growth, "sigmoids": watched::first_gradients(&sigmoids), "losses": elu.losses,
        "replayed": replayed,
    });
    io::write_json(&metrics, &report)?;
    println!("written: {}", metrics.display());
    Ok(())
}
