//! Times a step of six workloads on numbers that other engines can reproduce.
//!
//! `cargo run --release --example peers -- elu|mlp|linalg|arcface|cnn|chain` prints a line for each variant:
//! `wengert VERSION WORK VARIANT threads N: median X unit  min Y unit  check loss L`. A step is forward, backward and
//! update, in single precision, and the loss is that of the fourth step. `--quick` takes a tenth of the steps. The
//! first four are in `benches/peers` for PyTorch and JAX, too.
//!
//! - `elu` (ms): a small convolutional network on 128 images 28x28, with ELU by hand and by the tape.
//! - `mlp` (us): a network so small that nearly all is overhead.
//! - `arcface` (ms): an ArcFace head, 128 embeddings of 512 numbers, 1000 classes.
//! - `cnn` (ms): four times convolution, batch norm and ReLU, with pools, on 64 images 3x32x32.
//! - `linalg` (ms): square roots of 16 matrices, forward and backward.
//! - `chain` (ns an operation): up to a million multiplications of one number.
//!
//! What exactly each of them does stands at the top of its file.

#[macro_use]
#[path = "../../tutorials/print.rs"]
mod print;

mod arcface;
mod chain;
mod cnn;
mod elu;
mod linalg;
mod mlp;
mod timing;

use wengert::Result;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (work, quick) = match arguments[..] {
        [work] => (work, false),
        [work, "--quick"] => (work, true),
        _ => ("", false),
    };
    let timing = timing::Timing { quick };
    match work {
        "elu" => elu::elu(timing),
        "mlp" => mlp::mlp(timing),
        "linalg" => linalg::linalg(timing),
        "arcface" => arcface::arcface(timing),
        "cnn" => cnn::cnn(timing),
        "chain" => chain::chain(timing),
        _ => {
            eprintln!("usage: peers elu|mlp|linalg|arcface|cnn|chain [--quick]");
            std::process::exit(2)
        }
    }
}
