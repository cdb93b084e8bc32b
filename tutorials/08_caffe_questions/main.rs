//! The program of tutorial 8: questions about Caffe, each with a short program that answers it.

#[macro_use]
#[path = "../print.rs"]
mod print;

#[path = "../../examples/caffe_conv_as_fc.rs"]
mod conv_as_fc;
#[path = "../../examples/caffe_dice_loss.rs"]
mod dice_loss;
#[path = "../../examples/caffe_euclidean_loss.rs"]
mod euclidean_loss;
#[path = "../../examples/caffe_features.rs"]
mod features;
mod local;
mod local_rules;
#[path = "../../examples/caffe_momentum.rs"]
mod momentum;
mod position;
#[path = "../../examples/caffe_smooth_l1_loss.rs"]
mod smooth_l1_loss;
#[path = "../../examples/caffe_solver.rs"]
mod solver;

use std::path::PathBuf;

use clap::Parser;
use serde_json::json;
use wengert::{Result, io};

/// Answers questions about Caffe, and compares convolutions that know where they are.
#[derive(Parser)]
struct Flags {
    /// The folder for pictures and metrics.json.
    #[arg(long, default_value = "target/tutorials/08_caffe_questions")]
    out: PathBuf,
    /// One short run of each network, for a first look.
    #[arg(long)]
    quick: bool,
}

/// A program of `examples`.
type Answer = fn() -> Result<()>;

/// The answers in the order of the page.
const ANSWERS: [(&str, Answer); 7] = [
    ("caffe_euclidean_loss", euclidean_loss::main),
    ("caffe_dice_loss", dice_loss::main),
    ("caffe_smooth_l1_loss", smooth_l1_loss::main),
    ("caffe_solver", solver::main),
    ("caffe_momentum", momentum::main),
    ("caffe_features", features::main),
    ("caffe_conv_as_fc", conv_as_fc::main),
];

fn main() -> Result<()> {
    let flags = Flags::parse();
    for (name, answer) in ANSWERS {
        println!("== {name} ==");
        answer()?;
        println!();
    }
    println!("== location ==");
    local::run()?;
    println!();
    let position_task = position::run(&flags.out, flags.quick)?;
    io::write_json(flags.out.join("metrics.json"), &json!({ "position_task": position_task }))?;
    println!("written: {}", flags.out.join("metrics.json").display());
    Ok(())
}
