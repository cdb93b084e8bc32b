//! The program of tutorial 8: convolutions that know where they are.

#[macro_use]
#[path = "../print.rs"]
mod print;

mod local;
mod local_rules;
mod position;

use std::path::PathBuf;

use clap::Parser;
use serde_json::json;
use wengert::{Result, io};

/// Compares convolutions that know where they are.
#[derive(Parser)]
struct Flags {
    /// The folder for pictures and metrics.json.
    #[arg(long, default_value = "target/tutorials/08_caffe_questions")]
    out: PathBuf,
    /// One short run of each network, for a first look.
    #[arg(long)]
    quick: bool,
}

fn main() -> Result<()> {
    let flags = Flags::parse();
    local::run()?;
    println!();
    let position_task = position::run(&flags.out, flags.quick)?;
    io::write_json(flags.out.join("metrics.json"), &json!({ "position_task": position_task }))?;
    println!("written: {}", flags.out.join("metrics.json").display());
    Ok(())
}
