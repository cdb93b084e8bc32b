//! What a training step costs, why, and how the cost grows: the program behind the chapter on performance.
//!
//! `cargo run --release --example performance -- roofline|memory|growth` prints tables and writes pictures to `--out`.
//!
//! - `roofline`: what this machine can do at most, and each part of a step beside that bound.
//! - `memory`: what the values of a recording hold, node by node, and what recomputation saves and costs.
//! - `growth`: the time of a step against batch, width, depth, threads and the length of the tape.
//!
//! Times are those of the quickest of many runs, since other programs on the machine only ever add to them.

#[macro_use]
#[path = "../../tutorials/print.rs"]
mod print;

mod growth;
mod memory;
mod networks;
mod peak;
mod roofline;

use std::{path::PathBuf, time::Instant};

use clap::{Parser, ValueEnum};
use wengert::Result;

/// What is to be measured.
#[derive(Clone, Copy, ValueEnum)]
enum What {
    Roofline,
    Memory,
    Growth,
    /// One line for `growth`, which runs itself with another number of threads.
    #[value(hide = true)]
    Threads,
}

/// Measures what a training step costs.
#[derive(Parser)]
struct Flags {
    what: What,
    /// The folder for pictures.
    #[arg(long, default_value = "target/performance")]
    out: PathBuf,
    /// A few runs of each kind, whose times mean little.
    #[arg(long)]
    quick: bool,
}

/// The seconds of the quickest of some runs: at least three of them, for about `seconds` in all.
fn quickest(seconds: f64, mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    let (mut best, begin) = (f64::INFINITY, Instant::now());
    run()?;
    for count in 0.. {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed().as_secs_f64());
        if count >= 2 && begin.elapsed().as_secs_f64() > seconds {
            break;
        }
    }
    Ok(best)
}

fn main() -> Result<()> {
    let Flags { what, out, quick } = Flags::parse();
    let seconds = if quick { 0.0 } else { 1.0 };
    match what {
        What::Roofline => roofline::run(seconds, &out),
        What::Memory => memory::run(seconds),
        What::Growth => growth::run(seconds, &out, quick),
        What::Threads => growth::threads(seconds),
    }
}
